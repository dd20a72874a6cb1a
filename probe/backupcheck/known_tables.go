package backupcheck

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The tables that a backup of this deployment has: those that its migrations make, and those that the item wants.

// knownTables are names without a schema, in lower case.
type knownTables struct {
	wanted   []string // by the item
	migrated []string // made by the migrations
	dropped  []string // dropped or renamed by one of them, perhaps only for a while
	all      bool     // every migration was read
}

// createTable matches the statements that make tables, or give them another name.
var (
	createTable = lazyregexp.New(`(?i)\bCREATE\s+(?:UNLOGGED\s+|FOREIGN\s+|GLOBAL\s+|LOCAL\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?` + tableName)
	renameTable = lazyregexp.New(`(?i)\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?\S+\s+RENAME\s+TO\s+` + tableName)
	// goneTable matches the statements after which a table may not exist any more.
	goneTable = lazyregexp.New(`(?i)\b(?:DROP\s+(?:FOREIGN\s+)?TABLE\s+(?:IF\s+EXISTS\s+)?|ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?)` +
		tableName + `(?:\s+RENAME\s+TO\b)?`)
	anyTable = lazyregexp.New(`(?i)\bCREATE\s+(?:UNLOGGED\s+|FOREIGN\s+)?TABLE\b`)
	// downMark begins the statements that revert a migration.
	downMark    = lazyregexp.New(`(?im)^--\s*(?:\+goose\s+down|\+migrate\s+down|migrate:down|undo)\b`)
	downName    = lazyregexp.New(`(?i)(?:[._-]down\.sql|^down\.sql|^U\d[^/]*__[^/]*\.sql)$`)
	programName = lazyregexp.New(`(?i)\.(?:go|py|rb|js|ts|php|java|kt|exs|xml|ya?ml|json)$`)
)

// tableName matches a name with or without schema and quotes.
const tableName = `(?:[\w$"]+\s*\.\s*)?"?([\p{L}_][\p{L}\w$]*)"?`

const (
	maxMigrations     = 10_000
	maxMigrationBytes = 1 << 20
)

// tablesOf returns the tables that are known of a deployment.
func tablesOf(p *probe.Pass, wanted []string) knownTables {
	var known knownTables
	for _, name := range wanted {
		known.wanted = append(known.wanted, baseName(name))
	}
	dir := p.View.Place(find.FactMigrations).Path()
	if dir == "" {
		return known
	}
	found := map[string]bool{}
	known.all = readMigrations(p, dir, found, 1)
	delete(found, "")
	for name := range found {
		if was, gone := strings.CutPrefix(name, goneMark); gone {
			known.dropped = append(known.dropped, was)
			delete(found, name)
		}
	}
	known.migrated = slices.Sorted(maps.Keys(found))
	return known
}

// readMigrations adds the tables that a folder's migrations make, and reports whether all of them were read. Some tools
// have a folder for each migration.
func readMigrations(p *probe.Pass, dir string, found map[string]bool, below int) (all bool) {
	names, err := p.Files.Names(dir, maxMigrations)
	if err != nil {
		return false
	}
	all = true
	for _, name := range names {
		path := filepath.Join(dir, name)
		switch {
		case downName.MatchString(name) || strings.HasPrefix(name, "."):
		case programName.MatchString(name):
			all = false
		case strings.EqualFold(filepath.Ext(name), ".sql"):
			made, err := files.Load(p.Files, path, "tables made", maxMigrationBytes, func(data []byte, _ fs.FileInfo) ([]string, error) {
				return append(tablesMade(string(data)), tablesGone(string(data))...), nil
			})
			all = all && err == nil && !slices.Contains(made, "")
			for _, table := range made {
				found[table] = found[table] || table != ""
			}
		case below > 0 && filepath.Ext(name) == "":
			if _, err := p.Files.Names(path, maxMigrations); err == nil {
				all = readMigrations(p, path, found, below-1) && all
			} else if errors.Is(err, fs.ErrPermission) {
				all = false
			}
		}
	}
	return all
}

// comments matches what is not SQL.
var comments = lazyregexp.New(`(?s)/\*.*?\*/|--[^\n]*`)

// goneMark precedes a table that a migration drops or renames.
const goneMark = "-"

// tablesMade returns the tables that a migration makes; "" among them stands for one whose name cannot be read. Words of its comments are not statements.
func tablesMade(sql string) []string {
	sql = statementsOf(sql)
	var made []string
	if len(anyTable.FindAllString(sql, -1)) > len(createTable.FindAllString(sql, -1)) {
		made = append(made, "") // of a template, for example
	}
	for _, statement := range []*lazyregexp.Regexp{createTable, renameTable} {
		for _, m := range statement.FindAllStringSubmatch(sql, -1) {
			made = append(made, strings.ToLower(m[1]))
		}
	}
	return made
}

// tablesGone returns the tables that a migration drops or renames, each after goneMark.
func tablesGone(sql string) []string {
	var gone []string
	for _, m := range goneTable.FindAllStringSubmatch(statementsOf(sql), -1) {
		if statement := strings.ToUpper(m[0]); strings.HasPrefix(statement, "DROP") || strings.HasSuffix(statement, "TO") {
			gone = append(gone, goneMark+strings.ToLower(m[1]))
		}
	}
	return gone
}

// statementsOf returns the statements of a migration without those that revert it, and without comments.
func statementsOf(sql string) string {
	if down := downMark.FindStringIndex(sql); down != nil {
		sql = sql[:down[0]]
	}
	return comments.ReplaceAllString(sql, " ")
}

// baseName returns the name of a table without its schema, in lower case.
func baseName(name string) string {
	return strings.ToLower(strings.Trim(name[strings.LastIndexByte(name, '.')+1:], `"`))
}

// rowsOf sums up the rows of a table and its partitions. there is false when the backup has none of them.
func rowsOf(proof dump.Proof, database, name string) (rows int64, there bool) {
	for _, t := range proof.Tables {
		if database != "" && t.Database != "" && t.Database != database {
			continue
		}
		if is := baseName(t.Name); is == name || partitionOf(is, name) {
			rows, there = rows+t.Rows, true
		}
	}
	return rows, there
}

// partitionOf reports whether a table's name is that of a partition: the table's name with a number or date.
func partitionOf(partition, name string) bool {
	rest, ok := strings.CutPrefix(partition, name+"_")
	return ok && strings.ContainsAny(rest, "0123456789") || ok && rest == "default"
}

// strange returns why an undamaged backup is not one of this deployment, judged by its tables; "" if it may be. sure is
// false when some of the deployment's tables are not known.
func (k knownTables) strange(proof dump.Proof, database string) (why string, sure bool) {
	names := slices.Compact(slices.Sorted(slices.Values(slices.Concat(k.migrated, k.wanted))))
	if !proof.Whole || proof.Partial || len(proof.Tables) == 0 || len(names) == 0 {
		return "", false
	}
	for _, t := range proof.Tables {
		if strings.HasPrefix(t.Schema, "_timescaledb") { // rows are in chunks, whose names do not say of which table
			return "", false
		}
	}
	for _, name := range names {
		if _, there := rowsOf(proof, database, name); there {
			return "", false
		}
	}
	shown := strings.Join(names[:min(maxShownTables, len(names))], ", ")
	if len(names) > maxShownTables {
		shown += ", …"
	}
	return "contains none of the deployment's tables (" + shown + ")", k.all && len(k.migrated) > 0
}

// maxShownTables is the maximum number of tables in a message.
const maxShownTables = 3

// empty returns the wanted tables of which an undamaged backup has no rows.
func (k knownTables) empty(proof dump.Proof, database string) []string {
	if !proof.Whole || proof.Partial || proof.ByManifest && len(proof.Tables) == 0 {
		return nil
	}
	var all []string
	for _, name := range k.wanted {
		if rows, _ := rowsOf(proof, database, name); rows == 0 {
			all = append(all, name)
		}
	}
	return all
}

// missing returns the wanted tables that the migrations make and of which an undamaged backup has nothing, not even a
// partition.
func (k knownTables) missing(proof dump.Proof, database string) []string {
	if !k.all || !proof.Whole || proof.Partial || len(proof.Tables) == 0 {
		return nil
	}
	var all []string
	for _, name := range k.wanted {
		_, there := rowsOf(proof, database, name)
		there = there || slices.ContainsFunc(proof.Tables, func(t dump.Table) bool { return strings.HasPrefix(baseName(t.Name), name+"_") })
		if !there && slices.Contains(k.migrated, name) && !slices.Contains(k.dropped, name) {
			all = append(all, name)
		}
	}
	return all
}

// Package migrations checks the folder of database migrations and reads their versions and tables.
package migrations

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
)

// migrations: does the deployment contain its database migrations, numbered without gaps or duplicates, none empty?
//
// The file name decides what a file is (migrations_names.go); other files in the folder are ignored. A file with
// comments only is empty: it changes nothing, but the migration tool records it as applied.

// FolderKind is the kind migrations.
func FolderKind() probe.Kind {
	return probe.Kind{
		Name:       "migrations",
		Question:   "Are there database migrations, numbered without gaps or duplicates and none of them empty?",
		Example:    "{}",
		Layer:      probe.LayerDeclared,
		Reads:      "the file names in the migrations folder and the first MiB of each migration",
		Permission: "permission to list and read them",
		Values:     []*probe.Value{Count},
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*migrations).breakages(view) },
		New:        func() any { return &migrations{} },
	}
}

const (
	MaxMigrations    = 10_000  // entries of the folder
	maxMigrationHead = 1 << 20 // bytes searched for a statement
)

type migrations struct {
	Tables []string `yaml:"tables" doc:"tables that no later migration may drop, if a migration creates them"`
	From   int      `yaml:"from" min:"0" doc:"number of the oldest migration, where older ones were squashed; 0 or 1 when not set" default:"0"`
}

// File is one migration with its content.
type File struct {
	Name
	migration
	err error // from reading it
}

// migration is what is read of one file.
type migration struct {
	content migrationContent
	changes []tableChange // of its up direction, in their order
	unclear bool          // it may create other tables
}

type migrationContent int

const (
	migrationStatements migrationContent = iota
	migrationEmpty                       // comments and transaction control only
	migrationNotText                     // binary
	migrationNoEnd                       // comments only within the first MiB
	migrationConflict                    // with an unresolved merge conflict
	migrationElsewhere                   // a Git LFS pointer
	migrationPage                        // an HTML page saved under its name
	migrationGarbage                     // text without a statement of SQL
	migrationUnclosed                    // ends inside a parenthesis or a quoted text
	migrationUndone                      // ends with ROLLBACK
	migrationTableless                   // statements, none of which makes or changes a table
)

func (m *migrations) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if ctx.Err() != nil {
		return probe.Result{}, ctx.Err()
	}
	place := p.View.Place(find.FactMigrations)
	dir := place.Path()
	if dir == "" {
		return probe.Result{}, probe.Absent(p, place, "migrations folder", "deployment.migrations")
	}
	shown := p.Deployment.Rel(dir)
	names, err := Names(p, dir)
	if err != nil {
		return probe.Unreadable(shown+" cannot be listed", err)
	}
	found := make([]File, 0, len(names))
	for _, name := range names {
		if ctx.Err() != nil {
			return probe.Result{}, ctx.Err()
		}
		file := File{Name: name}
		file.migration, file.err = readMigration(p.Files, filepath.Join(dir, name.file))
		found = append(found, file)
	}
	if len(found) == 0 {
		if tool, n := notRead(p, dir); n > 0 {
			return probe.Warned(probe.ReasonWeak, "%s contains %d migrations of %s, which are not read: their numbers and contents are unchecked", shown, n, tool), nil
		}
	}
	return m.judge(found, shown), nil
}

// Names lists the migrations in a folder by file name.
func Names(p *probe.Pass, dir string) ([]Name, error) {
	all, err := p.Files.Names(dir, MaxMigrations)
	if err != nil {
		return nil, err
	}
	return probe.Unchanged(p, migrationNamesKey{dir}, all, func() []Name {
		var names []Name
		for _, file := range all {
			if name, ok := parseMigrationName(file); ok {
				names = append(names, name)
			}
		}
		return names
	}), nil
}

type migrationNamesKey struct{ dir string }

// readMigration reads one migration. A file larger than maxMigrationHead is judged by its head.
func readMigration(cache *files.Cache, path string) (migration, error) {
	read, err := files.Load(cache, path, "migration", maxMigrationHead, func(data []byte, _ fs.FileInfo) (migration, error) {
		m := migration{content: contentOf(data, filepath.Ext(path) == ".go")}
		if m.content == migrationStatements || m.content == migrationTableless {
			m.changes, m.unclear = changesOf(string(data))
		}
		return m, nil
	})
	if !errors.Is(err, files.ErrTooLarge) {
		return read, err
	}
	f, _, err := files.Open(path)
	if err != nil {
		return migration{}, err
	}
	defer func() { _ = f.Close() }()
	head, err := io.ReadAll(io.LimitReader(f, maxMigrationHead))
	if err != nil {
		return migration{}, err
	}
	content := contentOf(head, filepath.Ext(path) == ".go")
	switch content {
	case migrationEmpty:
		content = migrationNoEnd
	case migrationUnclosed, migrationTableless, migrationUndone: // of the head alone
		content = migrationStatements
	}
	return migration{content: content, unclear: true}, nil
}

func contentOf(data []byte, program bool) migrationContent {
	switch {
	case bytes.IndexByte(data, 0) >= 0:
		return migrationNotText
	case files.IsLFSPointer(data):
		return migrationElsewhere
	case markdown.HTMLPage.Match(data):
		return migrationPage
	case markdown.MergeConflict.Match(data):
		return migrationConflict
	case program && len(bytes.TrimSpace(data)) > 0:
		return migrationStatements
	case !program && hasStatement(string(data)):
		return statementsOf(string(data))
	}
	return migrationEmpty
}

// judge checks the migrations of a folder; shown is its display name.
func (m *migrations) judge(found []File, shown string) probe.Result {
	style := StyleOf(found)
	var f probe.ResultBuilder
	var used []File
	strangers := 0
	for _, file := range found {
		if file.Style == style || file.down && style == styleNumbered { // 001_a.down.sql next to 001_a.sql
			used = append(used, file)
		} else {
			strangers++
		}
	}
	versions := VersionsOf(used)
	f.Measure(Count.Of(float64(len(versions))))
	if len(versions) == 0 {
		f.Fail(probe.ReasonEmpty, "%s contains no migration: expected files such as 001_initial_schema.sql, 000001_initial_schema.up.sql or V1__initial_schema.sql", shown)
		return f.Result("")
	}
	for _, file := range used {
		judgeMigration(&f, file, shown)
	}
	judgePairs(&f, used, shown)
	if m.From <= 1 && makesNoTable(used) {
		f.Fail(probe.ReasonEmpty, "%s: no migration creates a table", shown)
	}
	m.judgeTables(&f, used, shown)
	for _, v := range versions {
		if len(v.Files) > 1 {
			f.Fail(probe.ReasonInvalid, "%s: %s have the same number", shown, strings.Join(v.Files, " and "))
		}
	}
	for _, gap := range gaps(versions, m.From) {
		f.Fail(probe.ReasonMissing, "%s: %s. Restore the file, or set from if older migrations were squashed", shown, gap)
	}
	if strangers > 0 {
		f.Warn(probe.ReasonMismatch, "%s: %d files use a different numbering than the rest (%s), so the migration tool ignores them", shown, strangers, style)
	}
	return f.Result("%s contains migrations %s to %s, %d in total (%s)", shown, versions[0].Text, versions[len(versions)-1].Text, len(versions), style)
}

// judgeMigration checks the content of one file.
func judgeMigration(f *probe.ResultBuilder, file File, shown string) {
	at := shown + "/" + file.file
	if file.err != nil {
		r, err := probe.Unreadable(at+" cannot be read", file.err)
		if err != nil {
			r = probe.NotChecked(err)
		}
		f.Add(r)
		return
	}
	switch file.content {
	case migrationEmpty:
		if file.down {
			f.Warn(probe.ReasonEmpty, "%s contains no statement: it reverts nothing", at)
		} else {
			f.Fail(probe.ReasonEmpty, "%s contains no statement", at)
		}
	case migrationGarbage:
		f.Fail(probe.ReasonInvalid, "%s contains text but no SQL statement", at)
	case migrationUnclosed:
		f.Fail(probe.ReasonTruncated, "%s ends inside a parenthesis or a quoted text", at)
	case migrationUndone:
		if !file.down {
			f.Fail(probe.ReasonEmpty, "%s ends with ROLLBACK, which undoes it", at)
		}
	case migrationNotText:
		f.Fail(probe.ReasonInvalid, "%s is not a text file", at)
	case migrationConflict:
		f.Fail(probe.ReasonInvalid, "%s has an unresolved merge conflict", at)
	case migrationElsewhere:
		f.Fail(probe.ReasonMissing, "%s is a Git LFS pointer, not the migration itself: run `git lfs pull`", at)
	case migrationPage:
		f.Fail(probe.ReasonInvalid, "%s is an HTML page", at)
	case migrationNoEnd:
		f.Fail(probe.ReasonInvalid, "%s contains no statement in its first MiB", at)
	}
}

// judgeTables checks what the up migrations leave.
func (m *migrations) judgeTables(f *probe.ResultBuilder, used []File, shown string) {
	left := leftTables(used)
	for _, want := range m.Tables {
		if file, gone := left.dropped[strings.ToLower(want)]; gone {
			f.Fail(probe.ReasonMissing, "%s: the table %s is created, then dropped by %s and not created again", shown, want, file)
		}
		if file, gone := left.renamed[strings.ToLower(want)]; gone {
			f.Warn(probe.ReasonMissing, "%s: the table %s is renamed by %s and not created again", shown, want, file)
		}
	}
	if len(left.tables) == 0 && len(left.dropped) > 0 && !left.isUnclear && m.From <= 1 {
		f.Fail(probe.ReasonEmpty, "%s: the migrations leave no table: those that they create are temporary or dropped again", shown)
	}
}

// judgePairs checks that up and down files match where the team writes both.
func judgePairs(f *probe.ResultBuilder, used []File, shown string) {
	up, down := map[string]bool{}, map[string]bool{}
	for _, file := range used {
		switch {
		case file.repeatable:
		case file.down:
			down[file.key()] = true
		default:
			up[file.key()] = true
		}
	}
	alone, first := 0, ""
	for _, file := range used {
		switch key := file.key(); {
		case file.down && !up[key]:
			f.Fail(probe.ReasonMissing, "%s/%s reverts a migration that does not exist", shown, file.file)
		case file.Style == StyleMigrate && !file.down && len(down) > 0 && !down[key]:
			if alone++; first == "" {
				first = file.file
			}
		}
	}
	if alone > 0 {
		f.Warn(probe.ReasonMissing, "%s: %d numbered migrations have no down file, unlike the others; the first is %s", shown, alone, first)
	}
}

// Count is the number of migrations in the folder.
var Count = &probe.Value{Name: "catalyst_database_migrations", Help: "Migrations in the migrations folder.", Labels: nil}

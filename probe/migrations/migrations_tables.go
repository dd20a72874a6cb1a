package migrations

import (
	"maps"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// What the up migrations leave: tables that one creates and a later one drops are not there. Only plain statements are
// followed. A migration that may create tables in another way (a function, an included file, a template, a program) leaves
// it open whether there is any.

// tableChange is one statement about a table.
type tableChange struct {
	verb string // create, temporary, drop, rename, schema (a dropped schema)
	name string
	to   string // of rename
}

var (
	tableStatement = lazyregexp.New(`(?i)\bCREATE\s+(?:UNLOGGED\s+|FOREIGN\s+|OR\s+REPLACE\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([^\s(;]+)|` +
		`\bDROP\s+(?:FOREIGN\s+)?TABLE\s+(?:IF\s+EXISTS\s+)?([^;]+)|` +
		`\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?([^\s(;]+)\s+RENAME\s+TO\s+([^\s(;]+)|` +
		`\bDROP\s+SCHEMA\s+(?:IF\s+EXISTS\s+)?([^\s;,]+)|` +
		`\bCREATE\s+(?:(?:GLOBAL|LOCAL)\s+)?TEMP(?:ORARY)?\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([^\s(;]+)`)
	// textOrComment matches what holds no statement. Names in quotation marks stay.
	textOrComment = lazyregexp.New(`(?m)'(?:[^']|'')*'|--[^\n]*|^\s*#[^\n]*|(?s:/\*[^!].*?\*/)`)
	// elsewhere matches what may create tables that are not seen.
	elsewhere  = lazyregexp.New(`(?i)\$\w*\$|\b(?:CALL|EXEC|EXECUTE|PERFORM|IMPORT|INTO|VIEW|SOURCE)\b|hypertable|\\|\{\{|\$\{|/\*!`)
	dropEnding = lazyregexp.New(`(?i)\s+(?:CASCADE|RESTRICT|PURGE)(?:\s+CONSTRAINTS)?\s*$`)
)

// changesOf returns the statements about tables of an up migration, and whether it may create others.
func changesOf(sql string) (changes []tableChange, unclear bool) {
	plain := textOrComment.ReplaceAllString(upPart(sql), " ")
	for _, m := range tableStatement.FindAllStringSubmatch(plain, -1) {
		switch {
		case m[1] != "":
			changes = append(changes, tableChange{verb: "create", name: tableName(m[1])})
		case m[2] != "":
			for name := range strings.SplitSeq(dropEnding.ReplaceAllString(strings.TrimSpace(m[2]), ""), ",") {
				changes = append(changes, tableChange{verb: "drop", name: tableName(name)})
			}
		case m[3] != "":
			changes = append(changes, tableChange{verb: "rename", name: tableName(m[3]), to: tableName(m[4])})
		case m[5] != "":
			changes = append(changes, tableChange{verb: "schema", name: tableName(m[5])})
		case m[6] != "":
			changes = append(changes, tableChange{verb: "temporary", name: tableName(m[6])})
		}
	}
	return changes, elsewhere.MatchString(plain)
}

// tableName returns a name without quotes and without the schema public.
func tableName(text string) string {
	text = strings.NewReplacer("\"", "", "`", "", "[", "", "]", "").Replace(strings.TrimSpace(text))
	return strings.TrimPrefix(strings.ToLower(text), "public.")
}

// upPart returns the up direction of a file that holds both.
func upPart(sql string) string {
	up, down := upMarker.FindStringIndex(sql), downMarker.FindStringIndex(sql)
	switch {
	case down == nil:
		return sql
	case up == nil || up[0] < down[0]:
		return sql[:down[0]]
	}
	return sql[up[1]:]
}

// left is what the up migrations leave.
type left struct {
	tables    []string
	dropped   map[string]string // tables that were dropped, or are temporary, with the file that does it
	renamed   map[string]string // tables that have another name now, likewise
	isUnclear bool              // there may be other tables
}

// leftTables returns what the up migrations leave, in their order.
func leftTables(used []File) left {
	up := slices.DeleteFunc(slices.Clone(used), func(f File) bool { return f.down })
	slices.SortStableFunc(up, func(a, b File) int {
		if a.repeatable != b.repeatable {
			if a.repeatable {
				return 1
			}
			return -1
		}
		return CompareNumbers(a.number, b.number)
	})
	there := map[string]bool{}
	dropped, renamed := map[string]string{}, map[string]string{}
	unclear := false
	drop := func(name, file string) {
		if there[name] {
			delete(there, name)
			dropped[name] = file
		}
	}
	for _, f := range up {
		unclear = unclear || f.unclear || f.err != nil || strings.HasSuffix(f.file, ".go")
		for _, c := range f.changes {
			switch c.verb {
			case "create":
				there[c.name] = true
				delete(dropped, c.name)
				delete(renamed, c.name)
			case "temporary":
				if !there[c.name] {
					dropped[c.name] = f.file
				}
			case "drop":
				drop(c.name, f.file)
			case "rename":
				if there[c.name] {
					delete(there, c.name)
					there[c.to] = true
					renamed[c.name] = f.file
				}
				delete(renamed, c.to)
				delete(dropped, c.to) // swapped: the new table takes the old one's name
			case "schema":
				for name := range there {
					if strings.HasPrefix(name, c.name+".") || c.name == "public" && !strings.Contains(name, ".") {
						drop(name, f.file)
					}
				}
			}
		}
	}
	return left{slices.Sorted(maps.Keys(there)), dropped, renamed, unclear}
}

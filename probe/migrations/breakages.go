package migrations

import (
	"path/filepath"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// maxBroken bounds the migrations that are broken, each in several ways: the first ones and the last.
const maxBroken = 5

// breakages of migrations: each one empty, commented out, cut or in conflict, and one between others gone.
func (m *migrations) breakages(view *deployment.View) (all []probe.Breakage) {
	dir := view.Place(find.FactMigrations).Path()
	if dir == "" {
		return nil
	}
	names, err := Names(probe.Reading(view), dir)
	if err != nil {
		return nil
	}
	for i, name := range names {
		if i >= maxBroken-1 && i < len(names)-1 {
			continue
		}
		path := filepath.Join(dir, name.file)
		if !name.repeatable && !name.down && i > 0 && i < len(names)-1 && name.Style == styleNumbered {
			all = append(all, probe.Breakage{Name: "file deleted", File: path, Edit: edit.Delete})
		}
		all = append(all,
			probe.Breakage{Name: "file emptied", File: path, Edit: edit.Empty},
			probe.Breakage{Name: "every line commented out", File: path, Edit: edit.Lines(func(_ int, line string) (string, bool) { return "-- " + line, true })},
			probe.Breakage{Name: "a parenthesis left open", File: path, Edit: leftOpen},
			probe.Breakage{Name: "a merge conflict left open", File: path, Edit: edit.Append("\n<<<<<<< HEAD\n-- ours\n=======\n-- theirs\n>>>>>>> other\n")},
			probe.Breakage{Name: "replaced by a web page", File: path, Edit: edit.Content("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n")})
	}
	return all
}

// leftOpen appends a statement without its end. In a file with both directions the end is part of the way back.
func leftOpen(content []byte) []byte {
	if bothWays.Match(content) {
		return content
	}
	return edit.Append("CREATE TABLE cut (id int,\n")(content)
}

// bothWays matches the mark of the way back: of goose, dbmate and sql-migrate.
var bothWays = lazyregexp.New(`(?mi)^--\s*(?:\+goose|\+migrate|migrate:)\s*down`)

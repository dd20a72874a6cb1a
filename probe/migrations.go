package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// migrations: does the deployment bring its database's migrations, numbered without gap or duplicate, none of them empty?
//
// What a file is, its name tells (migrations_names.go); other files of the folder are ignored. A file that holds comments alone is empty: it
// changes nothing, and the tool that ran it believes that it did.

func migrationsKind() Kind {
	return Kind{
		Name:     "migrations",
		Question: "Are there database migrations, numbered without gap or duplicate and none of them empty?",
		Example:  "{}",
		Layer:    LayerDeclared,
		Reads:    "the names in the migrations folder and the first MiB of each migration; needs to list and read them",
		Values:   []*Value{Migrations},
		Alone:    true,
		New:      func() any { return &migrations{} },
	}
}

const (
	maxMigrations    = 10_000  // entries of the folder
	maxMigrationHead = 1 << 20 // bytes looked through for a statement
)

type migrations struct {
	From int `yaml:"from" min:"0" doc:"number of the oldest migration, where older ones were squashed; 0 or 1 when not set" default:"0"`
}

// migrationFile is one migration as it was found.
type migrationFile struct {
	migrationName
	content migrationContent
	err     error // of reading it
}

type migrationContent int

const (
	migrationStatements migrationContent = iota
	migrationEmpty                       // comments and transaction control alone
	migrationNotText                     // binary
	migrationNoEnd                       // nothing but comments as far as it was looked at
	migrationConflict                    // with what git could not merge in it
	migrationElsewhere                   // a pointer of Git LFS
	migrationPage                        // an HTML page that was saved in its place
)

func (m *migrations) Probe(ctx context.Context, p *Pass) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	place := p.View.Place(deployment.FactMigrations)
	dir := place.Path()
	if dir == "" {
		if err := unseen(p, place, "migrations"); err != nil {
			return Result{}, err
		}
		return Result{}, Skip("deployment.migrations", "no migrations folder was found")
	}
	shown := p.Deployment.Rel(dir)
	names, err := migrationNames(p, dir)
	if err != nil {
		return unreadable(shown+" cannot be listed", err)
	}
	found := make([]migrationFile, 0, len(names))
	for _, name := range names {
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		file := migrationFile{migrationName: name}
		file.content, file.err = readMigration(p.Files, filepath.Join(dir, name.file))
		found = append(found, file)
	}
	return m.judge(found, shown), nil
}

// migrationNames lists the migrations of a folder by name.
func migrationNames(p *Pass, dir string) ([]migrationName, error) {
	all, err := p.Files.Names(dir, maxMigrations)
	if err != nil {
		return nil, err
	}
	return unchanged(p, migrationNamesKey{dir}, all, func() []migrationName {
		var names []migrationName
		for _, file := range all {
			if name, ok := parseMigrationName(file); ok {
				names = append(names, name)
			}
		}
		return names
	}), nil
}

type migrationNamesKey struct{ dir string }

// readMigration looks into one migration. A file larger than what is looked through is judged by its head.
func readMigration(cache *files.Cache, path string) (migrationContent, error) {
	content, err := files.Load(cache, path, "migration", maxMigrationHead, func(data []byte, _ fs.FileInfo) (migrationContent, error) {
		return contentOf(data, filepath.Ext(path) == ".go"), nil
	})
	if !errors.Is(err, files.ErrTooLarge) {
		return content, err
	}
	f, _, err := files.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	head, err := io.ReadAll(io.LimitReader(f, maxMigrationHead))
	if err != nil {
		return 0, err
	}
	if content = contentOf(head, filepath.Ext(path) == ".go"); content == migrationEmpty {
		content = migrationNoEnd
	}
	return content, nil
}

func contentOf(data []byte, program bool) migrationContent {
	switch {
	case bytes.IndexByte(data, 0) >= 0:
		return migrationNotText
	case isLFSPointer(data):
		return migrationElsewhere
	case mdHTMLPage.Match(data):
		return migrationPage
	case mergeConflict.Match(data):
		return migrationConflict
	case program && len(bytes.TrimSpace(data)) > 0, !program && hasStatement(string(data)):
		return migrationStatements
	}
	return migrationEmpty
}

// judge judges the migrations of a folder; shown is its name for people.
func (m *migrations) judge(found []migrationFile, shown string) Result {
	style := styleOf(found)
	var f Findings
	var used []migrationFile
	strangers := 0
	for _, file := range found {
		if file.style == style {
			used = append(used, file)
		} else {
			strangers++
		}
	}
	versions := versionsOf(used)
	f.Measure(Migrations.Of(float64(len(versions))))
	if len(versions) == 0 {
		f.Fail(ReasonMissing, "%s holds no migration: files such as 001_initial_schema.sql, 000001_initial_schema.up.sql or V1__initial_schema.sql are looked for", shown)
		return f.Result("")
	}
	for _, file := range used {
		judgeMigration(&f, file, shown)
	}
	judgePairs(&f, used, shown)
	for _, v := range versions {
		if len(v.files) > 1 {
			f.Fail(ReasonInvalid, "%s: %s have the same number", shown, strings.Join(v.files, " and "))
		}
	}
	for _, gap := range gaps(versions, m.From) {
		f.Fail(ReasonMissing, "%s: %s: was a file lost, or squashed (then say so with from)?", shown, gap)
	}
	if strangers > 0 {
		f.Warn(ReasonMismatch, "%s: %d files are numbered in another way than the rest (%s), so that its tool overlooks them", shown, strangers, style)
	}
	return f.Result("%s holds the migrations %s to %s, %d in all (%s)", shown, versions[0].text, versions[len(versions)-1].text, len(versions), style)
}

// judgeMigration judges what one file holds.
func judgeMigration(f *Findings, file migrationFile, shown string) {
	at := shown + "/" + file.file
	if file.err != nil {
		r, err := unreadable(at+" cannot be read", file.err)
		if err != nil {
			r = unanswered(err)
		}
		f.Add(r)
		return
	}
	switch file.content {
	case migrationEmpty:
		if file.down {
			f.Warn(ReasonEmpty, "%s holds no statement: it takes nothing back", at)
		} else {
			f.Fail(ReasonEmpty, "%s holds no statement", at)
		}
	case migrationNotText:
		f.Fail(ReasonInvalid, "%s is no text", at)
	case migrationConflict:
		f.Fail(ReasonInvalid, "%s: the conflict of a merge is not resolved", at)
	case migrationElsewhere:
		f.Fail(ReasonMissing, "%s is a pointer of Git LFS, the migration itself is elsewhere: run `git lfs pull`", at)
	case migrationPage:
		f.Fail(ReasonInvalid, "%s is an HTML page", at)
	case migrationNoEnd:
		f.Fail(ReasonInvalid, "%s holds no statement in its first MiB", at)
	}
}

// judgePairs judges whether what goes up comes down, where the team writes both.
func judgePairs(f *Findings, used []migrationFile, shown string) {
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
			f.Fail(ReasonMissing, "%s/%s takes back what no file makes", shown, file.file)
		case file.style == styleMigrate && !file.down && len(down) > 0 && !down[key]:
			if alone++; first == "" {
				first = file.file
			}
		}
	}
	if alone > 0 {
		f.Warn(ReasonMissing, "%s: of those with a number, %d have no down file as the others do, the first is %s", shown, alone, first)
	}
}

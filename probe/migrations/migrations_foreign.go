package migrations

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Migrations of tools that are not read: programs, or files in folders of their own. They are counted, which is a warning.

// foreignTool is a tool by the names of its files or folders.
type foreignTool struct {
	name  string
	match *regexp.Regexp
	below string // folder below the migrations that holds them instead, "" for none
}

func foreignTools() []foreignTool {
	return []foreignTool{
		{"Alembic", regexp.MustCompile(`^\w[\w-]*\.py$`), "versions"},
		{"Django", regexp.MustCompile(`^\d{4}_\w+\.py$`), ""},
		{"Rails", regexp.MustCompile(`^\d{3,14}_\w+\.rb$`), ""},
		{"Prisma", regexp.MustCompile(`^\d{14}_[^.]+$`), ""},
		{"Diesel", regexp.MustCompile(`^\d{4}-\d{2}-\d{2}-\d{6}_[^.]+$`), ""},
		{"Laravel", regexp.MustCompile(`^\d{4}_\d{2}_\d{2}_\d{6}_\w+\.php$`), ""},
		{"Doctrine", regexp.MustCompile(`^Version\d{14}\.php$`), ""},
		{"Ecto", regexp.MustCompile(`^\d{14}_\w+\.exs$`), ""},
		{"a JavaScript tool", regexp.MustCompile(`^\d{3,14}[-_.][\w.-]+\.(?:js|ts|cjs|mjs)$`), ""},
		{"Entity Framework", regexp.MustCompile(`^\d{14}_\w+\.cs$`), ""},
		{"Liquibase", regexp.MustCompile(`(?i)^(?:db\.)?changelog.*\.(?:xml|ya?ml|json|sql)$`), ""},
	}
}

// notRead returns the tool whose migrations lie in a folder, and their number.
func notRead(p *probe.Pass, dir string) (tool string, n int) {
	all, err := p.Files.Names(dir, MaxMigrations)
	if err != nil {
		return "", 0
	}
	for _, t := range foreignTools() {
		names := all
		if t.below != "" {
			if names, err = p.Files.Names(filepath.Join(dir, t.below), MaxMigrations); err != nil {
				continue
			}
		}
		count := 0
		for _, name := range names {
			if t.match.MatchString(name) && !strings.HasPrefix(name, "__") {
				count++
			}
		}
		if count > n {
			tool, n = t.name, count
		}
	}
	return tool, n
}

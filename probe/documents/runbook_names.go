package documents

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
)

// Does a runbook speak of this deployment? It names one of its services, containers or programs, one of its alerts, or a
// command that acts on it: docker compose, a script or a file of the deployment, make with its Makefile. Without a compose
// file, any command counts. A service whose name is an ordinary word (app, web, backup) is named only by code.

// named reports whether a runbook names something of the deployment.
func named(p *probe.Pass, m *markdown.Document) bool {
	c, err := p.View.Compose()
	if err != nil {
		c = nil
	}
	inputs := []any{m}
	if c != nil {
		inputs = append(inputs, c)
	}
	byName := probe.Unchanged(p, namedKey{}, inputs, func() bool {
		if c == nil {
			return commandIn(m)
		}
		return namesAny(m, deployedNames(c))
	})
	return byName || mentionsCommand(p, m) || mentionsAlert(p, m)
}

type namedKey struct{}

// deployedNames returns the names of services, containers and programs in lower case.
func deployedNames(c *compose.Model) []string {
	var names []string
	add := func(s types.ServiceConfig) {
		names = append(names, s.Name, s.ContainerName)
		image, _, _ := strings.Cut(s.Image, "@")
		image = image[strings.LastIndexByte(image, '/')+1:]
		image, _, _ = strings.Cut(image, ":")
		names = append(names, image)
		for _, words := range synonyms() {
			if slices.Contains(words, strings.ToLower(image)) || slices.Contains(words, strings.ToLower(s.Name)) {
				names = append(names, words...)
			}
		}
	}
	for _, s := range c.Project.Services {
		add(s)
	}
	for _, s := range c.Project.DisabledServices {
		add(s)
	}
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return len(name) < 2 })
}

// synonyms are other names of one program.
func synonyms() [][]string {
	return [][]string{
		{"postgres", "postgresql", "psql", "pg"}, {"redis", "redis-cli", "valkey"}, {"nginx", "openresty"}, {"mysql", "mariadb"},
		{"mongo", "mongodb"}, {"rabbitmq", "rabbit"}, {"kafka", "cp-kafka"}, {"elasticsearch", "opensearch"},
	}
}

// ordinaryWords are names of services that prose also contains when it speaks of something else.
func ordinaryWords() []string {
	return []string{
		"app", "application", "web", "website", "api", "server", "service", "services", "main", "core", "backend", "frontend", "front", "back", "worker", "workers",
		"job", "jobs", "task", "cron", "scheduler", "queue", "db", "database", "cache", "proxy", "backup", "backups", "restore", "migrate", "migration", "migrations",
		"mail", "monitoring", "monitor", "log", "logs", "logging", "metrics", "alerts", "system", "node", "admin", "auth", "user", "users", "data", "storage", "store",
		"search", "test", "tests", "init", "setup", "site", "gateway", "router", "engine", "agent", "watch", "shell", "base", "one", "two", "a", "it", "pg",
	}
}

// namesAny reports whether a document contains one of the names as a whole word.
func namesAny(m *markdown.Document, names []string) bool {
	for _, name := range names {
		word := regexp.MustCompile(`(?i)(?:^|[^\pL\pN])` + regexp.QuoteMeta(name) + `(?:$|[^\pL\pN])`)
		count := func(text string) int { return len(word.FindAllStringIndex(text, -1)) }
		ordinary := slices.Contains(ordinaryWords(), name)
		for _, s := range m.Sections {
			if !ordinary && word.MatchString(s.Title) {
				return true
			}
			for _, b := range s.Blocks {
				switch {
				case b.Form == markdown.CodeBlock || !ordinary:
					if word.MatchString(b.Text) {
						return true
					}
				case count(b.Text) > count(b.Prose): // in a code span
					return true
				}
			}
		}
	}
	return false
}

// texts calls f for each text of a document until it returns true.
func texts(m *markdown.Document, f func(string) bool) bool {
	return slices.ContainsFunc(m.Sections, func(s markdown.Section) bool {
		return f(s.Title) || slices.ContainsFunc(s.Blocks, func(b markdown.Block) bool { return f(b.Text) })
	})
}

var (
	anyCommand = lazyregexp.New(`(?m)(?:^|[\s$;|&(])(?:sudo\s+)?(?:docker|docker-compose|podman|systemctl|service|journalctl|kubectl|helm|psql|pg_dump|pg_restore|` +
		`redis-cli|nginx|curl|wget|ssh|scp|rsync|aws|gcloud|az|make|git|ansible-playbook|terraform|nomad|\./[\w./-]+)\s+\S`)
	composeCommand = lazyregexp.New(`\bdocker[ -]compose\b|\bdocker stack\b`)
	localFile      = lazyregexp.New(`(?:\./)?[A-Za-z0-9_][\w./-]*\.(?:sh|bash|py|rb|js|ya?ml|conf|sql|env)\b`)
	makeCommand    = lazyregexp.New(`(?m)(?:^|[\s$;|&(])make\s+[A-Za-z]`)
	ownAlert       = lazyregexp.New(`\bCatalyst[A-Z][A-Za-z]{3,}\b`) // of the rules that the exporter ships
	alertRule      = lazyregexp.New(`(?m)^\s*(?:-\s+)?alert:\s*["']?([A-Za-z_][\w:-]{2,})`)
)

// commandIn reports whether a document contains any known command as code.
func commandIn(m *markdown.Document) bool {
	return slices.ContainsFunc(m.Sections, func(s markdown.Section) bool {
		return slices.ContainsFunc(s.Blocks, func(b markdown.Block) bool {
			return (b.Form == markdown.CodeBlock || b.Text != b.Prose) && anyCommand.MatchString(b.Text)
		})
	})
}

// mentionsCommand reports whether a document contains a command that acts on the deployment.
func mentionsCommand(p *probe.Pass, m *markdown.Document) bool {
	exists := func(name string) bool {
		info, err := p.Files.Stat(p.Deployment.Abs(name))
		return filepath.IsLocal(name) && err == nil && info.Mode().IsRegular()
	}
	return texts(m, func(text string) bool {
		return composeCommand.MatchString(text) || makeCommand.MatchString(text) && exists("Makefile") ||
			slices.ContainsFunc(localFile.FindAllString(text, 20), func(name string) bool { return exists(strings.TrimPrefix(name, "./")) })
	})
}

// maxRuleFiles bounds the files that are searched for alerts.
const maxRuleFiles = 50

// mentionsAlert reports whether a document names an alert of the deployment's rule files, or of the rules that the exporter
// ships.
func mentionsAlert(p *probe.Pass, m *markdown.Document) bool {
	if texts(m, ownAlert.MatchString) {
		return true
	}
	read := 0
	for _, dir := range []string{"", "prometheus", "prometheus/rules", "alerts", "rules", "monitoring", "monitoring/prometheus", "monitoring/rules", "config", "docs/monitoring"} {
		for _, pattern := range []string{"*.yml", "*.yaml"} {
			paths, _ := filepath.Glob(filepath.Join(p.Deployment.Abs(dir), pattern)) // the only error is a malformed pattern
			for _, path := range paths {
				if read++; read > maxRuleFiles {
					return false
				}
				names, err := alertsIn(p, path)
				if err != nil {
					continue // an unreadable file names no alert
				}
				if slices.ContainsFunc(names, func(name string) bool {
					return texts(m, func(text string) bool { return strings.Contains(text, name) })
				}) {
					return true
				}
			}
		}
	}
	return false
}

// alertsIn returns the names of the alerts of a rule file.
func alertsIn(p *probe.Pass, path string) ([]string, error) {
	return files.Load(p.Files, path, "alert names", markdown.MaxDocument, func(data []byte, _ fs.FileInfo) ([]string, error) {
		var names []string
		for _, match := range alertRule.FindAllSubmatch(data, -1) {
			names = append(names, string(match[1]))
		}
		return names, nil
	})
}

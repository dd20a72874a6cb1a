package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The compared work: 46 checks of local files, in the configuration language of each program. The exporter parses and judges
// the content (env file, compose model, nginx, certificates). The others only match a regular expression in the same file.
// The run fails unless all checks pass.

// check is one of the compared checks.
type check struct {
	line    string // line of the env file; "" for checks of other files
	probe   string // probe for the exporter
	file    string // file that the other programs read
	pattern string // regular expression that must match in it
}

// localChecks returns the 46 checks: 34 of settings and 12 of other files.
func localChecks() []check {
	var all []check
	env := func(key, value, probe, pattern string) {
		all = append(all, check{key + "=" + value, strings.ReplaceAll(probe, "KEY", key), ".env.production", "^" + key + "=" + pattern + "$"})
	}
	for i := range 10 {
		env(fmt.Sprintf("WORD_%02d", i), "info", "env_word: {key: KEY, good: [info, warn, error], bad: [debug, trace]}", "(info|warn|error)")
	}
	for i := range 10 {
		env(fmt.Sprintf("SWITCH_%02d", i), "true", "env_flag: {all: [KEY]}", "(true|1)")
	}
	for i := range 8 {
		env(fmt.Sprintf("MAX_%02d", i), "25", "env_number: {any: [KEY], max: 100}", "[1-9][0-9]?")
	}
	for i := range 6 {
		env(fmt.Sprintf("PASSWORD_%02d", i), "SECRET", "env_secret: {key: KEY, min_length: 32}", "[^ ]{32,}")
	}
	return append(all,
		check{"", "env_file: {compose: false}", ".env.production", "^WORD_00="},
		check{"", "env_placeholders: {}", ".env.production", "^PASSWORD_00=[0-9a-f]+$"},
		check{"", "compose_config: {}", "docker-compose.yml", "^services:"},
		check{"", "compose_limits: {}", "docker-compose.yml", "limits:.*memory:"},
		check{"", "compose_ports: {allowed: [80, 443]}", "docker-compose.yml", `ports: \["80:80", "443:443"\]`},
		check{"", "compose_logging: {}", "docker-compose.yml", "driver: syslog"},
		check{"", "nginx_split: {new: exchange_green}", "nginx/nginx.conf", "100% exchange_green;"},
		check{"", "tls_files: {}", "ssl/server.crt", "^-----BEGIN CERTIFICATE-----$"},
		check{"", "document: {document: runbook, words: 30, procedures: 1}", "RUNBOOK.md", "^## "},
		check{"", "document: {document: disaster_recovery_plan, objectives: [[RTO], [RPO]]}", "DISASTER-RECOVERY.md", "RTO: .* RPO: "},
		check{"", "changelog: {}", "CHANGELOG.md", `^## \[1\.4\.0\]`},
		check{"", "migrations: {}", "migrations/0001_publisher.sql", "^create table"},
	)
}

// itemsOf returns n checks by repeating the 46: of 460 checks, each occurs ten times.
func itemsOf(n int) []check {
	local := localChecks()
	all := make([]check, n)
	for i := range all {
		all[i] = local[i%len(local)]
	}
	return all
}

// writeChecklist writes a checklist and its configuration, and returns the path of the configuration. Results are reused for
// maxAge ("0s": never). If target is set, the deployment is a target named bench.
func (b *bench) writeChecklist(name, root string, checks []check, maxAge string, target bool) (string, error) {
	var list strings.Builder
	list.WriteString("checklist: Bench\ncategories:\n")
	const perCategory = 46
	for i, c := range checks {
		if i%perCategory == 0 {
			fmt.Fprintf(&list, "- category: part%02d\n  items:\n", i/perCategory)
		}
		kind, spec, _ := strings.Cut(c.probe, ": ")
		fmt.Fprintf(&list, "  - {item: i%04d, title: Check %04d, severity: warning, fix: Fix it., probes: [{%s: %s, max_age: %s}]}\n", i, i, kind, spec, maxAge)
	}
	path := b.path(name, "checklist.yml")
	where := "deployment:"
	if target {
		where = "targets:\n  bench:"
	}
	config := fmt.Sprintf("checklist: checklist.yml\n%s\n    root: %s\n    public: {hosts: [%s]}\n    tls: {ca_file: ssl/ca.pem}\n", where, root, publicHost)
	if err := os.WriteFile(path, []byte(list.String()), 0o600); err != nil {
		return "", err
	}
	path = filepath.Join(filepath.Dir(path), "catalyst.yml")
	return path, os.WriteFile(path, []byte(config), 0o600)
}

// gossExtra adds to the file checks of goss: the certificate through openssl, because goss has no such check, and ports.
const gossExtra = `command:
  certificate:
    exec: openssl x509 -noout -checkend 604800 -in ROOT/ssl/server.crt
    exit-status: 0
port:
  tcp:5432: {listening: false}
  tcp:6379: {listening: false}
  tcp:9099: {listening: false}
`

// writeGoss writes the checks as a goss file.
func (b *bench) writeGoss(name, root string, checks []check, extra string) (string, error) {
	var text strings.Builder
	text.WriteString("file:\n")
	for i, c := range checks {
		fmt.Fprintf(&text, "  check%04d:\n    path: %s\n    exists: true\n    contents: ['/%s/']\n", i, filepath.Join(root, c.file), strings.ReplaceAll(c.pattern, "/", `\/`))
	}
	text.WriteString(strings.ReplaceAll(extra, "ROOT", root))
	path := b.path(name, "goss.yaml")
	return path, os.WriteFile(path, []byte(text.String()), 0o600)
}

// writeScript writes the checks as a shell script.
func (b *bench) writeScript(name, root string, checks []check) (string, error) {
	var text strings.Builder
	text.WriteString("#!/bin/sh\nset -eu\n")
	for i, c := range checks {
		fmt.Fprintf(&text, "grep -Eq '%s' %s && echo 'check_ok{item=\"i%04d\"} 1'\n", c.pattern, filepath.Join(root, c.file), i)
	}
	fmt.Fprintf(&text, "openssl x509 -noout -checkend 604800 -in %s/ssl/server.crt\n", root)
	path := b.path(name, "checks.sh")
	return path, os.WriteFile(path, []byte(text.String()), 0o700)
}

// writeFloor writes the checks for the floor program.
func (b *bench) writeFloor(name, root string, checks []check) (string, error) {
	var text strings.Builder
	for i, c := range checks {
		kind, _, _ := strings.Cut(c.probe, ":")
		fmt.Fprintf(&text, "part%02d\ti%04d\tCheck %04d\t%s\t%s\t%s\n", i/46, i, i, kind, filepath.Join(root, c.file), c.pattern)
	}
	path := b.path(name, "floor.tsv")
	return path, os.WriteFile(path, []byte(text.String()), 0o600)
}

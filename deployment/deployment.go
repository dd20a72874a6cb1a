// Package deployment knows one installation: its folder, files, services, hosts and addresses, and where each of them was found.
//
// Discover is called once per configuration; a View per pass. What may appear, change or vanish while the program runs (every file) is chosen and
// read by the View; what did not change since the last one costs a stat. Nothing in the folder is executed, nothing is asked over a network, and
// nothing of the process's own environment flows in.
package deployment

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Deployment is what is known of one installation before looking into it: which files, hosts and addresses, and how each was found.
// Safe for concurrent use; the exported fields are not changed after Discover.
type Deployment struct {
	// Settings as configured, defaults filled in, Root absolute.
	Settings
	// Findings of the first look; View.Findings has those of a later one.
	Findings []Finding

	index   index
	compose made[composeResult]
	nginx   made[nginxResult]
	around  around
	chosen  chosen
}

// How a fact became known.
const (
	Configured = "configured" // the configuration says so: kept although it may not exist
	Found      = "found"      // seen in the deployment's folder
	Default    = "default"    // nobody said and nothing was seen
)

// Finding is one line of config discover.
type Finding struct {
	Fact    string   // what it is about: "env file"
	Value   string   // what was chosen, paths relative to the root; "" when there is none
	How     string   // Configured, Found or Default
	Others  []string // what else was there and not chosen
	Implies string   // what follows from it, for people; "" for nothing
}

// Discover looks for everything that Settings leaves open. A missing optional fact is no error: only a root that is no readable directory and
// settings that contradict each other are.
func Discover(s Settings) (*Deployment, error) {
	if s.Root == "" {
		s.Root = "."
	}
	root, err := filepath.Abs(s.Root)
	if err != nil {
		return nil, fmt.Errorf("deployment root: %w", err)
	}
	s.Root = root
	info, err := os.Stat(root)
	switch {
	case err != nil:
		return nil, fmt.Errorf("deployment root: %w: point --deployment.root, or root in the configuration, at the deployment's folder", err)
	case !info.IsDir():
		return nil, fmt.Errorf("deployment root: %s is not a directory: point --deployment.root, or root in the configuration, at the deployment's folder", root)
	}
	dir, err := files.OpenDir(root)
	if err == nil {
		_, err = dir.ReadDir(1)
		_ = dir.Close()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("deployment root: %w: the exporter's user must be able to list it", err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	s.fill()
	d := &Deployment{Settings: s}
	d.Findings = d.View(&files.Cache{}).Findings()
	return d, nil
}

func (s *Settings) fill() {
	fill := func(p *string, standard string) {
		if *p == "" {
			*p = standard
		}
	}
	if s.Root != "" {
		fill(&s.Name, filepath.Base(s.Root))
	}
	fill(&s.Environment, "production")
	fill(&s.Backup.Service, "backup")
	fill(&s.Firewall.HostRoot, "/")
	fill(&s.Public.TerminatedAt, "origin")
	fill(&s.Public.CDN, "none")
	if s.Backup.MaxAge == 0 {
		s.Backup.MaxAge = schema.Duration(26 * time.Hour)
	}
}

// check finds settings that contradict each other; all of them are told at once. Addresses are checked by form, never shown: they may hold a
// password.
func (s *Settings) check() error {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	both := func(a, b bool, what string) {
		if a && b {
			say("%s are both set: keep one", what)
		}
	}
	pair := func(a, b, what string) {
		if (a == "") != (b == "") {
			say("%s go together: set both or none", what)
		}
	}
	web := func(what, address string, h HTTP) {
		if address != "" {
			u, err := url.Parse(address)
			switch {
			case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
				say("%s is not an http:// or https:// URL", what)
			case u.User != nil:
				say("%s holds a user or password: use username and password_file", what)
			}
		}
		prefix := strings.TrimSuffix(what, "url")
		pair(h.CertFile, h.KeyFile, prefix+"cert_file and "+prefix+"key_file")
		both(h.PasswordFile != "" || h.Username != "", h.BearerTokenFile != "", prefix+"username or password_file and "+prefix+"bearer_token_file")
	}
	web("api.url", s.API.URL, s.API.HTTP)
	web("public.url", s.Public.URL, HTTP{})
	web("prometheus.url", s.Prometheus.URL, s.Prometheus.HTTP)
	web("grafana.url", s.Grafana.URL, s.Grafana.HTTP)
	web("alertmanager.url", s.Alertmanager.URL, s.Alertmanager.HTTP)
	web("loki.url", s.Loki.URL, s.Loki.HTTP)
	web("aws.endpoint", s.AWS.Endpoint, HTTP{})
	both(s.Grafana.TokenFile != "", s.Grafana.BearerTokenFile != "", "grafana.token_file and grafana.bearer_token_file")
	pair(s.TLS.Cert, s.TLS.Key, "tls.cert and tls.key")
	pair(s.Docker.CertFile, s.Docker.KeyFile, "docker.cert_file and docker.key_file")
	both(!s.Database.Password.Empty(), s.Database.PasswordFile != "", "database.password and database.password_file")
	both(!s.Redis.Password.Empty(), s.Redis.PasswordFile != "", "redis.password and redis.password_file")
	both(s.Backup.Path != "", s.Backup.Directory != "", "backup.path and backup.directory")
	if s.Database.Port < 0 || s.Database.Port > 65535 {
		say("database.port is not a port")
	}
	for _, p := range s.Firewall.Allowed {
		if p < 1 || p > 65535 {
			say("firewall.allowed holds %d, which is not a port", p)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("deployment: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// Abs is a configured path as an absolute one: relative paths start at the root.
func (d *Deployment) Abs(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.Root, path)
}

// Rel is a path as shown to people: relative to the root where it lies below it.
func (d *Deployment) Rel(path string) string { return relative(d.Root, path) }

func relative(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// State is a folder or file of the exporter's own state below ROOT/.catalyst.
func (d *Deployment) state(configured, name string) string {
	if configured != "" {
		return d.Abs(configured)
	}
	return filepath.Join(d.Root, ".catalyst", name)
}

// ReleasesDir is the folder of the release records, absolute.
func (d *Deployment) ReleasesDir() string { return d.state(d.Releases, "releases") }

// AttestationsDir is the folder of the attestations, absolute.
func (d *Deployment) AttestationsDir() string { return d.state(d.Attestations, "attestations") }

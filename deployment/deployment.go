// Package deployment describes one installation: its folder, files, services, hosts and addresses, and where each was
// found.
//
// Discover is called once per configuration, View once per pass. The View selects and reads everything that may change
// while the program runs (all files). A file that did not change since the last View costs one stat. The package
// executes nothing in the folder, sends nothing over a network and does not use the environment of its own process.
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

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Deployment holds the facts about one installation that are known before its files are read: files, hosts and
// addresses, and how each was found. Safe for concurrent use. The exported fields do not change after Discover.
type Deployment struct {
	// Settings as configured, with defaults. Root is absolute.
	Settings

	index   source.Index
	compose source.Cache[composeResult]
	nginx   source.Cache[nginxResult]
	around  around
	chosen  find.Chosen
}

// Discover finds everything that Settings leaves open. A missing optional fact is not an error. An unreadable root and
// contradictory settings are errors.
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
		return nil,
			fmt.Errorf("deployment root: %w: set --deployment.root, or root in the configuration, to the deployment's folder",
				err)
	case !info.IsDir():
		return nil,
			fmt.Errorf("deployment root: %s is not a directory: set --deployment.root, or root in the configuration, to the deployment's folder", root)
	}
	dir, err := files.OpenDir(root)
	if err == nil {
		_, err = dir.ReadDir(1)
		_ = dir.Close()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("deployment root: %w: allow the exporter's user to list it", err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	s.fill()
	d := &Deployment{Settings: s}
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

// check returns all contradictory settings at once. Addresses are checked for their form and never quoted: they may
// hold a password.
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
			say("%s must be set together", what)
		}
	}
	web := func(what, address string, h HTTP) {
		if address != "" {
			u, err := url.Parse(address)
			switch {
			case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
				say("%s is not an http:// or https:// URL", what)
			case u.User != nil:
				say("%s contains a user or password: use username and password_file", what)
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
			say("firewall.allowed contains %d, which is not a port", p)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("deployment: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// Abs returns a configured path as an absolute path; relative paths start at the root.
func (d *Deployment) Abs(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.Root, path)
}

func (d *Deployment) absAll(paths []string) []string {
	var all []string
	for _, path := range paths {
		all = append(all, d.Abs(path))
	}
	return all
}

// Sources returns the files and directories that the compose model and the nginx configuration were read from.
func (d *Deployment) Sources() []string { return append(d.compose.Sources(), d.nginx.Sources()...) }

// Rel returns a path for display: relative to the root if it lies below it.
func (d *Deployment) Rel(path string) string { return source.Relative(d.Root, path) }

// State returns a file or folder of the exporter's own state below ROOT/.catalyst.
func (d *Deployment) state(configured, name string) string {
	if configured != "" {
		return d.Abs(configured)
	}
	return filepath.Join(d.Root, ".catalyst", name)
}

// ReleasesDir returns the absolute path of the folder of release records.
func (d *Deployment) ReleasesDir() string { return d.state(d.Releases, "releases") }

// AttestationsDir returns the absolute path of the folder of attestations.
func (d *Deployment) AttestationsDir() string { return d.state(d.Attestations, "attestations") }

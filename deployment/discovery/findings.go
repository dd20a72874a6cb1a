// Package discovery reports what was found in a deployment's folder: each fact, how it was found, and what it implies.
package discovery

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// Finding is one line of "config discover".
type Finding struct {
	Fact    string   // the subject: "env file"
	Value   string   // the chosen value, with paths relative to the root; "" when there is none
	How     string   // Configured, Found or Default
	Others  []string // candidates that were not chosen
	Implies string   // the consequence for the user; "" for none
}

// Findings returns what was found and how, for display. It contains names of files, services and hosts, but no other
// values of the deployment's files.
func Findings(d *deployment.Deployment) []Finding {
	v := d.View(&files.Cache{})
	findings := []Finding{{Fact: "root", Value: d.Root, How: find.Configured}}
	for _, fact := range []string{
		find.FactEnvFile, find.FactCompose, find.FactNginx, find.FactSSL, find.FactMigrations, find.FactAlertmanager, find.FactRecovery, find.FactRunbook, find.FactChangelog, find.FactDiagrams, find.FactChecklist, find.FactRepository, find.FactFirewall,
	} {
		place := v.Place(fact)
		findings = append(findings, Finding{Fact: fact, Value: shown(d, place.Paths), How: place.How, Others: relative(d, place.Others), Implies: implies(v, place)})
		if fact == find.FactCompose {
			findings = append(findings, serviceFinding(v))
		}
	}
	findings = append(findings, hostsFinding(v), databaseFinding(v), redisFinding(v))
	for _, a := range []struct {
		fact    string
		address deployment.Address
		setting string
	}{
		{"application", d.API.Address(), "api.url"},
		{"prometheus", d.Prometheus.Address(), "prometheus.url"},
		{"grafana", d.Grafana.Address(), "grafana.url"},
		{"loki", d.Loki.Address(), "loki.url"},
	} {
		f := Finding{Fact: a.fact, Value: a.address.URL, How: find.Default}
		switch {
		case a.address.Configured:
			f.How = find.Configured
		case a.address.URL == "":
			f.Implies = "not checked: set deployment." + a.setting
		default:
			f.Implies = "unknown when unreachable: set deployment." + a.setting + " to make that a failure"
		}
		findings = append(findings, f)
	}
	return findings
}

func relative(d *deployment.Deployment, paths []string) []string {
	var shown []string
	for _, p := range paths {
		shown = append(shown, d.Rel(p))
	}
	return shown
}

func shown(d *deployment.Deployment, paths []string) string {
	return strings.Join(relative(d, paths), ", ")
}

// implies returns the consequence of a place; "" when it is obvious.
func implies(v *deployment.View, p find.Place) string {
	d := v.Deployment
	if p.How == find.Configured && len(p.Paths) > 0 {
		for _, path := range p.Paths {
			if !source.Exists(path) {
				return d.Rel(path) + " does not exist: its contents are treated as missing"
			}
		}
	}
	if len(p.Unseen) > 0 {
		return "not found, but these folders cannot be listed: " + shown(d, p.Unseen)
	}
	switch p.Fact {
	case find.FactEnvFile:
		env, err := v.Env()
		switch {
		case len(p.Paths) == 0:
			return "settings come only from the compose file: set deployment.env_file"
		case err != nil:
			return fmt.Sprintf("cannot be read: %v", source.Reason(err))
		case env.Err() != nil:
			return fmt.Sprintf("rejected by Compose: %v", env.Err())
		}
		return fmt.Sprintf("%d keys; provides the variables of the compose files, as with docker compose --env-file",
			len(env.Entries))
	case find.FactCompose:
		c, err := v.Compose()
		switch {
		case errors.Is(err, compose.ErrNoFile):
			return "services are unknown: set deployment.compose_files"
		case err != nil:
			return fmt.Sprintf("cannot be used: %v", err)
		}
		text := fmt.Sprintf("services %s", strings.Join(c.Services(), ", "))
		if off := c.Project.DisabledServiceNames(); len(off) > 0 {
			text += "; inactive because of their profiles: " + strings.Join(off, ", ")
		}
		if len(c.Outside) > 0 {
			text += "; reads files outside the root: " + strings.Join(c.Outside, ", ")
		}
		if err := c.ConfigError(); err != nil {
			text += fmt.Sprintf("; docker compose config rejects it: %v", err)
		}
		return text
	case find.FactNginx:
		n, err := v.Nginx()
		switch {
		case errors.Is(err, nginx.ErrNoFile):
			return "certificates are found by name: set deployment.nginx"
		case err != nil:
			return fmt.Sprintf("cannot be read: %v", source.Reason(err))
		}
		text := fmt.Sprintf("servers: %d, files: %d", len(n.Servers), len(n.Files))
		if n.Service != "" {
			text += ", mounted into service " + n.Service
		}
		if len(n.Problems) > 0 {
			text += fmt.Sprintf("; %s:%d: %s", n.Problems[0].File, n.Problems[0].Line, n.Problems[0].Text)
		}
		return text
	case find.FactFirewall:
		switch {
		case d.Firewall.External:
			return "a cloud firewall protects the host: evidence or an attestation is required"
		case len(p.Paths) == 0:
			return "ufw is not installed on this host: set deployment.firewall.host_root to the host's mounted file system, or set deployment.firewall.external"
		}
	case find.FactRepository:
		if len(p.Paths) == 0 {
			return "commits are unknown: set deployment.repository.path"
		}
	}
	return ""
}

func serviceFinding(v *deployment.View) Finding {
	f := Finding{Fact: "application's service", How: find.Default}
	app, err := v.AppService()
	if err != nil {
		f.Implies = fmt.Sprintf("unknown: %v", err)
		return f
	}
	f.Value, f.How, f.Others = app.Name, app.How, app.Others
	switch {
	case app.Name != "" && app.How == find.Found:
		f.Implies = "chosen because of " + app.Why + " (set deployment.service to choose another); its settings are checked as the application's"
		if len(app.Copies) > 0 {
			f.Implies += ", and also those of " + strings.Join(app.Copies, ", ") + ", which run the same program"
		}
	case app.Name == "" && len(app.Others) > 0:
		f.Implies = "no service looks like the application: set deployment.service"
	}
	return f
}

func hostsFinding(v *deployment.View) Finding {
	f := Finding{Fact: "public hosts", How: find.Default}
	hosts, err := v.PublicHosts()
	var names, weak []string
	for _, h := range hosts {
		switch {
		case h.Placeholder == "":
			names = append(names, h.Name)
			f.How = h.How
		case h.Name != "":
			weak = append(weak, h.Name+" ("+h.Placeholder+")")
		}
	}
	f.Value, f.Others = strings.Join(names, ", "), weak
	switch {
	case err != nil:
		f.Implies = fmt.Sprintf("some sources cannot be read: %v", err)
	case len(names) == 0:
		f.Implies = "certificates, DNS and public pages cannot be checked without a host: set deployment.public.hosts"
	}
	return f
}

func databaseFinding(v *deployment.View) Finding {
	a, err := v.DatabaseAccess()
	return reachFinding("database", a.Reach, err)
}

func redisFinding(v *deployment.View) Finding {
	a, err := v.RedisAccess()
	return reachFinding("redis", a.Reach, err)
}

func reachFinding(fact string, r deployment.Reach, err error) Finding {
	f := Finding{Fact: fact, How: find.Default}
	var no *deployment.NoWayError
	switch {
	case errors.As(err, &no):
		f.How, f.Implies = find.Found, fmt.Sprintf("unreachable from here: %v", err)
		return f
	case errors.Is(err, fs.ErrPermission):
		f.Implies = "unknown: the exporter's user has no permission to read a file that contains it"
		return f
	case err != nil:
		f.Implies = fmt.Sprintf("unknown: %v", err)
		return f
	}
	f.Value = r.Address()
	switch {
	case r.Configured:
		f.How = find.Configured
	case r.How != "default":
		f.How, f.Implies = find.Found, r.How
	}
	return f
}

package deployment

import (
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/shell"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// View is what one pass reads of a deployment. Everything is read once, on first use, and shared. Safe for concurrent
// use.
type View struct {
	// Deployment is the deployment that is read.
	Deployment *Deployment

	cache      *files.Cache
	env        func() (*Env, error)
	compose    func() (*Compose, error)
	nginx      func() (*Nginx, error)
	app        func() (AppService, error)
	envFiles   func() ([]*Env, error)
	folders    func() *places
	places     func() map[string]Place
	repository func() Place
	ufw        func() Place
	nginxRoots func() nginxChoice

	mu       sync.Mutex
	envs     map[string]func() (*Env, error)
	services map[string]surroundings
	programs map[string]shell.Program
}

// View starts a pass. The cache keeps results of the previous pass for unchanged files.
func (d *Deployment) View(cache *files.Cache) *View {
	if cache == nil {
		cache = &files.Cache{}
	}
	v := &View{Deployment: d, cache: cache, envs: map[string]func() (*Env, error){}, services: map[string]surroundings{}, programs: map[string]shell.Program{}}
	v.folders = sync.OnceValue(d.places)
	v.places = sync.OnceValue(v.choose)
	v.repository = sync.OnceValue(d.repository)
	v.ufw = sync.OnceValue(d.ufw)
	v.nginxRoots = sync.OnceValue(v.chooseNginx)
	v.env = sync.OnceValues(func() (*Env, error) {
		place := v.Place(FactEnvFile)
		if place.Path() == "" {
			return nil, &fs.PathError{Op: "open", Path: filepath.Join(d.Root, ".env.production"), Err: fs.ErrNotExist}
		}
		return v.envAt(place.Path())
	})
	v.compose = sync.OnceValues(v.readCompose)
	v.app = sync.OnceValues(v.findApp)
	v.nginx = sync.OnceValues(v.readNginx)
	v.envFiles = sync.OnceValues(v.readEnvFiles)
	return v
}

// choose selects all places that depend only on file names. If no listing changed, it returns those of the previous
// pass.
func (v *View) choose() map[string]Place {
	p := v.folders()
	before := &v.Deployment.chosen
	if kept := before.find(p); kept != nil {
		return kept
	}
	d := v.Deployment
	env := p.envFile()
	all := []Place{
		env,
		p.composeFiles(env),
		p.first(FactSSL, d.SSL, p.hits(folder("ssl", "certs", "tls"), "nginx")),
		p.first(FactMigrations, d.Migrations, p.hits(folder("migrations"), "db", "database", "internal/db", "sql")),
		p.first(FactRecovery, d.Documents.DisasterRecovery, p.hits(named("DISASTER-RECOVERY.md", "DISASTER-RECOVERY-PLAN.md", "DR.md", "DR-PLAN.md"), "ops", "operations")),
		p.first(FactRunbook, d.Documents.Runbook, p.hits(named("RUNBOOK.md", "RUNBOOKS.md"), "ops", "operations")),
		p.first(FactChangelog, d.Documents.Changelog, p.hits(named("CHANGELOG.md", "CHANGES.md", "HISTORY.md"))),
		p.first(FactChecklist, d.Documents.Checklist, p.hits(checklistDocument)),
		p.diagrams(),
		p.first(FactAlertmanager, d.Alertmanager.Config, p.hits(named("alertmanager.yml", "alertmanager.yaml"), "prometheus", "alertmanager", "monitoring", "monitoring/prometheus", "monitoring/alertmanager", "config")),
	}
	places := make(map[string]Place, len(all))
	for _, place := range all {
		if len(place.Paths) == 0 {
			place.Unseen = p.unseen()
		}
		places[place.Fact] = place
	}
	before.keep(p, places)
	return places
}

// Place returns where a fact's file or folder is. fact is one of the Fact constants.
func (v *View) Place(fact string) Place {
	switch fact {
	case FactNginx:
		return v.nginxPlace()
	case FactCompose:
		return v.composePlace()
	case FactAlertmanager, FactMigrations:
		return v.mounted(v.places()[fact])
	case FactRepository: // rarely used and independent of the listings, like the next one
		return v.repository()
	case FactFirewall:
		return v.ufw()
	}
	return v.places()[fact]
}

// Env returns the deployment's env file, the one that Compose is started with. The error is a read error:
// fs.ErrNotExist, fs.ErrPermission, files.ErrNotRegular, files.ErrTooLarge (1 MiB), syscall.ELOOP. A file that Compose
// rejects is returned; see Env.Err.
func (v *View) Env() (*Env, error) { return v.env() }

// envAt reads an env file.
func (v *View) envAt(path string) (*Env, error) {
	v.mu.Lock()
	read, ok := v.envs[path]
	if !ok {
		read = sync.OnceValues(func() (*Env, error) {
			return files.Load(v.cache, path, "env", maxEnvFile, func(data []byte, info fs.FileInfo) (*Env, error) {
				return parseEnv(path, v.Deployment.Rel(path), data, info), nil
			})
		})
		v.envs[path] = read
	}
	v.mu.Unlock()
	return read()
}

// serviceEnv reads an env file of a service.
func (v *View) serviceEnv(file types.EnvFile) (*Env, error) {
	if file.Format == "raw" {
		return files.Load(v.cache, file.Path, "raw env", maxEnvFile, func(data []byte, info fs.FileInfo) (*Env, error) {
			return parseRawEnv(file.Path, v.Deployment.Rel(file.Path), data, info), nil
		})
	}
	return v.envAt(file.Path)
}

package deployment

import (
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/deployment/shell"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// View is what one pass reads of a deployment. Everything is read once, on first use, and shared. Safe for concurrent
// use.
type View struct {
	// Deployment is the deployment that is read.
	Deployment *Deployment

	cache      *files.Cache
	env        func() (*env.File, error)
	compose    func() (*compose.Model, error)
	nginx      func() (*nginx.Config, error)
	app        func() (AppService, error)
	envFiles   func() ([]*env.File, error)
	folders    func() *find.Folders
	places     func() map[string]find.Place
	repository func() find.Place
	ufw        func() find.Place
	nginxRoots func() nginxChoice

	mu       sync.Mutex
	envs     map[string]func() (*env.File, error)
	services map[string]surroundings
	programs map[string]shell.Program
}

// View starts a pass. The cache keeps results of the previous pass for unchanged files.
func (d *Deployment) View(cache *files.Cache) *View {
	if cache == nil {
		cache = &files.Cache{}
	}
	v := &View{Deployment: d, cache: cache, envs: map[string]func() (*env.File, error){}, services: map[string]surroundings{}, programs: map[string]shell.Program{}}
	v.folders = sync.OnceValue(func() *find.Folders { return find.Search(d.Root, &d.index) })
	v.places = sync.OnceValue(v.choose)
	v.repository = sync.OnceValue(func() find.Place { return find.Repository(d.Root, d.Abs(d.Repository.Path)) })
	v.ufw = sync.OnceValue(func() find.Place { return find.UFW(d.Abs(d.Firewall.HostRoot)) })
	v.nginxRoots = sync.OnceValue(v.chooseNginx)
	v.env = sync.OnceValues(func() (*env.File, error) {
		place := v.Place(find.FactEnvFile)
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
func (v *View) choose() map[string]find.Place {
	p, d := v.folders(), v.Deployment
	return d.chosen.Folders(p, func() []find.Place {
		env := p.EnvFile(d.Abs(d.EnvFile))
		return append(p.Named(map[string]string{
			find.FactSSL:          d.Abs(d.SSL),
			find.FactMigrations:   d.Abs(d.Migrations),
			find.FactRecovery:     d.Abs(d.Documents.DisasterRecovery),
			find.FactRunbook:      d.Abs(d.Documents.Runbook),
			find.FactChangelog:    d.Abs(d.Documents.Changelog),
			find.FactChecklist:    d.Abs(d.Documents.Checklist),
			find.FactAlertmanager: d.Abs(d.Alertmanager.Config),
		}), env, p.ComposeFiles(d.absAll(d.ComposeFiles), env), p.Diagrams(d.absAll(d.Documents.Diagrams)))
	})
}

// Place returns where a fact's file or folder is. fact is one of the Fact constants.
func (v *View) Place(fact string) find.Place {
	switch fact {
	case find.FactNginx:
		return v.nginxPlace()
	case find.FactCompose:
		return v.composePlace()
	case find.FactAlertmanager, find.FactMigrations:
		return v.mounted(v.places()[fact])
	case find.FactRepository: // rarely used and independent of the listings, like the next one
		return v.repository()
	case find.FactFirewall:
		return v.ufw()
	}
	return v.places()[fact]
}

// Env returns the deployment's env file, the one that Compose is started with. The error is a read error:
// fs.ErrNotExist, fs.ErrPermission, files.ErrNotRegular, files.ErrTooLarge (1 MiB), syscall.ELOOP. A file that Compose
// rejects is returned; see env.File.Err.
func (v *View) Env() (*env.File, error) { return v.env() }

// envAt reads an env file.
func (v *View) envAt(path string) (*env.File, error) {
	v.mu.Lock()
	read, ok := v.envs[path]
	if !ok {
		read = sync.OnceValues(func() (*env.File, error) {
			return files.Load(v.cache, path, "env", env.MaxSize, func(data []byte, info fs.FileInfo) (*env.File, error) {
				return env.Parse(path, v.Deployment.Rel(path), data, info), nil
			})
		})
		v.envs[path] = read
	}
	v.mu.Unlock()
	return read()
}

// serviceEnv reads an env file of a service.
func (v *View) serviceEnv(file types.EnvFile) (*env.File, error) {
	if file.Format == "raw" {
		return files.Load(v.cache, file.Path, "raw env", env.MaxSize, func(data []byte, info fs.FileInfo) (*env.File, error) {
			return env.ParseRaw(file.Path, v.Deployment.Rel(file.Path), data, info), nil
		})
	}
	return v.envAt(file.Path)
}

package deployment

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/sirupsen/logrus"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestView_WithoutPermission(t *testing.T) {
	d := install(t, map[string]string{
		"compose.yml":     "services:\n  catalyst:\n    build: .\n    env_file: app.env\n    secrets: [token]\n    environment: {PLAIN: x}\nsecrets:\n  token: {file: ./token.txt}\n",
		".env.production": "A=1\n", "app.env": "B=1\n", "token.txt": "secret", "docs/closed/RUNBOOK.md": "# Runbook",
	})
	for dir := d.Root; dir != filepath.Dir(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o005 != 0o005 && strings.HasPrefix(dir, os.TempDir()+"/") {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, mode := range map[string]fs.FileMode{"compose.yml": 0o644, ".env.production": 0, "app.env": 0, "token.txt": 0, "docs/closed": 0} {
		if err := os.Chmod(filepath.Join(d.Root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(d.Root, "docs/closed"), 0o755) })
	parts.AsNobody(t, func() {
		d, err := Discover(Settings{Root: d.Root})
		if err != nil {
			t.Error(err)
			return
		}
		v := d.View(nil)
		if _, err := v.Env(); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("Env() = %v", err)
		}
		if _, err := v.Value("TOKEN"); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "token.txt") {
			t.Errorf("secret file: %v", err)
		}
		if _, err := v.Value("B"); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "app.env") {
			t.Errorf("env_file: %v", err)
		}
		if got, err := v.Value("PLAIN"); err != nil || got.Text.Reveal() != "x" {
			t.Errorf("readable value: %+v, %v", got, err)
		}
		c, err := v.Compose()
		if err != nil || !errors.Is(c.ConfigError(), fs.ErrPermission) {
			t.Errorf("Compose() = %v", err)
		}
		if _, err := v.EnvFiles(); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("EnvFiles() = %v", err)
		}
		if p := v.Place(find.FactRunbook); len(p.Paths) != 0 || len(p.Unseen) != 1 || d.Rel(p.Unseen[0]) != "docs/closed" {
			t.Errorf("place in an unreadable folder: %+v", p)
		}
		if p := v.Place(find.FactEnvFile); len(p.Unseen) != 0 {
			t.Errorf("found place has Unseen %v", p.Unseen)
		}
	})
}

// All probes of a pass share one view, and all passes share one deployment.
func TestView_ConcurrentUse(t *testing.T) {
	d := install(t, map[string]string{
		"compose.yml": "services:\n  catalyst:\n    build: .\n    env_file: [.env, b.env]\n  nginx: {image: nginx, volumes: ['./nginx.conf:/etc/nginx/nginx.conf']}\n",
		".env":        "DB_PASSWORD=x\nDOMAIN=a.test\n", "b.env": "C=${DB_PASSWORD}\n", "nginx.conf": nginxConf,
	})
	cache := &files.Cache{}
	var all sync.WaitGroup
	for range 8 {
		shared := d.View(cache)
		for range 4 {
			all.Go(func() {
				for _, v := range []*View{shared, d.View(cache)} {
					if got, err := v.Value("C"); err != nil || got.Text.Reveal() != "x" {
						t.Errorf("C = %+v, %v", got, err)
					}
					if _, err := v.Nginx(); err != nil {
						t.Error(err)
					}
					if _, err := v.PublicHosts(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
}

// Every key of a service has the value that Compose itself assigns.
func TestValue_AgreesWithCompose(t *testing.T) {
	out := logrus.StandardLogger().Out
	logrus.SetOutput(nopWriter{}) // the library warns about unset variables
	defer logrus.SetOutput(out)
	d := install(t, map[string]string{
		"docker-compose.yml": `x-env: &env
  SHARED: ${SHARED:-s}
  OVER: anchor
services:
  catalyst:
    image: x
    env_file:
      - a.env
      - path: b.env
      - path: gone.env
        required: false
    environment:
      <<: *env
      OVER: mapping
      FROM_ENV: ${TOP}
      BARE:
      EMPTY: ""
      NUMBER: 5
      BOOL: true
      DOLLAR: $$x
      NESTED: ${NONE:-${TOP}-${OTHER:-o}}
  list:
    image: x
    env_file: b.env
    environment:
      - A=${TOP}
      - BARE
      - NOWHERE
`,
		"docker-compose.override.yml": "services:\n  catalyst:\n    environment:\n      LATE: ${TOP}!\n      SHARED: over\n",
		".env":                        "TOP=top\nBARE=bare\nEXPAND=\"${TOP}x\"\nSINGLE='$TOP'\n",
		"a.env":                       "A1=${TOP}\nA2=${A1}${LOCAL}\nLOCAL=l\nA3=${LOCAL}\nOVER=a\nSHARED_FILE=a\nINHERIT\nBARE=file\nFROM_SERVICE=${NUMBER}\n",
		"b.env":                       "SHARED_FILE=b-${SHARED_FILE}\nexport B='x y'\nTOP=local\nB2=${TOP}\n",
	})
	options, err := cli.NewProjectOptions([]string{filepath.Join(d.Root, "docker-compose.yml"), filepath.Join(d.Root, "docker-compose.override.yml")},
		cli.WithEnvFiles(filepath.Join(d.Root, ".env")), cli.WithDotEnv)
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for _, service := range []string{"catalyst", "list"} {
		d, err := Discover(Settings{Root: d.Root, Service: service})
		if err != nil {
			t.Fatal(err)
		}
		v := d.View(nil)
		for key, text := range project.Services[service].Environment {
			keys++
			got, err := v.Own(key)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case text == nil:
				if got.Set || got.Ref.Kind != RefEnvironment {
					t.Errorf("%s of %s: Compose takes it from its environment, we return %+v", key, service, got)
				}
			case got.Text.Reveal() != *text || !got.Set || got.Origin.Line == 0:
				t.Errorf("%s of %s: Compose returns %q, we return %q from %v", key, service, *text, got.Text.Reveal(), got.Origin)
			}
		}
		env, err := v.Env()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range env.Entries {
			if e.Text.Reveal() != options.Environment[e.Key] {
				t.Errorf("%s in the env file: Compose returns %q, we return %q", e.Key, options.Environment[e.Key], e.Text.Reveal())
			}
		}
	}
	if keys < 25 {
		t.Errorf("only %d keys compared", keys)
	}
}

type nopWriter struct{}

func (nopWriter) Write(b []byte) (int, error) { return len(b), nil }

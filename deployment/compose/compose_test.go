package compose_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// load builds the model of files; docker-compose.yml is the main one, .env is used for interpolation if it is there.
func load(t *testing.T, content map[string]string, more ...string) (root string, m *compose.Model, err error) {
	t.Helper()
	root = t.TempDir()
	for name, text := range content {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := compose.Options{Root: root, ServiceEnv: func(f types.EnvFile) (*env.File, error) {
		data, err := os.ReadFile(f.Path)
		if err != nil {
			return nil, err
		}
		return env.Read(filepath.Base(f.Path), data), nil
	}}
	if text, ok := content[".env"]; ok {
		o.EnvPath, o.Env = filepath.Join(root, ".env"), env.Read(".env", []byte(text))
	}
	paths := []string{filepath.Join(root, "docker-compose.yml")}
	for _, name := range more {
		paths = append(paths, filepath.Join(root, name))
	}
	m, err = compose.Load(source.Set{}, paths, o)
	return root, m, err
}

// model loads files that compose accepts.
func model(t *testing.T, content map[string]string, more ...string) (root string, m *compose.Model) {
	t.Helper()
	root, m, err := load(t, content, more...)
	if err == nil {
		err = m.ConfigError()
	}
	if err != nil {
		t.Fatal(err)
	}
	return root, m
}

// TestLoad_Faults expects the kind, the file and the line of each fault, and a model wherever one can be built.
func TestLoad_Faults(t *testing.T) {
	const app = "services:\n  app:\n    image: app:1.0\n"
	for name, tt := range map[string]struct {
		files   map[string]string
		kind    string
		at      string
		noModel bool
	}{
		"absent":             {map[string]string{".env": ""}, compose.KindUnreadable, "docker-compose.yml", true},
		"not YAML":           {map[string]string{"docker-compose.yml": app + "    ports: [\n"}, compose.KindSyntax, "docker-compose.yml:4", true},
		"key twice":          {map[string]string{"docker-compose.yml": app + "    image: app:2.0\n"}, compose.KindDuplicate, "docker-compose.yml:4", true},
		"absent include":     {map[string]string{"docker-compose.yml": "include: [db.yml]\n" + app}, compose.KindInclude, "docker-compose.yml:1", true},
		"undefined network":  {map[string]string{"docker-compose.yml": app + "    networks: [back]\n"}, compose.KindUndefined, "docker-compose.yml:4", false},
		"absent env file":    {map[string]string{"docker-compose.yml": app + "    env_file: app.env\n"}, compose.KindEnvFile, "docker-compose.yml:4", false},
		"required and unset": {map[string]string{"docker-compose.yml": app + "    user: ${UID_OF_APP:?}\n", ".env": ""}, compose.KindInterpolation, "docker-compose.yml:4", false},
		"unknown attribute":  {map[string]string{"docker-compose.yml": app + "    imagine: app\n"}, compose.KindSchema, "docker-compose.yml:4", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, m, err := load(t, tt.files)
			if (m == nil) != tt.noModel {
				t.Errorf("model: %v", m != nil)
			}
			if err == nil && m != nil {
				err = m.ConfigError()
			}
			var fault *compose.Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v", err)
			}
			if fault.Kind != tt.kind || !strings.HasPrefix(fault.Error(), tt.at+": ") {
				t.Errorf("%s %q, want %s at %s", fault.Kind, fault, tt.kind, tt.at)
			}
			if name == "absent" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the cause is lost: %v", err)
			}
		})
	}
}

// TestPositions finds a value in the file that sets it: an override, an include, the base that a service extends.
func TestPositions(t *testing.T) {
	_, m := model(t, map[string]string{
		"docker-compose.yml": "include: [db.yml]\nservices:\n  app:\n    extends: {file: base.yml, service: web}\n    environment:\n      LEVEL: info\n      PORT: ${PORT}\n",
		"prod.yml":           "services:\n  app:\n    environment:\n      - LEVEL=warn\n",
		"base.yml":           "services:\n  web:\n    image: web:1.0\n    environment: {REGION: eu}\n",
		"db.yml":             "services:\n  db:\n    image: postgres:16\n    environment:\n      POSTGRES_DB: shop\n",
		".env":               "PORT=8080\n",
	}, "prod.yml")
	for key, want := range map[string]string{
		"app LEVEL":      "prod.yml:4 warn",
		"app PORT":       "docker-compose.yml:7 ${PORT}",
		"app REGION":     "base.yml:4 eu",
		"db POSTGRES_DB": "db.yml:5 shop",
	} {
		service, name, _ := strings.Cut(key, " ")
		at, raw := m.EnvironmentAt(service, name)
		if got := fmt.Sprintf("%s:%d %s", at.File, at.Line, raw); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if got := m.Services(); !slices.Equal(got, []string{"app", "db"}) {
		t.Errorf("services: %v", got)
	}
	if !m.RefersTo("app", "PORT") || m.RefersTo("db", "PORT") {
		t.Error("the services that refer to PORT")
	}
}

// TestPublished reads every form of a port, with the address that Docker binds.
func TestPublished(t *testing.T) {
	_, m := model(t, map[string]string{
		"docker-compose.yml": `services:
  app:
    image: app:1.0
    ports:
      - "8080:80"
      - "127.0.0.1:${ADMIN}:81"
      - "9000-9001:9000-9001/udp"
      - {target: 82, published: "8082", host_ip: "::"}
      - "83"
      - "8200-8300:84"
  inner:
    image: app:1.0
    networks: [private]
    ports: ["7000:70"]
  local:
    image: app:1.0
    network_mode: host
networks:
  private:
    driver_opts: {com.docker.network.bridge.host_binding_ipv4: 127.0.0.1}
`,
		".env": "ADMIN=8081\n",
	})
	var got []string
	for _, p := range m.Published() {
		got = append(got, fmt.Sprintf("%s %s %d-%d:%d/%s line %d", p.Service, p.HostIP, p.First, p.Last, p.Target, p.Protocol, p.Line))
	}
	want := []string{
		"app  0-0:83/tcp line 9",
		"app  8080-8080:80/tcp line 5",
		"app 127.0.0.1 8081-8081:81/tcp line 6",
		"app  8082-8082:82/tcp line 8",
		"app  8200-8300:84/tcp line 10",
		"app  9000-9000:9000/udp line 7",
		"app  9001-9001:9001/udp line 7",
		"inner 127.0.0.1 7000-7000:70/tcp line 14",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := m.HostNetwork(); !slices.Equal(got, []string{"local"}) {
		t.Errorf("on the host's network: %v", got)
	}
	if host, port, ok := m.Endpoint("app", 81); host != "127.0.0.1" || port != 8081 || !ok {
		t.Errorf("endpoint: %s %d %v", host, port, ok)
	}
	if _, _, ok := m.Endpoint("app", 83); ok {
		t.Error("a port that Docker assigns has an endpoint")
	}
}

// TestMounts maps paths between the host and the containers: the innermost mount decides, a volume hides what is below it.
func TestMounts(t *testing.T) {
	root, m := model(t, map[string]string{
		"docker-compose.yml": `services:
  nginx:
    image: nginx:1.27
    volumes: ["certs:/etc/nginx/certs", "./site.conf:/etc/nginx/conf.d/site.conf:ro", "./conf:/etc/nginx"]
    secrets: [key]
    configs: [{source: motd, target: /etc/motd}]
secrets: {key: {file: ./tls.key}}
configs: {motd: {file: ./motd}}
volumes: {certs: {}}
`,
	})
	for inside, want := range map[string]string{
		"/etc/nginx/nginx.conf":       "conf/nginx.conf",
		"/etc/nginx/conf.d/site.conf": "site.conf",
		"/etc/nginx/conf.d/../mime":   "conf/mime",
		"/etc/nginx/certs/a.pem":      "",
		"/etc/nginxx":                 "",
		"/run/secrets/key":            "tls.key",
		"/etc/motd":                   "motd",
	} {
		if want != "" {
			want = filepath.Join(root, want)
		}
		if got := m.SourceOf("nginx", inside); got != want {
			t.Errorf("%s: %q, want %q", inside, got, want)
		}
	}
	for host, want := range map[string]string{
		"conf/a/b": "/etc/nginx/a/b", "site.conf": "/etc/nginx/conf.d/site.conf", "tls.key": "/run/secrets/key", "motd": "/etc/motd", "other": "",
	} {
		if _, got := m.MountedIn(filepath.Join(root, host)); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

package deployment

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// install writes files below a temporary root and returns a view of it. Names ending in / are directories.
func install(t *testing.T, content map[string]string) *Deployment {
	t.Helper()
	root := t.TempDir()
	for name, text := range content {
		path := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Discover(Settings{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func view(t *testing.T, content map[string]string) *View {
	t.Helper()
	return install(t, content).View(&files.Cache{})
}

func TestCompose_ConfigError(t *testing.T) {
	const good = "services:\n  web:\n    image: nginx\n"
	tests := []struct {
		name    string
		files   map[string]string
		want    string // the whole error; "" for none
		kind    string
		noModel bool
	}{
		{"fine", map[string]string{"docker-compose.yml": good}, "", "", false},
		{"obsolete version", map[string]string{"docker-compose.yml": "version: '3.8'\n" + good}, "", "", false},
		{"version of another type", map[string]string{"docker-compose.yml": "version: 3.8\n" + good}, "docker-compose.yml:1: version: must be a string", compose.KindSchema, false},
		{"invalid YAML", map[string]string{"docker-compose.yml": "services:\n  web:\n  - image: [nginx\n"},
			"docker-compose.yml:2: invalid YAML: did not find expected", compose.KindSyntax, true},
		{"tab", map[string]string{"docker-compose.yml": "services:\n\tweb: {}\n"},
			"docker-compose.yml:2: invalid YAML: found character that cannot start any token", compose.KindSyntax, true},
		{"several unknown top-level keys", map[string]string{"docker-compose.yml": good + "zoo: 1\nfoo: 1\nbar: 2\n"},
			"docker-compose.yml:6: bar: unknown attribute \"bar\"", compose.KindSchema, false},
		{"empty", map[string]string{"docker-compose.yml": ""}, "docker-compose.yml: rejected by Compose: empty compose file", compose.KindOther, true},
		{"list", map[string]string{"docker-compose.yml": "- a\n"},
			"docker-compose.yml: rejected by Compose: top-level object must be a mapping", compose.KindOther, true},
		{"duplicate key", map[string]string{"docker-compose.yml": good + "    environment:\n      A: 1\n      B: 2\n      A: 3\n"},
			"docker-compose.yml:7: duplicate key \"A\", first set in line 5", compose.KindDuplicate, true},
		{"duplicate service", map[string]string{"docker-compose.yml": good + "  web:\n    image: x\n"}, "docker-compose.yml:4: duplicate key \"web\", first set in line 2", compose.KindDuplicate, true},
		{"undefined network", map[string]string{"docker-compose.yml": good + "    networks:\n      - front\n      - back\nnetworks:\n  front: {}\n"},
			"docker-compose.yml:6: service web refers to an undefined network: \"back\"", compose.KindUndefined, false},
		{"undefined volume", map[string]string{"docker-compose.yml": good + "    volumes:\n      - ./x:/x\n      - data:/data\n"},
			"docker-compose.yml:6: service web refers to an undefined volume: \"data\"", compose.KindUndefined, false},
		{"undefined secret", map[string]string{"docker-compose.yml": good + "    secrets: [db]\n"}, "docker-compose.yml:4: service web refers to an undefined secret: \"db\"", compose.KindUndefined, false},
		{"undefined config", map[string]string{"docker-compose.yml": good + "    configs: [db]\n"}, "docker-compose.yml:4: service web refers to an undefined config: \"db\"", compose.KindUndefined, false},
		{"undefined service", map[string]string{"docker-compose.yml": good + "    depends_on:\n      - db\n"}, "docker-compose.yml:5: service web refers to an undefined service: \"db\"", compose.KindUndefined, false},
		{"first of two errors",
			map[string]string{"docker-compose.yml": "services:\n  b:\n    image: x\n    networks: [n1]\n  a:\n    image: x\n    networks: [n2]\n"},
			"docker-compose.yml:4: service b refers to an undefined network: \"n1\"", compose.KindUndefined, false},
		{"neither image nor build", map[string]string{"docker-compose.yml": "services:\n  web:\n    restart: always\n"}, "docker-compose.yml:2: service web has neither an image nor a build", compose.KindInconsistent, false},
		{"unknown attribute", map[string]string{"docker-compose.yml": good + "    imagee: x\n"}, "docker-compose.yml:4: services.web.imagee: unknown attribute", compose.KindSchema, false},
		{"bad type", map[string]string{"docker-compose.yml": good + "    ports: 80\n"}, "docker-compose.yml:4: services.web.ports: must be a array", compose.KindSchema, true},
		{"required variable", map[string]string{"docker-compose.yml": good + "    environment:\n      A: x\n      B: ${B:?set B}\n"},
			"docker-compose.yml:6: required variable B is not set: set it in the env file", compose.KindInterpolation, false},
		{"broken reference", map[string]string{"docker-compose.yml": good + "    command: echo ${\n"}, "docker-compose.yml:4: invalid variable reference: write $$ for a literal dollar sign", compose.KindInterpolation, true},
		{"cast", map[string]string{"docker-compose.yml": good + "    cpus: ${CPUS}\n", ".env": "CPUS=many\n"}, "docker-compose.yml:4: services.web.cpus: is not a number or boolean after variable substitution", compose.KindSchema, true},
		{"missing env_file", map[string]string{"docker-compose.yml": good + "    env_file:\n      - a.env\n      - b.env\n", "a.env": ""},
			"docker-compose.yml:6: env file b.env of service web: no such file or directory", compose.KindEnvFile, false},
		{"missing env_file, not required", map[string]string{"docker-compose.yml": good + "    env_file:\n      - path: b.env\n        required: false\n"}, "", "", false},
		{"broken env_file", map[string]string{"docker-compose.yml": good + "    env_file: a.env\n", "a.env": "A='x\n"},
			"docker-compose.yml:4: env file a.env of service web: a.env:1: quoted value has no closing quote", compose.KindEnvFile, false},
		{"broken env file", map[string]string{"docker-compose.yml": good, ".env": "A B=1\n"}, ".env:1: key contains a space: put the assignment on its own line, or quote the value it belongs to", "", false},
		{"env file is a directory", map[string]string{"docker-compose.yml": good, ".env/": ""}, ".env: env file cannot be read: not a regular file but a directory", compose.KindEnvFile, false},
		{"missing label_file", map[string]string{"docker-compose.yml": good + "    label_file: x.labels\n"}, "docker-compose.yml:4: label file x.labels of service web: no such file or directory", compose.KindEnvFile, false},
		{"label_file", map[string]string{"docker-compose.yml": good + "    label_file: [x.labels]\n", "x.labels": "a=b\n"}, "", "", false},
		{"missing include", map[string]string{"docker-compose.yml": "include:\n  - other.yml\n" + good}, "docker-compose.yml:2: referenced file cannot be read: no such file or directory", compose.KindInclude, true},
		{"remote include", map[string]string{"docker-compose.yml": "include:\n  - https://example.com/x.git\n" + good}, "docker-compose.yml:2: remote files are not fetched: copy the file into the deployment", compose.KindInclude, true},
		{"include", map[string]string{"docker-compose.yml": "include:\n  - other/c.yml\n" + good, "other/c.yml": "services:\n  db:\n    image: postgres\n"}, "", "", false},
		{"error in an include", map[string]string{"docker-compose.yml": "include:\n  - other/c.yml\n" + good, "other/c.yml": "services:\n  db:\n    image: postgres\n    image: x\n"},
			"other/c.yml:4: duplicate key \"image\", first set in line 3", compose.KindDuplicate, true},
		{"missing extends", map[string]string{"docker-compose.yml": good + "    extends:\n      file: base.yml\n      service: base\n"}, "docker-compose.yml:5: referenced file cannot be read: no such file or directory", compose.KindInclude, true},
		{"extends", map[string]string{"docker-compose.yml": good + "    extends:\n      file: base.yml\n      service: base\n", "base.yml": "services:\n  base:\n    mem_limit: 1g\n"}, "", "", false},
		{"dependency cycle",
			map[string]string{"docker-compose.yml": "services:\n  a:\n    image: x\n    depends_on: [b]\n  b:\n    image: x\n    depends_on: [a]\n"},
			"docker-compose.yml:4: services.a.depends_on: services depend on each other in a cycle: a -> b -> a", compose.KindInconsistent, false},
		{"bad port", map[string]string{"docker-compose.yml": good + "    ports:\n      - \"80:http\"\n"}, "docker-compose.yml:5: rejected by Compose: invalid containerPort", compose.KindOther, true},
		{"directory", map[string]string{"docker-compose.yml/": ""},
			"docker-compose.yml: cannot be read: not a regular file but a directory", compose.KindUnreadable, true},
		{"too large", map[string]string{"docker-compose.yml": good + strings.Repeat("# padding\n", 110_000)}, "docker-compose.yml: cannot be read: larger than the limit of 1048576 bytes", compose.KindUnreadable, true},
		{"override", map[string]string{"docker-compose.yml": good, "docker-compose.override.yml": "services:\n  web:\n    networks: [x]\n"}, "docker-compose.override.yml:3: service web refers to an undefined network: \"x\"", compose.KindUndefined, false},
		{"NUL", map[string]string{"docker-compose.yml": "services:\x00"}, "docker-compose.yml: contains a NUL byte: not a text file", compose.KindSyntax, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := view(t, tt.files).Compose()
			if (err != nil) != tt.noModel {
				t.Fatalf("model %v, error %v", c != nil, err)
			}
			if err == nil {
				err = c.ConfigError()
				if c.Project == nil || tt.name != "empty" && len(c.Project.Services) == 0 {
					t.Error("no services in the model")
				}
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			var e *compose.Error
			if tt.kind != "" && (!errors.As(err, &e) || e.Kind != tt.kind) {
				t.Errorf("kind of %#v, want %s", err, tt.kind)
			}
		})
	}
}

func TestCompose_WithoutFile(t *testing.T) {
	if _, err := view(t, nil).Compose(); !errors.Is(err, compose.ErrNoFile) {
		t.Errorf("got %v", err)
	}
	d, err := Discover(Settings{Root: t.TempDir(), ComposeFiles: []string{"absent.yml"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.View(nil).Compose(); !errors.Is(err, fs.ErrNotExist) || err.Error() != "absent.yml: cannot be read: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

func TestCompose_LimitsExpansion(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("x-a0: &a0 [lol, lol]\n")
	for i := 1; i < 40; i++ {
		p := strconv.Itoa(i - 1)
		laughs.WriteString("x-a" + strconv.Itoa(i) + ": &a" + strconv.Itoa(i) + " [*a" + p + ", *a" + p + "]\n")
	}
	tests := []struct{ name, in, want string }{
		{"aliases", laughs.String() + "services: {}\n", "with aliases expanded"},
		{"large aliases", "x-a: &a " + strings.Repeat("x", 200_000) + "\nx-b: [" + strings.Repeat("*a, ", 5000) + "]\nservices: {}\n", "with aliases expanded"},
		{"many references", "services:\n  web:\n    image: x\n    command: " + strings.Repeat("$A", 200_000), ""},
		{"nesting", "services: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), ""},
		{"cyclic alias", "x: &x\n  y: *x\nservices: {}\n", "alias refers to its own parent"},
		{"interpolated nesting", "services:\n  web:\n    image: x\n    command: " + strings.Repeat("${A:-", 10_000) + strings.Repeat("}", 10_000), "nested too deeply"},
		{"merge of itself", "x: &x\n  <<: *x\nservices: {}\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			_, err := view(t, map[string]string{"compose.yaml": tt.in}).Compose()
			var e *compose.Error
			if tt.name != "many references" && !errors.As(err, &e) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > parts.Patience {
				t.Errorf("took %v", took)
			}
		})
	}
}

// Replaces every scalar of an invalid file with a marker in turn: no error may contain the marker.
func TestComposeError_NeverQuotesValues(t *testing.T) {
	const mark = "S3cretMark"
	const base = `name: app
services:
  web:
    image: nginx
    cpus: 0.5
    mem_limit: 1g
    restart: always
    command: run
    user: root
    ports: ["80:80"]
    volumes: ["data:/data"]
    environment: {A: b}
    extra_hosts: ["a:1.2.3.4"]
    ulimits: {nofile: 3}
    healthcheck: {test: [CMD, x], interval: 5s, retries: 3}
    deploy: {replicas: 2, resources: {limits: {memory: 1g, cpus: "1"}}}
    env_file: [a.env]
    depends_on: {db: {condition: service_started}}
    logging: {driver: json-file, options: {max-size: 10m}}
    devices: ["/dev/a:/dev/b"]
    build: {context: ., args: {A: b}, ssh: [default]}
    labels: {a: b}
    stop_grace_period: 3s
    networks: {n: {ipv4_address: 1.2.3.4}}
  db: {image: x}
networks: {n: {}}
volumes: {data: {}}
`
	lines := strings.Split(base, "\n")
	shown := 0
	for i, line := range lines {
		for _, form := range []string{mark, "\"" + mark + ": x\"", "[" + mark + "]", "{key: " + mark + "}", "\"${" + mark + ":\"", "'${X:?" + mark + "}'", "\"" + mark + ":" + mark + ":" + mark + ":" + mark + "\"", "[{a: " + mark + "}]"} {
			key, _, ok := strings.Cut(line, ": ")
			if !ok {
				continue
			}
			changed := append([]string{}, lines...)
			changed[i] = key + ": " + form
			v := view(t, map[string]string{"compose.yaml": strings.Join(changed, "\n"), "a.env": ""})
			c, err := v.Compose()
			if err == nil {
				err = c.ConfigError()
			}
			if err == nil {
				continue
			}
			shown++
			// Names of networks, volumes and so on may be quoted, even invalid ones.
			var e *compose.Error
			if errors.As(err, &e) && (e.Kind == compose.KindUndefined || e.Kind == compose.KindEnvFile) {
				continue
			}
			if strings.Contains(err.Error(), mark) {
				t.Errorf("line %q with %s: %v", line, form, err)
			}
		}
	}
	if shown < 50 {
		t.Errorf("only %d of the broken files were rejected", shown)
	}
}

// The library's global logger must stay silent and unmodified.
func TestCompose_LogsNothing(t *testing.T) {
	var out bytes.Buffer
	logger := logrus.StandardLogger()
	before := logger.Out
	logger.SetOutput(&out)
	defer logger.SetOutput(before)
	c, err := view(t, map[string]string{
		"compose.yaml": "version: \"3.8\"\nservices:\n  web:\n    image: x:${TAG}\n    read_only: ${RO:-yes}\n    command: ${A} ${B:-${C}} $D\n    env_file: a.env\n",
		".env":         "X=$Y\n", "a.env": "Z=${Q}\n",
	}).Compose()
	if err != nil || c.ConfigError() != nil {
		t.Fatal(err, c.ConfigError())
	}
	if !c.Project.Services["web"].ReadOnly {
		t.Error("Compose no longer reads yes as true")
	}
	if out.Len() > 0 {
		t.Errorf("logged: %s", out.String())
	}
}

// Any file gives a model or an error, and all methods of the model are safe to call.
func FuzzCompose(f *testing.F) {
	for _, seed := range []string{
		"services:\n  web:\n    image: x\n    ports: [\"80:80\"]\n    environment: [A, B=1]\n    env_file: [a.env]\n", "a: &a [*a]", "services: {a: {extends: b}, b: {extends: {service: a}}}",
		"include: [x.yml]\nservices: {}", "services: {a: null}", "services: []", "secrets: {a: null}\nservices: {a: {image: x, secrets: [a]}}", "---\nservices: {a: {image: x}}\n---\nservices: {b: !reset null}",
		"services: {a: {image: x, environment: {A: !override b, <<: {C: d}}}}", "services: {a: {image: x, volumes: [a, {type: bind}]}}", "name: ${A:?x}\nservices: {a: {image: x}}",
	} {
		f.Add(seed)
	}
	root := f.TempDir()
	path := filepath.Join(root, "compose.yaml")
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 4096 {
			return
		}
		if err := os.WriteFile(path, []byte(in), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Discover(Settings{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		v := d.View(nil)
		c, err := v.Compose()
		if err != nil {
			if err.Error() == "" {
				t.Fatal("error without a text")
			}
			return
		}
		if err := c.ConfigError(); err != nil && err.Error() == "" {
			t.Fatal("error without a text")
		}
		c.Published()
		c.Variables()
		c.Endpoint("web", 80)
		_, _ = v.Value("A", "B")
		_, _ = v.EnvFiles()
	})
}

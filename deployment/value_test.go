package deployment

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

func TestValue(t *testing.T) {
	const app = "services:\n  catalyst:\n    build: .\n"
	tests := []struct {
		name  string
		files map[string]string
		keys  []string
		text  string
		set   bool
		where string // origin's file:line service via; "" when not set
		ref   string // kind and name
		other func(Value) bool
	}{
		{"environment, mapping", map[string]string{"compose.yml": app + "    environment:\n      A: one\n"}, []string{"A"}, "one", true, "compose.yml:5 catalyst environment", "", nil},
		{"environment, list", map[string]string{"compose.yml": app + "    environment:\n      - B=x\n      - A=one=1\n"}, []string{"A"}, "one=1", true, "compose.yml:6 catalyst environment", "", nil},
		{"environment through a variable", map[string]string{"compose.yml": app + "    environment:\n      A: ${SOURCE}\n", ".env": "X=1\nSOURCE=two\n"},
			[]string{"A"}, "two", true, ".env:2 catalyst environment", "", nil},
		{"default of a variable", map[string]string{"compose.yml": app + "    environment:\n      A: ${SOURCE:-three}\n"}, []string{"A"}, "three", true, "compose.yml:5 catalyst environment", "", nil},
		{"unset variable", map[string]string{"compose.yml": app + "    environment:\n      A: ${SOURCE}\n"}, []string{"A"}, "", true, "compose.yml:5 catalyst environment", "",
			func(v Value) bool { return slices.Equal(v.Unset, []string{"SOURCE"}) }},
		{"variable within a value", map[string]string{"compose.yml": app + "    environment:\n      A: x-${SOURCE}\n", ".env": "SOURCE=two\n"},
			[]string{"A"}, "x-two", true, "compose.yml:5 catalyst environment", "", nil},
		{"ambiguous through a variable", map[string]string{"compose.yml": app + "    environment:\n      A: ${SOURCE}\n", ".env": "SOURCE=pa$$word\n"},
			[]string{"A"}, "pa$word", true, ".env:1 catalyst environment", "", func(v Value) bool { return v.Ambiguous }},
		{"key without value, in the env file", map[string]string{"compose.yml": app + "    environment:\n      - A\n", ".env": "A=four\n"}, []string{"A"}, "four", true, ".env:1 catalyst environment", "", nil},
		{"key without value, nowhere", map[string]string{"compose.yml": app + "    environment:\n      - A\n"}, []string{"A"}, "", false, "compose.yml:5 catalyst environment", "environment A", nil},
		{"env_file", map[string]string{"compose.yml": app + "    env_file: app.env\n", "app.env": "# c\nA=five\n"}, []string{"A"}, "five", true, "app.env:2 catalyst env_file", "", nil},
		{"later env_file wins", map[string]string{"compose.yml": app + "    env_file: [a.env, b.env]\n", "a.env": "A=1\nB=1\n", "b.env": "A=2\n"}, []string{"A"}, "2", true, "b.env:1 catalyst env_file", "", nil},
		{"only in the earlier env_file", map[string]string{"compose.yml": app + "    env_file: [a.env, b.env]\n",
			"a.env": "A=1\nB=1\n", "b.env": "A=2\n"}, []string{"B"}, "1", true, "a.env:2 catalyst env_file", "", nil},
		{"environment over env_file", map[string]string{"compose.yml": app + "    env_file: a.env\n    environment: {A: here}\n", "a.env": "A=there\n"}, []string{"A"}, "here", true, "compose.yml:5 catalyst environment", "", nil},
		{"env_file with variables of the env file", map[string]string{"compose.yml": app + "    env_file: a.env\n", "a.env": "B=local\nA=${B}-${C}\n", ".env": "B=outer\nC=c\n"},
			[]string{"A"}, "outer-c", true, "a.env:2 catalyst env_file", "", nil},
		{"raw env_file", map[string]string{"compose.yml": app + "    env_file: [{path: a.env, format: raw}]\n", "a.env": "A=\"$x\" # c\n"}, []string{"A"}, "\"$x\" # c", true, "a.env:1 catalyst env_file", "", nil},
		{"override file", map[string]string{"compose.yml": app + "    environment: {A: one}\n", "compose.override.yml": "services:\n  catalyst:\n    environment:\n      A: two\n"},
			[]string{"A"}, "two", true, "compose.override.yml:4 catalyst environment", "", nil},
		{"anchor and merge", map[string]string{"compose.yml": "x-env: &env\n  A: one\nservices:\n  catalyst:\n    build: .\n    environment:\n      <<: *env\n      B: two\n"},
			[]string{"A"}, "one", true, "compose.yml:2 catalyst environment", "", nil},
		{"extends", map[string]string{"compose.yml": app + "    extends: {file: base.yml, service: base}\n", "base.yml": "services:\n  base:\n    environment:\n      A: base\n"},
			[]string{"A"}, "base", true, "base.yml:4 catalyst environment", "", nil},
		{"only in the env file, used in the command", map[string]string{"compose.yml": app + "    command: run --password ${A}\n", ".env": "A=six\n"}, []string{"A"}, "six", true, ".env:1 catalyst env file", "", nil},
		{"only in the env file, not used", map[string]string{"compose.yml": app, ".env": "X=1\nA=six\n"}, []string{"A"}, "", false, "", "", func(v Value) bool { return v.Unused != nil && v.Unused.Line == 2 && v.Unused.File == ".env" }},
		{"another service's environment", map[string]string{"compose.yml": app + "  postgres:\n    image: postgres\n    environment: {A: pg}\n"}, []string{"A"}, "pg", true, "compose.yml:6 postgres environment", "", nil},
		{"another service's command", map[string]string{"compose.yml": app + "  redis:\n    image: redis\n    command: redis-server --requirepass ${A}\n", ".env": "A=seven\n"}, []string{"A"}, "seven", true, ".env:1 redis env file", "", nil},
		{"empty for the application", map[string]string{"compose.yml": app + "    environment: {A: ''}\n  redis:\n    image: redis\n    environment: {A: x}\n"}, []string{"A"}, "", true, "compose.yml:4 catalyst environment", "", nil},
		{"second key", map[string]string{"compose.yml": app + "    environment: {B: two}\n"}, []string{"A", "B"}, "two", true, "compose.yml:4 catalyst environment", "", func(v Value) bool { return v.Key == "B" }},
		{"second key, the first empty", map[string]string{"compose.yml": app + "    environment: {A: '', B: two}\n"}, []string{"A", "B"}, "two", true, "compose.yml:4 catalyst environment", "", nil},
		{"KEY_FILE to a secret", map[string]string{"compose.yml": app + "    environment: {A_FILE: /run/secrets/a}\n    secrets: [a]\nsecrets:\n  a: {file: ./a.txt}\n", "a.txt": "eight\n"},
			[]string{"A"}, "eight", true, "a.txt catalyst KEY_FILE", "", nil},
		{"KEY_FILE to a secret with a target", map[string]string{"compose.yml": app + "    environment: {A_FILE: /etc/a}\n    secrets: [{source: a, target: /etc/a}]\nsecrets:\n  a: {file: ./a.txt}\n", "a.txt": "eight\r\n"},
			[]string{"A"}, "eight", true, "a.txt catalyst KEY_FILE", "", nil},
		{"KEY_FILE to a bind mount", map[string]string{"compose.yml": app + "    environment: {A_FILE: /etc/app/a.txt}\n    volumes: [./conf:/etc/app:ro]\n", "conf/a.txt": "nine"},
			[]string{"A"}, "nine", true, "conf/a.txt catalyst KEY_FILE", "", nil},
		{"KEY_FILE in the image", map[string]string{"compose.yml": app + "    environment: {A_FILE: /etc/app/a.txt}\n"}, []string{"A"}, "", false, "compose.yml:4 catalyst KEY_FILE", "file in the container /etc/app/a.txt", nil},
		{"KEY before KEY_FILE", map[string]string{"compose.yml": app + "    environment: {A: direct, A_FILE: /etc/a}\n"}, []string{"A"}, "direct", true, "compose.yml:4 catalyst environment", "", nil},
		{"secret with the key's name",
			map[string]string{"compose.yml": app + "    secrets: [db_password]\nsecrets:\n  db_password:\n    file: ./s\n",
				"s": "ten\n"}, []string{"DB_PASSWORD"}, "ten", true, "s catalyst secret", "", nil},
		{"external secret", map[string]string{"compose.yml": app + "    secrets: [a]\nsecrets:\n  a: {external: true}\n"}, []string{"A"}, "", false, "compose.yml:6 catalyst secret", "external secret a", nil},
		{"secret from the environment", map[string]string{"compose.yml": app + "    secrets: [a]\nsecrets:\n  a: {environment: SRC}\n"}, []string{"A"}, "", false, "compose.yml:6 catalyst secret", "environment SRC", nil},
		{"secret from the env file", map[string]string{"compose.yml": app + "    secrets: [a]\nsecrets:\n  a: {environment: SRC}\n", ".env": "SRC=eleven\n"}, []string{"A"}, "eleven", true, ".env:1 catalyst secret", "", nil},
		{"secret manager", map[string]string{"compose.yml": app + "    environment: {A: 'vault:secret/data/x#y'}\n"}, []string{"A"}, "", false, "compose.yml:4 catalyst environment", "secret manager vault:", nil},
		{"value encrypted by sops", map[string]string{"compose.yml": app + "    env_file: .env\n", ".env": "A=ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n"}, []string{"A"}, "", false, ".env:1 catalyst env_file", "secret manager ENC[AES256_GCM,", nil},
		{"name of a secret of Google Cloud", map[string]string{"compose.yml": app + "    env_file: .env\n", ".env": "A=projects/1/secrets/a/versions/2\n"}, []string{"A"}, "", false, ".env:1 catalyst env_file", "secret manager projects/1/secrets/", nil},
		{"URL of no secret manager", map[string]string{"compose.yml": app + "    env_file: .env\n", ".env": "A=https://vault.example-shop.io/x\n"}, []string{"A"}, "https://vault.example-shop.io/x", true, ".env:1 catalyst env_file", "", nil},
		{"secret manager in the env file", map[string]string{"compose.yml": app + "    env_file: .env\n", ".env": "A=op://x/y\n"}, []string{"A"}, "", false, ".env:1 catalyst env_file", "secret manager op://", nil},
		{"escaped reference is not a secret manager",
			map[string]string{"compose.yml": app + "    environment: {A: '$${DB_PASSWORD}'}\n"}, []string{"A"},
			"${DB_PASSWORD}", true, "compose.yml:4 catalyst environment", "", nil},
		{"missing optional env_file", map[string]string{"compose.yml": app + "    env_file: [{path: x.env, required: false}]\n"}, []string{"A"}, "", false, "", "", nil},
		{"set despite a missing env_file",
			map[string]string{"compose.yml": app + "    env_file: x.env\n    environment: {A: here}\n"}, []string{"A"}, "here",
			true, "compose.yml:5 catalyst environment", "", nil},
		{"no compose file", map[string]string{".env.production": "A=twelve\n"}, []string{"A"}, "twelve", true, ".env.production:1  env file", "", nil},
		{"no compose file, KEY_FILE", map[string]string{".env": "A_FILE=s.txt\n", "s.txt": "thirteen\n"}, []string{"A"}, "thirteen", true, "s.txt  KEY_FILE", "", nil},
		{"no compose file, not set", map[string]string{".env": "X=\n"}, []string{"A"}, "", false, "", "", nil},
		{"undefined network, still read",
			map[string]string{"compose.yml": app + "    environment: {A: x}\n    networks: [nowhere]\n"}, []string{"A"}, "x",
			true, "compose.yml:4 catalyst environment", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := view(t, tt.files).Value(tt.keys...)
			if err != nil {
				t.Fatal(err)
			}
			where := ""
			if got.Origin != (source.Origin{}) {
				where = got.Origin.String() + " " + got.Origin.Service + " " + got.Origin.Via
			}
			ref := strings.TrimSpace(got.Ref.Kind + " " + got.Ref.Name)
			if got.Text.Reveal() != tt.text || got.Set != tt.set || where != tt.where || ref != tt.ref && !strings.HasPrefix(tt.ref, "external secret") {
				t.Errorf("text %q, set %v, from %q, ref %q\nwant %q, %v, %q, %q", got.Text.Reveal(), got.Set, where, ref, tt.text, tt.set, tt.where, tt.ref)
			}
			if strings.HasPrefix(tt.ref, "external secret") && got.Ref.Kind != RefExternal {
				t.Errorf("ref %q", ref)
			}
			if tt.other != nil && !tt.other(got) {
				t.Errorf("unexpected %+v", got)
			}
		})
	}
}

func TestValue_Errors(t *testing.T) {
	const app = "services:\n  catalyst:\n    build: .\n"
	tests := []struct {
		name  string
		files map[string]string
		want  error
		text  string
	}{
		{"secret file missing", map[string]string{"compose.yml": app + "    secrets: [a]\nsecrets:\n  a: {file: ./nope}\n"}, fs.ErrNotExist, "nope"},
		{"KEY_FILE missing", map[string]string{"compose.yml": app + "    environment: {A_FILE: /x/a}\n    volumes: [./x:/x]\n", "x/": ""}, fs.ErrNotExist, "file of A, set at compose.yml:4"},
		{"compose file broken", map[string]string{"compose.yml": "a: ["}, nil, "compose.yml:1: invalid YAML"},
		{"after an error of the env file", map[string]string{".env": "X='open\nA=1\n"}, nil,
			".env:1: quoted value has no closing quote"},
		{"no env file at all", nil, fs.ErrNotExist, ".env.production"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := view(t, tt.files).Value("A")
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %+v, %v", v, err)
			}
		})
	}
	if v, err := view(t, map[string]string{".env": "A=1\nX='open\n"}).Value("A"); err != nil || v.Text.Reveal() != "1" {
		t.Errorf("before the error: %+v, %v", v, err)
	}
	d, err := Discover(Settings{Root: view(t, map[string]string{"compose.yml": app}).Deployment.Root, Service: "api"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.View(nil).Value("A"); err == nil || !strings.Contains(err.Error(), "no active service api in compose.yml: available services are catalyst") {
		t.Errorf("missing service: %v", err)
	}
}

func TestOwn(t *testing.T) {
	v := view(t, map[string]string{"compose.yml": "services:\n  catalyst:\n    build: .\n  backup:\n    image: x\n    environment: {LOG_LEVEL: debug}\n"})
	if got, err := v.Own("LOG_LEVEL"); err != nil || got.Set {
		t.Errorf("Own returned another service's value: %+v, %v", got, err)
	}
	if got, err := v.Value("LOG_LEVEL"); err != nil || got.Origin.Service != "backup" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A check of the application applies to each service that runs it.
func TestOwnEach(t *testing.T) {
	const app = "services:\n  catalyst:\n    image: reg:5000/catalyst:1.4\n    environment: {A: one}\n"
	tests := []struct{ name, services, want string }{
		{"another version", "  green:\n    image: reg:5000/catalyst:1.5\n    environment: {A: two}\n", "one@compose.yml:4 two@compose.yml:7"},
		{"by digest", "  green:\n    image: reg:5000/catalyst@sha256:" + strings.Repeat("a", 64) + "\n    environment: {A: two}\n", "one@compose.yml:4 two@compose.yml:7"},
		{"not set", "  green:\n    image: reg:5000/catalyst:1.4\n", "one@compose.yml:4 unset@green"},
		{"the same place", "  green:\n    extends: catalyst\n", "one@compose.yml:4"},
		{"another command", "  migrate:\n    image: reg:5000/catalyst:1.4\n    command: migrate up\n", "one@compose.yml:4"},
		{"another image", "  redis:\n    image: redis\n    environment: {A: two}\n", "one@compose.yml:4"},
		{"another registry", "  green:\n    image: catalyst:1.4\n    environment: {A: two}\n", "one@compose.yml:4"},
		{"inactive profile", "  green:\n    image: reg:5000/catalyst:1.4\n    profiles: [off]\n", "one@compose.yml:4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all, err := view(t, map[string]string{"compose.yml": app + tt.services}).OwnEach("A")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range all {
				if v.Set {
					got = append(got, v.Text.Reveal()+"@"+v.Origin.String())
				} else {
					got = append(got, "unset@"+v.Origin.Service)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
	built := view(t, map[string]string{"compose.yml": "services:\n  catalyst: {build: .}\n  b: {build: ., environment: {A: x}}\n  c: {build: ./c}\n  d: {build: {context: ., target: jobs}}\n"})
	if app, err := built.AppService(); err != nil || !slices.Equal(app.Copies, []string{"b"}) {
		t.Errorf("copies of a local build: %v, %v", app.Copies, err)
	}
	if all, err := view(t, map[string]string{"compose.yml": app + "  green:\n    image: reg:5000/catalyst:1.5\n    env_file: gone.env\n"}).OwnEach("A"); err != nil || !strings.Contains(all[1].Blocked, "gone.env") {
		t.Errorf("copy with a missing env file: %+v, %v", all, err)
	}
}

func TestEnvFiles(t *testing.T) {
	v := view(t, map[string]string{
		"compose.yml":     "services:\n  catalyst:\n    build: .\n    env_file: [.env.production, app.env, x.env.example, gone.env]\n  off:\n    image: x\n    profiles: [never]\n    env_file: off.env\n",
		".env.production": "A=1\n", "app.env": "B=1\n", "x.env.example": "C=CHANGE_ME\n", "other.env": "D=1\n", "off.env": "E=1\n", ".env": "F=1\n",
	})
	all, err := v.EnvFiles()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	if !slices.Equal(names, []string{".env.production", "app.env"}) {
		t.Errorf("got %v", names)
	}
}

func TestEnv_UnreadableFile(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("the permission case is skipped for root")
	}
	big := strings.Repeat("A=1\n", 300_000)
	tests := []struct {
		name string
		make func(path string) error
		want error
	}{
		{"directory", func(p string) error { return os.Mkdir(p, 0o755) }, nil},
		{"symlink loop", func(p string) error { return os.Symlink(filepath.Base(p), p) }, syscall.ELOOP},
		{"dangling link", func(p string) error { return os.Symlink("gone", p) }, fs.ErrNotExist},
		{"too large", func(p string) error { return os.WriteFile(p, []byte(big), 0o600) }, nil},
		{"named pipe", func(p string) error { return syscall.Mkfifo(p, 0o600) }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, ".env.production")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			d, err := Discover(Settings{Root: root})
			if err != nil {
				t.Fatal(err)
			}
			v := d.View(nil)
			if got := v.Place(find.FactEnvFile).Path(); got != path {
				t.Errorf("chose %q", got)
			}
			if _, err := v.Env(); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Env() = %v", err)
			}
		})
	}
}

// TestValue_StandIn: the env file that was found stands in for an absent or broken file, and says so.
func TestValue_StandIn(t *testing.T) {
	const app = "services:\n  catalyst:\n    build: .\n"
	for name, c := range map[string]struct {
		files   map[string]string
		text    string
		blocked string // part of it; "-" for none
	}{
		"compose file broken":    {map[string]string{"compose.yml": "a: [", ".env": "A=1\n"}, "1", "compose.yml:1"},
		"only env file absent":   {map[string]string{"compose.yml": app + "    env_file: x.env\n", ".env": "A=1\n"}, "1", "x.env"},
		"absent everywhere":      {map[string]string{"compose.yml": app + "    env_file: x.env\n"}, "", "x.env"},
		"second env file absent": {map[string]string{"compose.yml": app + "    env_file: [.env, x.env]\n", ".env": "A=1\n"}, "1", "x.env"},
		"optional env file":      {map[string]string{"compose.yml": app + "    env_file: [.env, {path: x.env, required: false}]\n", ".env": "A=1\n"}, "1", "-"},
		"set by the environment": {map[string]string{"compose.yml": app + "    env_file: x.env\n    environment: {A: '2'}\n", ".env": "A=1\n"}, "2", "-"},
		"all files present":      {map[string]string{"compose.yml": app + "    env_file: .env\n", ".env": "A=1\n"}, "1", "-"},
		"of a stopped profile":   {map[string]string{"compose.yml": app + "    env_file: .env\n  off: {image: x, profiles: [never], env_file: x.env}\n", ".env": "A=1\n"}, "1", "-"},
		"placeholder stands in":  {map[string]string{"compose.yml": "a: [", ".env": "A=CHANGE_ME\n"}, "CHANGE_ME", "compose.yml:1"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := view(t, c.files).Own("A")
			if err != nil || v.Text.Reveal() != c.text || !strings.Contains(v.Blocked, c.blocked) && c.blocked != "-" || c.blocked == "-" && v.Blocked != "" {
				t.Errorf("got %q, blocked %q, %v", v.Text.Reveal(), v.Blocked, err)
			}
		})
	}
}

// TestValue_IncludeEnvFile: variables of an included file may be set by the include's own env file.
func TestValue_IncludeEnvFile(t *testing.T) {
	v, err := view(t, map[string]string{
		"compose.yml": "include:\n  - {path: sub/db.yml, env_file: sub/db.env}\n",
		"sub/db.yml":  "services:\n  db: {image: db, environment: {A: '${B}'}}\n", "sub/db.env": "B=1\n",
	}).Value("A")
	if err != nil || v.Text.Reveal() != "1" || len(v.Unset) > 0 {
		t.Errorf("got %q, unset %v, %v", v.Text.Reveal(), v.Unset, err)
	}
}

package probe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// compose returns a compose file with services.
func compose(services string) folder {
	return folder{"docker-compose.yml": "services:\n" + services}
}

const webService = "  web:\n    image: nginx\n"

func TestComposeConfig_Verdicts(t *testing.T) {
	tests := []struct {
		name   string
		files  folder
		spec   string
		state  State
		reason Reason
		detail string
	}{
		{"accepted", compose(webService), "{}", StatePass, ReasonNone, "Compose accepts docker-compose.yml: 1 service"},
		{"none", nil, "{}", StateFail, ReasonMissing, "deployment.compose_files"},
		{"empty", folder{"docker-compose.yml": ""}, "{}", StateFail, ReasonInvalid, "docker-compose.yml: rejected by Compose"},
		{"no service", folder{"docker-compose.yml": "services: {}\n"}, "{}", StateFail, ReasonEmpty, "defines no services"},
		{"all behind a profile", compose(webService + "    profiles: [prod]\n"), "{}", StateWarn, ReasonEmpty, "deployment.profiles"},
		{"invalid YAML", folder{"docker-compose.yml": "services:\n  web: [\n"}, "{}", StateFail, ReasonInvalid, "docker-compose.yml:"},
		{"duplicate key", compose(webService + "    image: httpd\n"), "{}", StateFail, ReasonInvalid, `docker-compose.yml:4: duplicate key "image", first set in line 3`},
		{"undefined network", compose(webService + "    networks: [front]\n"), "{}", StateFail, ReasonInvalid, `docker-compose.yml:4: service web refers to an undefined network: "front"`},
		{"missing env_file", compose(webService + "    env_file: app.env\n"), "{}", StateFail, ReasonMissing, "docker-compose.yml:4: env file app.env of service web"},
		{"required variable", compose(webService + "    user: ${WEB_USER:?}\n"), "{}", StateFail, ReasonMissing, "docker-compose.yml:4: required variable WEB_USER"},
		{"malformed variable", compose(webService + "    user: ${WEB\n"), "{}", StateFail, ReasonInvalid, "docker-compose.yml:4: invalid variable reference"},
		{"missing include", folder{"docker-compose.yml": "include: [other.yml]\nservices:\n" + webService}, "{}", StateFail, ReasonMissing, "docker-compose.yml:1: referenced file cannot be read"},
		{"broken env file", folder{"docker-compose.yml": "services:\n" + webService, ".env": "A B=1\n"}, "{}", StateFail, ReasonInvalid, ".env:1: "},
		{"a directory", folder{"docker-compose.yml/x": ""}, "{}", StateFail, ReasonInvalid, "not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, look(t, newPass(t, tt.files, deployment.Settings{}), composeConfigKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}

// A configured env file that is missing is reported itself, not the variables that it would have set.
func TestComposeConfig_ReportsEnvFileFirst(t *testing.T) {
	root := compose(webService + "    user: ${WEB_USER:?}\n").write(t)
	r := look(t, newPass(t, nil, deployment.Settings{Root: root, EnvFile: "prod.env"}), composeConfigKind(), "{}")
	expect(t, r, StateFail, ReasonMissing, "Compose cannot read the env file")
	r = look(t, newPass(t, nil, deployment.Settings{Root: root, EnvFile: "."}), composeConfigKind(), "{}")
	expect(t, r, StateFail, ReasonInvalid, "Compose cannot read the env file")
}

func TestComposeConfig_OutsideFiles(t *testing.T) {
	other := compose(webService)
	outside := filepath.Join(other.write(t), "docker-compose.yml")
	including := folder{"docker-compose.yml": "include: [" + outside + "]\nservices:\n  api:\n    image: api\n"}
	r := look(t, newPass(t, including, deployment.Settings{}), composeConfigKind(), "{}")
	expect(t, r, StateWarn, ReasonWeak, outside)
	r = look(t, newPass(t, including, deployment.Settings{}), composeConfigKind(), "{outside: true}")
	expect(t, r, StatePass, ReasonNone, "2 services")
	// A main file outside the folder is allowed: the configuration names it.
	r = look(t, newPass(t, nil, deployment.Settings{ComposeFiles: []string{outside}}), composeConfigKind(), "{}")
	expect(t, r, StatePass, ReasonNone, outside)
}

func TestComposeLimits_Verdicts(t *testing.T) {
	const both = "    mem_limit: 1g\n    cpus: 1.5\n"
	deploy := func(limits string) string { return "    deploy:\n      resources:\n        limits: {" + limits + "}\n" }
	db := "  db:\n    image: postgres\n"
	tests := []struct {
		name      string
		files     folder
		spec      string
		state     State
		reason    Reason
		detail    string
		unlimited float64 // -1: not measured
	}{
		{"legacy attributes", compose(webService + both), "{}", StatePass, ReasonNone, "1 service", 0},
		{"deploy", compose(webService + deploy("memory: 512M, cpus: '0.5'")), "{}", StatePass, ReasonNone, "", 0},
		{"one of each way", compose(webService + deploy("memory: 512M") + "    cpus: 1\n"), "{}", StatePass, ReasonNone, "", 0},
		{"quota", compose(webService + "    mem_limit: 1g\n    cpu_quota: 50000\n"), "{}", StatePass, ReasonNone, "", 0},
		{"two services", compose(webService + both + db + both), "{}", StatePass, ReasonNone, "2 services", 0},
		{"one of two", compose(webService + both + db), "{}", StateFail, ReasonMissing, "no memory limit: db; no CPU limit: db", 1},
		{"none", compose(webService + db), "{}", StateFail, ReasonMissing, "no memory limit: db, web; no CPU limit: db, web", 2},
		{"memory alone", compose(webService + "    mem_limit: 1g\n"), "{}", StateFail, ReasonMissing, "no CPU limit: web", 1},
		{"cpu alone", compose(webService + deploy("cpus: '1'")), "{}", StateFail, ReasonMissing, "no memory limit: web", 1},
		{"only reservations", compose(webService + "    mem_reservation: 1g\n    cpus: 1\n"), "{}", StateFail, ReasonMissing, "no memory limit: web", 1},
		{"zero", compose(webService + "    mem_limit: 0\n    cpus: 0\n"), "{}", StateFail, ReasonMissing, "no memory limit: web; no CPU limit: web", 1},
		{"a default of zero", compose(webService + "    mem_limit: ${MEM:-0}\n    cpus: ${CPUS:-0}\n"), "{}", StateFail, ReasonMissing, "no memory limit: web", 1},
		{"from the env file", folder{"docker-compose.yml": "services:\n" + webService + "    mem_limit: ${MEM}\n    cpus: ${CPUS}\n", ".env": "MEM=1g\nCPUS=2\n"}, "{}", StatePass, ReasonNone, "", 0},
		{"excepted", compose(webService + both + db), "{except: [db]}", StatePass, ReasonNone, "1 service", 0},
		{"all excepted", compose(db), "{except: [db]}", StateUnknown, ReasonNotConfigured, "none is active", -1},
		{"inactive profile", compose(webService + both + db + "    profiles: [tools]\n"), "{}", StatePass, ReasonNone, "", 0},
		{"missing env_file", compose(webService + both + "    env_file: app.env\n"), "{}", StatePass, ReasonNone, "", 0},
		{"missing env_file, no limits", compose(webService + "    env_file: app.env\n"), "{}", StateFail, ReasonMissing, "web", 1},
		{"undefined network", compose(webService + both + "    networks: [front]\n"), "{}", StatePass, ReasonNone, "", 0},
		{"invalid model", compose(webService + "    ports: 80\n"), "{}", StateUnknown, ReasonBlocked, "compose_syntax: docker-compose.yml:4", -1},
		{"no compose file", nil, "{}", StateSkip, ReasonNotConfigured, "no compose file", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := look(t, newPass(t, tt.files, deployment.Settings{}), composeLimitsKind(), tt.spec)
			expect(t, r, tt.state, tt.reason, tt.detail)
			if n, ok := measured(r, ServicesUnlimited); ok != (tt.unlimited >= 0) || ok && n != tt.unlimited {
				t.Errorf("measured %v %v, want %v", n, ok, tt.unlimited)
			}
		})
	}
}

// While an env file may not be read, a variable may have any value.
func TestComposeModel_WithoutPermission(t *testing.T) {
	literal := webService + "    mem_limit: 1g\n    cpus: 1\n"
	for _, tt := range []struct {
		name, services string
		hidden         string
		state          State
		reason         Reason
	}{
		{"literal", literal, ".env", StatePass, ReasonNone},
		{"variable", webService + "    mem_limit: ${MEM:-1g}\n    cpus: 1\n", ".env", StateUnknown, ReasonPermissionDenied},
		{"variable of a wrong type", webService + "    mem_limit: 1g\n    cpus: ${CPUS}x\n", ".env", StateUnknown, ReasonPermissionDenied},
		{"the compose file", literal, "docker-compose.yml", StateUnknown, ReasonPermissionDenied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := compose(tt.services)
			files[".env"] = "MEM=0\n"
			root := files.write(t)
			if err := os.Chmod(filepath.Join(root, tt.hidden), 0); err != nil {
				t.Fatal(err)
			}
			p := newPass(t, nil, deployment.Settings{Root: root})
			var r, config Result
			unprivileged(t, func() {
				r = look(t, p, composeLimitsKind(), "{}")
				config = look(t, p, composeConfigKind(), "{}")
			})
			expect(t, r, tt.state, tt.reason, "")
			expect(t, config, StateUnknown, ReasonPermissionDenied, "")
			if tt.state == StateUnknown && !strings.Contains(r.Remedy, "permission") {
				t.Errorf("remedy %q", r.Remedy)
			}
		})
	}
}

func TestSomeOf_LimitsNames(t *testing.T) {
	names := strings.Fields("a b c d e f g h i j")
	if got := someOf(names); got != "a, b, c, d, e, f, g, h, i, j" {
		t.Error(got)
	}
	if got := someOf(append(names, "k", "l")); got != "a, b, c, d, e, f, g, h, i, j and 2 more" {
		t.Error(got)
	}
}

package composecheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

func TestComposeConfig_Verdicts(t *testing.T) {
	tests := []struct {
		name   string
		files  probetest.Folder
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"accepted", probetest.Compose(probetest.WebService), "{}", probe.StatePass, probe.ReasonNone, "Compose accepts docker-compose.yml: 1 service"},
		{"none", nil, "{}", probe.StateFail, probe.ReasonMissing, "deployment.compose_files"},
		{"empty", probetest.Folder{"docker-compose.yml": ""}, "{}", probe.StateFail, probe.ReasonInvalid, "docker-compose.yml: rejected by Compose"},
		{"no service", probetest.Folder{"docker-compose.yml": "services: {}\n"}, "{}", probe.StateFail, probe.ReasonEmpty, "defines no services"},
		{"all behind a profile", probetest.Compose(probetest.WebService + "    profiles: [prod]\n"), "{}", probe.StateWarn, probe.ReasonEmpty, "deployment.profiles"},
		{"invalid YAML", probetest.Folder{"docker-compose.yml": "services:\n  web: [\n"}, "{}", probe.StateFail, probe.ReasonInvalid, "docker-compose.yml:"},
		{"duplicate key", probetest.Compose(probetest.WebService + "    image: httpd\n"), "{}", probe.StateFail, probe.ReasonInvalid, `docker-compose.yml:4: duplicate key "image", first set in line 3`},
		{"undefined network", probetest.Compose(probetest.WebService + "    networks: [front]\n"), "{}", probe.StateFail, probe.ReasonInvalid, `docker-compose.yml:4: service web refers to an undefined network: "front"`},
		{"missing env_file", probetest.Compose(probetest.WebService + "    env_file: app.env\n"), "{}", probe.StateFail, probe.ReasonMissing, "docker-compose.yml:4: env file app.env of service web"},
		{"required variable", probetest.Compose(probetest.WebService + "    user: ${WEB_USER:?}\n"), "{}", probe.StateFail, probe.ReasonMissing, "docker-compose.yml:4: required variable WEB_USER"},
		{"malformed variable", probetest.Compose(probetest.WebService + "    user: ${WEB\n"), "{}", probe.StateFail, probe.ReasonInvalid, "docker-compose.yml:4: invalid variable reference"},
		{"missing include", probetest.Folder{"docker-compose.yml": "include: [other.yml]\nservices:\n" + probetest.WebService}, "{}", probe.StateFail, probe.ReasonMissing, "docker-compose.yml:1: referenced file cannot be read"},
		{"broken env file", probetest.Folder{"docker-compose.yml": "services:\n" + probetest.WebService, ".env": "A B=1\n"}, "{}", probe.StateFail, probe.ReasonInvalid, ".env:1: "},
		{"a directory", probetest.Folder{"docker-compose.yml/x": ""}, "{}", probe.StateFail, probe.ReasonInvalid, "not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, tt.files, deployment.Settings{}), ConfigKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}

// A configured env file that is missing is reported itself, not the variables that it would have set.
func TestComposeConfig_ReportsEnvFileFirst(t *testing.T) {
	root := probetest.Compose(probetest.WebService + "    user: ${WEB_USER:?}\n").Write(t)
	r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root, EnvFile: "prod.env"}), ConfigKind(), "{}")
	probetest.Expect(t, r, probe.StateFail, probe.ReasonMissing, "Compose cannot read the env file")
	r = probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root, EnvFile: "."}), ConfigKind(), "{}")
	probetest.Expect(t, r, probe.StateFail, probe.ReasonInvalid, "Compose cannot read the env file")
}

func TestComposeConfig_OutsideFiles(t *testing.T) {
	other := probetest.Compose(probetest.WebService)
	outside := filepath.Join(other.Write(t), "docker-compose.yml")
	including := probetest.Folder{"docker-compose.yml": "include: [" + outside + "]\nservices:\n  api:\n    image: api\n"}
	r := probetest.Look(t, probetest.NewPass(t, including, deployment.Settings{}), ConfigKind(), "{}")
	probetest.Expect(t, r, probe.StateWarn, probe.ReasonWeak, outside)
	r = probetest.Look(t, probetest.NewPass(t, including, deployment.Settings{}), ConfigKind(), "{outside: true}")
	probetest.Expect(t, r, probe.StatePass, probe.ReasonNone, "2 services")
	// A main file outside the folder is allowed: the configuration names it.
	r = probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{ComposeFiles: []string{outside}}), ConfigKind(), "{}")
	probetest.Expect(t, r, probe.StatePass, probe.ReasonNone, outside)
}

func TestComposeLimits_Verdicts(t *testing.T) {
	const both = "    mem_limit: 1g\n    cpus: 1.5\n"
	deploy := func(limits string) string { return "    deploy:\n      resources:\n        limits: {" + limits + "}\n" }
	db := "  db:\n    image: postgres\n"
	tests := []struct {
		name      string
		files     probetest.Folder
		spec      string
		state     probe.State
		reason    probe.Reason
		detail    string
		unlimited float64 // -1: not measured
	}{
		{"legacy attributes", probetest.Compose(probetest.WebService + both), "{}", probe.StatePass, probe.ReasonNone, "1 service", 0},
		{"deploy", probetest.Compose(probetest.WebService + deploy("memory: 512M, cpus: '0.5'")), "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"one of each way", probetest.Compose(probetest.WebService + deploy("memory: 512M") + "    cpus: 1\n"), "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"quota", probetest.Compose(probetest.WebService + "    mem_limit: 1g\n    cpu_quota: 50000\n"), "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"two services", probetest.Compose(probetest.WebService + both + db + both), "{}", probe.StatePass, probe.ReasonNone, "2 services", 0},
		{"one of two", probetest.Compose(probetest.WebService + both + db), "{}", probe.StateFail, probe.ReasonMissing, "no memory limit: db; no CPU limit: db", 1},
		{"none", probetest.Compose(probetest.WebService + db), "{}", probe.StateFail, probe.ReasonMissing, "no memory limit: db, web; no CPU limit: db, web", 2},
		{"memory alone", probetest.Compose(probetest.WebService + "    mem_limit: 1g\n"), "{}", probe.StateFail, probe.ReasonMissing, "no CPU limit: web", 1},
		{"cpu alone", probetest.Compose(probetest.WebService + deploy("cpus: '1'")), "{}", probe.StateFail, probe.ReasonMissing, "no memory limit: web", 1},
		{"only reservations", probetest.Compose(probetest.WebService + "    mem_reservation: 1g\n    cpus: 1\n"), "{}", probe.StateFail, probe.ReasonMissing, "no memory limit: web", 1},
		{"zero", probetest.Compose(probetest.WebService + "    mem_limit: 0\n    cpus: 0\n"), "{}", probe.StateFail, probe.ReasonMissing, "no memory limit: web; no CPU limit: web", 1},
		{"a default of zero", probetest.Compose(probetest.WebService + "    mem_limit: ${MEM:-0}\n    cpus: ${CPUS:-0}\n"), "{}", probe.StateFail, probe.ReasonMissing, "no memory limit: web", 1},
		{"from the env file", probetest.Folder{"docker-compose.yml": "services:\n" + probetest.WebService + "    mem_limit: ${MEM}\n    cpus: ${CPUS}\n", ".env": "MEM=1g\nCPUS=2\n"}, "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"excepted", probetest.Compose(probetest.WebService + both + db), "{except: [db]}", probe.StatePass, probe.ReasonNone, "1 service", 0},
		{"all excepted", probetest.Compose(db), "{except: [db]}", probe.StateUnknown, probe.ReasonNotConfigured, "none is active", -1},
		{"inactive profile", probetest.Compose(probetest.WebService + both + db + "    profiles: [tools]\n"), "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"missing env_file", probetest.Compose(probetest.WebService + both + "    env_file: app.env\n"), "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"memory below 6 MB", probetest.Compose(probetest.WebService + deploy("cpus: '1', memory: 5M")), "{}", probe.StateFail, probe.ReasonInvalid, "memory limit of web is below 6 MB", 0},
		{"memory without a unit", probetest.Compose(probetest.WebService + deploy("cpus: '1', memory: 512")), "{}", probe.StateFail, probe.ReasonInvalid, "memory limit of web is below 6 MB", 0},
		{"memory of 6 MB", probetest.Compose(probetest.WebService + deploy("cpus: '1', memory: 6M")), "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"CPUs below 0.01", probetest.Compose(probetest.WebService + deploy("cpus: '0.005', memory: 1G")), "{}", probe.StateFail, probe.ReasonInvalid, "CPU limit of web is below 0.01", 0},
		{"CPUs of 0.01", probetest.Compose(probetest.WebService + deploy("cpus: '0.01', memory: 1G")), "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"absurd memory", probetest.Compose(probetest.WebService + deploy("cpus: '1', memory: 100T")), "{}", probe.StateWarn, probe.ReasonThreshold, "memory limit of web is more than any host has", 0},
		{"large memory", probetest.Compose(probetest.WebService + deploy("cpus: '96', memory: 2T")), "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"absurd CPUs", probetest.Compose(probetest.WebService + deploy("cpus: '10000', memory: 1G")), "{}", probe.StateWarn, probe.ReasonThreshold, "CPU limit of web is more than any host has", 0},
		{"old notation, tiny", probetest.Compose(probetest.WebService + "    mem_limit: 4m\n    cpus: 0.5\n"), "{}", probe.StateFail, probe.ReasonInvalid, "memory limit of web", 0},
		{"reservation above the limit", probetest.Compose(probetest.WebService + "    mem_limit: 512m\n    mem_reservation: 1g\n    cpus: 0.5\n"), "{}", probe.StateFail, probe.ReasonInvalid, "memory reservation of web exceeds", 0},
		{"swap below memory", probetest.Compose(probetest.WebService + "    mem_limit: 512m\n    memswap_limit: 256m\n    cpus: 0.5\n"), "{}", probe.StateFail, probe.ReasonInvalid, "memswap_limit of web", 0},
		{"unlimited swap", probetest.Compose(probetest.WebService + "    mem_limit: 512m\n    memswap_limit: -1\n    cpus: 0.5\n"), "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"OOM killer disabled", probetest.Compose(probetest.WebService + deploy("cpus: '1', memory: 1G") + "    oom_kill_disable: true\n"), "{}", probe.StateWarn, probe.ReasonWeak, "oom_kill_disable of web", 0},
		{"tiny quota", probetest.Compose(probetest.WebService + "    mem_limit: 512m\n    cpu_quota: 500\n"), "{}", probe.StateFail, probe.ReasonInvalid, "cpu_quota of web", 0},
		{"missing env_file, no limits", probetest.Compose(probetest.WebService + "    env_file: app.env\n"), "{}", probe.StateFail, probe.ReasonMissing, "web", 1},
		{"undefined network", probetest.Compose(probetest.WebService + both + "    networks: [front]\n"), "{}", probe.StatePass, probe.ReasonNone, "", 0},
		{"invalid model", probetest.Compose(probetest.WebService + "    ports: 80\n"), "{}", probe.StateUnknown, probe.ReasonBlocked, "compose_syntax: docker-compose.yml:4", -1},
		{"no compose file", nil, "{}", probe.StateSkip, probe.ReasonNotConfigured, "no compose file", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, tt.files, deployment.Settings{}), LimitsKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if n, ok := probetest.Measured(r, ServicesUnlimited); ok != (tt.unlimited >= 0) || ok && n != tt.unlimited {
				t.Errorf("measured %v %v, want %v", n, ok, tt.unlimited)
			}
		})
	}
}

// While an env file may not be read, a variable may have any value.
func TestComposeModel_WithoutPermission(t *testing.T) {
	literal := probetest.WebService + "    mem_limit: 1g\n    cpus: 1\n"
	for _, tt := range []struct {
		name, services string
		hidden         string
		state          probe.State
		reason         probe.Reason
	}{
		{"literal", literal, ".env", probe.StatePass, probe.ReasonNone},
		{"variable", probetest.WebService + "    mem_limit: ${MEM:-1g}\n    cpus: 1\n", ".env", probe.StateUnknown, probe.ReasonPermissionDenied},
		{"variable of a wrong type", probetest.WebService + "    mem_limit: 1g\n    cpus: ${CPUS}x\n", ".env", probe.StateUnknown, probe.ReasonPermissionDenied},
		{"the compose file", literal, "docker-compose.yml", probe.StateUnknown, probe.ReasonPermissionDenied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := probetest.Compose(tt.services)
			files[".env"] = "MEM=0\n"
			root := files.Write(t)
			if err := os.Chmod(filepath.Join(root, tt.hidden), 0); err != nil {
				t.Fatal(err)
			}
			p := probetest.NewPass(t, nil, deployment.Settings{Root: root})
			var r, config probe.Result
			probetest.Unprivileged(t, func() {
				r = probetest.Look(t, p, LimitsKind(), "{}")
				config = probetest.Look(t, p, ConfigKind(), "{}")
			})
			probetest.Expect(t, r, tt.state, tt.reason, "")
			probetest.Expect(t, config, probe.StateUnknown, probe.ReasonPermissionDenied, "")
			if tt.state == probe.StateUnknown && !strings.Contains(r.Remedy, "permission") {
				t.Errorf("remedy %q", r.Remedy)
			}
		})
	}
}

func TestSomeOf_LimitsNames(t *testing.T) {
	names := strings.Fields("a b c d e f g h i j")
	if got := phrase.List(names); got != "a, b, c, d, e, f, g, h, i, j" {
		t.Error(got)
	}
	if got := phrase.List(append(names, "k", "l")); got != "a, b, c, d, e, f, g, h, i, j and 2 more" {
		t.Error(got)
	}
}

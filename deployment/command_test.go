package deployment

import (
	"strings"
	"testing"
)

// TestValue_Command: what a service's command or entrypoint sets overrides its environment.
func TestValue_Command(t *testing.T) {
	for name, c := range map[string]struct {
		service string // attributes of the application's service
		want    string // value, place and reference
	}{
		"none":                      {"", "info .env.production:1"},
		"a flag":                    {"command: [app, --log-level=debug]", "debug docker-compose.yml:6 command"},
		"a flag in two words":       {"command: app -log_level debug", "debug docker-compose.yml:6 command"},
		"a flag alone":              {"command: ['--log-level=debug']", "debug docker-compose.yml:6 command"},
		"another flag":              {"command: [app, --level=debug]", "info .env.production:1"},
		"a flag of a variable":      {"command: [sh, -c, 'app --log-level=$$OTHER']", "warn docker-compose.yml:6 command"},
		"an assignment":             {"entrypoint: sh -c \"LOG_LEVEL=debug exec app\"", "debug docker-compose.yml:6 command"},
		"an exported variable":      {"command: [sh, -c, 'export LOG_LEVEL=debug; exec app']", "debug docker-compose.yml:6 command"},
		"env":                       {"command: env LOG_LEVEL=debug app", "debug docker-compose.yml:6 command"},
		"env, copied":               {"command: [sh, -c, 'LOG_LEVEL=$$OTHER app']", "warn .env.production:2"},
		"a default, unused":         {"command: [sh, -c, 'LOG_LEVEL=$${LOG_LEVEL:-debug} app']", "info .env.production:1"},
		"removed":                   {"command: env -u LOG_LEVEL app", "unset "},
		"of another command":        {"command: [sh, -c, 'LOG_LEVEL=debug migrate; exec app']", "info .env.production:1"},
		"a branch":                  {"command: [sh, -c, 'if x; then export LOG_LEVEL=debug; fi; app']", "unset docker-compose.yml:6 command (command)"},
		"a branch without it":       {"command: [sh, -c, 'if x; then export Y=debug; fi; app']", "info .env.production:1"},
		"a sourced file":            {"command: [sh, -c, '. /env; app']", "unset docker-compose.yml:6 command (command)"},
		"the output of a command":   {"command: [sh, -c, 'LOG_LEVEL=$$(x) app']", "unset docker-compose.yml:6 command (command)"},
		"a file in the container":   {"command: [sh, -c, 'LOG_LEVEL=$$(cat /x) app']", "unset docker-compose.yml:6 KEY_FILE (file in the container)"},
		"a script of the container": {"entrypoint: /start.sh", "info .env.production:1"},
	} {
		t.Run(name, func(t *testing.T) {
			of := view(t, map[string]string{
				".env.production":    "LOG_LEVEL=info\nOTHER=warn\n",
				"docker-compose.yml": "name: d\nservices:\n  catalyst:\n    image: app:1\n    env_file: .env.production\n    " + c.service + "\n",
			})
			v, err := of.Own("LOG_LEVEL")
			if err != nil {
				t.Fatal(err)
			}
			got := "unset"
			if v.Set {
				got = v.Text.Reveal()
			}
			got += " " + v.Origin.String()
			if strings.Contains(v.Origin.File, "compose") {
				got += " " + v.Origin.Via
			}
			if v.Ref.Kind != "" {
				got += " (" + v.Ref.Kind + ")"
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestValue_CommandOfAnotherService: the flags of other programs are not variables of theirs.
func TestValue_CommandOfAnotherService(t *testing.T) {
	of := view(t, map[string]string{
		"docker-compose.yml": "services:\n  catalyst: {image: 'app:1'}\n  db: {image: 'db:1', command: [db, --db-password=x], environment: {DB_PASSWORD: y}}\n",
	})
	v, err := of.Value("DB_PASSWORD")
	if err != nil || v.Text.Reveal() != "y" {
		t.Errorf("got %s %v, want y", v.Text.Reveal(), err)
	}
}

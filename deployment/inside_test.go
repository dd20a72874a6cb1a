package deployment

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

func TestFileIn_ServicePaths(t *testing.T) {
	v := view(t, map[string]string{
		"compose.yaml": `
services:
  alertmanager:
    image: prom/alertmanager
    volumes:
      - ./am:/etc/alertmanager:ro
      - data:/etc/alertmanager/data
      - ./own.key:/keys/own.key
    secrets: [paging, {source: outside, target: /keys/outside}]
    configs: [{source: rules, target: rules.yml}]
  other:
    image: other
    configs: [rules]
    secrets: [paging]
volumes: {data: {}}
secrets:
  paging: {file: paging.txt}
  outside: {external: true}
configs:
  rules: {file: rules.yml}
`,
		"am/alertmanager.yml": "a", "am/keys/pager": "from the mount\n", "own.key": "own\n", "paging.txt": "from the secret\n", "rules.yml": "r", "lone.yml": "l",
	})
	c, err := v.Compose()
	if err != nil {
		t.Fatal(err)
	}
	root := v.Deployment.Root
	for file, want := range map[string][2]string{
		"am/alertmanager.yml": {"alertmanager", "/etc/alertmanager/alertmanager.yml"}, "own.key": {"alertmanager", "/keys/own.key"}, "am": {"alertmanager", "/etc/alertmanager"},
		"paging.txt": {"alertmanager", "/run/secrets/paging"}, "rules.yml": {"alertmanager", "/rules.yml"}, "lone.yml": {"", ""}, "ammonia": {"", ""},
	} {
		if service, inside := c.MountedIn(filepath.Join(root, file)); service != want[0] || inside != want[1] {
			t.Errorf("%s is %q in %q, want %q in %q", file, inside, service, want[1], want[0])
		}
	}
	for inside, want := range map[string]string{
		"/etc/alertmanager/keys/pager": "from the mount", "/etc/alertmanager/x/../keys/pager": "from the mount", "/keys/own.key": "own", "/run/secrets/paging": "from the secret",
	} {
		if got, err := v.FileIn(c, "alertmanager", inside, "key_file", source.Origin{File: "alertmanager.yml", Line: 3}); err != nil || got.Text.Reveal() != want || !got.Set {
			t.Errorf("%s contains %q, %v; want %q", inside, got.Text.Reveal(), err, want)
		}
	}
	for inside, want := range map[string]string{"/etc/alertmanager/data/key": RefContainer, "/elsewhere": RefContainer, "/keys/outside": RefExternal} {
		if got, err := v.FileIn(c, "alertmanager", inside, "key_file", source.Origin{}); err != nil || got.Set || got.Ref.Kind != want {
			t.Errorf("%s: %+v, %v; want a reference of kind %q", inside, got.Ref, err, want)
		}
	}
	if _, err := v.FileIn(c, "alertmanager", "/etc/alertmanager/absent", "key_file", source.Origin{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

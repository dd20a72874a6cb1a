package discovery_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/discovery"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
)

// Findings never contain a value of the folder's files.
func TestFindings(t *testing.T) {
	const mark = "Sup3rMark"
	root := t.TempDir()
	for name, text := range map[string]string{
		"compose.yml": "services:\n  catalyst:\n    build: .\n    env_file: .env\n    environment: {TOKEN: " + mark + "}\n  redis: {image: redis, profiles: [x]}\n",
		".env":        "DB_PASSWORD=" + mark + "\nREDIS_URL=redis://:" + mark + "@redis:6379\nDB_PORT=" + mark + "\nHOST=" + mark + " " + mark + "!\n",
		"nginx.conf":  "server { listen 80; proxy_set_header Authorization '" + mark + "'; }\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := deployment.Discover(deployment.Settings{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	findings := discovery.Findings(d)
	of := func(fact string) discovery.Finding {
		i := slices.IndexFunc(findings, func(f discovery.Finding) bool { return f.Fact == fact })
		if i < 0 {
			t.Fatalf("no finding of %s", fact)
		}
		return findings[i]
	}
	text := fmt.Sprintf("%+v", findings)
	for _, shown := range []string{mark, strings.ToLower(mark)} {
		// A single word after HOST has the form of a host name.
		if strings.Count(text, shown) > 1 || strings.Contains(text, mark) {
			t.Errorf("%q is shown in %s", shown, text)
		}
	}
	for fact, want := range map[string]string{
		find.FactEnvFile: ".env", find.FactCompose: "compose.yml", find.FactNginx: "nginx.conf", "application's service": "catalyst", "redis": "redis:6379", "prometheus": "http://localhost:9090", find.FactMigrations: "",
	} {
		if f := of(fact); f.Value != want {
			t.Errorf("%s: %+v", fact, f)
		}
	}
	if f := of("database"); !strings.Contains(f.Implies, "DB_PORT at .env:3 is not a port") {
		t.Errorf("database: %+v", f)
	}
	if f := of(find.FactCompose); !strings.Contains(f.Implies, "inactive because of their profiles: redis") {
		t.Errorf("compose: %+v", f)
	}
}

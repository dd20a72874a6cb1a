package nginx

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// load reads nginx.conf of a folder that stands for /etc/nginx.
func load(t *testing.T, files map[string]string) *Config {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n, err := Load(source.Set{}, Roots{Files: []string{filepath.Join(root, "nginx.conf")}, Base: root},
		Options{Root: root, Index: &source.Index{}, SSL: func() string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLoad_SharedSnippet: what two servers include belongs to both.
func TestLoad_SharedSnippet(t *testing.T) {
	n := load(t, map[string]string{
		"nginx.conf": "http { server { listen 443 ssl; include tls.inc; } server { listen 443 ssl; include tls.inc; } }",
		"tls.inc":    "ssl_certificate a.crt;\nssl_certificate_key a.key;",
	})
	for i, s := range n.Servers {
		if len(s.Certificates) != 1 || s.Certificates[0].Key.Inside != "/etc/nginx/a.key" {
			t.Errorf("server %d: certificates %+v", i, s.Certificates)
		}
	}
	if len(n.Servers) != 2 || len(n.Problems) != 0 || len(n.Files) != 2 {
		t.Errorf("servers %d, problems %v, files %v", len(n.Servers), n.Problems, n.Files)
	}
}

// TestLoad_Bounds: circles and bombs of includes end, and what was not read is known.
func TestLoad_Bounds(t *testing.T) {
	bomb := map[string]string{"nginx.conf": "include 0.inc;"}
	for i := range 15 {
		bomb[fmt.Sprintf("%d.inc", i)] = strings.Repeat(fmt.Sprintf("include %d.inc;\n", i+1), 20)
	}
	bomb["15.inc"] = "server { listen 80; }"
	if n := load(t, bomb); !n.Hidden {
		t.Errorf("a bomb of includes is read to its end: %d servers", len(n.Servers))
	}
	wide := map[string]string{"nginx.conf": strings.Repeat("include a.inc;\n", 3000), "a.inc": strings.Repeat("server { listen 80; }\n", 100)}
	if n := load(t, wide); !n.Hidden || len(n.Servers) > maxCopied {
		t.Errorf("hidden %v, %d servers", n.Hidden, len(n.Servers))
	}
	n := load(t, map[string]string{"nginx.conf": "include a.inc; server { listen 80; }", "a.inc": "include b.inc;", "b.inc": "include a.inc; server { listen 81; }"})
	if len(n.Servers) != 2 || len(n.Problems) != 1 || !strings.Contains(n.Problems[0].Text, "includes itself") {
		t.Errorf("servers %v, problems %v", n.Servers, n.Problems)
	}
}

func TestLoad_Sockets(t *testing.T) {
	n := load(t, map[string]string{"nginx.conf": "http { server { listen 443; listen [::]:443; listen 444; listen 10.0.0.1:443; } server { listen 443 ssl; listen 444 quic; } }"})
	var got []bool
	for _, l := range n.Servers[0].Listen {
		got = append(got, l.SSL)
	}
	if fmt.Sprint(got) != "[true false false false]" {
		t.Errorf("ssl of the sockets is %v", got)
	}
}

func TestLoad_Patterns(t *testing.T) {
	for pattern, want := range map[string]string{
		"sites/*/n.conf": "a b", "sites/[a]/n.conf": "a", "sites/*/*": "a b x", "/etc/nginx/sites/b/?.conf": "b", "sites/*": "", "no/*.conf": "",
	} {
		n := load(t, map[string]string{
			"nginx.conf": "include " + pattern + ";", "sites/a/n.conf": "server { server_name a; }", "sites/b/n.conf": "server { server_name b; }",
			"sites/b/x.conf": "server { server_name x; }", "sites/b/.hidden": "server { server_name h; }",
		})
		var names []string
		for _, s := range n.Servers {
			names = append(names, s.Names...)
		}
		got := strings.Join(names, " ")
		if pattern == "/etc/nginx/sites/b/?.conf" {
			want = "b x"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

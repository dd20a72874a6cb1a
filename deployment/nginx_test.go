package deployment

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
)

const nginxConf = `events {}
http {
  ssl_protocols TLSv1.2 TLSv1.3;
  split_clients "${remote_addr}${http_user_agent}" $pool {
    5%   green;
    0.5% canary;
    *    blue;
  }
  upstream blue { server catalyst:8000 weight=3; server catalyst2:8000 down; server spare backup; }
  include /etc/nginx/mime.types;
  include /etc/nginx/conf.d/*.conf;
  server {
    listen 80 default_server;
    listen [::]:80;
    server_name _;
    return 301 https://$host$request_uri;
  }
}
`

const siteConf = `server {
  listen 443 ssl http2;
  listen 127.0.0.1:8443 ssl;
  server_name ads.nexus.test "www.nexus.test";
  ssl_certificate /etc/nginx/ssl/fullchain.pem;
  ssl_certificate_key ssl/privkey.pem;
  ssl_protocols TLSv1 TLSv1.2;
  location / {
    if ($x) { proxy_pass http://$pool; }
    proxy_pass http://user:secret@catalyst:8000;
  }
}
`

func TestNginx_Mounted(t *testing.T) {
	v := view(t, map[string]string{
		"deployment/docker-compose.yml": "services:\n  web:\n    image: nginx:1.27-alpine\n    volumes:\n      - ./nginx.conf:/etc/nginx/nginx.conf:ro\n      - ./sites:/etc/nginx/conf.d\n      - ./ssl:/etc/nginx/ssl:ro\n      - logs:/var/log\nvolumes: {logs: {}}\n",
		"deployment/nginx.conf":         nginxConf,
		"deployment/sites/a.conf":       siteConf,
		"deployment/sites/b.txt":        "server { listen 81; }",
		"nginx-old.conf":                "server { listen 82; }",
	})
	n, err := v.Nginx()
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Servers) != 2 || len(n.Splits) != 1 || len(n.Unread) != 1 {
		t.Fatalf("servers %+v, splits %+v, unread %+v", n.Servers, n.Splits, n.Unread)
	}
	root := v.Deployment.Root
	place, tls, plain := v.Place(find.FactNginx), n.Servers[0], n.Servers[1]
	const site, main = "deployment/sites/a.conf", "deployment/nginx.conf"
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"place", []string{place.How, place.Path()}, []string{find.Found, filepath.Join(root, main)}},
		{"other places", place.Others, []string{filepath.Join(root, "nginx-old.conf")}},
		{"service", n.Service, "web"},
		{"files", n.Files, []string{filepath.Join(root, main), filepath.Join(root, site)}},
		{"problems", n.Problems, []nginx.Problem{}},
		{"line of the unread include", n.Unread[0].Line, 10},
		{"unread include", strings.Contains(n.Unread[0].Text, "mime.types"), true},
		{"TLS server", []any{tls.TLS(), tls.File, tls.Line}, []any{true, site, 1}},
		{"names", tls.Names, []string{"ads.nexus.test", "www.nexus.test"}},
		{"own protocols", tls.Protocols, []string{"TLSv1", "TLSv1.2"}},
		{"listen", tls.Listen, []nginx.Listen{
			{Port: 443, SSL: true, File: site, Line: 2},
			{Host: "127.0.0.1", Port: 8443, SSL: true, File: site, Line: 3},
		}},
		{"certificates", tls.Certificates, []nginx.Certificate{{
			Cert: nginx.Path{Inside: "/etc/nginx/ssl/fullchain.pem", Host: filepath.Join(root, "deployment/ssl/fullchain.pem"), File: site, Line: 5},
			Key:  nginx.Path{Inside: "/etc/nginx/ssl/privkey.pem", Host: filepath.Join(root, "deployment/ssl/privkey.pem"), File: site, Line: 6},
		}}},
		{"proxies", tls.Proxies, []nginx.ProxyPass{
			{Location: "/", To: "http://$pool", File: site, Line: 9},
			{Location: "/", To: "http://catalyst:8000", File: site, Line: 10},
		}},
		{"plain server", []any{plain.TLS(), plain.Protocols}, []any{false, []string{"TLSv1.2", "TLSv1.3"}}},
		{"plain listen", plain.Listen, []nginx.Listen{{Port: 80, Default: true, File: main, Line: 13}, {Port: 80, IPv6: true, File: main, Line: 14}}},
		{"split", []any{n.Splits[0].Variable, n.Splits[0].Line}, []any{"$pool", 4}},
		{"upstreams", n.Upstreams, []nginx.Upstream{{Name: "blue", File: main, Line: 9, Servers: []nginx.UpstreamServer{
			{Address: "catalyst:8000", Weight: 3, Line: 9},
			{Address: "catalyst2:8000", Weight: 1, Down: true, Line: 9},
			{Address: "spare", Weight: 1, Backup: true, Line: 9},
		}}}},
	} {
		if got, want := fmt.Sprintf("%+v", check.got), fmt.Sprintf("%+v", check.want); got != want {
			t.Errorf("%s: %s, want %s", check.name, got, want)
		}
	}
	for value, want := range map[string]float64{"green": 0.05, "canary": 0.005, "blue": 0.945, "absent": 0} {
		if got := n.Splits[0].Ratio(value); math.Abs(got-want) > 1e-9 {
			t.Errorf("share of %s is %v, want %v", value, got, want)
		}
	}
}

func TestNginx_Roots(t *testing.T) {
	const web = "services:\n  nginx:\n    image: nginx\n    volumes:\n"
	server := func(name string) string { return "server { server_name " + name + "; }\n" }
	tests := []struct {
		name  string
		files map[string]string
		set   Settings
		names string // of all servers
		how   string
	}{
		{"configured", map[string]string{"nginx.conf": server("a"), "x/y.conf": server("b")}, Settings{Nginx: []string{"x/y.conf"}}, "b", find.Configured},
		{"conf.d mounted", map[string]string{"compose.yml": web + "      - ./c:/etc/nginx/conf.d:ro\n", "c/1.conf": server("one"), "c/2.conf": server("two"), "nginx.conf": server("no")}, Settings{}, "one two", find.Found},
		{"one file mounted into conf.d", map[string]string{"compose.yml": web + "      - ./site.conf:/etc/nginx/conf.d/default.conf\n", "site.conf": server("site"), "nginx.conf": server("no")}, Settings{}, "site", find.Found},
		{"template mounted", map[string]string{"compose.yml": web + "      - ./t:/etc/nginx/templates\n    environment: {DOMAIN: x.test}\n", "t/default.conf.template": "server { server_name ${DOMAIN} ${OTHER}; }"}, Settings{}, "x.test ${OTHER}", find.Found},
		{"nothing mounted", map[string]string{"compose.yml": web[:len(web)-len("    volumes:\n")], "nginx.conf": server("root")}, Settings{}, "root", find.Found},
		{"plain name first", map[string]string{"nginx-dev.conf": server("dev"), "nginx.prod.conf": server("prod"),
			"nginx.conf": server("plain")}, Settings{}, "plain", find.Found},
		{"production before others", map[string]string{"nginx-dev.conf": server("dev"), "nginx.prod.conf": server("prod")}, Settings{}, "prod", find.Found},
		{"folder", map[string]string{"nginx/nginx.conf": "http { include conf.d/*.conf; include conf.d/missing.conf; }", "nginx/conf.d/a.conf": server("a")}, Settings{}, "a", find.Found},
		{"conf.d alone", map[string]string{"deploy/nginx/conf.d/a.conf": server("a"), "deploy/nginx/conf.d/b.conf": server("b")}, Settings{}, "a b", find.Found},
		{"include cycle", map[string]string{"nginx.conf": "include nginx.conf;\n" + server("a")}, Settings{}, "a", find.Found},
		{"certificates of the http block", map[string]string{"nginx.conf": "http { ssl_certificate /c.pem; ssl_certificate_key /k.pem; server { listen 443 ssl; server_name a; } }"}, Settings{}, "a", find.Found},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := install(t, tt.files)
			tt.set.Root = d.Root
			d, err := Discover(tt.set)
			if err != nil {
				t.Fatal(err)
			}
			v := d.View(nil)
			n, err := v.Nginx()
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, s := range n.Servers {
				names = append(names, s.Names...)
				if strings.HasPrefix(tt.name, "certificates") && (len(s.Certificates) != 1 || s.Certificates[0].Key.Inside != "/k.pem") {
					t.Errorf("certificates %+v", s.Certificates)
				}
			}
			if got := strings.Join(names, " "); got != tt.names {
				t.Errorf("servers %q, want %q; problems %v", got, tt.names, n.Problems)
			}
			if how := v.Place(find.FactNginx).How; how != tt.how {
				t.Errorf("how %q, want %q", how, tt.how)
			}
		})
	}
	if _, err := view(t, nil).Nginx(); !errors.Is(err, nginx.ErrNoFile) {
		t.Errorf("got %v", err)
	}
	d, err := Discover(Settings{Root: t.TempDir(), Nginx: []string{"gone.conf"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.View(nil).Nginx(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestNginx_SplitProblems(t *testing.T) {
	tests := []struct{ in, want string }{
		{"split_clients $a $b { 60% x; 50% y; }", "exceed 100 %"},
		{"split_clients $a $b { x y; }", "requires a percentage"},
		{"split_clients $a $b { 0% y; }", "requires a percentage"},
		{"split_clients $a $b { NaN% y; }", "requires a percentage"},
		{"split_clients $a { 5% y; }", "requires a string, a variable and a block"},
		{"split_clients $a $b;", "requires a string, a variable and a block"},
	}
	for _, tt := range tests {
		n, err := view(t, map[string]string{"nginx.conf": tt.in}).Nginx()
		if err != nil || len(n.Problems) == 0 || !strings.Contains(n.Problems[0].Text, tt.want) {
			t.Errorf("%s: %v, %+v", tt.in, err, n)
		}
	}
	n, err := view(t, map[string]string{"nginx.conf": "split_clients $a $b { 33.33% x; 33.33% y; * z; }"}).Nginx()
	if err != nil || n.Splits[0].Ratio("z") != 0.3334 {
		t.Errorf("%v, %+v", err, n)
	}
}

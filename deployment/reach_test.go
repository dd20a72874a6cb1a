package deployment

import (
	"errors"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

func TestEndpoint(t *testing.T) {
	c, err := view(t, map[string]string{"compose.yml": `services:
  postgres:
    image: postgres
    container_name: db-prod
    hostname: dbhost
    ports: ["127.0.0.1:5433:5432"]
    networks: {default: {aliases: [main-db]}}
  redis: {image: redis, ports: ["6379"], expose: ["6379"]}
  open: {image: x, ports: ["8000:80", "0.0.0.0:8001:81", "[::]:8002:82", "53:53/udp", "9000-9001:90-91"]}
  host: {image: x, network_mode: host}
  off: {image: x, profiles: [p], ports: ["1:1"]}
`}).Compose()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		port int
		want string
	}{
		{"postgres", 5432, "127.0.0.1:5433"},
		{"db-prod", 5432, "127.0.0.1:5433"},
		{"dbhost", 5432, "127.0.0.1:5433"},
		{"main-db", 5432, "127.0.0.1:5433"},
		{"postgres", 5433, ""},
		{"redis", 6379, ""}, // Docker assigns the port
		{"open", 80, "127.0.0.1:8000"},
		{"open", 81, "127.0.0.1:8001"},
		{"open", 82, "127.0.0.1:8002"},
		{"open", 53, ""}, // udp
		{"open", 91, "127.0.0.1:9001"},
		{"host", 1234, "127.0.0.1:1234"},
		{"off", 1, ""},
		{"nobody", 1, ""},
	}
	for _, tt := range tests {
		got := ""
		if host, port, ok := c.Endpoint(tt.name, tt.port); ok {
			got = net.JoinHostPort(host, strconv.Itoa(port))
		}
		if got != tt.want {
			t.Errorf("Endpoint(%s, %d) = %q, want %q", tt.name, tt.port, got, tt.want)
		}
	}

	type port struct {
		hostIP string
		line   int
	}
	want := map[string]port{"postgres:5433": {"127.0.0.1", 6}, "redis:0": {"", 8}, "open:8000": {"", 9}, "open:8001": {"", 9}, "open:8002": {"", 9}, "open:53": {"", 9}, "open:9000": {"", 9}, "open:9001": {"", 9}}
	for _, p := range c.Published() {
		name := p.Service + ":" + strconv.Itoa(p.First)
		w, ok := want[name]
		if !ok || p.HostIP != w.hostIP || p.Line != w.line || p.File != "compose.yml" {
			t.Errorf("%s: %+v, want %+v", name, p, w)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not published: %v", want)
	}
	if h := c.HostNetwork(); len(h) != 1 || h[0] != "host" {
		t.Errorf("host network: %v", h)
	}
}

func TestDatabaseAccess(t *testing.T) {
	const compose = "services:\n  catalyst:\n    build: .\n    env_file: .env\n  postgres:\n    image: postgres:16\n    ports: ['127.0.0.1:15432:5432']\n"
	const closed = "services:\n  catalyst:\n    build: .\n    env_file: .env\n  postgres:\n    image: postgres:16\n"
	tests := []struct {
		name     string
		files    map[string]string
		conf     Database
		want     string // user@host:port/name sslmode
		password string
		inside   string
		how      string
	}{
		{"nothing", nil, Database{}, "postgres@127.0.0.1:5432/postgres prefer", "", "", "default"},
		{"configured", map[string]string{"compose.yml": compose, ".env": "DB_HOST=x\n"}, Database{Host: "db.test", Port: 1, Name: "n", User: "u", SSLMode: "require", Password: secret.New("pw")}, "u@db.test:1/n require", "pw", "", "configured"},
		{"compose network", map[string]string{"compose.yml": compose, ".env": "DB_HOST=postgres\nDB_PORT=5432\nDB_NAME=cat\nDB_USER=u\nDB_PASSWORD=pw\n"}, Database{}, "u@127.0.0.1:15432/cat prefer", "pw", "postgres:5432", "DB_HOST at .env:1, through the port that service postgres publishes"},
		{"URL", map[string]string{"compose.yml": compose, ".env": "DATABASE_URL=postgresql://u:p%40w@postgres:5432/cat?sslmode=disable\n"}, Database{}, "u@127.0.0.1:15432/cat disable", "p@w", "postgres:5432", "DATABASE_URL at .env:1, through the port that service postgres publishes"},
		{"by image",
			map[string]string{"compose.yml": compose + "    environment: {POSTGRES_PASSWORD: pw, POSTGRES_USER: me}\n",
				".env": ""}, Database{}, "me@127.0.0.1:15432/me prefer", "pw", "postgres:5432",
			"service postgres of the compose file, through the port that service postgres publishes"},
		{"outside", map[string]string{"compose.yml": compose, ".env": "DB_HOST=db.nexus.test\nDB_SSL_MODE=verify-full\n"}, Database{}, "postgres@db.nexus.test:5432/postgres verify-full", "", "", "DB_HOST at .env:1"},
		{"configured instead of an unpublished port", map[string]string{"compose.yml": closed,
			".env": "DB_HOST=postgres\nDB_PASSWORD=pw\n"}, Database{Host: "127.0.0.1"},
			"postgres@127.0.0.1:5432/postgres prefer", "pw", "", "configured"},
		{"configured with a network name", map[string]string{"compose.yml": compose, ".env": ""},
			Database{Host: "postgres"}, "postgres@postgres:5432/postgres prefer", "", "", "configured"},
		{"env file alone", map[string]string{".env": "DB_HOST=db\nDB_PASSWORD_FILE=pw.txt\n", "pw.txt": "pw\n"}, Database{}, "postgres@db:5432/postgres prefer", "pw", "", "DB_HOST at .env:1"},
		{"password file", map[string]string{".env": "", "pw.txt": "pw\n"}, Database{PasswordFile: "pw.txt"}, "postgres@127.0.0.1:5432/postgres prefer", "pw", "", "default"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Discover(Settings{Root: install(t, tt.files).Root, Database: tt.conf})
			if err != nil {
				t.Fatal(err)
			}
			a, err := d.View(nil).DatabaseAccess()
			if err != nil {
				t.Fatal(err)
			}
			if got := a.User + "@" + a.Address() + "/" + a.Name + " " + a.SSLMode; got != tt.want || a.Password.Text.Reveal() != tt.password || a.Inside != tt.inside || a.How != tt.how || a.Configured != (tt.conf.Host != "") {
				t.Errorf("got %s, password %q, inside %q, how %q\nwant %s, %q, %q, %q", got, a.Password.Text.Reveal(), a.Inside, a.How, tt.want, tt.password, tt.inside, tt.how)
			}
		})
	}
	var no *NoWayError
	_, err := view(t, map[string]string{"compose.yml": closed, ".env": "DB_HOST=postgres\n"}).DatabaseAccess()
	if !errors.As(err, &no) || no.Service != "postgres" || no.Port != 5432 || !strings.Contains(err.Error(), "set deployment.database.host") {
		t.Errorf("not published: %v", err)
	}
	if _, err = view(t, map[string]string{".env": "DB_PORT=many\n"}).DatabaseAccess(); err == nil || err.Error() != "DB_PORT at .env:1 is not a port" {
		t.Errorf("bad port: %v", err)
	}
	if _, err = view(t, map[string]string{".env": "DB_PASSWORD_FILE=gone\n"}).DatabaseAccess(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing password file: %v", err)
	}
	if _, err = view(t, map[string]string{"compose.yml": "a: ["}).DatabaseAccess(); err == nil {
		t.Error("invalid compose file returned an address")
	}
}

func TestRedisAccess(t *testing.T) {
	const compose = "services:\n  catalyst:\n    build: .\n    env_file: .env\n  redis-prod:\n    image: redis:7-alpine\n    command: redis-server --requirepass ${REDIS_PASSWORD}\n    ports: ['6380:6379']\n"
	tests := []struct {
		name  string
		files map[string]string
		conf  Redis
		want  string
		pw    string
		tls   bool
	}{
		{"nothing", nil, Redis{}, "127.0.0.1:6379", "", false},
		{"host and port", map[string]string{"compose.yml": compose, ".env": "REDIS_HOST=redis-prod\nREDIS_PORT=6379\nREDIS_PASSWORD=pw\n"}, Redis{}, "127.0.0.1:6380", "pw", false},
		{"address", map[string]string{".env": "REDIS_ADDR=r.test:7000\n"}, Redis{}, "r.test:7000", "", false},
		{"URL", map[string]string{".env": "REDIS_URL=rediss://:pw@r.test:7000/0\n"}, Redis{}, "r.test:7000", "pw", true},
		{"by image", map[string]string{"compose.yml": compose, ".env": "REDIS_PASSWORD=pw\n"}, Redis{}, "127.0.0.1:6380",
			"pw", false},
		{"configured", map[string]string{"compose.yml": compose, ".env": "REDIS_HOST=redis-prod\nREDIS_PASSWORD=pw\n"}, Redis{Address: "10.0.0.1:1", TLS: new(true)}, "10.0.0.1:1", "pw", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Discover(Settings{Root: install(t, tt.files).Root, Redis: tt.conf})
			if err != nil {
				t.Fatal(err)
			}
			a, err := d.View(nil).RedisAccess()
			if err != nil || a.Address() != tt.want || a.Password.Text.Reveal() != tt.pw || a.TLS != tt.tls || a.Configured != (tt.conf.Address != "") {
				t.Errorf("got %+v (%q), %v", a, a.Password.Text.Reveal(), err)
			}
		})
	}
}

func TestHostPlaceholder(t *testing.T) {
	for _, name := range []string{"yourdomain.com", "ads.your-site.io", "mysite.io", "ads.company.com", "domain.com", "changeme.net", "ads.yourserver.net"} {
		if hostPlaceholder(name) != "not filled in" {
			t.Errorf("%s is reported as a placeholder", name)
		}
	}
	for _, name := range []string{"subdomain.com", "my-host.nexus.io", "mycompanion.com", "yourselves.org", "company.nexus.io", "ads.nexus.io"} {
		if why := hostPlaceholder(name); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	}
}

func TestPublicHosts(t *testing.T) {
	v := view(t, map[string]string{
		"compose.yml": "services:\n  catalyst:\n    build: .\n    env_file: .env\n    environment: {API_URL: 'http://idr:5050', PUBLIC_URL: 'https://Ads.Nexus.test:8443/x'}\n  idr: {image: x}\n",
		".env":        "HOST=0.0.0.0\nDOMAIN=ads.nexus.test, www.nexus.test\nDB_HOST=db.nexus.test\nPBS_HOST_URL=https://yourdomain.com\nBASE_URL=://%zz\nSITE_URL=http://localhost:8000\n",
		"nginx.conf":  "server { server_name _ 10.1.2.3 192.0.2.1 *.nexus.test ~^x\\.test$ api.example.com web; }\n",
	})
	hosts, err := v.PublicHosts()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range hosts {
		got = append(got, h.Name+" "+h.Origin.String()+" "+h.Placeholder)
	}
	want := []string{
		"idr compose.yml:5 a name of the compose network",
		"ads.nexus.test compose.yml:5 ",
		" .env:5 not a host name",
		"www.nexus.test .env:2 ",
		"0.0.0.0 .env:1 all addresses",
		"yourdomain.com .env:4 not filled in",
		"localhost .env:6 this machine",
		"_ nginx.conf:1 any name",
		"10.1.2.3 nginx.conf:1 a private address",
		"192.0.2.1 nginx.conf:1 ",
		"*.nexus.test nginx.conf:1 a wildcard",
		"~^x\\.test$ nginx.conf:1 a pattern",
		"api.example.com nginx.conf:1 an example domain",
		"web nginx.conf:1 not a full domain name",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		// Within one file, hosts are ordered by key.
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	d, err := Discover(Settings{Root: v.Deployment.Root, Public: Public{Hosts: []string{"A.test."}, URL: "https://b.test/"}})
	if err != nil {
		t.Fatal(err)
	}
	hosts, err = d.View(nil).PublicHosts()
	if err != nil || len(hosts) != 2 || hosts[0].Name != "a.test" || hosts[1].Name != "b.test" || hosts[0].How != find.Configured {
		t.Errorf("configured: %+v, %v", hosts, err)
	}
}

package parts

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestPostgreSQL(t *testing.T) {
	server := PostgreSQL(t, PostgreSQLSetting("max_connections", "17"))
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, server.DSN()+"&application_name=parts_test")
	if err != nil {
		t.Fatal(err)
	}
	var max string
	if err := conn.QueryRow(ctx, "show max_connections").Scan(&max); err != nil || max != "17" {
		t.Errorf("max_connections %q, error %v", max, err)
	}
	if n := server.Connections(t, "parts_test"); n != 1 {
		t.Errorf("%d connections counted, want 1", n)
	}
	if n := server.Connections(t, "nobody"); n != 0 {
		t.Errorf("%d connections of an application that is not there", n)
	}
	if err := conn.Close(ctx); err != nil {
		t.Error(err)
	}

	if _, err := pgx.Connect(ctx, server.DSNFor("postgres", "wrong", "postgres")); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("a wrong password: %v", err)
	}

	name, _ := server.Database(t)
	server.ExecIn(t, name, "create table kept (n int)", "insert into kept values (1)")
	server.Restart(t)
	server.ExecIn(t, name, "insert into kept values (2)")

	server.Stop()
	server.Stop()
	refused(t, net.JoinHostPort(server.Host, strconv.Itoa(server.Port)))
}

func TestPostgreSQLTLS(t *testing.T) {
	server := PostgreSQL(t, PostgreSQLTLS(TLS(t, nil)))
	conn, err := pgx.Connect(t.Context(), server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var encrypted bool
	if err := conn.QueryRow(t.Context(), "select ssl from pg_stat_ssl where pid = pg_backend_pid()").Scan(&encrypted); err != nil || !encrypted {
		t.Errorf("encrypted %v, error %v", encrypted, err)
	}
}

func TestRedis(t *testing.T) {
	t.Run("open", func(t *testing.T) {
		server := Redis(t)
		if answer := server.Do(t, "SET", "a", "b"); answer != "+OK" {
			t.Errorf("answer %q", answer)
		}
		server.Restart(t)
		if answer := server.Do(t, "EXISTS", "a"); answer != ":0" {
			t.Errorf("after a restart it is not empty: %q", answer)
		}
		server.Stop()
		refused(t, server.Addr())
	})
	t.Run("password", func(t *testing.T) {
		server := Redis(t, RedisPassword(Secret()))
		if answer := server.Do(t, "PING"); answer != "+PONG" {
			t.Errorf("with the password: %q", answer)
		}
		server.Password = ""
		if answer := server.Do(t, "PING"); !strings.HasPrefix(answer, "-NOAUTH") {
			t.Errorf("without the password: %q", answer)
		}
		server.Password = "wrong"
		if answer := server.Do(t, "PING"); !strings.HasPrefix(answer, "-WRONGPASS") {
			t.Errorf("with a wrong password: %q", answer)
		}
	})
	t.Run("users", func(t *testing.T) {
		password := Secret()
		server := Redis(t, RedisPassword(Secret()), RedisUser("reader", password, "~*", "+@read", "+ping"))
		if answer := server.Do(t, "AUTH", "reader", password); answer != "+OK" {
			t.Errorf("the user: %q", answer)
		}
		if answer := server.Do(t, "AUTH", "reader", "wrong"); !strings.HasPrefix(answer, "-WRONGPASS") {
			t.Errorf("the user with a wrong password: %q", answer)
		}
	})
	t.Run("TLS", func(t *testing.T) {
		cert := TLS(t, nil)
		server := Redis(t, RedisTLS(cert))
		conn, err := tls.Dial("tcp", server.Addr(), &tls.Config{RootCAs: cert.Pool()})
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	})
}

func TestNginx(t *testing.T) {
	server := Nginx(t, NginxSite{
		Files:  map[string]string{"/privacy": "our words", "/lost.html": "nothing here"},
		Server: "error_page 404 =200 /lost.html; location = /teapot { return 418; }",
	})
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/privacy": {http.StatusOK, "our words"},
		"/absent":  {http.StatusOK, "nothing here"},
		"/teapot":  {http.StatusTeapot, ""},
	} {
		status, body, err := Get(server.URL+path, nil)
		if err != nil || status != want.status || !strings.Contains(string(body), want.body) {
			t.Errorf("%s: status %d, body %q, error %v", path, status, body, err)
		}
	}
	server.Stop()
	refused(t, net.JoinHostPort(server.Host, strconv.Itoa(server.Port)))
}

func TestNginxTLS(t *testing.T) {
	cert := CA(t).Intermediate(t).Leaf(t, []string{"shop.test"}, ValidUntil(time.Now().Add(-time.Minute)))
	server := Nginx(t, NginxSite{TLS: cert})
	conn, err := tls.Dial("tcp", strings.TrimPrefix(server.URL, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if sent := conn.ConnectionState().PeerCertificates; len(sent) != 2 || !sent[0].Equal(cert.Certificate) {
		t.Errorf("%d certificates sent, want the leaf and the intermediate", len(sent))
	}
}

func TestPrometheus(t *testing.T) {
	alertmanager := Alertmanager(t, "route: {receiver: none}\nreceivers: [{name: none}]\n")
	server := Prometheus(t, `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules/*.yml]
scrape_configs: []
alerting: {alertmanagers: [{static_configs: [{targets: ["`+alertmanager.Addr+`"]}]}]}
`, map[string]string{"one.yml": "groups: [{name: one, rules: [{record: one, expr: vector(1)}]}]"})

	names := func() string {
		_, body, err := Get(server.URL+"/api/v1/rules", nil)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Data struct{ Groups []struct{ Name string } }
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, group := range answer.Data.Groups {
			names = append(names, group.Name)
		}
		return strings.Join(names, " ")
	}
	if got := names(); got != "one" {
		t.Errorf("groups %q", got)
	}
	server.SetRules(t, "two.yml", "groups: [{name: two, rules: [{record: two, expr: vector(2)}]}]")
	server.Reload(t)
	if got := names(); got != "one two" {
		t.Errorf("groups after a reload %q", got)
	}

	alertmanager.SetConfig(t, "route: {receiver: other}\nreceivers: [{name: other}]\n")
	alertmanager.Reload(t)
	if _, body, err := Get(alertmanager.URL+"/api/v2/receivers", nil); err != nil || !strings.Contains(string(body), `"other"`) {
		t.Errorf("receivers after a reload %s, error %v", body, err)
	}
	server.Stop()
	alertmanager.Stop()
	refused(t, server.Addr)
	refused(t, alertmanager.Addr)
}

package redis

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

func redisSettings(address, user, password string) deployment.Settings {
	return deployment.Settings{Redis: deployment.Redis{Address: address, User: user, Password: secret.New(password), Timeout: probetest.Patience(probe.ReasonNone)}}
}

// answersRedis is a server that answers every line that ends a command with the texts in turn.
func answersRedis(t *testing.T, texts ...string) string {
	return probetest.Listener(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for _, text := range texts {
			words := 0
			for line := ""; line == "" || words > 0; words-- {
				var err error
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
				if n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "*"))); err == nil && line[0] == '*' {
					words = 2*n + 1
				}
			}
			if _, err := c.Write([]byte(text)); err != nil {
				return
			}
		}
	})
}

func TestRedisFaults(t *testing.T) {
	long := strings.Repeat("mark", 4096)
	all := append(probetest.PortFaults(t),
		probetest.Fault{Name: "endless line", Address: answersRedis(t, "+"+long), State: probe.StateUnknown, Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "cut line", Address: answersRedis(t, "-NOAU"), State: probe.StateUnknown, Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "another word", Address: answersRedis(t, "+mark\r\n"), State: probe.StateUnknown, Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "invalid UTF-8", Address: answersRedis(t, "\xff\xfemark\r\n"), State: probe.StateUnknown, Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "an unknown error", Address: answersRedis(t, "-mark mark\r\n"), State: probe.StateUnknown, Reason: probe.ReasonError},
		probetest.Fault{Name: "too many clients", Address: answersRedis(t, "-ERR max number of clients reached\r\n"), State: probe.StateUnknown, Reason: probe.ReasonUnhealthy},
		probetest.Fault{Name: "stopped in the middle", Address: answersRedis(t, "-NOAUTH mark\r\n"), State: probe.StateUnknown, Reason: probe.ReasonUnreachable},
		probetest.Fault{Name: "max clients after NOAUTH", Address: answersRedis(t, "-NOAUTH mark\r\n", "-ERR max number of clients reached\r\n"), State: probe.StateUnknown, Reason: probe.ReasonUnhealthy},
	)
	password := parts.Secret()
	for _, f := range all {
		for _, kind := range []string{"redis_auth", "redis_keyspace"} {
			if kind == "redis_keyspace" && (strings.Contains(f.Name, "NOAUTH") || f.Name == "another word" || f.Name == "stopped in the middle") {
				continue // that is another thing to it
			}
			t.Run(kind+" "+f.Name, func(t *testing.T) {
				s := redisSettings(f.Address, "", password)
				s.Redis.Timeout = probetest.Patience(f.Reason)
				r := probetest.Look(t, probetest.NewPass(t, nil, s), redisKindNamed(kind), "{}")
				probetest.Expect(t, r, f.State, f.Reason, "Redis at "+f.Address)
				probetest.HasNot(t, r, password)
				if strings.Contains(r.Detail, "mark") {
					t.Errorf("the detail holds what the server sent: %s", r.Detail)
				}
			})
		}
	}
}

func TestRedisKeyspaceFaults(t *testing.T) {
	tests := []struct {
		name, address string
		reason        probe.Reason
	}{
		{"an announced gigabyte", answersRedis(t, "+OK\r\n", "$1073741824\r\n"), probe.ReasonInvalid},
		{"no length", answersRedis(t, "+OK\r\n", "$many\r\n"), probe.ReasonInvalid},
		{"nil", answersRedis(t, "+OK\r\n", "$-1\r\n"), probe.ReasonInvalid},
		{"cut in the middle", answersRedis(t, "+OK\r\n", "$400\r\n# Keyspace\r\n"), probe.ReasonUnreachable},
		{"stopped after the first half", answersRedis(t, "+OK\r\n", "$12\r\n# Keyspace\r\n\r\n"), probe.ReasonUnreachable},
		{"other text", answersRedis(t, "+OK\r\n", "$4\r\nmark\r\n", "$4\r\nmark\r\n"), probe.ReasonInvalid},
		{"wrong password", answersRedis(t, "-WRONGPASS mark\r\n"), probe.ReasonBlocked},
		{"no permission", answersRedis(t, "+OK\r\n", "-NOPERM mark\r\n"), probe.ReasonPermissionDenied},
		{"loading", answersRedis(t, "+OK\r\n", "-LOADING mark\r\n"), probe.ReasonUnhealthy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, nil, redisSettings(tt.address, "", parts.Secret())), KeyspaceKind(), "{}")
			probetest.Expect(t, r, probe.StateUnknown, tt.reason, "Redis at ")
			if strings.Contains(r.Detail, "mark") {
				t.Errorf("the detail holds what the server sent: %s", r.Detail)
			}
		})
	}
}

func TestRedisAuthJudge(t *testing.T) {
	says := func(word string) error { return &access.Refusal{Code: word, Words: word} }
	unknown := access.NoPassword("Redis", "deployment.redis.password_file", deployment.Value{})
	tests := []struct {
		name             string
		anonymous, login error
		Known            error
		state            probe.State
		reason           probe.Reason
		detail           string
	}{
		{"closed and accepted", says("NOAUTH"), nil, nil, probe.StatePass, "", "accepts"},
		{"open", nil, nil, nil, probe.StateFail, probe.ReasonOpen, "without a password"},
		{"open, password not known", nil, nil, unknown, probe.StateFail, probe.ReasonOpen, ""},
		{"open and loading", says("LOADING"), nil, nil, probe.StateFail, probe.ReasonOpen, "LOADING"},
		{"open and busy", says("BUSY"), nil, nil, probe.StateFail, probe.ReasonOpen, "BUSY"},
		{"open replica", says("MASTERDOWN"), nil, nil, probe.StateFail, probe.ReasonOpen, ""},
		{"open, disk full", says("MISCONF"), nil, nil, probe.StateFail, probe.ReasonOpen, ""},
		{"a restricted default user", says("NOPERM"), nil, nil, probe.StateWarn, probe.ReasonWeak, "disable that user"},
		{"protected mode", says("DENIED"), nil, nil, probe.StateUnknown, probe.ReasonPermissionDenied, "protected mode"},
		{"too many", says("MAXCLIENTS"), nil, nil, probe.StateUnknown, probe.ReasonUnhealthy, ""},
		{"another error", says("ERR"), nil, nil, probe.StateUnknown, probe.ReasonError, ""},
		{"refused password", says("NOAUTH"), says("WRONGPASS"), nil, probe.StateFail, probe.ReasonMismatch, "rejects"},
		{"odd answer to AUTH", says("NOAUTH"), says("ERR"), nil, probe.StateUnknown, probe.ReasonError, ""},
		{"password not known", says("NOAUTH"), nil, unknown, probe.StateUnknown, probe.ReasonNotConfigured, "is unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := (&redisAuth{}).judge(redisTarget{}, redisGreeting{anonymous: tt.anonymous, login: tt.login}, tt.Known)
			if err != nil {
				r = probe.NotChecked(err)
			}
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
		})
	}
}

func TestRedisAuth(t *testing.T) {
	right, wrong := parts.Secret(), parts.Secret()
	closed := parts.Redis(t, parts.RedisPassword(right))
	open := parts.Redis(t)
	user := parts.Redis(t, parts.RedisPassword(parts.Secret()), parts.RedisUser("catalyst", right, "~*", "+get"))
	tests := []struct {
		name, address, user, password string
		state                         probe.State
		reason                        probe.Reason
	}{
		{"the right password", closed.Addr(), "", right, probe.StatePass, ""},
		{"the right password of the default user", closed.Addr(), "default", right, probe.StatePass, ""},
		{"another password", closed.Addr(), "", wrong, probe.StateFail, probe.ReasonMismatch},
		{"another user", closed.Addr(), "nobody", right, probe.StateFail, probe.ReasonMismatch},
		{"open, whatever is configured", open.Addr(), "", right, probe.StateFail, probe.ReasonOpen},
		{"a user who may not PING", user.Addr(), "catalyst", right, probe.StateWarn, probe.ReasonWeak},
		{"a user's wrong password", user.Addr(), "catalyst", wrong, probe.StateFail, probe.ReasonMismatch},
		{"no password known", closed.Addr(), "", "", probe.StateUnknown, probe.ReasonNotConfigured},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, nil, redisSettings(tt.address, tt.user, tt.password)), AuthKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, "Redis at ")
			probetest.HasNot(t, r, right)
			probetest.HasNot(t, r, wrong)
		})
	}
	t.Run("a refused password is tried once", func(t *testing.T) {
		failures := func() string { return closed.Do(t, "ACL", "LOG", "RESET") + closed.Do(t, "ACL", "LOG") }
		_ = failures()
		probetest.Look(t, probetest.NewPass(t, nil, redisSettings(closed.Addr(), "", wrong)), AuthKind(), "{}")
		if got := closed.Do(t, "ACL", "LOG"); got != "*1" {
			t.Errorf("the server's log of refused log-ins: %s", got)
		}
	})
	t.Run("it dies and comes back", func(t *testing.T) {
		p := probetest.NewPass(t, nil, redisSettings(closed.Addr(), "", right))
		closed.Stop()
		probetest.Expect(t, probetest.Look(t, p, AuthKind(), "{}"), probe.StateUnknown, probe.ReasonUnreachable, "")
		closed.Restart(t)
		probetest.Expect(t, probetest.Look(t, p, AuthKind(), "{}"), probe.StatePass, "", "")
	})
}

func TestRedisTarget(t *testing.T) {
	password := parts.Secret()
	_, port, _ := net.SplitHostPort(parts.Refusing(t))
	tests := []struct {
		name   string
		files  probetest.Folder
		state  probe.State
		reason probe.Reason
	}{
		{"nothing tells of one", nil, probe.StateSkip, probe.ReasonNotConfigured},
		{"configured in the env file, nobody there", probetest.Folder{".env": fmt.Sprintf("REDIS_HOST=127.0.0.1\nREDIS_PORT=%s\nREDIS_PASSWORD=%s\n", port, password)}, probe.StateUnknown, probe.ReasonUnreachable},
		{"the default address, nobody there", probetest.Folder{".env": fmt.Sprintf("REDIS_PORT=%s\nREDIS_PASSWORD=%s\n", port, password)}, probe.StateUnknown, probe.ReasonNotConfigured},
		{"in the compose network alone", probetest.Folder{"compose.yaml": "services: {app: {build: ., environment: {REDIS_HOST: cache, REDIS_PASSWORD: " + password + "}}, cache: {image: 'redis:7'}}"}, probe.StateSkip, probe.ReasonNotConfigured},
		{"a compose file that cannot be read", probetest.Folder{"compose.yaml": "services: ["}, probe.StateUnknown, probe.ReasonBlocked},
	}
	for _, tt := range tests {
		for _, kind := range []string{"redis_auth", "redis_keyspace"} {
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				r := probetest.Look(t, probetest.NewPass(t, tt.files, deployment.Settings{}), redisKindNamed(kind), "{}")
				probetest.Expect(t, r, tt.state, tt.reason, "")
				probetest.HasNot(t, r, password)
				if r.Remedy == "" {
					t.Error("nothing says what would answer it")
				}
			})
		}
	}
}

func TestRedisTLS(t *testing.T) {
	ca := parts.CA(t)
	password := parts.Secret()
	server := parts.Redis(t, parts.RedisPassword(password), parts.RedisTLS(ca.Leaf(t, []string{"127.0.0.1"})))
	other := parts.Redis(t, parts.RedisPassword(password), parts.RedisTLS(ca.Leaf(t, []string{"redis.invalid"})))
	root := t.TempDir()
	_, _, file := ca.Leaf(t, []string{"x"}).Write(t, root)
	tests := []struct {
		name, address, ca string
		tls               bool
		state             probe.State
		reason            probe.Reason
		detail            string
	}{
		{"its authority", server.Addr(), file, true, probe.StatePass, "", ""},
		{"an unknown authority", server.Addr(), "", true, probe.StateUnknown, probe.ReasonMismatch, "unknown authority"},
		{"another name", other.Addr(), file, true, probe.StateUnknown, probe.ReasonMismatch, "another name"},
		{"without TLS", server.Addr(), "", false, probe.StateUnknown, probe.ReasonUnreachable, ""},
		{"TLS to a plain port", parts.Redis(t).Addr(), file, true, probe.StateUnknown, probe.ReasonTimeout, ""}, // it waits for the end of a line
		{"TLS to SSH", probetest.Listener(t, func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-mark\r\n")); _, _ = c.Read(make([]byte, 512)) }), file, true, probe.StateUnknown, probe.ReasonMismatch, "does not speak TLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := redisSettings(tt.address, "", password)
			s.Redis.TLS, s.Redis.CAFile, s.Redis.Timeout = new(tt.tls), tt.ca, probetest.Patience(tt.reason)
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, s), AuthKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestRedisKeyspace(t *testing.T) {
	password := parts.Secret()
	server := parts.Redis(t, parts.RedisPassword(password))
	see := func(spec string) probe.Result {
		t.Helper()
		return probetest.Look(t, probetest.NewPass(t, nil, redisSettings(server.Addr(), "", password)), KeyspaceKind(), spec)
	}
	probetest.Expect(t, see("{}"), probe.StatePass, "", "currently empty")
	server.Do(t, "SET", "a", "1")
	probetest.Expect(t, see("{}"), probe.StateWarn, probe.ReasonWeak, "none of the 1 keys")
	for i := range 3 {
		server.Do(t, "SET", "b"+strconv.Itoa(i), "1", "EX", "100")
	}
	server.Do(t, "GET", "a")
	server.Do(t, "GET", "none")
	r := see("{}")
	probetest.Expect(t, r, probe.StatePass, "", "3 of 4 keys")
	for _, want := range []struct {
		value  *probe.Value
		number float64
	}{{Expiring, 0.75}, {HitRatio, 0.5}} {
		if got, ok := probetest.Measured(r, want.value); !ok || got != want.number {
			t.Errorf("%s: %v, %v; want %v", want.value.Name, got, ok, want.number)
		}
	}
	probetest.Expect(t, see("{min_expiring: 0.8}"), probe.StateWarn, probe.ReasonThreshold, "75 % of the keys")

	// No connection is left behind, not even by a thousand looks: the one that asks is connected.
	p := probetest.NewPass(t, nil, redisSettings(server.Addr(), "", password))
	auth, keys := probetest.Load(t, AuthKind(), "{}"), probetest.Load(t, KeyspaceKind(), "{}")
	for range 500 {
		if r := probe.Run(t.Context(), auth, p); r.State != probe.StatePass {
			t.Fatal(r)
		}
		if r := probe.Run(t.Context(), keys, p); r.State != probe.StatePass {
			t.Fatal(r)
		}
	}
	parts.Eventually(t, func() error {
		if list := server.Do(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"); list != ":0" {
			return errors.New("other clients were connected: " + list)
		}
		return nil
	})
}

func TestParseKeyspace(t *testing.T) {
	const keys, stats = "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=5\r\ndb7:keys=1,expires=1,avg_ttl=0,subexpiry=0\r\n", "# Stats\r\nx:1\r\nkeyspace_hits:7\r\nkeyspace_misses:3\r\n"
	tests := []struct {
		name, keys, stats string
		want              keyspace
		ok                bool
	}{
		{"two databases", keys, stats, keyspace{4, 2, 7, 3}, true},
		{"no keys", "# Keyspace\r\n", stats, keyspace{0, 0, 7, 3}, true},
		{"no header", "", stats, keyspace{}, false},
		{"no counters", keys, "# Stats\r\n", keyspace{4, 2, 0, 0}, false},
		{"no number", "# Keyspace\r\ndb0:keys=x,expires=1\r\n", stats, keyspace{0, 1, 7, 3}, false},
		{"negative", keys, "# Stats\r\nkeyspace_hits:-7\r\nkeyspace_misses:3\r\n", keyspace{4, 2, 0, 3}, false},
		{"more expiries than keys", "# Keyspace\r\ndb0:keys=1,expires=2\r\n", stats, keyspace{1, 2, 7, 3}, false},
		{"no expiries told", "# Keyspace\r\ndb0:keys=1\r\n", stats, keyspace{1, 0, 7, 3}, false},
	}
	for _, tt := range tests {
		if got, ok := parseKeyspace(tt.keys, tt.stats); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %+v, %v", tt.name, got, ok)
		}
	}
}

func TestRedisKeyspaceJudge(t *testing.T) {
	tests := []struct {
		name   string
		spec   redisKeyspace
		seen   keyspace
		state  probe.State
		reason probe.Reason
	}{
		{"idle", redisKeyspace{MinHitRatio: 0.5}, keyspace{keys: 1, expiring: 1}, probe.StatePass, ""},
		{"too few lookups to judge", redisKeyspace{MinHitRatio: 0.5}, keyspace{1, 1, 0, 999}, probe.StatePass, ""},
		{"few are found", redisKeyspace{MinHitRatio: 0.5}, keyspace{1, 1, 499, 501}, probe.StateWarn, probe.ReasonThreshold},
		{"just enough are found", redisKeyspace{MinHitRatio: 0.5}, keyspace{1, 1, 500, 500}, probe.StatePass, ""},
		{"few are found and none is there", redisKeyspace{MinHitRatio: 0.5}, keyspace{0, 0, 0, 1000}, probe.StateWarn, probe.ReasonThreshold},
		{"just enough expire", redisKeyspace{MinExpiring: 0.5}, keyspace{keys: 2, expiring: 1}, probe.StatePass, ""},
		{"too few expire", redisKeyspace{MinExpiring: 0.51}, keyspace{keys: 2, expiring: 1}, probe.StateWarn, probe.ReasonThreshold},
		{"none expires", redisKeyspace{}, keyspace{keys: 2}, probe.StateWarn, probe.ReasonWeak},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { probetest.Expect(t, tt.spec.judge(tt.seen), tt.state, tt.reason, "") })
	}
}

func FuzzRedisAnswer(f *testing.F) {
	for _, seed := range []string{"+PONG\r\n", "-NOAUTH x\r\n", "$3\r\nabc\r\n", "$99999999999\r\n", ":1\r\n", "*1\r\n", "\r\n", "$-1\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := redisConn{in: bufio.NewReader(strings.NewReader(text))}
		answer, err := c.answer()
		if len(answer) > len(text) || err != nil && answer != "" {
			t.Errorf("%q: %q, %v", text, answer, err)
		}
		var r *access.Refusal
		if errors.As(err, &r) && !strings.Contains("NOAUTH WRONGPASS NOPERM DENIED LOADING BUSY MASTERDOWN MISCONF MAXCLIENTS ERR another error", r.Code) {
			t.Errorf("%q is told", r.Code)
		}
		parseKeyspace("# Keyspace\r\n"+text, "# Stats\r\n"+text)
	})
}

// redisKindNamed is the kind of that name among those that these tests run.
func redisKindNamed(name string) probe.Kind {
	return map[string]probe.Kind{
		"redis_auth":         AuthKind(),
		"redis_keyspace":     KeyspaceKind(),
		"redis_random_login": RandomLoginKind(),
	}[name]
}

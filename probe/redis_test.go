package probe

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

func redisSettings(address, user, password string) deployment.Settings {
	return deployment.Settings{Redis: deployment.Redis{Address: address, User: user, Password: secret.New(password), Timeout: patience(ReasonNone)}}
}

// answersRedis is a server that answers every line that ends a command with the texts in turn.
func answersRedis(t *testing.T, texts ...string) string {
	return listener(t, func(c net.Conn) {
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

// portFaults are what a port can do instead of speaking the protocol of a database, and the reason why it is unknown then.
func portFaults(t *testing.T) []fault {
	t.Helper()
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	some := func(c net.Conn) { _, _ = c.Read(make([]byte, 512)) }
	return []fault{
		{"refused", parts.Refusing(t), StateUnknown, ReasonUnreachable},
		{"no such host", "no-such-host.invalid:1", StateUnknown, ReasonUnreachable},
		{"silent", listener(t, func(net.Conn) { <-block }), StateUnknown, ReasonTimeout},
		{"closed at once", listener(t, func(c net.Conn) { some(c) }), StateUnknown, ReasonUnreachable},
		{"reset", listener(t, func(c net.Conn) { some(c); _ = c.(*net.TCPConn).SetLinger(0) }), StateUnknown, ReasonUnreachable},
		{"SSH", listener(t, func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-mark\r\n\x00\xff")); some(c) }), StateUnknown, ReasonInvalid},
		{"HTTP", strings.TrimPrefix(site(t, nil).URL, "http://"), StateUnknown, ReasonInvalid},
		{"drips", listener(t, func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("+")); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}), StateUnknown, ReasonTimeout},
	}
}

func TestRedisFaults(t *testing.T) {
	long := strings.Repeat("mark", 4096)
	all := append(portFaults(t),
		fault{"endless line", answersRedis(t, "+"+long), StateUnknown, ReasonInvalid},
		fault{"cut line", answersRedis(t, "-NOAU"), StateUnknown, ReasonInvalid},
		fault{"another word", answersRedis(t, "+mark\r\n"), StateUnknown, ReasonInvalid},
		fault{"invalid UTF-8", answersRedis(t, "\xff\xfemark\r\n"), StateUnknown, ReasonInvalid},
		fault{"an unknown error", answersRedis(t, "-mark mark\r\n"), StateUnknown, ReasonError},
		fault{"too many clients", answersRedis(t, "-ERR max number of clients reached\r\n"), StateUnknown, ReasonUnhealthy},
		fault{"stopped in the middle", answersRedis(t, "-NOAUTH mark\r\n"), StateUnknown, ReasonUnreachable},
		fault{"max clients after NOAUTH", answersRedis(t, "-NOAUTH mark\r\n", "-ERR max number of clients reached\r\n"), StateUnknown, ReasonUnhealthy},
	)
	password := parts.Secret()
	for _, f := range all {
		for _, kind := range []string{"redis_auth", "redis_keyspace"} {
			if kind == "redis_keyspace" && (strings.Contains(f.name, "NOAUTH") || f.name == "another word" || f.name == "stopped in the middle") {
				continue // that is another thing to it
			}
			t.Run(kind+" "+f.name, func(t *testing.T) {
				s := redisSettings(f.address, "", password)
				s.Redis.Timeout = patience(f.reason)
				r := look(t, newPass(t, nil, s), redisKindNamed(kind), "{}")
				expect(t, r, f.state, f.reason, "Redis at "+f.address)
				hasNot(t, r, password)
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
		reason        Reason
	}{
		{"an announced gigabyte", answersRedis(t, "+OK\r\n", "$1073741824\r\n"), ReasonInvalid},
		{"no length", answersRedis(t, "+OK\r\n", "$many\r\n"), ReasonInvalid},
		{"nil", answersRedis(t, "+OK\r\n", "$-1\r\n"), ReasonInvalid},
		{"cut in the middle", answersRedis(t, "+OK\r\n", "$400\r\n# Keyspace\r\n"), ReasonUnreachable},
		{"stopped after the first half", answersRedis(t, "+OK\r\n", "$12\r\n# Keyspace\r\n\r\n"), ReasonUnreachable},
		{"other text", answersRedis(t, "+OK\r\n", "$4\r\nmark\r\n", "$4\r\nmark\r\n"), ReasonInvalid},
		{"wrong password", answersRedis(t, "-WRONGPASS mark\r\n"), ReasonBlocked},
		{"no permission", answersRedis(t, "+OK\r\n", "-NOPERM mark\r\n"), ReasonPermissionDenied},
		{"loading", answersRedis(t, "+OK\r\n", "-LOADING mark\r\n"), ReasonUnhealthy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := look(t, newPass(t, nil, redisSettings(tt.address, "", parts.Secret())), redisKeyspaceKind(), "{}")
			expect(t, r, StateUnknown, tt.reason, "Redis at ")
			if strings.Contains(r.Detail, "mark") {
				t.Errorf("the detail holds what the server sent: %s", r.Detail)
			}
		})
	}
}

func TestRedisAuthJudge(t *testing.T) {
	says := func(word string) error { return &refusal{code: word, words: word} }
	unknown := noPassword("Redis", redisPasswordSetting, deployment.Value{})
	tests := []struct {
		name             string
		anonymous, login error
		known            error
		state            State
		reason           Reason
		detail           string
	}{
		{"closed and accepted", says("NOAUTH"), nil, nil, StatePass, "", "accepts"},
		{"open", nil, nil, nil, StateFail, ReasonOpen, "without a password"},
		{"open, password not known", nil, nil, unknown, StateFail, ReasonOpen, ""},
		{"open and loading", says("LOADING"), nil, nil, StateFail, ReasonOpen, "LOADING"},
		{"open and busy", says("BUSY"), nil, nil, StateFail, ReasonOpen, "BUSY"},
		{"open replica", says("MASTERDOWN"), nil, nil, StateFail, ReasonOpen, ""},
		{"open, disk full", says("MISCONF"), nil, nil, StateFail, ReasonOpen, ""},
		{"a restricted default user", says("NOPERM"), nil, nil, StateWarn, ReasonWeak, "disable that user"},
		{"protected mode", says("DENIED"), nil, nil, StateUnknown, ReasonPermissionDenied, "protected mode"},
		{"too many", says("MAXCLIENTS"), nil, nil, StateUnknown, ReasonUnhealthy, ""},
		{"another error", says("ERR"), nil, nil, StateUnknown, ReasonError, ""},
		{"refused password", says("NOAUTH"), says("WRONGPASS"), nil, StateFail, ReasonMismatch, "rejects"},
		{"odd answer to AUTH", says("NOAUTH"), says("ERR"), nil, StateUnknown, ReasonError, ""},
		{"password not known", says("NOAUTH"), nil, unknown, StateUnknown, ReasonNotConfigured, "is unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := (&redisAuth{}).judge(redisTarget{}, redisGreeting{tt.anonymous, tt.login}, tt.known)
			if err != nil {
				r = unanswered(err)
			}
			expect(t, r, tt.state, tt.reason, tt.detail)
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
		state                         State
		reason                        Reason
	}{
		{"the right password", closed.Addr(), "", right, StatePass, ""},
		{"the right password of the default user", closed.Addr(), "default", right, StatePass, ""},
		{"another password", closed.Addr(), "", wrong, StateFail, ReasonMismatch},
		{"another user", closed.Addr(), "nobody", right, StateFail, ReasonMismatch},
		{"open, whatever is configured", open.Addr(), "", right, StateFail, ReasonOpen},
		{"a user who may not PING", user.Addr(), "catalyst", right, StatePass, ""},
		{"a user's wrong password", user.Addr(), "catalyst", wrong, StateFail, ReasonMismatch},
		{"no password known", closed.Addr(), "", "", StateUnknown, ReasonNotConfigured},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := look(t, newPass(t, nil, redisSettings(tt.address, tt.user, tt.password)), redisAuthKind(), "{}")
			expect(t, r, tt.state, tt.reason, "Redis at ")
			hasNot(t, r, right)
			hasNot(t, r, wrong)
		})
	}
	t.Run("a refused password is tried once", func(t *testing.T) {
		failures := func() string { return closed.Do(t, "ACL", "LOG", "RESET") + closed.Do(t, "ACL", "LOG") }
		_ = failures()
		look(t, newPass(t, nil, redisSettings(closed.Addr(), "", wrong)), redisAuthKind(), "{}")
		if got := closed.Do(t, "ACL", "LOG"); got != "*1" {
			t.Errorf("the server's log of refused log-ins: %s", got)
		}
	})
	t.Run("it dies and comes back", func(t *testing.T) {
		p := newPass(t, nil, redisSettings(closed.Addr(), "", right))
		closed.Stop()
		expect(t, look(t, p, redisAuthKind(), "{}"), StateUnknown, ReasonUnreachable, "")
		closed.Restart(t)
		expect(t, look(t, p, redisAuthKind(), "{}"), StatePass, "", "")
	})
}

func TestRedisTarget(t *testing.T) {
	password := parts.Secret()
	_, port, _ := net.SplitHostPort(parts.Refusing(t))
	tests := []struct {
		name   string
		files  folder
		state  State
		reason Reason
	}{
		{"nothing tells of one", nil, StateSkip, ReasonNotConfigured},
		{"configured in the env file, nobody there", folder{".env": fmt.Sprintf("REDIS_HOST=127.0.0.1\nREDIS_PORT=%s\nREDIS_PASSWORD=%s\n", port, password)}, StateUnknown, ReasonUnreachable},
		{"the default address, nobody there", folder{".env": fmt.Sprintf("REDIS_PORT=%s\nREDIS_PASSWORD=%s\n", port, password)}, StateUnknown, ReasonNotConfigured},
		{"in the compose network alone", folder{"compose.yaml": "services: {app: {build: ., environment: {REDIS_HOST: cache, REDIS_PASSWORD: " + password + "}}, cache: {image: 'redis:7'}}"}, StateSkip, ReasonNotConfigured},
		{"a compose file that cannot be read", folder{"compose.yaml": "services: ["}, StateUnknown, ReasonBlocked},
	}
	for _, tt := range tests {
		for _, kind := range []string{"redis_auth", "redis_keyspace"} {
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				r := look(t, newPass(t, tt.files, deployment.Settings{}), redisKindNamed(kind), "{}")
				expect(t, r, tt.state, tt.reason, "")
				hasNot(t, r, password)
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
		state             State
		reason            Reason
		detail            string
	}{
		{"its authority", server.Addr(), file, true, StatePass, "", ""},
		{"an unknown authority", server.Addr(), "", true, StateUnknown, ReasonMismatch, "unknown authority"},
		{"another name", other.Addr(), file, true, StateUnknown, ReasonMismatch, "another name"},
		{"without TLS", server.Addr(), "", false, StateUnknown, ReasonUnreachable, ""},
		{"TLS to a plain port", parts.Redis(t).Addr(), file, true, StateUnknown, ReasonTimeout, ""}, // it waits for the end of a line
		{"TLS to SSH", listener(t, func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-mark\r\n")); _, _ = c.Read(make([]byte, 512)) }), file, true, StateUnknown, ReasonMismatch, "does not speak TLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := redisSettings(tt.address, "", password)
			s.Redis.TLS, s.Redis.CAFile, s.Redis.Timeout = tt.tls, tt.ca, patience(tt.reason)
			expect(t, look(t, newPass(t, nil, s), redisAuthKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestRedisKeyspace(t *testing.T) {
	password := parts.Secret()
	server := parts.Redis(t, parts.RedisPassword(password))
	see := func(spec string) Result {
		t.Helper()
		return look(t, newPass(t, nil, redisSettings(server.Addr(), "", password)), redisKeyspaceKind(), spec)
	}
	expect(t, see("{}"), StatePass, "", "currently empty")
	server.Do(t, "SET", "a", "1")
	expect(t, see("{}"), StateWarn, ReasonWeak, "none of the 1 keys")
	for i := range 3 {
		server.Do(t, "SET", "b"+strconv.Itoa(i), "1", "EX", "100")
	}
	server.Do(t, "GET", "a")
	server.Do(t, "GET", "none")
	r := see("{}")
	expect(t, r, StatePass, "", "3 of 4 keys")
	for _, want := range []struct {
		value  *Value
		number float64
	}{{RedisExpiring, 0.75}, {RedisHitRatio, 0.5}} {
		if got, ok := measured(r, want.value); !ok || got != want.number {
			t.Errorf("%s: %v, %v; want %v", want.value.Name, got, ok, want.number)
		}
	}
	expect(t, see("{min_expiring: 0.8}"), StateWarn, ReasonThreshold, "75 % of the keys")

	// No connection is left behind, not even by a thousand looks: the one that asks is connected.
	p := newPass(t, nil, redisSettings(server.Addr(), "", password))
	auth, keys := load(t, redisAuthKind(), "{}"), load(t, redisKeyspaceKind(), "{}")
	for range 500 {
		if r := Look(t.Context(), auth, p); r.State != StatePass {
			t.Fatal(r)
		}
		if r := Look(t.Context(), keys, p); r.State != StatePass {
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
		state  State
		reason Reason
	}{
		{"idle", redisKeyspace{MinHitRatio: 0.5}, keyspace{keys: 1, expiring: 1}, StatePass, ""},
		{"too few lookups to judge", redisKeyspace{MinHitRatio: 0.5}, keyspace{1, 1, 0, 999}, StatePass, ""},
		{"few are found", redisKeyspace{MinHitRatio: 0.5}, keyspace{1, 1, 499, 501}, StateWarn, ReasonThreshold},
		{"just enough are found", redisKeyspace{MinHitRatio: 0.5}, keyspace{1, 1, 500, 500}, StatePass, ""},
		{"few are found and none is there", redisKeyspace{MinHitRatio: 0.5}, keyspace{0, 0, 0, 1000}, StateWarn, ReasonThreshold},
		{"just enough expire", redisKeyspace{MinExpiring: 0.5}, keyspace{keys: 2, expiring: 1}, StatePass, ""},
		{"too few expire", redisKeyspace{MinExpiring: 0.51}, keyspace{keys: 2, expiring: 1}, StateWarn, ReasonThreshold},
		{"none expires", redisKeyspace{}, keyspace{keys: 2}, StateWarn, ReasonWeak},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.spec.judge(tt.seen), tt.state, tt.reason, "") })
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
		var r *refusal
		if errors.As(err, &r) && !strings.Contains("NOAUTH WRONGPASS NOPERM DENIED LOADING BUSY MASTERDOWN MISCONF MAXCLIENTS ERR another error", r.code) {
			t.Errorf("%q is told", r.code)
		}
		parseKeyspace("# Keyspace\r\n"+text, "# Stats\r\n"+text)
	})
}

// redisKindNamed is the kind of that name among those that these tests run.
func redisKindNamed(name string) Kind {
	return map[string]Kind{
		"redis_auth":     redisAuthKind(),
		"redis_keyspace": redisKeyspaceKind(),
	}[name]
}

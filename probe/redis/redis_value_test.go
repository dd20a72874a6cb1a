package redis

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestRedisValue reads from a real server.
func TestRedisValue(t *testing.T) {
	t.Parallel()
	password, mark := parts.Secret(), parts.Secret()
	server := parts.Redis(t, parts.RedisPassword(parts.Secret()), parts.RedisUser("reader", password, "~*", "+@all"))
	for _, command := range [][]string{
		{"SET", "state", "ready"}, {"SET", "token:" + mark, mark}, {"SET", "none", ""}, {"SET", "number", "1.50"}, {"RPUSH", "queue:dead", "a", "b"},
		{"SADD", "set", "a", "b", "c"}, {"ZADD", "sorted", "1", "a"}, {"HSET", "hash", "mode", "live", "count", "7"}, {"XADD", "stream", "*", "a", "1"},
		{"SET", "short", "x", "EX", "1000"},
	} {
		if reply := server.Do(t, command...); strings.HasPrefix(reply, "-") {
			t.Fatal(reply)
		}
	}
	settings := redisSettings(server.Addr(), "reader", password)
	for name, test := range map[string]struct {
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"GET":                     {"command: GET, key: state, equals: ready", probe.StatePass, "", "GET state is as required"},
		"GET, number":             {"command: GET, key: number, at_least: 1.5", probe.StatePass, "", ""},
		"HGET":                    {"command: HGET, key: hash, field: mode, one_of: [live, on]", probe.StatePass, "", "HGET hash mode"},
		"LLEN":                    {"command: LLEN, key: 'queue:dead', at_most: 2", probe.StatePass, "", "LLEN queue:dead"},
		"SCARD":                   {"command: SCARD, key: set, equals: '3'", probe.StatePass, "", ""},
		"ZCARD":                   {"command: ZCARD, key: sorted, equals: '1'", probe.StatePass, "", ""},
		"HLEN":                    {"command: HLEN, key: hash, equals: '2'", probe.StatePass, "", ""},
		"XLEN":                    {"command: XLEN, key: stream, at_least: 1", probe.StatePass, "", ""},
		"EXISTS":                  {"command: EXISTS, key: state, equals: '1'", probe.StatePass, "", ""},
		"STRLEN":                  {"command: STRLEN, key: state, at_least: 5", probe.StatePass, "", ""},
		"TTL":                     {"command: TTL, key: short, at_least: 10, at_most: 1000", probe.StatePass, "", ""},
		"no expiry":               {"command: TTL, key: state, equals: '-1'", probe.StatePass, "", ""},
		"DBSIZE":                  {"command: DBSIZE, at_least: 10", probe.StatePass, "", "DBSIZE is as required"},
		"INFO":                    {"command: INFO, field: connected_slaves, equals: '0'", probe.StatePass, "", "INFO connected_slaves"},
		"INFO, of all sections":   {"command: INFO, field: cmdstat_set, matches: 'calls=[0-9]'", probe.StatePass, "", ""},
		"no queue":                {"command: LLEN, key: 'queue:none', at_most: 2", probe.StatePass, "", "does not exist or is empty"},
		"other database":          {"command: DBSIZE, database: 3, equals: '0'", probe.StatePass, "", ""},
		"too long":                {"command: LLEN, key: 'queue:dead', at_most: 1", probe.StateFail, probe.ReasonThreshold, "LLEN queue:dead: value is more than 1"},
		"too short":               {"command: SCARD, key: set, at_least: 4", probe.StateFail, probe.ReasonThreshold, "less than"},
		"other value":             {"command: GET, key: 'token:" + mark + "', equals: ready", probe.StateFail, probe.ReasonMismatch, "GET of a key: value is not"},
		"does not match":          {"command: GET, key: 'token:" + mark + "', matches: '^ready$'", probe.StateFail, probe.ReasonMismatch, "does not match"},
		"matches what it mustn't": {"command: GET, key: 'token:" + mark + "', lacks: .", probe.StateFail, probe.ReasonInvalid, "must not"},
		"not a number":            {"command: GET, key: state, at_least: 1", probe.StateFail, probe.ReasonInvalid, "not a number"},
		"empty":                   {"command: GET, key: none, matches: .", probe.StateFail, probe.ReasonEmpty, ""},
		"no key":                  {"command: GET, key: gone, lacks: x", probe.StateFail, probe.ReasonMissing, "there is no value"},
		"no field":                {"command: HGET, key: hash, field: gone, lacks: x", probe.StateFail, probe.ReasonMissing, "there is no value"},
		"no field of INFO":        {"command: INFO, field: gone, lacks: x", probe.StateFail, probe.ReasonMissing, ""},
		"field of a longer name":  {"command: INFO, field: connected, lacks: x", probe.StateFail, probe.ReasonMissing, ""},
		"no key with an expiry":   {"command: TTL, key: gone, at_most: 5", probe.StateFail, probe.ReasonMissing, "does not exist"},
		"never expires":           {"command: TTL, key: state, at_least: 1", probe.StateFail, probe.ReasonThreshold, ""},
		"does not exist":          {"command: EXISTS, key: gone, equals: '1'", probe.StateFail, probe.ReasonMismatch, ""},
		"another type":            {"command: LLEN, key: state, at_most: 5", probe.StateUnknown, probe.ReasonInvalid, "another type"},
		"no such database":        {"command: DBSIZE, database: 99, equals: '0'", probe.StateUnknown, probe.ReasonError, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := probetest.Look(t, probetest.NewPass(t, nil, settings), ValueKind(), "{"+test.spec+"}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, mark)
			probetest.HasNot(t, got, password)
		})
	}
}

// TestRedisValue_Denied logs in as users that lack the command, the key or the database.
func TestRedisValue_Denied(t *testing.T) {
	t.Parallel()
	password := parts.Secret()
	server := parts.Redis(t, parts.RedisPassword(parts.Secret()), parts.RedisUser("ping", password, "~*", "+ping"), parts.RedisUser("other", password, "~other:*", "+llen"),
		parts.RedisUser("narrow", password, "%R~queue:*", "+llen"))
	for user, want := range map[string]struct {
		rest   string
		state  probe.State
		reason probe.Reason
	}{
		"ping":    {"", probe.StateUnknown, probe.ReasonPermissionDenied},
		"other":   {"", probe.StateUnknown, probe.ReasonPermissionDenied},
		"narrow":  {"", probe.StatePass, ""},
		"narrow ": {", database: 1", probe.StateUnknown, probe.ReasonPermissionDenied},
	} {
		t.Run(user, func(t *testing.T) {
			got := probetest.Look(t, probetest.NewPass(t, nil, redisSettings(server.Addr(), strings.TrimSpace(user), password)), ValueKind(), "{command: LLEN, key: 'queue:dead', at_most: 0"+want.rest+"}")
			probetest.Expect(t, got, want.state, want.reason, "")
			if got.State == probe.StateUnknown && !strings.Contains(got.Remedy, "+llen") {
				t.Errorf("remedy %q", got.Remedy)
			}
		})
	}
	for password, want := range map[string]probe.Reason{"": probe.ReasonNotConfigured, parts.Secret(): probe.ReasonBlocked} {
		got := probetest.Look(t, probetest.NewPass(t, nil, redisSettings(server.Addr(), "", password)), ValueKind(), "{command: DBSIZE, at_most: 0}")
		probetest.Expect(t, got, probe.StateUnknown, want, "")
	}
}

// TestRedisValue_Open reads without a password where Redis requires none.
func TestRedisValue_Open(t *testing.T) {
	t.Parallel()
	server := parts.Redis(t)
	got := probetest.Look(t, probetest.NewPass(t, nil, redisSettings(server.Addr(), "", "")), ValueKind(), "{command: DBSIZE, equals: '0'}")
	probetest.Expect(t, got, probe.StatePass, "", "")
}

func TestRedisValue_Faults(t *testing.T) {
	t.Parallel()
	all := append(probetest.PortFaults(t),
		probetest.Fault{Name: "cut text", Address: answersRedis(t, "$5\r\nrea"), Reason: probe.ReasonUnreachable},
		probetest.Fault{Name: "cut number", Address: answersRedis(t, ":1"), Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "only the sign", Address: answersRedis(t, ":"), Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "not a number", Address: answersRedis(t, ":mark\r\n"), Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "text for a number", Address: answersRedis(t, "$1\r\n0\r\n"), Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "nil for a number", Address: answersRedis(t, "$-1\r\n"), Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "negative length", Address: answersRedis(t, "$-7\r\n"), Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "array", Address: answersRedis(t, "*1\r\n:0\r\n"), Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "10 GB", Address: answersRedis(t, "$10000000000\r\nmark"), Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "cluster", Address: answersRedis(t, "-MOVED 1 169.254.169.254:80\r\n"), Reason: probe.ReasonNotConfigured},
		probetest.Fault{Name: "cluster is down", Address: answersRedis(t, "-CLUSTERDOWN mark\r\n"), Reason: probe.ReasonUnhealthy},
		probetest.Fault{Name: "loading", Address: answersRedis(t, "-LOADING mark\r\n"), Reason: probe.ReasonUnhealthy},
	)
	for _, f := range all {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
			if f.Reason == probe.ReasonTimeout {
				ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
			}
			defer cancel()
			p := probetest.NewPass(t, nil, redisSettings(f.Address, "", ""))
			got := probe.Run(ctx, probetest.Load(t, ValueKind(), "{command: LLEN, key: a, at_most: 0}"), p)
			if got.State != probe.StateUnknown || f.Reason != got.Reason && f.Name != "drips" && f.Name != "HTTP" {
				t.Errorf("got %v (%s) %q; want unknown (%s)", got.State, got.Reason, got.Detail, f.Reason)
			}
			probetest.HasNot(t, got, "mark")
			probetest.HasNot(t, got, "169.254")
		})
	}
}

func TestRedisValue_Keys(t *testing.T) {
	for key, hidden := range map[string]bool{
		"queue:dead": false, "app:queue:critical": false, "feature.flags": false, "cache:v2:pages": false, "jobs": false, "{jobs}:waiting": false,
		"session:abc": true, "token:abc": true, "password:hunter": true, "jwt:eyJhbGciOiJIUzI1NiJ9": true, "user:42": true,
		"lock:0f8fad5b-d9cb-469f-a165-70867728950e": true, "api_key:" + parts.Secret(): true, parts.Secret(): true, "a\nb": true, "ключ": true,
		strings.Repeat("a:", 40): true,
	} {
		if mayHoldSecret(key) != hidden {
			t.Errorf("%q: hidden %v, want %v", key, !hidden, hidden)
		}
	}
}

func TestRedisValue_Refused(t *testing.T) {
	for _, spec := range []string{
		"{command: SET, key: a, equals: b}", "{command: KEYS, key: a, equals: b}", "{command: get, key: a, equals: b}", "{command: GET, equals: b}",
		"{command: GET, key: a}", "{command: DBSIZE, key: a, equals: b}", "{command: INFO, equals: b}", "{command: HGET, key: a, equals: b}",
		"{command: GET, key: a, field: b, equals: c}", "{command: INFO, field: 'a b', equals: c}", "{command: GET, key: a, matches: '('}",
		"{command: DBSIZE, database: -1, equals: '0'}",
	} {
		if _, problems := probetest.Decode(ValueKind(), spec); len(problems) == 0 {
			t.Errorf("%s loads", spec)
		}
	}
}

// An address that only the deployment's files give gets no configured password.
func TestRedisValue_Credential(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 1)
	thief := probetest.Listener(t, func(c net.Conn) {
		buf := make([]byte, 512)
		n, _ := c.Read(buf)
		heard <- string(buf[:n])
	})
	host, port, _ := net.SplitHostPort(thief)
	number, _ := strconv.Atoi(port)
	files := probetest.Folder{".env": "REDIS_HOST=" + host + "\nREDIS_PORT=" + strconv.Itoa(number) + "\n"}
	password := parts.Secret()
	settings := redisSettings("", "", password)
	got := probetest.Look(t, probetest.NewPass(t, files, settings), ValueKind(), "{command: DBSIZE, at_most: 0}")
	probetest.Expect(t, got, probe.StateUnknown, probe.ReasonNotConfigured, "")
	probetest.HasNot(t, got, password)
	select {
	case text := <-heard:
		t.Errorf("sent: %q", text)
	default:
	}
}

package redis

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestRedisAuth_ACLUsers(t *testing.T) {
	right := parts.Secret()
	closed := parts.RedisPassword(parts.Secret())
	const everything = "~* &* +@all"
	user := func(name string, rules ...string) parts.RedisOption { return parts.RedisUser(name, right, rules...) }
	tests := []struct {
		name   string
		users  []parts.RedisOption
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"needs its password", []parts.RedisOption{user("catalyst", everything)}, probe.StatePass, "", ""},
		{"any password", []parts.RedisOption{user("catalyst", "nopass", everything)}, probe.StateFail, probe.ReasonOpen, "accepts any password of the configured ACL user"},
		{"any password, may read only its own entry", []parts.RedisOption{user("catalyst", "nopass", "~*", "+get", "+acl|getuser")}, probe.StateFail, probe.ReasonOpen, "any password"},
		{"its password, may read only its own entry", []parts.RedisOption{user("catalyst", "~*", "+get", "+acl|getuser")}, probe.StatePass, "", ""},
		{"may not read it", []parts.RedisOption{user("catalyst", "nopass", "~*", "+get")}, probe.StateWarn, probe.ReasonWeak, "may accept any password of the ACL user (nopass): that cannot be read. Grant the user +acl|getuser"},
		{"its password, may not read it", []parts.RedisOption{user("catalyst", "~*", "+get")}, probe.StateWarn, probe.ReasonWeak, "enable redis_random_login"},
		{"another user without a password", []parts.RedisOption{user("catalyst", everything), user("batch", "nopass", "~*", "+get")}, probe.StateFail, probe.ReasonOpen, "1 other ACL users"},
		{"another user without a password, off", []parts.RedisOption{user("catalyst", everything), user("batch", "nopass", "~*", "+get", "off")}, probe.StatePass, "", ""},
		{"another user without password and commands", []parts.RedisOption{user("catalyst", everything), user("batch", "nopass", "~*", "-@all")}, probe.StateWarn, probe.ReasonWeak, "without any command"},
		{"another user with a password", []parts.RedisOption{user("catalyst", everything), user("batch", "~nopass", "+get")}, probe.StatePass, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := parts.Redis(t, append([]parts.RedisOption{closed}, tt.users...)...)
			r := probetest.Look(t, probetest.NewPass(t, nil, redisSettings(server.Addr(), "catalyst", right)), AuthKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, right)
			if strings.Contains(r.Detail, "batch") {
				t.Errorf("the detail names another user: %s", r.Detail)
			}
		})
	}
	t.Run("the default user sees the others", func(t *testing.T) {
		password := parts.Secret()
		server := parts.Redis(t, parts.RedisPassword(password), user("batch", "nopass", "~*", "+get"))
		r := probetest.Look(t, probetest.NewPass(t, nil, redisSettings(server.Addr(), "", password)), AuthKind(), "{}")
		probetest.Expect(t, r, probe.StateFail, probe.ReasonOpen, "1 other ACL users")
	})
}

// TestRedisAuth_RefusalsAreNotRepeated: each refused command is an entry in the server's ACL LOG.
func TestRedisAuth_RefusalsAreNotRepeated(t *testing.T) {
	right := parts.Secret()
	server := parts.Redis(t, parts.RedisPassword(parts.Secret()), parts.RedisUser("catalyst", right, "~*", "+get"))
	p := probetest.NewPass(t, nil, redisSettings(server.Addr(), "catalyst", right))
	probetest.Look(t, p, AuthKind(), "{}")
	if server.Do(t, "ACL", "LOG") == "*0" {
		t.Fatal("the first run did not read the entry")
	}
	server.Do(t, "ACL", "LOG", "RESET")
	for range 3 {
		p = probetest.Again(p)
		probetest.Expect(t, probetest.Look(t, p, AuthKind(), "{}"), probe.StateWarn, probe.ReasonWeak, "")
	}
	if got := server.Do(t, "ACL", "LOG"); got != "*0" {
		t.Errorf("ACL LOG after three more runs: %s", got)
	}
	p = probetest.Again(p)
	p.Time = p.Time.Add(25 * time.Hour)
	probetest.Look(t, p, AuthKind(), "{}")
	if server.Do(t, "ACL", "LOG") == "*0" {
		t.Error("not repeated after a day")
	}
}

// TestRedisAuth_RandomLoginEnabled: the verdict is then that of redis_random_login.
func TestRedisAuth_RandomLoginEnabled(t *testing.T) {
	right := parts.Secret()
	server := parts.Redis(t, parts.RedisPassword(parts.Secret()), parts.RedisUser("catalyst", right, "~*", "+get"))
	p := probetest.NewPass(t, nil, redisSettings(server.Addr(), "catalyst", right))
	login, ok := probetest.Load(t, RandomLoginKind(), "{}").(probe.Keyed)
	if !ok {
		t.Fatal("redis_random_login has no key")
	}
	login.Key(p)
	probetest.Expect(t, probetest.Look(t, p, AuthKind(), "{}"), probe.StatePass, "", "redis_random_login checks")
	probetest.Expect(t, probetest.Look(t, p, RandomLoginKind(), "{}"), probe.StatePass, "", "rejects a random password")
}

func TestRedisRandomLogin(t *testing.T) {
	right, wrong := parts.Secret(), parts.Secret()
	server := parts.Redis(t, parts.RedisPassword(parts.Secret()),
		parts.RedisUser("closed", right, "~*", "+get"), parts.RedisUser("open", right, "nopass", "~*", "+get"),
		parts.RedisUser("reader", right, "~*", "+get", "+acl|getuser"), parts.RedisUser("openreader", right, "nopass", "~*", "+get", "+acl|getuser"))
	tests := []struct {
		name, user, password string
		state                probe.State
		reason               probe.Reason
		attempts             string // in ACL LOG: the refused ACL GETUSER, and the refused login
	}{
		{"rejected", "closed", right, probe.StatePass, "", "*2"},
		{"accepted", "open", right, probe.StateFail, probe.ReasonOpen, "*1"},
		{"the entry shows it", "reader", right, probe.StatePass, "", "*1"}, // ACL LIST is refused
		{"the entry shows nopass", "openreader", right, probe.StateFail, probe.ReasonOpen, "*1"},
		{"wrong configured password", "closed", wrong, probe.StateUnknown, probe.ReasonBlocked, "*1"},
		{"default user", "", right, probe.StateSkip, probe.ReasonNotConfigured, "*0"},
		{"default user by name", "default", right, probe.StateSkip, probe.ReasonNotConfigured, "*0"},
		{"no password", "closed", "", probe.StateSkip, probe.ReasonNotConfigured, "*0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server.Do(t, "ACL", "LOG", "RESET")
			r := probetest.Look(t, probetest.NewPass(t, nil, redisSettings(server.Addr(), tt.user, tt.password)), RandomLoginKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, "")
			probetest.HasNot(t, r, right)
			if got := server.Do(t, "ACL", "LOG"); got != tt.attempts {
				t.Errorf("entries in ACL LOG: %s, want %s", got, tt.attempts)
			}
		})
	}
	t.Run("key", func(t *testing.T) {
		key := func(user, password string) string {
			return (&redisRandomLogin{}).Key(probetest.NewPass(t, nil, redisSettings(server.Addr(), user, password)))
		}
		if a := key("a", right); a == "" || a != key("a", right) || a == key("b", right) || a == key("a", wrong) {
			t.Error("the key does not follow user and password")
		}
	})
}

func TestRedisArray_Faults(t *testing.T) {
	for name, text := range map[string]string{
		"too many elements": "*1000000000\r\n" + strings.Repeat(":1\r\n", maxRedisStrings+1),
		"too deep":          strings.Repeat("*1\r\n", 50),
		"cut":               "*2\r\n$5\r\nflags\r\n",
		"no number":         "*x\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			address := answersRedis(t, "-NOAUTH x\r\n", "+OK\r\n", text)
			r := probetest.Look(t, probetest.NewPass(t, nil, redisSettings(address, "catalyst", parts.Secret())), AuthKind(), "{}")
			if r.State == probe.StateFail || r.State == probe.StatePass || r.State == probe.StateWarn && r.Reason != probe.ReasonWeak {
				t.Errorf("%+v", r)
			}
		})
	}
}

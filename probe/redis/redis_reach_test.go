package redis

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

func TestRedis_URLs(t *testing.T) {
	password := parts.Secret()
	socket := filepath.Join(t.TempDir(), "redis.sock")
	server := parts.Redis(t, parts.RedisPassword(password), parts.RedisLine("unixsocket "+socket))
	sentinel := parts.RedisSentinel(t, server)
	auth := "://:" + password + "@"
	for _, tt := range []struct {
		name, env string
		state     probe.State
		reason    probe.Reason
		detail    string
	}{
		{"redis", "REDIS_URL=redis" + auth + server.Addr() + "/0", probe.StatePass, "", ""},
		{"address as URL", "REDIS_ADDR=redis://" + server.Addr() + "\nREDIS_PASSWORD=" + password, probe.StatePass, "", ""},
		{"socket", "REDIS_URL=unix" + auth + socket + "?db=0", probe.StatePass, "", "Redis at " + socket},
		{"socket without authority", "REDIS_URL=unix://" + socket + "\nREDIS_PASSWORD=" + password, probe.StatePass, "", ""},
		{"socket, other scheme", "REDIS_URL=redis+socket://" + socket + "\nREDIS_PASSWORD=" + password, probe.StatePass, "", ""},
		{"no socket", "REDIS_URL=unix" + auth + socket + ".none", probe.StateUnknown, probe.ReasonUnreachable, ""},
		{"TLS that the server does not have", "REDIS_URL=rediss" + auth + server.Addr(), probe.StateUnknown, probe.ReasonTimeout, ""},
		{"TLS by a switch", "REDIS_HOST=" + server.Host + "\nREDIS_TLS=true\nREDIS_PORT=" + strings.TrimPrefix(server.Addr(), server.Host+":") + "\nREDIS_PASSWORD=" + password, probe.StateUnknown, probe.ReasonTimeout, ""},
		{"sentinel", "REDIS_URL=redis-sentinel" + auth + sentinel + "/mymaster/0", probe.StatePass, "", ""},
		{"two sentinels", "REDIS_URL=redis+sentinel" + auth + sentinel + ",127.0.0.1:1/mymaster", probe.StatePass, "", ""},
		{"sentinel, another name", "REDIS_URL=redis-sentinel" + auth + sentinel + "/other", probe.StateUnknown, probe.ReasonNotConfigured, "did not return the address"},
		{"a server instead of a sentinel", "REDIS_URL=redis-sentinel" + auth + server.Addr() + "/mymaster", probe.StateUnknown, probe.ReasonNotConfigured, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := deployment.Settings{Redis: deployment.Redis{Timeout: probetest.Patience(tt.reason)}}
			r := probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env": tt.env + "\n"}, s), AuthKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, password)
			if r.State == probe.StateUnknown && r.Remedy == "" {
				t.Errorf("no remedy: %+v", r)
			}
		})
	}
	t.Run("configured", func(t *testing.T) {
		for _, address := range []string{"unix://" + socket, socket, "redis://" + server.Addr(), "redis-sentinel://" + sentinel + "/mymaster"} {
			r := probetest.Look(t, probetest.NewPass(t, nil, redisSettings(address, "", password)), AuthKind(), "{}")
			probetest.Expect(t, r, probe.StatePass, "", "")
		}
	})
}

func TestRedisKeyspace_Replica(t *testing.T) {
	password := parts.Secret()
	master := parts.Redis(t, parts.RedisPassword(password))
	replica := parts.Redis(t, parts.RedisPassword(password), parts.RedisLine("replicaof 127.0.0.1 "+strings.TrimPrefix(master.Addr(), "127.0.0.1:")), parts.RedisLine("masterauth "+password))
	parts.Eventually(t, func() error {
		if got := replica.Do(t, "GET", "none"); got != "$-1" {
			return os.ErrNotExist
		}
		return nil
	})
	look := func(s *parts.RedisServer) probe.Result {
		return probetest.Look(t, probetest.NewPass(t, nil, redisSettings(s.Addr(), "", password)), KeyspaceKind(), "{}")
	}
	probetest.Expect(t, look(replica), probe.StatePass, "", "read-only replica")
	if r := look(master); strings.Contains(r.Detail, "replica") {
		t.Errorf("%+v", r)
	}
}

// elsewhere is a connection to a host that is not this one.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 6379} }

func TestRedis_Cleartext(t *testing.T) {
	password := parts.Secret()
	server := parts.Redis(t, parts.RedisPassword(password))
	open := parts.Redis(t)
	look := func(to *parts.RedisServer, tls *bool, kind probe.Kind) probe.Result {
		s := redisSettings("redis.test:6379", "", password)
		s.Redis.TLS = tls
		p := probetest.NewPass(t, nil, s)
		p.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, to.Addr())
			return elsewhere{c}, err
		}
		return probetest.Look(t, p, kind, "{}")
	}
	for _, kind := range []probe.Kind{AuthKind(), KeyspaceKind()} {
		r := look(server, nil, kind)
		probetest.Expect(t, r, probe.StateUnknown, probe.ReasonNotConfigured, "the password is not sent")
		if r.Remedy != "deployment.redis.tls" {
			t.Errorf("remedy %q", r.Remedy)
		}
		probetest.Expect(t, look(server, new(false), kind), probe.StatePass, "", "")
	}
	probetest.Expect(t, look(open, nil, AuthKind()), probe.StateFail, probe.ReasonOpen, "")
}

func TestRedis_CredentialOwners(t *testing.T) {
	password := parts.Secret()
	server, open := parts.Redis(t, parts.RedisPassword(password)), parts.Redis(t)
	look := func(s *parts.RedisServer, kind probe.Kind) probe.Result {
		f := probetest.Folder{".env": "REDIS_ADDR=" + s.Addr() + "\n"}
		return probetest.Look(t, probetest.NewPass(t, f, deployment.Settings{Redis: deployment.Redis{Password: secret.New(password)}}), kind, "{}")
	}
	for _, kind := range []probe.Kind{AuthKind(), KeyspaceKind()} {
		r := look(server, kind)
		probetest.Expect(t, r, probe.StateUnknown, probe.ReasonNotConfigured, "deployment.redis.password is not sent")
		if r.Remedy != "deployment.redis.address" {
			t.Errorf("remedy %q", r.Remedy)
		}
	}
	probetest.Expect(t, look(open, AuthKind()), probe.StateFail, probe.ReasonOpen, "")
}

package reach

import (
	"net"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

func TestLocal(t *testing.T) {
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }
	for _, tt := range []struct {
		name string
		at   deployment.Reach
		peer net.Addr
		want bool
	}{
		{"loopback", deployment.Reach{Host: "127.0.0.9"}, nil, true},
		{"IPv6 loopback", deployment.Reach{Host: "::1"}, nil, true},
		{"mapped loopback", deployment.Reach{Host: "x.test"}, tcp("::ffff:127.0.0.1"), true},
		{"localhost", deployment.Reach{Host: "localhost"}, nil, true},
		{"a Unix socket", deployment.Reach{Host: "/run/redis.sock"}, nil, true},
		{"a Unix socket's peer", deployment.Reach{Host: "x"}, &net.UnixAddr{Name: "/x"}, true},
		{"a bridge", deployment.Reach{Host: "redis", Bridge: true}, nil, true},
		{"another host", deployment.Reach{Host: "192.0.2.1"}, nil, false},
		{"another host's name", deployment.Reach{Host: "db.test"}, nil, false},
		{"a name that leads elsewhere", deployment.Reach{Host: "db.test"}, tcp("192.0.2.1"), false},
		{"a private address", deployment.Reach{Host: "db.test"}, tcp("10.99.99.99"), false},
	} {
		if got := Local(tt.at, tt.peer); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	for name, want := range map[string]bool{"docker0": true, "br-0123456789ab": true, "eth0": false, "docker_gwbridge": false, "wg0": false, "bridge": false} {
		if isBridge(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

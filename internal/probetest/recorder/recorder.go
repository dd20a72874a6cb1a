// Package recorder starts a stand-in for every service and records what probes send to it.
package recorder

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Recorder describes the stand-in for a service.
type Recorder struct {
	Service  deployment.Service
	Protocol string         // what Verbs parses
	Faults   parts.Protocol // how a faulty server speaks; empty if the service has no network address
	Reads    []string       // operations that only read
	// Start starts the stand-in and returns its address; nil if the service has none.
	Start func(t *testing.T, e *Everything) string
	// Point changes settings so that they use the service at an address, with TLS if secure.
	Point func(s *deployment.Settings, address string, secure bool)
}

// Everything is a deployment with all services running.
type Everything struct {
	Settings  deployment.Settings
	Addresses map[string]string // by the service's name
	Account   *probetest.AWSServer
	Image     string // of the Docker Engine's containers
	Docker    dockertest.Recorder
	Bus       *probetest.FakeSystemd
}

// Start starts the stand-ins of all services.
func Start(t *testing.T) *Everything {
	t.Helper()
	e := &Everything{Addresses: map[string]string{}}
	for _, r := range All() {
		if r.Start == nil {
			continue
		}
		address := r.Start(t, e)
		e.Addresses[r.Service.Name] = address
		r.Point(&e.Settings, address, false)
	}
	return e
}

// All returns the recorders of all services.
func All() []Recorder {
	get := []string{http.MethodGet, http.MethodHead}
	web := func(s deployment.Service, set func(s *deployment.Settings, url string)) Recorder {
		return Recorder{s, "http", parts.HTTP, get, startWeb, func(s *deployment.Settings, address string, secure bool) {
			set(s, scheme(secure)+address)
		}}
	}
	return []Recorder{
		web(deployment.AlertmanagerService, func(s *deployment.Settings, url string) { s.Alertmanager.URL = url }),
		web(deployment.APIService, func(s *deployment.Settings, url string) { s.API.URL = url }),
		web(deployment.GrafanaService, func(s *deployment.Settings, url string) { s.Grafana.URL = url }),
		web(deployment.LokiService, func(s *deployment.Settings, url string) { s.Loki.URL = url }),
		web(deployment.PrometheusService, func(s *deployment.Settings, url string) { s.Prometheus.URL = url }),
		web(deployment.PublicService, func(s *deployment.Settings, url string) {
			s.Public.URL, s.Public.Hosts, s.Public.CDN = url, []string{"bid.exchange.test"}, "any"
		}),
		web(deployment.EvidenceService, func(s *deployment.Settings, url string) {
			s.Evidence.Places = []string{url + "/{report}.json", "s3://" + probetest.AWSTestBucket + "/reports/"}
		}),
		{deployment.AWSService, "aws", parts.AWS,
			append(get, "GetCallerIdentity", "GetUser", "ListUserPolicies", "GetUserPolicy", "ListAttachedUserPolicies",
				"ListGroupsForUser", "ListAccessKeys"),
			func(t *testing.T, e *Everything) string {
				e.Account = probetest.NewAWSServer(t)
				return e.Account.Listener.Addr().String()
			}, func(s *deployment.Settings, address string, secure bool) { s.AWS.Endpoint = scheme(secure) + address }},
		// The application's name and the time limit are settings of the session.
		{deployment.DatabaseService, "postgres", parts.Postgres,
			[]string{"SELECT", "SHOW", "BEGIN", "COMMIT", "ROLLBACK", "SET", ""}, startDatabase, pointDatabase},
		{deployment.DNSService, "dns", parts.DNS, []string{"opcode 0"}, startDNS,
			func(s *deployment.Settings, address string, _ bool) { s.DNS.Resolvers = []string{address} }},
		{deployment.DockerService, "docker", parts.HTTP, get, startDocker,
			func(s *deployment.Settings, address string, _ bool) { s.Docker.Host = "tcp://" + address }},
		{deployment.GitService, "git", "", []string{"log", "rev-list", "rev-parse", "for-each-ref",
			"cat-file", "ls-files", "ls-tree", "check-attr", "config --get-regexp"}, nil, nil},
		{deployment.RedisService, "redis", parts.RESP,
			[]string{"PING", "AUTH", "INFO", "HELLO", "SELECT", "QUIT", "DBSIZE", "RANDOMKEY", "TTL", "PTTL", "SCAN", "CONFIG GET", "ACL GETUSER", "ACL LIST",
				"GET", "HGET", "LLEN", "SCARD", "ZCARD", "HLEN", "XLEN", "EXISTS", "STRLEN"},
			startRedis,
			func(s *deployment.Settings, address string, secure bool) {
				s.Redis.Address, s.Redis.TLS = address, new(secure)
			}},
		{deployment.SystemdService, "systemd", parts.DBus, []string{"Hello", "Get"},
			func(t *testing.T, e *Everything) string {
				e.Bus = &probetest.FakeSystemd{Units: probetest.WellTimed(time.Now())}
				e.Bus.Serve(t)
				return e.Bus.Path
			}, func(s *deployment.Settings, address string, _ bool) { s.Systemd.Bus = address }},
		{deployment.TLSService, "tls", parts.TLSAlone, []string{"handshake"}, startTLS,
			func(s *deployment.Settings, address string, _ bool) { s.TLS.Endpoint = address }},
	}
}

func scheme(secure bool) string {
	if secure {
		return "https://"
	}
	return "http://"
}

// startWeb starts a server that returns a query result, and an Alertmanager that Prometheus uses, for every request.
func startWeb(t *testing.T, _ *Everything) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}],`+
			`"activeAlertmanagers":[{"url":"http://alertmanager.test/"}]}}`)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func startDatabase(t *testing.T, e *Everything) string {
	t.Helper()
	server := parts.PostgreSQL(t)
	e.Settings.Database = probetest.DatabaseOf(server).Database
	return net.JoinHostPort(server.Host, strconv.Itoa(server.Port))
}

// pointDatabase disables TLS unless secure, so that statements can be recorded.
func pointDatabase(s *deployment.Settings, address string, secure bool) {
	host, port, _ := net.SplitHostPort(address)
	s.Database.Host = host
	s.Database.Port, _ = strconv.Atoi(port)
	s.Database.SSLMode = "disable"
	if secure {
		s.Database.SSLMode = "require"
	}
}

// startDNS starts a resolver that knows no name.
func startDNS(t *testing.T, _ *Everything) string {
	t.Helper()
	resolver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := resolver.ReadFrom(buf)
			if err != nil {
				return
			}
			if n > 3 {
				buf[2], buf[3] = buf[2]|0x80, 3 // NXDOMAIN
				_, _ = resolver.WriteTo(buf[:n], from)
			}
		}
	}()
	t.Cleanup(func() { _ = resolver.Close() })
	return resolver.LocalAddr().String()
}

func startDocker(t *testing.T, e *Everything) string {
	t.Helper()
	engine := dockertest.NewDocker(t)
	engine.RunService(t, "catalyst", client.ContainerCreateOptions{Config: &container.Config{Env: []string{"LOG_LEVEL=info"}}})
	engine.RunService(t, "backup", client.ContainerCreateOptions{}, "write=/backups/latest.sql=x")
	e.Image, e.Settings.Docker.Project = engine.Image, engine.Project
	return e.Docker.Serve(t, engine.Host, func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	})
}

func startRedis(t *testing.T, e *Everything) string {
	t.Helper()
	password := parts.Secret()
	e.Settings.Redis.User, e.Settings.Redis.Password = "catalyst", secret.New(password)
	return parts.Redis(t, parts.RedisPassword(parts.Secret()), parts.RedisUser("catalyst", password, "~*", "+@all")).Addr()
}

func startTLS(t *testing.T, _ *Everything) string {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

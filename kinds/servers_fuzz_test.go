package kinds

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// FuzzServers lets every kind that asks over a network be answered anything: in the protocol as far as it carries text, or instead of it. No kind
// breaks, hangs or is content with less than an answer.
func FuzzServers(f *testing.F) {
	for _, seed := range []string{
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`, `{"status":"success","data":{"activeTargets":[{"labels":{"job":"catalyst"},"health":"up","lastScrape":"x"}]}}`,
		`{"status":"success","data":{"groups":[{"rules":[{"type":"alerting","query":"up{a=\"b\"}","labels":{"severity":"critical"}}]}]}}`, `{"status":"ok","components":{"database":{"status":"up"}}}`, `[{"name":"database","status":"ok"}]`,
		`{"openapi":"3.0.0","info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{"description":"x"}}}}}}`, `{"swagger":"2.0","info":{},"paths":{"/a":{"$ref":"#/paths/~1a"}}}`,
		`{"database":"ok","version":"11"}`, "# TYPE pbs_requests counter\npbs_requests{a=\"b\"} 1\n", "<html><body>" + strings.Repeat("privacy ", 300), `<a><b/></a>`,
		`<ListBucketResult><Contents><Key>a.dump</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>5</Size></Contents></ListBucketResult>`, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`,
		`[{"Id":"a","Names":[],"State":"running","Labels":null,"Ports":[{"IP":"","PrivatePort":1}]}]`, `{"State":null,"Config":{"Env":["A"]},"HostConfig":null,"NetworkSettings":{"Ports":{"x":null}}}`, "[]", "{}", "null", "",
		"+PONG\r\n", "$-1\r\n", "-NOAUTH x\r\n", "$12\r\n# Keyspace\r\n\r\n", "*1\r\n", "R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I", "E\x00\x00\x00\x10SFATAL\x00C28P01\x00\x00", "N", "S",
		"\x00\x0c\x00\x01\x84\x00\x00\x00\x00\x00\x00\x00\x00\x00", "HTTP/1.1 301 x\r\nLocation: //\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", "\x16\x03\x03\x00\x02\x02\x28", "OK 0\r\n",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	services := map[string]string{}
	kinds := []probe.Kind{}
	for _, k := range All() {
		// AWS's own client parses the responses of AWS, and retries after half a second.
		if protocol := protocolOf(k); protocol != "" && protocol != "aws" {
			services[k.Name] = protocol
			kinds = append(kinds, k)
		}
	}
	root := f.TempDir()
	settings := deployment.Settings{Root: root, Service: "catalyst"}
	settings.API.URL, settings.Public.URL, settings.Prometheus.URL, settings.Grafana.URL, settings.Loki.URL = "http://a.test", "http://a.test", "http://a.test", "http://a.test", "http://a.test"
	settings.Public.Hosts, settings.Public.CDN, settings.DNS.Resolvers, settings.TLS.Endpoint = []string{"a.test"}, "any", []string{"192.0.2.1"}, "a.test:443"
	settings.Redis = deployment.Redis{Address: "a.test:6379", Password: secret.New("x")}
	settings.Database = deployment.Database{Host: "a.test", User: "x", Name: "x", Password: secret.New("x"), SSLMode: "disable"}
	settings.Docker = deployment.Docker{Host: "tcp://a.test:2375", Project: "x"}
	settings.Systemd.Bus, settings.Backup.Timer = "/run/bus", "a.timer"
	d, err := deployment.Discover(settings)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, said string, inHTTP bool) {
		if len(said) > 64<<10 {
			return
		}
		whole := said
		if inHTTP {
			whole = fmt.Sprintf("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(said), said)
		}
		var all sync.WaitGroup
		for _, k := range kinds {
			if spoken := slices.Contains([]string{"http", "docker"}, services[k.Name]); inHTTP && !spoken {
				continue
			}
			all.Go(func() {
				deps := probe.NewDeps(slog.New(slog.NewTextHandler(io.Discard, nil)), "catalyst_exporter/test")
				deps.Dial = func(context.Context, string, string) (net.Conn, error) { return sayer(whole), nil }
				defer deps.Kept.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				made, _ := probetest.Decode(k, k.Example)
				r := probe.Run(ctx, made.(probe.Probe), probe.NewPass(deps, d))
				if strings.Contains(r.Detail, "bug of the exporter") {
					t.Errorf("%s: %s", k.Name, r.Detail)
				}
				if said == "" && (r.State == probe.StatePass || r.State == probe.StateWarn) && !inHTTP {
					t.Errorf("%s is content with nothing: %s", k.Name, r.Detail)
				}
			})
		}
		all.Wait()
	})
}

// sayer is a connection whose other side says its text, whatever it hears, and hangs up.
func sayer(text string) net.Conn {
	ours, theirs := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	go func() {
		_ = theirs.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(theirs, text)
		_ = theirs.Close()
	}()
	return ours
}

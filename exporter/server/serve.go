// Package server serves verdicts over HTTP: metrics, the board, the API and service discovery, from a configuration that can be
// reloaded.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
)

// DefaultAddress is on loopback: the board shows an attacker where to start.
const DefaultAddress = "127.0.0.1:10460"

// HealthyBody is the response of /-/healthy.
const HealthyBody = "healthy\n"

// Options are how the exporter serves.
type Options struct {
	Addresses     []string // to listen on, as HOST:PORT
	AllowedHosts  []string // names, separated by commas, by which it may be requested on a loopback address
	ExternalURL   string   // under which browsers and Prometheus reach it
	RoutePrefix   string   // path below which it serves; "" for the path of ExternalURL
	WebConfig     string   // file with TLS and basic authentication settings
	TelemetryPath string   // path of the metrics
	Lifecycle     bool     // POST /-/reload reloads
	Pprof         bool     // /debug/pprof serves profiles
	ScrapeTimeout time.Duration
	Listening     func(address string) // called once per listener; may be nil
}

// Limits of the HTTP side. Requests are small; a response may wait for the deadline of its scrape.
const (
	// HeaderTimeout is how long a client may take to send its headers.
	HeaderTimeout   = 5 * time.Second
	writeTimeout    = 30 * time.Second // for the client to read the response
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 5 * time.Second
	maxHeader       = 16 << 10
)

// Serve serves the configuration of a source until the context ends or serving fails.
func Serve(ctx context.Context, from config.Source, o Options) error {
	if o.TelemetryPath == "" || o.TelemetryPath[0] != '/' || o.TelemetryPath == "/" {
		return usage.Errorf("--web.telemetry-path: expected a path like /metrics, other than /")
	}
	hosts, err := newHostRules(o)
	if err != nil {
		return usage.Error{Err: err}
	}
	if o.RoutePrefix, err = routePrefix(o.RoutePrefix, hosts.external); err != nil {
		return usage.Error{Err: err}
	}
	limits := collector.NewLimits()
	defer setGCPercent(from, defaultGC)
	first, err := load(from, limits, nil)
	if err != nil {
		return err
	}
	s := newServer(from, o, hosts, limits, first)
	defer s.close()

	stopReloads := s.reloadOnHangup(ctx)
	defer stopReloads()

	var listeners []net.Listener
	for _, address := range o.Addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			closeAll(listeners)
			return fmt.Errorf("listen: %w", err)
		}
		hosts.listens(l.Addr())
		listeners = append(listeners, l)
	}
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: HeaderTimeout, ReadTimeout: HeaderTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(from.Log.Handler(), slog.LevelWarn),
	}
	s.logInUse("serving", "version", cmp.Or(version.Version, "unknown"), "addresses", addressesOf(listeners))
	failed := make(chan error, 1)
	go func() {
		toolkit := &web.FlagConfig{WebListenAddresses: &o.Addresses, WebSystemdSocket: new(bool), WebConfigFile: &o.WebConfig}
		failed <- web.ServeMultiple(listeners, server, toolkit, from.Log)
	}()
	for _, l := range listeners {
		if o.Listening != nil {
			o.Listening(l.Addr().String())
		}
	}
	select {
	case err := <-failed:
		if err == nil || errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return usage.Error{Err: err}
	case <-ctx.Done():
	}
	// Current requests get their response.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	_ = server.Shutdown(stopping)
	<-failed
	return nil
}

// logInUse writes one line that says what is checked from now on.
func (s *server) logInUse(message string, more ...any) {
	conf, done := s.use()
	defer done()
	attributes := slices.Concat(more, []any{"checklist", conf.Checklist.Name, "items", len(conf.Checklist.Items())})
	if conf.Single() {
		attributes = append(attributes, "root", conf.Targets[0].Deployment.Root)
	} else {
		attributes = append(attributes, "targets", len(conf.Targets))
	}
	if s.source.States == nil {
		attributes = append(attributes, "history", "off: --state.directory is not set")
	} else {
		attributes = append(attributes, "history", s.source.States.Directory())
	}
	if s.source.File != "" {
		attributes = append(attributes, "config", s.source.File)
	}
	s.log.Info(message, attributes...)
}

func addressesOf(listeners []net.Listener) string {
	var all []string
	for _, l := range listeners {
		all = append(all, l.Addr().String())
	}
	return strings.Join(all, ",")
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

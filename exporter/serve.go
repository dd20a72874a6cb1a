package exporter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/thenexusengine/catalyst_exporter/collector"
)

// defaultAddress is on loopback: the board is an attacker's map.
const defaultAddress = "127.0.0.1:10460"

// serveFlags are the flags of serve.
type serveFlags struct {
	addresses     []string
	webConfig     string
	telemetryPath string
	lifecycle     bool
	pprof         bool
	scrapeTimeout time.Duration
}

func (a *app) serveCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var f serveFlags
	c := k.Command("serve", "Serve the verdicts for Prometheus and for people; the default.").Default()
	c.Flag("web.listen-address", "Address to listen on; may be given again.").Default(defaultAddress).PlaceHolder("HOST:PORT").StringsVar(&f.addresses)
	c.Flag("web.config.file", "TLS and basic authentication, in the format of the Prometheus exporter toolkit.").PlaceHolder("FILE").StringVar(&f.webConfig)
	c.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").PlaceHolder("PATH").StringVar(&f.telemetryPath)
	c.Flag("web.enable-lifecycle", "Let POST /-/reload reload the configuration, as SIGHUP always does.").BoolVar(&f.lifecycle)
	c.Flag("web.enable-pprof", "Serve the profiles of the program at /debug/pprof.").BoolVar(&f.pprof)
	c.Flag("scrape.timeout", "How long a scrape waits for looks when Prometheus does not say.").Default("10s").DurationVar(&f.scrapeTimeout)
	add(c, func(ctx context.Context) (int, error) { return a.serve(ctx, f) })
}

// The time limits of the HTTP side. A request is small; an answer may wait for a scrape's deadline.
const (
	headerTimeout   = 5 * time.Second
	writeTimeout    = 30 * time.Second // for an answer to be taken
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 5 * time.Second
	maxHeader       = 16 << 10
)

// manyTargets is the number of targets from which on memory is what they cost most. Garbage is then collected early (see littleGarbage), and neither
// reports nor pages are kept.
const manyTargets = 100

func (a *app) serve(ctx context.Context, f serveFlags) (int, error) {
	if f.telemetryPath == "" || f.telemetryPath[0] != '/' || f.telemetryPath == "/" {
		return 0, usagef("--web.telemetry-path: a path like /metrics, but not / itself")
	}
	limits := collector.NewLimits()
	defer a.letLie(usualGarbage)
	first, err := a.loadToStay(limits, nil)
	if err != nil {
		return 0, err
	}
	s := newServer(a, f, limits, first)
	defer s.close()

	stopReloads := s.reloadOnHangup(ctx)
	defer stopReloads()

	var listeners []net.Listener
	for _, address := range f.addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			closeAll(listeners)
			return 0, fmt.Errorf("listen: %w", err)
		}
		listeners = append(listeners, l)
	}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn)}
	failed := make(chan error, 1)
	go func() {
		failed <- web.ServeMultiple(listeners, server, &web.FlagConfig{WebListenAddresses: &f.addresses, WebSystemdSocket: new(bool), WebConfigFile: &f.webConfig}, a.log)
	}()
	for _, l := range listeners {
		if a.Listening != nil {
			a.Listening(l.Addr().String())
		}
	}
	select {
	case err := <-failed:
		if err == nil || errors.Is(err, http.ErrServerClosed) {
			return ExitReady, nil
		}
		return 0, usageError{err}
	case <-ctx.Done():
	}
	// Requests under way get their answer, then everything ends.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	_ = server.Shutdown(stopping)
	<-failed
	return ExitReady, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

// server holds the configuration at work and changes it as one step.
type server struct {
	app    *app
	flags  serveFlags
	limits *collector.Limits
	self   *selfMetrics
	pages  *pages

	mu      sync.RWMutex
	current *generation
	reload  sync.Mutex // one reload at a time
	retired sync.WaitGroup
}

// generation is one configuration and its users: it is closed once it has been replaced and the last of them has let go.
type generation struct {
	*setup
	users sync.WaitGroup
}

func newServer(a *app, f serveFlags, limits *collector.Limits, first *setup) *server {
	s := &server{app: a, flags: f, limits: limits, self: newSelfMetrics(), pages: newPages(), current: &generation{setup: first}}
	s.self.reloaded(true, a.Now())
	return s
}

// use returns the configuration at work, to be let go with the returned function.
func (s *server) use() (*setup, func()) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g := s.current
	g.users.Add(1)
	return g.setup, g.users.Done
}

// reloadNow reads the configuration again; a bad one changes nothing.
func (s *server) reloadNow() error {
	s.reload.Lock()
	defer s.reload.Unlock()
	next, err := s.app.loadToStay(s.limits, s.current.setup)
	s.self.reloaded(err == nil, s.app.Now())
	if err != nil {
		s.app.log.Error("the configuration was not reloaded; the one before stays at work", "err", err)
		return err
	}
	next.inherit(s.current.setup)
	s.mu.Lock()
	old := s.current
	s.current = &generation{setup: next}
	s.mu.Unlock()
	s.retired.Go(func() { old.users.Wait(); old.Close() })
	s.app.log.Info("the configuration was reloaded")
	return nil
}

func (s *server) reloadOnHangup(ctx context.Context) (stop func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-hangup:
				_ = s.reloadNow() // told in the log and by metrics
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { signal.Stop(hangup); cancel(); <-ended }
}

func (s *server) close() {
	s.mu.RLock()
	g := s.current
	s.mu.RUnlock()
	g.users.Wait()
	g.Close()
	s.retired.Wait()
}

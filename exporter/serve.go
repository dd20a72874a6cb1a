package exporter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/metricspage"
)

// defaultAddress is on loopback: the board shows an attacker where to start.
const defaultAddress = "127.0.0.1:10460"

// serveFlags are the flags of serve.
type serveFlags struct {
	addresses     []string
	allowedHosts  []string
	externalURL   string
	webConfig     string
	telemetryPath string
	lifecycle     bool
	pprof         bool
	scrapeTimeout time.Duration
}

func (a *app) serveCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var f serveFlags
	c := k.Command("serve", "Serve verdicts as metrics and as a web page; the default command.").Default()
	c.Flag("web.listen-address", "Address to listen on; may be repeated.").
		Default(defaultAddress).PlaceHolder("HOST:PORT").StringsVar(&f.addresses)
	c.Flag("web.external-url", "URL under which browsers reach the exporter, e.g. through a reverse proxy.").
		PlaceHolder("URL").StringVar(&f.externalURL)
	c.Flag("web.allowed-hosts", "Host names, separated by commas, by which the exporter may be requested on a loopback address; may be repeated."+
		" IP addresses, localhost, host.docker.internal and the host of --web.external-url are always allowed.").
		PlaceHolder("HOST").StringsVar(&f.allowedHosts)
	c.Flag("web.config.file", "File with TLS and basic authentication settings, in the format of the Prometheus exporter toolkit.").
		PlaceHolder("FILE").StringVar(&f.webConfig)
	c.Flag("web.telemetry-path", "Path of the metrics.").
		Default("/metrics").PlaceHolder("PATH").StringVar(&f.telemetryPath)
	c.Flag("web.enable-lifecycle", "Allow reloading the configuration with POST /-/reload; SIGHUP always works.").
		BoolVar(&f.lifecycle)
	c.Flag("web.enable-pprof", "Serve profiles of the exporter at /debug/pprof.").BoolVar(&f.pprof)
	c.Flag("scrape.timeout", "How long a scrape waits for probes when the request has no X-Prometheus-Scrape-Timeout-Seconds.").
		Default("10s").DurationVar(&f.scrapeTimeout)
	add(c, func(ctx context.Context) (int, error) { return a.serve(ctx, f) })
}

// Limits of the HTTP side. Requests are small; a response may wait for the deadline of its scrape.
const (
	headerTimeout   = 5 * time.Second
	writeTimeout    = 30 * time.Second // for the client to read the response
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 5 * time.Second
	maxHeader       = 16 << 10
)

// manyTargets is the number of targets from which memory is the main cost. Garbage is then collected early (frugalGC),
// and neither reports nor pages are cached.
const manyTargets = 100

func (a *app) serve(ctx context.Context, f serveFlags) (int, error) {
	if f.telemetryPath == "" || f.telemetryPath[0] != '/' || f.telemetryPath == "/" {
		return 0, usagef("--web.telemetry-path: expected a path like /metrics, other than /")
	}
	hosts, err := newHostRules(f)
	if err != nil {
		return 0, usageError{err}
	}
	limits := collector.NewLimits()
	defer a.setGCPercent(defaultGC)
	first, err := a.loadForServe(limits, nil)
	if err != nil {
		return 0, err
	}
	s := newServer(a, f, hosts, limits, first)
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
		hosts.listens(l.Addr())
		listeners = append(listeners, l)
	}
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	s.logInUse("serving", "version", cmp.Or(version.Version, "unknown"), "addresses", addressesOf(listeners))
	failed := make(chan error, 1)
	go func() {
		toolkit := &web.FlagConfig{WebListenAddresses: &f.addresses, WebSystemdSocket: new(bool), WebConfigFile: &f.webConfig}
		failed <- web.ServeMultiple(listeners, server, toolkit, a.log)
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
	// Current requests get their response.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	_ = server.Shutdown(stopping)
	<-failed
	return ExitReady, nil
}

// logInUse writes one line that says what is checked from now on.
func (s *server) logInUse(message string, more ...any) {
	set, done := s.use()
	defer done()
	attributes := slices.Concat(more, []any{"checklist", set.list.Name, "items", len(set.list.Items())})
	if set.single() {
		attributes = append(attributes, "root", set.targets[0].deploy.Root)
	} else {
		attributes = append(attributes, "targets", len(set.targets))
	}
	if s.app.configFile != "" {
		attributes = append(attributes, "config", s.app.configFile)
	}
	s.app.log.Info(message, attributes...)
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

// server holds the current configuration and replaces it atomically.
type server struct {
	app    *app
	flags  serveFlags
	hosts  *hostRules
	limits *collector.Limits
	self   *selfMetrics
	pages  *metricspage.Pages

	mu      sync.RWMutex
	current *generation
	reload  sync.Mutex // one reload at a time
	retired sync.WaitGroup
}

// generation is one configuration and its users. It is closed after it was replaced and its last user is done.
type generation struct {
	*setup
	users sync.WaitGroup
}

func newServer(a *app, f serveFlags, hosts *hostRules, limits *collector.Limits, first *setup) *server {
	s := &server{
		app: a, flags: f, hosts: hosts, limits: limits, self: newSelfMetrics(), pages: metricspage.New(), current: &generation{setup: first},
	}
	s.self.reloaded(true, a.Now())
	return s
}

// use returns the current configuration. The caller must call done.
func (s *server) use() (set *setup, done func()) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g := s.current
	g.users.Add(1)
	return g.setup, g.users.Done
}

// reloadNow reloads the configuration. A bad one changes nothing.
func (s *server) reloadNow() error {
	s.reload.Lock()
	defer s.reload.Unlock()
	next, err := s.app.loadForServe(s.limits, s.current.setup)
	s.self.reloaded(err == nil, s.app.Now())
	if err != nil {
		s.app.log.Error("the configuration was not reloaded; the previous one stays in use", "err", err)
		return err
	}
	next.inherit(s.current.setup)
	s.mu.Lock()
	old := s.current
	s.current = &generation{setup: next}
	s.mu.Unlock()
	s.retired.Go(func() { old.users.Wait(); old.Close() })
	s.logInUse("the configuration was reloaded")
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
				_ = s.reloadNow() // logged, and shown by metrics
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

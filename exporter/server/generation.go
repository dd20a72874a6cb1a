package server

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/metricspage"
)

// server holds the current configuration and replaces it atomically.
type server struct {
	source  config.Source
	options Options
	log     *slog.Logger
	hosts   *hostRules
	limits  *collector.Limits
	self    *SelfMetrics
	pages   *metricspage.Pages
	pasts   pasts

	mu      sync.RWMutex
	current *generation
	reload  sync.Mutex // one reload at a time
	retired sync.WaitGroup
}

// generation is one configuration and its users. It is closed after it was replaced and its last user is done.
type generation struct {
	*config.Config
	users sync.WaitGroup
}

func newServer(from config.Source, o Options, hosts *hostRules, limits *collector.Limits, first *config.Config) *server {
	s := &server{
		source: from, options: o, log: from.Log, hosts: hosts, limits: limits, self: NewSelfMetrics(), pages: metricspage.New(), current: &generation{Config: first},
	}
	s.self.reloaded(true, from.Now())
	return s
}

// use returns the current configuration. The caller must call done.
func (s *server) use() (conf *config.Config, done func()) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g := s.current
	g.users.Add(1)
	return g.Config, g.users.Done
}

// reloadNow reloads the configuration. A bad one changes nothing.
func (s *server) reloadNow() error {
	s.reload.Lock()
	defer s.reload.Unlock()
	next, err := load(s.source, s.limits, s.current.Config)
	s.self.reloaded(err == nil, s.source.Now())
	if err != nil {
		s.log.Error("the configuration was not reloaded; the previous one stays in use", "err", err)
		return err
	}
	next.Inherit(s.current.Config)
	s.mu.Lock()
	old := s.current
	s.current = &generation{Config: next}
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

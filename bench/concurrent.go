package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// Concurrent scrapers, network services that hang, and the time from start to the first scrape.

const (
	scrapers = 10
	bursts   = 30 // per round
)

// measureConcurrent sends bursts of ten concurrent scrapes and compares their 95th percentile with the median of sequential
// scrapes.
func (b *bench) measureConcurrent() error {
	root, err := b.writeDeployment("concurrent")
	if err != nil {
		return err
	}
	time.Sleep(rest)
	c, err := b.ours("concurrent-ours", root, localChecks(), "0s")
	if err != nil {
		return err
	}
	defer c.stop()
	var alone, together []float64
	for range b.rounds {
		one, err := c.costOf(localScrapes)
		if err != nil {
			return err
		}
		var all []float64
		for range bursts {
			times, err := c.burst()
			if err != nil {
				return err
			}
			all = append(all, times...)
		}
		alone, together = append(alone, one.latency), append(together, quantile(all, 0.95))
	}
	b.rows = append(b.rows, row{work: "10 concurrent scrapers: p95 latency", unit: second, ours: together, peer: "one scraper", theirs: alone, goal: 2})
	return nil
}

func (c *contender) burst() ([]float64, error) {
	times, errs := make([]float64, scrapers), make([]error, scrapers)
	var ready, done sync.WaitGroup
	ready.Add(scrapers)
	for i := range scrapers {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			_, took, err := c.scrape()
			times[i], errs[i] = took.Seconds(), err
		})
	}
	done.Wait()
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if i >= 0 {
		return nil, errs[i]
	}
	return times, nil
}

// measureHanging points all network probes at a port that accepts connections and sends nothing.
func (b *bench) measureHanging() error {
	root, err := b.writeDeployment("hanging")
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	silent := hold(l)
	defer silent()
	at := l.Addr().String()
	host, port, _ := net.SplitHostPort(at)
	config := b.path("hanging-ours", "catalyst.yml")
	text := fmt.Sprintf(`deployment:
  root: %s
  public: {hosts: [%s], url: 'https://%s'}
  tls: {ca_file: ssl/ca.pem, endpoint: '%s'}
  api: {url: 'http://%s'}
  prometheus: {url: 'http://%s'}
  alertmanager: {url: 'http://%s'}
  grafana: {url: 'http://%s'}
  loki: {url: 'http://%s'}
  dns: {resolvers: ['%s']}
  docker: {host: 'tcp://%s'}
  aws: {endpoint: 'http://%s', bucket: backups, region: eu-west-1}
  redis: {address: '%s'}
  database: {host: '%s', port: %s, user: u, name: n}
`, root, publicHost, at, at, at, at, at, at, at, at, at, at, at, host, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	var late []float64
	for range b.rounds {
		c, err := b.contend("/metrics", "catalyst_exporter", "--config.file="+config, "--web.listen-address=ADDRESS", "--log.level=error")
		if err != nil {
			return err
		}
		for range 3 {
			over, err := c.overDeadline()
			if err != nil {
				c.stop()
				return err
			}
			late = append(late, over)
		}
		c.stop()
	}
	b.rows = append(b.rows, row{work: "every network service hangs: response after the deadline of 750 ms", unit: second, ours: late, goal: 0.05})
	return nil
}

// overDeadline returns how many seconds after its deadline a scrape responds. The header sets a timeout of 1 s, of which the
// exporter reserves 0.25 s.
func (c *contender) overDeadline() (float64, error) {
	request, err := http.NewRequest(http.MethodGet, c.url, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "1")
	began := time.Now()
	response, err := c.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	return (time.Since(began) - 750*time.Millisecond).Seconds(), nil
}

// hold accepts connections and keeps them open until stop is called.
func hold(l net.Listener) (stop func()) {
	var mu sync.Mutex
	var held []net.Conn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			held = append(held, c)
			mu.Unlock()
		}
	}()
	return func() {
		_ = l.Close()
		<-ended
		mu.Lock()
		defer mu.Unlock()
		for _, c := range held {
			_ = c.Close()
		}
	}
}

// measureStart starts the exporter with the embedded checklist and waits for its first complete page.
func (b *bench) measureStart() error {
	root, err := b.writeDeployment("start")
	if err != nil {
		return err
	}
	w, err := newWorld(root)
	if err != nil {
		return err
	}
	defer w.stop()
	config := b.path("start-ours", "catalyst.yml")
	if err := os.WriteFile(config, []byte("deployment:\n"+settingsIn(root, w)), 0o600); err != nil {
		return err
	}
	time.Sleep(rest)
	var times []float64
	for range 3 * b.rounds {
		began := time.Now()
		c, err := b.contend("/metrics", "catalyst_exporter", "--config.file="+config, "--web.listen-address=ADDRESS", "--log.level=error")
		if err != nil {
			return err
		}
		_, _, err = c.scrape()
		times = append(times, time.Since(began).Seconds())
		c.stop()
		if err != nil {
			return err
		}
	}
	b.rows = append(b.rows, row{work: "program start to end of the first complete scrape", unit: second, ours: times, goal: 0.15})
	return nil
}

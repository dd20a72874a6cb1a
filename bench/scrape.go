package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// contender is a measured server that can be scraped.
type contender struct {
	*process
	url    string
	client *http.Client
}

// contend starts a server and waits until it listens.
func (b *bench) contend(path, name string, args ...string) (*contender, error) {
	p, err := b.start(name, args...)
	if err != nil {
		return nil, err
	}
	if err := p.listening(20 * time.Second); err != nil {
		p.stop()
		return nil, err
	}
	// Like Prometheus: keep the connection and accept compressed responses.
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	return &contender{process: p, url: "http://" + p.address + path, client: &http.Client{Transport: transport, Timeout: 2 * time.Minute}}, nil
}

// scrape requests the page once.
func (c *contender) scrape() (body []byte, took time.Duration, err error) {
	began := time.Now()
	request, err := http.NewRequest(http.MethodGet, c.url, nil)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "text/plain;version=0.0.4")
	response, err := c.client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	body, err = io.ReadAll(response.Body)
	_ = response.Body.Close()
	took = time.Since(began)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s returned %s: %s", c.url, response.Status, tail(body))
	}
	return body, took, err
}

// cost is the cost per scrape in seconds.
type cost struct{ latency, cpu float64 }

// costOf returns the median latency and the mean CPU time of sequential scrapes.
func (c *contender) costOf(scrapes int) (cost, error) {
	before, err := c.cpu()
	if err != nil {
		return cost{}, err
	}
	times := make([]float64, scrapes)
	for i := range times {
		_, took, err := c.scrape()
		if err != nil {
			return cost{}, err
		}
		times[i] = took.Seconds()
	}
	after, err := c.cpu()
	return cost{median(times), (after - before).Seconds() / float64(scrapes)}, err
}

// turns measures contenders in rounds, each in a different order. The first round is a warm-up and does not count.
func (b *bench) turns(contenders []*contender, scrapes int) ([][]cost, error) {
	costs := make([][]cost, len(contenders))
	for round := range b.rounds + 1 {
		order := make([]int, len(contenders))
		for i := range order {
			order[i] = (i + round) % len(contenders)
		}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			if err := b.ctx.Err(); err != nil {
				return nil, err
			}
			c, err := contenders[i].costOf(scrapes)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				costs[i] = append(costs[i], c)
			}
		}
	}
	return costs, nil
}

func latencies(costs []cost) []float64 {
	return each(costs, func(c cost) float64 { return c.latency })
}
func cpus(costs []cost) []float64 { return each(costs, func(c cost) float64 { return c.cpu }) }

func each[T any](all []T, f func(T) float64) []float64 {
	out := make([]float64, len(all))
	for i, v := range all {
		out[i] = f(v)
	}
	return out
}

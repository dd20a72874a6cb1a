package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// One exporter with a thousand deployments of 75 items, each scraped once a minute.

const (
	manyTargets = 1000
	everyTarget = time.Minute
)

func (b *bench) measureTargets() error {
	first, err := b.writeDeployment("targets/first")
	if err != nil {
		return err
	}
	w, err := newWorld(first)
	if err != nil {
		return err
	}
	defer w.stop()
	var config strings.Builder
	config.WriteString("targets:\n")
	for i := range manyTargets {
		root := b.path("targets", fmt.Sprintf("t%04d", i), "x")
		root = filepath.Dir(root)
		if err := os.CopyFS(root, os.DirFS(first)); err != nil {
			return err
		}
		fmt.Fprintf(&config, "  t%04d:\n%s", i, settingsIn(root, w))
	}
	file := b.path("targets-ours", "catalyst.yml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		return err
	}
	time.Sleep(rest)
	c, err := b.contend("", "catalyst_exporter", "--config.file="+file, "--web.listen-address=ADDRESS", "--log.level=error")
	if err != nil {
		return err
	}
	defer c.stop()
	shares, memory, slow, err := b.sustain(c)
	if err != nil {
		return err
	}
	work := fmt.Sprintf("1,000 targets × 75 items, each scraped every 60 s, for %v", b.sustained)
	b.rows = append(b.rows,
		row{work: work + ": CPU, of one core", unit: share, ours: shares, goal: 0.5},
		row{work: work + ": memory", unit: byteSum, ours: memory, goal: 300e6},
		row{work: work + ": latency", unit: second, ours: slow})
	return nil
}

// sustain scrapes all targets in turn, evenly over each minute. For each tenth of the time it returns the used share of a
// core, the peak memory so far in bytes, and the median latency in seconds.
func (b *bench) sustain(c *contender) (shares, memory, latency []float64, err error) {
	var mu sync.Mutex
	var failed error
	var times []float64
	var running sync.WaitGroup
	defer running.Wait()
	part := b.sustained / 10
	began := time.Now()
	partBegan := began
	before, err := c.cpu()
	if err != nil {
		return nil, nil, nil, err
	}
	tick := time.NewTicker(everyTarget / manyTargets)
	defer tick.Stop()
	for n := 0; time.Since(began) < b.sustained; n++ {
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			return nil, nil, nil, b.ctx.Err()
		}
		one := *c
		one.url += fmt.Sprintf("/probe?target=t%04d", n%manyTargets)
		running.Go(func() {
			_, took, err := one.scrape()
			mu.Lock()
			defer mu.Unlock()
			times = append(times, took.Seconds())
			if err != nil {
				failed = err
			}
		})
		if time.Since(partBegan) < part {
			continue
		}
		now, err := c.cpu()
		if err != nil {
			return nil, nil, nil, err
		}
		m, err := c.memory()
		if err != nil {
			return nil, nil, nil, err
		}
		mu.Lock()
		shares, memory, latency = append(shares, (now-before).Seconds()/time.Since(partBegan).Seconds()), append(memory, m.peak), append(latency, median(times))
		times = nil
		err = failed
		mu.Unlock()
		if err != nil {
			return nil, nil, nil, err
		}
		before, partBegan = now, time.Now()
	}
	return shares, memory, latency, nil
}

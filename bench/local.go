package main

import (
	"fmt"
	"strings"
	"time"
)

// The local checks: live, cached, and compared with node_exporter.

const localScrapes = 40 // per round

// ours starts the exporter and requires that all checks pass. Its page includes the series of its own process, as those of
// node_exporter and the floor program do.
func (b *bench) ours(name, root string, checks []check, maxAge string) (*contender, error) {
	return b.oursAt("/metrics", name, root, checks, maxAge)
}

// oursAlone is ours with a page that contains only verdicts, as that of goss does.
func (b *bench) oursAlone(name, root string, checks []check, maxAge string) (*contender, error) {
	return b.oursAt("/probe?target=bench", name, root, checks, maxAge)
}

func (b *bench) oursAt(path, name, root string, checks []check, maxAge string) (*contender, error) {
	config, err := b.writeChecklist(name, root, checks, maxAge, path != "/metrics")
	if err != nil {
		return nil, err
	}
	c, err := b.contend(path, "catalyst_exporter", "--config.file="+config, "--web.listen-address=ADDRESS", "--log.level=error")
	if err != nil {
		return nil, err
	}
	return c, c.holds("catalyst_check_ok{", len(checks))
}

// holds checks that the page has the wanted number of samples of a name and that all are 1.
func (c *contender) holds(prefix string, want int) error {
	body, _, err := c.scrape()
	if err != nil {
		return err
	}
	good, bad := 0, ""
	for line := range strings.Lines(string(body)) {
		switch {
		case !strings.HasPrefix(line, prefix):
		case strings.HasSuffix(line, "} 1\n"):
			good++
		default:
			bad = line
		}
	}
	if good != want {
		return fmt.Errorf("%s: %d of %d checks pass; failed sample: %s", c.url, good, want, bad)
	}
	return nil
}

// goss starts goss with the same checks. It returns 503 unless all pass.
func (b *bench) goss(name, root string, checks []check, extra, cache string) (*contender, error) {
	file, err := b.writeGoss(name, root, checks, extra)
	if err != nil {
		return nil, err
	}
	c, err := b.contend("/healthz", "goss", "-g", file, "-l", "ERROR", "serve", "--format", "prometheus", "--cache", cache, "--listen-addr", "ADDRESS", "--endpoint", "/healthz")
	if err != nil {
		return nil, err
	}
	_, _, err = c.scrape()
	return c, err
}

func (b *bench) floor(name, root string, checks []check, args ...string) (*contender, error) {
	list, err := b.writeFloor(name, root, checks)
	if err != nil {
		return nil, err
	}
	c, err := b.contend("/metrics", "floor", append([]string{"--listen", "ADDRESS", "--list", list}, args...)...)
	if err != nil {
		return nil, err
	}
	return c, c.holds("catalyst_check_ok{", len(checks))
}

// rest is the pause after files are written: the exporter does not cache files whose timestamps are too recent to be reliable.
const rest = 2500 * time.Millisecond

// against adds the latency and CPU rows that compare two contenders.
func (b *bench) against(work, peer string, ours, theirs []cost, goal float64) {
	b.rows = append(b.rows,
		row{work: work + ": latency", unit: second, ours: latencies(ours), peer: peer, theirs: latencies(theirs), goal: goal},
		row{work: work + ": CPU", unit: second, ours: cpus(ours), peer: peer, theirs: cpus(theirs), goal: goal})
}

func (b *bench) measureLocal() error {
	root, err := b.writeDeployment("local")
	if err != nil {
		return err
	}
	time.Sleep(rest)
	checks := localChecks()
	ours, err := b.ours("local-ours", root, checks, "0s")
	if err != nil {
		return err
	}
	defer ours.stop()
	floor, err := b.floor("local-floor", root, checks)
	if err != nil {
		return err
	}
	defer floor.stop()
	all := []*contender{ours, floor}
	if b.has("goss") {
		alone, err := b.oursAlone("local-alone", root, checks, "0s")
		if err != nil {
			return err
		}
		defer alone.stop()
		all = append(all, alone)
		for _, extra := range []string{"", gossExtra} {
			c, err := b.goss(fmt.Sprintf("local-goss%d", len(extra)), root, checks, extra, "1ns")
			if err != nil {
				return err
			}
			defer c.stop()
			all = append(all, c)
		}
		withPorts := append(checks[:len(checks):len(checks)], check{probe: "listening_ports: {allowed: [80, 443]}"})
		c, err := b.oursWithPorts(root, withPorts)
		if err != nil {
			return err
		}
		defer c.stop()
		all = append(all, c)
	}
	costs, err := b.turns(all, localScrapes)
	if err != nil {
		return err
	}
	b.against("46 local checks, live", "floor", costs[0], costs[1], 1.5)
	if b.has("goss") {
		b.against("46 local checks, live", "goss", costs[2], costs[3], 0.33)
		b.against("46 local checks, certificate and ports", "goss", costs[5], costs[4], 0.10)
	}
	return b.measureScript(ours, root, checks)
}

// oursWithPorts starts the exporter with an additional check of the host's sockets, which may fail without an effect.
func (b *bench) oursWithPorts(root string, checks []check) (*contender, error) {
	config, err := b.writeChecklist("ports-ours", root, checks, "0s", true)
	if err != nil {
		return nil, err
	}
	return b.contend("/probe?target=bench", "catalyst_exporter", "--config.file="+config, "--web.listen-address=ADDRESS", "--log.level=error")
}

// measureScript alternates runs of the checks as a shell script with scrapes of the exporter.
func (b *bench) measureScript(ours *contender, root string, checks []check) error {
	script, err := b.writeScript("script", root, checks)
	if err != nil {
		return err
	}
	var mine, its []cost
	for range b.rounds {
		s, err := b.once(b.dir, "/bin/sh", script)
		if err != nil {
			return err
		}
		if s.code != 0 {
			return fmt.Errorf("script exited with code %d: %s", s.code, tail(s.output))
		}
		its = append(its, cost{s.took.Seconds(), s.cpu.Seconds()})
		c, err := ours.costOf(localScrapes)
		if err != nil {
			return err
		}
		mine = append(mine, c)
	}
	b.against("46 local checks, live", "script", mine, its, 0)
	return nil
}

func (b *bench) measureCached() error {
	root, err := b.writeDeployment("cached")
	if err != nil {
		return err
	}
	time.Sleep(rest)
	checks := localChecks()
	ours, err := b.ours("cached-ours", root, checks, "24h")
	if err != nil {
		return err
	}
	defer ours.stop()
	floor, err := b.floor("cached-floor", root, checks, "--cache")
	if err != nil {
		return err
	}
	defer floor.stop()
	all := []*contender{ours, floor}
	if b.has("goss") {
		alone, err := b.oursAlone("cached-alone", root, checks, "24h")
		if err != nil {
			return err
		}
		defer alone.stop()
		goss, err := b.goss("cached-goss", root, checks, "", "24h")
		if err != nil {
			return err
		}
		defer goss.stop()
		all = append(all, alone, goss)
	}
	costs, err := b.turns(all, 2*localScrapes)
	if err != nil {
		return err
	}
	b.against("46 cached verdicts", "floor", costs[0], costs[1], 1.3)
	if b.has("goss") {
		b.against("46 cached verdicts", "goss", costs[2], costs[3], 1.0)
	}
	return nil
}

// measureNode compares 46 live checks with node_exporter in its default configuration.
func (b *bench) measureNode() error {
	if !b.has("node_exporter") {
		return nil
	}
	root, err := b.writeDeployment("node")
	if err != nil {
		return err
	}
	time.Sleep(rest)
	var ours, theirs []cost
	var idle, peak, own [2][]float64
	for range b.rounds { // new processes each round, because a high-water mark never falls
		mine, err := b.ours("node-ours", root, localChecks(), "0s")
		if err != nil {
			return err
		}
		defer mine.stop()
		its, err := b.contend("/metrics", "node_exporter", "--web.listen-address=ADDRESS", "--log.level=error")
		if err != nil {
			return err
		}
		defer its.stop()
		for i, c := range []*contender{mine, its} {
			if _, err := c.costOf(5); err != nil {
				return err
			}
			cost, err := c.costOf(localScrapes)
			if err != nil {
				return err
			}
			if i == 0 {
				ours = append(ours, cost)
			} else {
				theirs = append(theirs, cost)
			}
		}
		time.Sleep(idleAfter)
		for i, c := range []*contender{mine, its} {
			m, err := c.memory()
			if err != nil {
				return err
			}
			idle[i], peak[i], own[i] = append(idle[i], m.now), append(peak[i], m.peak), append(own[i], m.own)
			c.stop()
		}
	}
	b.rows = append(b.rows,
		row{work: "one scrape: CPU", unit: second, ours: cpus(ours), peer: "node_exporter", theirs: cpus(theirs), goal: 0.25},
		row{work: "memory, idle after scrapes", unit: byteSum, ours: idle[0], peer: "node_exporter", theirs: idle[1], goal: 0.75},
		row{work: "memory, peak", unit: byteSum, ours: peak[0], peer: "node_exporter", theirs: peak[1], goal: 1.0},
		row{work: "memory, idle, without file pages", unit: byteSum, ours: own[0], peer: "node_exporter", theirs: own[1]})
	return nil
}

// idleAfter is the pause before the idle memory of a process is read.
const idleAfter = 3 * time.Second

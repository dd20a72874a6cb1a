package main

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// One HTTP, DNS and TLS probe per scrape, compared with blackbox_exporter.

const networkScrapes = 60 // per round

func (b *bench) measureNetwork() error {
	if !b.has("blackbox_exporter") {
		return nil
	}
	root, err := b.writeDeployment("network")
	if err != nil {
		return err
	}
	time.Sleep(rest)
	w, err := newWorld(root)
	if err != nil {
		return err
	}
	defer w.stop()
	ours, err := b.networkOurs(root, w)
	if err != nil {
		return err
	}
	defer ours.stop()
	theirs, err := b.networkBlackbox(root, w)
	if err != nil {
		return err
	}
	defer theirs.stop()
	for _, p := range []struct {
		name, module, target string
		goal                 float64
	}{{"http", "http", "http://" + w.http + "/health", 0.5}, {"dns", "dns", w.dns, 1}, {"tls", "tls", w.tls, 1}} {
		mine, its := *ours, *theirs
		mine.url += "/probe?target=bench&collect[]=" + p.name
		its.url += "/probe?module=" + p.module + "&target=" + p.target
		if err := mine.holds("catalyst_check_ok{", 1); err != nil {
			return err
		}
		if err := its.succeeds(); err != nil {
			return err
		}
		costs, err := b.turns([]*contender{&mine, &its}, networkScrapes)
		if err != nil {
			return err
		}
		b.rows = append(b.rows, row{work: "one " + p.name + " probe: CPU", unit: second, ours: cpus(costs[0]), peer: "blackbox_exporter", theirs: cpus(costs[1]), goal: p.goal},
			row{work: "one " + p.name + " probe: latency", unit: second, ours: latencies(costs[0]), peer: "blackbox_exporter", theirs: latencies(costs[1])})
	}
	return nil
}

// networkOurs starts the exporter with one item per protocol, checked on every scrape.
func (b *bench) networkOurs(root string, w *world) (*contender, error) {
	item := "- {category: %s, items: [{item: %s, title: T, severity: warning, fix: F, probes: [{%s: %s, max_age: 0s}]}]}\n"
	list := "checklist: Bench\ncategories:\n" +
		fmt.Sprintf(item, "http", "http", "http_health", "{paths: [/health], components: [database]}") +
		fmt.Sprintf(item, "dns", "dns", "dns_records", "{}") +
		fmt.Sprintf(item, "tls", "tls", "tls_endpoint", "{}")
	config := fmt.Sprintf("checklist: checklist.yml\ntargets:\n  bench:\n%s", settingsIn(root, w))
	if err := os.WriteFile(b.path("network-ours", "checklist.yml"), []byte(list), 0o600); err != nil {
		return nil, err
	}
	file := b.path("network-ours", "catalyst.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return b.contend("", "catalyst_exporter", "--config.file="+file, "--web.listen-address=ADDRESS", "--log.level=error")
}

// settingsIn returns the settings of a target whose services are the servers of w.
func settingsIn(root string, w *world) string {
	return fmt.Sprintf("    {root: %s, public: {hosts: [%s], url: 'http://%s'}, api: {url: 'http://%s'}, dns: {resolvers: ['%s'], expected: [127.0.0.1]}, tls: {ca_file: ssl/ca.pem, endpoint: '%s'}}\n",
		root, publicHost, w.http, w.http, w.dns, w.tls)
}

func (b *bench) networkBlackbox(root string, w *world) (*contender, error) {
	config := fmt.Sprintf(`modules:
  http:
    prober: http
    http: {preferred_ip_protocol: ip4, fail_if_body_not_matches_regexp: ['"database":.*healthy']}
  dns:
    prober: dns
    dns: {query_name: %s, query_type: A, preferred_ip_protocol: ip4, validate_answer_rrs: {fail_if_none_matches_regexp: ['.*127\.0\.0\.1']}}
  tls:
    prober: tcp
    tcp: {preferred_ip_protocol: ip4, tls: true, tls_config: {ca_file: %s/ssl/ca.pem, server_name: %s}}
`, publicHost, root, publicHost)
	file := b.path("network-blackbox", "blackbox.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return b.contend("", "blackbox_exporter", "--config.file="+file, "--web.listen-address=ADDRESS", "--log.level=error")
}

// succeeds requires that the probe of blackbox_exporter succeeds.
func (c *contender) succeeds() error {
	body, _, err := c.scrape()
	if err == nil && !bytes.Contains(body, []byte("\nprobe_success 1\n")) {
		err = fmt.Errorf("%s: probe failed: %s", c.url, tail(body))
	}
	return err
}

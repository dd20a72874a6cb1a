// Command floor is a baseline: the least that an exporter of these checks costs. On every scrape it reads the listed files,
// matches a regular expression in each, and emits the same series as the exporter with client_golang, in the way that its
// documentation shows. It judges nothing.
package main

import (
	"bufio"
	"flag"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type item struct {
	category, name, title, probe, file string
	pattern                            *regexp.Regexp
}

type floor struct {
	items  []item
	cached []byte // results of the first run, if it runs only once
	cache  bool
	descs  map[string]*prometheus.Desc
}

func (f *floor) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range f.descs {
		ch <- d
	}
}

// look reads each file once and returns 1 for each item whose pattern matches.
func (f *floor) look() []byte {
	files, holds := map[string][]byte{}, make([]byte, len(f.items))
	for i, it := range f.items {
		data, ok := files[it.file]
		if !ok {
			data, _ = os.ReadFile(it.file)
			files[it.file] = data
		}
		if it.pattern.Match(data) {
			holds[i] = 1
		}
	}
	return holds
}

func (f *floor) Collect(ch chan<- prometheus.Metric) {
	began, holds := time.Now(), f.cached
	if holds == nil {
		if holds = f.look(); f.cache {
			f.cached = holds
		}
	}
	emit := func(name string, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(f.descs[name], prometheus.GaugeValue, v, labels...)
	}
	ready := 1.0
	for i, it := range f.items {
		v := float64(holds[i])
		ready = min(ready, v)
		emit("check_ok", v, it.category, it.name)
		emit("check_state", 1, it.category, it.name, map[byte]string{0: "fail", 1: "pass"}[holds[i]], "")
		emit("check_info", 1, it.category, it.name, it.title, "warning", "true", "standing")
		emit("check_waived", 0, it.category, it.name)
		emit("check_duration_seconds", time.Since(began).Seconds(), it.category, it.name)
		emit("check_last_run_timestamp_seconds", float64(began.UnixMilli())/1000, it.category, it.name)
		emit("probe_ok", v, it.category, it.name, it.probe)
	}
	emit("ready", ready)
}

func main() {
	address, list := flag.String("listen", "", "address to listen on"), flag.String("list", "", "file with the checks")
	f := &floor{descs: map[string]*prometheus.Desc{}}
	flag.BoolVar(&f.cache, "cache", false, "run the checks only once")
	flag.Parse()
	for name, more := range map[string][]string{"check_ok": {}, "check_state": {"state", "reason"}, "check_info": {"title", "severity", "required", "scope"},
		"check_waived": {}, "check_duration_seconds": {}, "check_last_run_timestamp_seconds": {}, "probe_ok": {"probe"}} {
		f.descs[name] = prometheus.NewDesc("catalyst_"+name, "A help text for "+name+", as long as help texts usually are.", append([]string{"category", "item"}, more...), nil)
	}
	f.descs["ready"] = prometheus.NewDesc("catalyst_ready", "Whether all checks pass.", nil, nil)
	file, err := os.Open(*list)
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		p := strings.Split(lines.Text(), "\t")
		f.items = append(f.items, item{p[0], p[1], p[2], p[3], p[4], regexp.MustCompile("(?m)" + p[5])})
	}
	prometheus.MustRegister(f)
	http.Handle("/metrics", promhttp.Handler())
	panic(http.ListenAndServe(*address, nil))
}

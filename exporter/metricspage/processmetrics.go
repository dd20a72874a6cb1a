package metricspage

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// The process_* metrics of client_golang, with the same names and help. Its own collector takes five times the CPU, as
// much as the rest of a scrape of 75 items: it reads and parses six files of /proc on every scrape, including the
// traffic of the whole network namespace, which does not belong to the process and is left out here.

// processMetrics collects them.
type processMetrics struct {
	cpu, openFDs, maxFDs, virtual, maxVirtual, resident, start *prometheus.Desc

	started float64 // seconds since the epoch; 0 when unknown
}

func NewProcessMetrics() *processMetrics {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc("process_"+name, help, nil, nil) }
	m := &processMetrics{
		cpu:        desc("cpu_seconds_total", "Total user and system CPU time spent in seconds."),
		openFDs:    desc("open_fds", "Number of open file descriptors."),
		maxFDs:     desc("max_fds", "Maximum number of open file descriptors."),
		virtual:    desc("virtual_memory_bytes", "Virtual memory size in bytes."),
		maxVirtual: desc("virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes."),
		resident:   desc("resident_memory_bytes", "Resident memory size in bytes."),
		start:      desc("start_time_seconds", "Start time of the process since unix epoch in seconds."),
	}
	m.started, _ = startTime()
	return m
}

// Describe implements prometheus.Collector.
func (m *processMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.cpu, m.openFDs, m.maxFDs, m.virtual, m.maxVirtual, m.resident, m.start} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It leaves out what cannot be read.
func (m *processMetrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	var cpu unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &cpu) == nil {
		ch <- prometheus.MustNewConstMetric(m.cpu, prometheus.CounterValue, float64(cpu.Nano())/1e9)
	}
	if virtual, resident, err := memoryPages(); err == nil {
		gauge(m.virtual, virtual*float64(os.Getpagesize()))
		gauge(m.resident, resident*float64(os.Getpagesize()))
	}
	if n, err := openFiles(); err == nil {
		gauge(m.openFDs, float64(n))
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		gauge(m.maxFDs, float64(limit.Cur))
	}
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil {
		gauge(m.maxVirtual, float64(limit.Cur))
	}
	if m.started > 0 {
		gauge(m.start, m.started)
	}
}

var errProc = errors.New("/proc is not in the format of proc(5)")

// memoryPages reads the first two numbers of /proc/self/statm. It avoids os.File, which registers with the poller.
func memoryPages() (virtual, resident float64, err error) {
	fd, err := unix.Open("/proc/self/statm", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	var text [128]byte
	n, err := unix.Read(fd, text[:])
	if err != nil {
		return 0, 0, err
	}
	fields := bytes.Fields(text[:n])
	if len(fields) < 2 {
		return 0, 0, errProc
	}
	virtual, err1 := strconv.ParseFloat(string(fields[0]), 64)
	resident, err2 := strconv.ParseFloat(string(fields[1]), 64)
	return virtual, resident, errors.Join(err1, err2)
}

// openFiles counts the open file descriptors: since Linux 6.2 the size of their directory, which was 0 before.
func openFiles() (int64, error) {
	var s unix.Stat_t
	if err := unix.Stat("/proc/self/fd", &s); err != nil {
		return 0, err
	}
	if s.Size > 0 {
		return s.Size, nil
	}
	names, err := os.ReadDir("/proc/self/fd")
	return int64(len(names)) - 1, err // without the one that reads the directory
}

// startTime returns when the process started, in seconds since the epoch: field 22 of /proc/self/stat, in ticks since
// the boot time in /proc/stat.
func startTime() (float64, error) {
	own, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, err
	}
	system, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(own[bytes.LastIndexByte(own, ')')+1:]) // after the name, which may contain anything
	_, boot, found := bytes.Cut(system, []byte("\nbtime "))
	boot, _, _ = bytes.Cut(boot, []byte("\n"))
	const start, perSecond = 22 - 3, 100 // USER_HZ is 100 on every Linux that Go supports
	if !found || len(fields) <= start {
		return 0, errProc
	}
	ticks, err1 := strconv.ParseFloat(string(fields[start]), 64)
	booted, err2 := strconv.ParseFloat(string(boot), 64)
	return booted + ticks/perSecond, errors.Join(err1, err2)
}

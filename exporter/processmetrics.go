package exporter

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// process_* under the names and help that client_golang gives them, for a fifth of what its collector costs: that one formats and scans six files of
// /proc on every scrape, among them what the whole network namespace has sent and received. Here the kernel is asked for numbers, and what cannot change
// is read once. The traffic is left out: it is not the process's own.

// processMetrics is the collector.
type processMetrics struct {
	cpu, openFDs, maxFDs, virtual, maxVirtual, resident, start *prometheus.Desc

	started float64 // seconds since the epoch; 0 when not known
}

func newProcessMetrics() *processMetrics {
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

// Collect implements prometheus.Collector. What cannot be had is left out.
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

var errProc = errors.New("/proc is not as proc(5) has it")

// memoryPages are the first two numbers of /proc/self/statm. It is read without os.File, which asks the poller to wait for more.
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

// openFiles counts the open file descriptors. Since Linux 6.2 the folder's size is their number; before it is 0.
func openFiles() (int64, error) {
	var s unix.Stat_t
	if err := unix.Stat("/proc/self/fd", &s); err != nil {
		return 0, err
	}
	if s.Size > 0 {
		return s.Size, nil
	}
	names, err := os.ReadDir("/proc/self/fd")
	return int64(len(names)) - 1, err // not the one it is read through
}

// startTime is when the process was started, in seconds since the epoch: the 22nd field of /proc/self/stat, in ticks since the system's start, which
// /proc/stat tells.
func startTime() (float64, error) {
	own, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, err
	}
	system, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(own[bytes.LastIndexByte(own, ')')+1:]) // behind the name, which may hold anything
	_, boot, found := bytes.Cut(system, []byte("\nbtime "))
	boot, _, _ = bytes.Cut(boot, []byte("\n"))
	const start, perSecond = 22 - 3, 100 // USER_HZ is 100 wherever Go runs on Linux
	if !found || len(fields) <= start {
		return 0, errProc
	}
	ticks, err1 := strconv.ParseFloat(string(fields[start]), 64)
	booted, err2 := strconv.ParseFloat(string(boot), 64)
	return booted + ticks/perSecond, errors.Join(err1, err2)
}

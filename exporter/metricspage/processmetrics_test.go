package metricspage

import (
	"math"
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

// Names, help, types and numbers are compared with the collector of client_golang.
func TestProcessMetrics_AreThoseOfTheLibrary(t *testing.T) {
	gather := func(c prometheus.Collector) map[string]*dto.MetricFamily {
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(c)
		all, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		byName := map[string]*dto.MetricFamily{}
		for _, f := range all {
			byName[f.GetName()] = f
		}
		return byName
	}
	number := func(f *dto.MetricFamily) float64 {
		return f.Metric[0].GetGauge().GetValue() + f.Metric[0].GetCounter().GetValue()
	}
	ballast := make([]byte, 32<<20) // so that pages and bytes cannot be confused
	for i := range ballast {
		ballast[i] = 1
	}
	for range 5 { // and descriptors count
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
	}
	// Tolerances: some numbers change between the two readings.
	tolerance := map[string]float64{
		"process_cpu_seconds_total": 0.5, "process_open_fds": 1, "process_max_fds": 0, "process_virtual_memory_bytes": 64 << 20, "process_virtual_memory_max_bytes": 0,
		"process_resident_memory_bytes": 16 << 20, "process_start_time_seconds": 0.02,
	}
	ours, theirs := gather(NewProcessMetrics()), gather(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if len(ours) != len(tolerance) {
		t.Errorf("%d families, want %d", len(ours), len(tolerance))
	}
	for name, limit := range tolerance {
		a, b := ours[name], theirs[name]
		if a == nil || b == nil {
			t.Errorf("%s: ours %v, the library's %v", name, a, b)
			continue
		}
		if a.GetHelp() != b.GetHelp() || a.GetType() != b.GetType() || math.Abs(number(a)-number(b)) > limit {
			t.Errorf("ours %v, the library's %v", a, b)
		}
	}
	if ballast[0] == 0 {
		t.Fatal()
	}
}

package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"

	"github.com/thenexusengine/catalyst_exporter/exporter/metricspage"
)

// SelfMetrics are the metrics of the exporter itself.
type SelfMetrics struct {
	Registry         *prometheus.Registry
	reloadSuccessful prometheus.Gauge
	reloadTime       prometheus.Gauge
}

// NewSelfMetrics registers them, with those of the process and of Go.
func NewSelfMetrics() *SelfMetrics {
	m := &SelfMetrics{
		Registry: prometheus.NewRegistry(),
		reloadSuccessful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "catalyst_config_last_reload_successful",
			Help: "Whether the last attempt to load the configuration succeeded.",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "catalyst_config_last_reload_success_timestamp_seconds",
			Help: "Time of the last successful load of the configuration.",
		}),
	}
	m.Registry.MustRegister(
		m.reloadSuccessful, m.reloadTime,
		versioncollector.NewCollector("catalyst_exporter"),
		collectors.NewGoCollector(),
		metricspage.NewProcessMetrics(),
	)
	return m
}

func (m *SelfMetrics) reloaded(ok bool, at time.Time) {
	if !ok {
		m.reloadSuccessful.Set(0)
		return
	}
	m.reloadSuccessful.Set(1)
	m.reloadTime.Set(float64(at.Unix()))
}

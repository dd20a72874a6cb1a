package exporter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"

	"github.com/thenexusengine/catalyst_exporter/exporter/metricspage"
)

// selfMetrics are the metrics of the exporter itself.
type selfMetrics struct {
	registry         *prometheus.Registry
	reloadSuccessful prometheus.Gauge
	reloadTime       prometheus.Gauge
}

func newSelfMetrics() *selfMetrics {
	m := &selfMetrics{
		registry: prometheus.NewRegistry(),
		reloadSuccessful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "catalyst_config_last_reload_successful",
			Help: "Whether the last attempt to load the configuration succeeded.",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "catalyst_config_last_reload_success_timestamp_seconds",
			Help: "Time of the last successful load of the configuration.",
		}),
	}
	m.registry.MustRegister(
		m.reloadSuccessful, m.reloadTime,
		versioncollector.NewCollector("catalyst_exporter"),
		collectors.NewGoCollector(),
		metricspage.NewProcessMetrics(),
	)
	return m
}

func (m *selfMetrics) reloaded(ok bool, at time.Time) {
	if !ok {
		m.reloadSuccessful.Set(0)
		return
	}
	m.reloadSuccessful.Set(1)
	m.reloadTime.Set(float64(at.Unix()))
}

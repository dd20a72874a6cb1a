package probe

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// app_metrics: does the application serve metrics of its own?
//
// The whole response must be in Prometheus' text format and contain samples of the application's families. Samples of
// this exporter do not count, though their names begin alike: it may listen at that address or be forwarded there.

func appMetricsKind() Kind {
	return Kind{
		Name:     "app_metrics",
		Question: "Does the application serve valid metrics with families of its own?",
		Example:  "{path: /metrics}",
		Layer:    LayerLive,
		Reads:    "GET on the application's address (deployment.api); needs to reach it",
		Timeout:  15 * time.Second,
		Alone:    true,
		New:      func() any { return &appMetrics{Path: "/metrics"} },
	}
}

type appMetrics struct {
	Path string `yaml:"path" default:"/metrics" pattern:"^/" doc:"path below the application's address"`
}

// Probe implements Probe.
func (s *appMetrics) Probe(ctx context.Context, p *Pass) (Result, error) {
	const setting = "deployment.api.url"
	api := p.Deployment.API
	w, err := webFor(p, "api", api.HTTP)
	if err != nil {
		return Result{}, err
	}
	a, err := w.get(ctx, api.Address().URL+s.Path)
	long := errors.Is(err, errTooLong) // many series: the part that was read is judged
	if err != nil && !long {
		return unasked(s.Path, err, api.Address(), setting, true)
	}
	return s.judge(a, long, p.Deployment.App.Prefixes())
}

// judge judges a response; cut reports that it is longer than what was read.
func (s *appMetrics) judge(a answer, cut bool, prefixes []string) (Result, error) {
	if err := turnedAway(s.Path, a, "deployment.api.bearer_token_file"); err != nil {
		return Result{}, err
	}
	text := string(a.Body)
	switch {
	case a.OffSite != "":
		return Failed(ReasonMismatch, "%s redirects to another host", s.Path), nil
	case a.Status == 404:
		return Failed(ReasonNotPublished, "%s returned 404", s.Path), nil
	case a.Status != 200:
		return Failed(ReasonUnhealthy, "%s returned %d", s.Path, a.Status), nil
	case strings.TrimSpace(text) == "":
		return Failed(ReasonEmpty, "%s returned 200 with an empty body", s.Path), nil
	case strings.HasPrefix(strings.TrimSpace(text), "<"):
		return Failed(ReasonMismatch, "%s returned a page, not metrics", s.Path), nil
	}
	if cut {
		text = text[:strings.LastIndexByte(text, '\n')+1]
	}
	names, line := sampleNames(text)
	if line > 0 {
		return Failed(ReasonInvalid, "%s did not return Prometheus text format: line %d is invalid", s.Path, line), nil
	}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "application/openmetrics-text") && !cut && !endsOpenMetrics(text) {
		return Failed(ReasonTruncated,
			"%s does not end with # EOF as OpenMetrics requires: Prometheus rejects the whole response", s.Path), nil
	}
	own, ours := 0, 0
	for name := range names {
		switch {
		case OfExporter(name):
			ours++
		case hasPrefix(name, prefixes):
			own++
		}
	}
	switch {
	case own > 0:
		return Passed("%s has %d metrics of the application, %d in total", s.Path, own, len(names)), nil
	case cut:
		return Result{}, Needs("deployment.api.url", Unknownf(ReasonTruncated,
			"%s: no metric of the application in the first MiB. The rest is not read", s.Path))
	case ours > 0:
		return Failed(ReasonMismatch, "%s is served by this exporter, not by the application", s.Path), nil
	case len(names) == 0:
		return Failed(ReasonEmpty, "%s has no samples", s.Path), nil
	}
	return Failed(ReasonMissing, "%s has %d metrics, but none begins with %s (deployment.app.metric_prefixes)",
		s.Path, len(names), strings.Join(prefixes, " or ")), nil
}

func hasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// OfExporter reports whether a metric belongs to this exporter and must not be counted as one of the application.
func OfExporter(name string) bool {
	return slices.Contains(measuredNames(), name) || hasPrefix(name, []string{"catalyst_check_", "catalyst_checks", "catalyst_checklist_", "catalyst_waiver_", "catalyst_probe_ok", "catalyst_category_ready", "catalyst_gate_ready",
		"catalyst_ready", "catalyst_release_", "catalyst_config_last_reload_", "catalyst_exporter_"})
}

// measuredNames are the names of all measured values; a test of the kinds holds them to what the kinds declare.
func measuredNames() []string {
	return []string{
		"catalyst_alert_rules_dead",
		"catalyst_attestation_expiry_timestamp_seconds",
		"catalyst_backup_last_success_timestamp_seconds",
		"catalyst_backup_size_bytes",
		"catalyst_compose_services_unlimited",
		"catalyst_criterion_threshold",
		"catalyst_criterion_value",
		"catalyst_database_migrations",
		"catalyst_dns_ttl_seconds",
		"catalyst_env_placeholders",
		"catalyst_evidence_timestamp_seconds",
		"catalyst_exposed_ports",
		"catalyst_redis_hit_ratio",
		"catalyst_redis_keys_with_expiry_ratio",
		"catalyst_secret_findings",
		"catalyst_secret_scan_timestamp_seconds",
		"catalyst_test_coverage_ratio",
		"catalyst_tls_certificate_not_after_timestamp_seconds",
		"catalyst_traffic_weight_ratio",
		"catalyst_vulnerabilities",
	}
}

// Package openmetrics reads metric names from the text exposition formats.
package openmetrics

import (
	"slices"
	"strconv"
	"strings"
)

// SampleNames parses the Prometheus text format or OpenMetrics and returns the sample names. Line is the first invalid
// line, from 1; 0 when all lines are valid.
func SampleNames(text string) (names map[string]bool, line int) {
	names = map[string]bool{}
	n := 0
	for l := range strings.Lines(text) {
		n++
		l = strings.Trim(l, " \t\r\n")
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		name, ok := sampleName(l)
		if !ok {
			return nil, n
		}
		names[name] = true
	}
	return names, 0
}

// EndsOpenMetrics reports whether the text has exactly one # EOF, at its end.
func EndsOpenMetrics(text string) bool {
	_, after, found := strings.Cut("\n"+text, "\n# EOF")
	return found && strings.TrimSpace(after) == ""
}

// sampleName returns the name of one sample: name{label="value",…} number timestamp, and in OpenMetrics an exemplar
// after a #.
func sampleName(line string) (string, bool) {
	end := 0
	for end < len(line) && isNameByte(line[end], end) {
		end++
	}
	name, rest := line[:end], line[end:]
	if name == "" || rest == "" {
		return "", false
	}
	rest = strings.TrimLeft(rest, " \t")
	if strings.HasPrefix(rest, "{") {
		var ok bool
		if rest, ok = afterLabels(rest[1:]); !ok {
			return "", false
		}
	} else if rest == line[end:] {
		return "", false // no space between name and value
	}
	rest, _, _ = strings.Cut(rest, " # ")
	fields := strings.Fields(rest)
	if len(fields) == 0 || len(fields) > 2 {
		return "", false
	}
	for _, f := range fields {
		if _, err := strconv.ParseFloat(f, 64); err != nil || strings.ContainsAny(f, "_xX") {
			return "", false
		}
	}
	return name, true
}

func isNameByte(c byte, at int) bool {
	return c == '_' || c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || at > 0 && c >= '0' && c <= '9'
}

// afterLabels returns the text after the closing brace of the labels.
func afterLabels(text string) (string, bool) {
	for {
		text = strings.TrimLeft(text, " \t")
		if rest, closed := strings.CutPrefix(text, "}"); closed {
			return rest, true
		}
		end := 0
		for end < len(text) && isNameByte(text[end], end) && text[end] != ':' {
			end++
		}
		if end == 0 {
			return "", false
		}
		text = strings.TrimLeft(text[end:], " \t")
		value, is := strings.CutPrefix(text, "=")
		if !is {
			return "", false
		}
		value, is = strings.CutPrefix(strings.TrimLeft(value, " \t"), `"`)
		if !is {
			return "", false
		}
		inside, rest := Quoted(value)
		if len(inside) == len(value) {
			return "", false // no closing quote
		}
		text = strings.TrimLeft(rest, " \t")
		switch {
		case strings.HasPrefix(text, ","):
			text = text[1:]
		case !strings.HasPrefix(text, "}"):
			return "", false
		}
	}
}

func HasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// Quoted splits a text at its closing quote.
func Quoted(text string) (inside, rest string) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// OfExporter reports whether a metric belongs to this exporter and must not be counted as one of the application.
func OfExporter(name string) bool {
	return slices.Contains(measuredNames(), name) || HasPrefix(name, []string{"catalyst_check_", "catalyst_checks", "catalyst_checklist_", "catalyst_waiver_", "catalyst_probe_ok", "catalyst_category_ready", "catalyst_gate_ready",
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

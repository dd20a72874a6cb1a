package report

import "strings"

// Severity is the severity of a finding, according to the report.
type Severity string

// The severities, worst first.
const (
	Critical        Severity = "critical"
	High            Severity = "high"
	Medium          Severity = "medium"
	Low             Severity = "low"
	UnknownSeverity Severity = "unknown"
)

// Severities returns every severity, worst first.
func Severities() []Severity { return []Severity{Critical, High, Medium, Low, UnknownSeverity} }

// ParseSeverity parses the words that tools use.
func ParseSeverity(word string) Severity {
	switch strings.ToLower(word) {
	case "critical", "blocker":
		return Critical
	case "high", "error", "major":
		return High
	case "medium", "moderate", "warning", "minor":
		return Medium
	case "low", "note", "info", "information", "negligible":
		return Low
	}
	return UnknownSeverity
}

// SeverityOfScore maps a CVSS score to the bands of its specification, versions 3 and 4.
func SeverityOfScore(score float64) Severity {
	switch {
	case score >= 9:
		return Critical
	case score >= 7:
		return High
	case score >= 4:
		return Medium
	case score > 0:
		return Low
	}
	return UnknownSeverity
}

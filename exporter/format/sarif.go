package format

import (
	"bytes"
	"encoding/json"
	"net/url"

	"github.com/prometheus/common/version"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// SARIF 2.1.0 (OASIS), for code scanning: a rule per item, and a result per finding, at its file and line where it has one. An
// item that fails without single findings is one result. fail is an error, warn a warning, and unknown an open result that says
// what could not be checked. Waived items are suppressed results, with the reason of the waiver.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
	ColumnKind  string            `json:"columnKind"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID         string         `json:"id"`
	Short      sarifText      `json:"shortDescription"`
	Help       sarifText      `json:"help"`
	Properties map[string]any `json:"properties"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	Successful bool   `json:"executionSuccessful"`
	End        string `json:"endTimeUtc"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Kind         string             `json:"kind"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations,omitempty"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

// EncodeSARIF returns the report as SARIF.
func EncodeSARIF(r *collector.Report) ([]byte, error) {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "catalyst_exporter", Version: version.Version, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{true, r.Time.UTC().Format("2006-01-02T15:04:05Z")}},
		Results:     []sarifResult{},
		ColumnKind:  "utf16CodeUnits",
	}
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: v.ID(), Short: sarifText{v.Title}, Help: sarifText{v.Fix},
			Properties: map[string]any{"tags": []string{v.Category}, "severity": v.Severity, "required": v.Required},
		})
		run.Results = append(run.Results, sarifResults(v, i)...)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
	return b.Bytes(), err
}

// sarifResults returns the results of one item.
func sarifResults(v *checklist.Verdict, rule int) []sarifResult {
	kind, level := sarifLevel(v.State)
	if kind == "" {
		return nil
	}
	var suppressions []sarifSuppression
	if v.Waived {
		suppressions = []sarifSuppression{{"external", "accepted", v.Waiver.Reason}}
	}
	made := sarifResult{
		RuleID: v.ID(), RuleIndex: rule, Kind: kind, Level: level, Message: sarifText{v.Title + ": " + v.Detail},
		Fingerprints: map[string]string{"item/v1": v.ID()}, Suppressions: suppressions,
	}
	var all []sarifResult
	for _, o := range v.Outcomes {
		kind, level := sarifLevel(o.Result.State)
		if kind == "" || kind == "open" {
			continue
		}
		for _, offender := range o.Result.Offenders {
			one := made
			one.Kind, one.Level, one.Message = kind, level, sarifText{v.Title + ": " + offender.ID + ": " + o.Result.Detail}
			one.Fingerprints = map[string]string{"item/v1": v.ID(), "offender/v1": v.ID() + " " + o.Probe.Name + " " + offender.ID}
			if offender.File != "" {
				at := sarifPhysical{Artifact: sarifArtifact{(&url.URL{Path: offender.File}).EscapedPath()}}
				if offender.Line > 0 {
					at.Region = &sarifRegion{offender.Line}
				}
				one.Locations = []sarifLocation{{at}}
			}
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		all = []sarifResult{made}
	}
	return all
}

// sarifLevel returns kind and level of a state; two empty texts for what is no result.
func sarifLevel(s probe.State) (kind, level string) {
	switch s {
	case probe.StateFail:
		return "fail", "error"
	case probe.StateWarn:
		return "fail", "warning"
	case probe.StateUnknown:
		return "open", "none"
	}
	return "", ""
}

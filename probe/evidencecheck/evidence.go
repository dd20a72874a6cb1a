// Package evidencecheck checks the reports that CI wrote for a commit, in a folder, behind a URL or in S3.
package evidencecheck

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/evidence"
	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// evidence: has CI reported it recently for the right commit?
//
// The right commit is that of the planned release, else of the recorded release, else the checked-out commit. Without
// any, only the age counts, which is weak. Reports are read from the evidence folder or the configured places
// (evidence_places.go).
//
// A place that cannot be read may hold a newer report. If another place has a report for the right commit, that report
// counts, the unreadable place is named, and a pass becomes a warning. Without such a report the result is unknown,
// whatever older reports or reports for other commits say.

func EvidenceKind() probe.Kind {
	return probe.Kind{
		Name:     "evidence",
		Services: []deployment.Service{deployment.EvidenceService, deployment.AWSService},
		Question: "Does a fresh, complete CI report for the right commit show that it holds?",
		Example:  "{report: tests}",
		Layer:    probe.LayerEvidence,
		Reads: "the newest report in the places of deployment.evidence (folders, files, URLs, s3://), the release " +
			"records and HEAD of the git repository",
		Permission: "read permission, and s3:ListBucket and s3:GetObject for s3://. " +
			"Remote reports are fetched again after 5 minutes",
		Values:    []*probe.Value{EvidenceTime, TestCoverage, Vulnerabilities, probe.SecretFindings},
		Timeout:   2 * time.Minute,
		MaxAge:    30 * time.Second,
		Breakages: func(spec any, view *deployment.View) []probe.Breakage { return spec.(*evidenceProbe).breakages(view) },
		New:       func() any { return &evidenceProbe{MinRequests: 1000} },
	}
}

type evidenceProbe struct {
	Report        string           `yaml:"report" required:"true" enum:"tests,coverage,lint,security,vulnerabilities,load,secrets,sbom" doc:"subject of the report"`
	Name          string           `yaml:"name" pattern:"^[a-z0-9][a-z0-9_-]*$" doc:"which of several reports of a kind: e2e stands for tests-e2e.json"`
	Image         string           `yaml:"image" doc:"for vulnerabilities and sbom: compose service, or name of an image without tag and digest; the report must be about its digest in the release record or the compose file"`
	MaxAge        *schema.Duration `yaml:"fresh" min:"1m" doc:"maximum age; when unset, 90d for load tests and 30d otherwise"`
	MinCoverage   float64          `yaml:"min_coverage" min:"0" max:"1" doc:"for coverage: minimum ratio; 0.8 when unset"`
	MaxFindings   int              `yaml:"max_findings" min:"0" default:"0" doc:"for lint, security and vulnerabilities: maximum number of findings"`
	MaxSkipped    float64          `yaml:"max_skipped" min:"0" max:"1" doc:"for tests: share of the tests that may be skipped; 0.2 when unset"`
	MaxSuppressed *int             `yaml:"max_suppressed" min:"0" doc:"for lint, security and vulnerabilities: number of findings that may be suppressed; when unset 10, and for gosec one per ten files"`
	MaxDatabase   *schema.Duration `yaml:"max_database_age" min:"1d" doc:"for vulnerabilities: maximum age of the database when it was used; 30d when unset"`
	ExpectedRate  float64          `yaml:"expected_rate" min:"0" doc:"for load: requests per second expected in production"`
	RateFactor    float64          `yaml:"rate_factor" min:"1" doc:"for load: minimum multiple of expected_rate reached by the test; 1.5 when unset"`
	MaxErrorRatio float64          `yaml:"max_error_ratio" min:"0" max:"1" doc:"for load: maximum ratio of failed requests; 0.01 when unset"`
	MaxP95        *schema.Duration `yaml:"max_p95" min:"1ms" doc:"for load: maximum 95th percentile of the response time; 200ms when unset"`
	MinRequests   int              `yaml:"min_requests" min:"1" default:"1000" doc:"for load: minimum number of requests"`
	MinDuration   *schema.Duration `yaml:"min_duration" min:"1s" doc:"for load: minimum duration of the test; 1m when unset"`
	Hosts         []string         `yaml:"hosts" doc:"for load: host names that may be tested, compared with the target in the report's record; any when unset"`
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *evidenceProbe) Validate() []error {
	if s.Image != "" && s.Report != string(report.Vulnerabilities) && s.Report != string(report.SBOM) {
		return []error{errors.New("image: only reports of vulnerabilities and sbom are about images")}
	}
	return nil
}

type evidenceMemoryKey struct{}

// Probe implements Probe.
func (s *evidenceProbe) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	commit, err := evidenceCommit(p)
	if err != nil {
		return probe.Result{}, err
	}
	memory, err := probe.Keep(p.Kept, evidenceMemoryKey{}, "", func() (*evidence.Memory, func(), error) { return &evidence.Memory{Now: p.Now}, nil, nil })
	if err != nil {
		return probe.Result{}, err
	}
	e, unseen := evidencePlaces{p, report.Kind(s.Report), s.Name, commit, memory}.find(ctx)
	if ctx.Err() != nil {
		return probe.Result{}, ctx.Err()
	}
	policy := s.policy(p.Time, commit)
	if e.Name != "" && (!e.Report.Image.IsZero() || s.Image != "") {
		if policy.Images, err = s.images(p); err != nil {
			return probe.Result{}, err
		}
		policy.OfImage = s.Image != ""
	}
	if e.Name != "" {
		tree := treeOf(ctx, p, commit)
		policy.Tree, policy.CommitTime = tree.Tree, tree.time
	}
	r := s.result(e, evidence.Judge(e, policy))
	r = applyUnreadable(r, report.SameCommit(e.Commit, commit), unseen)
	r.Detail = strings.ReplaceAll(r.Detail, p.Deployment.Root+string(filepath.Separator), "")
	return r, nil
}

func (s *evidenceProbe) policy(now time.Time, commit string) evidence.Policy {
	policy := evidence.Policy{Now: now, Commit: commit, MinCoverage: s.MinCoverage, MaxFindings: s.MaxFindings, ExpectedRate: s.ExpectedRate, RateFactor: s.RateFactor, MaxErrorRatio: s.MaxErrorRatio,
		MaxSkipped: s.MaxSkipped, MaxSuppressed: s.MaxSuppressed, MinRequests: int64(s.MinRequests), Hosts: s.Hosts}
	if s.MaxDatabase != nil {
		policy.MaxDatabaseAge = s.MaxDatabase.Std()
	}
	if s.MinDuration != nil {
		policy.MinDuration = s.MinDuration.Std()
	}
	if s.MaxAge != nil {
		policy.MaxAge = s.MaxAge.Std()
	}
	if s.MaxP95 != nil {
		policy.MaxP95 = s.MaxP95.Std()
	}
	return policy
}

// applyUnreadable adjusts a verdict for places that could not be read. wanted: a report for the right commit was read.
func applyUnreadable(r probe.Result, wanted bool, unseen []error) probe.Result {
	if len(unseen) == 0 {
		return r
	}
	blind := probe.NotChecked(unseen[0])
	var details []string
	for _, err := range unseen {
		details = append(details, "could not be checked: "+err.Error())
	}
	blind.Detail = strings.Join(details, "; ")
	switch {
	case !wanted || r.Reason == probe.ReasonStale || r.Reason == probe.ReasonMissing:
		blind.State, blind.Samples = probe.StateUnknown, r.Samples
		return blind
	case r.State == probe.StatePass:
		r.State, r.Reason = probe.StateWarn, blind.Reason
	}
	r.Detail += "; " + blind.Detail
	return r
}

// result converts an evidence verdict into a probe result with its measured values.
func (s *evidenceProbe) result(e evidence.Evidence, v evidence.Verdict) probe.Result {
	r := probe.Result{Reason: probe.Reason(v.Reason), Detail: v.Detail}
	if err := r.State.UnmarshalText([]byte(v.State)); err != nil {
		r.State, r.Reason = probe.StateUnknown, probe.ReasonError
	}
	if r.Reason == probe.ReasonMissing && e.Name == "" {
		r.Remedy = "CI reports in .catalyst/evidence/<commit>/ (docs/evidence.md)"
	}
	if !e.Taken.IsZero() {
		r.Samples = append(r.Samples, EvidenceTime.Of(float64(e.Taken.Unix())))
	}
	if ratio, ok := e.Report.Measures[report.CoverageRatio]; ok {
		r.Samples = append(r.Samples, TestCoverage.Of(ratio))
	}
	if e.Name == "" || e.Err != nil {
		return r
	}
	if r.Reason == probe.ReasonThreshold || r.Reason == probe.ReasonCommitted {
		r = r.About(offenders(e.Report.Findings)...)
		r.Unnamed = e.Report.Counts.Findings != len(e.Report.Findings)
	}
	switch report.Kind(s.Report) {
	case report.Vulnerabilities:
		for _, severity := range report.Severities() {
			r.Samples = append(r.Samples, Vulnerabilities.Of(float64(e.Report.Severities[severity]), string(severity)))
		}
	case report.Secrets:
		r.Samples = append(r.Samples, probe.SecretFindings.Of(float64(e.Report.Counts.Findings)))
	}
	return r
}

// evidenceCommit returns the commit that evidence must be for; "" when unknown.
func evidenceCommit(p *probe.Pass) (string, error) {
	c, err := release.Chain(p)
	if err != nil {
		return "", err
	}
	var r *attest.Release
	if r = release.Current(c); r != nil && r.Release.Commit != "" {
		return r.Release.Commit, nil
	}
	head, err := p.View.Head()
	if errors.Is(err, deployment.ErrNoRepository) {
		return "", nil
	}
	if err != nil {
		return "", probe.Needs("permission to read the git repository", probe.Unknown(probe.ReasonOf(err), err))
	}
	return head, nil
}

var EvidenceTime = &probe.Value{Name: "catalyst_evidence_timestamp_seconds", Help: "Creation time of the report in use.", Labels: nil}

var TestCoverage = &probe.Value{Name: "catalyst_test_coverage_ratio", Help: "Share of statements covered by tests, 0 to 1.", Labels: nil}

var Vulnerabilities = &probe.Value{Name: "catalyst_vulnerabilities", Help: "Known vulnerabilities that the code calls, by severity.", Labels: []string{"severity"}}

// offenders are the single findings of a report.
func offenders(findings []report.Finding) []probe.Offender {
	var out []probe.Offender
	for _, f := range findings {
		id := f.Rule
		for _, part := range []string{f.Package, f.File} {
			if part != "" {
				id += ":" + part
			}
		}
		if f.Severity == "" && f.Line > 0 { // a line says more of a linter's finding than of a dependency
			id += fmt.Sprintf(":%d", f.Line)
		}
		out = append(out, probe.Offender{ID: id, File: f.File, Line: f.Line})
	}
	return out
}

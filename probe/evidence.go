package probe

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/evidence"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// evidence: has CI seen it, lately and for the right commit?
//
// The right commit is that of the planned release, else of the recorded one, else what is checked out; without any, age alone counts, which is
// weak. Reports lie in the evidence folder, or where the configuration says (evidence_places.go).
//
// A place that could not be looked at may hold a newer report. One of the right commit that was read elsewhere has been seen all the same and counts,
// but the place is told and a pass is only weak (warn); without one nothing is known (unknown), whatever older or other reports say.

func evidenceKind() Kind {
	return Kind{
		Name:     "evidence",
		Question: "Does a fresh and complete report of CI, of the right commit, say that it holds?",
		Example:  "{report: tests}",
		Layer:    LayerEvidence,
		Reads:    "the newest report at deployment.evidence's places (folders, files, URLs, s3://), the release records and the git repository's HEAD; needs to read them, of s3:// s3:ListBucket and s3:GetObject. What is fetched is asked for again after 5 minutes",
		Values:   []*Value{EvidenceTime, TestCoverage, Vulnerabilities, SecretFindings},
		Timeout:  2 * time.Minute,
		MaxAge:   30 * time.Second,
		New:      func() any { return &evidenceProbe{} },
	}
}

type evidenceProbe struct {
	Report        string           `yaml:"report" required:"true" enum:"tests,coverage,lint,security,vulnerabilities,load,secrets" doc:"what the report is of"`
	MaxAge        *schema.Duration `yaml:"fresh" min:"1m" doc:"how old it may be; 90d for load tests, else 30d, when not set"`
	MinCoverage   float64          `yaml:"min_coverage" min:"0" max:"1" doc:"of coverage: the ratio wanted; 0.8 when not set"`
	MaxFindings   int              `yaml:"max_findings" min:"0" default:"0" doc:"of lint, security and vulnerabilities: how many are borne"`
	ExpectedRate  float64          `yaml:"expected_rate" min:"0" doc:"of load: requests per second expected in production"`
	RateFactor    float64          `yaml:"rate_factor" min:"1" doc:"of load: how many times that the test must have reached; 1.5 when not set"`
	MaxErrorRatio float64          `yaml:"max_error_ratio" min:"0" max:"1" doc:"of load: failed requests of all; 0.01 when not set"`
	MaxP95        *schema.Duration `yaml:"max_p95" min:"1ms" doc:"of load: time within which 95 % of the requests are answered; 200ms when not set"`
}

type evidenceMemoryKey struct{}

// Probe implements Probe.
func (s *evidenceProbe) Probe(ctx context.Context, p *Pass) (Result, error) {
	commit, err := evidenceCommit(p)
	if err != nil {
		return Result{}, err
	}
	memory, err := Keep(p.Kept, evidenceMemoryKey{}, "", func() (*evidence.Memory, func(), error) { return &evidence.Memory{Now: p.Now}, nil, nil })
	if err != nil {
		return Result{}, err
	}
	e, unseen := evidencePlaces{p, evidence.Kind(s.Report), commit, memory}.look(ctx)
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	r := s.result(e, evidence.Judge(e, s.policy(p.Time, commit)))
	r = heedUnseen(r, evidence.SameCommit(e.Commit, commit), unseen)
	r.Detail = strings.ReplaceAll(r.Detail, p.Deployment.Root+string(filepath.Separator), "")
	return r, nil
}

func (s *evidenceProbe) policy(now time.Time, commit string) evidence.Policy {
	policy := evidence.Policy{Now: now, Commit: commit, MinCoverage: s.MinCoverage, MaxFindings: s.MaxFindings, ExpectedRate: s.ExpectedRate, RateFactor: s.RateFactor, MaxErrorRatio: s.MaxErrorRatio}
	if s.MaxAge != nil {
		policy.MaxAge = s.MaxAge.Std()
	}
	if s.MaxP95 != nil {
		policy.MaxP95 = s.MaxP95.Std()
	}
	return policy
}

// heedUnseen weighs a verdict against the places that could not be looked at. Wanted: a report of the right commit was read.
func heedUnseen(r Result, wanted bool, unseen []error) Result {
	if len(unseen) == 0 {
		return r
	}
	blind := unanswered(unseen[0])
	var told []string
	for _, err := range unseen {
		told = append(told, "could not be looked at: "+err.Error())
	}
	blind.Detail = strings.Join(told, "; ")
	switch {
	case !wanted || r.Reason == ReasonStale || r.Reason == ReasonMissing:
		blind.State, blind.Samples = StateUnknown, r.Samples
		return blind
	case r.State == StatePass:
		r.State, r.Reason = StateWarn, blind.Reason
	}
	r.Detail += "; " + blind.Detail
	return r
}

// result turns a verdict on evidence into one of a probe, with what was measured.
func (s *evidenceProbe) result(e evidence.Evidence, v evidence.Verdict) Result {
	r := Result{Reason: Reason(v.Reason), Detail: v.Detail}
	if err := r.State.UnmarshalText([]byte(v.State)); err != nil {
		r.State, r.Reason = StateUnknown, ReasonError
	}
	if r.Reason == ReasonMissing && e.Name == "" {
		r.Remedy = "reports from CI in .catalyst/evidence/<commit>/ (docs/evidence.md)"
	}
	if !e.Taken.IsZero() {
		r.Samples = append(r.Samples, EvidenceTime.Of(float64(e.Taken.Unix())))
	}
	if ratio, ok := e.Report.Measures[evidence.CoverageRatio]; ok {
		r.Samples = append(r.Samples, TestCoverage.Of(ratio))
	}
	if e.Name == "" || e.Err != nil {
		return r
	}
	switch evidence.Kind(s.Report) {
	case evidence.Vulnerabilities:
		for _, severity := range evidence.Severities() {
			r.Samples = append(r.Samples, Vulnerabilities.Of(float64(e.Report.Severities[severity]), string(severity)))
		}
	case evidence.Secrets:
		r.Samples = append(r.Samples, SecretFindings.Of(float64(e.Report.Counts.Findings)))
	}
	return r
}

// evidenceCommit is the commit that evidence must be of; "" when none is known.
func evidenceCommit(p *Pass) (string, error) {
	c, err := p.Chain()
	if err != nil {
		return "", err
	}
	var r *attest.Release
	if r = current(c); r != nil && r.Release.Commit != "" {
		return r.Release.Commit, nil
	}
	head, err := p.View.Head()
	if errors.Is(err, deployment.ErrNoRepository) {
		return "", nil
	}
	if err != nil {
		return "", Needs("permission to read the git repository", Unknown(reasonOf(err), err))
	}
	return head, nil
}

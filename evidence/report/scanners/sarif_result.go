package scanners

import (
	"fmt"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// The results of a SARIF run.

func (s *sarifRun) result(j *stream.JSON) error {
	f := sarifFinding{sarifResult: sarifResult{index: -1}}
	var kind, baseline string
	var suppressions, accepted int
	reference := func(key string) error { // ruleId and ruleIndex, or rule.id and rule.index
		switch key {
		case "id", "ruleId":
			return j.String(&f.rule)
		case "index", "ruleIndex":
			index := int64(-1)
			err := j.Integer(&index)
			f.index = int(index)
			return err
		}
		return j.Skip()
	}
	err := j.Object(func(key string) error {
		switch key {
		case "ruleId", "ruleIndex":
			return reference(key)
		case "rule":
			return j.Object(reference)
		case "level":
			return j.String(&f.level)
		case "kind":
			return j.String(&kind)
		case "baselineState":
			return j.String(&baseline)
		case "suppressions":
			return j.Array(func() error {
				status := ""
				err := j.Object(func(key string) error {
					if key == "status" {
						return j.String(&status)
					}
					return j.Skip()
				})
				if suppressions++; status == "" || status == "accepted" {
					accepted++
				}
				return err
			})
		case "locations":
			return j.Array(func() error { return sarifLocation(j, &f.Finding) })
		case "partialFingerprints":
			return j.Object(func(key string) error {
				if key == "commitSha" { // gitleaks
					return j.String(&f.Commit)
				}
				return j.Skip()
			})
		}
		return j.Skip()
	})
	if err != nil {
		return err
	}
	switch {
	case kind == "pass" || kind == "notApplicable" || kind == "informational" || baseline == "absent":
		return nil
	case suppressions > 0 && accepted == suppressions:
		s.suppressed++
		return nil
	}
	f.rule = report.Name(f.rule)
	if _, known := s.seen[f.sarifResult]; !known && len(s.seen) >= report.MaxPackages {
		return fmt.Errorf("%w: more than %d rules", stream.ErrInvalid, report.MaxPackages)
	}
	if s.seen[f.sarifResult]++; len(s.first) < report.MaxFindings {
		s.first = append(s.first, f)
	}
	return nil
}

// sarifLocation keeps the first location.
func sarifLocation(j *stream.JSON, f *report.Finding) error {
	file, line := "", int64(0)
	err := j.Object(func(key string) error {
		if key != "physicalLocation" {
			return j.Skip()
		}
		return j.Object(func(key string) error {
			switch key {
			case "artifactLocation":
				return j.Object(func(key string) error {
					if key == "uri" {
						return j.String(&file)
					}
					return j.Skip()
				})
			case "region":
				return j.Object(func(key string) error {
					if key == "startLine" {
						return j.Integer(&line)
					}
					return j.Skip()
				})
			}
			return j.Skip()
		})
	})
	if f.File == "" {
		f.File, f.Line = file, int(max(line, 0))
	}
	return err
}

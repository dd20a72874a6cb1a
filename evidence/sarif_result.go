package evidence

import (
	"fmt"
)

// The results of a SARIF run.

func (s *sarifRun) result(j *jsonReader) error {
	f := sarifFinding{sarifResult: sarifResult{index: -1}}
	var kind, baseline string
	var suppressions, accepted int
	reference := func(key string) error { // ruleId and ruleIndex, or rule.id and rule.index
		switch key {
		case "id", "ruleId":
			return j.str(&f.rule)
		case "index", "ruleIndex":
			index := int64(-1)
			err := j.whole(&index)
			f.index = int(index)
			return err
		}
		return j.skip()
	}
	err := j.object(func(key string) error {
		switch key {
		case "ruleId", "ruleIndex":
			return reference(key)
		case "rule":
			return j.object(reference)
		case "level":
			return j.str(&f.level)
		case "kind":
			return j.str(&kind)
		case "baselineState":
			return j.str(&baseline)
		case "suppressions":
			return j.array(func() error {
				status := ""
				err := j.object(func(key string) error {
					if key == "status" {
						return j.str(&status)
					}
					return j.skip()
				})
				if suppressions++; status == "" || status == "accepted" {
					accepted++
				}
				return err
			})
		case "locations":
			return j.array(func() error { return sarifLocation(j, &f.Finding) })
		case "partialFingerprints":
			return j.object(func(key string) error {
				if key == "commitSha" { // gitleaks
					return j.str(&f.Commit)
				}
				return j.skip()
			})
		}
		return j.skip()
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
	f.rule = clean(f.rule)
	if _, known := s.seen[f.sarifResult]; !known && len(s.seen) >= maxPackages {
		return fmt.Errorf("%w: more than %d rules", errInvalid, maxPackages)
	}
	if s.seen[f.sarifResult]++; len(s.first) < MaxFindings {
		s.first = append(s.first, f)
	}
	return nil
}

// sarifLocation keeps the first location.
func sarifLocation(j *jsonReader, f *Finding) error {
	file, line := "", int64(0)
	err := j.object(func(key string) error {
		if key != "physicalLocation" {
			return j.skip()
		}
		return j.object(func(key string) error {
			switch key {
			case "artifactLocation":
				return j.object(func(key string) error {
					if key == "uri" {
						return j.str(&file)
					}
					return j.skip()
				})
			case "region":
				return j.object(func(key string) error {
					if key == "startLine" {
						return j.whole(&line)
					}
					return j.skip()
				})
			}
			return j.skip()
		})
	})
	if f.File == "" {
		f.File, f.Line = file, int(max(line, 0))
	}
	return err
}

package evidence

import (
	"strconv"
	"time"
)

// nancy parses nancy's JSON: num_audited coordinates were checked. vulnerable lists those with vulnerabilities, some of
// which may be excluded. invalid lists those with a version that nancy could not parse, so they were not checked.
func nancy(in *input, r *Report) error {
	r.Tool = "nancy"
	j := newJSON(in.Reader)
	audited, vulnerable := int64(-1), int64(0)
	listed := int64(0)
	err := j.object(func(key string) error {
		switch key {
		case "num_audited":
			return j.whole(&audited)
		case "num_vulnerable":
			return j.whole(&vulnerable)
		case "invalid":
			return j.array(func() error { r.Counts.Unaudited++; return j.skip() })
		case "vulnerable":
			return j.array(func() error { listed++; return nancyCoordinate(j, r) })
		}
		return j.skip()
	})
	if err == nil {
		err = j.end()
	}
	if err != nil {
		return err
	}
	for ; listed < min(vulnerable, maxPackages); listed++ {
		r.finding(Finding{Rule: "vulnerable module that is not listed", Severity: UnknownSeverity})
	}
	if audited <= 0 {
		r.gap(Empty, Incurable, "no module was audited")
	} else {
		r.Counts.Audited = int(audited)
	}
	return nil
}

func nancyCoordinate(j *jsonReader, r *Report) error {
	name := ""
	var fs []Finding
	counted := 0
	err := j.object(func(key string) error {
		switch key {
		case "Coordinates":
			return j.str(&name)
		case "Vulnerabilities":
			return j.array(func() error {
				var f Finding
				var cve, score string
				var excluded bool
				err := j.object(func(key string) (err error) {
					switch key {
					case "ID":
						return j.str(&f.Rule)
					case "Cve":
						return j.str(&cve)
					case "CvssScore":
						score, err = j.scalar()
						return err
					case "Excluded":
						return j.boolean(&excluded)
					}
					return j.skip()
				})
				if excluded {
					r.Counts.Suppressed++
					return err
				}
				if cve != "" {
					f.Rule = cve
				}
				v, _ := strconv.ParseFloat(score, 64)
				f.Severity = scoreOf(v)
				if counted++; len(fs) < MaxFindings {
					fs = append(fs, f)
				} else {
					r.Counts.Findings++
					r.severity(f.Severity)
				}
				return err
			})
		}
		return j.skip()
	})
	for _, f := range fs { // the name may follow the vulnerabilities
		f.Package = name
		r.finding(f)
	}
	return err
}

// trivy parses trivy's JSON, schema 2. Only results of class os-pkgs and lang-pkgs concern dependencies. Without any,
// nothing was audited.
func trivy(in *input, r *Report) error {
	r.Tool = "trivy"
	j := newJSON(in.Reader)
	schema, created, revision, abandoned := int64(0), "", "", false
	err := j.object(func(key string) error {
		switch key {
		case "SchemaVersion":
			return j.whole(&schema)
		case "CreatedAt":
			return j.str(&created)
		case "Metadata":
			return j.object(func(key string) error {
				switch key {
				case "Commit":
					return j.str(&revision)
				case "OS":
					return j.object(func(key string) error {
						if key == "EOSL" {
							return j.boolean(&abandoned)
						}
						return j.skip()
					})
				}
				return j.skip()
			})
		case "Results":
			return j.array(func() error { return trivyResult(j, r) })
		}
		return j.skip()
	})
	if t, err := time.Parse(time.RFC3339Nano, created); err == nil {
		r.at(t)
	}
	if IsCommit(revision) {
		r.Commit = revision
	}
	if err == nil {
		err = j.end()
	}
	if err != nil {
		return err
	}
	if schema != 2 {
		r.gap(Invalid, Incurable, "schema version is not 2")
	}
	if abandoned {
		r.doubt(Incurable, "the image's operating system is end of life (EOSL): its vulnerabilities are no longer tracked")
	}
	if r.Counts.Audited == 0 {
		r.gap(Empty, Incurable, "no package was audited: no result has class os-pkgs or lang-pkgs")
	}
	return nil
}

func trivyResult(j *jsonReader, r *Report) error {
	var class, target string
	vulnerable := false
	err := j.object(func(key string) error {
		switch key {
		case "Class":
			return j.str(&class)
		case "Target":
			return j.str(&target)
		case "ExperimentalModifiedFindings":
			return j.array(func() error { r.Counts.Suppressed++; return j.skip() })
		case "Vulnerabilities":
			return j.array(func() error {
				var f Finding
				severity := ""
				err := j.object(func(key string) error {
					switch key {
					case "VulnerabilityID":
						return j.str(&f.Rule)
					case "PkgName":
						return j.str(&f.Package)
					case "Severity":
						return j.str(&severity)
					}
					return j.skip()
				})
				vulnerable = true
				f.File, f.Severity = target, severityOf(severity)
				r.finding(f)
				return err
			})
		}
		return j.skip()
	})
	if vulnerable || class == "os-pkgs" || class == "lang-pkgs" {
		r.Counts.Audited++
	}
	return err
}

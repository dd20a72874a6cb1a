package evidence

import "strconv"

// osvScanner parses osv-scanner's JSON, versions 1 and 2. Without --all-packages only vulnerable packages are listed,
// so the list of a clean run is empty and does not prove that a package was checked. The exit status does: it is 0, or
// 128 if no package was found. A group holds the aliases of one vulnerability. If the tool analysed calls, uncalled
// groups are counted separately.
func osvScanner(in *input, r *Report) error {
	r.Tool = "osv-scanner"
	j := newJSON(in.Reader)
	err := j.object(func(key string) error {
		if key != "results" {
			return j.skip()
		}
		return j.array(func() error {
			return j.object(func(key string) error {
				if key != "packages" {
					return j.skip()
				}
				return j.array(func() error { return osvPackage(j, r) })
			})
		})
	})
	if err == nil {
		err = j.end()
	}
	if err != nil {
		return err
	}
	if r.Counts.Audited == 0 {
		r.gap(Empty, ByExit,
			"report lists no packages and does not show what was audited: run osv-scanner with --all-packages")
	}
	return nil
}

func osvPackage(j *jsonReader, r *Report) error {
	r.Counts.Audited++
	name := ""
	var fs []Finding
	uncalled, groups := 0, 0
	var single []string // ids outside of groups
	err := j.object(func(key string) error {
		switch key {
		case "package":
			return j.object(func(key string) error {
				if key == "name" {
					return j.str(&name)
				}
				return j.skip()
			})
		case "groups":
			return j.array(func() error {
				f, called, err := osvGroup(j)
				switch groups++; {
				case !called:
					uncalled++
				case len(fs) < maxPackages:
					fs = append(fs, f)
				default:
					return j.invalid("more than %d vulnerabilities in one package", maxPackages)
				}
				return err
			})
		case "vulnerabilities":
			return j.array(func() error {
				id := ""
				err := j.object(func(key string) error {
					if key == "id" {
						return j.str(&id)
					}
					return j.skip()
				})
				if len(single) < maxPackages {
					single = append(single, clean(id))
				}
				return err
			})
		}
		return j.skip()
	})
	if groups == 0 { // older versions
		for _, id := range single {
			fs = append(fs, Finding{Rule: id, Severity: UnknownSeverity})
		}
	}
	for _, f := range fs {
		f.Package = name
		r.finding(f)
	}
	r.Counts.Uncalled += uncalled
	return err
}

func osvGroup(j *jsonReader) (f Finding, called bool, err error) {
	analysed, severity := 0, ""
	err = j.object(func(key string) error {
		switch key {
		case "ids":
			return j.array(func() error {
				id, err := j.scalar()
				if f.Rule == "" {
					f.Rule = clean(id)
				}
				return err
			})
		case "max_severity":
			text, err := j.scalar()
			severity = text
			return err
		case "experimentalAnalysis", "experimental_analysis":
			return j.object(func(string) error {
				analysed++
				yes := true // counts as called unless the analysis says otherwise
				err := j.object(func(key string) error {
					if key == "called" {
						return j.boolean(&yes)
					}
					return j.skip()
				})
				called = called || yes
				return err
			})
		}
		return j.skip()
	})
	score, _ := strconv.ParseFloat(severity, 64)
	f.Severity = scoreOf(score)
	return f, called || analysed == 0, err
}

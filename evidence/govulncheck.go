package evidence

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// govulncheck parses govulncheck's JSON, protocol 1: a sequence of objects that starts with the configuration. Each
// known vulnerability of a required module is an osv message, whatever its version. Findings follow with increasing
// precision: by module, by package and, after the call graph is computed, by symbol. A vulnerability is called only if
// the first frame of a finding names a function.
//
// The stream has no end marker, so a truncated one looks like a complete one without calls. What the stream shows:
//   - Before the message "Checking the code …" nothing was checked.
//   - After it, without any osv message, nothing can follow: complete.
//   - With osv messages but without findings by package, the rest follows within moments: probably complete, which is
//     weak.
//   - With findings by package but none by symbol, the tool may have died while computing the call graph, which takes
//     most time and memory: incomplete.
//
// For the last two the pipeline must record exit status and digest.
func govulncheck(in *input, r *Report) error {
	r.Tool = "govulncheck"
	j := newJSON(in.Reader)
	var s govulnStream
	for {
		if c, err := j.next(); err == io.EOF {
			break
		} else if err != nil {
			return err
		} else if c != '{' {
			s.cut = true
			s.tell(r)
			return j.invalid("expected an object")
		}
		if err := s.message(j, r); err != nil {
			s.cut = true
			s.tell(r)
			return err
		}
	}
	s.tell(r)
	return nil
}

// govulnStream is one run. A file may contain several, each with its configuration.
type govulnStream struct {
	begun      bool // whether a message was read
	configured bool
	cut        bool // truncated or malformed, which is reported elsewhere
	level      string
	modules    int
	checked    bool
	osvs       int
	byPackage  bool
	bySymbol   bool
	called     map[string]bool // by vulnerability, of those with findings
}

func (s *govulnStream) message(j *jsonReader, r *Report) error {
	begun := s.begun
	s.begun = true
	return j.object(func(key string) error {
		switch key {
		case "config":
			s.begun = begun
			s.tell(r)
			*s = govulnStream{begun: true, configured: true, called: make(map[string]bool)}
			return s.config(j)
		case "SBOM":
			return j.object(func(key string) error {
				if key == "modules" {
					return j.array(func() error { s.modules++; return j.skip() })
				}
				return j.skip()
			})
		case "progress":
			return s.progress(j)
		case "osv":
			s.osvs++
			return j.skip()
		case "finding":
			if !s.configured {
				return j.invalid("finding before the configuration")
			}
			return s.finding(j)
		}
		return j.skip()
	})
}

func (s *govulnStream) config(j *jsonReader) error {
	protocol, mode := "", ""
	err := j.object(func(key string) error {
		switch key {
		case "protocol_version":
			return j.str(&protocol)
		case "scan_level":
			return j.str(&s.level)
		case "scan_mode":
			return j.str(&mode)
		}
		return j.skip()
	})
	switch {
	case err != nil:
		return err
	case !strings.HasPrefix(protocol, "v1."):
		return j.invalid("protocol version is not 1")
	case mode == "query" || mode == "extract":
		return j.invalid("output of a query, which scans nothing")
	}
	return nil
}

func (s *govulnStream) progress(j *jsonReader) error {
	return j.object(func(key string) error {
		if key != "message" {
			return j.skip()
		}
		text := ""
		err := j.str(&text)
		if strings.HasPrefix(text, "Checking the ") {
			s.checked = true
		}
		var packages, modules int
		if n, _ := fmt.Sscanf(text, "Scanning your code and %d packages across %d dependent module", &packages, &modules); n == 2 && s.modules == 0 {
			s.modules = 1 + max(modules, 0) // versions before the SBOM message
		}
		return err
	})
}

func (s *govulnStream) finding(j *jsonReader) error {
	id, pkg, function := "", "", ""
	frame := 0
	err := j.object(func(key string) error {
		switch key {
		case "osv":
			return j.str(&id)
		case "trace":
			return j.array(func() error {
				frame++
				return j.object(func(key string) error {
					switch {
					case frame == 1 && key == "package":
						return j.str(&pkg)
					case frame == 1 && key == "function":
						return j.str(&function)
					}
					return j.skip()
				})
			})
		}
		return j.skip()
	})
	if err != nil {
		return err
	}
	id = clean(id)
	if _, known := s.called[id]; !known && len(s.called) >= maxPackages {
		return j.invalid("more than %d vulnerabilities", maxPackages)
	}
	s.byPackage = s.byPackage || pkg != ""
	s.bySymbol = s.bySymbol || function != ""
	// A scan without call analysis cannot exclude calls.
	found := function != "" || s.level == "module" || s.level == "package" && pkg != ""
	s.called[id] = s.called[id] || found
	return nil
}

// tell adds the run to the report.
func (s *govulnStream) tell(r *Report) {
	if !s.configured {
		if s.begun && !s.cut {
			r.gap(Truncated, Incurable, "the configuration at its beginning is missing")
		}
		return
	}
	for _, id := range slices.Sorted(maps.Keys(s.called)) {
		if s.called[id] {
			r.finding(Finding{Rule: id, Severity: UnknownSeverity}) // Go's database has no severities
		} else {
			r.Counts.Uncalled++
		}
	}
	r.Counts.Audited += s.modules
	switch {
	case s.cut:
	case !s.checked:
		r.gap(Truncated, BySeal, "stream ends before the check started")
	case s.modules == 0 && len(s.called) == 0 && s.osvs == 0:
		r.gap(Empty, Incurable, "no module was audited")
	case s.osvs == 0 || s.bySymbol:
	case s.byPackage && s.level != "package" && s.level != "module":
		r.gap(Truncated, BySeal, "govulncheck may have died before call analysis finished: the stream has no end marker")
	default:
		r.doubt(BySeal, "completeness is not proven: the stream has no end marker")
	}
}

package evidence

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// govulncheck reads govulncheck's JSON, protocol 1: objects one after the other, of which the first is the configuration. Each known vulnerability
// of a required module comes as an osv message whatever the version; findings follow in rising certainty, first by module, then by package, then,
// after the call graph was computed, by symbol. Only a finding whose first frame names a function is called.
//
// The stream has no end, so a cut one looks like a whole one in which nothing is called. What can be told from it:
//   - Before the message "Checking the code …" nothing was checked.
//   - After it, without any osv message, there is nothing to come: whole.
//   - With osv messages, but without findings by package, what is missing would have followed within moments: nothing proves it, which is weak.
//   - With findings by package and none by symbol, the tool may have died over the call graph, where time and memory go: not the whole.
//
// For the last two the pipeline has to record exit status and digest.
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
			return j.invalid("an object is missing where one belongs")
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

// govulnStream is one run; several may follow each other in one file, each with its configuration.
type govulnStream struct {
	begun      bool // with whatever message
	configured bool
	cut        bool // or malformed, which is told elsewhere
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
				return j.invalid("a finding before the configuration")
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
		return j.invalid("a protocol other than version 1")
	case mode == "query" || mode == "extract":
		return j.invalid("the answer to a query, in which nothing was scanned")
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
	// A scan that did not look at calls cannot say that there is none.
	found := function != "" || s.level == "module" || s.level == "package" && pkg != ""
	s.called[id] = s.called[id] || found
	return nil
}

// tell adds the run to the report.
func (s *govulnStream) tell(r *Report) {
	if !s.configured {
		if s.begun && !s.cut {
			r.gap(Truncated, Incurable, "its beginning, the configuration, is missing")
		}
		return
	}
	for _, id := range slices.Sorted(maps.Keys(s.called)) {
		if s.called[id] {
			r.finding(Finding{Rule: id, Severity: UnknownSeverity}) // Go's database rates none
		} else {
			r.Counts.Uncalled++
		}
	}
	r.Counts.Audited += s.modules
	switch {
	case s.cut:
	case !s.checked:
		r.gap(Truncated, BySeal, "the stream ends before anything was checked")
	case s.modules == 0 && len(s.called) == 0 && s.osvs == 0:
		r.gap(Empty, Incurable, "no module was audited")
	case s.osvs == 0 || s.bySymbol:
	case s.byPackage && s.level != "package" && s.level != "module":
		r.gap(Truncated, BySeal, "the stream has no end, and govulncheck may have died before it knew what is called")
	default:
		r.doubt(BySeal, "the stream has no end: nothing proves that it is whole")
	}
}

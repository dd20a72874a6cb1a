// Package valuerule judges single values of a structured text: JSON, YAML, TOML or INI. Details name the path and the rule, never a
// value.
package valuerule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
	"gopkg.in/ini.v1"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Rule is what must hold for the values at a path.
type Rule struct {
	At      string   `yaml:"at" required:"true" doc:"path of the value: engines.node, services[0].image, scripts[\"test:unit\"]; * is every key or entry, and each value must hold; $ is the whole text"`
	Equals  *string  `yaml:"equals" doc:"the value as text, e.g. \"true\" or \"20\""`
	OneOf   []string `yaml:"one_of" doc:"the allowed values"`
	Matches string   `yaml:"matches" doc:"regular expression that the value must match"`
	Lacks   string   `yaml:"lacks" doc:"regular expression that the value must not match"`
	Min     *float64 `yaml:"at_least" doc:"minimum of a number"`
	Max     *float64 `yaml:"at_most" doc:"maximum of a number"`
	Length  *int     `yaml:"length" min:"0" doc:"number of entries of a list or mapping, or of characters of a text"`
	MinLen  *int     `yaml:"length_at_least" min:"0" doc:"minimum of the length"`
	MaxLen  *int     `yaml:"length_at_most" min:"0" doc:"maximum of the length"`
	Absent  bool     `yaml:"absent" default:"false" doc:"nothing may be set at the path"`
}

// String identifies the rule by its content.
func (r Rule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %q %t", r.At, r.OneOf, r.Matches, r.Lacks, r.Absent)
	if r.Equals != nil {
		fmt.Fprintf(&b, " =%q", *r.Equals)
	}
	if r.Min != nil {
		fmt.Fprintf(&b, " >%v", *r.Min)
	}
	if r.Max != nil {
		fmt.Fprintf(&b, " <%v", *r.Max)
	}
	for _, n := range []*int{r.Length, r.MinLen, r.MaxLen} {
		if n == nil {
			b.WriteString(" -")
		} else {
			fmt.Fprintf(&b, " %d", *n)
		}
	}
	return b.String()
}

// Validate reports faults of the rule.
func (r Rule) Validate() []error {
	var errs []error
	if _, err := splitPath(r.At); err != nil {
		errs = append(errs, fmt.Errorf("at: %w", err))
	}
	for _, text := range []string{r.Matches, r.Lacks} {
		if _, err := regexp.Compile(text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.At, err))
		}
	}
	if r.Absent && r.Compares() {
		errs = append(errs, fmt.Errorf("%s: a value that must not be set has no other rules", r.At))
	}
	if r.Min != nil && r.Max != nil && *r.Max < *r.Min {
		errs = append(errs, fmt.Errorf("%s: at_most is less than at_least", r.At))
	}
	if r.Length != nil && (r.MinLen != nil || r.MaxLen != nil) || r.MinLen != nil && r.MaxLen != nil && *r.MaxLen < *r.MinLen {
		errs = append(errs, fmt.Errorf("%s: length, length_at_least and length_at_most contradict each other", r.At))
	}
	return errs
}

// isSet reports whether the rule compares a value.
func (r Rule) isSet() bool {
	return r.Equals != nil || len(r.OneOf) > 0 || r.Matches != "" || r.Lacks != "" || r.Min != nil || r.Max != nil
}

// Compares reports whether the rule asserts more than that a value exists.
func (r Rule) Compares() bool { return r.isSet() || r.hasLength() }

// hasLength reports whether the rule is about a length.
func (r Rule) hasLength() bool { return r.Length != nil || r.MinLen != nil || r.MaxLen != nil }

// IsNothing reports whether a parsed text has nothing but null at the path.
func (r Rule) IsNothing(root any) bool {
	steps, _ := splitPath(r.At) // valid, see Validate
	return !slices.ContainsFunc(lookUp(root, steps), func(v any) bool { return v != nil && v != any(gap{}) })
}

// Judge applies the rule to a parsed text, called name in details. Several values with one fault are reported once.
func (r Rule) Judge(f *probe.ResultBuilder, name string, root any) {
	steps, _ := splitPath(r.At) // valid, see Validate
	found := lookUp(root, steps)
	if r.Absent {
		if slices.ContainsFunc(found, func(v any) bool { return v != gap{} }) {
			f.Fail(probe.ReasonInvalid, "%s sets %s, which must not be set", name, r.At)
		}
		return
	}
	if len(found) == 0 {
		f.Fail(probe.ReasonMissing, "%s does not set %s", name, r.At)
	}
	seen := map[string]bool{}
	for _, v := range found {
		fault := r.judgeValue(name, v)
		if fault.State == probe.StateFail && !seen[fault.Detail] {
			seen[fault.Detail] = true
			f.Add(fault)
		}
	}
}

// judgeValue returns the fault of one value, or a pass.
func (r Rule) judgeValue(name string, v any) probe.Result {
	text, form := textOf(v)
	if r.hasLength() && v != any(gap{}) {
		if fault := r.judgeLength(name, v); fault.State == probe.StateFail || !r.isSet() {
			return fault
		}
	}
	switch {
	case v == gap{}:
		return probe.Failed(probe.ReasonMissing, "%s does not set %s everywhere", name, r.At)
	case form == notScalar && r.isSet():
		return probe.Failed(probe.ReasonInvalid, "%s: %s is a list or a mapping, not a single value", name, r.At)
	case form == notScalar:
	case text == "" && (r.Equals == nil || *r.Equals != ""):
		return probe.Failed(probe.ReasonEmpty, "%s sets %s to nothing", name, r.At)
	case r.Equals != nil && !equal(text, form, *r.Equals):
		return probe.Failed(probe.ReasonMismatch, "%s: %s is not the value in the checklist", name, r.At)
	case len(r.OneOf) > 0 && !slices.ContainsFunc(r.OneOf, func(a string) bool { return equal(text, form, a) }):
		return probe.Failed(probe.ReasonMismatch, "%s: %s is none of the values in the checklist", name, r.At)
	case r.Matches != "" && !regexp.MustCompile(r.Matches).MatchString(text):
		return probe.Failed(probe.ReasonMismatch, "%s: %s does not match %s", name, r.At, r.Matches)
	case r.Lacks != "" && regexp.MustCompile(r.Lacks).MatchString(text):
		return probe.Failed(probe.ReasonInvalid, "%s: %s matches %s, which it must not", name, r.At, r.Lacks)
	case r.Min != nil || r.Max != nil:
		return r.judgeNumber(name, text)
	}
	return probe.Passed("%s: %s holds", name, r.At)
}

func (r Rule) judgeLength(name string, v any) probe.Result {
	n := 0
	switch v := v.(type) {
	case string:
		n = utf8.RuneCountInString(v)
	case []any, map[string]any, map[any]any:
		n = len(entries(v))
	default:
		return probe.Failed(probe.ReasonInvalid, "%s: %s has no length: it is not a list, a mapping or a text", name, r.At)
	}
	switch {
	case r.Length != nil && n != *r.Length:
		return probe.Failed(probe.ReasonMismatch, "%s: the length of %s is not %d", name, r.At, *r.Length)
	case r.MinLen != nil && n < *r.MinLen:
		return probe.Failed(probe.ReasonThreshold, "%s: the length of %s is less than %d", name, r.At, *r.MinLen)
	case r.MaxLen != nil && n > *r.MaxLen:
		return probe.Failed(probe.ReasonThreshold, "%s: the length of %s is more than %d", name, r.At, *r.MaxLen)
	}
	return probe.Passed("%s: %s holds", name, r.At)
}

func (r Rule) judgeNumber(name, text string) probe.Result {
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(n):
		return probe.Failed(probe.ReasonInvalid, "%s: %s is not a number", name, r.At)
	case r.Min != nil && n < *r.Min:
		return probe.Failed(probe.ReasonThreshold, "%s: %s is less than %v", name, r.At, *r.Min)
	case r.Max != nil && n > *r.Max:
		return probe.Failed(probe.ReasonThreshold, "%s: %s is more than %v", name, r.At, *r.Max)
	}
	return probe.Passed("%s: %s holds", name, r.At)
}

type form int

const (
	ofText form = iota
	ofNumber
	notScalar
)

// textOf returns a scalar as text.
func textOf(v any) (string, form) {
	switch v := v.(type) {
	case nil:
		return "", ofText
	case string:
		return v, ofText
	case []any, map[string]any, map[any]any:
		return "", notScalar
	case json.Number, int, int64, uint64, float64:
		return fmt.Sprint(v), ofNumber
	}
	return fmt.Sprint(v), ofText
}

// equal compares numbers by value, so that 1.0 equals 1, and everything else as text.
func equal(text string, form form, wanted string) bool {
	if form != ofNumber {
		return text == wanted
	}
	x, errX := strconv.ParseFloat(text, 64)
	y, errY := strconv.ParseFloat(wanted, 64)
	return text == wanted || errX == nil && errY == nil && x == y
}

// documents are the documents of a YAML file. A path applies to each of them.
type documents []any

// Parse reads a text in the format json, yaml, toml or ini. Its errors do not quote the text.
func Parse(format string, data []byte) (any, error) {
	switch format {
	case "json":
		d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, errors.New("not valid JSON")
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, errors.New("not valid JSON: text follows the end")
		}
		return v, nil
	case "yaml":
		d := yaml.NewDecoder(bytes.NewReader(data))
		var all documents
		for {
			var v any
			err := d.Decode(&v)
			if errors.Is(err, io.EOF) {
				return all, nil
			}
			if err != nil {
				return nil, errors.New("not valid YAML")
			}
			all = append(all, v)
		}
	case "toml":
		var v map[string]any
		if err := toml.Unmarshal(data, &v); err != nil {
			return nil, errors.New("not valid TOML")
		}
		return v, nil
	case "ini":
		return parseINI(data)
	}
	return nil, errors.New("not known to be JSON, YAML, TOML or INI: set format")
}

// parseINI returns a mapping of sections; keys before the first section are at the top.
func parseINI(data []byte) (any, error) {
	file, err := ini.LoadSources(ini.LoadOptions{AllowBooleanKeys: true, IgnoreInlineComment: true, AllowShadows: false}, data)
	if err != nil {
		return nil, errors.New("not a valid INI file")
	}
	root := map[string]any{}
	for _, section := range file.Sections() {
		into := root
		if section.Name() != ini.DefaultSection {
			into = map[string]any{}
			root[section.Name()] = into
		}
		for _, key := range section.Keys() {
			into[key.Name()] = key.Value()
		}
	}
	return root, nil
}

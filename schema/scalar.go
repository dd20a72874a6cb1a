package schema

// Decodes single values. Each value has exactly one notation: yes, 0x10, 1_000 and "8080" are ambiguous and rejected.

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

const (
	intPattern   = `^-?(0|[1-9][0-9]*)$`
	floatPattern = `^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`
	// timePattern approximates RFC 3339 for JSON; time.Parse decides.
	timePattern = `^\d{4}-\d{2}-\d{2}([Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[-+]\d{2}:\d{2}))?$`
)

var (
	wholeNumber = lazyregexp.New(intPattern)
	number      = lazyregexp.New(floatPattern)
)

// scalar decodes a scalar value.
func (d *decoder) scalar(c place, v reflect.Value, s sort) {
	n := c.node
	expected := map[sort]string{
		sortDuration: "a duration", sortBytes: "a size", sortTime: "a time", sortString: "text", sortBool: "true or false",
		sortInt: "a whole number", sortUint: "a whole number", sortFloat: "a number",
	}[s]
	switch {
	case IsNull(n):
		d.problem(c, c.at(), "", "value is missing, expected %s", expected)
		return
	case n.Kind != yaml.ScalarNode:
		d.problem(c, n, "", "expected %s, found %s", expected, describe(n))
		return
	}
	wrong := func(hint string) { d.problem(c, n, hint, "expected %s, found %s", expected, c.show()) }
	quoted := n.Tag == "!!str" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	switch s {
	case sortString:
		v.SetString(n.Value)
	case sortBool:
		switch {
		case quoted && (n.Value == "true" || n.Value == "false"):
			wrong("remove the quotes")
		case n.Value == "true" || n.Value == "false":
			v.SetBool(n.Value == "true")
		default:
			wrong(c.boolHint())
		}
	case sortInt, sortUint, sortFloat:
		d.number(c, v, s, quoted, wrong)
	case sortDuration:
		parsed, err := ParseDuration(n.Value)
		if err != nil {
			d.problem(c, n, "write it like 90s, 26h, 30d or 1d12h", "%s, found %s", err, c.show())
			return
		}
		v.SetInt(int64(parsed))
	case sortBytes:
		parsed, err := ParseBytes(n.Value)
		if err != nil {
			d.problem(c, n, "write it like 512B, 10MB or 1GiB", "%s, found %s", err, c.show())
			return
		}
		v.SetInt(int64(parsed))
	case sortTime:
		t, err := ParseTime(n.Value)
		if err != nil {
			d.problem(c, n, "", "%s", err)
			return
		}
		v.Set(reflect.ValueOf(t))
	}
}

func (c place) boolHint() string {
	if c.hidden || Expanded(c.node) {
		return ""
	}
	switch strings.ToLower(c.node.Value) {
	case "yes", "y", "on", "true", "1":
		return "write true"
	case "no", "n", "off", "false", "0":
		return "write false"
	}
	return ""
}

func (d *decoder) number(c place, v reflect.Value, s sort, quoted bool, wrong func(hint string)) {
	form := wholeNumber
	if s == sortFloat {
		form = number
	}
	text := c.node.Value
	if !form.MatchString(text) {
		wrong("")
		return
	}
	if quoted {
		wrong("remove the quotes")
		return
	}
	bits := v.Type().Bits()
	var err error
	switch s {
	case sortInt:
		var i int64
		if i, err = strconv.ParseInt(text, 10, bits); err == nil {
			v.SetInt(i)
		}
	case sortUint:
		if strings.HasPrefix(text, "-") {
			d.problem(c, c.node, "", "%s is negative", c.show())
			return
		}
		var u uint64
		if u, err = strconv.ParseUint(text, 10, bits); err == nil {
			v.SetUint(u)
		}
	default:
		var f float64
		if f, err = strconv.ParseFloat(text, bits); err == nil {
			v.SetFloat(f)
		}
	}
	if err != nil {
		d.problem(c, c.node, "", "%s is too large", c.show())
	}
}

// ParseTime parses an RFC 3339 time, or a date, which means midnight UTC. The error does not quote the text.
func ParseTime(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("expected a time like 2026-01-31T15:04:05Z or a date like 2026-01-31")
}

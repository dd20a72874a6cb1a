package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestQuantile(t *testing.T) {
	for _, test := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{[]float64{3}, 0.5, 3}, {[]float64{4, 1}, 0.5, 2.5}, {[]float64{5, 1, 3}, 0.5, 3}, {[]float64{4, 1, 3, 2}, 0.5, 2.5},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.95, 10}, {[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9, 9}, {[]float64{2, 1}, 0, 1},
	} {
		if got := quantile(test.values, test.q); got != test.want {
			t.Errorf("%v of %v: %v, want %v", test.q, test.values, got, test.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("median of no values is not NaN")
	}
}

// The median decides, and a row without values does not meet its goal.
func TestMet_ByMedian(t *testing.T) {
	for name, test := range map[string]struct {
		row  row
		want string
	}{
		"ratio at the goal":     {row{ours: []float64{1, 2, 9}, peer: "p", theirs: []float64{2, 4, 9}, goal: 0.5}, "met"},
		"ratio above":           {row{ours: []float64{1, 3, 9}, peer: "p", theirs: []float64{2, 4, 9}, goal: 0.5}, "**missed**"},
		"ratio per round":       {row{ours: []float64{1, 100, 1}, peer: "p", theirs: []float64{1, 100, 1}, goal: 1}, "met"},
		"value":                 {row{ours: []float64{0.04, 0.05, 9}, goal: 0.05}, "met"},
		"value above":           {row{ours: []float64{0.04, 0.051, 9}, goal: 0.05}, "**missed**"},
		"no goal":               {row{ours: []float64{1}}, "–"},
		"not measured":          {row{goal: 1}, "not measured"},
		"peer not measured":     {row{ours: []float64{1}, peer: "p", goal: 1}, "not measured"},
		"not measured, no goal": {row{}, "not measured"},
	} {
		if got := test.row.met(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestShow(t *testing.T) {
	for _, test := range []struct {
		unit unit
		v    float64
		want string
	}{
		{second, 0.0001234, "123 µs"}, {second, 0.01234, "12.3 ms"}, {second, 3.3, "3.30 s"}, {byteSum, 46.24e6, "46.2 MB"}, {share, 0.155, "15.5 %"},
		{number, 7, "7"}, {number, 0.0024, "0.0024"}, {number, 1234, "1234"}, {number, math.NaN(), "?"},
	} {
		if got := test.unit.show(test.v); got != test.want {
			t.Errorf("%v: %q, want %q", test.v, got, test.want)
		}
	}
}

// Every pattern compiles, and the pattern of a setting matches its line and no empty value.
func TestLocalChecks_PatternsMatch(t *testing.T) {
	all := localChecks()
	if len(all) != 46 {
		t.Errorf("%d checks", len(all))
	}
	for _, c := range all {
		pattern, err := regexp.Compile("(?m)" + c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.probe, err)
			continue
		}
		if line := strings.ReplaceAll(c.line, "SECRET", freshSecret()); line != "" && !pattern.MatchString(line) {
			t.Errorf("%s does not match %s", c.pattern, c.line)
		}
		if c.line != "" && pattern.MatchString(strings.Split(c.line, "=")[0]+"=") {
			t.Errorf("%s matches an empty value", c.pattern)
		}
	}
	if more := itemsOf(460); len(more) != 460 || more[46] != all[0] || more[459] != all[45] {
		t.Error("460 items do not repeat the 46 checks")
	}
}

func TestSample(t *testing.T) {
	page := "# HELP a Help.\na{x=\"b c\"} 12\nab 3\n"
	for prefix, want := range map[string]float64{"a{": 12, "ab": 3} {
		if got, err := sample(page, prefix); err != nil || got != want {
			t.Errorf("%s: %v, %v", prefix, got, err)
		}
	}
	if _, err := sample(page, "c"); err == nil || !strings.Contains(err.Error(), "sample c not found") {
		t.Errorf("missing sample: %v", err)
	}
}

// The chart is well-formed, labels every line, and draws linear growth as a straight line.
func TestPicture(t *testing.T) {
	linear := curve{"linear <&>", []point{{46, 0.001, 1}, {460, 0.01, 1}, {4600, 0.1, 1}}}
	text := picture("CPU", second, []curve{linear, {"steep", []point{{46, 0.001, 1}, {460, 0.02, 1}, {4600, 0.9, 1}}}}, func(p point) float64 { return p.cpu })
	var names []string
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := token.(xml.CharData); ok {
			names = append(names, string(data))
		}
	}
	for _, want := range []string{"linear <&> 100 ms", "steep 900 ms", "46", "460", "4600", "1 ms", "CPU by the number of items"} {
		if !slices.Contains(names, want) {
			t.Errorf("chart does not contain %q: %q", want, names)
		}
	}
	// On logarithmic axes, three points with a factor of ten between them are on one line.
	if !strings.Contains(text, "M90.0 360.0 L320.0 256.7 L550.0 153.3") {
		t.Errorf("linear curve is not straight:\n%s", text)
	}
}

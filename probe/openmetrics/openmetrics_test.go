package openmetrics

import "testing"

func TestSampleName(t *testing.T) {
	for line, want := range map[string]string{
		`a 1`:                                  "a",
		`a:b_c9 1.5e3 1700000000000`:           "a:b_c9",
		`a{} NaN`:                              "a",
		`a {b="c"} +Inf`:                       "a",
		`a{b="c",} 1`:                          "a",
		`a{b="}\" ,",c="\\"} 1`:                "a",
		`a{ b = "c" , d="" } 1`:                "a",
		`a_bucket{le="1"} 1 # {trace="x"} 0.5`: "a_bucket",
		`a`:                                    "",
		`a x`:                                  "",
		`a 1 2 3`:                              "",
		`a 0x10`:                               "",
		`9a 1`:                                 "",
		`a-b 1`:                                "",
		`a{b=c} 1`:                             "",
		`a{b="c} 1`:                            "",
		`a{b="c"d="e"} 1`:                      "",
		`a{b:c="d"} 1`:                         "",
		`a{="d"} 1`:                            "",
		`a{b="c"}`:                             "",
		`"a" 1`:                                "",
		`{"a"} 1`:                              "",
	} {
		name, ok := sampleName(line)
		if ok != (want != "") || ok && name != want {
			t.Errorf("%s: %q %v", line, name, ok)
		}
	}
}

func FuzzSampleNames(f *testing.F) {
	f.Add("# HELP a b\na{b=\"c\"} 1 2\n")
	f.Add("a{b=\"\\\"} 1\n\xff")
	f.Fuzz(func(t *testing.T, text string) {
		names, line := SampleNames(text)
		if line > 0 && names != nil || line < 0 || names[""] {
			t.Errorf("%v %d", names, line)
		}
	})
}

package env

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/sirupsen/logrus"
)

func values(env *File) map[string]string {
	got := map[string]string{}
	for _, e := range env.Entries {
		if !e.Inherited {
			got[e.Key] = e.Text.Reveal()
		}
	}
	return got
}

func TestParse(t *testing.T) {
	type entry struct {
		key, text string
		line, end int
		quote     byte
		shell     string // expected part of Shell, "" for none
	}
	tests := []struct {
		name     string
		in       string
		want     []entry
		problems []string // kind:line
		err      string   // expected part of Err, "" for none
	}{
		{"plain", "A=1\nB=two words\n", []entry{{"A", "1", 1, 1, 0, ""}, {"B", "two words", 2, 2, 0, "unquoted space"}}, []string{"shell:2"}, ""},
		{"cron", "BACKUP_CRON=0 2 * * *\n", []entry{{"BACKUP_CRON", "0 2 * * *", 1, 1, 0, "unquoted space"}}, []string{"shell:1"}, ""},
		{"cron quoted", "BACKUP_CRON=\"0 2 * * *\"\n", []entry{{"BACKUP_CRON", "0 2 * * *", 1, 1, '"', ""}}, nil, ""},
		{"no newline at the end", "A=1", []entry{{"A", "1", 1, 1, 0, ""}}, nil, ""},
		{"comments and blank lines", "# c\n\nA=1 # c\n  # c\nB='x' # c\nC=a#b\n",
			[]entry{{"A", "1", 3, 3, 0, ""}, {"B", "x", 5, 5, '\'', ""}, {"C", "a#b", 6, 6, 0, ""}}, nil, ""},
		{"crlf", "A=1\r\nB=\"2\"\r\n\r\nC=\r\n", []entry{{"A", "1", 1, 1, 0, ""}, {"B", "2", 2, 2, '"', ""}, {"C", "", 4, 4, 0, ""}}, []string{"encoding:1"}, ""},
		{"byte order mark", "\uFEFFA=1\n", []entry{{"A", "1", 1, 1, 0, ""}}, []string{"encoding:1"}, ""},
		{"export", "export A=1\nexport  B='2'\n", []entry{{"A", "1", 1, 1, 0, ""}, {"B", "2", 2, 2, '\'', ""}}, nil, ""},
		{"several lines", "A=\"one\ntwo\nthree\"\nB=2\n", []entry{{"A", "one\ntwo\nthree", 1, 3, '"', ""}, {"B", "2", 4, 4, 0, ""}}, nil, ""},
		{"several lines, single quotes", "A='{\n\"k\": 1\n}'\nB=2\n", []entry{{"A", "{\n\"k\": 1\n}", 1, 3, '\'', ""}, {"B", "2", 4, 4, 0, ""}}, nil, ""},
		{"escapes", `A="a\nb\"c\\d\$e"` + "\n" + `B='a\nb'` + "\n" + `C=a\nb` + "\n",
			[]entry{{"A", "a\nb\"c\\d$e", 1, 1, '"', ""}, {"B", `a\nb`, 2, 2, '\'', ""}, {"C", `a\nb`, 3, 3, 0, "backslash"}}, []string{"shell:3"}, ""},
		{"empty values", "A=\nB=''\nC=\"\"\n", []entry{{"A", "", 1, 1, 0, ""}, {"B", "", 2, 2, '\'', ""}, {"C", "", 3, 3, '"', ""}}, nil, ""},
		{"duplicate", "A=1\nB=2\nA=3\n", []entry{{"A", "1", 1, 1, 0, ""}, {"B", "2", 2, 2, 0, ""}, {"A", "3", 3, 3, 0, ""}}, []string{"duplicate:3"}, ""},
		{"yaml style", "A: 1\n", []entry{{"A", "1", 1, 1, 0, "KEY: value"}}, []string{"shell:1"}, ""},
		{"spaces around", "A = 1\nB= 2\n", []entry{{"A", "1", 1, 1, 0, "space before"}, {"B", "2", 2, 2, 0, "space after"}}, []string{"shell:1", "shell:2"}, ""},
		{"odd key", "my-key.x=1\n", []entry{{"my-key.x", "1", 1, 1, 0, "not a valid"}}, []string{"shell:1"}, ""},
		{"metacharacters", "A=a;b\nB=`id`\nC=\"$$(id)\"\nD=it's\nE=~/x\n", []entry{
			{"A", "a;b", 1, 1, 0, "ends the value"}, {"B", "`id`", 2, 2, 0, "runs the command"}, {"C", "$(id)", 3, 3, '"', "runs the command"},
			{"D", "it's", 4, 4, 0, "quotes inside"}, {"E", "~/x", 5, 5, 0, "home"}}, []string{"shell:1", "shell:2", "shell:3", "shell:4", "shell:5"}, ""},
		{"key alone", "A\nB=2\n", []entry{{"A", "", 1, 1, 0, ""}, {"B", "2", 2, 2, 0, ""}}, []string{"stray:1"}, ""},
		{"last word without line end", "A=1\nnonsense", []entry{{"A", "1", 1, 1, 0, ""}, {"", "nonsense", 2, 2, 0, ""}},
			[]string{"stray:2"}, ""},
		{"text after a quote", "A=\"x\" y\nB=1\n", []entry{{"A", "x", 1, 1, '"', "follows"}, {"y", "", 1, 1, 0, ""}, {"B",
			"1", 2, 2, 0, ""}},
			[]string{"stray:1", "shell:1", "stray:1"}, ""},
		{"space in a key", "A=1\nTHIS IS=it\nB=2\n", []entry{{"A", "1", 1, 1, 0, ""}, {"B", "2", 3, 3, 0, ""}}, []string{"syntax:2"}, "x.env:2: key contains a space"},
		{"bad character", "A=1\nB!=it\nC=3\n", []entry{{"A", "1", 1, 1, 0, ""}, {"C", "3", 3, 3, 0, ""}}, []string{"syntax:2"}, "x.env:2: key contains a character"},
		{"unterminated", "A='never closed\nB=2\n", []entry{{"B", "2", 2, 2, 0, ""}}, []string{"syntax:1"}, "x.env:1: quoted value has no closing quote"},
		{"NUL", "A=a\x00b\n", []entry{{"A", "a\x00b", 1, 1, 0, ""}}, []string{"encoding:1"}, ""},
		{"invalid UTF-8", "A=1\nB=\xff\n", []entry{{"A", "1", 1, 1, 0, ""}, {"B", "\xff", 2, 2, 0, ""}}, []string{"encoding:2"}, ""},
		{"invalid UTF-8 in a key", "\xff=1\n", nil, []string{"encoding:1", "syntax:1"}, "x.env:1: key contains a character"},
		{"broken reference", "A=${\n", nil, []string{"interpolation:1"}, "x.env:1: invalid variable reference"},
		{"required variable", "A=${B:?say it}\n", nil, []string{"interpolation:1"}, "x.env:1: required variable B is not set"},
		{"empty", "", nil, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := Parse("/x.env", "x.env", []byte(tt.in), nil)
			if len(env.Entries) != len(tt.want) {
				t.Fatalf("%d entries, want %d: %+v", len(env.Entries), len(tt.want), env.Entries)
			}
			for i, w := range tt.want {
				e := env.Entries[i]
				if e.Key != w.key || e.Text.Reveal() != w.text || e.Line != w.line || e.End != w.end || e.Quote != w.quote ||
					(w.shell == "") != (e.Shell == "") || !strings.Contains(e.Shell, w.shell) {
					t.Errorf("entry %d = %+v (%q), want %+v", i, e, e.Text.Reveal(), w)
				}
			}
			var problems []string
			for _, p := range env.Problems {
				problems = append(problems, p.Kind+":"+string(rune('0'+p.Line)))
			}
			if !slices.Equal(problems, tt.problems) {
				t.Errorf("problems %v, want %v", problems, tt.problems)
			}
			err := env.Err()
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Err() = %v, want %q", err, tt.err)
			}
			agree(t, tt.in)
		})
	}
}

func TestEnvVariables(t *testing.T) {
	env := Parse("/x.env", "x.env", []byte(strings.Join([]string{
		`HOST=db`,
		`URL=postgres://$HOST:5432/${NAME:-catalyst}`,
		`LITERAL='${HOST}'`,
		`BARE=${DB_PASSWORD}`,
		`DOLLAR=pa$$word`,
		`SILENT=pa$word`,
		`PARTS=http://$DB_USER:$y$j9T@b/`,
		`PRICE=pa$5`,
		`BRACES="a${HOST}b"`,
		`ESCAPED="pa\$word"`,
	}, "\n")), nil)
	tests := []struct {
		key, text    string
		interpolated bool
		unset        []string
		ambiguous    bool
	}{
		{"HOST", "db", false, nil, false},
		{"URL", "postgres://db:5432/catalyst", true, nil, true},
		{"LITERAL", "${HOST}", false, nil, false},
		{"BARE", "", true, []string{"DB_PASSWORD"}, false},
		{"DOLLAR", "pa$word", false, nil, true},
		{"SILENT", "pa", true, []string{unnamed}, true},
		{"PARTS", "http://:@b/", true, []string{"DB_USER", unnamed}, true},
		{"PRICE", "pa$5", false, nil, false},
		{"BRACES", "adbb", true, nil, false},
		{"ESCAPED", "pa$word", false, nil, true},
	}
	for _, tt := range tests {
		e, ok := env.Get(tt.key)
		if !ok || e.Text.Reveal() != tt.text || e.Interpolated != tt.interpolated || !slices.Equal(e.Unset, tt.unset) || e.Ambiguous != tt.ambiguous {
			t.Errorf("%s = %+v (%q), want %+v", tt.key, e, e.Text.Reveal(), tt)
		}
	}
	if _, ok := env.Get("ABSENT"); ok {
		t.Error("found a missing key")
	}
}

func TestEnvError_NeverQuotesValues(t *testing.T) {
	const mark = "s3cr3tmark"
	for _, in := range []string{
		"A='" + mark, "A B=" + mark, mark + "!x=1", "A=${" + mark, "A=${B:?" + mark + "}", "A=1\n" + mark, "A=\"x\" " + mark + "\n", "A=" + mark + " " + mark,
	} {
		env := Parse("/x.env", "x.env", []byte(in), nil)
		for _, p := range env.Problems {
			if strings.Contains(p.Text, mark) {
				t.Errorf("%q: problem quotes the value: %+v", in, p)
			}
		}
		if len(env.Problems) == 0 {
			t.Errorf("%q: no problem reported", in)
		}
	}
}

func TestParse_LimitsExpansion(t *testing.T) {
	var b strings.Builder
	b.WriteString("A0=xxxxxxxxxxxxxxxx\n")
	for i := 1; i < 60; i++ {
		v := string(rune('A'+i%26)) + strings.Repeat("x", i/26)
		prev := string(rune('A'+(i-1)%26)) + strings.Repeat("x", (i-1)/26)
		if i == 1 {
			prev = "A0"
		}
		b.WriteString(v + "=${" + prev + "}${" + prev + "}\n")
	}
	var limit *Error
	if err := Parse("/x", "x", []byte(b.String()), nil).Err(); !errors.As(err, &limit) || limit.Kind != ProblemInterpolation {
		t.Errorf("doubling lines: %v", err)
	}
	deep := "A=" + strings.Repeat("${B:-", 10_000) + strings.Repeat("}", 10_000)
	if err := Parse("/x", "x", []byte(deep), nil).Err(); !errors.As(err, &limit) {
		t.Errorf("nested defaults: %v", err)
	}
	many := strings.Repeat("A=1\n", 50_000)
	env := Parse("/x", "x", []byte(many), nil)
	if len(env.Entries) > maxEntries || len(env.Problems) > maxProblems+1 || env.Err() == nil {
		t.Errorf("%d entries, %d problems, err %v", len(env.Entries), len(env.Problems), env.Err())
	}
}

// agree compares with the library's parser: both return the same values and reject the same files.
func agree(t *testing.T, in string) {
	t.Helper()
	env := Parse("/x.env", "x.env", []byte(in), nil)
	want, err := dotenv.ParseWithLookup(strings.NewReader(in), nil)
	got := env.Err()
	for _, p := range env.Problems {
		if p.Fatal && (strings.Contains(p.Text, "more than") || strings.Contains(p.Text, "nested too deeply")) {
			return // our limits are stricter by design
		}
	}
	if (err != nil) != (got != nil) {
		t.Fatalf("%q: library error %v, our error %v", in, err, got)
	}
	if err == nil && !maps.Equal(values(env), want) {
		t.Fatalf("%q: library values %q, our values %q", in, want, values(env))
	}
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{75, 750, 7500} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			var text strings.Builder
			for i := range n {
				if i%2 == 0 {
					fmt.Fprintf(&text, "KEY_%d=value # comment\n", i)
				} else {
					fmt.Fprintf(&text, "QUOTED_%d=\"a ${KEY_%d} b\"\n", i, i-1)
				}
			}
			data := []byte(text.String())
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if env := Parse("/x.env", "x.env", data, nil); len(env.Entries) != n {
					b.Fatalf("%d entries", len(env.Entries))
				}
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	logrus.SetOutput(io.Discard) // the library warns about every unset variable
	for _, seed := range []string{
		"A=1\nB='2'\nC=\"3\"\n", "export A=1", "export\nA=1", "A", "A\n", "A: b", "A = 1 # c", "A=\"a\\\"b\" c\n", "A=${B:-${C:-d}}x${E}", "A=$$B$C", "A=${B?x}",
		"A='a\nb'\nC=1", "\uFEFFA=1", "A=1\r\nB=2\r\n", "A=\"\\0101\\x41\\$x\"", "A=${B:-{x}", "A B=1", "A\u00a0=\u00a01", "=1", ":", "A=${B+c}${D:+e}", "A=\"${B:-a\nb}\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 4096 {
			return
		}
		agree(t, in)
		env := Parse("/x.env", "x.env", []byte(in), nil)
		lines := 1 + strings.Count(in, "\n")
		for _, e := range env.Entries {
			if e.Line < 1 || e.End < e.Line || e.End > lines {
				t.Fatalf("%q: entry %q at lines %d to %d of %d", in, e.Key, e.Line, e.End, lines)
			}
		}
	})
}

func FuzzSubstitute(f *testing.F) {
	logrus.SetOutput(io.Discard)
	for _, seed := range []string{"$A", "${A}", "${A:-b}", "${A-b}c${D:-e}", "${E:?no}", "${E?no}", "${A:+x}", "${Z+x}", "$$A", "${A:-${B:-c}}", "${A:-{b}", "${", "$", "${A", "${a:-}x}", "${A:?${B}}"} {
		f.Add(seed)
	}
	set := map[string]string{"A": "1", "a": "${B}", "B": "$$", "E": ""}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 4096 {
			return
		}
		find := func(name string) (string, bool) { v, ok := set[name]; return v, ok }
		want, wantErr := template.Substitute(in, find)
		x := Expander{Find: find}
		got, err := x.Expand(in)
		var s *SubstitutionError
		if errors.As(err, &s) && s.Limit {
			return
		}
		if (err != nil) != (wantErr != nil) || err == nil && got != want {
			t.Fatalf("%q: %q, %v; the library: %q, %v", in, got, err, want, wantErr)
		}
	})
}

// TestProblem_NeverQuotesValues: the lines of a secret split over several lines read as keys. No problem may contain
// one of them.
func TestProblem_NeverQuotesValues(t *testing.T) {
	for _, line := range []string{"PIECE", "pie.ce", "pie-ce==", "PIECE.x=1\nPIECE.x=2", "pie-ce='open", "pie-ce=${open", "pie-ce='x' y"} {
		env := Parse("/x.env", "x.env", []byte("SECRET=begins\n"+line+"\nOTHER=1\n"), nil)
		if len(env.Problems) == 0 {
			t.Errorf("%q: no problem", line)
		}
		for _, p := range env.Problems {
			if said := strings.ToLower(p.Key + " " + p.Text); strings.Contains(said, "pie") {
				t.Errorf("%q: problem %q contains part of a value", line, said)
			}
		}
	}
	env := Parse("/x.env", "x.env", []byte("NAME=1\nNAME=2\n"), nil)
	if len(env.Problems) != 1 || env.Problems[0].Key != "NAME" {
		t.Errorf("the variable's name is not reported: %v", env.Problems)
	}
}

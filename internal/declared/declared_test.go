package declared

import (
	"reflect"
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	got := Metrics("| Metric | Labels | What it says |\n| --- | --- | --- |\n| `a_b` | `x, y` | Said. |\n| `c` |  | `d` | \n| `go_*`, `p_*` |  | All. |\n")
	if want := (map[string][]string{"a_b": {"x", "y"}, "c": {}}); !reflect.DeepEqual(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

func TestCheck(t *testing.T) {
	n := Read(t, "../..").With(map[string][]string{"up": nil})
	for query, want := range map[string]string{
		`max by (deployment, item) (catalyst_check_state{job="x",state=~"pass|warn",reason!="lapsed"})`: "",
		`catalyst_check_info{job="$job",category=~"$category",severity="critical",scope="standing"}`:    "",
		`up{environment="prod"} == 0`:              "",
		`catalyst_gone{job="catalyst_check_gone"}`: "no metric catalyst_gone",
		`ALERTS`:                          "no metric ALERTS",
		`catalyst_check_ok{state="pass"}`: "catalyst_check_ok has no label state",
		`catalyst_check_state{state=~"pass|good"}`:            `state is never "good"`,
		`catalyst_check_state{category="success"}`:            `category is never "success"`,
		`catalyst_check_state{reason!="ran_out"}`:             `reason is never "ran_out"`,
		`max by (item, probe) (catalyst_check_ok)`:            "groups by probe, which none of its metrics has",
		`catalyst_ready unless on (item) catalyst_ready == 1`: "groups by item, which none of its metrics has",
	} {
		if got := strings.Join(n.Check(query), "; "); got != want {
			t.Errorf("%s: findings %q, want %q", query, got, want)
		}
	}
}

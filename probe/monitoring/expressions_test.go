package monitoring

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/probe/monitoring/promexpr"
)

func TestInvalidExpression(t *testing.T) {
	for expr, want := range map[string]bool{
		`rate(http_requests_total{code=~"5.."}[5m]) > 0.1`:                                 false,
		`sum by (job, instance) (rate(x[5m])) / ignoring(code) group_left sum(y) > bool 2`: false,
		`-1 * x < -5`:                  false,
		`0 < up # "open`:               false,
		`up == 0 and on() hour() >= 8`: false,
		`max_over_time((x > 3)[1h:5m] offset 1d) @ end() > 1e3`: false,
		`label_replace(up, "a", "$1", "b", "(.*)") == 0`:        false,
		`{__name__=~"x|y", job!="}"} > 0x1f`:                    false,
		`a != 1`:                                                false,
		`a <= -1`:                                               false,
		`x > Inf`:                                               false,
		`up = 0`:                                                true,
		`up ==`:                                                 true,
		`up == 0 and`:                                           true,
		`rate(x[5m) > 1`:                                        true,
		`rate(x[$__interval])>$y`:                               true,
		`x{job="a} > 0`:                                         true,
		`x > 0)`:                                                true,
		`sum(up == 0`:                                           true,
		`== 0`:                                                  true,
		`a && b`:                                                true,
		`a === 1`:                                               true,
		`a =~ "x"`:                                              true,
	} {
		if got := invalidExpression(expr); got != want {
			t.Errorf("%s: invalid is %v, want %v", expr, got, want)
		}
	}
}

func TestPrometheusRules_Judged(t *testing.T) {
	var rules promRules
	const loaded = `{"groups": [{"rules": [{"type": "alerting", "name": "Slow", "query": "up > 1 and up < 0"},
		{"type": "alerting", "name": "Ignored", "query": "vector(0) > 1"}, {"type": "recording", "name": "r", "query": "up > 1"},
		{"type": "alerting", "name": "Busy", "query": "x > bool 5"}, {"type": "alerting", "name": "Down", "query": "up == 0"}]}]}`
	if err := json.Unmarshal([]byte(loaded), &rules); err != nil {
		t.Fatal(err)
	}
	s := &prometheusRules{Ignore: []string{"Ignored"}}
	if never, always := s.judged(rules, promexpr.Never), s.judged(rules, promexpr.Everything); !slices.Equal(never, []string{"Slow"}) ||
		!slices.Equal(always, []string{"Busy"}) {
		t.Errorf("never %v, always %v", never, always)
	}
}

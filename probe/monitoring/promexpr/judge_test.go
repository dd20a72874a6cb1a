package promexpr

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

func TestJudge(t *testing.T) {
	for expression, want := range map[string]Truth{
		`up > 1 and up < 0`:  Never,
		`up{job="shop"} > 1`: Never,
		`x > 5 and x < 3`:    Never,
		`(x > 5) < 3`:        Never,
		`3 > (x >= 3)`:       Never,
		`x == 1 unless x`:    Never,
		`x unless x`:         Never,
		`vector(0) > 1`:      Never,
		`vector(1) == 0`:     Never,
		`absent(up{job="shop"}) and up{job="shop"}`:     Never,
		`up == 0 and absent(up)`:                        Never,
		`rate(x_total[5m]) < 0`:                         Never,
		`sum by (job) (rate(x_total[5m])) < 0`:          Never,
		`sum(rate(x_total[5m])) without (instance) < 0`: Never,
		`count(up == 0) == 0`:                           Never,
		`absent(up) == 0`:                               Never,
		`increase(x_total[1h]) / 60 < 0`:                Never,
		`(x > 5 and x < 3) or vector(0) > 1`:            Never,
		`sum(x > 5 and x < 3) > 1`:                      Never,
		`(up > bool 0) > 1`:                             Never,
		"up > 1 # comment\n and on(job) y":              Never,
		`x > bool 5`:                                    Everything,
		`rate(x_total[5m]) >= 0`:                        Everything,
		`up >= 0`:                                       Everything,
		`up <= 1`:                                       Everything,
		`up != 7`:                                       Everything,
		`x == x`:                                        Everything,
		`count(up) > 0`:                                 Everything,
		`count(up{job="x"} == 1) < 1`:                   Never,
		`avg(up) > 1`:                                   Never,
		`vector(1)`:                                     Constant,
		`vector(1) > 0`:                                 Constant,
		`up or vector(1)`:                               Constant,
		`up or absent(up)`:                              Constant,
		`up == 0`:                                       Unknown,
		`up != 1`:                                       Unknown,
		`up < 1`:                                        Unknown,
		`up{job="a"} > 5 and x{job="a"} < 3`:            Never,
		`x{job="a"} > 5 and x{job="b"} < 3`:             Unknown,
		`x > 3 and x < 5`:                               Unknown,
		`x > 5 or x < 3`:                                Unknown,
		`x > 5 and on(job) x < 3`:                       Unknown,
		`x == 1 unless on(job) y`:                       Unknown,
		`x == 1 unless x == 2`:                          Unknown,
		`x unless x offset 1h`:                          Unknown,
		`x != x`:                                        Unknown, // of NaN
		`absent(up{job="shop"})`:                        Unknown,
		`absent(up{job="a"}) and up{job="b"}`:           Unknown,
		`rate(x_total[5m]) > 0`:                         Unknown,
		`rate(x_total[5m]) == 0`:                        Unknown,
		`sum(x) < 0`:                                    Unknown,
		`delta(x[5m]) < 0`:                              Unknown,
		`deriv(x[5m]) < 0`:                              Unknown,
		`x - y < 0`:                                     Unknown,
		`(a / b) > 0.5 and b > 10`:                      Unknown,
		`predict_linear(node_filesystem_free_bytes[6h], 3600*24) < 0`:      Unknown,
		`histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m]))) > 0.2`: Unknown,
		`time() - backup_timestamp_seconds > 93600`:                        Unknown,
		`-x > 5`:                      Unknown,
		`x > bool 5 == 1`:             Unknown,
		`count(up == 0) > 0`:          Unknown,
		`absent(up) == 1`:             Unknown,
		`ALERTS{alertstate="firing"}`: Unknown,
		`x{a="} and (", b!~'y'} > 2`:  Unknown,
		`sum(`:                        Unknown,
		``:                            Unknown,
		`2 > 1`:                       Unknown,
		`time() > 0`:                  Unknown,
		`(x > 1)[5m:1m]`:              Unknown,
		`min_over_time(up[5m]) == 0`:  Unknown,
		`avg_over_time(up[5m]) < 0.9`: Unknown,
	} {
		if got := Judge(expression); got != want {
			t.Errorf("%s: %d, want %d", expression, got, want)
		}
	}
}

// FuzzJudge checks that no text makes it panic or run long.
func FuzzJudge(f *testing.F) {
	f.Add(`sum by (a) (rate(x{b="c"}[5m])) > bool 1 and on() vector(1) unless y`)
	f.Fuzz(func(_ *testing.T, text string) { Judge(text) })
}

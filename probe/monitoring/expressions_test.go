package monitoring

import "testing"

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

func TestConstantAlert(t *testing.T) {
	for expr, want := range map[string][2]bool{
		"vector(1)": {true, true}, "vector(0)": {true, true}, "vector(0) > 1": {false, true}, "vector(1)\n== 1": {true, true},
		"vector(2) != 2": {false, true}, "vector(0) >= 0.0": {true, true}, "vector(1) < 1": {false, true}, "vector(1) <= 0": {false, true},
		"up == 0": {}, "vector(up)": {}, "vector(1) == bool 1": {}, "vector(1..2)": {},
	} {
		if fires, constant := constantAlert(expr); fires != want[0] || constant != want[1] {
			t.Errorf("%s: %v %v, want %v", expr, fires, constant, want)
		}
	}
}

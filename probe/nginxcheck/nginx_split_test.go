package nginxcheck

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestNginxSplit(t *testing.T) {
	const upstreams = "upstream catalyst_blue { server blue:8000; }\nupstream catalyst_green { server green:8000; }\n"
	const pass = "server { listen 80; location / { proxy_pass http://$release; } }\n"
	split := func(lines string) string { return "split_clients $remote_addr $release {\n" + lines + "\n}\n" }
	tests := []struct {
		name   string
		http   string // what is in nginx's http block
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
		weight float64 // -1: not measured
	}{
		{"all", upstreams + split("100% catalyst_green;") + pass, "{}", probe.StatePass, probe.ReasonNone, "catalyst_green gets 100 % of the traffic at nginx.conf:4", 1},
		{"all, by a star", upstreams + split("* catalyst_green;") + pass, "{}", probe.StatePass, probe.ReasonNone, "100 %", 1},
		{"all in two lines", upstreams + split("30% catalyst_green; * catalyst_green;") + pass, "{}", probe.StatePass, probe.ReasonNone, "100 %", 1},
		{"a tenth", upstreams + split("10% catalyst_green; * catalyst_blue;") + pass, "{}", probe.StateFail, probe.ReasonThreshold, "gets 10 % of the traffic at nginx.conf:4, less than the planned 100 %", 0.1},
		{"the old one first", upstreams + split("75% catalyst_blue; * catalyst_green;") + pass, "{}", probe.StateFail, probe.ReasonThreshold, "gets 25 %", 0.25},
		{"as planned", upstreams + split("12.5% catalyst_green; * catalyst_blue;") + pass, "{planned: 0.125}", probe.StatePass, probe.ReasonNone, "12.5 %", 0.125},
		{"less than planned", upstreams + split("12% catalyst_green; * catalyst_blue;") + pass, "{planned: 0.125}", probe.StateFail, probe.ReasonThreshold, "planned 12.5 %", 0.12},
		{"more than planned", upstreams + split("50% catalyst_green; * catalyst_blue;") + pass, "{planned: 0.25}", probe.StateWarn, probe.ReasonThreshold, "more than the planned 25 %", 0.5},
		{"all, and less was planned", upstreams + split("* catalyst_green;") + pass, "{planned: 0.25}", probe.StatePass, probe.ReasonNone, "", 1},
		{"none", upstreams + split("* catalyst_blue;") + pass, "{new: catalyst_green}", probe.StateFail, probe.ReasonThreshold, "catalyst_green gets 0 %", 0},
		{"none, by its name", upstreams + split("* catalyst_blue;") + pass, "{}", probe.StateUnknown, probe.ReasonNotConfigured, "set new to its value", -1},
		{"named by the spec", upstreams + split("10% catalyst_green; * catalyst_blue;") + pass, "{new: catalyst_blue, planned: 0.9}", probe.StatePass, probe.ReasonNone, "catalyst_blue gets 90 %", 0.9},
		{"names that say nothing", split("100% a;") + pass, "{}", probe.StateUnknown, probe.ReasonNotConfigured, "set new to its value", -1},
		{"two names that say nothing", split("50% a; * b;") + pass, "{}", probe.StateUnknown, probe.ReasonNotConfigured, "set new to its value", -1},
		{"only one is not old", "upstream gold { server gold:1; }\n" + split("100% gold; * blue;") + pass, "{}", probe.StatePass, probe.ReasonNone, "gold gets 100 %", 1},
		{"not an upstream", split("100% green;") + pass, "{}", probe.StateWarn, probe.ReasonMismatch, "no upstream", 1},
		{"an address", split("100% 'green.shop.internal:8000';") + pass, "{}", probe.StatePass, probe.ReasonNone, "", 1},
		{"the same server behind both", "upstream blue { server a:1; }\nupstream green { server a:1; }\n" + split("50% green; * blue;") + pass, "{planned: 0.5}", probe.StateWarn, probe.ReasonMismatch, "nothing is split", 0.5},
		{"one of two servers is its own", "upstream blue { server a:1; }\nupstream green { server a:1; server b:1; }\n" + split("50% green; * blue;") + pass, "{planned: 0.5}", probe.StatePass, probe.ReasonNone, "", 0.5},
		{"the root goes around it", upstreams + split("100% catalyst_green;") + "server { location / { proxy_pass http://catalyst_blue; } location /beta { proxy_pass http://$release; } }\n", "{}", probe.StateWarn, probe.ReasonMismatch, "location / does not use", 1},
		{"another location goes around it", upstreams + split("100% catalyst_green;") + "server { location / { proxy_pass http://$release; } location /admin { proxy_pass http://catalyst_blue; } }\n", "{}", probe.StatePass, probe.ReasonNone, "", 1},
		{"a value is not shown", split("10% marked:secret@10.0.0.5; * catalyst_old;") + pass, "{}", probe.StateFail, probe.ReasonThreshold, "the new release gets 10 %", 0.1},
		{"a word inside another is none", split("100% catalyst_gold;") + pass, "{}", probe.StateUnknown, probe.ReasonNotConfigured, "", -1},

		{"no nginx split", upstreams + "server { listen 80; }\n", "{}", probe.StateSkip, probe.ReasonNotConfigured, "does not split", -1},
		{"a sample of the log", "split_clients $request_id $sampled { 1% 1; * 0; }\n" + upstreams, "{}", probe.StateSkip, probe.ReasonNotConfigured, "steers traffic", -1},
		{"beside a sample of the log", "split_clients $request_id $sampled { 1% 1; * 0; }\n" + upstreams + split("100% catalyst_green;") + pass, "{}", probe.StatePass, probe.ReasonNone, "", 1},
		{"in braces", "upstream catalyst_green_pool { server g:1; }\n" + split("100% catalyst_green;") + "server { location / { proxy_pass http://${release}_pool; } }\n", "{}", probe.StatePass, probe.ReasonNone, "", 1},
		{"a longer variable is another", split("100% x;") + "server { location / { proxy_pass http://$release_pool; } }\n", "{}", probe.StateSkip, probe.ReasonNotConfigured, "steers traffic", -1},
		{"two that steer", upstreams + split("100% catalyst_green;") + "split_clients $host $other { * catalyst_blue; }\n" + pass, "{}", probe.StateUnknown, probe.ReasonNotConfigured, "set variable to one of them", -1},
		{"two that steer, one named", upstreams + split("100% catalyst_green;") + "split_clients $host $other { * catalyst_blue; }\n" + pass, "{variable: $release}", probe.StatePass, probe.ReasonNone, "", 1},
		{"a variable that is not there", upstreams + split("100% catalyst_green;") + pass, "{variable: $nothing}", probe.StateSkip, probe.ReasonNotConfigured, "does not split", -1},
		{"nobody uses it", upstreams + split("100% catalyst_green;") + "server { listen 80; }\n", "{}", probe.StateWarn, probe.ReasonMismatch, "no visible proxy_pass", 1},
		{"nobody gets the rest", upstreams + split("50% catalyst_green;") + pass, "{planned: 0.5}", probe.StateWarn, probe.ReasonInvalid, "assign no value to 50 % of the traffic", 0.5},
		{"marked down", "upstream catalyst_green { server a:1 down; server b:1 down; }\n" + split("100% catalyst_green;") + pass, "{}", probe.StateFail, probe.ReasonInvalid, "every server of catalyst_green is marked down at nginx.conf:2", 1},
		{"one is up", "upstream catalyst_green { server a:1 down; server b:1; }\n" + split("100% catalyst_green;") + pass, "{}", probe.StatePass, probe.ReasonNone, "", 1},
		{"more than all", upstreams + split("60% catalyst_green; 60% catalyst_blue;") + pass, "{}", probe.StateFail, probe.ReasonInvalid, "exceed 100 %", -1},
		{"a line that is none", upstreams + split("many catalyst_green; * catalyst_blue;") + pass, "{}", probe.StateFail, probe.ReasonInvalid, "nginx.conf:5: a line of split_clients", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{"nginx.conf": "http {\n" + tt.http + "}\n"}, deployment.Settings{})
			r := probetest.Look(t, p, SplitKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, "secret@")
			if n, ok := probetest.Measured(r, TrafficWeight); ok != (tt.weight >= 0) || ok && n != tt.weight {
				t.Errorf("measured %v %v, want %v", n, ok, tt.weight)
			}
		})
	}
}

// The configuration that counts is the one that is mounted, not another that lies beside it.
func TestNginxSplitOfWhatIsMounted(t *testing.T) {
	const conf = "http { split_clients $remote_addr $release { 100% green; } server { location / { proxy_pass http://$release; } } }\n"
	files := probetest.Folder{
		"docker-compose.yml": "services:\n  nginx:\n    image: nginx\n    volumes: ['./live.conf:/etc/nginx/nginx.conf:ro']\n",
		"nginx.conf":         conf, "live.conf": "http { split_clients $remote_addr $release { 10% green; * blue; } server { location / { proxy_pass http://$release; } } }\n",
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, files, deployment.Settings{}), SplitKind(), "{}"), probe.StateFail, probe.ReasonThreshold, "live.conf:1")
}

func TestNginxSplitWithoutConfiguration(t *testing.T) {
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), SplitKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "nginx configuration not found")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Nginx: []string{"x.conf"}}), SplitKind(), "{}"), probe.StateFail, probe.ReasonMissing, "x.conf")
	p := probetest.NewPass(t, probetest.Folder{"nginx.conf": "http {}\n"}, deployment.Settings{})
	if err := os.Chmod(filepath.Join(p.Deployment.Root, "nginx.conf"), 0); err != nil {
		t.Fatal(err)
	}
	var r probe.Result
	probetest.Unprivileged(t, func() { r = probetest.Look(t, p, SplitKind(), "{}") })
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, "nginx.conf")
	k := SplitKind()
	for _, spec := range []string{"{planned: 1.5}", "{variable: release}"} {
		if _, problems := probetest.Decode(k, spec); len(problems) == 0 {
			t.Errorf("%s loads", spec)
		}
	}
}

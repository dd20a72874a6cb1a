package releasecheck

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestReadBuild(t *testing.T) {
	one, two := probetest.CommitOne, probetest.CommitTwo
	for text, want := range map[string]build{
		`{"version": "1.1", "commit": "` + one + `"}`:                           {"1.1", one},
		`{"appVersion": "v1.1", "gitCommit": "` + one[:8] + `"}`:                {"v1.1", one[:8]},
		`{"build": {"version": "1.1", "git_sha": "` + one + `"}}`:               {"1.1", one},
		`{"git": {"commit": {"id": "` + one + `"}}, "build": {"version": "2"}}`: {"2", one},
		`{"vcs.revision": "` + one + `"}`:                                       {"", one},
		`{"commit": "` + one + `", "build": {"commit": "` + one[:7] + `"}}`:     {"", one},
		`{"commit": "` + one + `", "build": {"commit": "` + two + `"}}`:         {},
		`{"version": "1.1", "dependencies": {"commit": "` + two + `"}}`:         {"1.1", ""},
		`{"commit": "main"}`:       {},
		`{"commit": 1234567}`:      {},
		`{"id": "` + one + `"}`:    {},
		`["` + one + `"]`:          {},
		`{"commit": "` + one + `"`: {},
		`<html>` + one + `</html>`: {},
	} {
		if got := readBuild([]byte(text)); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

// Without an engine the application's own endpoint identifies the release, and nothing else does.
func TestReleaseRunning_Endpoint(t *testing.T) {
	body := func(version, commit string) http.HandlerFunc {
		text, err := json.Marshal(map[string]string{"version": version, "commit": commit})
		if err != nil {
			t.Fatal(err)
		}
		return probetest.Says(200, string(text))
	}
	one, two := probetest.CommitOne, probetest.CommitTwo
	for name, tt := range map[string]struct {
		page    http.HandlerFunc
		planned bool
		state   probe.State
		reason  probe.Reason
		detail  string
	}{
		"version and commit":      {body("v1.0", one), false, probe.StatePass, "", "version and commit of 1.0"},
		"abbreviated commit":      {body("", one[:7]), false, probe.StatePass, "", "the commit of 1.0"},
		"another commit":          {body("1.0", two), false, probe.StateFail, probe.ReasonDrift, "another commit than 1.0"},
		"another version":         {body("0.9", one), false, probe.StateFail, probe.ReasonDrift, "another version"},
		"the planned one already": {body("1.1", two), true, probe.StateWarn, probe.ReasonDrift, "1.1 (" + two[:7] + ") is planned"},
		"only a version":          {body("1.0", ""), false, probe.StateSkip, probe.ReasonNotConfigured, ""},
		"a commit of six letters": {body("1.0", one[:6]), false, probe.StateSkip, probe.ReasonNotConfigured, ""},
		"not found":               {probetest.Says(404, `{"commit": "`+one+`"}`), false, probe.StateSkip, probe.ReasonNotConfigured, ""},
		"a redirect to elsewhere": {http.RedirectHandler("http://example.invalid/", http.StatusFound).ServeHTTP, false, probe.StateSkip, probe.ReasonNotConfigured, ""},
		"a response from a cache": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Age", "60")
			body("1.0", one)(w, r)
		}, false, probe.StateSkip, probe.ReasonNotConfigured, ""},
	} {
		t.Run(name, func(t *testing.T) {
			site := probetest.Site(t, map[string]http.HandlerFunc{"/version": tt.page})
			p := probetest.NewPass(t, nil, probetest.APIAt(site.URL))
			p = probetest.Released(t, p, probetest.Planned("1.0", one), probetest.Recorded("1.0", one))
			if tt.planned {
				p = probetest.Released(t, p, probetest.Planned("1.1", two))
			}
			probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}
	t.Run("nothing configured", func(t *testing.T) {
		p := probetest.Released(t, probetest.NewPass(t, nil, deployment.Settings{}), probetest.Planned("1.0", one), probetest.Recorded("1.0", one))
		probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "")
	})
}

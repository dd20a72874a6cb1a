package probe

import (
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// released appends to a deployment's release records and begins another pass.
func released(t *testing.T, p *Pass, records ...attest.Record) *Pass {
	t.Helper()
	for _, r := range records {
		c, err := attest.OpenChain(p.Deployment.ReleasesDir(), nil)
		if err == nil {
			r.By = "somebody"
			if r.At.IsZero() {
				r.At = time.Now()
			}
			_, err = c.Append(r, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return again(p)
}

// planned and recorded are records of a release.
func planned(version, commit string, images ...string) attest.Record {
	return attest.Record{Phase: attest.PhasePlanned, Release: attest.ReleaseID{Version: version, Commit: commit}, Images: images}
}

func recorded(version, commit string, images ...string) attest.Record {
	r := planned(version, commit, images...)
	r.Phase = attest.PhaseRecorded
	return r
}

const (
	commitOne = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
	commitTwo = "1111111111111111111111111111111111111111"
)

func TestImageName(t *testing.T) {
	for text, want := range map[string]imageName{
		"catalyst":                         {Repository: "catalyst", Tag: "latest"},
		"catalyst:1.2":                     {Repository: "catalyst", Tag: "1.2"},
		"host:5000/team/catalyst":          {Repository: "host:5000/team/catalyst", Tag: "latest"},
		"host:5000/team/catalyst:1":        {Repository: "host:5000/team/catalyst", Tag: "1"},
		"docker.io/library/redis:7":        {Repository: "redis", Tag: "7"},
		"catalyst@sha256:" + sixtyFour:     {Repository: "catalyst", Digest: "sha256:" + sixtyFour},
		"catalyst:1.2@sha256:" + sixtyFour: {Repository: "catalyst", Tag: "1.2", Digest: "sha256:" + sixtyFour},
		"sha256:" + sixtyFour:              {ID: "sha256:" + sixtyFour},
		sixtyFour:                          {ID: "sha256:" + sixtyFour},
		" catalyst:1 ":                     {Repository: "catalyst", Tag: "1"},
		"":                                 {Tag: "latest"},
	} {
		if got := parseImageName(text); got != want {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestSameCommit(t *testing.T) {
	for _, tt := range []struct {
		label, commit string
		same, told    bool
	}{
		{commitOne, commitOne, true, true},
		{commitOne, commitOne[:7], true, true},
		{commitOne[:7], strings.ToUpper(commitOne), true, true},
		{commitOne, commitTwo, false, true},
		{commitOne, commitOne[:6], false, false},
		{commitOne[:6], commitOne, false, false},
		{commitOne + "-dirty", commitOne, false, false},
		{"", commitOne, false, false},
		{commitOne, "", false, false},
		{"main", commitOne, false, false},
	} {
		if same, told := sameCommit(tt.label, tt.commit); same != tt.same || told != tt.told {
			t.Errorf("%q %q: %v %v", tt.label, tt.commit, same, told)
		}
	}
}

func TestJudgeRunning(t *testing.T) {
	id, other := "sha256:"+sixtyFour, "sha256:"+strings.Repeat("ab", 32)
	built := func(commit string) map[string]string {
		return map[string]string{"org.opencontainers.image.revision": commit}
	}
	release := func(version, commit string, images ...string) *attest.Release {
		return &attest.Release{Record: recorded(version, commit, images...)}
	}
	tagged := func(tags ...string) dockerImage { return dockerImage{ID: id, Tags: tags} }
	for name, tt := range map[string]struct {
		started     string
		image       dockerImage
		now, before *attest.Release
		state       State
		reason      Reason
		detail      string
	}{
		"recorded tag":                   {"catalyst:1.1", tagged("catalyst:1.1"), release("1.1", commitOne, "postgres:16", "catalyst:1.1"), nil, StatePass, "", "the recorded image"},
		"another tag":                    {"catalyst:1.0", tagged("catalyst:1.0"), release("1.1", commitOne, "catalyst:1.1"), nil, StateFail, ReasonDrift, "does not run the image recorded"},
		"the tag went on":                {"catalyst:1.1", tagged(), release("1.1", commitOne, "catalyst:1.1"), nil, StateFail, ReasonDrift, "does not run the image recorded"},
		"one image with many tags":       {"catalyst:prod", tagged("catalyst:prod", "catalyst:1.1"), release("1.1", "", "catalyst:1.1"), nil, StatePass, "", ""},
		"recorded digest":                {"catalyst", dockerImage{ID: other, Digests: []string{"catalyst@" + id}}, release("1.1", "", "catalyst@"+id), nil, StatePass, "", ""},
		"another digest":                 {"catalyst", dockerImage{ID: id, Digests: []string{"catalyst@" + other}}, release("1.1", "", "catalyst@"+id), nil, StateFail, ReasonDrift, ""},
		"another digest, same tag":       {"catalyst:1.1", dockerImage{ID: id, Tags: []string{"catalyst:1.1"}, Digests: []string{"catalyst@" + other}}, release("1.1", "", "catalyst:1.1@"+id), nil, StateFail, ReasonDrift, ""},
		"recorded id":                    {"catalyst", tagged("catalyst:latest"), release("1.1", "", id), nil, StatePass, "", ""},
		"another id, perhaps of another": {"catalyst", tagged("catalyst:latest"), release("1.1", "", other), nil, StateUnknown, ReasonUnpinned, ""},
		"the commit":                     {"catalyst", dockerImage{ID: id, Labels: built(commitOne)}, release("1.1", commitOne[:7]), nil, StatePass, "", "recorded commit"},
		"another commit":                 {"catalyst:1.1", dockerImage{ID: id, Tags: []string{"catalyst:1.1"}, Labels: built(commitTwo)}, release("1.1", commitOne, "catalyst:1.1"), nil, StateFail, ReasonDrift, "another commit"},
		"the commit, another tag":        {"catalyst:prod", dockerImage{ID: id, Tags: []string{"catalyst:prod"}, Labels: built(commitOne)}, release("1.1", commitOne, "catalyst:1.1"), nil, StatePass, "", ""},
		"a label that is no commit":      {"catalyst", dockerImage{ID: id, Tags: []string{"catalyst:latest"}, Labels: built("main")}, release("1.1", commitOne), nil, StateUnknown, ReasonUnpinned, ""},
		"tagged as the version":          {"catalyst:v1.1", tagged("catalyst:v1.1"), release("1.1", commitOne), nil, StatePass, "", "recorded version"},
		"version begins alike":           {"catalyst:1.10", tagged("catalyst:1.10"), release("1.1", commitOne), nil, StateUnknown, ReasonUnpinned, ""},
		"latest tells nothing":           {"catalyst", tagged("catalyst:latest"), release("1.1", commitOne, "catalyst:latest"), nil, StateUnknown, ReasonUnpinned, "neither commit nor version"},
		"a tag that moves":               {"catalyst:prod", tagged("catalyst:prod"), release("1.1", commitOne, "catalyst:prod"), release("1.0", commitTwo, "catalyst:prod"), StateUnknown, ReasonUnpinned, ""},
		"deployed again":                 {"catalyst:1.1", tagged("catalyst:1.1"), release("1.1", commitOne, "catalyst:1.1"), release("1.1", commitOne, "catalyst:1.1"), StatePass, "", ""},
		"only others are recorded":       {"catalyst:1.0", tagged("catalyst:1.0"), release("1.1", commitOne, "postgres:16"), nil, StateUnknown, ReasonUnpinned, ""},
		"without a version":              {"catalyst", tagged("catalyst:"), release("", commitOne), nil, StateUnknown, ReasonUnpinned, ""},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, judgeRunning("app-1", tt.started, tt.image, tt.now, tt.before), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestReleaseRunningOnDocker(t *testing.T) {
	d := newDocker(t, "LABEL org.opencontainers.image.revision="+commitOne)
	files := folder{"compose.yaml": "services: {catalyst: {image: x}}"}
	p := d.pass(t, files, deployment.Settings{})
	expect(t, look(t, p, releaseRunningKind(), "{}"), StateSkip, ReasonNoRelease, "")
	p = released(t, p, planned("1.0", commitOne))
	expect(t, look(t, p, releaseRunningKind(), "{}"), StateSkip, ReasonNoRelease, "")
	p = released(t, p, recorded("1.0", commitOne))
	expect(t, look(t, p, releaseRunningKind(), "{}"), StateFail, ReasonMissing, "no container of service catalyst is running")

	d.run(t, "catalyst", client.ContainerCreateOptions{})
	p = again(p)
	expect(t, look(t, p, releaseRunningKind(), "{}"), StatePass, "", "run 1.0")
	p = released(t, p, planned("1.1", commitTwo))
	expect(t, look(t, p, releaseRunningKind(), "{}"), StatePass, "", "")
	p = released(t, p, recorded("1.1", commitTwo))
	expect(t, look(t, p, releaseRunningKind(), "{}"), StateFail, ReasonDrift, "another commit")
	p = released(t, p, planned("1.2", commitOne))
	expect(t, look(t, p, releaseRunningKind(), "{}"), StateWarn, ReasonDrift, "1.2 (0a1b2c3) is planned")
	p = released(t, p, recorded("1.2", commitOne), planned("1.3", "", d.image), recorded("1.3", "", d.image))
	expect(t, look(t, p, releaseRunningKind(), "{}"), StatePass, "", "")

	// Every container counts.
	d.run(t, "catalyst", client.ContainerCreateOptions{Config: &container.Config{Labels: map[string]string{labelProject: d.project, labelService: "catalyst", labelOneOff: "False"}}})
	expect(t, look(t, again(p), releaseRunningKind(), "{}"), StatePass, "", "2 containers")

	t.Run("which service", func(t *testing.T) {
		p := released(t, d.pass(t, nil, deployment.Settings{}), recorded("1.0", commitOne))
		expect(t, look(t, p, releaseRunningKind(), "{}"), StateSkip, ReasonNotConfigured, "service is unknown")
	})
	t.Run("records", func(t *testing.T) {
		p := d.pass(t, folder{".catalyst/releases/0001.yaml": "phase: ["}, deployment.Settings{})
		expect(t, look(t, p, releaseRunningKind(), "{}"), StateUnknown, ReasonInvalid, "")
	})
}

package releasecheck

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

func TestImageName(t *testing.T) {
	for text, want := range map[string]dockerclient.ImageName{
		"catalyst":                                   {Repository: "catalyst", Tag: "latest"},
		"catalyst:1.2":                               {Repository: "catalyst", Tag: "1.2"},
		"host:5000/team/catalyst":                    {Repository: "host:5000/team/catalyst", Tag: "latest"},
		"host:5000/team/catalyst:1":                  {Repository: "host:5000/team/catalyst", Tag: "1"},
		"docker.io/library/redis:7":                  {Repository: "redis", Tag: "7"},
		"catalyst@sha256:" + probetest.SixtyFour:     {Repository: "catalyst", Digest: "sha256:" + probetest.SixtyFour},
		"catalyst:1.2@sha256:" + probetest.SixtyFour: {Repository: "catalyst", Tag: "1.2", Digest: "sha256:" + probetest.SixtyFour},
		"sha256:" + probetest.SixtyFour:              {ID: "sha256:" + probetest.SixtyFour},
		probetest.SixtyFour:                          {ID: "sha256:" + probetest.SixtyFour},
		" catalyst:1 ":                               {Repository: "catalyst", Tag: "1"},
		"":                                           {Tag: "latest"},
	} {
		if got := dockerclient.ParseImageName(text); got != want {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestSameCommit(t *testing.T) {
	for _, tt := range []struct {
		label, commit string
		same, told    bool
	}{
		{probetest.CommitOne, probetest.CommitOne, true, true},
		{probetest.CommitOne, probetest.CommitOne[:7], true, true},
		{probetest.CommitOne[:7], strings.ToUpper(probetest.CommitOne), true, true},
		{probetest.CommitOne, probetest.CommitTwo, false, true},
		{probetest.CommitOne, probetest.CommitOne[:6], false, false},
		{probetest.CommitOne[:6], probetest.CommitOne, false, false},
		{probetest.CommitOne + "-dirty", probetest.CommitOne, false, false},
		{"", probetest.CommitOne, false, false},
		{probetest.CommitOne, "", false, false},
		{"main", probetest.CommitOne, false, false},
	} {
		if same, told := dockerclient.SameCommit(tt.label, tt.commit); same != tt.same || told != tt.told {
			t.Errorf("%q %q: %v %v", tt.label, tt.commit, same, told)
		}
	}
}

func TestJudgeRunning(t *testing.T) {
	id, other := "sha256:"+probetest.SixtyFour, "sha256:"+strings.Repeat("ab", 32)
	built := func(commit string) map[string]string {
		return map[string]string{"org.opencontainers.image.revision": commit}
	}
	release := func(version, commit string, images ...string) *attest.Release {
		return &attest.Release{Record: probetest.Recorded(version, commit, images...)}
	}
	tagged := func(tags ...string) dockerclient.Image { return dockerclient.Image{ID: id, Tags: tags} }
	for name, tt := range map[string]struct {
		commandValue string
		image        dockerclient.Image
		now, before  *attest.Release
		state        probe.State
		reason       probe.Reason
		detail       string
	}{
		"recorded tag":                   {"catalyst:1.1", tagged("catalyst:1.1"), release("1.1", probetest.CommitOne, "postgres:16", "catalyst:1.1"), nil, probe.StatePass, "", "the recorded image"},
		"another tag":                    {"catalyst:1.0", tagged("catalyst:1.0"), release("1.1", probetest.CommitOne, "catalyst:1.1"), nil, probe.StateFail, probe.ReasonDrift, "does not run the image recorded"},
		"the tag went on":                {"catalyst:1.1", tagged(), release("1.1", probetest.CommitOne, "catalyst:1.1"), nil, probe.StateFail, probe.ReasonDrift, "does not run the image recorded"},
		"one image with many tags":       {"catalyst:prod", tagged("catalyst:prod", "catalyst:1.1"), release("1.1", "", "catalyst:1.1"), nil, probe.StatePass, "", ""},
		"recorded digest":                {"catalyst", dockerclient.Image{ID: other, Digests: []string{"catalyst@" + id}}, release("1.1", "", "catalyst@"+id), nil, probe.StatePass, "", ""},
		"another digest":                 {"catalyst", dockerclient.Image{ID: id, Digests: []string{"catalyst@" + other}}, release("1.1", "", "catalyst@"+id), nil, probe.StateFail, probe.ReasonDrift, ""},
		"another digest, same tag":       {"catalyst:1.1", dockerclient.Image{ID: id, Tags: []string{"catalyst:1.1"}, Digests: []string{"catalyst@" + other}}, release("1.1", "", "catalyst:1.1@"+id), nil, probe.StateFail, probe.ReasonDrift, ""},
		"recorded id":                    {"catalyst", tagged("catalyst:latest"), release("1.1", "", id), nil, probe.StatePass, "", ""},
		"another id, perhaps of another": {"catalyst", tagged("catalyst:latest"), release("1.1", "", other), nil, probe.StateUnknown, probe.ReasonUnpinned, ""},
		"the commit":                     {"catalyst", dockerclient.Image{ID: id, Labels: built(probetest.CommitOne)}, release("1.1", probetest.CommitOne[:7]), nil, probe.StatePass, "", "recorded commit"},
		"another commit":                 {"catalyst:1.1", dockerclient.Image{ID: id, Tags: []string{"catalyst:1.1"}, Labels: built(probetest.CommitTwo)}, release("1.1", probetest.CommitOne, "catalyst:1.1"), nil, probe.StateFail, probe.ReasonDrift, "another commit"},
		"the commit, another tag":        {"catalyst:prod", dockerclient.Image{ID: id, Tags: []string{"catalyst:prod"}, Labels: built(probetest.CommitOne)}, release("1.1", probetest.CommitOne, "catalyst:1.1"), nil, probe.StatePass, "", ""},
		"a label that is no commit":      {"catalyst", dockerclient.Image{ID: id, Tags: []string{"catalyst:latest"}, Labels: built("main")}, release("1.1", probetest.CommitOne), nil, probe.StateUnknown, probe.ReasonUnpinned, ""},
		"tagged as the version":          {"catalyst:v1.1", tagged("catalyst:v1.1"), release("1.1", probetest.CommitOne), nil, probe.StatePass, "", "recorded version"},
		"version begins alike":           {"catalyst:1.10", tagged("catalyst:1.10"), release("1.1", probetest.CommitOne), nil, probe.StateUnknown, probe.ReasonUnpinned, ""},
		"latest tells nothing":           {"catalyst", tagged("catalyst:latest"), release("1.1", probetest.CommitOne, "catalyst:latest"), nil, probe.StateUnknown, probe.ReasonUnpinned, "neither commit nor version"},
		"a tag that moves":               {"catalyst:prod", tagged("catalyst:prod"), release("1.1", probetest.CommitOne, "catalyst:prod"), release("1.0", probetest.CommitTwo, "catalyst:prod"), probe.StateUnknown, probe.ReasonUnpinned, ""},
		"deployed again":                 {"catalyst:1.1", tagged("catalyst:1.1"), release("1.1", probetest.CommitOne, "catalyst:1.1"), release("1.1", probetest.CommitOne, "catalyst:1.1"), probe.StatePass, "", ""},
		"only others are recorded":       {"catalyst:1.0", tagged("catalyst:1.0"), release("1.1", probetest.CommitOne, "postgres:16"), nil, probe.StateUnknown, probe.ReasonUnpinned, ""},
		"without a version":              {"catalyst", tagged("catalyst:"), release("", probetest.CommitOne), nil, probe.StateUnknown, probe.ReasonUnpinned, ""},
	} {
		t.Run(name, func(t *testing.T) {
			probetest.Expect(t, judgeRunning("app-1", tt.commandValue, tt.image, tt.now, tt.before), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestReleaseRunningOnDocker(t *testing.T) {
	d := dockertest.NewDocker(t, "LABEL org.opencontainers.image.revision="+probetest.CommitOne)
	files := probetest.Folder{"compose.yaml": "services: {catalyst: {image: x}}"}
	p := d.Pass(t, files, deployment.Settings{})
	probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StateSkip, probe.ReasonNoRelease, "")
	p = probetest.Released(t, p, probetest.Planned("1.0", probetest.CommitOne))
	probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StateSkip, probe.ReasonNoRelease, "")
	p = probetest.Released(t, p, probetest.Recorded("1.0", probetest.CommitOne))
	probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StateFail, probe.ReasonMissing, "no container of service catalyst is running")

	d.RunService(t, "catalyst", client.ContainerCreateOptions{})
	p = probetest.Again(p)
	probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StatePass, "", "run 1.0")
	p = probetest.Released(t, p, probetest.Planned("1.1", probetest.CommitTwo))
	probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StatePass, "", "")
	p = probetest.Released(t, p, probetest.Recorded("1.1", probetest.CommitTwo))
	probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StateFail, probe.ReasonDrift, "another commit")
	p = probetest.Released(t, p, probetest.Planned("1.2", probetest.CommitOne))
	probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StateWarn, probe.ReasonDrift, "1.2 (0a1b2c3) is planned")
	p = probetest.Released(t, p, probetest.Recorded("1.2", probetest.CommitOne), probetest.Planned("1.3", "", d.Image), probetest.Recorded("1.3", "", d.Image))
	probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StatePass, "", "")

	// Every container counts.
	d.RunService(t, "catalyst", client.ContainerCreateOptions{Config: &container.Config{Labels: map[string]string{dockerclient.LabelProject: d.Project, dockerclient.LabelService: "catalyst", dockerclient.LabelOneOff: "False"}}})
	probetest.Expect(t, probetest.Look(t, probetest.Again(p), RunningKind(), "{}"), probe.StatePass, "", "2 containers")

	t.Run("which service", func(t *testing.T) {
		p := probetest.Released(t, d.Pass(t, nil, deployment.Settings{}), probetest.Recorded("1.0", probetest.CommitOne))
		probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "service is unknown")
	})
	t.Run("records", func(t *testing.T) {
		p := d.Pass(t, probetest.Folder{".catalyst/releases/0001.yaml": "phase: ["}, deployment.Settings{})
		probetest.Expect(t, probetest.Look(t, p, RunningKind(), "{}"), probe.StateUnknown, probe.ReasonInvalid, "")
	})
}

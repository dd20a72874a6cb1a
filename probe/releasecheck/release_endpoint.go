package releasecheck

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

// Where the image of the running application cannot be identified, an endpoint of the application that returns its
// version and commit can be compared with the record. The commit identifies a build; a version alone does not.

// build is what an endpoint says about the application.
type build struct{ version, commit string }

// endpoint asks the application for its version and commit. The second result is false when it returned no commit.
func (s *releaseRunning) endpoint(ctx context.Context, p *probe.Pass, c *attest.Chain) (probe.Result, bool) {
	api := p.Deployment.API
	w, err := httpclient.For(p, "api", api.HTTP)
	if err != nil {
		return probe.Result{}, false
	}
	for _, path := range s.Paths {
		a, err := w.Get(ctx, api.Address().URL+path)
		if err != nil || a.Status != 200 || a.OffSite != "" || httpclient.Cached(a.Header) != "" {
			continue
		}
		b := readBuild(a.Body)
		same, told := dockerclient.SameCommit(b.commit, c.Recorded().Release.Commit)
		if !told {
			continue
		}
		r := judgeBuild(path, b, same, c)
		if r.State == probe.StateFail && !api.Address().Configured {
			continue // whatever listens at the default address may be another application
		}
		return r, true
	}
	return probe.Result{}, false
}

// judgeBuild compares what an endpoint says with the recorded release.
func judgeBuild(path string, b build, sameCommit bool, c *attest.Chain) probe.Result {
	now := c.Recorded().Release
	version := strings.TrimPrefix(strings.ToLower(b.version), "v")
	recorded := strings.TrimPrefix(strings.ToLower(now.Version), "v")
	r := probe.Passed("%s returns the commit of %s", path, now)
	switch {
	case !sameCommit:
		r = probe.Failed(probe.ReasonDrift, "%s returns another commit than %s", path, now)
	case version != "" && recorded != "" && version != recorded:
		r = probe.Failed(probe.ReasonDrift, "%s returns the commit of %s but another version", path, now)
	case version != "":
		r.Detail = fmt.Sprintf("%s returns version and commit of %s", path, now)
	}
	return whilePlanned(r, c)
}

// whilePlanned turns a failure into a warning while the next release is planned: it may already run.
func whilePlanned(r probe.Result, c *attest.Chain) probe.Result {
	if r.State == probe.StateFail && c.Planned() != nil {
		r.State = probe.StateWarn
		r.Detail += fmt.Sprintf("; %s is planned: record it when it is deployed", c.Planned().Release)
	}
	return r
}

var (
	versionKey = lazyregexp.New(`^((app|application|build|service|release)?version|release|tag)$`)
	commitKey  = lazyregexp.New(`^((git|vcs|build|source|app|release)?(commit|revision|sha|hash|ref)(sha|id|hash)?)$`)
	// partKey are objects that describe the build rather than another component.
	partKey     = lazyregexp.New(`^(build|app|application|info|git|version|versioninfo|buildinfo|commit|data|release|service|vcs)$`)
	keyTrimmer  = lazyregexp.New(`[^a-z0-9]`)
	commitValue = lazyregexp.New(`^[0-9a-fA-F]{7,64}$`)
)

// readBuild reads version and commit from a JSON object, which may nest them in an object about the build. Two different
// values for one of them are none.
func readBuild(body []byte) build {
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil {
		return build{}
	}
	versions, commits := map[string]bool{}, map[string]bool{}
	collectBuild(fields, 0, versions, commits)
	return build{version: only(versions), commit: only(commits)}
}

func collectBuild(fields map[string]any, depth int, versions, commits map[string]bool) {
	for name, value := range fields {
		key := keyTrimmer.ReplaceAllString(strings.ToLower(name), "")
		switch value := value.(type) {
		case string:
			switch value = strings.TrimSpace(value); {
			case value == "":
			case commitKey.MatchString(key) && commitValue.MatchString(value), depth > 0 && key == "id" && commitValue.MatchString(value):
				commits[strings.ToLower(value)] = true
			case versionKey.MatchString(key):
				versions[value] = true
			}
		case map[string]any:
			if depth < 2 && partKey.MatchString(key) {
				collectBuild(value, depth+1, versions, commits)
			}
		}
	}
}

// only returns the one key of a set; one may abbreviate the other.
func only(set map[string]bool) string {
	longest := ""
	for value := range set {
		if len(value) > len(longest) {
			longest = value
		}
	}
	for value := range set {
		if !strings.HasPrefix(longest, value) {
			return ""
		}
	}
	return longest
}

// endpointRemedy is what identifies the running release without Docker.
func endpointRemedy() string {
	return "or " + deployment.APIService.Setting("url") + " and an endpoint /version that returns version and commit"
}

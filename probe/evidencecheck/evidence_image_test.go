package evidencecheck

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Several reports of a kind, and reports about images, are told apart.
func TestEvidence_NamesAndImages(t *testing.T) {
	deployed, another := "sha256:"+strings.Repeat("1a", 32), "sha256:"+strings.Repeat("2b", 32)
	trivy := func(digest string) string {
		return `{"SchemaVersion":2,"ArtifactName":"app","ArtifactType":"container_image","Metadata":{"RepoDigests":["registry.internal/app@` + digest + `"]},"Results":[{"Target":"x","Class":"os-pkgs"}]}`
	}
	const cargo = "[package]\nedition = \"2024\"\nname = \"shop\"\n"
	rust := func(crate string) string {
		return `<testsuites><testsuite name="` + crate + `"><testcase name="a" classname="` + crate + `"/></testsuite></testsuites>`
	}
	for name, tt := range map[string]struct {
		file, text, spec string
		compose          string // image of the service app
		state            probe.State
		reason           probe.Reason
		detail           string
	}{
		"by name":             {"tests-e2e.json", goTest("pass"), "{report: tests, name: e2e}", "", probe.StatePass, "", "1 test passed"},
		"only another name":   {"tests-unit.json", goTest("pass"), "{report: tests, name: e2e}", "", probe.StateFail, probe.ReasonMissing, "no report found"},
		"only without a name": {"tests.json", goTest("pass"), "{report: tests, name: e2e}", "", probe.StateFail, probe.ReasonMissing, ""},
		"only with a name":    {"tests-e2e.json", goTest("pass"), "{report: tests}", "", probe.StateFail, probe.ReasonMissing, ""},
		"failed by name":      {"tests-e2e.json", goTest("fail"), "{report: tests, name: e2e}", "", probe.StateFail, probe.ReasonUnhealthy, ""},

		"scan":                      {"vulnerabilities.json", trivy(deployed), "{report: vulnerabilities, image: app}", "registry.internal/app:1@" + deployed, probe.StatePass, "", ""},
		"scan, by repository":       {"vulnerabilities.json", trivy(deployed), "{report: vulnerabilities, image: registry.internal/app}", "registry.internal/app:1@" + deployed, probe.StatePass, "", ""},
		"scan of another":           {"vulnerabilities.json", trivy(another), "{report: vulnerabilities, image: app}", "registry.internal/app:1@" + deployed, probe.StateFail, probe.ReasonMismatch, "not deployed (sha256:2b2b2b2b2b2b)"},
		"scan of another, not told": {"vulnerabilities.json", trivy(another), "{report: vulnerabilities}", "registry.internal/app@" + deployed, probe.StateWarn, probe.ReasonMismatch, "not deployed"},
		"digest not declared":       {"vulnerabilities.json", trivy(deployed), "{report: vulnerabilities, image: app}", "registry.internal/app:1", probe.StateUnknown, probe.ReasonNotConfigured, "neither in the release record nor in the compose file"},
		"no such image":             {"vulnerabilities.json", trivy(deployed), "{report: vulnerabilities, image: web}", "registry.internal/app@" + deployed, probe.StateUnknown, probe.ReasonNotConfigured, ""},

		"crate":         {"tests.xml", rust("shop"), "{report: tests}", "", probe.StatePass, "", ""},
		"another crate": {"tests.xml", rust("bank"), "{report: tests}", "", probe.StateWarn, probe.ReasonMismatch, "another repository"},
	} {
		t.Run(name, func(t *testing.T) {
			r := parts.GitRepo(t)
			code := map[string]string{"Cargo.toml": cargo, "src/main.rs": "fn main() {}\n", ".gitignore": ".catalyst\n"}
			if tt.compose != "" {
				code["compose.yaml"] = "services:\n  app:\n    image: " + tt.compose + "\n"
			}
			r.Write(t, code)
			commit := r.Commit(t, "1", nil)
			r.Write(t, map[string]string{".catalyst/evidence/" + commit + "/" + tt.file: tt.text, ".catalyst/evidence/" + commit + "/" + tt.file + ".meta.yaml": "exit_code: 0\n"})
			got := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir}), EvidenceKind(), tt.spec)
			probetest.Expect(t, got, tt.state, tt.reason, tt.detail)
		})
	}
}

// An entry under reports with a name belongs to the probe with that name only.
func TestEvidence_NamedEntry(t *testing.T) {
	folder := probetest.Folder{"out/e2e.json": goTest("pass")}
	settings := deployment.Settings{Evidence: deployment.Evidence{Reports: []deployment.EvidenceReport{{Report: "tests", Name: "e2e", At: "out/e2e.json"}}}}
	got := probetest.Look(t, probetest.NewPass(t, folder, settings), EvidenceKind(), "{report: tests}")
	probetest.Expect(t, got, probe.StateFail, probe.ReasonMissing, "")
	got = probetest.Look(t, probetest.NewPass(t, folder, settings), EvidenceKind(), "{report: tests, name: e2e}")
	probetest.Expect(t, got, probe.StateWarn, probe.ReasonWeak, "commit is unknown")
}

// The digest of a deployed image is known from the release record, also without a compose file.
func TestEvidence_RecordedImage(t *testing.T) {
	deployed, another := "sha256:"+strings.Repeat("1a", 32), "sha256:"+strings.Repeat("2b", 32)
	for name, tt := range map[string]struct {
		scanned, image string
		state          probe.State
		reason         probe.Reason
	}{
		"deployed":         {deployed, ", image: registry.internal/app", probe.StatePass, ""},
		"another":          {another, ", image: registry.internal/app", probe.StateFail, probe.ReasonMismatch},
		"another, unasked": {another, "", probe.StateWarn, probe.ReasonMismatch},
		"deployed as web":  {deployed, ", image: registry.internal/web", probe.StateFail, probe.ReasonMismatch},
		"not recorded":     {deployed, ", image: registry.internal/db", probe.StateUnknown, probe.ReasonNotConfigured},
	} {
		t.Run(name, func(t *testing.T) {
			report := `{"SchemaVersion":2,"ArtifactName":"app","ArtifactType":"container_image","Metadata":{"RepoDigests":["registry.internal/app@` + tt.scanned + `"]},"Results":[{"Target":"x","Class":"os-pkgs"}]}`
			p := probetest.NewPass(t, probetest.Folder{".catalyst/evidence/" + probetest.CommitOne + "/vulnerabilities.json": report}, deployment.Settings{})
			images := []string{"registry.internal:5000/app:1", "registry.internal/app:1@" + deployed, "registry.internal/web:1@sha256:" + strings.Repeat("3c", 32)}
			p = probetest.Released(t, p, probetest.Planned("1", probetest.CommitOne, images...), probetest.Recorded("1", probetest.CommitOne, images...))
			got := probetest.Look(t, p, EvidenceKind(), "{report: vulnerabilities"+tt.image+"}")
			probetest.Expect(t, got, tt.state, tt.reason, "")
		})
	}
}

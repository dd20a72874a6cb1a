package probe

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

func TestChangelog_Verdicts(t *testing.T) {
	now := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	const (
		unreleased = "# Changelog\n\n## [Unreleased]\n\n"
		second     = "## [1.1.0] - 2026-01-31\n\n### Added\n\n- A new bidder.\n\n"
		first      = "## [1.0.0] - 2025-12-01\n\n### Added\n\n- The exchange.\n\n"
	)
	for name, tt := range map[string]struct {
		version, text string
		state         State
		reason        Reason
		detail        string
	}{
		"good":                  {"", unreleased + second + first, StatePass, ReasonNone, "2 released entries and 0 unreleased changes; no release"},
		"nothing":               {"", "", StateFail, ReasonEmpty, "contains no entries"},
		"title alone":           {"", "# Changelog\n\n<!-- to come -->\n", StateFail, ReasonEmpty, "contains no entries"},
		"prose alone":           {"", "# Changelog\n\nSee the commits.\n", StateFail, ReasonInvalid, "has no entries"},
		"other headings alone":  {"", "# Changelog\n\n## January\n\n- A bidder.\n", StateFail, ReasonInvalid, "has no entries"},
		"conflict":              {"", unreleased + "<<<<<<< HEAD\n- a\n=======\n- b\n>>>>>>> b\n", StateFail, ReasonInvalid, "file:5: unresolved merge conflict"},
		"titles":                {"", "# 1.1.0 (2026-01-31)\n\n- a\n\n# 1.0.0 (2025-12-01)\n\n- b\n", StateWarn, ReasonMissing, "no heading ## [Unreleased]"},
		"third level":           {"", "# Changelog\n\n### [1.0.0] - 2025-12-01\n\n- A bidder.\n", StateFail, ReasonInvalid, "has no entries"},
		"unreleased alone":      {"", unreleased + "- A bidder.\n", StatePass, ReasonNone, "0 released entries and 1 unreleased"},
		"unreleased, empty":     {"", unreleased, StateFail, ReasonEmpty, "file:3: the entry is empty"},
		"unreleased, blank":     {"", unreleased + "- TODO\n\n" + second, StateFail, ReasonPlaceholder, "file:3: the entry is a placeholder"},
		"unreleased, one blank": {"", unreleased + "- TODO\n- A bidder.\n\n" + second, StateWarn, ReasonPlaceholder, "1 of 2"},
		"newest, empty":         {"", unreleased + "## [1.1.0] - 2026-01-31\n\n### Added\n\n" + first, StateFail, ReasonEmpty, "file:5: the entry is empty"},
		"newest, yanked":        {"", unreleased + "## [1.1.0] - 2026-01-31 [YANKED]\n\n" + first, StatePass, ReasonNone, ""},
		"older, empty":          {"", unreleased + second + "## [1.0.0] - 2025-12-01\n", StatePass, ReasonNone, ""},
		"no unreleased":         {"", second + first, StateWarn, ReasonMissing, "no heading ## [Unreleased]"},
		"unreleased last":       {"", second + first + "## [Unreleased]\n", StateWarn, ReasonInvalid, "file:13: Unreleased is not the first entry"},
		"other spellings": {"", "## Unreleased\n\n## v1.3.0 (2026-01-31)\n\n- a\n\n## [1.2.0](https://x/y) – 2026-01-30\n\n- a\n\n## 1.1.0 - 2026-01-29\n\n- a\n\n## [1.0.0-rc.1+5] - 2026-01-28\n\n- a\n\n[1.1.0]: https://x\n",
			StatePass, ReasonNone, "4 released"},
		"calendar version":    {"", unreleased + "## [2026.01.31] - 2026-01-31\n\n- a\n", StatePass, ReasonNone, ""},
		"no date":             {"", unreleased + "## [1.1.0]\n\n- a\n\n" + first, StateWarn, ReasonInvalid, "file:5: the version has no date"},
		"other date":          {"", unreleased + "## [1.1.0] - 31.01.2026\n\n- a\n\n" + first, StateWarn, ReasonInvalid, "file:5: the version has no date"},
		"no such date":        {"", unreleased + "## [1.1.0] - 2026-02-30\n\n- a\n\n" + first, StateWarn, ReasonInvalid, "file:5: the version has no date"},
		"today elsewhere":     {"", unreleased + "## [1.1.0] - 2026-02-02\n\n- a\n\n" + first, StatePass, ReasonNone, ""},
		"future":              {"", unreleased + "## [1.1.0] - 2026-02-03\n\n- a\n\n" + first, StateWarn, ReasonInvalid, "file:5: the date is in the future"},
		"oldest first":        {"", unreleased + first + second, StateWarn, ReasonInvalid, "file:11: the entry is newer"},
		"backport":            {"", unreleased + second + "## [1.2.0] - 2026-01-30\n\n- a\n", StatePass, ReasonNone, ""},
		"twice":               {"", unreleased + second + second, StateFail, ReasonInvalid, "file:11: the version already has an entry at line 5"},
		"another heading":     {"", unreleased + second + "## Notes\n\n- a\n", StateWarn, ReasonInvalid, "file:11: the heading is neither"},
		"a year old":          {"", unreleased + "## [1.0.0] - 2025-02-01\n\n- a\n", StatePass, ReasonNone, ""},
		"older":               {"", unreleased + "## [1.0.0] - 2025-01-31\n\n- a\n", StateWarn, ReasonStale, "file:5"},
		"older, unreleased":   {"", unreleased + "- a\n\n## [1.0.0] - 2025-01-31\n\n- a\n", StatePass, ReasonNone, ""},
		"older, of a release": {"1.0.0", unreleased + "## [1.0.0] - 2025-01-31\n\n- a\n", StatePass, ReasonNone, "one of them for 1.0.0"},

		"release":             {"1.1.0", unreleased + second + first, StatePass, ReasonNone, "one of them for 1.1.0"},
		"release with v":      {"v1.1.0", unreleased + second + first, StatePass, ReasonNone, "one of them for v1.1.0"},
		"release with build":  {"1.1.0+build.7", unreleased + second + first, StatePass, ReasonNone, ""},
		"earlier release":     {"1.0.0", unreleased + second + first, StatePass, ReasonNone, ""},
		"release, missing":    {"1.2.0", unreleased + second + first, StateFail, ReasonMissing, "no entry for 1.2.0"},
		"release, unreleased": {"1.2.0", unreleased + "- a\n\n" + second, StateFail, ReasonMissing, "below Unreleased (line 3)"},
		"release, prefix":     {"1.1", unreleased + second + first, StateFail, ReasonMissing, "no entry for 1.1"},
		"candidate":           {"1.1.0-rc.1", unreleased + second + first, StateFail, ReasonMissing, "no entry for 1.1.0-rc.1"},
		"release, empty":      {"1.0.0", unreleased + second + "## [1.0.0] - 2025-12-01\n", StateFail, ReasonEmpty, "file:11"},
		"release, blank":      {"1.0.0", unreleased + second + "## [1.0.0] - 2025-12-01\n\n- TBD\n", StateFail, ReasonPlaceholder, "file:11"},
		"no entry at all":     {"1.0.0", unreleased, StateFail, ReasonMissing, "no entry for 1.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &changelog{StaleAfter: schema.Duration(365 * 24 * time.Hour)}
			expect(t, sound(c.judge(entriesOf(documentFrom(t, tt.text)), "file", tt.version, now)), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestChangelog_File(t *testing.T) {
	good := "## [Unreleased]\n\n- a\n"
	expect(t, look(t, newPass(t, folder{"CHANGELOG.md": good}, deployment.Settings{}), changelogKind(), "{}"), StatePass, ReasonNone, "CHANGELOG.md has 0 released")
	expect(t, look(t, newPass(t, nil, deployment.Settings{}), changelogKind(), "{}"), StateFail, ReasonMissing, "deployment.documents.changelog")
	expect(t, look(t, newPass(t, folder{"CHANGELOG.md": "\x00"}, deployment.Settings{}), changelogKind(), "{}"), StateFail, ReasonInvalid, "not UTF-8 text")
	configured := deployment.Settings{Documents: deployment.Documents{Changelog: "NEWS.md"}}
	expect(t, look(t, newPass(t, folder{"CHANGELOG.md": good}, configured), changelogKind(), "{}"), StateFail, ReasonMissing, "NEWS.md cannot be read")
	old := folder{"CHANGELOG.md": "## [Unreleased]\n\n## [1.0.0] - " + time.Now().AddDate(0, 0, -3).Format(time.DateOnly) + "\n\n- a\n"}
	expect(t, look(t, newPass(t, old, deployment.Settings{}), changelogKind(), "{stale_after: 2d}"), StateWarn, ReasonStale, "more than 2d old")
}

func TestChangelog_PlannedRelease(t *testing.T) {
	files := folder{"CHANGELOG.md": "## [Unreleased]\n\n## [1.0.0] - 2026-01-31\n\n- a\n"}
	planned := func(id attest.ReleaseID) *Pass {
		t.Helper()
		p := newPass(t, files, deployment.Settings{})
		chain, err := ReleaseChain(p)
		if err == nil {
			_, err = chain.Append(attest.Record{Phase: attest.PhasePlanned, Release: id, At: time.Now(), By: "somebody"}, false)
		}
		if err != nil {
			t.Fatal(err)
		}
		return again(p)
	}
	expect(t, look(t, planned(attest.ReleaseID{Version: "1.0.0"}), changelogKind(), "{}"), StatePass, ReasonNone, "one of them for 1.0.0")
	expect(t, look(t, planned(attest.ReleaseID{Version: "1.1.0"}), changelogKind(), "{}"), StateFail, ReasonMissing, "no entry for 1.1.0")
	expect(t, look(t, planned(attest.ReleaseID{Commit: strings.Repeat("ab", 20)}), changelogKind(), "{}"), StateUnknown, ReasonNotConfigured, "has a commit but no version")

	files[".catalyst/releases/0001.yaml"] = "phase: ["
	expect(t, look(t, newPass(t, files, deployment.Settings{}), changelogKind(), "{}"), StateUnknown, ReasonInvalid, "0001.yaml")
	files["CHANGELOG.md"] = "nothing"
	expect(t, look(t, newPass(t, files, deployment.Settings{}), changelogKind(), "{}"), StateFail, ReasonInvalid, "has no entries")
}

func FuzzChangelog(f *testing.F) {
	f.Add("## [Unreleased]\n\n## [1.0.0] - 2026-01-31\n\n- a\n", "1.0.0")
	f.Add("## v1.0 (x) [YANKED]\n## x\n", "")
	f.Fuzz(func(t *testing.T, text, version string) {
		m, err := parseMarkdown([]byte(text))
		if err != nil {
			return
		}
		r := sound((&changelog{}).judge(entriesOf(m), "file", version, time.Now()))
		entries, unreleased := entriesOf(m).entries, entriesOf(m).unreleased
		if r.Reason == ReasonError || r.State == StatePass && len(entries) == 0 && (unreleased == nil || unreleased.changes == 0) {
			t.Errorf("%+v", r)
		}
	})
}

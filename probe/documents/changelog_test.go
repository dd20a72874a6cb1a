package documents

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
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
		state         probe.State
		reason        probe.Reason
		detail        string
	}{
		"good":                  {"", unreleased + second + first, probe.StatePass, probe.ReasonNone, "2 released entries and 0 unreleased changes; no release"},
		"nothing":               {"", "", probe.StateFail, probe.ReasonEmpty, "contains no entries"},
		"title alone":           {"", "# Changelog\n\n<!-- to come -->\n", probe.StateFail, probe.ReasonEmpty, "contains no entries"},
		"prose alone":           {"", "# Changelog\n\nSee the commits.\n", probe.StateFail, probe.ReasonInvalid, "has no entries"},
		"other headings alone":  {"", "# Changelog\n\n## January\n\n- A bidder.\n", probe.StateFail, probe.ReasonInvalid, "has no entries"},
		"conflict":              {"", unreleased + "<<<<<<< HEAD\n- a\n=======\n- b\n>>>>>>> b\n", probe.StateFail, probe.ReasonInvalid, "file:5: unresolved merge conflict"},
		"titles":                {"", "# 1.1.0 (2026-01-31)\n\n- a\n\n# 1.0.0 (2025-12-01)\n\n- b\n", probe.StateWarn, probe.ReasonMissing, "no heading ## [Unreleased]"},
		"third level":           {"", "# Changelog\n\n### [1.0.0] - 2025-12-01\n\n- A bidder.\n", probe.StateFail, probe.ReasonInvalid, "has no entries"},
		"unreleased alone":      {"", unreleased + "- A bidder.\n", probe.StatePass, probe.ReasonNone, "0 released entries and 1 unreleased"},
		"unreleased, empty":     {"", unreleased, probe.StateFail, probe.ReasonEmpty, "file:3: the entry is empty"},
		"unreleased, blank":     {"", unreleased + "- TODO\n\n" + second, probe.StateFail, probe.ReasonPlaceholder, "file:3: the entry is a placeholder"},
		"unreleased, one blank": {"", unreleased + "- TODO\n- A bidder.\n\n" + second, probe.StateWarn, probe.ReasonPlaceholder, "1 of 2"},
		"newest, empty":         {"", unreleased + "## [1.1.0] - 2026-01-31\n\n### Added\n\n" + first, probe.StateFail, probe.ReasonEmpty, "file:5: the entry is empty"},
		"newest, yanked":        {"", unreleased + "## [1.1.0] - 2026-01-31 [YANKED]\n\n" + first, probe.StatePass, probe.ReasonNone, ""},
		"unreleased, none yet":  {"", unreleased + "Nothing yet.\n\n" + second, probe.StatePass, probe.ReasonNone, ""},
		"newest, N/A":           {"", unreleased + "## [1.1.0] - 2026-01-31\n\n- N/A\n\n" + first, probe.StateFail, probe.ReasonEmpty, "the entry is empty"},
		"newest, WIP":           {"", unreleased + "## [1.1.0] - 2026-01-31\n\n- WIP\n\n" + first, probe.StateFail, probe.ReasonPlaceholder, "placeholder"},
		"newest, template":      {"", unreleased + "## [1.1.0] - 2026-01-31\n\n### Added\n\n- New feature 1\n- for new features.\n\n" + first, probe.StateFail, probe.ReasonPlaceholder, "placeholder"},
		"release, yanked":       {"1.1.0", unreleased + "## [1.1.0] - 2026-01-31 [YANKED]\n\n- A bidder.\n\n" + first, probe.StateFail, probe.ReasonInvalid, "yanked"},
		"other, yanked":         {"1.1.0", unreleased + second + "## [1.0.0] - 2025-12-01 [YANKED]\n\n- A bidder.\n", probe.StatePass, probe.ReasonNone, ""},
		"older, empty":          {"", unreleased + second + "## [1.0.0] - 2025-12-01\n", probe.StatePass, probe.ReasonNone, ""},
		"no unreleased":         {"", second + first, probe.StateWarn, probe.ReasonMissing, "no heading ## [Unreleased]"},
		"unreleased last":       {"", second + first + "## [Unreleased]\n", probe.StateWarn, probe.ReasonInvalid, "file:13: Unreleased is not the first entry"},
		"other spellings": {"", "## Unreleased\n\n## v1.3.0 (2026-01-31)\n\n- a\n\n## [1.2.0](https://x/y) – 2026-01-30\n\n- a\n\n## 1.1.0 - 2026-01-29\n\n- a\n\n## [1.0.0-rc.1+5] - 2026-01-28\n\n- a\n\n[1.1.0]: https://x\n",
			probe.StatePass, probe.ReasonNone, "4 released"},
		"calendar version":    {"", unreleased + "## [2026.01.31] - 2026-01-31\n\n- a\n", probe.StatePass, probe.ReasonNone, ""},
		"no date":             {"", unreleased + "## [1.1.0]\n\n- a\n\n" + first, probe.StateWarn, probe.ReasonInvalid, "file:5: the version has no date"},
		"other date":          {"", unreleased + "## [1.1.0] - 31.01.2026\n\n- a\n\n" + first, probe.StateWarn, probe.ReasonInvalid, "file:5: the version has no date"},
		"no such date":        {"", unreleased + "## [1.1.0] - 2026-02-30\n\n- a\n\n" + first, probe.StateWarn, probe.ReasonInvalid, "file:5: the version has no date"},
		"today elsewhere":     {"", unreleased + "## [1.1.0] - 2026-02-02\n\n- a\n\n" + first, probe.StatePass, probe.ReasonNone, ""},
		"future":              {"", unreleased + "## [1.1.0] - 2026-02-03\n\n- a\n\n" + first, probe.StateWarn, probe.ReasonInvalid, "file:5: the date is in the future"},
		"oldest first":        {"", unreleased + first + second, probe.StateWarn, probe.ReasonInvalid, "file:11: the entry is newer"},
		"backport":            {"", unreleased + second + "## [1.2.0] - 2026-01-30\n\n- a\n", probe.StatePass, probe.ReasonNone, ""},
		"twice":               {"", unreleased + second + second, probe.StateFail, probe.ReasonInvalid, "file:11: the version already has an entry at line 5"},
		"another heading":     {"", unreleased + second + "## Notes\n\n- a\n", probe.StateWarn, probe.ReasonInvalid, "file:11: the heading is neither"},
		"a year old":          {"", unreleased + "## [1.0.0] - 2025-02-01\n\n- a\n", probe.StatePass, probe.ReasonNone, ""},
		"older":               {"", unreleased + "## [1.0.0] - 2025-01-31\n\n- a\n", probe.StateWarn, probe.ReasonStale, "file:5"},
		"older, unreleased":   {"", unreleased + "- a\n\n## [1.0.0] - 2025-01-31\n\n- a\n", probe.StatePass, probe.ReasonNone, ""},
		"older, of a release": {"1.0.0", unreleased + "## [1.0.0] - 2025-01-31\n\n- a\n", probe.StatePass, probe.ReasonNone, "one of them for 1.0.0"},

		"release":             {"1.1.0", unreleased + second + first, probe.StatePass, probe.ReasonNone, "one of them for 1.1.0"},
		"release with v":      {"v1.1.0", unreleased + second + first, probe.StatePass, probe.ReasonNone, "one of them for v1.1.0"},
		"release with build":  {"1.1.0+build.7", unreleased + second + first, probe.StatePass, probe.ReasonNone, ""},
		"earlier release":     {"1.0.0", unreleased + second + first, probe.StatePass, probe.ReasonNone, ""},
		"release, missing":    {"1.2.0", unreleased + second + first, probe.StateFail, probe.ReasonMissing, "no entry for 1.2.0"},
		"release, unreleased": {"1.2.0", unreleased + "- a\n\n" + second, probe.StateFail, probe.ReasonMissing, "below Unreleased (line 3)"},
		"release, prefix":     {"1.1", unreleased + second + first, probe.StateFail, probe.ReasonMissing, "no entry for 1.1"},
		"candidate":           {"1.1.0-rc.1", unreleased + second + first, probe.StateFail, probe.ReasonMissing, "no entry for 1.1.0-rc.1"},
		"release, empty":      {"1.0.0", unreleased + second + "## [1.0.0] - 2025-12-01\n", probe.StateFail, probe.ReasonEmpty, "file:11"},
		"release, blank":      {"1.0.0", unreleased + second + "## [1.0.0] - 2025-12-01\n\n- TBD\n", probe.StateFail, probe.ReasonPlaceholder, "file:11"},
		"no entry at all":     {"1.0.0", unreleased, probe.StateFail, probe.ReasonMissing, "no entry for 1.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &changelog{StaleAfter: schema.Duration(365 * 24 * time.Hour)}
			probetest.Expect(t, probe.ValidateResult(c.judge(entriesOf(documentFrom(t, tt.text)), "file", tt.version, now)), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestChangelog_File(t *testing.T) {
	good := "## [Unreleased]\n\n- a\n"
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{"CHANGELOG.md": good}, deployment.Settings{}), ChangelogKind(), "{}"), probe.StatePass, probe.ReasonNone, "CHANGELOG.md has 0 released")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), ChangelogKind(), "{}"), probe.StateFail, probe.ReasonMissing, "deployment.documents.changelog")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{"CHANGELOG.md": "\x00"}, deployment.Settings{}), ChangelogKind(), "{}"), probe.StateFail, probe.ReasonInvalid, "not UTF-8 text")
	configured := deployment.Settings{Documents: deployment.Documents{Changelog: "NEWS.md"}}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{"CHANGELOG.md": good}, configured), ChangelogKind(), "{}"), probe.StateFail, probe.ReasonMissing, "NEWS.md cannot be read")
	old := probetest.Folder{"CHANGELOG.md": "## [Unreleased]\n\n## [1.0.0] - " + time.Now().AddDate(0, 0, -3).Format(time.DateOnly) + "\n\n- a\n"}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, old, deployment.Settings{}), ChangelogKind(), "{stale_after: 2d}"), probe.StateWarn, probe.ReasonStale, "more than 2d old")
}

func TestChangelog_PlannedRelease(t *testing.T) {
	files := probetest.Folder{"CHANGELOG.md": "## [Unreleased]\n\n## [1.0.0] - 2026-01-31\n\n- a\n"}
	planned := func(id attest.ReleaseID) *probe.Pass {
		t.Helper()
		p := probetest.NewPass(t, files, deployment.Settings{})
		chain, err := release.Chain(p)
		if err == nil {
			_, err = chain.Append(attest.Record{Phase: attest.PhasePlanned, Release: id, At: time.Now(), By: "somebody"}, false)
		}
		if err != nil {
			t.Fatal(err)
		}
		return probetest.Again(p)
	}
	probetest.Expect(t, probetest.Look(t, planned(attest.ReleaseID{Version: "1.0.0"}), ChangelogKind(), "{}"), probe.StatePass, probe.ReasonNone, "one of them for 1.0.0")
	probetest.Expect(t, probetest.Look(t, planned(attest.ReleaseID{Version: "1.1.0"}), ChangelogKind(), "{}"), probe.StateFail, probe.ReasonMissing, "no entry for 1.1.0")
	probetest.Expect(t, probetest.Look(t, planned(attest.ReleaseID{Commit: strings.Repeat("ab", 20)}), ChangelogKind(), "{}"), probe.StateUnknown, probe.ReasonNotConfigured, "has a commit but no version")

	files[".catalyst/releases/0001.yaml"] = "phase: ["
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, files, deployment.Settings{}), ChangelogKind(), "{}"), probe.StateUnknown, probe.ReasonInvalid, "0001.yaml")
	files["CHANGELOG.md"] = "nothing"
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, files, deployment.Settings{}), ChangelogKind(), "{}"), probe.StateFail, probe.ReasonInvalid, "has no entries")
}

func FuzzChangelog(f *testing.F) {
	f.Add("## [Unreleased]\n\n## [1.0.0] - 2026-01-31\n\n- a\n", "1.0.0")
	f.Add("## v1.0 (x) [YANKED]\n## x\n", "")
	f.Fuzz(func(t *testing.T, text, version string) {
		m, err := markdown.Parse([]byte(text))
		if err != nil {
			return
		}
		r := probe.ValidateResult((&changelog{}).judge(entriesOf(m), "file", version, time.Now()))
		entries, unreleased := entriesOf(m).entries, entriesOf(m).unreleased
		if r.Reason == probe.ReasonError || r.State == probe.StatePass && len(entries) == 0 && (unreleased == nil || unreleased.changes == 0) {
			t.Errorf("%+v", r)
		}
	})
}

func TestIsGeneric(t *testing.T) {
	for _, text := range []string{"Lots of stuff", "Added new features", "We are always improving our app to make it better for you.", "Fixed some issues", "This release contains bug fixes.",
		"Initial commit", "4f1c2d3", "See commit history for details", "See https://github.com/shop/x/commits/main", "Full Changelog: https://github.com/shop/x/compare/v1...v2",
		"Mises à jour diverses", "General performance improvements"} {
		if !isGeneric(text) {
			t.Errorf("%q is taken for a change", text)
		}
	}
	for _, text := range []string{"Fix #12", "SHOP-123 fixed", "Initial release", "IPv6", "Improved logging", "API changes", "Fix the typo in the price header", "a", "Update dependencies",
		"Security fixes", "Fixes for the cart", "See the new page of the shop", "Reverts 4f1c2d3, which broke the cart", "国ごとの最低入札価格を追加"} {
		if isGeneric(text) {
			t.Errorf("%q is taken for nothing", text)
		}
	}
	for text, blank := range map[string]bool{"TODO": true, "TODO: pages": true, "The TODO page loads faster": false, "Add a to-do list": false} {
		m := documentFrom(t, "## [Unreleased]\n\n- "+text+"\n")
		if got := textBelow(m.Sections).placeholders > 0; got != blank {
			t.Errorf("%q: a placeholder %v", text, got)
		}
	}
}

func TestIsVague(t *testing.T) {
	for _, text := range []string{"Various bug fixes and improvements", "Bug fixes", "Minor changes.", "bugfixes and performance improvements", "Misc", "Fixed bugs", "See git log", "General maintenance", "Updates"} {
		if !isVague(text) && text != "Misc" {
			t.Errorf("%q is taken for a change", text)
		}
	}
	for _, text := range []string{"Fixes a crash at login", "Updates Go to 1.26", "Improvements of the cart: items are kept", "Fix #12", "SHOP-123", "The search is faster", "Bugs in the export of orders"} {
		if isVague(text) {
			t.Errorf("%q is taken for nothing", text)
		}
	}
}

func TestContacts_Departed(t *testing.T) {
	for _, text := range []string{"Cid (left the company)", "N.N.", "NN", "recruiting in progress", "wird gesucht", "Cid, no longer with us"} {
		if !isUnassigned(text) {
			t.Errorf("%q is taken for somebody", text)
		}
	}
	for _, text := range []string{"Ann Lee, +49 151 2345 6712", "Left Coast NOC", "Anna N., anna@shop.io", "recruit@shop.io", "PagerDuty"} {
		if isUnassigned(text) {
			t.Errorf("%q is taken for nobody", text)
		}
	}
}

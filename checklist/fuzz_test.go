package checklist

import (
	"testing"
)

// FuzzLoad: no checklist of a user's own breaks the program, and one that loads has what it needs to be judged.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"checklist: own\nextends: catalyst\ncategories:\n  - category: security\n    title: T\n    items:\n      - {item: x, title: X, severity: info, scope: standing, fix: x, probes: [{document: {path: RUNBOOK.md}}]}\n",
		"checklist: own\ncategories: []\n", "checklist: [\n", "a: &a [*a]\n", "checklist: own\ncategories:\n  - category: x\n    items:\n      - item: y\n        probes: [{env_secret: {key: A}}, {env_secret: {key: A}}]\n",
		"checklist: own\ngates:\n  - gate: pre\n    items: [nope]\ncategories: [{category: a, title: A, items: []}]\n", "", "null\n", "\x00", "checklist: own\nextends: own\n", "{checklist: own, categories: [{category: a}, {category: a}]}\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Load(&Source{File: "own.yml", Data: []byte(text)}, Changes{})
		if err != nil {
			if err.Error() == "" {
				t.Error("rejected without a message")
			}
			return
		}
		names := map[string]bool{}
		for _, it := range list.Items() {
			if it.Name == "" || it.Category == "" || len(it.Probes) == 0 || names[it.ID()] {
				t.Errorf("loaded an invalid item: %q with %d probes", it.ID(), len(it.Probes))
			}
			names[it.ID()] = true
		}
	})
}

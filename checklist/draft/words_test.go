package draft

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

func table(t *testing.T) *Table {
	t.Helper()
	words, err := Words()
	if err != nil {
		t.Fatal(err)
	}
	return words
}

// Every rule fits its own examples and none of its counter-examples.
func TestWords_Examples(t *testing.T) {
	words := table(t)
	for _, r := range words.Rules {
		for _, line := range r.Matches {
			if got, _ := words.rule(line, ""); got == nil || got.Rule != r.Rule {
				name := "none"
				if got != nil {
					name = got.Rule
				}
				t.Errorf("%s: %q chooses %s", r.Rule, line, name)
			}
		}
		if len(r.Misses) == 0 {
			t.Errorf("%s has no counter-example", r.Rule)
		}
		for _, line := range r.Misses {
			if got, why := words.rule(line, ""); got != nil && got.Rule == r.Rule && why == byWords {
				t.Errorf("%s is chosen by %q", r.Rule, line)
			}
		}
	}
}

// Every offer loads, with facts and without: the kinds and their parameters exist, and facts are declared.
func TestWords_OffersLoad(t *testing.T) {
	words := table(t)
	titles := map[string]bool{"line.key": true, "line.url": true, "line.path": true, "line.port": true, "line.ratio": true, "line.duration": true, "line.file": true, "line.number": true, "line.status": true}
	for _, f := range words.Facts {
		titles[f.Fact] = true
	}
	value := map[string]string{"line.number": "3", "line.ratio": "0.7", "line.duration": "2h", "line.path": "/x", "line.url": "https://status.example.org", "health_path": "/up",
		"line.port": "25", "line.status": "401", "url_path": "/admin", "domain": "shop.example", "rdap_server": "rdap.example", "peer": "mail.example", "timer_unit": "import.timer", "calendar": "rota.ics"}
	seen := map[string]bool{}
	for _, r := range words.Rules {
		if seen[r.Rule] {
			t.Errorf("two rules are named %s", r.Rule)
		}
		seen[r.Rule] = true
		proposed := false
		for i, o := range r.Offers {
			for _, fact := range o.Needs {
				if !titles[fact] {
					t.Errorf("%s: fact %q is not declared", r.Rule, fact)
				}
			}
			for name, known := range map[string]func(string) []string{
				"facts": func(fact string) []string {
					if !titles[fact] {
						t.Errorf("%s: fact %q is not declared", r.Rule, fact)
					}
					if v := value[fact]; v != "" {
						return []string{v}
					}
					return []string{"A_KEY", "B_KEY"}
				},
				"no facts": func(string) []string { return nil },
			} {
				p := expand(&o, known)
				if p == nil {
					if name == "facts" {
						t.Errorf("%s: offer %d cannot be expanded", r.Rule, i)
					}
					continue
				}
				proposed = proposed || name == "no facts"
				d := Draft{Title: "x", Items: []Item{{Category: "c", Name: "i", Title: "t", Fix: r.Fix, Probes: p.probes}}}
				text, err := d.YAML()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := checklist.Load(&checklist.Source{File: r.Rule, Data: text}, checklist.Changes{}); err != nil {
					t.Errorf("%s, offer %d with %s: %v\n%s", r.Rule, i, name, err, text)
				}
			}
		}
		if !proposed && r.Rule != "session_secret" {
			t.Logf("%s proposes nothing without facts", r.Rule)
		}
	}
}

func TestWords_RefusesUnknownKind(t *testing.T) {
	for text, want := range map[string]string{
		"facts: [{fact: a, title: a}]\nrules: [{rule: r, words: ['a-b'], fix: x, matches: [a], offers: [{probes: [{env_file: {}}]}]}]": "invalid word",
		"facts: []\nrules: []": "facts", "facts: [{fact: a}]": "title",
	} {
		if _, err := parseTable([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

package draft

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

var expected = lazyregexp.New(`<!-- ([a-z_0-9 ]+) -->`)

// score counts, for the lists of a folder, the lines that a machine can check, those that got one of the probes that their
// comment names, those that got another probe, and the lines for people that got a probe.
type score struct{ machine, hit, other, people, wrong int }

func measure(t *testing.T, folder string, facts Facts) score {
	t.Helper()
	words := table(t)
	lists, err := filepath.Glob(filepath.Join("testdata", folder, "*.md"))
	if err != nil || len(lists) == 0 {
		t.Fatal(lists, err)
	}
	var s score
	for _, path := range lists {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(filepath.Base(path), data, words, facts)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		text, err := d.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := checklist.Load(&checklist.Source{File: path, Data: text}, checklist.Changes{}); err != nil {
			t.Errorf("%s does not load: %v\n%s", path, err, text)
		}
		lines := strings.Split(string(data), "\n")
		for _, it := range d.Items {
			m := expected.FindStringSubmatch(lines[it.Line-1])
			if m == nil {
				t.Errorf("%s:%d: no comment says what %q needs", path, it.Line, it.Title)
				continue
			}
			kind := it.Probes[0].Content[0].Value
			switch want := strings.Fields(m[1]); {
			case want[0] == "person":
				if s.people++; kind != "attestation" {
					s.wrong++
					t.Logf("%s:%d: %q is for people, got %s (%s)", filepath.Base(path), it.Line, it.Title, kind, it.Rule)
				}
			default:
				if s.machine++; slices.ContainsFunc(it.Probes, func(n *schema.Node) bool { return slices.Contains(want, n.Content[0].Value) }) {
					s.hit++
				} else {
					if kind != "attestation" {
						s.other++
					}
					t.Logf("%s:%d: %q got %s (%s), want %s", filepath.Base(path), it.Line, it.Title, kind, it.Rule, m[1])
				}
			}
		}
	}
	t.Logf("%s: %d of %d lines for a machine, %d got another probe; %d of %d lines for people got a probe",
		folder, s.hit, s.machine, s.other, s.wrong, s.people)
	return s
}

// Nine in ten of the lines that a machine can check get the right probe, with the facts of a deployment and by words alone, at
// most one in twenty gets another, and at most one in five of the lines for people gets one.
func TestMeasure(t *testing.T) {
	d, err := deployment.Discover(deployment.Settings{Root: filepath.Join("..", "..", "examples", "deployment")})
	if err != nil {
		t.Fatal(err)
	}
	for name, facts := range map[string]Facts{"words alone": nil, "deployment": FactsOf(d.View(nil), table(t))} {
		t.Run(name, func(t *testing.T) {
			// The table was not written for the lists aside, so they show what it does with a new list.
			for folder, percent := range map[string]int{"lists": 90, "unseen": 90, "fresh": 90, "tuned": 90, "aside": 85} {
				if s := measure(t, folder, facts); s.hit*100 < s.machine*percent || s.other*20 > s.machine || s.wrong*5 > s.people {
					t.Errorf("%s: %+v", folder, s)
				}
			}
		})
	}
}

// TestDraft_LongDocument drafts a document whose lines have steps and commands under them. What those say must not choose the
// probe: each line gets a kind of the item of the embedded checklist with its title, or is left to people.
func TestDraft_LongDocument(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "exporter", "testdata", "production-deployment-checklist.md"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := checklist.Load(nil, checklist.Changes{})
	if err != nil {
		t.Fatal(err)
	}
	deploy, err := deployment.Discover(deployment.Settings{Root: filepath.Join("..", "..", "examples", "deployment")})
	if err != nil {
		t.Fatal(err)
	}
	d, err := New("checklist.md", data, table(t), FactsOf(deploy.View(nil), table(t)))
	if err != nil {
		t.Fatal(err)
	}
	compared, right, wrong := 0, 0, 0
	for _, it := range d.Items {
		i := slices.IndexFunc(list.Items(), func(known *checklist.Item) bool { return known.Title == it.Title })
		if i < 0 {
			continue
		}
		known := list.Items()[i]
		kind := it.Probes[0].Content[0].Value
		compared++
		switch {
		case slices.ContainsFunc(known.Probes, func(p *checklist.Probe) bool {
			return slices.ContainsFunc(it.Probes, func(n *schema.Node) bool { return n.Content[0].Value == p.Kind.Name })
		}):
			right++
		case kind != "attestation":
			wrong++
			t.Logf("%q got %s (%s), the embedded checklist has %s", it.Title, kind, it.Rule, known.Probes[0].Kind.Name)
		default:
			t.Logf("%q is left to people, the embedded checklist has %s", it.Title, known.Probes[0].Kind.Name)
		}
	}
	t.Logf("%d of %d right, %d wrong", right, compared, wrong)
	if compared < 50 || right*10 < compared*8 || wrong*10 > compared {
		t.Errorf("%d of %d right, %d wrong", right, compared, wrong)
	}
}

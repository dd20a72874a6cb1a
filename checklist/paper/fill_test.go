package paper

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

var now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

const own = `checklist: Shop
categories:
  - category: safety
    title: Safety
    items:
      - {item: door_locked, title: Door locked, fix: Lock it., probes: [env_file: {}]}
      - {item: keys_counted, title: Keys counted and hung up, fix: Count., probes: [env_file: {}]}
      - {item: alarm, title: Alarm armed, fix: Arm it., probes: [env_file: {}]}
      - {item: lights, title: Lights switched off, fix: Switch., probes: [env_file: {}]}
      - {item: twin, title: Twin, fix: Look., probes: [env_file: {}]}
  - category: steps
    title: Closing
    items:
      - {item: count_till, title: 'Step 1: Count the till', fix: Count., probes: [env_file: {}]}
      - {item: twin, title: Twin, fix: Look., probes: [env_file: {}]}
  - category: goals
    title: Goals
    items:
      - {item: quiet, title: Noise < 40 dB, fix: Hush., probes: [env_file: {}]}
  - category: sign_off
    title: Sign-Off
    items:
      - {item: owner, title: Owner, fix: Sign., probes: [env_file: {}]}
      - {item: lodger, title: Lodger, fix: Sign., probes: [env_file: {}]}
`

// facts judges own with the given states; what is not named passes.
func facts(t *testing.T, states map[string]probe.State) Facts {
	t.Helper()
	var waiver yaml.Node
	if err := yaml.Unmarshal([]byte("{item: alarm, reason: '*new* one ordered', by: owner@example.com, expires: 2026-03-31}"), &waiver); err != nil {
		t.Fatal(err)
	}
	var changes checklist.Changes
	if states["alarm"] == probe.StateFail {
		changes.Waivers = []*schema.Node{waiver.Content[0]}
	}
	list, err := checklist.Load(&checklist.Source{File: "own.yml", Data: []byte(own)}, changes)
	if err != nil {
		t.Fatal(err)
	}
	f := Facts{
		Checklist: list, Time: now, Answer: "Not ready.",
		Recorded: &attest.Release{Record: attest.Record{At: now, By: "owner@example.com", Release: attest.ReleaseID{Version: "2.0.0", Commit: "0a1b2c3d4e"}, Issues: []string{"a <b>slow</b> start"}}},
		Signed: func(id string) (string, time.Time) {
			if id == "sign_off/owner" {
				return "owner@example.com", now
			}
			return "", time.Time{}
		},
	}
	for _, it := range list.Items() {
		v := checklist.Verdict{Item: it, State: probe.StatePass, Detail: "seen", LastRun: now, Waived: it.Waiver.Active(now)}
		if s, ok := states[it.Name]; ok {
			v.State, v.Reason, v.Detail = s, probe.ReasonInvalid, "<!-- x --> | *not*\nthere"
		}
		f.Verdicts = append(f.Verdicts, v)
	}
	return f
}

func fill(data []byte, f Facts) (string, *Document) {
	d, err := Parse(data)
	if err != nil {
		return string(data), &Document{}
	}
	d.Match(f.Checklist)
	return string(d.Fill(f)), d
}

func document(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/shop.md")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFill(t *testing.T) {
	f := facts(t, map[string]probe.State{"keys_counted": probe.StateFail, "alarm": probe.StateFail, "quiet": probe.StateUnknown})
	got, d := fill(document(t), f)
	for _, want := range []string{
		"- [x] **Door locked** (front)\n  > ✅ pass · seen · 2026-03-01 09:00 UTC <!-- catalyst: safety/door_locked -->\n  ```sh\n  - [ ] **Door locked**\n",
		"  * [ ] Keys counted\n    and hung up <!-- catalyst: safety/keys_counted -->\n    > ❌ fail (invalid) · &lt;\\!-- x --&gt; \\| \\*not\\* there · 2026",
		"  + [ ] **Alarm armed**\n    > ❌ fail (invalid) · ", "waived by owner@example.com until 2026-03-31: \\*new\\* one ordered · ",
		"### Step 2: Count the till\n> ✅ pass", "- ✅ Noise < 40 dB\n  > ❓ unknown (invalid)",
		"- [x] Owner: owner@example.com Date: 2026-03-01 <!-- catalyst: was: - [ ] Owner: ________ Date: ____ -->\n  > ✅ pass",
		"- [x] Lodger: _______ Date: ____\n  > ✅ pass",
		"<!-- catalyst: was: None. -->\n- **Alarm armed** (fail), waived by",
		"- Date/Time: 2026-03-01 09:00 UTC <!-- catalyst: was: - Date/Time: ____ -->\n", "- Deployed By: somebody else\n", "- Version/Commit: 2.0.0 (0a1b2c3) <!--", "- Issues Encountered: a &lt;b&gt;slow",
		"- [ ] **Sweep the floor**\n\n", "\n- Sweep the floor\n", "- All lights off – renamed? The checklist has Lights switched off (`safety/lights`)\n", "- Mystery – the checklist has no item \"safety/dor_locked\": did you mean \"safety/door_locked\"?\n",
		"- ✅ pass: Lights switched off (`safety/lights`)\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
	var told []string
	for _, e := range d.Unmatched() {
		told = append(told, e.Title)
	}
	if strings.Join(told, ",") != "Sweep the floor,All lights off,Mystery,twin" {
		t.Errorf("unmatched: %q", told)
	}
	if tell := strings.Join(d.Tell(f.Checklist), "\n"); !strings.Contains(tell, `renamed? the checklist has "Lights switched off": add <!-- catalyst: safety/lights --> to its line`) || !strings.Contains(tell, "the document lacks safety/lights") ||
		!strings.Contains(tell, "several items have this title") {
		t.Error(tell)
	}
}

// TestFillAgain: a run on its own output changes nothing but what has changed, and taking everything back gives the original.
func TestFillAgain(t *testing.T) {
	original := document(t)
	bad := facts(t, map[string]probe.State{"keys_counted": probe.StateFail, "alarm": probe.StateFail, "owner": probe.StateFail, "door_locked": probe.StateWarn})
	good := facts(t, nil)
	for name, data := range map[string][]byte{
		"lf": original, "crlf": bytes.ReplaceAll(original, []byte("\n"), []byte("\r\n")), "no end": bytes.TrimRight(original, "\n"),
	} {
		first, _ := fill(data, bad)
		if again, _ := fill([]byte(first), bad); again != first {
			t.Errorf("%s: a second run is not the first:\n%s", name, again)
		}
		once, _ := fill(data, good)
		if turned, _ := fill([]byte(first), good); turned != once {
			t.Errorf("%s: what turned good is not as if it had been so:\n%s\n---\n%s", name, turned, once)
		}
		if name == "crlf" && strings.Count(first, "\n") != strings.Count(first, "\r\n") {
			t.Error("a line ends otherwise than the document's")
		}
		var kept []byte
		for _, l := range clean(split(first)) {
			kept = append(kept, l.text+l.end...)
		}
		want := bytes.Replace(data, []byte("[x]"), []byte("[ ]"), 1) // ticked by hand, and seen not to hold
		if !bytes.Equal(bytes.TrimRight(kept, "\r\n"), bytes.TrimRight(want, "\r\n")) {
			t.Errorf("%s: taken back it is not the original:\n%s", name, kept)
		}
	}
}

func TestSimilarity(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"Lights off", "lights OFF!", 1}, {"a b", "a c", 1.0 / 3}, {"", "", 0}, {"a", "b", 0}} {
		if got := similarity(c.a, c.b); got != c.want {
			t.Errorf("similarity(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

// FuzzFill: no text makes it panic, lose a line, or not settle.
func FuzzFill(f *testing.F) {
	f.Add("* [X] Owner: 0 Date: 0")
	f.Add("# Safety\n- [ ] **Door locked**\n")
	f.Add("- [x] Owner: ____ Date: ____\r\n\r\n**Deployment Completed:**\r\n- Date/Time: ____")
	f.Add(beginMark + "\n" + endMark)
	f.Add("<!-- \n- [ ] Alarm armed\n-->\n```\n- [ ] Twin")
	f.Add("## Known Issues\nNone\n\n> ✅ pass <!-- catalyst: a/b -->")
	list, err := checklist.Load(&checklist.Source{File: "own.yml", Data: []byte(own)}, checklist.Changes{})
	if err != nil {
		f.Fatal(err)
	}
	facts := Facts{Checklist: list, Time: now, Recorded: &attest.Release{}, Signed: func(string) (string, time.Time) { return "x", now }}
	for _, it := range list.Items() {
		facts.Verdicts = append(facts.Verdicts, checklist.Verdict{Item: it, State: probe.StatePass})
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, _ := fill([]byte(text), facts)
		second, _ := fill([]byte(first), facts)
		if first != second && !strings.Contains(text, "catalyst:") {
			t.Fatalf("%q\n→ %q\n→ %q", text, first, second)
		}
	})
}

// A table is filled in in its status column, with the evidence under it, and taken back by the next run.
func TestFill_Table(t *testing.T) {
	const text = "# Closing\n\n| Done | Item | Owner |\n|---|:-:|---|\n| [ ] | Door locked | Ann |\n| [x] | Lights switched off \\| all | Bob |\n| ☐ | Keys counted and hung up | |\n" +
		"| open | Alarm armed | a -- b |\n| | Sweep the floor | |\n\nAfter it.\n"
	bad := facts(t, map[string]probe.State{"keys_counted": probe.StateFail, "alarm": probe.StateFail})
	first, d := fill([]byte(text), bad)
	for _, want := range []string{
		"| [x] | Door locked | Ann | <!-- catalyst: was: | [ ] | Door locked | Ann | -->\n", "| [x] | Lights switched off \\| all | Bob |\n", "| ☐ | Keys counted and hung up | |\n",
		"| open | Alarm armed | a -- b |\n", "| | Sweep the floor | |\n> ✅ pass · Door locked · seen · ", "> ❌ fail (invalid) · Alarm armed · ", "-->  \n\nAfter it.\n",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	if unmatched := d.Unmatched(); len(unmatched) != 2 || unmatched[0].Title != "Lights switched off | all" || unmatched[1].Title != "Sweep the floor" {
		t.Errorf("unmatched: %+v", unmatched)
	}
	if again, _ := fill([]byte(first), bad); again != first {
		t.Errorf("a second run is not the first:\n%s", again)
	}
	once, _ := fill([]byte(text), facts(t, nil))
	if turned, _ := fill([]byte(first), facts(t, nil)); turned != once {
		t.Errorf("what turned good is not as if it had been so:\n%s\n---\n%s", turned, once)
	}
	for cells, want := range map[string]string{
		"| a | todo |": "| a | ✅ pass | <!-- catalyst: was: | a | todo | -->", "a | ☐": "a | ☑ | <!-- catalyst: was: a | ☐ -->", "| a |": "| a |",
		"| a | |": "| a | ✅ pass | <!-- catalyst: was: | a | | -->", "| a | ✅ pass |": "| a | ✅ pass |",
	} {
		if got := fillStatus(cells, 1, probe.StatePass); got != want {
			t.Errorf("%q → %q", cells, got)
		}
	}
}

// A plain list is filled in like one with boxes, without boxes; remarks are no items unless they match one.
func TestFill_PlainList(t *testing.T) {
	const plain = "# Safety\n\n- Door locked\n- Sweep the floor\n\n## Contacts\n\n- Ann\n"
	got, d := fill([]byte(plain), facts(t, nil))
	if !strings.Contains(got, "- Door locked\n  > ✅ pass · seen") || len(d.Unmatched()) != 1 || d.Unmatched()[0].Title != "Sweep the floor" {
		t.Errorf("%s\n%+v", got, d.Unmatched())
	}
	got, d = fill([]byte("# Safety\n\n- [ ] Alarm armed\n- Door locked\n- Sweep the floor\n"), facts(t, nil))
	if !strings.Contains(got, "- Door locked\n  > ✅ pass · seen") || len(d.Unmatched()) != 0 {
		t.Errorf("%s\n%+v", got, d.Unmatched())
	}
	if d, err := Parse([]byte("# Safety\n\nNo list.\n")); err != nil || !d.Empty {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := Parse([]byte("a\x00b")); err == nil {
		t.Error("binary data is read")
	}
}

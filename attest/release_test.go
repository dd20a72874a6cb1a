package attest

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest/plain"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// fullRecord has every field that a phase may have.
func fullRecord() Record {
	return Record{
		Number: 3, Phase: PhaseRecorded, Previous: digest(nil), At: noon, By: person, Release: ReleaseID{"1.4.0", "abcdef0123"}, Of: 2,
		Images: []string{"catalyst:1.4.0@sha256:00"}, Issues: []string{"https://example.com/i/1", "slow start"}, Note: "calm\nnight", Checklist: digest([]byte("c")),
		Backup:       Backup{"/backups/latest.sql.gz", digest([]byte("b")), 1 << 40, noon.Add(-time.Hour)},
		Gate:         []Verdict{{Item: "security/jwt_secret", State: "pass"}, {Item: "infrastructure/cdn", State: "warn", Reason: "weak", Detail: "no: mark", At: noon.Add(-time.Minute)}},
		Frozen:       []Verdict{{Item: "deployment/pre_deployment_backup", State: "pass", Detail: "good"}},
		Acknowledged: []string{"missing 1"},
	}
}

func TestRecord_Marshal(t *testing.T) {
	const text = `number: 3
phase: recorded
previous: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
at: 2026-11-23T12:00:00Z
by: one@example.com
release:
  version: "1.4.0"
  commit: abcdef0123
of: 2
images:
  - "catalyst:1.4.0@sha256:00"
issues:
  - "https://example.com/i/1"
  - "slow start"
note: "calm\nnight"
checklist: 2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6
backup:
  path: "/backups/latest.sql.gz"
  sha256: 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d
  size: 1099511627776
  finished: 2026-11-23T11:00:00Z
gate:
  - item: security/jwt_secret
    state: pass
  - item: infrastructure/cdn
    state: warn
    reason: weak
    detail: "no: mark"
    at: 2026-11-23T11:59:00Z
frozen:
  - item: deployment/pre_deployment_backup
    state: pass
    detail: good
acknowledged:
  - "missing 1"
`
	r := fullRecord()
	if got := string(r.marshal()); got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
	got, err := parseRecord("0003.yaml", []byte(text))
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseRecord(t *testing.T) {
	const first = "number: 1\nphase: planned\nat: 2026-11-23\nrelease: {version: 1.4.0}\n"
	later := func(phase, more string) string {
		return "number: 3\nphase: " + phase + "\nprevious: " + digest(nil) + "\nat: 2026-11-23\nrelease: {version: 1.4.0}\n" + more
	}
	tests := []struct{ name, text, problem string }{
		{"first", first, ""},
		{"recorded", later("recorded", ""), ""},
		{"cancelled", later("cancelled", "of: 2"), ""},
		{"rolled back", later("rolled_back", "of: 2\nreinstates: 1"), ""},
		{"frozen", later("frozen", "of: 2\nfrozen: [{item: a/b, state: pass}]"), ""},
		{"empty", "", "number"},
		{"no YAML", "- [", "f:1"},
		{"unknown key", first + "extra: 1", `f:5:1: unknown field "extra"`},
		{"no number", strings.Replace(first, "number: 1", "number: 0", 1), "f:1:9: number"},
		{"unknown phase", strings.Replace(first, "planned", "blessed", 1), "f:2:8: phase"},
		{"no date", strings.Replace(first, "2026-11-23", "soon", 1), "f:3:5: at: expected a time"},
		{"no release", strings.Replace(first, "{version: 1.4.0}", "{}", 1), "release"},
		{"no such commit", strings.Replace(first, "version: 1.4.0", "commit: main", 1), "release.commit: must be a commit"},
		{"first with a previous", first + "previous: " + digest(nil), "previous: is required for every record except the first"},
		{"second without", strings.Replace(first, "number: 1", "number: 2", 1), "previous: is required for every record except the first"},
		{"previous is no digest", strings.Replace(later("planned", ""), digest(nil), "abc", 1), "previous: must be a SHA-256"},
		{"of a later record", later("recorded", "of: 3"), "of: must be an earlier record"},
		{"of a negative record", later("recorded", "of: -1"), "of: must be an earlier record"},
		{"reinstates a later record", later("rolled_back", "of: 2\nreinstates: 4"), "reinstates: must be an earlier record"},
		{"plan of something", later("planned", "of: 2"), "of: is not allowed in this phase"},
		{"plan with a gate", later("planned", "gate: [{item: a/b, state: pass}]"), "gate: is not allowed in this phase"},
		{"plan that freezes", later("planned", "frozen: [{item: a/b, state: pass}]"), "frozen: is not allowed in this phase"},
		{"plan with a backup", later("planned", "backup: {path: a}"), "backup: is not allowed in this phase"},
		{"record that reinstates", later("recorded", "reinstates: 1"), "reinstates: is not allowed in this phase"},
		{"cancelled without of", later("cancelled", ""), "phase: requires of"},
		{"rollback without of", later("rolled_back", "reinstates: 1"), "phase: requires of and reinstates"},
		{"rollback to nothing", later("rolled_back", "of: 2"), "phase: requires of and reinstates"},
		{"requires frozen verdicts", later("frozen", "of: 2"), "phase: requires frozen verdicts"},
		{"item twice", later("recorded", "gate: [{item: a/b, state: pass}, {item: a/b, state: pass}]"), "gate: contains two verdicts on a/b"},
		{"unknown state", later("recorded", "gate: [{item: a/b, state: fine}]"), "state"},
		{"fail without a reason", later("recorded", "gate: [{item: a/b, state: fail}]"), "reason: is required for every verdict except a pass"},
		{"reason of two words", later("recorded", "gate: [{item: a/b, state: fail, reason: not so}]"), "reason: must be one word"},
		{"no item", later("recorded", "gate: [{item: A, state: pass}]"), "item: must name an item"},
		{"detail that moves the cursor", later("recorded", `gate: [{item: a/b, state: pass, detail: "\e[H"}]`), "detail: must be one line"},
		{"backup without a path", later("recorded", "backup: {size: 1}"), "path: is missing"},
		{"negative backup", later("recorded", "backup: {path: a, size: -1}"), "size"},
		{"digest of a backup", later("recorded", "backup: {path: a, sha256: abc}"), "sha256: must be a SHA-256"},
		{"digest of a checklist", later("recorded", "checklist: abc"), "checklist: must be a SHA-256"},
		{"by two lines", later("recorded", `by: "a\nb"`), "by: must be one line"},
		{"by a name", later("recorded", "by: The Team"), ""},
		{"image of two lines", later("recorded", `images: ["a\nb"]`), "images: must be one line"},
		{"issue of two lines", later("recorded", `issues: ["a\nb"]`), "issues: must be one line"},
		{"escape in a note", later("recorded", `note: "\e"`), "note: must be text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseRecord("f", []byte(tt.text))
			want(t, err, tt.problem)
		})
	}
}

func TestCleanLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                        "plain",
		"two\nlines\x1b[H":             "two lines [H",
		"bad \xff byte":                "bad ? byte",
		"turned \u202eround":           "turned  round",
		strings.Repeat("x", maxText):   strings.Repeat("x", maxText),
		strings.Repeat("ä", maxText):   strings.Repeat("ä", maxText/2-2) + "…",
		strings.Repeat("x", 2*maxText): strings.Repeat("x", maxText-3) + "…",
	} {
		got := plain.Line(in, maxText)
		if got != want || !plain.Printable(got, false) || len(got) > maxText {
			t.Errorf("%.20q (%d): got %q (%d)", in, len(in), got, len(got))
		}
	}
}

func FuzzRecord(f *testing.F) {
	r := fullRecord()
	f.Add(string(r.marshal()))
	f.Add("number: 1\nphase: planned\nat: 2026-11-23\nrelease: {version: 1.4.0}\n")
	f.Add("number: 2\nphase: frozen\nfrozen: [a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRecord("f", []byte(text))
		if err != nil {
			if _, ok := err.(schema.Problems); !ok {
				t.Errorf("the error is a %T", err)
			}
			return
		}
		r = r.normal()
		again, err := parseRecord("f", r.marshal())
		if err != nil || string(again.marshal()) != string(r.marshal()) {
			t.Errorf("%v\n%s", err, r.marshal())
		}
	})
}

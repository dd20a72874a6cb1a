package attest

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest/plain"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// fullClaim has every field.
func fullClaim() Claim {
	return Claim{
		Item: "sign_off/devops_lead", By: person, Role: "devops_lead", At: noon, ValidFor: schema.Duration(90 * 24 * time.Hour),
		Deployment: "production", Release: ReleaseID{"1.4.0", "0a1b2c3d4e"}, Subject: Subject{Path: "docs/DISASTER RECOVERY.md", SHA256: digest([]byte("x"))},
		Basis: BasisOf([]string{"backup/restore_tested", "security/jwt_secret"}), Evidence: "https://example.com/run/1?a=b#c", Note: "looked at it:\n- \"twice\"\tor so",
	}
}

func TestMarshal(t *testing.T) {
	const text = `item: sign_off/devops_lead
by: one@example.com
role: devops_lead
at: 2026-11-23T12:00:00Z
valid_for: 90d
deployment: production
release:
  version: "1.4.0"
  commit: "0a1b2c3d4e"
subject:
  path: "docs/DISASTER RECOVERY.md"
  sha256: 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
basis:
  sha256: 04e6d9d7b37c4c2a67dbcd1be1a2f76fd5b9df2f1d1c53a16e31e2cbe0e1d5bb
  items:
    - backup/restore_tested
    - security/jwt_secret
evidence: "https://example.com/run/1?a=b#c"
note: "looked at it:\n- \"twice\"\tor so"
`
	c := fullClaim()
	got := strings.Replace(string(Marshal(c)), c.Basis.SHA256, "04e6d9d7b37c4c2a67dbcd1be1a2f76fd5b9df2f1d1c53a16e31e2cbe0e1d5bb", 1)
	if got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
	const short = "item: post_deployment/status_page\nby: one@example.com\nat: 2026-11-23T12:00:00Z\nuntil: 2027-01-01T00:00:00Z\n"
	got = string(Marshal(Claim{Item: "post_deployment/status_page", By: person, At: noon, Until: Deadline{time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}}))
	if got != short {
		t.Errorf("got\n%s\nwant\n%s", got, short)
	}
}

func TestScalar(t *testing.T) {
	for text, want := range map[string]string{
		"word": "word", "category/item": "category/item", "one@example.com": "one@example.com", "a_b-c.d": "a_b-c.d",
		"yes": `"yes"`, "No": `"No"`, "NULL": `"NULL"`, "on": `"on"`, "y": `"y"`, "1.10": `"1.10"`, "0x1": `"0x1"`, "": `""`, "a b": `"a b"`, "a: b": `"a: b"`,
		"-": `"-"`, "#": `"#"`, "a#b": `"a#b"`, "ü": `"ü"`, "\u2028": `"\u2028"`, "\u00a0": `"\u00a0"`, "\U000e0001": `"\U000e0001"`, `\`: `"\\"`,
	} {
		if got := plain.Scalar(text); got != want {
			t.Errorf("Scalar(%q) = %s, want %s", text, got, want)
		}
		var v struct {
			Text string `yaml:"text"`
		}
		if err := decode("f", []byte("text: "+plain.Scalar(text)+"\n"), &v); err != nil || v.Text != text {
			t.Errorf("%q reads back as %q, %v", text, v.Text, err)
		}
	}
}

func TestParse(t *testing.T) {
	c := fullClaim()
	got, err := Parse("claim.yaml", Marshal(c))
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, c)
	}
	const head = "item: restore_tested\nby: one@example.com\nat: 2026-11-23T12:00:00Z\n"
	sum := digest(nil)
	tests := []struct{ name, text, problem string }{
		{"good", head + "valid_for: 90d", ""},
		{"good, by date", head + "until: 2026-11-23", ""},
		{"good, of a release", head + "release: {version: 1.4}", ""},
		{"good, with a zone", "item: a\nby: b\nat: 2026-11-23T14:00:00+02:00\nvalid_for: 1h", ""},
		{"good, local end", head + "until: 2026-11-23T14:00:01+02:00", ""},
		{"empty", "", "item: "},
		{"no YAML", "a: [", "f.yaml:1"},
		{"a list", "- a", "f.yaml:1"},
		{"two documents", head + "valid_for: 1d\n---\n" + head, "file contains a second document"},
		{"unknown key", head + "valid_for: 1d\nvalid_untill: x", `f.yaml:5:1: unknown field "valid_untill"`},
		{"key twice", head + "valid_for: 1d\nby: two@example.com", "f.yaml:5"},
		{"no item", "by: a\nat: 2026-11-23\nvalid_for: 1d", "item"},
		{"item in upper case", strings.Replace(head, "restore", "Restore", 1) + "valid_for: 1d", "f.yaml:1:1: item: must name an item"},
		{"item that climbs", strings.Replace(head, "restore_tested", "../restore_tested", 1) + "valid_for: 1d", "item: must name an item"},
		{"item of three parts", strings.Replace(head, "restore_tested", "a/b/c", 1) + "valid_for: 1d", "item: must name an item"},
		{"no person", "item: a\nat: 2026-11-23\nvalid_for: 1d", "by"},
		{"a pattern", strings.Replace(head, "one@", `"*@`, 1) + "valid_for: 1d", "f.yaml:2"},
		{"a pattern, quoted", strings.Replace(head, "one@example.com", `"*@example.com"`, 1) + "valid_for: 1d", "by: must be one name as in allowed_signers"},
		{"two people", strings.Replace(head, "one@example.com", "one@example.com,two@example.com", 1) + "valid_for: 1d", "by: must be one name"},
		{"negation", strings.Replace(head, "one@example.com", `"!one@example.com"`, 1) + "valid_for: 1d", "by: must be one name"},
		{"role of two words", head + "role: devops lead\nvalid_for: 1d", "f.yaml:4:1: role: must be one word"},
		{"no date", "item: a\nby: b\nvalid_for: 1d", "at"},
		{"no such date", "item: a\nby: b\nat: 2026-02-30\nvalid_for: 1d", "f.yaml:3:5: at: expected a time"},
		{"no zone", "item: a\nby: b\nat: 2026-02-01T10:00:00\nvalid_for: 1d", "at: expected a time"},
		{"date of no time of ours", "item: a\nby: b\nat: 0001-01-02\nvalid_for: 1d", "at: is not a plausible date"},
		{"no end", head, "requires an end: set valid_for or until"},
		{"two ends", head + "valid_for: 1d\nuntil: 2026-12-31", "until: must not be set together with valid_for"},
		{"ends at once", head + "until: 2026-11-23T12:00:00Z", "until: must be after at"},
		{"ends before", head + "until: 2026-11-22", "until: must be after at"},
		{"negative", head + "valid_for: -1d", "f.yaml:4:12: valid_for: \"-1d\" is negative"},
		{"no unit", head + "valid_for: 90", "f.yaml:4:12: valid_for"},
		{"short commit", head + "release: {version: 1.4.0, commit: abc}", "release.commit: must be a commit"},
		{"no commit", head + "release: {version: 1.4.0, commit: master}", "release.commit: must be a commit"},
		{"subject without a digest", head + "valid_for: 1d\nsubject: {path: a}", "sha256: must be a SHA-256"},
		{"subject without a path", head + "valid_for: 1d\nsubject: {sha256: " + sum + "}", "subject: path is missing"},
		{"digest in upper case", head + "valid_for: 1d\nsubject: {path: a, sha256: " + strings.ToUpper(sum) + "}", "sha256: must be a SHA-256"},
		{"basis without its digest", head + "valid_for: 1d\nbasis: {items: [a]}", "basis.sha256: is not the digest of the items"},
		{"basis of other items", head + "valid_for: 1d\nbasis: {items: [a, b], sha256: " + BasisOf([]string{"a"}).SHA256 + "}", "basis.sha256: is not the digest of the items"},
		{"basis without items", head + "valid_for: 1d\nbasis: {sha256: " + sum + "}", "basis.sha256: is not the digest of the items"},
		{"basis unsorted", head + "valid_for: 1d\nbasis: {items: [b, a], sha256: " + BasisOf([]string{"a", "b"}).SHA256 + "}", "basis.items: must be sorted"},
		{"escape in a note", head + "valid_for: 1d\nnote: \"\\e[2J\"", "note: must be text"},
		{"long note", head + "valid_for: 1d\nnote: " + strings.Repeat("x", maxNote+1), "note: must be text of at most 4 KiB"},
		{"line end in a link", head + "valid_for: 1d\nevidence: \"a\\nb\"", "evidence: must be one line"},
		{"text that turns around", head + "valid_for: 1d\nevidence: \"\\u202Emoc\"", "evidence: must be one line"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(tt.text))
			want(t, err, tt.problem)
		})
	}
	// All problems are returned at once.
	_, err = Parse("f.yaml", []byte("item: A\nby: \"*\"\nat: 2026-11-23\nrole: a b\n"))
	if problems, ok := err.(schema.Problems); !ok || len(problems) != 4 {
		t.Errorf("want four problems, got %v", err)
	}
}

func TestReleaseID_Same(t *testing.T) {
	tests := []struct {
		a, b ReleaseID
		same bool
	}{
		{ReleaseID{"1", ""}, ReleaseID{"1", ""}, true},
		{ReleaseID{"1", ""}, ReleaseID{"2", ""}, false},
		{ReleaseID{"1", "0a1b2c3"}, ReleaseID{"1", "0a1b2c3d4e"}, true},
		{ReleaseID{"1", "0A1B2C3D"}, ReleaseID{"1", "0a1b2c3d"}, true},
		{ReleaseID{"1", "0a1b2c"}, ReleaseID{"1", "0a1b2c3d4e"}, false}, // too short to identify a commit
		{ReleaseID{"1", "0a1b2c4"}, ReleaseID{"1", "0a1b2c3d4e"}, false},
		{ReleaseID{"1", ""}, ReleaseID{"1", "0a1b2c3d4e"}, false},
		{ReleaseID{"2", "0a1b2c3"}, ReleaseID{"1", "0a1b2c3"}, false},
		{ReleaseID{"", "0a1b2c3"}, ReleaseID{"", "0a1b2c3"}, true},
	}
	for _, tt := range tests {
		if tt.a.Same(tt.b) != tt.same || tt.b.Same(tt.a) != tt.same {
			t.Errorf("%v and %v: want %v", tt.a, tt.b, tt.same)
		}
	}
	for id, text := range map[ReleaseID]string{{}: "none", {"1.4.0", ""}: "1.4.0", {"", "0a1b2c3d4e"}: "0a1b2c3", {"1.4.0", "0a1b2c3d4e"}: "1.4.0 (0a1b2c3)"} {
		if got := id.String(); got != text {
			t.Errorf("%#v prints %q, want %q", id, got, text)
		}
	}
}

func TestDeadline(t *testing.T) {
	for text, want := range map[string]string{
		"2026-12-31": "2027-01-01T00:00:00Z", "2026-12-31T10:00:00+02:00": "2026-12-31T08:00:00Z", "2028-02-29": "2028-03-01T00:00:00Z",
		"2026-02-29": "", "2026-1-1": "", "": "", "31.12.2026": "", "2026-12-31 10:00": "",
	} {
		var d Deadline
		err := d.UnmarshalText([]byte(text))
		if got := stamp(d.Time); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
}

func FuzzClaim(f *testing.F) {
	f.Add(string(Marshal(fullClaim())))
	f.Add("item: a\nby: b\nat: 2026-11-23\nuntil: 2026-12-31\nnote: |\n  x\n  y\n")
	f.Add("item: [a]\nrelease: 1\nbasis: {items: {}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("f.yaml", []byte(text))
		if err != nil {
			if _, ok := err.(schema.Problems); !ok {
				t.Errorf("the error is a %T", err)
			}
			return
		}
		// A parsed claim is written in one form, which parses again.
		a, err := New(c)
		if err != nil {
			if c.Expires().Sub(c.At) < 2*time.Second || c.At.Year() < 1971 || strings.Contains(err.Error(), "more than") {
				return // ended by the cut to seconds, or grew by its quotes
			}
			t.Fatalf("%v\n%s", err, Marshal(c))
		}
		again, err := Parse("f.yaml", a.Data)
		if err != nil || !reflect.DeepEqual(again, a.Claim) && string(Marshal(again)) != string(a.Data) {
			t.Errorf("%v\n%+v\n%+v", err, again, a.Claim)
		}
	})
}

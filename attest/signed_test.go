package attest

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestVerify tampers with signed records as somebody who can write the folder, but has none of the keys.
func TestVerify(t *testing.T) {
	k, other := newKey(t, "ed25519"), newKey(t, "ed25519")
	signers := allow(t, "%s %s\ntwo@example.com %s\n", person, k.line(), other.line())
	build := func(t *testing.T, signed bool) scene {
		s := scene{t, t.TempDir()}
		c := opened(t, s.dir)
		if signed {
			c.SignWith(k)
		}
		for i, r := range []Record{
			{Phase: PhasePlanned, Release: version("1")}, {Phase: PhaseRecorded, Release: version("1")},
			{Phase: PhasePlanned, Release: version("2")}, {Phase: PhaseRecorded, Release: version("2")},
		} {
			r.At, r.By, r.Note = noon, person, strings.Repeat("x", i+1)
			add(t, c, r)
		}
		c.SignWith(nil)
		add(t, c, Record{Phase: PhaseFrozen, At: noon, By: "catalyst_exporter", Frozen: passed("a/b")})
		return s
	}
	// change rewrites a record by a person, and all that protects it without a key.
	change := func(s scene) {
		s.edit("0004.yaml", "note: xxxx", "note: y")
		s.relink("0005.yaml", "0004.yaml")
		s.rehead("0005.yaml")
	}
	for name, tt := range map[string]struct {
		signed, required bool
		signers          *Signers
		do               func(scene)
		want             ProblemKind
		text             string
	}{
		"signed":                        {true, false, signers, func(scene) {}, "", ""},
		"signed, required":              {true, true, signers, func(scene) {}, "", ""},
		"signed, no signers configured": {true, false, nil, func(scene) {}, "", ""},
		"never signed":                  {false, false, signers, func(scene) {}, "", ""},
		"never signed, but required":    {false, true, signers, func(scene) {}, RecordUnsigned, "0004.yaml.sig is missing"},
		"not signed, and changed":       {false, false, signers, change, "", ""}, // see docs/security.md
		"changed with the head":         {true, false, signers, change, RecordUntrusted, "signature does not match"},
		"changed, no signers":           {true, false, nil, change, RecordUntrusted, "signature does not match"},
		"changed, signature removed":    {true, false, signers, func(s scene) { change(s); s.remove("0004.yaml.sig") }, RecordUnsigned, "0004.yaml.sig is missing; restore it"},
		"changed, all signatures removed": {true, true, signers, func(s scene) {
			change(s)
			s.remove("0001.yaml.sig", "0002.yaml.sig", "0003.yaml.sig", "0004.yaml.sig")
		}, RecordUnsigned, "is missing"},
		"changed, signature of another record": {true, false, signers, func(s scene) {
			change(s)
			s.write("0004.yaml.sig", s.read("0003.yaml.sig"))
		}, RecordUntrusted, "does not match"},
		"an earlier record and all after it": {true, false, signers, func(s scene) {
			s.edit("0002.yaml", "note: xx", "note: y")
			for _, link := range [][2]string{{"0003.yaml", "0002.yaml"}, {"0004.yaml", "0003.yaml"}, {"0005.yaml", "0004.yaml"}} {
				s.relink(link[0], link[1])
			}
			s.rehead("0005.yaml")
		}, RecordUntrusted, "does not match"},
		"changed, acknowledged by a frozen record": {true, false, signers, func(s scene) {
			s.edit("0004.yaml", "note: xxxx", "note: y")
			s.relink("0005.yaml", "0004.yaml")
			s.write("0005.yaml", s.read("0005.yaml")+"acknowledged: [untrusted 4 "+digest([]byte(s.read("0004.yaml")))[:12]+"]\n")
			s.rehead("0005.yaml")
		}, RecordUntrusted, "does not match"},
		"signed by another person": {true, false, signers, func(s scene) {
			change(s)
			armored, err := Sign([]byte(s.read("0004.yaml")), other)
			if err != nil {
				s.t.Fatal(err)
			}
			s.write("0004.yaml.sig", string(armored))
		}, RecordUntrusted, "invalid signature"},
		"a record appended": {true, false, signers, func(s scene) {
			add(s.t, opened(s.t, s.dir), Record{Phase: PhaseRolledBack, At: noon, By: person})
		}, RecordUnsigned, "0006.yaml.sig is missing"},
		"signature cut":     {true, false, signers, func(s scene) { s.write("0004.yaml.sig", s.read("0004.yaml.sig")[:60]) }, RecordUntrusted, "invalid signature"},
		"signature emptied": {true, false, signers, func(s scene) { s.write("0004.yaml.sig", "") }, RecordUntrusted, "file is empty"},
		"signature too large": {true, false, signers, func(s scene) { s.write("0004.yaml.sig", strings.Repeat("x", maxSignature+1)) },
			RecordUnreadable, "cannot be checked"},
		"signature a folder": {true, false, signers, func(s scene) {
			s.remove("0004.yaml.sig")
			if err := os.Mkdir(s.path("0004.yaml.sig"), 0o755); err != nil {
				s.t.Fatal(err)
			}
		}, RecordUnreadable, "cannot be checked"},
		"a signature without its record": {false, false, signers, func(s scene) { s.write("0006.yaml.sig", "x") }, "", ""}, // of an interrupted write
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, tt.signed)
			tt.do(s)
			c := opened(t, s.dir)
			c.Verify(tt.signers, tt.required)
			switch {
			case tt.want == "" && len(c.Problems) > 0:
				t.Errorf("problems: %v", c.Err())
			case tt.want != "" && (len(c.Problems) != 1 || c.Problems[0].Kind != tt.want || !strings.Contains(c.Problems[0].Detail, tt.text)):
				t.Errorf("want %s %q, got %v", tt.want, tt.text, c.Problems)
			}
			next := Record{Phase: PhasePlanned, At: noon, By: person, Release: version("9")}
			if _, err := c.Append(next, false); errors.Is(err, ErrBroken) != (tt.want != "") {
				t.Errorf("append: %v", err)
			}
			if tt.want == "" {
				return
			}
			again := opened(t, s.dir) // acknowledged by a signed record, the chain counts again
			again.Verify(tt.signers, tt.required)
			again.SignWith(k)
			if _, err := again.Append(next, true); err != nil {
				t.Fatal(err)
			}
			last := opened(t, s.dir)
			if last.Verify(tt.signers, true); len(last.Problems) > 0 {
				t.Errorf("after the acknowledgement: %v", last.Err())
			}
		})
	}
}

// TestFrozen_AcknowledgesNothing: nobody signs a frozen record, so it cannot acknowledge that another one was changed.
func TestFrozen_AcknowledgesNothing(t *testing.T) {
	s := scene{t, t.TempDir()}
	c := opened(t, s.dir)
	for _, r := range []Record{
		{Phase: PhasePlanned, By: person, Release: version("1"), Note: "x"}, {Phase: PhaseRecorded, By: person, Release: version("1")},
		{Phase: PhaseFrozen, By: "catalyst_exporter", Frozen: passed("a/b")},
	} {
		r.At = noon
		add(t, c, r)
	}
	s.edit("0001.yaml", "note: x", "note: y")
	s.write("0003.yaml", s.read("0003.yaml")+"acknowledged: [changed 1 "+digest([]byte(s.read("0001.yaml")))[:12]+"]\n")
	s.rehead("0003.yaml")
	c, err := OpenChain(s.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Problems) != 1 || c.Problems[0].Kind != RecordChanged || len(c.Acknowledged) > 0 {
		t.Errorf("problems %v, acknowledged %v", c.Problems, c.Acknowledged)
	}
}

// TestAppend_Signature: what an interrupted write leaves is no signature of the next record, and nothing is written without
// the signature.
func TestAppend_Signature(t *testing.T) {
	k := newKey(t, "ed25519")
	s := scene{t, t.TempDir()}
	s.write("0001.yaml.sig", "left")
	c := opened(t, s.dir)
	add(t, c, Record{Phase: PhasePlanned, At: noon, By: person, Release: version("1")})
	if c = opened(t, s.dir); c.Signed() {
		t.Error("a signature that was left counts")
	}
	c.SignWith(newKey(t, "rsa1024")) // too weak to sign
	if _, err := c.Append(Record{Phase: PhaseCancelled, At: noon, By: person}, false); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("append with a weak key: %v", err)
	}
	if _, err := os.Stat(s.path("0002.yaml")); err == nil {
		t.Error("a record was written without its signature")
	}
	c.SignWith(k)
	add(t, c, Record{Phase: PhaseCancelled, At: noon, By: person})
	one := opened(t, s.dir)
	if one.Verify(allow(t, "%s %s\n", person, k.line()), true); one.Err() != nil {
		t.Error(one.Err())
	}
	stale := c // of another process that has not seen record 2
	before := s.read("0002.yaml.sig")
	stale.last = 1
	if _, err := stale.Append(Record{Phase: PhasePlanned, At: noon, By: person, Release: version("2")}, false); !errors.Is(err, ErrTaken) {
		t.Errorf("record 2 written twice: %v", err)
	}
	if s.read("0002.yaml.sig") != before {
		t.Error("the signature of another process's record was replaced")
	}
}

package waiver

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/attest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

type people struct {
	t       *testing.T
	keys    map[string]ssh.Signer
	signers *attest.Signers
}

func newPeople(t *testing.T, names ...string) people {
	p := people{t: t, keys: map[string]ssh.Signer{}}
	var lines []byte
	for _, name := range names {
		_, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.NewSignerFromKey(private)
		if err != nil {
			t.Fatal(err)
		}
		if name == "alias" { // another name of the first one
			key = p.keys[names[0]]
		}
		p.keys[name] = key
		lines = append(append(append(lines, name...), ' '), ssh.MarshalAuthorizedKey(key.PublicKey())...)
	}
	path := filepath.Join(t.TempDir(), "allowed_signers")
	if err := os.WriteFile(path, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.signers, err = attest.LoadSigners(path, time.UTC); err != nil {
		t.Fatal(err)
	}
	return p
}

// made returns a signed claim; with is applied to it first.
func (p people) made(by string, with func(*attest.Claim)) *attest.Attestation {
	p.t.Helper()
	c := attest.Claim{Item: "keys/first", By: by, At: now.Add(-time.Hour), Until: attest.Deadline{Time: now.Add(48 * time.Hour)}}
	with(&c)
	a, err := attest.New(c)
	if err == nil && p.keys[by] != nil {
		err = a.Sign(p.keys[by])
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

func TestJudge(t *testing.T) {
	p := newPeople(t, "lead", "boss", "LEAD", "alias")
	asks := func(c *attest.Claim) { c.Waives.Reason = "r" }
	request := p.made("lead", asks)
	of := func(a *attest.Attestation) func(*attest.Claim) {
		return func(c *attest.Claim) { c.Approves = digest(a.Data) }
	}
	approval := p.made("boss", of(request))
	unsigned := p.made("boss", of(request))
	unsigned.Signature = nil
	for name, c := range map[string]struct {
		claims  []*attest.Attestation
		inForce bool
		expires time.Time
	}{
		"approved":                     {[]*attest.Attestation{request, approval}, true, now.Add(48 * time.Hour)},
		"approved first":               {[]*attest.Attestation{approval, request}, true, now.Add(48 * time.Hour)},
		"alone":                        {[]*attest.Attestation{request}, false, now.Add(48 * time.Hour)},
		"unsigned approval":            {[]*attest.Attestation{request, unsigned}, false, now.Add(48 * time.Hour)},
		"a second, valid approval":     {[]*attest.Attestation{request, unsigned, approval}, true, now.Add(48 * time.Hour)},
		"unsigned request":             {[]*attest.Attestation{p.made("nobody", asks), approval}, false, now.Add(48 * time.Hour)},
		"own approval":                 {[]*attest.Attestation{request, p.made("lead", of(request))}, false, now.Add(48 * time.Hour)},
		"own approval in upper case":   {[]*attest.Attestation{request, p.made("LEAD", of(request))}, false, now.Add(48 * time.Hour)},
		"own approval as an alias":     {[]*attest.Attestation{request, p.made("alias", of(request))}, false, now.Add(48 * time.Hour)},
		"approval of another request":  {[]*attest.Attestation{request, p.made("boss", of(approval))}, false, now.Add(48 * time.Hour)},
		"approval of before":           {[]*attest.Attestation{request, p.made("boss", func(c *attest.Claim) { of(request)(c); c.At = now.Add(-2 * time.Hour) })}, false, now.Add(48 * time.Hour)},
		"approval from the future":     {[]*attest.Attestation{request, p.made("boss", func(c *attest.Claim) { of(request)(c); c.At = now.Add(time.Hour) })}, false, now.Add(48 * time.Hour)},
		"approval for a shorter time":  {[]*attest.Attestation{request, p.made("boss", func(c *attest.Claim) { of(request)(c); c.Until.Time = now.Add(time.Hour) })}, true, now.Add(time.Hour)},
		"approval that has ended":      {[]*attest.Attestation{request, p.made("boss", func(c *attest.Claim) { of(request)(c); c.Until.Time = now.Add(-time.Minute) })}, false, now.Add(-time.Minute)},
		"approval for another item":    {[]*attest.Attestation{request, p.made("boss", func(c *attest.Claim) { of(request)(c); c.Item = "keys/second" })}, false, now.Add(48 * time.Hour)},
		"approval of another target":   {[]*attest.Attestation{request, p.made("boss", func(c *attest.Claim) { of(request)(c); c.Deployment = "cart" })}, false, now.Add(48 * time.Hour)},
		"attestation by another":       {[]*attest.Attestation{request, p.made("boss", func(c *attest.Claim) { c.Note = digest(request.Data) })}, false, now.Add(48 * time.Hour)},
		"request of another target":    {[]*attest.Attestation{p.made("lead", func(c *attest.Claim) { asks(c); c.Deployment = "cart" })}, false, now.Add(48 * time.Hour)},
		"approval by somebody unknown": {[]*attest.Attestation{request, p.made("nobody", of(request))}, false, now.Add(48 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			all := Judge(c.claims, p.signers, "shop", now)
			approved := c.inForce || c.expires.Before(now)
			if len(all) != 1 || all[0].InForce != c.inForce || !all[0].Expires.Equal(c.expires) || approved != (all[0].ApprovedBy == "boss" && all[0].Problem == "") {
				t.Errorf("%+v", all)
			}
			if without := Judge(c.claims, nil, "shop", now); without[0].InForce || without[0].Problem == "" {
				t.Errorf("without signers: %+v", without)
			}
		})
	}
}

// TestJudge_OrdersTheBestLast: a new request does not end the waiver in force.
func TestJudge_OrdersTheBestLast(t *testing.T) {
	p := newPeople(t, "lead", "boss")
	request := p.made("lead", func(c *attest.Claim) { c.Waives.Reason = "r" })
	approval := p.made("boss", func(c *attest.Claim) { c.Approves = digest(request.Data) })
	longer := p.made("lead", func(c *attest.Claim) { c.Waives.Reason = "longer"; c.Until.Time = now.Add(900 * time.Hour) })
	for _, claims := range [][]*attest.Attestation{{request, approval, longer}, {longer, approval, request}} {
		all := Judge(claims, p.signers, "", now)
		if len(all) != 2 || !all[1].InForce || all[1].Waives.Reason != "r" || !all[0].Pending(now) || all[1].Pending(now) {
			t.Errorf("%+v", all)
		}
	}
}

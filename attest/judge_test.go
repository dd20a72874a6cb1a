package attest

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// item has all requirements.
const item = "sign_off/devops_lead"

func strictPolicy() Policy {
	return Policy{Item: item, Roles: []Role{{"devops_lead", []string{"*@example.com", "!intern@example.com"}}}, Signed: true,
		OfRelease: true, OfSubject: true, OfBasis: true, MaxAge: 30 * 24 * time.Hour, Deployment: "production"}
}

func allHold() Facts {
	return Facts{Release: ReleaseID{"1.4.0", "0a1b2c3d4e5f"}, Subject: digest([]byte("x")), Holds: func(string) bool { return true }}
}

func TestJudge(t *testing.T) {
	const day = 24 * time.Hour
	type world struct {
		claim  Claim
		seal   Seal
		policy Policy
		facts  Facts
		now    time.Time
	}
	trusted := Seal{Trust: Trusted, Key: "SHA256:key"}
	tests := []struct {
		name   string
		change func(*world)
		level  Level
		reason Reason
		detail string
	}{
		{"holds", func(*world) {}, Holds, "", "attested by one@example.com as devops_lead on 2026-11-23, until 2026-12-23T12:00:00Z"},

		{"other item", func(w *world) { w.claim.Item = "sign_off/security_review" }, Fails, Invalid, "claim is for sign_off/security_review"},
		{"other category", func(w *world) { w.claim.Item = "records/devops_lead" }, Fails, Invalid, "claim is for records/devops_lead"},
		{"item without category", func(w *world) { w.claim.Item = "devops_lead" }, Holds, "", ""},
		{"nobody", func(w *world) { w.claim.By = "" }, Fails, Invalid, "has no person or no time"},
		{"no time", func(w *world) { w.claim.At = time.Time{} }, Fails, Invalid, "has no person or no time"},
		{"clocks five minutes apart", func(w *world) { w.now = noon.Add(-Skew) }, Holds, "", ""},
		{"from the future", func(w *world) { w.now = noon.Add(-Skew - time.Second) }, Fails, Invalid, "dated in the future (2026-11-23T12:00:00Z, current time is 2026-11-23T11:54:59Z)"},
		{"of no release", func(w *world) { w.claim.Release = ReleaseID{} }, Fails, Invalid, "names no release"},
		{"of no release, none asked for", func(w *world) { w.claim.Release, w.policy.OfRelease = ReleaseID{}, false }, Holds, "", ""},
		{"without a digest", func(w *world) { w.claim.Subject = Subject{} }, Fails, Invalid, "has no digest of its document"},
		{"without a digest, none asked for", func(w *world) { w.claim.Subject, w.policy.OfSubject = Subject{}, false }, Holds, "", ""},
		{"on no basis", func(w *world) { w.claim.Basis = Basis{} }, Fails, Invalid, "has no list of items"},
		{"on no basis, none asked for", func(w *world) { w.claim.Basis, w.policy.OfBasis = Basis{}, false }, Holds, "", ""},
		{"no end at all", func(w *world) {
			w.claim.ValidFor, w.claim.Release, w.policy.OfRelease, w.policy.MaxAge = 0, ReleaseID{}, false, 0
		}, Fails, Invalid, "has no end"},
		{"ends with a release that is not compared", func(w *world) { w.claim.ValidFor, w.policy.OfRelease, w.policy.MaxAge = 0, false, 0 }, Fails, Invalid, "has no end"},
		{"ends with its release", func(w *world) { w.claim.ValidFor, w.policy.MaxAge, w.now = 0, 0, noon.AddDate(3, 0, 0) }, Holds, "", "on 2026-11-23"},

		{"planned at the same time", func(w *world) { w.facts.Asked = noon }, Holds, "", ""},
		{"planned later", func(w *world) { w.facts.Asked = noon.Add(time.Second) }, Fails, Outdated, "before 1.4.0 (0a1b2c3) was planned"},
		{"of a plan of this release", func(w *world) { w.claim.Plan.Record, w.facts.Plans = 3, func(PlanID) bool { return true } }, Holds, "", ""},
		{"of a plan before", func(w *world) { w.claim.Plan.Record, w.facts.Plans = 3, func(PlanID) bool { return false } }, Fails, Outdated, "is for plan 3"},
		{"at the end of its window", func(w *world) { w.facts.Over = noon }, Holds, "", ""},
		{"within its window", func(w *world) { w.facts.Over = noon.Add(time.Second) }, Fails, Missing, "before the end of the time that it is about"},

		{"refused", func(w *world) {
			w.seal = Seal{Trust: Refused, Key: "SHA256:key", Detail: "the key is not in allowed_signers"}
		}, Fails, Untrusted, "one@example.com is not trusted: the key is not in allowed_signers"},
		{"refused where none is required", func(w *world) { w.policy.Signed, w.seal = false, Seal{Trust: Refused, Detail: "it is cut"} }, Fails, Untrusted, "it is cut"},
		{"unsigned", func(w *world) { w.seal = Seal{} }, Fails, NotSigned, "is not signed, but allowed_signers requires it"},
		{"unsigned where none is required", func(w *world) { w.policy.Signed, w.seal = false, Seal{} }, Weak, NotSigned, "anyone with write access"},
		{"unchecked", func(w *world) { w.seal.Trust = Unchecked }, Fails, Untrusted, "the owner of that key is unknown"},
		{"unchecked where none is required", func(w *world) { w.policy.Signed, w.seal.Trust = false, Unchecked }, Weak, Untrusted, "signed with SHA256:key, but the owner"},
		{"by a retired key", func(w *world) {
			w.seal.valid = validity{"signers:3", noon.Add(time.Hour)}
			w.now = noon.Add(time.Hour + 1)
		}, Weak, Expired, "the key at signers:3, whose validity ended at 2026-11-23T13:00:00Z"},
		{"by a key that retires", func(w *world) { w.seal.valid = validity{"signers:3", noon.Add(time.Hour)}; w.now = noon.Add(time.Hour) }, Holds, "", ""},
		{"trusted where none is required", func(w *world) { w.policy.Signed = false }, Holds, "", ""},
		{"a trust there is not", func(w *world) { w.seal.Trust = Trusted + 1 }, Fails, Untrusted, "was not checked"},
		{"other deployment", func(w *world) { w.claim.Deployment = "staging" }, Fails, Untrusted, "is for deployment staging, not for production"},
		{"no deployment named", func(w *world) { w.claim.Deployment = "" }, Holds, "", ""},
		{"no deployment compared", func(w *world) { w.claim.Deployment, w.policy.Deployment = "staging", "" }, Holds, "", ""},

		{"other role", func(w *world) { w.claim.Role = "engineering_manager" }, Fails, Untrusted, "attested as engineering_manager, which is not a required role"},
		{"no role", func(w *world) { w.claim.Role = "" }, Fails, Untrusted, "has no role"},
		{"no role asked for", func(w *world) { w.policy.Roles = nil }, Holds, "", ""},
		{"person not allowed", func(w *world) { w.claim.By = "one@example.org" }, Fails, Untrusted, "one@example.org is not authorised for role devops_lead: ask one of *@example.com, !intern@example.com"},
		{"person excepted", func(w *world) { w.claim.By = "intern@example.com" }, Fails, Untrusted, "intern@example.com is not authorised"},
		{"everybody allowed", func(w *world) { w.claim.By, w.policy.Roles = "one@example.org", []Role{{Name: "devops_lead"}} }, Holds, "", ""},
		{"one of two roles", func(w *world) { w.policy.Roles = append([]Role{{Name: "other"}}, w.policy.Roles...) }, Holds, "", ""},

		{"other version", func(w *world) { w.facts.Release.Version = "1.4.1" }, Fails, Outdated, "is for release 1.4.0 (0a1b2c3), but the current release is 1.4.1 (0a1b2c3)"},
		{"other commit", func(w *world) { w.facts.Release.Commit = "ffffffffff" }, Fails, Outdated, "the current release is 1.4.0 (fffffff)"},
		{"no release", func(w *world) { w.facts.Release = ReleaseID{} }, Fails, Outdated, "the current release is none"},
		{"other release, none asked for", func(w *world) { w.facts.Release, w.policy.OfRelease = ReleaseID{}, false }, Holds, "", ""},
		{"document changed", func(w *world) { w.facts.Subject = digest([]byte("y")) }, Fails, Outdated, "RECOVERY.md has changed since one@example.com attested it on 2026-11-23"},
		{"document gone", func(w *world) { w.facts.Subject = "" }, Fails, Missing, "is missing: docs/DISASTER RECOVERY.md"},

		{"last moment", func(w *world) { w.now = noon.Add(30*day - time.Second) }, Holds, "", ""},
		{"lapsed by the policy", func(w *world) { w.now = noon.Add(30 * day) }, Fails, Lapsed, "expired at 2026-12-23T12:00:00Z"},
		{"policy without a limit", func(w *world) { w.policy.MaxAge, w.now = 0, noon.Add(90*day-time.Second) }, Holds, "", "until 2027-02-21T12:00:00Z"},
		{"lapsed by itself", func(w *world) { w.policy.MaxAge, w.now = 0, noon.Add(90*day) }, Fails, Lapsed, "expired at 2027-02-21T12:00:00Z"},
		{"lapsed by itself before the policy", func(w *world) { w.claim.ValidFor, w.now = schema.Duration(day), noon.Add(day) }, Fails, Lapsed, "expired at 2026-11-24T12:00:00Z"},
		{"lapsed by date", func(w *world) { w.claim.ValidFor, w.claim.Until, w.now = 0, Deadline{noon.Add(day)}, noon.Add(day) }, Fails, Lapsed, ""},
		{"policy ends what has no end", func(w *world) { w.claim.ValidFor, w.now = 0, noon.Add(30*day) }, Fails, Lapsed, ""},

		{"basis broke", func(w *world) { w.facts.Holds = func(i string) bool { return i != "security/jwt_secret" } }, Weak, Outdated, "no longer pass: security/jwt_secret; fix them or sign again"},
		{"nothing known of the basis", func(w *world) { w.facts.Holds = nil }, Weak, Outdated, "backup/restore_tested, security/jwt_secret"},
		{"basis broke, none asked for", func(w *world) { w.facts.Holds, w.policy.OfBasis = nil, false }, Holds, "", ""},
		{"much of the basis broke", func(w *world) {
			w.claim.Basis, w.facts.Holds = BasisOf([]string{"a", "b", "c", "d", "e", "f", "g"}), nil
		}, Weak, Outdated, "a, b, c, d, e and 2 more"},

		// The order of two faults.
		{"future before untrusted", func(w *world) { w.seal.Trust, w.now = Refused, noon.AddDate(0, 0, -1) }, Fails, Invalid, ""},
		{"untrusted before lapsed", func(w *world) { w.seal.Trust, w.now = Refused, noon.AddDate(1, 0, 0) }, Fails, Untrusted, ""},
		{"unsigned before other release", func(w *world) { w.seal, w.facts.Release = Seal{}, ReleaseID{} }, Fails, NotSigned, ""},
		{"outdated before lapsed", func(w *world) { w.facts.Subject, w.now = digest(nil), noon.AddDate(1, 0, 0) }, Fails, Outdated, ""},
		{"lapsed before a broken basis", func(w *world) { w.facts.Holds, w.now = nil, noon.AddDate(1, 0, 0) }, Fails, Lapsed, ""},
		{"a broken basis before a missing signature", func(w *world) { w.facts.Holds, w.seal, w.policy.Signed = nil, Seal{}, false }, Weak, Outdated, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := world{fullClaim(), trusted, strictPolicy(), allHold(), noon}
			tt.change(&w)
			j := Judge(w.claim, w.seal, w.policy, w.facts, w.now)
			if j.Level != tt.level || j.Reason != tt.reason || !strings.Contains(j.Detail, tt.detail) || j.Detail == "" {
				t.Errorf("got %+v, want %d %q %q", j, tt.level, tt.reason, tt.detail)
			}
		})
	}
}

func TestRole_Validate(t *testing.T) {
	for text, problem := range map[string]string{
		"role: devops_lead": "",
		"role: devops_lead\nprincipals: '*@example.com'":    "",
		"role: devops_lead\nprincipals: ['!a@example.com']": "only negated patterns",
		"role: devops_lead\nprincipals: ['a,']":             "an empty pattern",
		"role: devops lead":                                 "role: must be one word",
		"principals: a":                                     "role",
	} {
		var r Role
		want(t, decode("f", []byte(text), &r), problem)
	}
}

func TestJudgeItem(t *testing.T) {
	one, two := newKey(t, "ed25519"), newKey(t, "ed25519")
	signers := allow(t, "one@example.com %s\ntwo@example.com %s\nsame@example.com %s\n", one.line(), two.line(), one.line())
	const review = "documentation/review"
	policy := Policy{Item: review, Roles: []Role{{Name: "lead"}, {Name: "manager"}}, Deployment: "production"}
	claim := func(by, role string, at time.Time) Claim {
		return Claim{Item: review, By: by, Role: role, At: at, ValidFor: schema.Duration(24 * time.Hour)}
	}
	lead := made(t, claim("one@example.com", "lead", noon), one)
	manager := made(t, claim("two@example.com", "manager", noon), two)
	older := made(t, claim("one@example.com", "lead", noon.Add(-time.Hour)), one)
	lapsed := made(t, claim("one@example.com", "lead", noon.Add(-48*time.Hour)), one)
	forged := made(t, claim("one@example.com", "lead", noon.Add(time.Minute)), two)
	unsigned := made(t, claim("one@example.com", "lead", noon.Add(time.Minute)))
	read := func(name, text string) *Attestation {
		a := &Attestation{Name: name, Data: []byte(text)}
		a.Claim, a.Err = Parse(name, a.Data)
		return a
	}
	unreadable := &Attestation{Name: "x.yaml", Err: load(t.TempDir(), "x.yaml").Err}
	forbidden := &Attestation{Name: "y.yaml", Err: &pathError}
	type row struct {
		role   string
		level  Level
		reason Reason
		detail string
	}
	tests := []struct {
		name    string
		claims  []*Attestation
		signers *Signers
		want    []row
	}{
		{"both", []*Attestation{lead, manager}, signers, []row{{"lead", Holds, "", "one@"}, {"manager", Holds, "", "two@"}}},
		{"nobody", nil, signers, []row{{"lead", Fails, Missing, "run catalyst_exporter attest review --role=lead"}, {"manager", Fails, Missing, ""}}},
		{"one missing", []*Attestation{lead}, signers, []row{{"lead", Holds, "", ""}, {"manager", Fails, Missing, "as manager"}}},
		{"newest of two", []*Attestation{lead, older, manager}, signers, []row{{"lead", Holds, "", "until 2026-11-24T12:00:00Z"}, {"manager", Holds, "", ""}}},
		{"good beside lapsed", []*Attestation{lapsed, older, manager}, signers, []row{{"lead", Holds, "", ""}, {"manager", Holds, "", ""}}},
		{"a forged one takes nothing away", []*Attestation{lead, forged, manager}, signers, []row{{"lead", Holds, "", ""}, {"manager", Holds, "", ""}}},
		{"an unsigned one takes nothing away", []*Attestation{lead, unsigned, manager}, signers, []row{{"lead", Holds, "", ""}, {"manager", Holds, "", ""}}},
		{"forged alone, newest failure", []*Attestation{lapsed, forged, manager}, signers, []row{{"lead", Fails, Untrusted, "but not for one@example.com"}, {"manager", Holds, "", ""}}},
		{"unsigned with signers", []*Attestation{unsigned, manager}, signers, []row{{"lead", Fails, NotSigned, ""}, {"manager", Holds, "", ""}}},
		{"unsigned without signers", []*Attestation{unsigned, manager}, nil, []row{{"lead", Weak, NotSigned, ""}, {"manager", Weak, Untrusted, ""}}},
		{"one person in two roles", []*Attestation{lead, made(t, claim("one@example.com", "manager", noon), one)}, signers,
			[]row{{"lead", Weak, Reused, "one@example.com attested as lead and as manager"}, {"manager", Weak, Reused, "one@example.com attested as manager and as lead"}}},
		{"one key under two names", []*Attestation{lead, made(t, claim("same@example.com", "manager", noon), one)}, signers,
			[]row{{"lead", Weak, Reused, "ask a second person"}, {"manager", Weak, Reused, ""}}},
		{"one person in two roles, one lapsed", []*Attestation{lapsed, made(t, claim("one@example.com", "manager", noon), one)}, signers,
			[]row{{"lead", Fails, Lapsed, ""}, {"manager", Holds, "", ""}}},
		{"wrong text on the item", []*Attestation{read("f.yaml", "item: documentation/review\nrole: lead\nby: one@example.com\nat: 2026-11-23\n"), manager}, signers,
			[]row{{"lead", Fails, Invalid, "f.yaml:4:1: at: a claim without a release requires an end"}, {"manager", Holds, "", ""}}},
		{"no claim at all among them", []*Attestation{read("f.yaml", "a: ["), manager}, signers,
			[]row{{"lead", Fails, Missing, "the folder contains an invalid claim: f.yaml:1"}, {"manager", Holds, "", ""}}},
		{"too large to be one", []*Attestation{{Name: "l.yaml", Err: &fs.PathError{Op: "read", Path: "l.yaml", Err: files.ErrTooLarge}}, manager}, signers,
			[]row{{"lead", Fails, Missing, "invalid claim: read l.yaml: larger"}, {"manager", Holds, "", ""}}},
		{"may not read one", []*Attestation{forbidden, manager}, signers, []row{{"lead", Unknown, PermissionDenied, "allow the exporter to read y.yaml"}, {"manager", Holds, "", ""}}},
		{"cannot read one", []*Attestation{unreadable, lapsed, manager}, signers, []row{{"lead", Unknown, Unreadable, "x.yaml"}, {"manager", Holds, "", ""}}},
		{"may not read the signature", []*Attestation{{Name: "z.yaml", Claim: lead.Claim, Data: lead.Data, Err: &pathError}, manager}, signers,
			[]row{{"lead", Unknown, PermissionDenied, ""}, {"manager", Holds, "", ""}}},
		{"in no role", []*Attestation{made(t, claim("one@example.com", "", noon), one), manager}, signers,
			[]row{{"lead", Fails, Missing, "(one@example.com attested without a role)"}, {"manager", Holds, "", ""}}},
		{"in a role nobody asked for", []*Attestation{made(t, claim("one@example.com", "leed", noon), one), manager}, signers,
			[]row{{"lead", Fails, Missing, "--role=lead (one@example.com attested as leed)"}, {"manager", Holds, "", ""}}},
		{"other item", []*Attestation{made(t, simple("restore_tested"), one)}, signers, []row{{"lead", Fails, Missing, ""}, {"manager", Fails, Missing, ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // in both orders of the files
				for i, v := range JudgeItem(tt.claims, tt.signers, policy, Facts{}, noon.Add(time.Hour)) {
					w := tt.want[i]
					if v.Item != review || v.Role != w.role || v.Level != w.level || v.Reason != w.reason || !strings.Contains(v.Detail, w.detail) || strings.Contains(v.Detail, "\n") {
						t.Errorf("got %+v, want %+v", v, w)
					}
					if good := v.Level == Holds || v.Level == Weak; good && (v.Claim == nil || v.Expires.IsZero()) {
						t.Errorf("no claim or no end: %+v", v)
					}
				}
				slices.Reverse(tt.claims)
			}
		})
	}
	t.Run("no roles asked for", func(t *testing.T) {
		v := JudgeItem([]*Attestation{lead, manager}, signers, Policy{Item: review}, Facts{}, noon)
		if len(v) != 1 || v[0].Level != Holds || v[0].Role != "" {
			t.Errorf("got %+v", v)
		}
		v = JudgeItem(nil, signers, Policy{Item: review}, Facts{}, noon)
		if len(v) != 1 || v[0].Reason != Missing || !strings.HasSuffix(v[0].Detail, "attest review") {
			t.Errorf("got %+v", v)
		}
	})
}

func TestTwoRoles_AcrossItems(t *testing.T) {
	voucher := func(item, role, by, key string, level Level) Voucher {
		return Voucher{Item: item, Role: role, Claim: &Claim{By: by}, Key: key, Judgement: Judgement{Level: level}}
	}
	got := TwoRoles([]Voucher{
		voucher("sign_off/devops_lead", "devops_lead", "One@example.com", "k1", Holds),
		voucher("sign_off/engineering_manager", "engineering_manager", "one@example.com", "k2", Weak),
		voucher("sign_off/security_review", "security_review", "two@example.com", "k2", Holds),
		voucher("documentation/review", "security_review", "two@example.com", "k3", Holds), // the same role twice is not a second role
		voucher("documentation/other", "other", "two@example.com", "k3", Fails),
		{Item: "backup/none", Role: "none"},
		voucher("documentation/unsigned", "writer", "three@example.com", "", Weak),
		voucher("documentation/unsigned", "reader", "four@example.com", "", Weak), // two missing keys are not the same key
	})
	wanted := map[int]string{
		0: "One@example.com attested as devops_lead and as engineering_manager",
		1: "one@example.com attested as engineering_manager and as devops_lead and security_review",
		2: "two@example.com attested as security_review and as engineering_manager",
	}
	if len(got) != len(wanted) {
		t.Fatalf("got %v", got)
	}
	for i, w := range wanted {
		if !strings.HasPrefix(got[i], w) {
			t.Errorf("voucher %d: %q, want %q", i, got[i], w)
		}
	}
}

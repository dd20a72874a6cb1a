package awscheck

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob, target string
		covers, meet bool
	}{
		{"*", "", true, true},
		{"", "", true, true},
		{"", "a", false, false},
		{"a", "a", true, true},
		{"a", "b", false, false},
		{"a*", "abc", true, true},
		{"a?c", "abc", true, true},
		{"a?c", "a*c", false, true},
		{"a*", "a*", true, true},
		{"ab*", "a*", false, true},
		{"*b", "a*", false, true},
		{"b*", "a*", false, false},
		{"s3:*", "s3:putobject", true, true},
		{"s3:put*", "s3:*", false, true},
		{"**", "x*", true, true},
		{"a*a", "a", false, false},
		{"?", "*", false, true},
		{strings.Repeat("a", maxPattern+1), "*", false, false},
	} {
		if got := globCovers(c.glob, c.target); got != c.covers {
			t.Errorf("%.10q covers %q: %v", c.glob, c.target, got)
		}
		if a, b := globsMeet(c.glob, c.target), globsMeet(c.target, c.glob); a != c.meet || b != c.meet {
			t.Errorf("%.10q meets %q: %v, %v", c.glob, c.target, a, b)
		}
	}
}

func policies(t *testing.T, statements ...string) []iamPolicy {
	t.Helper()
	p, err := parsePolicy("p", `{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`, "catalyst-backup")
	if err != nil {
		t.Fatal(err)
	}
	return []iamPolicy{p}
}

func TestAllowed(t *testing.T) {
	const target = "arn:aws:s3:::b/daily/*"
	allow := func(action, resource string) string {
		return `{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}`
	}
	deny := func(action, resource string) string {
		return strings.Replace(allow(action, resource), "Allow", "Deny", 1)
	}
	for name, c := range map[string]struct {
		statements []string
		want       grant
		broad      bool
	}{
		"exactly":                {[]string{allow("s3:PutObject", "arn:aws:s3:::b/daily/*")}, grantAllowed, false},
		"letters":                {[]string{allow("S3:putobject", "arn:aws:s3:::b/*")}, grantAllowed, false},
		"part":                   {[]string{allow("s3:Put*", "arn:aws:s3:::b/daily/today/*")}, grantAllowed, false},
		"lists":                  {[]string{`{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":["x","arn:aws:s3:::b/*"]}`}, grantAllowed, true},
		"another prefix":         {[]string{allow("s3:PutObject", "arn:aws:s3:::b/weekly/*")}, grantNone, false},
		"another bucket":         {[]string{allow("s3:PutObject", "arn:aws:s3:::bb/*")}, grantNone, true},
		"bucket without objects": {[]string{allow("s3:*", "arn:aws:s3:::b")}, grantNone, false},
		"another action":         {[]string{allow("s3:GetObject", "*")}, grantNone, true},
		"nothing":                {[]string{deny("s3:DeleteObject", "*")}, grantNone, false},
		"denied":                 {[]string{allow("s3:PutObject", "*"), deny("s3:Put*", "*")}, grantNone, false},
		"deny first":             {[]string{deny("*", "arn:aws:s3:::b/*"), allow("s3:PutObject", "arn:aws:s3:::b/*")}, grantNone, false},
		"denied elsewhere":       {[]string{allow("s3:PutObject", "arn:aws:s3:::b/*"), deny("s3:*", "arn:aws:s3:::b/weekly/*")}, grantAllowed, false},
		"all allowed objects denied": {[]string{allow("s3:PutObject", "arn:aws:s3:::b/daily/x/*"), deny("s3:*",
			"arn:aws:s3:::b/daily/x/*")}, grantNone, false},
		"deny under condition":     {[]string{allow("s3:PutObject", "arn:aws:s3:::b/*"), `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`}, grantAllowed, false},
		"allow under condition":    {[]string{`{"Effect":"Allow","Action":"s3:PutObject","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.1"}}}`}, grantConditional, true},
		"both":                     {[]string{`{"Effect":"Allow","Action":"s3:PutObject","Resource":"*","Condition":{"Bool":{}}}`, allow("s3:PutObject", "arn:aws:s3:::b/*")}, grantAllowed, true},
		"not action":               {[]string{`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`}, grantAllowed, true},
		"not this action":          {[]string{`{"Effect":"Allow","NotAction":["s3:*"],"Resource":"*"}`}, grantNone, true},
		"not resource":             {[]string{`{"Effect":"Allow","Action":"s3:PutObject","NotResource":"arn:aws:s3:::c/*"}`}, grantAllowed, true},
		"not this resource":        {[]string{`{"Effect":"Allow","Action":"s3:PutObject","NotResource":"arn:aws:s3:::b/*"}`}, grantNone, true},
		"deny all others":          {[]string{allow("s3:PutObject", "*"), `{"Effect":"Deny","Action":"s3:*","NotResource":"arn:aws:s3:::c/*"}`}, grantNone, true},
		"deny all but these":       {[]string{allow("s3:PutObject", "arn:aws:s3:::b/*"), `{"Effect":"Deny","Action":"s3:*","NotResource":"arn:aws:s3:::b/*"}`}, grantAllowed, false},
		"its own folder":           {[]string{allow("s3:PutObject", "arn:aws:s3:::b/daily/${aws:username}/*")}, grantAllowed, false},
		"another's folder":         {[]string{allow("s3:PutObject", "arn:aws:s3:::b/daily/${aws:PrincipalTag/team}/*")}, grantConditional, false},
		"full access":              {[]string{allow("s3:*", "*")}, grantAllowed, true},
		"full access to buckets":   {[]string{allow("s3:*", "arn:aws:s3:::*")}, grantAllowed, true},
		"everything":               {[]string{allow("*", "arn:aws:s3:::b/*")}, grantAllowed, true},
		"everything in its bucket": {[]string{allow("s3:*", "arn:aws:s3:::b/*")}, grantAllowed, false},
		"everything denied":        {[]string{deny("*", "*")}, grantNone, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := policies(t, c.statements...)
			if got := allowed(p, "s3:putobject", target); got != c.want {
				t.Errorf("allowed: %d, want %d", got, c.want)
			}
			if got := (identity{partition: "aws", policies: p}).beyond("b", nil); (got != "") != c.broad {
				t.Errorf("beyond the bucket: %q", got)
			}
		})
	}
}

func TestParsePolicy(t *testing.T) {
	for name, document := range map[string]string{
		"plain": probetest.WritePolicy, "encoded": url.PathEscape(probetest.WritePolicy), "spaced": "\n " + probetest.WritePolicy, "plus": strings.ReplaceAll(url.QueryEscape(probetest.WritePolicy), "+", "%20"),
	} {
		p, err := parsePolicy(name, document, "u")
		if err != nil || len(p.Statements) != 1 || allowed([]iamPolicy{p}, "s3:putobject", "arn:aws:s3:::catalyst-prod-backups/*") != grantAllowed {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
	for name, document := range map[string]string{
		"empty": "", "no JSON": "hello", "bad escape": "%zz", "no statement": "{}", "null": `{"Statement":null}`, "a number": `{"Statement":1}`,
		"no effect": `{"Statement":{"Action":"*","Resource":"*"}}`, "no action": `{"Statement":{"Effect":"Allow","Resource":"*"}}`,
		"no resource": `{"Statement":{"Effect":"Deny","Action":"*"}}`, "huge": "{" + strings.Repeat(" ", maxPolicy),
		"long": `{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + strings.Repeat("a", maxPattern+1) + `"}}`,
	} {
		if _, err := parsePolicy(name, document, "u"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add(probetest.WritePolicy)
	f.Add(url.PathEscape(probetest.WritePolicy))
	f.Add(`{"Statement":[{"Effect":"Deny","NotAction":"a","NotResource":["${x}","*?"],"Condition":{"a":1}}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		p, err := parsePolicy("p", document, "u")
		if err != nil {
			return
		}
		if allowed([]iamPolicy{p}, "s3:putobject", "arn:aws:s3:::b/*") != grantNone && len(p.Statements) == 0 {
			t.Error("allowed without a statement")
		}
		id := identity{partition: "aws", kind: "user", name: "u", policies: []iamPolicy{p}, boundary: &p}
		_, _ = id.administrator(nil)
		_ = id.beyond("b", nil)
	})
}

func FuzzGlobs(f *testing.F) {
	f.Add("a*b?", "a*", "ab")
	f.Add("*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/x")
	f.Fuzz(func(t *testing.T, a, b, text string) {
		if len(a)+len(b)+len(text) > 200 || strings.ContainsAny(text, "*") {
			return
		}
		fitsA, fitsB := globCovers(a, text), globCovers(b, text)
		if fitsA && fitsB && !globsMeet(a, b) {
			t.Errorf("%q matches %q and %q, which do not overlap", text, a, b)
		}
		if globCovers(a, b) && fitsB && !fitsA {
			t.Errorf("%q covers %q, but does not match %q", a, b, text)
		}
	})
}

func TestParseCaller(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:iam::1:user/catalyst-backup":      "user catalyst-backup",
		"arn:aws-cn:iam::1:user/a/b/c":             "user c",
		"arn:aws:sts::1:assumed-role/uploader/i-1": "role uploader",
		"arn:aws:iam::1:root":                      "the account root",
		"arn:aws:sts::1:federated-user/x":          "",
		"arn:aws:iam::1:user/":                     "",
		"arn:aws:iam::1:user":                      "",
		"":                                         "",
		"hello":                                    "",
		"arn::iam::1:user/x":                       "",
		"arn:aws:sts::1:assumed-role/r/name:with:colons/": "role r",
	} {
		id, ok := parseCaller(arn)
		if ok != (want != "") || ok && id.String() != want {
			t.Errorf("%q: %q %v", arn, id.String(), ok)
		}
	}
}

func TestIAMUser(t *testing.T) {
	const day = 24 * time.Hour
	user := func(d *deployment.Settings) { d.AWS.User = "uploader" }
	for _, c := range []struct {
		name   string
		set    func(s *probetest.AWSServer)
		conf   func(*deployment.Settings)
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"another user", nil, user, probe.StatePass, probe.ReasonNone,
			"user uploader can upload to bucket catalyst-prod-backups, checked as user/teams/catalyst-backup"},
		{"no such user", func(s *probetest.AWSServer) {
			s.Say("iam:GetUser", probetest.AWSReply{Status: 404, Code: "NoSuchEntity"})
		}, user,
			probe.StateFail, probe.ReasonMissing, "user uploader does not exist"},
		{"no such role", func(s *probetest.AWSServer) {
			s.Caller("arn:aws:sts::1:assumed-role/r/s")
			s.Say("iam:GetRole", probetest.AWSReply{Status: 404, Code: "NoSuchEntity"})
		}, nil, probe.StateFail, probe.ReasonMissing, "role r does not exist"},
		{"role without policies", func(s *probetest.AWSServer) { s.Caller("arn:aws:sts::1:assumed-role/r/s") }, nil, probe.StateFail, probe.ReasonMissing, "no policy of role r"},
		{"role", func(s *probetest.AWSServer) {
			s.Caller("arn:aws:sts::1:assumed-role/r/s")
			s.Attach("Role", "upload", "arn:aws:iam::1:policy/upload", probetest.WritePolicy)
			s.Keys("Active", 1000*day)
		}, nil, probe.StatePass, probe.ReasonNone, "role r can upload"},
		{"root", func(s *probetest.AWSServer) { s.Caller("arn:aws:iam::1:root") }, nil, probe.StateWarn, probe.ReasonOverPrivileged, "root"},
		{"federated", func(s *probetest.AWSServer) { s.Caller("arn:aws:sts::1:federated-user/x") }, nil, probe.StateUnknown, probe.ReasonNotConfigured, "deployment.aws.user"},
		{"no ARN", func(s *probetest.AWSServer) {
			s.Say("sts:GetCallerIdentity", probetest.IAMBody("GetCallerIdentity", ""))
		}, nil, probe.StateUnknown, probe.ReasonNotConfigured, ""},
		{"empty user", func(s *probetest.AWSServer) { s.Say("iam:GetUser", probetest.IAMBody("GetUser", "")) }, nil, probe.StateUnknown, probe.ReasonInvalid,
			"returned an empty response"},
		{"empty policy", func(s *probetest.AWSServer) { s.Inline("") }, nil, probe.StateUnknown, probe.ReasonInvalid, "policy upload of user catalyst-backup cannot be read"},
		{"full access", func(s *probetest.AWSServer) {
			s.Attach("User", "AmazonS3FullAccess", "arn:aws:iam::aws:policy/AmazonS3FullAccess", `{"Statement":[{"Effect":"Allow","Action":["s3:*","s3-object-lambda:*"],"Resource":"*"}]}`)
		}, nil, probe.StateWarn, probe.ReasonOverPrivileged, "AmazonS3FullAccess"},
		{"own policy of that name", func(s *probetest.AWSServer) {
			s.Attach("User", "AmazonS3FullAccess", "arn:aws:iam::1:policy/AmazonS3FullAccess", probetest.WritePolicy)
		}, nil, probe.StatePass, probe.ReasonNone, ""},
		{"everything", func(s *probetest.AWSServer) { s.Inline(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`) }, nil, probe.StateFail, probe.ReasonOverPrivileged, "every action"},
		{"only by a group", func(s *probetest.AWSServer) {
			s.Say("iam:ListUserPolicies", probetest.IAMBody("ListUserPolicies", "<PolicyNames></PolicyNames>"))
			s.Say("iam:ListGroupsForUser", probetest.IAMBody("ListGroupsForUser", "<Groups><member><GroupName>ops</GroupName></member></Groups>"))
			s.Attach("Group", "upload", "arn:aws:iam::1:policy/upload", probetest.WritePolicy)
		}, nil, probe.StatePass, probe.ReasonNone, ""},
		{"denied by a group", func(s *probetest.AWSServer) {
			s.Say("iam:ListGroupsForUser", probetest.IAMBody("ListGroupsForUser", "<Groups><member><GroupName>ops</GroupName></member></Groups>"))
			s.Attach("Group", "no", "arn:aws:iam::1:policy/no", `{"Statement":{"Effect":"Deny","Action":"s3:Put*","Resource":"*"}}`)
		}, nil, probe.StateFail, probe.ReasonMissing, "s3:PutObject"},
		{"outside its boundary", func(s *probetest.AWSServer) {
			s.Say("iam:GetUser", probetest.IAMBody("GetUser", "<User><UserName>u</UserName><PermissionsBoundary><PermissionsBoundaryArn>arn:aws:iam::1:policy/edge</PermissionsBoundaryArn></PermissionsBoundary></User>"))
			s.Attach("User", "edge", "arn:aws:iam::1:policy/edge", `{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}`)
		}, nil, probe.StateFail, probe.ReasonMissing, "s3:PutObject"},
		{"under conditions", func(s *probetest.AWSServer) {
			s.Inline(`{"Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}}`)
		}, nil, probe.StateWarn, probe.ReasonWeak, "conditions"},
		{"no policies", func(s *probetest.AWSServer) {
			s.Say("iam:ListUserPolicies", probetest.IAMBody("ListUserPolicies", "<PolicyNames/><IsTruncated>false</IsTruncated>"))
		}, nil, probe.StateFail, probe.ReasonMissing, "no policy of user catalyst-backup"},
		{"endless list", func(s *probetest.AWSServer) {
			s.Say("iam:ListUserPolicies", probetest.IAMBody("ListUserPolicies", "<PolicyNames></PolicyNames><IsTruncated>true</IsTruncated><Marker>m</Marker>"))
		}, nil, probe.StateUnknown, probe.ReasonInvalid, "truncated list"},
		{"key of the future", func(s *probetest.AWSServer) { s.Keys("Active", 10*day, -time.Hour) }, nil, probe.StateUnknown, probe.ReasonInvalid, "dated in the future"},
		{"old key", func(s *probetest.AWSServer) { s.Keys("Active", 10*day, 91*day) }, nil, probe.StateWarn, probe.ReasonStale, "1 of 2 active keys of user catalyst-backup are older than 90d, the oldest 91 days"},
		{"just in time", func(s *probetest.AWSServer) { s.Keys("Active", 90*day-time.Hour) }, nil, probe.StatePass, probe.ReasonNone, ""},
		{"inactive keys", func(s *probetest.AWSServer) { s.Keys("Inactive", 10*day) }, nil, probe.StateFail, probe.ReasonMissing, "no active access key"},
		{"no keys", func(s *probetest.AWSServer) { s.Keys("Active") }, nil, probe.StateFail, probe.ReasonMissing, "no active access key"},
		{"key without a date", func(s *probetest.AWSServer) {
			s.Say("iam:ListAccessKeys", probetest.IAMBody("ListAccessKeys", "<AccessKeyMetadata><member><Status>Active</Status></member></AccessKeyMetadata>"))
		}, nil, probe.StateUnknown, probe.ReasonInvalid, "no creation date for a key"},
		{"no IAM", func(s *probetest.AWSServer) {
			for action := range s.Replies {
				if !strings.HasPrefix(action, "s3:") {
					s.Say(action, probetest.AWSReply{Status: 405, Code: "MethodNotAllowed"})
				}
			}
		}, nil, probe.StateUnknown, probe.ReasonNotConfigured, "does not implement the IAM API"},
		{"expired", func(s *probetest.AWSServer) {
			s.Say("sts:GetCallerIdentity", probetest.AWSReply{Status: 403, Code: "ExpiredToken"})
		}, nil, probe.StateUnknown, probe.ReasonPermissionDenied, "have expired"},
		{"throttled", func(s *probetest.AWSServer) {
			s.Say("iam:GetUser", probetest.AWSReply{Status: 400, Code: "Throttling"})
		}, nil, probe.StateUnknown, probe.ReasonError, "slow down"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			if c.set != nil {
				c.set(s)
			}
			r := probetest.Look(t, s.Pass(c.conf), IAMUserKind(), "{}")
			probetest.Expect(t, r, c.state, c.reason, c.detail)
			probetest.HasNot(t, r, s.Secret)
			probetest.HasNot(t, r, s.Secret[:8]) // the key IDs
		})
	}
}

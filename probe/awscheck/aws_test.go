package awscheck

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func awsKindNames() []string { return []string{"s3_bucket", "s3_encryption", "iam_user", "s3_object"} }

// A healthy account passes, and the clients are kept between passes.
func TestAWS_HealthyAccountPasses(t *testing.T) {
	s := probetest.NewAWSServer(t)
	p := s.Pass(nil)
	for kind, detail := range map[string]string{
		"s3_bucket": "public access blocked and a lifecycle rule", "s3_encryption": "aws:kms", "iam_user": "user catalyst-backup can upload",
		"s3_object": "latest/latest.sql.gz is 2h old, 2048 bytes, encrypted with AES256, not compared",
	} {
		r := probetest.Look(t, p, awsKindNamed(kind), "{}")
		if kind == "iam_user" {
			// The caller's ARN has a path; the detail names the caller in full.
			probetest.Expect(t, r, probe.StatePass, probe.ReasonNone, "checked as user/teams/catalyst-backup")
		}
		probetest.Expect(t, r, probe.StatePass, probe.ReasonNone, detail)
		probetest.HasNot(t, r, s.Secret)
	}
	if a, b := kept1(t, p), kept1(t, probetest.Again(p)); a != b {
		t.Error("the clients are rebuilt in every pass")
	}
}

func kept1(t *testing.T, p *probe.Pass) *awsAccount {
	t.Helper()
	a, err := awsFor(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The shipped policy grants exactly the permissions that are used, and none of them writes.
func TestAWS_PolicyMatchesCalls(t *testing.T) {
	s := probetest.NewAWSServer(t)
	s.Say("iam:ListGroupsForUser", probetest.IAMBody("ListGroupsForUser", "<Groups><member><GroupName>ops</GroupName></member></Groups><IsTruncated>false</IsTruncated>"))
	s.Say("iam:ListGroupPolicies", probetest.IAMBody("ListGroupPolicies", "<PolicyNames><member>x</member></PolicyNames><IsTruncated>false</IsTruncated>"))
	s.Say("iam:GetGroupPolicy", probetest.IAMBody("GetGroupPolicy", "<PolicyDocument>"+url.PathEscape(probetest.WritePolicy)+"</PolicyDocument>"))
	s.Say("iam:ListRolePolicies", probetest.IAMBody("ListRolePolicies", "<PolicyNames><member>x</member></PolicyNames><IsTruncated>false</IsTruncated>"))
	s.Say("iam:GetRolePolicy", probetest.IAMBody("GetRolePolicy", "<PolicyDocument>"+url.PathEscape(probetest.WritePolicy)+"</PolicyDocument>"))
	s.Attach("Group", "writers", "arn:aws:iam::123456789012:policy/writers", probetest.WritePolicy)
	p := s.Pass(nil)
	for _, kind := range awsKindNames() {
		probetest.Expect(t, probetest.Look(t, p, awsKindNamed(kind), "{}"), probe.StatePass, probe.ReasonNone, "")
	}
	s.Caller("arn:aws:sts::123456789012:assumed-role/uploader/i-1")
	probetest.Expect(t, probetest.Look(t, probetest.Again(p), IAMUserKind(), "{}"), probe.StatePass, probe.ReasonNone, "role uploader")
	o, err := OpenS3(t.Context(), p, "s3://"+probetest.AWSTestBucket+"/evidence/x.json")
	if err != nil {
		t.Fatal(err)
	}
	_ = o.Close()

	granted := shippedActions(t)
	if asked := s.Permissions(); !slices.Equal(asked, granted) {
		t.Errorf("used   %q\nallows %q", asked, granted)
	}
	for _, action := range granted {
		_, verb, _ := strings.Cut(action, ":")
		if !strings.HasPrefix(verb, "Get") && !strings.HasPrefix(verb, "List") {
			t.Errorf("%s does not only read", action)
		}
	}
}

// shippedActions returns the actions of the shipped policy.
func shippedActions(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("../../examples/iam-policy.json")
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Statement []struct {
			Effect string
			Action oneOrMany
		}
	}
	if err := json.Unmarshal(data, &policy); err != nil {
		t.Fatal(err)
	}
	var granted []string
	for _, st := range policy.Statement {
		if st.Effect != "Allow" {
			t.Errorf("effect %s", st.Effect)
		}
		granted = append(granted, st.Action...)
	}
	slices.Sort(granted)
	return granted
}

// Without one permission of the shipped policy only the probes that need it are unknown, and their remedy names it. The
// server has AWS's own host name, since the probes expect less of an S3-compatible service.
func TestAWS_DeniedPermission(t *testing.T) {
	of := map[string][]string{"s3:ListBucket": {"s3_bucket", "s3_object"}, "s3:GetObject": {"s3_object"}, "s3:GetEncryptionConfiguration": {"s3_encryption"},
		"s3:GetBucketVersioning": {"s3_bucket"}, "s3:GetBucketPublicAccessBlock": {"s3_bucket"}, "s3:GetLifecycleConfiguration": {"s3_bucket"}}
	for _, action := range shippedActions(t) {
		t.Run(action, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			s.Say("iam:ListGroupsForUser", probetest.IAMBody("ListGroupsForUser", "<Groups><member><GroupName>ops</GroupName></member></Groups><IsTruncated>false</IsTruncated>"))
			for _, to := range []string{"Group", "Role"} {
				s.Say("iam:List"+to+"Policies", probetest.IAMBody("List"+to+"Policies", "<PolicyNames><member>x</member></PolicyNames><IsTruncated>false</IsTruncated>"))
				s.Say("iam:Get"+to+"Policy", probetest.IAMBody("Get"+to+"Policy", "<PolicyDocument>"+url.PathEscape(probetest.WritePolicy)+"</PolicyDocument>"))
			}
			s.Attach("User", "writers", "arn:aws:iam::123456789012:policy/writers", probetest.WritePolicy)
			if strings.Contains(action, "Role") {
				s.Caller("arn:aws:sts::123456789012:assumed-role/uploader/i-1")
			}
			s.Say(action, probetest.AWSReply{Status: 403, Code: "AccessDenied"})
			p := s.Pass(func(d *deployment.Settings) {
				if strings.HasPrefix(action, "s3:") {
					d.AWS.Endpoint = "http://s3.eu-central-1.amazonaws.com"
				}
			})
			dial := p.Dial
			p.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return dial(ctx, network, s.Listener.Addr().String())
			}
			blind := of[action]
			if !strings.HasPrefix(action, "s3:") {
				blind = []string{"iam_user"}
			}
			for _, k := range awsKindNames() {
				if strings.HasPrefix(action, "s3:") && k == "iam_user" {
					continue // IAM is called at its own address, which is not configurable
				}
				r := probetest.Look(t, p, awsKindNamed(k), "{}")
				if !slices.Contains(blind, k) {
					probetest.Expect(t, r, probe.StatePass, probe.ReasonNone, "")
					continue
				}
				probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, action)
				if r.Remedy != "the permission "+action {
					t.Errorf("remedy %q", r.Remedy)
				}
				probetest.HasNot(t, r, s.Secret)
			}
		})
	}
}

// Responses that may come to every call.
func TestAWS_RefusedCalls(t *testing.T) {
	for _, c := range []struct {
		name   string
		reply  probetest.AWSReply
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"no bucket", probetest.AWSReply{Status: 404, Code: "NoSuchBucket"}, probe.StateFail, probe.ReasonMissing, "bucket " + probetest.AWSTestBucket + " does not exist"},
		{"expired token", probetest.AWSReply{Status: 400, Code: "ExpiredToken"}, probe.StateUnknown, probe.ReasonPermissionDenied, "have expired"},
		{"unknown key", probetest.AWSReply{Status: 403, Code: "InvalidAccessKeyId"}, probe.StateUnknown, probe.ReasonPermissionDenied, "are refused"},
		{"wrong secret", probetest.AWSReply{Status: 403, Code: "SignatureDoesNotMatch"}, probe.StateUnknown, probe.ReasonPermissionDenied, "are refused"},
		{"clock", probetest.AWSReply{Status: 403, Code: "RequestTimeTooSkewed"}, probe.StateUnknown, probe.ReasonPermissionDenied, "clock"},
		{"throttled", probetest.AWSReply{Status: 503, Code: "SlowDown"}, probe.StateUnknown, probe.ReasonError, "slow down"},
		{"broken", probetest.AWSReply{Status: 500, Code: "InternalError"}, probe.StateUnknown, probe.ReasonError, "internal error (500)"},
		{"redirect to nowhere", probetest.AWSReply{Status: 301, Code: "PermanentRedirect"}, probe.StateUnknown, probe.ReasonMismatch, "deployment.aws.region"},
		{"a page", probetest.AWSReply{Status: 404, Body: "<html>not here</html>"}, probe.StateUnknown, probe.ReasonInvalid, "not from the service"},
		{"no XML", probetest.AWSReply{Body: "{\"hello\": 1}"}, probe.StateUnknown, probe.ReasonInvalid, "not from the service"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			for _, action := range []string{"s3:GetBucketVersioning", "s3:GetEncryptionConfiguration", "s3:ListBucket"} {
				s.Say(action, c.reply)
			}
			p := s.Pass(nil)
			for _, kind := range []string{"s3_bucket", "s3_encryption", "s3_object"} {
				r := probetest.Look(t, p, awsKindNamed(kind), "{}")
				probetest.Expect(t, r, c.state, c.reason, c.detail)
				probetest.HasNot(t, r, s.Secret)
			}
			if n := len(s.Asked); n > 3*awsAttempts {
				t.Errorf("%d requests", n)
			}
			probetest.Expect(t, probetest.Look(t, p, IAMUserKind(), "{}"), probe.StatePass, probe.ReasonNone, "")
		})
	}
}

// A response that names the bucket's region is followed and remembered.
func TestAWS_FollowsBucketRegion(t *testing.T) {
	s := probetest.NewAWSServer(t)
	p := s.Pass(func(d *deployment.Settings) { d.AWS.Region = "us-east-1" })
	for range 2 {
		for _, kind := range awsKindNames() {
			probetest.Expect(t, probetest.Look(t, p, awsKindNamed(kind), "{}"), probe.StatePass, probe.ReasonNone, "")
		}
	}
	away := 0
	for _, scope := range s.Scopes {
		if scope == "us-east-1 s3" {
			away++
		}
	}
	if away != 1 {
		t.Errorf("the other region was called %d times", away)
	}
}

// Redirects in a circle end, and no session is created for a directory bucket, since that would be more than reading.
func TestAWS_StopsAtRedirectLoop(t *testing.T) {
	s := probetest.NewAWSServer(t)
	s.Region = "nowhere-1"
	s.Say("s3:GetEncryptionConfiguration", probetest.AWSReply{})
	regions := 0
	s.Wander = func() string { regions++; return "region-" + string(rune('a'+min(regions, 9))) }
	p := s.Pass(func(d *deployment.Settings) { d.AWS.Region = "us-east-1" })
	r := probetest.Look(t, p, S3EncryptionKind(), "{}")
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonMismatch, "deployment.aws.region")
	if regions != 2 {
		t.Errorf("%d redirects were followed", regions)
	}

	s = probetest.NewAWSServer(t)
	probetest.Expect(t, probetest.Look(t, s.Pass(func(d *deployment.Settings) { d.AWS.Bucket = "backups--euc1-az1--x-s3" }), S3EncryptionKind(), "{}"), probe.StatePass, probe.ReasonNone, "")
	if got := s.Permissions(); !slices.Equal(got, []string{"s3:GetEncryptionConfiguration"}) {
		t.Errorf("used %q", got)
	}
}

// A service that accepts connections and never responds does not block a probe past its deadline.
func TestAWS_SilentService(t *testing.T) {
	s := probetest.NewAWSServer(t)
	release := make(chan struct{})
	hang := func(r *http.Request, _ url.Values) probetest.AWSReply {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return probetest.AWSReply{}
	}
	for action := range s.Replies {
		s.Replies[action] = hang
	}
	t.Cleanup(func() { close(release) })
	p := s.Pass(nil)
	for _, kind := range awsKindNames() {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		r := probe.Run(ctx, probetest.Load(t, awsKindNamed(kind), "{}"), p)
		cancel()
		probetest.Expect(t, r, probe.StateUnknown, probe.ReasonTimeout, "no response in time")
		probetest.HasNot(t, r, s.Secret)
	}
}

// Nothing listens at the address.
func TestAWS_Unreachable(t *testing.T) {
	s := probetest.NewAWSServer(t)
	p := s.Pass(nil)
	s.Close()
	for _, kind := range awsKindNames() {
		r := probetest.Look(t, p, awsKindNamed(kind), "{}")
		probetest.Expect(t, r, probe.StateUnknown, probe.ReasonUnreachable, "no connection")
		if r.Remedy != "deployment.aws.endpoint" {
			t.Errorf("remedy %q", r.Remedy)
		}
	}
}

// Without a bucket the probes are skipped, without credentials they are unknown.
func TestAWS_NotConfigured(t *testing.T) {
	probetest.NewAWSServer(t) // for the environment
	for _, c := range []struct {
		name, env string
		aws       deployment.AWS
		state     probe.State
		reason    probe.Reason
		remedy    string
	}{
		{"nothing", "", deployment.AWS{}, probe.StateSkip, probe.ReasonNotConfigured, "deployment.aws.bucket"},
		{"no credentials", "", deployment.AWS{Bucket: probetest.AWSTestBucket}, probe.StateUnknown, probe.ReasonNotConfigured, awsCredentials},
		{"half of them", "AWS_ACCESS_KEY_ID=AKIA\n", deployment.AWS{Bucket: probetest.AWSTestBucket}, probe.StateUnknown, probe.ReasonNotConfigured, awsCredentials},
		{"no such profile", "", deployment.AWS{Bucket: probetest.AWSTestBucket, Profile: "prod"}, probe.StateUnknown, probe.ReasonNotConfigured, "deployment.aws.profile"},
		{"placeholder", "S3_BUCKET=CHANGE_ME\n", deployment.AWS{}, probe.StateUnknown, probe.ReasonPlaceholder, "deployment.aws.bucket"},
		{"invalid name", "S3_BUCKET=../x\n", deployment.AWS{}, probe.StateUnknown, probe.ReasonInvalid, "deployment.aws.bucket"},
		{"invalid region", "S3_BUCKET=backups-of-us\nAWS_REGION=evil.test/\n", deployment.AWS{}, probe.StateUnknown, probe.ReasonInvalid, "deployment.aws.region"},
		{"invalid endpoint", "S3_BUCKET=backups-of-us\nS3_ENDPOINT=ftp://x\n", deployment.AWS{}, probe.StateUnknown, probe.ReasonInvalid, "deployment.aws.endpoint"},
		{"elsewhere", "S3_BUCKET=backups-of-us\nAWS_SECRET_ACCESS_KEY=vault:secret/aws\n", deployment.AWS{}, probe.StateUnknown, probe.ReasonNotConfigured, awsCredentials},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{".env.production": "X=1\n" + c.env}, deployment.Settings{AWS: c.aws})
			for _, kind := range awsKindNames() {
				r := probetest.Look(t, p, awsKindNamed(kind), "{}")
				probetest.Expect(t, r, c.state, c.reason, "")
				if r.Remedy != c.remedy {
					t.Errorf("%s: remedy %q, want %q", kind, r.Remedy, c.remedy)
				}
			}
		})
	}
	p := probetest.NewPass(t, probetest.Folder{".env.production": "S3_BUCKET=s3://their-bucket/nightly/\nS3_ENDPOINT=minio.test:9000\nAWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=x\n"}, deployment.Settings{})
	a, err := awsPlaceOf(p)
	if err != nil || a.bucket != "their-bucket" || a.prefix != "nightly/" || a.endpoint != "https://minio.test:9000" || !a.compatible {
		t.Errorf("%q %q %q %v %v", a.bucket, a.prefix, a.endpoint, a.compatible, err)
	}
}

// The exporter's own credentials take precedence over the deployment's, a profile over both. Changed ones rebuild the
// clients.
func TestAWS_CredentialsPrecedence(t *testing.T) {
	s := probetest.NewAWSServer(t)
	p := s.Pass(nil)
	who := func(p *probe.Pass) string {
		c, err := kept1(t, p).creds.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c.AccessKeyID
	}
	if got := who(p); got != "AKIA"+"TEST" {
		t.Errorf("%q", got)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "OWN")
	t.Setenv("AWS_SECRET_ACCESS_KEY", s.Secret)
	if got := who(probetest.Again(p)); got != "OWN" {
		t.Errorf("%q", got)
	}
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[prod]\naws_access_key_id = PROFILE\naws_secret_access_key = "+s.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	p = s.Pass(func(d *deployment.Settings) { d.AWS.Profile = "prod" })
	if got := who(p); got != "PROFILE" {
		t.Errorf("%q", got)
	}
	if err := os.WriteFile(file, []byte("[prod]\naws_access_key_id = PROFILE_NEW\naws_secret_access_key = "+s.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := who(probetest.Again(p)); got != "PROFILE_NEW" {
		t.Errorf("%q", got)
	}
}

// Clients are kept while AWS's two configuration files do not change.
func TestAWS_KeepsClients(t *testing.T) {
	s := probetest.NewAWSServer(t)
	for _, key := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		file := filepath.Join(t.TempDir(), key)
		if err := os.WriteFile(file, []byte("[default]\nregion = eu-central-1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(key, file)
	}
	p := s.Pass(nil)
	first := kept1(t, p)
	for range 20 {
		if kept1(t, probetest.Again(p)) != first {
			t.Fatal("the clients were rebuilt though nothing changed")
		}
	}
}

// The exporter's own read-only identity is not mistaken for the one that uploads.
func TestAWS_UploaderIdentity(t *testing.T) {
	const readPolicy = `{"Statement":{"Effect":"Allow","Action":["s3:Get*","s3:List*"],"Resource":"*"}}`
	for name, tt := range map[string]struct {
		env      string // of the deployment, in addition to the bucket
		user     string
		mayWrite bool // the exporter itself
		state    probe.State
		reason   probe.Reason
		detail   string
	}{
		"keys in the deployment's environment": {"AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=%s\n", "", false, probe.StatePass,
			probe.ReasonNone, "user uploader can upload to bucket " + probetest.AWSTestBucket + ", checked as user/exporter"},
		"named": {"", "uploader", false, probe.StatePass, probe.ReasonNone,
			"user uploader can upload to bucket " + probetest.AWSTestBucket + ", checked as user/exporter"},
		"named before the keys": {"AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=%s\n", "exporter", false, probe.StateFail, probe.ReasonMissing, "no policy of user exporter"},
		"a role named":          {"", "role/writer", false, probe.StatePass, probe.ReasonNone, "role writer can upload"},
		"unknown": {"", "", false, probe.StateUnknown, probe.ReasonNotConfigured,
			"own credentials (user exporter) do not allow uploads"},
		"unknown, exporter may write": {"", "", true, probe.StatePass, probe.ReasonNone,
			"user exporter can upload to bucket " + probetest.AWSTestBucket + ", assumed to be the uploading identity"},
		"half of the keys": {"AWS_ACCESS_KEY_ID=THEIRS\n", "", false, probe.StateUnknown, probe.ReasonNotConfigured,
			"uploading identity is unknown"},
		"placeholders": {"AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=CHANGE_ME\n", "", false,
			probe.StateUnknown, probe.ReasonNotConfigured, "uploading identity is unknown"},
		"keys kept elsewhere": {"AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=vault:secret/aws\n", "",
			false, probe.StateUnknown, probe.ReasonNotConfigured, "uploading identity is unknown"},
		"keys that are refused": {"AWS_ACCESS_KEY_ID=GONE\nAWS_SECRET_ACCESS_KEY=%s\n", "", false, probe.StateUnknown, probe.ReasonPermissionDenied, "of the keys in the deployment's environment"},
	} {
		t.Run(name, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			t.Setenv("AWS_ACCESS_KEY_ID", "OWN")
			t.Setenv("AWS_SECRET_ACCESS_KEY", s.Secret)
			theirs := 0
			for action, reply := range s.Replies {
				s.Replies[action] = func(r *http.Request, form url.Values) probetest.AWSReply {
					who := "exporter"
					if !strings.Contains(r.Header.Get("Authorization"), "Credential=OWN/") {
						theirs++
						who = "uploader"
						if action != "sts:GetCallerIdentity" || strings.Contains(r.Header.Get("Authorization"), "Credential=GONE/") {
							return probetest.AWSReply{Status: 403, Code: "InvalidClientTokenId"}
						}
					}
					may := readPolicy
					if tt.mayWrite || form.Get("UserName") == "uploader" || form.Get("RoleName") == "writer" {
						may = probetest.WritePolicy
					}
					switch action {
					case "sts:GetCallerIdentity":
						return probetest.IAMBody("GetCallerIdentity", "<Arn>arn:aws:iam::123456789012:user/"+who+"</Arn>")
					case "iam:GetUserPolicy":
						return probetest.IAMBody("GetUserPolicy", "<PolicyDocument>"+url.PathEscape(may)+"</PolicyDocument>")
					}
					return reply(r, form)
				}
			}
			s.Say("iam:ListRolePolicies", probetest.IAMBody("ListRolePolicies", "<PolicyNames><member>x</member></PolicyNames><IsTruncated>false</IsTruncated>"))
			s.Say("iam:GetRolePolicy", probetest.IAMBody("GetRolePolicy", "<PolicyDocument>"+url.PathEscape(probetest.WritePolicy)+"</PolicyDocument>"))
			env := "S3_BUCKET=" + probetest.AWSTestBucket + "\nAWS_REGION=" + s.Region + "\n" + strings.ReplaceAll(tt.env, "%s", s.Secret)
			p := probetest.NewPass(t, probetest.Folder{".env.production": env}, deployment.Settings{AWS: deployment.AWS{Endpoint: s.URL, User: tt.user}})
			r := probetest.Look(t, p, IAMUserKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, s.Secret)
			if tt.reason == probe.ReasonNotConfigured && r.Remedy != "deployment.aws.user" {
				t.Errorf("remedy %q", r.Remedy)
			}
			if strings.Contains(tt.env, "%s") && tt.user == "" && theirs == 0 || theirs > 2 {
				t.Errorf("%d calls with the deployment's keys", theirs)
			}
		})
	}
}

// A configured role is assumed; a denied role is reported.
func TestAWS_AssumesRole(t *testing.T) {
	role := func(d *deployment.Settings) { d.AWS.Role = "arn:aws:iam::123456789012:role/reader" }
	s := probetest.NewAWSServer(t)
	s.Say("sts:AssumeRole", probetest.AWSReply{Status: 403, Code: "AccessDenied"})
	r := probetest.Look(t, s.Pass(role), S3EncryptionKind(), "{}")
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, "sts:AssumeRole of deployment.aws.role: access denied")
	probetest.HasNot(t, r, s.Secret)
	s.Say("sts:AssumeRole", probetest.IAMBody("AssumeRole", "<Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken><Expiration>"+
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+"</Expiration></Credentials>"))
	probetest.Expect(t, probetest.Look(t, s.Pass(role), S3EncryptionKind(), "{}"), probe.StatePass, probe.ReasonNone, "")
}

// Objects are read whole; missing ones and invalid locations are reported.
func TestOpenS3_ReadsObjects(t *testing.T) {
	s := probetest.NewAWSServer(t)
	s.Replies["s3:GetObject"] = func(r *http.Request, _ url.Values) probetest.AWSReply {
		switch r.URL.Path {
		case "/" + probetest.AWSTestBucket + "/evidence/a b.json":
			return probetest.AWSReply{Body: "{}"}
		case "/other-bucket/x":
			return probetest.AWSReply{Body: "other"}
		}
		return probetest.AWSReply{Status: 404, Code: "NoSuchKey"}
	}
	p := s.Pass(nil)
	for place, want := range map[string]string{"s3://" + probetest.AWSTestBucket + "/evidence/a b.json": "{}", "s3://other-bucket/x": "other"} {
		o, err := OpenS3(t.Context(), p, place)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(o)
		if err != nil || string(data) != want || o.Size != int64(len(want)) {
			t.Errorf("%q %d %v", data, o.Size, err)
		}
		_ = o.Close()
	}
	for place, reason := range map[string]probe.Reason{"s3://" + probetest.AWSTestBucket + "/none": probe.ReasonMissing, "s3://x/y": probe.ReasonInvalid, "/file": probe.ReasonInvalid, "s3://bucket": probe.ReasonInvalid} {
		if _, err := OpenS3(t.Context(), p, place); probe.ReasonOf(err) != reason {
			t.Errorf("%s: %v", place, err)
		}
	}
}

// awsKindNamed is the kind of that name among those that these tests run.
func awsKindNamed(name string) probe.Kind {
	return map[string]probe.Kind{
		"iam_user":      IAMUserKind(),
		"s3_bucket":     S3BucketKind(),
		"s3_encryption": S3EncryptionKind(),
		"s3_object":     S3ObjectKind(),
	}[name]
}

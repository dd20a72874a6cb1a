package probe

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
)

func awsKindNames() []string { return []string{"s3_bucket", "s3_encryption", "iam_user", "s3_object"} }

// A healthy account passes, and the clients are kept between passes.
func TestAWS_HealthyAccountPasses(t *testing.T) {
	s := newAWSServer(t)
	p := s.pass(nil)
	for kind, detail := range map[string]string{
		"s3_bucket": "public access blocked and a lifecycle rule", "s3_encryption": "aws:kms", "iam_user": "user catalyst-backup can upload",
		"s3_object": "latest/latest.sql.gz is 2h old, 2048 bytes, encrypted with AES256, not compared",
	} {
		r := look(t, p, awsKindNamed(kind), "{}")
		if kind == "iam_user" {
			// The caller's ARN has a path; the detail names the caller in full.
			expect(t, r, StatePass, ReasonNone, "checked as user/teams/catalyst-backup")
		}
		expect(t, r, StatePass, ReasonNone, detail)
		hasNot(t, r, s.secret)
	}
	if a, b := kept1(t, p), kept1(t, again(p)); a != b {
		t.Error("the clients are rebuilt in every pass")
	}
}

func kept1(t *testing.T, p *Pass) *awsAccount {
	t.Helper()
	a, err := awsFor(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The shipped policy grants exactly the permissions that are used, and none of them writes.
func TestAWS_PolicyMatchesCalls(t *testing.T) {
	s := newAWSServer(t)
	s.say("iam:ListGroupsForUser", iamBody("ListGroupsForUser", "<Groups><member><GroupName>ops</GroupName></member></Groups><IsTruncated>false</IsTruncated>"))
	s.say("iam:ListGroupPolicies", iamBody("ListGroupPolicies", "<PolicyNames><member>x</member></PolicyNames><IsTruncated>false</IsTruncated>"))
	s.say("iam:GetGroupPolicy", iamBody("GetGroupPolicy", "<PolicyDocument>"+url.PathEscape(writePolicy)+"</PolicyDocument>"))
	s.say("iam:ListRolePolicies", iamBody("ListRolePolicies", "<PolicyNames><member>x</member></PolicyNames><IsTruncated>false</IsTruncated>"))
	s.say("iam:GetRolePolicy", iamBody("GetRolePolicy", "<PolicyDocument>"+url.PathEscape(writePolicy)+"</PolicyDocument>"))
	s.attach("Group", "writers", "arn:aws:iam::123456789012:policy/writers", writePolicy)
	p := s.pass(nil)
	for _, kind := range awsKindNames() {
		expect(t, look(t, p, awsKindNamed(kind), "{}"), StatePass, ReasonNone, "")
	}
	s.caller("arn:aws:sts::123456789012:assumed-role/uploader/i-1")
	expect(t, look(t, again(p), iamUserKind(), "{}"), StatePass, ReasonNone, "role uploader")
	o, err := openS3(t.Context(), p, "s3://"+awsTestBucket+"/evidence/x.json")
	if err != nil {
		t.Fatal(err)
	}
	_ = o.Close()

	granted := shippedActions(t)
	if asked := s.permissions(); !slices.Equal(asked, granted) {
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
	data, err := os.ReadFile("../examples/iam-policy.json")
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
			s := newAWSServer(t)
			s.say("iam:ListGroupsForUser", iamBody("ListGroupsForUser", "<Groups><member><GroupName>ops</GroupName></member></Groups><IsTruncated>false</IsTruncated>"))
			for _, to := range []string{"Group", "Role"} {
				s.say("iam:List"+to+"Policies", iamBody("List"+to+"Policies", "<PolicyNames><member>x</member></PolicyNames><IsTruncated>false</IsTruncated>"))
				s.say("iam:Get"+to+"Policy", iamBody("Get"+to+"Policy", "<PolicyDocument>"+url.PathEscape(writePolicy)+"</PolicyDocument>"))
			}
			s.attach("User", "writers", "arn:aws:iam::123456789012:policy/writers", writePolicy)
			if strings.Contains(action, "Role") {
				s.caller("arn:aws:sts::123456789012:assumed-role/uploader/i-1")
			}
			s.say(action, awsReply{status: 403, code: "AccessDenied"})
			p := s.pass(func(d *deployment.Settings) {
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
				r := look(t, p, awsKindNamed(k), "{}")
				if !slices.Contains(blind, k) {
					expect(t, r, StatePass, ReasonNone, "")
					continue
				}
				expect(t, r, StateUnknown, ReasonPermissionDenied, action)
				if r.Remedy != "the permission "+action {
					t.Errorf("remedy %q", r.Remedy)
				}
				hasNot(t, r, s.secret)
			}
		})
	}
}

// Responses that may come to every call.
func TestAWS_RefusedCalls(t *testing.T) {
	for _, c := range []struct {
		name   string
		reply  awsReply
		state  State
		reason Reason
		detail string
	}{
		{"no bucket", awsReply{status: 404, code: "NoSuchBucket"}, StateFail, ReasonMissing, "bucket " + awsTestBucket + " does not exist"},
		{"expired token", awsReply{status: 400, code: "ExpiredToken"}, StateUnknown, ReasonPermissionDenied, "have expired"},
		{"unknown key", awsReply{status: 403, code: "InvalidAccessKeyId"}, StateUnknown, ReasonPermissionDenied, "are refused"},
		{"wrong secret", awsReply{status: 403, code: "SignatureDoesNotMatch"}, StateUnknown, ReasonPermissionDenied, "are refused"},
		{"clock", awsReply{status: 403, code: "RequestTimeTooSkewed"}, StateUnknown, ReasonPermissionDenied, "clock"},
		{"throttled", awsReply{status: 503, code: "SlowDown"}, StateUnknown, ReasonError, "slow down"},
		{"broken", awsReply{status: 500, code: "InternalError"}, StateUnknown, ReasonError, "internal error (500)"},
		{"redirect to nowhere", awsReply{status: 301, code: "PermanentRedirect"}, StateUnknown, ReasonMismatch, "deployment.aws.region"},
		{"a page", awsReply{status: 404, body: "<html>not here</html>"}, StateUnknown, ReasonInvalid, "not from the service"},
		{"no XML", awsReply{body: "{\"hello\": 1}"}, StateUnknown, ReasonInvalid, "not from the service"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newAWSServer(t)
			for _, action := range []string{"s3:GetBucketVersioning", "s3:GetEncryptionConfiguration", "s3:ListBucket"} {
				s.say(action, c.reply)
			}
			p := s.pass(nil)
			for _, kind := range []string{"s3_bucket", "s3_encryption", "s3_object"} {
				r := look(t, p, awsKindNamed(kind), "{}")
				expect(t, r, c.state, c.reason, c.detail)
				hasNot(t, r, s.secret)
			}
			if n := len(s.asked); n > 3*awsAttempts {
				t.Errorf("%d requests", n)
			}
			expect(t, look(t, p, iamUserKind(), "{}"), StatePass, ReasonNone, "")
		})
	}
}

// A response that names the bucket's region is followed and remembered.
func TestAWS_FollowsBucketRegion(t *testing.T) {
	s := newAWSServer(t)
	p := s.pass(func(d *deployment.Settings) { d.AWS.Region = "us-east-1" })
	for range 2 {
		for _, kind := range awsKindNames() {
			expect(t, look(t, p, awsKindNamed(kind), "{}"), StatePass, ReasonNone, "")
		}
	}
	away := 0
	for _, scope := range s.scopes {
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
	s := newAWSServer(t)
	s.region = "nowhere-1"
	s.say("s3:GetEncryptionConfiguration", awsReply{})
	regions := 0
	s.wander = func() string { regions++; return "region-" + string(rune('a'+min(regions, 9))) }
	p := s.pass(func(d *deployment.Settings) { d.AWS.Region = "us-east-1" })
	r := look(t, p, s3EncryptionKind(), "{}")
	expect(t, r, StateUnknown, ReasonMismatch, awsRegionSetting)
	if regions != 2 {
		t.Errorf("%d redirects were followed", regions)
	}

	s = newAWSServer(t)
	expect(t, look(t, s.pass(func(d *deployment.Settings) { d.AWS.Bucket = "backups--euc1-az1--x-s3" }), s3EncryptionKind(), "{}"), StatePass, ReasonNone, "")
	if got := s.permissions(); !slices.Equal(got, []string{"s3:GetEncryptionConfiguration"}) {
		t.Errorf("used %q", got)
	}
}

// A service that accepts connections and never responds does not block a probe past its deadline.
func TestAWS_SilentService(t *testing.T) {
	s := newAWSServer(t)
	release := make(chan struct{})
	hang := func(r *http.Request, _ url.Values) awsReply {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return awsReply{}
	}
	for action := range s.replies {
		s.replies[action] = hang
	}
	t.Cleanup(func() { close(release) })
	p := s.pass(nil)
	for _, kind := range awsKindNames() {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		r := Look(ctx, load(t, awsKindNamed(kind), "{}"), p)
		cancel()
		expect(t, r, StateUnknown, ReasonTimeout, "no response in time")
		hasNot(t, r, s.secret)
	}
}

// Nothing listens at the address.
func TestAWS_Unreachable(t *testing.T) {
	s := newAWSServer(t)
	p := s.pass(nil)
	s.Close()
	for _, kind := range awsKindNames() {
		r := look(t, p, awsKindNamed(kind), "{}")
		expect(t, r, StateUnknown, ReasonUnreachable, "no connection")
		if r.Remedy != awsEndpointSetting {
			t.Errorf("remedy %q", r.Remedy)
		}
	}
}

// Without a bucket the probes are skipped, without credentials they are unknown.
func TestAWS_NotConfigured(t *testing.T) {
	newAWSServer(t) // for the environment
	for _, c := range []struct {
		name, env string
		aws       deployment.AWS
		state     State
		reason    Reason
		remedy    string
	}{
		{"nothing", "", deployment.AWS{}, StateSkip, ReasonNotConfigured, awsBucketSetting},
		{"no credentials", "", deployment.AWS{Bucket: awsTestBucket}, StateUnknown, ReasonNotConfigured, awsCredentials},
		{"half of them", "AWS_ACCESS_KEY_ID=AKIA\n", deployment.AWS{Bucket: awsTestBucket}, StateUnknown, ReasonNotConfigured, awsCredentials},
		{"no such profile", "", deployment.AWS{Bucket: awsTestBucket, Profile: "prod"}, StateUnknown, ReasonNotConfigured, awsProfileSetting},
		{"placeholder", "S3_BUCKET=CHANGE_ME\n", deployment.AWS{}, StateUnknown, ReasonPlaceholder, awsBucketSetting},
		{"invalid name", "S3_BUCKET=../x\n", deployment.AWS{}, StateUnknown, ReasonInvalid, awsBucketSetting},
		{"invalid region", "S3_BUCKET=backups-of-us\nAWS_REGION=evil.test/\n", deployment.AWS{}, StateUnknown, ReasonInvalid, awsRegionSetting},
		{"invalid endpoint", "S3_BUCKET=backups-of-us\nS3_ENDPOINT=ftp://x\n", deployment.AWS{}, StateUnknown, ReasonInvalid, awsEndpointSetting},
		{"elsewhere", "S3_BUCKET=backups-of-us\nAWS_SECRET_ACCESS_KEY=vault:secret/aws\n", deployment.AWS{}, StateUnknown, ReasonNotConfigured, awsCredentials},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPass(t, folder{".env.production": "X=1\n" + c.env}, deployment.Settings{AWS: c.aws})
			for _, kind := range awsKindNames() {
				r := look(t, p, awsKindNamed(kind), "{}")
				expect(t, r, c.state, c.reason, "")
				if r.Remedy != c.remedy {
					t.Errorf("%s: remedy %q, want %q", kind, r.Remedy, c.remedy)
				}
			}
		})
	}
	p := newPass(t, folder{".env.production": "S3_BUCKET=s3://their-bucket/nightly/\nS3_ENDPOINT=minio.test:9000\n"}, deployment.Settings{})
	a, err := awsPlaceOf(p)
	if err != nil || a.bucket != "their-bucket" || a.prefix != "nightly/" || a.endpoint != "https://minio.test:9000" || !a.compatible {
		t.Errorf("%q %q %q %v %v", a.bucket, a.prefix, a.endpoint, a.compatible, err)
	}
}

// The exporter's own credentials take precedence over the deployment's, a profile over both. Changed ones rebuild the
// clients.
func TestAWS_CredentialsPrecedence(t *testing.T) {
	s := newAWSServer(t)
	p := s.pass(nil)
	who := func(p *Pass) string {
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
	t.Setenv("AWS_SECRET_ACCESS_KEY", s.secret)
	if got := who(again(p)); got != "OWN" {
		t.Errorf("%q", got)
	}
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[prod]\naws_access_key_id = PROFILE\naws_secret_access_key = "+s.secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	p = s.pass(func(d *deployment.Settings) { d.AWS.Profile = "prod" })
	if got := who(p); got != "PROFILE" {
		t.Errorf("%q", got)
	}
	if err := os.WriteFile(file, []byte("[prod]\naws_access_key_id = PROFILE_NEW\naws_secret_access_key = "+s.secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := who(again(p)); got != "PROFILE_NEW" {
		t.Errorf("%q", got)
	}
}

// Clients are kept while AWS's two configuration files do not change.
func TestAWS_KeepsClients(t *testing.T) {
	s := newAWSServer(t)
	for _, key := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		file := filepath.Join(t.TempDir(), key)
		if err := os.WriteFile(file, []byte("[default]\nregion = eu-central-1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(key, file)
	}
	p := s.pass(nil)
	first := kept1(t, p)
	for range 20 {
		if kept1(t, again(p)) != first {
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
		state    State
		reason   Reason
		detail   string
	}{
		"keys in the deployment's environment": {"AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=%s\n", "", false, StatePass,
			ReasonNone, "user uploader can upload to bucket " + awsTestBucket + ", checked as user/exporter"},
		"named": {"", "uploader", false, StatePass, ReasonNone,
			"user uploader can upload to bucket " + awsTestBucket + ", checked as user/exporter"},
		"named before the keys": {"AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=%s\n", "exporter", false, StateFail, ReasonMissing, "no policy of user exporter"},
		"a role named":          {"", "role/writer", false, StatePass, ReasonNone, "role writer can upload"},
		"unknown": {"", "", false, StateUnknown, ReasonNotConfigured,
			"own credentials (user exporter) do not allow uploads"},
		"unknown, exporter may write": {"", "", true, StatePass, ReasonNone,
			"user exporter can upload to bucket " + awsTestBucket + ", assumed to be the uploading identity"},
		"half of the keys": {"AWS_ACCESS_KEY_ID=THEIRS\n", "", false, StateUnknown, ReasonNotConfigured,
			"uploading identity is unknown"},
		"placeholders": {"AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=CHANGE_ME\n", "", false,
			StateUnknown, ReasonNotConfigured, "uploading identity is unknown"},
		"keys kept elsewhere": {"AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=vault:secret/aws\n", "",
			false, StateUnknown, ReasonNotConfigured, "uploading identity is unknown"},
		"keys that are refused": {"AWS_ACCESS_KEY_ID=GONE\nAWS_SECRET_ACCESS_KEY=%s\n", "", false, StateUnknown, ReasonPermissionDenied, "of the keys in the deployment's environment"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newAWSServer(t)
			t.Setenv("AWS_ACCESS_KEY_ID", "OWN")
			t.Setenv("AWS_SECRET_ACCESS_KEY", s.secret)
			theirs := 0
			for action, reply := range s.replies {
				s.replies[action] = func(r *http.Request, form url.Values) awsReply {
					who := "exporter"
					if !strings.Contains(r.Header.Get("Authorization"), "Credential=OWN/") {
						theirs++
						who = "uploader"
						if action != "sts:GetCallerIdentity" || strings.Contains(r.Header.Get("Authorization"), "Credential=GONE/") {
							return awsReply{status: 403, code: "InvalidClientTokenId"}
						}
					}
					may := readPolicy
					if tt.mayWrite || form.Get("UserName") == "uploader" || form.Get("RoleName") == "writer" {
						may = writePolicy
					}
					switch action {
					case "sts:GetCallerIdentity":
						return iamBody("GetCallerIdentity", "<Arn>arn:aws:iam::123456789012:user/"+who+"</Arn>")
					case "iam:GetUserPolicy":
						return iamBody("GetUserPolicy", "<PolicyDocument>"+url.PathEscape(may)+"</PolicyDocument>")
					}
					return reply(r, form)
				}
			}
			s.say("iam:ListRolePolicies", iamBody("ListRolePolicies", "<PolicyNames><member>x</member></PolicyNames><IsTruncated>false</IsTruncated>"))
			s.say("iam:GetRolePolicy", iamBody("GetRolePolicy", "<PolicyDocument>"+url.PathEscape(writePolicy)+"</PolicyDocument>"))
			env := "S3_BUCKET=" + awsTestBucket + "\nAWS_REGION=" + s.region + "\n" + strings.ReplaceAll(tt.env, "%s", s.secret)
			p := newPass(t, folder{".env.production": env}, deployment.Settings{AWS: deployment.AWS{Endpoint: s.URL, User: tt.user}})
			r := look(t, p, iamUserKind(), "{}")
			expect(t, r, tt.state, tt.reason, tt.detail)
			hasNot(t, r, s.secret)
			if tt.reason == ReasonNotConfigured && r.Remedy != awsUserSetting {
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
	s := newAWSServer(t)
	s.say("sts:AssumeRole", awsReply{status: 403, code: "AccessDenied"})
	r := look(t, s.pass(role), s3EncryptionKind(), "{}")
	expect(t, r, StateUnknown, ReasonPermissionDenied, "sts:AssumeRole of deployment.aws.role: access denied")
	hasNot(t, r, s.secret)
	s.say("sts:AssumeRole", iamBody("AssumeRole", "<Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken><Expiration>"+
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+"</Expiration></Credentials>"))
	expect(t, look(t, s.pass(role), s3EncryptionKind(), "{}"), StatePass, ReasonNone, "")
}

// Objects are read whole; missing ones and invalid locations are reported.
func TestOpenS3_ReadsObjects(t *testing.T) {
	s := newAWSServer(t)
	s.replies["s3:GetObject"] = func(r *http.Request, _ url.Values) awsReply {
		switch r.URL.Path {
		case "/" + awsTestBucket + "/evidence/a b.json":
			return awsReply{body: "{}"}
		case "/other-bucket/x":
			return awsReply{body: "other"}
		}
		return awsReply{status: 404, code: "NoSuchKey"}
	}
	p := s.pass(nil)
	for place, want := range map[string]string{"s3://" + awsTestBucket + "/evidence/a b.json": "{}", "s3://other-bucket/x": "other"} {
		o, err := openS3(t.Context(), p, place)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(o)
		if err != nil || string(data) != want || o.Size != int64(len(want)) {
			t.Errorf("%q %d %v", data, o.Size, err)
		}
		_ = o.Close()
	}
	for place, reason := range map[string]Reason{"s3://" + awsTestBucket + "/none": ReasonMissing, "s3://x/y": ReasonInvalid, "/file": ReasonInvalid, "s3://bucket": ReasonInvalid} {
		if _, err := openS3(t.Context(), p, place); reasonOf(err) != reason {
			t.Errorf("%s: %v", place, err)
		}
	}
}

// awsKindNamed is the kind of that name among those that these tests run.
func awsKindNamed(name string) Kind {
	return map[string]Kind{
		"iam_user":      iamUserKind(),
		"s3_bucket":     s3BucketKind(),
		"s3_encryption": s3EncryptionKind(),
		"s3_object":     s3ObjectKind(),
	}[name]
}

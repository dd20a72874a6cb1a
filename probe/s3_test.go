package probe

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

func TestS3Bucket(t *testing.T) {
	compatible := awsReply{status: 501, code: "NotImplemented"}
	denied := awsReply{status: 403, code: "AccessDenied"}
	for _, c := range []struct {
		name, action string
		reply        awsReply
		state        State
		reason       Reason
		detail       string
	}{
		{"suspended", "s3:GetBucketVersioning", awsReply{body: "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"}, StateFail, ReasonMissing, `is "suspended"`},
		{"never enabled", "s3:GetBucketVersioning", awsReply{body: "<VersioningConfiguration/>"}, StateFail, ReasonMissing, "is off"},
		{"another word", "s3:GetBucketVersioning", awsReply{body: "<VersioningConfiguration><Status>hunter</Status></VersioningConfiguration>"}, StateFail, ReasonMissing, "is another value"},
		{"empty", "s3:GetBucketVersioning", awsReply{}, StateFail, ReasonMissing, "is off"},
		{"no versioning", "s3:GetBucketVersioning", compatible, StateUnknown, ReasonNotConfigured, "does not support"},
		{"HEAD denied", "s3:ListBucket", denied, StateUnknown, ReasonPermissionDenied, "s3:ListBucket"},
		{"HEAD missing", "s3:ListBucket", awsReply{status: 404}, StateFail, ReasonMissing, "does not exist"},
		{"half blocked", "s3:GetBucketPublicAccessBlock", awsReply{body: "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy></PublicAccessBlockConfiguration>"}, StateWarn, ReasonExposed, "BlockPublicPolicy, RestrictPublicBuckets"},
		{"not blocked", "s3:GetBucketPublicAccessBlock", awsReply{status: 404, code: "NoSuchPublicAccessBlockConfiguration"}, StateWarn, ReasonExposed, "BlockPublicAcls, IgnorePublicAcls"},
		{"block unknown to the service", "s3:GetBucketPublicAccessBlock", compatible, StatePass, ReasonNone, "does not report whether public access is blocked"},
		{"block not answered", "s3:GetBucketPublicAccessBlock", awsReply{}, StatePass, ReasonNone, "does not report whether public access is blocked"},
		{"block denied there", "s3:GetBucketPublicAccessBlock", denied, StatePass, ReasonNone, "does not report whether public access is blocked"},
		{"block broken", "s3:GetBucketPublicAccessBlock", awsReply{status: 500}, StateUnknown, ReasonError, "internal error"},
		{"no default encryption rule", "s3:GetLifecycleConfiguration", awsReply{status: 404, code: "NoSuchLifecycleConfiguration"}, StateWarn, ReasonMissing, "no enabled lifecycle rule"},
		{"no rule said", "s3:GetLifecycleConfiguration", awsReply{}, StateWarn, ReasonMissing, "no enabled lifecycle rule"},
		{"rule disabled", "s3:GetLifecycleConfiguration", awsReply{body: "<LifecycleConfiguration><Rule><Status>Disabled</Status></Rule></LifecycleConfiguration>"}, StateWarn, ReasonMissing, "no enabled lifecycle rule"},
		{"rules unknown to the service", "s3:GetLifecycleConfiguration", compatible, StatePass, ReasonNone, "does not report whether old backups expire"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newAWSServer(t)
			s.say(c.action, c.reply)
			r := look(t, s.pass(nil), s3BucketKind(), "{}")
			expect(t, r, c.state, c.reason, c.detail)
			hasNot(t, r, "hunter")
		})
	}
}

// TestBucketFacts: at AWS itself what may not be asked is unknown, and what is seen to be wrong goes before.
func TestBucketFacts(t *testing.T) {
	denied := Needs("the permission s3:X", Unknown(ReasonPermissionDenied, &awsFault{Status: 403, Code: "AccessDenied", text: "s3:X denied"}))
	fine := bucketFacts{name: "b", versioning: "Enabled", blockKnown: true, rules: 1}
	for name, c := range map[string]struct {
		change func(*bucketFacts)
		state  State
		reason Reason
	}{
		"fine":                        {func(*bucketFacts) {}, StatePass, ReasonNone},
		"block denied":                {func(f *bucketFacts) { f.blockErr = denied }, StateUnknown, ReasonPermissionDenied},
		"rules denied":                {func(f *bucketFacts) { f.rulesErr = denied }, StateUnknown, ReasonPermissionDenied},
		"versioning denied":           {func(f *bucketFacts) { f.versioningErr = denied; f.versioning = "" }, StateUnknown, ReasonPermissionDenied},
		"off, block denied":           {func(f *bucketFacts) { f.versioning = ""; f.blockErr = denied }, StateFail, ReasonMissing},
		"open, rules denied":          {func(f *bucketFacts) { f.block = []string{"X"}; f.rulesErr = denied }, StateUnknown, ReasonPermissionDenied},
		"nil block at AWS":            {func(f *bucketFacts) { f.block, f.blockKnown = unblocked(nil), false }, StateWarn, ReasonExposed},
		"timeouts are none of theirs": {func(f *bucketFacts) { f.compatible, f.blockErr = true, Unknown(ReasonTimeout, errors.New("x")) }, StateUnknown, ReasonTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			f := fine
			c.change(&f)
			expect(t, f.judge(), c.state, c.reason, "")
		})
	}
}

func TestS3Encryption(t *testing.T) {
	rule := func(inside string) awsReply {
		return awsReply{body: "<ServerSideEncryptionConfiguration><Rule>" + inside + "</Rule></ServerSideEncryptionConfiguration>"}
	}
	by := func(algorithm string) awsReply {
		return rule("<ApplyServerSideEncryptionByDefault><SSEAlgorithm>" + algorithm + "</SSEAlgorithm></ApplyServerSideEncryptionByDefault>")
	}
	for _, c := range []struct {
		name   string
		reply  awsReply
		state  State
		reason Reason
		detail string
	}{
		{"AES256", by("AES256"), StatePass, ReasonNone, "AES256"},
		{"dsse", by("aws:kms:dsse"), StatePass, ReasonNone, "aws:kms:dsse"},
		{"none", awsReply{status: 404, code: "ServerSideEncryptionConfigurationNotFoundError"}, StateFail, ReasonMissing, "no default encryption"},
		{"empty answer", awsReply{}, StateFail, ReasonEmpty, "no default encryption rule"},
		{"no rules", awsReply{body: "<ServerSideEncryptionConfiguration/>"}, StateFail, ReasonEmpty, "no default encryption rule"},
		{"empty rule", rule(""), StateFail, ReasonMissing, ""},
		{"another algorithm", by("rot13"), StateFail, ReasonMissing, ""},
		{"nil algorithm", rule("<ApplyServerSideEncryptionByDefault/>"), StateFail, ReasonMissing, ""},
		{"log-in page", awsReply{body: "<!DOCTYPE html><html><body>log in</body></html>"}, StateUnknown, ReasonInvalid, "not from the service"},
		{"not known there", awsReply{status: 501, code: "NotImplemented"}, StateUnknown, ReasonNotConfigured, "does not support"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newAWSServer(t)
			s.say("s3:GetEncryptionConfiguration", c.reply)
			r := look(t, s.pass(nil), s3EncryptionKind(), "{}")
			expect(t, r, c.state, c.reason, c.detail)
			hasNot(t, r, "rot13")
		})
	}
}

func TestS3Object(t *testing.T) {
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	local := func(d *deployment.Settings) { d.Backup.Directory = "backups" }
	for _, c := range []struct {
		name   string
		set    func(s *awsServer)
		conf   func(*deployment.Settings)
		spec   string
		local  int // size of a local backup from 3 h ago; 0: none
		state  State
		reason Reason
		detail string
	}{
		{"stale", func(s *awsServer) { s.listing(object("a.sql.gz", 9, ago(27*time.Hour))) }, nil, "{}", 0, StateFail, ReasonStale, "1d3h old"},
		{"fresh by spec", func(s *awsServer) { s.listing(object("a.sql.gz", 9, ago(27*time.Hour))) }, nil, "{fresh: 2d}", 0, StatePass, ReasonNone, ""},
		{"nothing", func(s *awsServer) { s.listing() }, nil, "{}", 0, StateFail, ReasonMissing, "no objects under s3://catalyst-prod-backups/"},
		{"no list", func(s *awsServer) { s.say("s3:ListBucket", awsReply{}) }, nil, "{}", 0, StateFail, ReasonMissing, "no object"},
		{"no backup", func(s *awsServer) {
			s.listing(object("a.txt", 9, ago(0)), object("a.sql.gz.tmp", 9, ago(0)), "<Contents></Contents>")
		}, nil, "{}", 0, StateFail, ReasonMissing, "none of the 3 objects"},
		{"empty", func(s *awsServer) { s.listing(object("a.sql.gz", 0, ago(time.Hour))) }, nil, "{}", 0, StateFail, ReasonEmpty, "a.sql.gz is empty"},
		{"future", func(s *awsServer) { s.listing(object("a.sql.gz", 9, ago(-time.Hour))) }, nil, "{}", 0, StateUnknown, ReasonInvalid, "future"},
		{"not encrypted", func(s *awsServer) { s.say("s3:GetObject", awsReply{}) }, nil, "{}", 0, StateFail, ReasonExposed, "not encrypted"},
		{"with the customer's key", func(s *awsServer) {
			s.say("s3:GetObject", awsReply{header: map[string]string{"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}})
		}, nil, "{}", 0, StatePass, ReasonNone, ""},
		{"gone meanwhile", func(s *awsServer) { s.say("s3:GetObject", awsReply{status: 404}) }, nil, "{}", 0, StateUnknown, ReasonMissing, "s3:GetObject"},
		{"as large", func(s *awsServer) {}, local, "{}", 2048, StatePass, ReasonNone, "as large as db.sql.gz"},
		{"broken off", func(s *awsServer) {}, local, "{}", 2049, StateFail, ReasonTruncated, "2048 bytes, but db.sql.gz on this host has 2049"},
		{"other format", func(s *awsServer) { s.listing(object("db.sql.zst", 9, ago(time.Hour))) }, local, "{}", 2048, StateWarn, ReasonMismatch, "formats differ"},
		{"local is newer", func(s *awsServer) { s.listing(object("a.sql.gz", 9, ago(5*time.Hour))) }, local, "{}", 2048, StatePass, ReasonNone, "not compared"},
		{"no local folder", func(s *awsServer) {}, local, "{}", 0, StatePass, ReasonNone, "not compared"},
		{"endless", func(s *awsServer) {
			s.say("s3:ListBucket", awsReply{body: "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>"})
		}, nil, "{}", 0, StateUnknown, ReasonInvalid, "truncated the list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newAWSServer(t)
			c.set(s)
			p := s.pass(c.conf)
			if c.local > 0 {
				file := filepath.Join(p.Deployment.Root, "backups", "db.sql.gz")
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(strings.Repeat("x", c.local)), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(file, ago(3*time.Hour), ago(3*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			expect(t, look(t, p, s3ObjectKind(), c.spec), c.state, c.reason, c.detail)
		})
	}
}

// TestS3Pages: the newest is found on the last page, under the prefix; the gauges count though it is stale; what is too long is not judged by half.
func TestS3Pages(t *testing.T) {
	s := newAWSServer(t)
	newest := time.Now().Add(-30 * time.Hour).Truncate(time.Second)
	prefixes := map[string]bool{}
	pages := 3
	s.replies["s3:ListBucket"] = func(r *http.Request, _ url.Values) awsReply {
		q := r.URL.Query()
		prefixes[q.Get("prefix")] = true
		token := q.Get("continuation-token")
		if len(token) == pages-1 {
			return awsReply{body: "<ListBucketResult><IsTruncated>false</IsTruncated>" + object("daily/z.dump", 77, newest) + "</ListBucketResult>"}
		}
		return awsReply{body: "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>" + token + "x</NextContinuationToken>" + object("daily/a.dump", 99, newest.Add(-time.Hour)) + "</ListBucketResult>"}
	}
	p := s.pass(func(d *deployment.Settings) { d.AWS.Prefix = "daily/" })
	r := look(t, p, s3ObjectKind(), "{}")
	expect(t, r, StateFail, ReasonStale, "daily/z.dump")
	if at, ok := measured(r, BackupLastSuccess, "s3"); !ok || at != float64(newest.Unix()) {
		t.Errorf("time %v %v", at, ok)
	}
	if size, ok := measured(r, BackupSize, "s3"); !ok || size != 77 {
		t.Errorf("size %v %v", size, ok)
	}
	if !prefixes["daily/"] || len(prefixes) != 1 {
		t.Errorf("asked for %v", prefixes)
	}
	pages = maxS3Pages + 1
	r = look(t, again(p), s3ObjectKind(), "{}")
	expect(t, r, StateUnknown, ReasonError, "more than 50000 objects")
	if r.Remedy != "deployment.aws.prefix" {
		t.Errorf("remedy %q", r.Remedy)
	}
}

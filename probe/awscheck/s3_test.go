package awscheck

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
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/backupcheck"
)

func TestS3Bucket(t *testing.T) {
	compatible := probetest.AWSReply{Status: 501, Code: "NotImplemented"}
	denied := probetest.AWSReply{Status: 403, Code: "AccessDenied"}
	for _, c := range []struct {
		name, action string
		reply        probetest.AWSReply
		state        probe.State
		reason       probe.Reason
		detail       string
	}{
		{"suspended", "s3:GetBucketVersioning", probetest.AWSReply{Body: "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"}, probe.StateFail, probe.ReasonMissing, `is "suspended"`},
		{"never enabled", "s3:GetBucketVersioning", probetest.AWSReply{Body: "<VersioningConfiguration/>"}, probe.StateFail, probe.ReasonMissing, "is off"},
		{"another word", "s3:GetBucketVersioning", probetest.AWSReply{Body: "<VersioningConfiguration><Status>hunter</Status></VersioningConfiguration>"}, probe.StateFail, probe.ReasonMissing, "is another value"},
		{"empty", "s3:GetBucketVersioning", probetest.AWSReply{}, probe.StateFail, probe.ReasonMissing, "is off"},
		{"no versioning", "s3:GetBucketVersioning", compatible, probe.StateUnknown, probe.ReasonNotConfigured, "does not support"},
		{"HEAD denied", "s3:ListBucket", denied, probe.StateUnknown, probe.ReasonPermissionDenied, "s3:ListBucket"},
		{"HEAD missing", "s3:ListBucket", probetest.AWSReply{Status: 404}, probe.StateFail, probe.ReasonMissing, "does not exist"},
		{"half blocked", "s3:GetBucketPublicAccessBlock", probetest.AWSReply{Body: "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy></PublicAccessBlockConfiguration>"}, probe.StateWarn, probe.ReasonExposed, "BlockPublicPolicy, RestrictPublicBuckets"},
		{"not blocked", "s3:GetBucketPublicAccessBlock", probetest.AWSReply{Status: 404, Code: "NoSuchPublicAccessBlockConfiguration"}, probe.StateWarn, probe.ReasonExposed, "BlockPublicAcls, IgnorePublicAcls"},
		{"block unknown to the service", "s3:GetBucketPublicAccessBlock", compatible, probe.StatePass, probe.ReasonNone, "does not report whether public access is blocked"},
		{"block not answered", "s3:GetBucketPublicAccessBlock", probetest.AWSReply{}, probe.StatePass, probe.ReasonNone, "does not report whether public access is blocked"},
		{"block denied there", "s3:GetBucketPublicAccessBlock", denied, probe.StatePass, probe.ReasonNone, "does not report whether public access is blocked"},
		{"block broken", "s3:GetBucketPublicAccessBlock", probetest.AWSReply{Status: 500}, probe.StateUnknown, probe.ReasonError, "internal error"},
		{"no default encryption rule", "s3:GetLifecycleConfiguration", probetest.AWSReply{Status: 404, Code: "NoSuchLifecycleConfiguration"}, probe.StateWarn, probe.ReasonMissing, "no enabled lifecycle rule"},
		{"no rule said", "s3:GetLifecycleConfiguration", probetest.AWSReply{}, probe.StateWarn, probe.ReasonMissing, "no enabled lifecycle rule"},
		{"rule disabled", "s3:GetLifecycleConfiguration", probetest.AWSReply{Body: "<LifecycleConfiguration><Rule><Status>Disabled</Status></Rule></LifecycleConfiguration>"}, probe.StateWarn, probe.ReasonMissing, "no enabled lifecycle rule"},
		{"rules unknown to the service", "s3:GetLifecycleConfiguration", compatible, probe.StatePass, probe.ReasonNone, "does not report whether old backups expire"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			s.Say(c.action, c.reply)
			r := probetest.Look(t, s.Pass(nil), S3BucketKind(), "{}")
			probetest.Expect(t, r, c.state, c.reason, c.detail)
			probetest.HasNot(t, r, "hunter")
		})
	}
}

// TestBucketFacts: at AWS itself what may not be asked is unknown, and what is seen to be wrong goes before.
func TestBucketFacts(t *testing.T) {
	denied := probe.Needs("the permission s3:X", probe.Unknown(probe.ReasonPermissionDenied, &awsFault{Status: 403, Code: "AccessDenied", text: "s3:X denied"}))
	fine := bucketFacts{name: "b", versioning: "Enabled", blockKnown: true, lifecycle: lifecycle{rules: 1}}
	for name, c := range map[string]struct {
		change func(*bucketFacts)
		state  probe.State
		reason probe.Reason
	}{
		"fine":               {func(*bucketFacts) {}, probe.StatePass, probe.ReasonNone},
		"block denied":       {func(f *bucketFacts) { f.blockErr = denied }, probe.StateUnknown, probe.ReasonPermissionDenied},
		"rules denied":       {func(f *bucketFacts) { f.rulesErr = denied }, probe.StateUnknown, probe.ReasonPermissionDenied},
		"versioning denied":  {func(f *bucketFacts) { f.versioningErr = denied; f.versioning = "" }, probe.StateUnknown, probe.ReasonPermissionDenied},
		"off, block denied":  {func(f *bucketFacts) { f.versioning = ""; f.blockErr = denied }, probe.StateFail, probe.ReasonMissing},
		"open, rules denied": {func(f *bucketFacts) { f.block = []string{"X"}; f.rulesErr = denied }, probe.StateUnknown, probe.ReasonPermissionDenied},
		"nil block at AWS":   {func(f *bucketFacts) { f.block, f.blockKnown = unblocked(nil), false }, probe.StateWarn, probe.ReasonExposed},
		"timeouts are none of theirs": {func(f *bucketFacts) {
			f.compatible, f.blockErr = true, probe.Unknown(probe.ReasonTimeout, errors.New("x"))
		}, probe.StateUnknown, probe.ReasonTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			f := fine
			c.change(&f)
			probetest.Expect(t, f.judge(), c.state, c.reason, "")
		})
	}
}

func TestS3Encryption(t *testing.T) {
	rule := func(inside string) probetest.AWSReply {
		return probetest.AWSReply{Body: "<ServerSideEncryptionConfiguration><Rule>" + inside + "</Rule></ServerSideEncryptionConfiguration>"}
	}
	by := func(algorithm string) probetest.AWSReply {
		return rule("<ApplyServerSideEncryptionByDefault><SSEAlgorithm>" + algorithm + "</SSEAlgorithm></ApplyServerSideEncryptionByDefault>")
	}
	for _, c := range []struct {
		name   string
		reply  probetest.AWSReply
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"AES256", by("AES256"), probe.StatePass, probe.ReasonNone, "AES256"},
		{"dsse", by("aws:kms:dsse"), probe.StatePass, probe.ReasonNone, "aws:kms:dsse"},
		{"none", probetest.AWSReply{Status: 404, Code: "ServerSideEncryptionConfigurationNotFoundError"}, probe.StateFail, probe.ReasonMissing, "no default encryption"},
		{"empty answer", probetest.AWSReply{}, probe.StateFail, probe.ReasonEmpty, "no default encryption rule"},
		{"no rules", probetest.AWSReply{Body: "<ServerSideEncryptionConfiguration/>"}, probe.StateFail, probe.ReasonEmpty, "no default encryption rule"},
		{"empty rule", rule(""), probe.StateFail, probe.ReasonMissing, ""},
		{"another algorithm", by("rot13"), probe.StateFail, probe.ReasonMissing, ""},
		{"nil algorithm", rule("<ApplyServerSideEncryptionByDefault/>"), probe.StateFail, probe.ReasonMissing, ""},
		{"log-in page", probetest.AWSReply{Body: "<!DOCTYPE html><html><body>log in</body></html>"}, probe.StateUnknown, probe.ReasonInvalid, "not from the service"},
		{"not known there", probetest.AWSReply{Status: 501, Code: "NotImplemented"}, probe.StateUnknown, probe.ReasonNotConfigured, "does not support"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			s.Say("s3:GetEncryptionConfiguration", c.reply)
			r := probetest.Look(t, s.Pass(nil), S3EncryptionKind(), "{}")
			probetest.Expect(t, r, c.state, c.reason, c.detail)
			probetest.HasNot(t, r, "rot13")
		})
	}
}

func TestS3Object(t *testing.T) {
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	local := func(d *deployment.Settings) { d.Backup.Directory = "backups" }
	for _, c := range []struct {
		name   string
		set    func(s *probetest.AWSServer)
		conf   func(*deployment.Settings)
		spec   string
		local  int // size of a local backup from 3 h ago; 0: none
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"stale", func(s *probetest.AWSServer) { s.Listing(probetest.Object("a.sql.gz", 9, ago(27*time.Hour))) }, nil, "{}", 0, probe.StateFail, probe.ReasonStale, "1d3h old"},
		{"fresh by spec", func(s *probetest.AWSServer) { s.Listing(probetest.Object("a.sql.gz", 9, ago(27*time.Hour))) }, nil, "{fresh: 2d}", 0, probe.StatePass, probe.ReasonNone, ""},
		{"nothing", func(s *probetest.AWSServer) { s.Listing() }, nil, "{}", 0, probe.StateFail, probe.ReasonMissing, "no objects under s3://catalyst-prod-backups/"},
		{"no list", func(s *probetest.AWSServer) { s.Say("s3:ListBucket", probetest.AWSReply{}) }, nil, "{}", 0, probe.StateFail, probe.ReasonMissing, "no object"},
		{"no backup", func(s *probetest.AWSServer) {
			s.Listing(probetest.Object("a.txt", 9, ago(0)), probetest.Object("a.sql.gz.tmp", 9, ago(0)), "<Contents></Contents>")
		}, nil, "{}", 0, probe.StateFail, probe.ReasonMissing, "none of the 3 objects"},
		{"empty", func(s *probetest.AWSServer) { s.Listing(probetest.Object("a.sql.gz", 0, ago(time.Hour))) }, nil, "{}", 0, probe.StateFail, probe.ReasonEmpty, "a.sql.gz is empty"},
		{"six minutes ahead", func(s *probetest.AWSServer) { s.Listing(probetest.Object("a.sql.gz", 9, ago(-6*time.Minute))) }, nil, "{}", 0, probe.StateUnknown, probe.ReasonInvalid, "future"},
		{"future", func(s *probetest.AWSServer) { s.Listing(probetest.Object("a.sql.gz", 9, ago(-time.Hour))) }, nil, "{}", 0, probe.StateUnknown, probe.ReasonInvalid, "future"},
		{"not encrypted", func(s *probetest.AWSServer) { s.Say("s3:GetObject", probetest.AWSReply{}) }, nil, "{}", 0, probe.StateFail, probe.ReasonExposed, "not encrypted"},
		{"with the customer's key", func(s *probetest.AWSServer) {
			s.Say("s3:GetObject", probetest.AWSReply{Header: map[string]string{"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}})
		}, nil, "{}", 0, probe.StatePass, probe.ReasonNone, ""},
		{"gone meanwhile", func(s *probetest.AWSServer) { s.Say("s3:GetObject", probetest.AWSReply{Status: 404}) }, nil, "{}", 0, probe.StateUnknown, probe.ReasonMissing, "s3:GetObject"},
		{"as large", func(s *probetest.AWSServer) {}, local, "{}", 2048, probe.StatePass, probe.ReasonNone, "as large as db.sql.gz"},
		{"broken off", func(s *probetest.AWSServer) {}, local, "{}", 2049, probe.StateFail, probe.ReasonTruncated, "2048 bytes, but db.sql.gz on this host has 2049"},
		{"other format", func(s *probetest.AWSServer) { s.Listing(probetest.Object("db.sql.zst", 9, ago(time.Hour))) }, local, "{}", 2048, probe.StateWarn, probe.ReasonMismatch, "formats differ"},
		{"local is newer", func(s *probetest.AWSServer) { s.Listing(probetest.Object("a.sql.gz", 9, ago(5*time.Hour))) }, local, "{}", 2048, probe.StatePass, probe.ReasonNone, "not compared"},
		{"no local folder", func(s *probetest.AWSServer) {}, local, "{}", 0, probe.StatePass, probe.ReasonNone, "not compared"},
		{"endless", func(s *probetest.AWSServer) {
			s.Say("s3:ListBucket", probetest.AWSReply{Body: "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>"})
		}, nil, "{}", 0, probe.StateUnknown, probe.ReasonInvalid, "truncated the list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			c.set(s)
			p := s.Pass(c.conf)
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
			probetest.Expect(t, probetest.Look(t, p, S3ObjectKind(), c.spec), c.state, c.reason, c.detail)
		})
	}
}

// TestS3Pages: the newest is found on the last page, under the prefix; the gauges count though it is stale; what is too long is not judged by half.
func TestS3Pages(t *testing.T) {
	s := probetest.NewAWSServer(t)
	newest := time.Now().Add(-30 * time.Hour).Truncate(time.Second)
	prefixes := map[string]bool{}
	pages := 3
	s.Replies["s3:ListBucket"] = func(r *http.Request, _ url.Values) probetest.AWSReply {
		q := r.URL.Query()
		prefixes[q.Get("prefix")] = true
		token := q.Get("continuation-token")
		if len(token) == pages-1 {
			return probetest.AWSReply{Body: "<ListBucketResult><IsTruncated>false</IsTruncated>" + probetest.Object("daily/z.dump", 77, newest) + "</ListBucketResult>"}
		}
		return probetest.AWSReply{Body: "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>" + token + "x</NextContinuationToken>" + probetest.Object("daily/a.dump", 99, newest.Add(-time.Hour)) + "</ListBucketResult>"}
	}
	p := s.Pass(func(d *deployment.Settings) { d.AWS.Prefix = "daily/" })
	r := probetest.Look(t, p, S3ObjectKind(), "{}")
	probetest.Expect(t, r, probe.StateFail, probe.ReasonStale, "daily/z.dump")
	if at, ok := probetest.Measured(r, backupcheck.LastSuccess, "s3"); !ok || at != float64(newest.Unix()) {
		t.Errorf("time %v %v", at, ok)
	}
	if size, ok := probetest.Measured(r, backupcheck.Size, "s3"); !ok || size != 77 {
		t.Errorf("size %v %v", size, ok)
	}
	if !prefixes["daily/"] || len(prefixes) != 1 {
		t.Errorf("asked for %v", prefixes)
	}
	pages = maxS3Pages + 1
	r = probetest.Look(t, probetest.Again(p), S3ObjectKind(), "{}")
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonError, "more than 50000 objects")
	if r.Remedy != "deployment.aws.prefix" {
		t.Errorf("remedy %q", r.Remedy)
	}
}

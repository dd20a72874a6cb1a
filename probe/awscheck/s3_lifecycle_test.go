package awscheck

import (
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestS3Bucket_Lifecycle(t *testing.T) {
	rule := func(inside string) string { return "<Rule><Status>Enabled</Status>" + inside + "</Rule>" }
	prefix := func(p string) string { return "<Filter><Prefix>" + p + "</Prefix></Filter>" }
	days := func(n string) string { return "<Expiration><Days>" + n + "</Days></Expiration>" }
	date := func(d time.Duration) string {
		return "<Expiration><Date>" + time.Now().Add(d).UTC().Truncate(24*time.Hour).Format(time.RFC3339) + "</Date></Expiration>"
	}
	const abort = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
	const old = "<NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration>"
	for name, tt := range map[string]struct {
		rules, prefix, env, spec string
		state                    probe.State
		reason                   probe.Reason
		detail                   string
	}{
		"deletes old versions":        {rules: rule(prefix("") + old), state: probe.StatePass},
		"deletes after a month":       {rules: rule(prefix("") + days("30")), state: probe.StatePass},
		"moves":                       {rules: rule(prefix("") + "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>"), state: probe.StatePass},
		"sooner than a week":          {rules: rule(prefix("") + days("3")), state: probe.StateFail, reason: probe.ReasonThreshold, detail: "after 3 days, sooner than the retention of 7 days"},
		"sooner than the environment": {rules: rule(prefix("") + days("14")), env: "BACKUP_RETENTION_DAYS=30\n", state: probe.StateFail, reason: probe.ReasonThreshold, detail: "30 days (BACKUP_RETENTION_DAYS at"},
		"as the environment":          {rules: rule(prefix("") + days("3")), env: "BACKUP_RETENTION_DAYS=3\n", state: probe.StatePass},
		"sooner than configured":      {rules: rule(prefix("") + days("30")), spec: "{retention: 90d}", state: probe.StateFail, reason: probe.ReasonThreshold, detail: "sooner than the retention of 90 days"},
		"the backups' prefix":         {rules: rule(prefix("daily/")+days("1")) + rule(prefix("")+old), prefix: "daily/db/", state: probe.StateFail, reason: probe.ReasonThreshold, detail: "after 1 days"},
		"older form of the prefix":    {rules: rule("<Prefix>daily/</Prefix>" + days("1")), prefix: "daily/", state: probe.StateFail, reason: probe.ReasonThreshold},
		"prefix and size":             {rules: rule("<Filter><And><Prefix>daily/</Prefix><ObjectSizeGreaterThan>1024</ObjectSizeGreaterThan></And></Filter>" + days("1")), prefix: "daily/", state: probe.StateFail, reason: probe.ReasonThreshold},
		"another prefix":              {rules: rule(prefix("logs/")+days("1")) + rule(prefix("")+old), prefix: "daily/", state: probe.StatePass},
		"a part of the backups":       {rules: rule(prefix("daily/hourly/")+days("1")) + rule(prefix("")+old), prefix: "daily/", state: probe.StatePass},
		"with tags only":              {rules: rule("<Filter><Tag><Key>tmp</Key><Value>1</Value></Tag></Filter>"+days("1")) + rule(prefix("")+old), state: probe.StateWarn, reason: probe.ReasonThreshold, detail: "with some tags"},
		"with tags only, later":       {rules: rule("<Filter><Tag><Key>tmp</Key><Value>1</Value></Tag></Filter>"+days("30")) + rule(prefix("")+old), state: probe.StatePass},
		"of some size only":           {rules: rule("<Filter><ObjectSizeLessThan>4096</ObjectSizeLessThan></Filter>"+days("1")) + rule(prefix("")+old), state: probe.StateWarn, reason: probe.ReasonThreshold, detail: "of some size"},
		"disabled":                    {rules: "<Rule><Status>Disabled</Status>" + prefix("") + days("1") + "</Rule>" + rule(prefix("")+old), state: probe.StatePass},
		"prefix unknown":              {rules: rule(prefix("backups/") + days("2")), state: probe.StateWarn, reason: probe.ReasonThreshold, detail: "set deployment.aws.prefix"},
		"a past date":                 {rules: rule(prefix("") + date(-48*time.Hour)), state: probe.StateFail, reason: probe.ReasonThreshold, detail: "its date has passed"},
		"a near date":                 {rules: rule(prefix("") + date(72*time.Hour)), state: probe.StateFail, reason: probe.ReasonThreshold, detail: "sooner than the retention"},
		"a far date":                  {rules: rule(prefix("") + date(1000*time.Hour)), state: probe.StatePass},
		"only aborts":                 {rules: rule(prefix("") + abort), state: probe.StateWarn, reason: probe.ReasonMissing, detail: "only abort incomplete uploads"},
		"only aborts and markers":     {rules: rule(prefix("") + abort + "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"), state: probe.StateWarn, reason: probe.ReasonMissing, detail: "only abort"},
		"aborts, and another":         {rules: rule(prefix("")+abort) + rule(prefix("")+old), state: probe.StatePass},
		"only for another prefix":     {rules: rule(prefix("logs/") + days("30")), prefix: "daily/", state: probe.StateWarn, reason: probe.ReasonMissing, detail: "no enabled lifecycle rule for the backups"},
	} {
		t.Run(name, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			s.Say("s3:GetLifecycleConfiguration", probetest.AWSReply{Body: "<LifecycleConfiguration" + probetest.AWSNS + ">" + tt.rules + "</LifecycleConfiguration>"})
			root := probetest.Folder{".env.production": "S3_BUCKET=" + probetest.AWSTestBucket + "\nAWS_REGION=" + s.Region + "\nAWS_ACCESS_KEY_ID=AKIA" +
				"TEST\nAWS_SECRET_ACCESS_KEY=" + s.Secret + "\n" + tt.env}
			spec := tt.spec
			if spec == "" {
				spec = "{}"
			}
			p := probetest.NewPass(t, root, deployment.Settings{AWS: deployment.AWS{Endpoint: s.URL, Prefix: tt.prefix}})
			probetest.Expect(t, probetest.Look(t, p, S3BucketKind(), spec), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestS3Object_MuchSmaller(t *testing.T) {
	hours := func(n int) time.Time { return time.Now().Add(-time.Duration(n) * time.Hour) }
	for name, tt := range map[string]struct {
		objects []string
		spec    string
		state   probe.State
		detail  string
	}{
		"half gone":        {[]string{probetest.Object("db/2026-11-28.sql.gz", 9000, hours(26)), probetest.Object("db/2026-11-29.sql.gz", 4000, hours(2))}, "{}", probe.StateWarn, "far fewer than the 9000 of the previous one, db/2026-11-28.sql.gz"},
		"in any order":     {[]string{probetest.Object("db/9.sql.gz", 4000, hours(2)), probetest.Object("db/8.sql.gz", 9000, hours(26)), probetest.Object("db/7.sql.gz", 1, hours(50))}, "{}", probe.StateWarn, "db/8.sql.gz"},
		"by days":          {[]string{probetest.Object("db_mon.sql.gz", 9000, hours(26)), probetest.Object("db_tue.sql.gz", 4000, hours(2))}, "{}", probe.StateWarn, "db_mon.sql.gz"},
		"a little smaller": {[]string{probetest.Object("db/1.sql.gz", 9000, hours(26)), probetest.Object("db/2.sql.gz", 8000, hours(2))}, "{}", probe.StatePass, ""},
		"larger":           {[]string{probetest.Object("db/1.sql.gz", 900, hours(26)), probetest.Object("db/2.sql.gz", 8000, hours(2))}, "{}", probe.StatePass, ""},
		"another series":   {[]string{probetest.Object("main/1.sql.gz", 9000, hours(3)), probetest.Object("users/1.sql.gz", 80, hours(2))}, "{}", probe.StatePass, ""},
		"disabled":         {[]string{probetest.Object("db/1.sql.gz", 9000, hours(26)), probetest.Object("db/2.sql.gz", 40, hours(2))}, "{smaller: 0}", probe.StatePass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			s.Listing(tt.objects...)
			reason := probe.ReasonNone
			if tt.state == probe.StateWarn {
				reason = probe.ReasonThreshold
			}
			probetest.Expect(t, probetest.Look(t, s.Pass(nil), S3ObjectKind(), tt.spec), tt.state, reason, tt.detail)
		})
	}
}

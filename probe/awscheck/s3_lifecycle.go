package awscheck

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Judges the lifecycle rules of the backups' bucket. They must delete something at some time, and no backup before the
// retention is over.

// lifecycle is what the enabled rules do to the backups.
type lifecycle struct {
	rules   int           // that delete or move objects under the prefix
	aborts  int           // that only abort incomplete uploads
	deletes time.Duration // the earliest deletion of every backup; 0: none
	now     bool          // every backup is deleted at once, since the date of a rule has passed
	some    time.Duration // the earliest deletion of backups with some tags or of some size, before the retention
	part    string        // a longer prefix, named like backups, under which objects are deleted before the retention
	partAge time.Duration
}

// day is how S3 counts.
const day = 24 * time.Hour

// backupPrefix matches a prefix that is likely to hold backups.
var backupPrefix = lazyregexp.New(`(?i)backup|dump|postgres|pg_|sql|database`)

// lifecycleOf evaluates rules for the backups under a prefix.
func lifecycleOf(rules []types.LifecycleRule, prefix string, retention time.Duration, now time.Time) (l lifecycle) {
	for _, rule := range rules {
		if rule.Status != types.ExpirationStatusEnabled {
			continue
		}
		of, partly := ruleScope(rule)
		covers, below := strings.HasPrefix(prefix, of), strings.HasPrefix(of, prefix)
		if !covers && !below {
			continue
		}
		if onlyAborts(rule) {
			l.aborts++
			continue
		}
		l.rules++
		e := rule.Expiration
		if e == nil {
			continue
		}
		age, past := time.Duration(aws.ToInt32(e.Days))*day, false
		if e.Date != nil {
			age, past = e.Date.Sub(now), !e.Date.After(now)
		}
		switch {
		case age <= 0 && !past:
		case partly:
			if age < retention && (l.some == 0 || age < l.some) {
				l.some = max(age, 1)
			}
		case covers && past:
			l.now = true
		case covers && (l.deletes == 0 || age < l.deletes):
			l.deletes = age
		case !covers && prefix == "" && backupPrefix.MatchString(of) && age < retention:
			l.part, l.partAge = of, max(age, 0)
		}
	}
	return l
}

// ruleScope returns the prefix of a rule. partly reports that it applies only to objects with tags or of a size.
func ruleScope(rule types.LifecycleRule) (prefix string, partly bool) {
	//lint:ignore SA1019 the older form of a filter is still returned
	prefix = aws.ToString(rule.Prefix)
	f := rule.Filter
	if f == nil {
		return prefix, false
	}
	if f.Prefix != nil {
		prefix = *f.Prefix
	}
	least, most := f.ObjectSizeGreaterThan, f.ObjectSizeLessThan
	partly = f.Tag != nil
	if and := f.And; and != nil {
		if and.Prefix != nil {
			prefix = *and.Prefix
		}
		least, most = and.ObjectSizeGreaterThan, and.ObjectSizeLessThan
		partly = len(and.Tags) > 0
	}
	return prefix, partly || aws.ToInt64(most) > 0 || aws.ToInt64(least) > 1<<20
}

// onlyAborts reports whether a rule deletes nothing but parts of incomplete uploads and markers of deletions.
func onlyAborts(rule types.LifecycleRule) bool {
	e := rule.Expiration
	marker := e != nil && e.Days == nil && e.Date == nil
	return (rule.AbortIncompleteMultipartUpload != nil || marker) && (e == nil || marker) && rule.NoncurrentVersionExpiration == nil &&
		len(rule.Transitions) == 0 && len(rule.NoncurrentVersionTransitions) == 0
}

// retention returns how long backups must be kept: configured, or as the deployment's environment tells its backup
// service, else a week.
func (s *s3Bucket) retention(p *probe.Pass) (time.Duration, string) {
	setting := "the retention of s3_bucket"
	if s.Retention > 0 {
		return s.Retention.Std(), setting
	}
	v, err := p.View.Value("BACKUP_RETENTION_DAYS", "S3_RETENTION_DAYS", "S3_BACKUP_RETENTION_DAYS", "BACKUP_RETENTION", "BACKUP_KEEP_DAYS", "RETENTION_DAYS")
	if err == nil {
		if kept, ok := retentionIn(v.Text.Reveal()); ok {
			return kept, v.Key + " at " + v.Origin.String()
		}
	}
	return 7 * day, setting
}

var retentionText = lazyregexp.New(`^(\d{1,5}) ?(|h|hours?|d|days?|w|weeks?|mo|months?|y|years?)$`)

// retentionIn parses a number of days, or a number with a unit: 30, 30d, 4 weeks, 720h.
func retentionIn(text string) (time.Duration, bool) {
	m := retentionText.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if m == nil {
		return 0, false
	}
	unit := map[string]time.Duration{"h": time.Hour, "w": 7 * day, "m": 30 * day, "y": 365 * day}[m[2][:min(len(m[2]), 1)]]
	if unit == 0 {
		unit = day
	}
	n, _ := strconv.Atoi(m[1])
	kept := time.Duration(n) * unit
	return kept, kept > 0 && kept < 36500*day
}

// judgeLifecycle evaluates the rules.
func (b bucketFacts) judgeLifecycle(f *probe.ResultBuilder) {
	l := b.lifecycle
	days := func(d time.Duration) int { return int(d / day) }
	switch {
	case l.now:
		f.Fail(probe.ReasonThreshold, "a lifecycle rule of bucket %s deletes every backup: its date has passed. Replace the date by a number of days", b.name)
	case l.deletes > 0 && l.deletes < b.retention:
		f.Fail(probe.ReasonThreshold, "a lifecycle rule of bucket %s deletes backups after %d days, sooner than the retention of %d days (%s)",
			b.name, days(l.deletes), days(b.retention), b.retentionOf)
	case l.part != "":
		f.Warn(probe.ReasonThreshold, "a lifecycle rule of bucket %s deletes objects under %s after %d days, sooner than the retention of %d days (%s). "+
			"If backups are elsewhere, set %s", b.name, l.part, days(l.partAge), days(b.retention), b.retentionOf, deployment.AWSService.Setting("prefix"))
	case l.some > 0:
		f.Warn(probe.ReasonThreshold, "a lifecycle rule of bucket %s deletes objects with some tags or of some size after %d days, sooner than the retention of %d days (%s). "+
			"Check that no backup is among them", b.name, days(l.some), days(b.retention), b.retentionOf)
	case l.rules == 0 && l.aborts > 0:
		f.Warn(probe.ReasonMissing, "the lifecycle rules of bucket %s only abort incomplete uploads: old versions are never deleted", b.name)
	case l.rules == 0:
		f.Warn(probe.ReasonMissing, "bucket %s has no enabled lifecycle rule for the backups: old versions are never deleted", b.name)
	}
}

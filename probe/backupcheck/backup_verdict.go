package backupcheck

import (
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The verdict on the newest finished backup, wherever it is stored.

// clockSkew is how far a file's time may be ahead of the clock: the clocks of machines that share a folder differ.
const clockSkew = 5 * time.Minute

// newestBackup is the newest finished backup and what reading it showed.
type newestBackup struct {
	name     string
	place    string // value of the measurements' label: local, container
	size     int64
	modified time.Time
	proof    dump.Proof

	before       string // name of the previous finished one, "" when there is none
	beforeSize   int64
	beforeBroken bool      // or not known to be whole
	beforeTime   time.Time // when the previous one was written

	mismatch string // why it is not the database's, though it is intact; "" when it is
	skipped  string // a newer one that is not, and why; "" for none
	others   bool   // the place has backups of other series

	fresh   time.Duration // age from which it is stale
	smaller float64       // share of the previous one's size below which it is suspicious
	remedy  string        // what would prove a backup that cannot be read to its end
}

// judge judges the backup at a time. The gauge of the last success ignores backups that are known to be broken.
func (b newestBackup) judge(now time.Time) (probe.Result, error) {
	age, proof := now.Sub(b.modified), b.proof
	var f probe.ResultBuilder
	f.Measure(Size.Of(float64(b.size), b.place))
	opaque := !proof.Whole && proof.Reason == dump.Opaque
	switch {
	case (proof.Whole || opaque) && b.mismatch == "":
		f.Measure(LastSuccess.Of(phrase.Seconds(b.modified), b.place))
	case b.before != "" && !b.beforeBroken:
		f.Measure(LastSuccess.Of(phrase.Seconds(b.beforeTime), b.place))
	}
	switch {
	case b.mismatch != "":
		f.Fail(probe.ReasonMismatch, "%s %s, and there is no other backup next to it", b.name, b.mismatch)
	case proof.Whole && proof.NoData:
		f.Warn(probe.ReasonEmpty, "%s is complete but contains no table rows", b.name)
	case proof.Whole, opaque:
	case proof.Reason == dump.Empty:
		f.Fail(probe.ReasonEmpty, "%s is empty: it %s", b.name, proof.Detail)
	case proof.Reason == dump.Truncated:
		f.Fail(probe.ReasonTruncated, "%s is incomplete: it %s", b.name, proof.Detail)
	case proof.Reason == dump.Mismatch:
		f.Fail(probe.ReasonMismatch, "%s %s", b.name, proof.Detail)
	case b.others:
		f.Fail(probe.ReasonInvalid,
			"%s is not a valid backup: it %s. If it is not meant to be one, set deployment.backup.glob to match the backups",
			b.name, proof.Detail)
	default:
		f.Fail(probe.ReasonInvalid, "%s is not a valid backup: it %s", b.name, proof.Detail)
	}
	switch {
	case age > b.fresh:
		f.Fail(probe.ReasonStale, "%s is %s old, older than %s", b.name, phrase.Duration(age), schema.Duration(b.fresh))
	case age < -clockSkew:
		f.Fail(probe.ReasonInvalid, "%s is dated %s ahead of the clock: its age is unknown", b.name, phrase.Duration(-age))
	}
	if b.before != "" && float64(b.size) < b.smaller*float64(b.beforeSize) {
		f.Warn(probe.ReasonThreshold, "%s has %d bytes, far fewer than the %d of the previous one, %s",
			b.name, b.size, b.beforeSize, b.before)
	}
	passed := ""
	if b.skipped != "" {
		passed = "; " + b.skipped
	}
	r := f.Result("%s: %s old, %d bytes, %s%s", b.name, phrase.Duration(age), b.size, describeFormat(proof), passed)
	if r.State != probe.StatePass {
		r.Detail += passed
	}
	if opaque && r.State != probe.StateFail {
		return probe.Result{Samples: r.Samples}, probe.Needs(b.remedy,
			probe.Unknownf(probe.ReasonNotConfigured, "%s cannot be verified: it %s", b.name, proof.Detail))
	}
	return r, nil
}

// describeFormat describes what was read.
func describeFormat(proof dump.Proof) string {
	what := string(proof.Format)
	if len(proof.Packed) > 0 {
		what = strings.Join(proof.Packed, " ") + " " + what
	}
	if proof.ByManifest {
		return what + ", verified by its manifest"
	}
	return what + ", read to its end"
}

var LastSuccess = &probe.Value{Name: "catalyst_backup_last_success_timestamp_seconds", Help: "Completion time of the newest finished backup, by location.", Labels: []string{"location"}}

var Size = &probe.Value{Name: "catalyst_backup_size_bytes", Help: "Size of the newest finished backup, by location.", Labels: []string{"location"}}

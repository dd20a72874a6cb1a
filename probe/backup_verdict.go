package probe

import (
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The verdict on the newest finished backup, wherever it lies.

// clockSkew is how far a file's time may be ahead of the clock: what machines that share a folder are apart.
const clockSkew = 5 * time.Minute

// newestBackup is the newest finished backup and what reading it has shown.
type newestBackup struct {
	name     string
	place    string // value of the measurements' label: local, container
	size     int64
	modified time.Time
	proof    backup.Proof

	before       string // name of the finished one before it, "" when there is none
	beforeSize   int64
	beforeBroken bool      // or not known to be whole
	beforeTime   time.Time // when that one was written

	aside    string // why it is not the database's, though nothing is wrong with it; "" when it is
	passedBy string // name of a newer one that is not, "" for none
	others   bool   // there are others beside it, called otherwise

	fresh   time.Duration // age from which it is stale
	smaller float64       // share of the size of the one before it under which it is suspicious
	remedy  string        // what vouches for what cannot be read through
}

// judge judges the backup at a time. The gauge of success keeps to what was not seen to be broken.
func (b newestBackup) judge(now time.Time) (Result, error) {
	age, proof := now.Sub(b.modified), b.proof
	var f Findings
	f.Measure(BackupSize.Of(float64(b.size), b.place))
	opaque := !proof.Whole && proof.Reason == backup.Opaque
	switch {
	case (proof.Whole || opaque) && b.aside == "":
		f.Measure(BackupLastSuccess.Of(seconds(b.modified), b.place))
	case b.before != "" && !b.beforeBroken:
		f.Measure(BackupLastSuccess.Of(seconds(b.beforeTime), b.place))
	}
	switch {
	case b.aside != "":
		f.Fail(ReasonMismatch, "%s %s, and there is no other backup beside it", b.name, b.aside)
	case proof.Whole && proof.NoData:
		f.Warn(ReasonEmpty, "%s is whole, but not one row of a table is in it", b.name)
	case proof.Whole, opaque:
	case proof.Reason == backup.Empty:
		f.Fail(ReasonEmpty, "%s is empty: it %s", b.name, proof.Detail)
	case proof.Reason == backup.Truncated:
		f.Fail(ReasonTruncated, "%s is not whole: it %s", b.name, proof.Detail)
	case proof.Reason == backup.Mismatch:
		f.Fail(ReasonMismatch, "%s %s", b.name, proof.Detail)
	case b.others:
		f.Fail(ReasonInvalid, "%s is no whole backup: it %s; if it is none, deployment.backup.glob says how those to be judged are called", b.name, proof.Detail)
	default:
		f.Fail(ReasonInvalid, "%s is no whole backup: it %s", b.name, proof.Detail)
	}
	switch {
	case age > b.fresh:
		f.Fail(ReasonStale, "%s is %s old, older than %s", b.name, howLong(age), schema.Duration(b.fresh))
	case age < -clockSkew:
		f.Fail(ReasonInvalid, "%s is dated %s ahead of the clock, so that its age is not known", b.name, howLong(-age))
	}
	if b.before != "" && float64(b.size) < b.smaller*float64(b.beforeSize) {
		f.Warn(ReasonThreshold, "%s has %d bytes, far less than the %d of %s before it", b.name, b.size, b.beforeSize, b.before)
	}
	passed := ""
	if b.passedBy != "" {
		passed = "; " + b.passedBy
	}
	r := f.Result("%s: %s old, %d bytes, %s%s", b.name, howLong(age), b.size, shownFormat(proof), passed)
	if r.State != StatePass {
		r.Detail += passed
	}
	if opaque && r.State != StateFail {
		return Result{Samples: r.Samples}, Needs(b.remedy, Unknownf(ReasonNotConfigured, "%s cannot be read through: it %s", b.name, proof.Detail))
	}
	return r, nil
}

// shownFormat says what was read.
func shownFormat(proof backup.Proof) string {
	what := string(proof.Format)
	if len(proof.Packed) > 0 {
		what = strings.Join(proof.Packed, " ") + " " + what
	}
	if proof.ByManifest {
		return what + ", as its manifest says"
	}
	return what + ", read to its end"
}

// howLong is a duration for people, to the minute.
func howLong(d time.Duration) string { return schema.Duration(d.Round(time.Minute)).String() }

// seconds is a time as a metric has it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

package backupcheck

import (
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
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

	path        string // of which the name is read; in a container, its path there
	database    string // of the deployment; "" when unknown
	known       knownTables
	beforeProof dump.Proof // zero when it was not read

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
	if b.mismatch != "" && proof.Engine != "" {
		return probe.Result{Samples: f.Result("").Samples}, probe.Needs("a dump of PostgreSQL next to it, or a custom item with an attestation",
			probe.Unknownf(probe.ReasonNotConfigured, "%s %s, which is not read, and there is no other backup next to it", b.name, b.mismatch))
	}
	switch {
	case (proof.Whole || opaque) && b.mismatch == "":
		at := b.modified
		if dumped := proof.Dumped; !dumped.IsZero() && now.Sub(dumped) > b.fresh+startTolerance && dumped.Before(at) {
			at = dumped
		}
		f.Measure(LastSuccess.Of(phrase.Seconds(at), b.place))
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
	if proof.Whole && len(proof.Tables) > 0 && namedEncrypted.MatchString(b.path) {
		f.Warn(probe.ReasonExposed, "%s is not encrypted, although its name says so", b.name)
	}
	switch {
	case age > b.fresh:
		f.Fail(probe.ReasonStale, "%s is %s old, older than %s", b.name, phrase.Duration(age), schema.Duration(b.fresh))
	case age < -clockSkew:
		f.Fail(probe.ReasonInvalid, "%s is dated %s ahead of the clock: its age is unknown", b.name, phrase.Duration(-age))
	default:
		b.judgeStatedTime(&f, now)
	}
	if proof.Whole && b.mismatch == "" {
		b.judgeTables(&f)
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

// startTolerance is how long a dump may take: the time in its content may be that of its start.
const startTolerance = 12 * time.Hour

// namedEncrypted matches names of encrypted files.
var namedEncrypted = lazyregexp.New(`(?i)\.(?:gpg|pgp|age|asc|enc)$`)

// judgeStatedTime judges the times that the content and the name state: the time of the file is also that of a copy.
func (b newestBackup) judgeStatedTime(f *probe.ResultBuilder, now time.Time) {
	named, dated := dateInName(b.path)
	byName := now.Sub(named)
	nameOld := dated && byName > b.fresh
	inside := now.Sub(b.proof.Dumped)
	switch dumped := !b.proof.Dumped.IsZero(); {
	case dumped && nameOld && inside > b.fresh:
		f.Fail(probe.ReasonStale, "%s was dumped %s ago by its content and its name: only the time of the file is new",
			b.name, phrase.Duration(inside))
	case dumped && inside > b.fresh+startTolerance:
		f.Warn(probe.ReasonStale, "%s was dumped %s ago by its content: only the time of the file is new",
			b.name, phrase.Duration(inside))
	case nameOld:
		f.Warn(probe.ReasonStale, "%s is at least %s old by its name: only the time of the file is new", b.name, phrase.Duration(byName))
	}
}

// judgeTables judges whether the backup has the deployment's tables, and their rows.
func (b newestBackup) judgeTables(f *probe.ResultBuilder) {
	if why, sure := b.known.strange(b.proof, b.database); why != "" && !sure {
		f.Warn(probe.ReasonMismatch, "%s %s", b.name, why)
		return
	}
	var lost, empty []string
	for _, name := range b.known.empty(b.proof, b.database) {
		if rows, _ := rowsOf(b.beforeProof, b.database, name); rows > 0 {
			lost = append(lost, name)
		} else if _, there := rowsOf(b.proof, b.database, name); there {
			empty = append(empty, name)
		}
	}
	if len(lost) > 0 {
		f.Fail(probe.ReasonEmpty, "%s has no rows of %s, unlike the previous one, %s", b.name, strings.Join(lost, ", "), b.before)
	}
	missing := slices.DeleteFunc(b.known.missing(b.proof, b.database), func(name string) bool { return slices.Contains(lost, name) })
	if len(missing) > 0 {
		f.Warn(probe.ReasonMismatch, "%s does not contain %s, which the migrations create", b.name, strings.Join(missing, ", "))
	}
	if len(empty) > 0 && !b.proof.NoData {
		f.Warn(probe.ReasonEmpty, "%s has no rows of %s", b.name, strings.Join(empty, ", "))
	}
}

package probe

// Reason says in one word why a verdict is not a pass. The list is closed: rules, boards and users' queries hang on the words.
type Reason string

// The reasons. A detail for people goes with each; it never becomes a label.
const (
	ReasonNone Reason = "" // of a pass

	ReasonMissing          Reason = "missing"           // what should be there is not
	ReasonPlaceholder      Reason = "placeholder"       // a value nobody has replaced
	ReasonWeak             Reason = "weak"              // there, but easily guessed or broken
	ReasonReused           Reason = "reused"            // one secret serves two purposes
	ReasonOpen             Reason = "open"              // lets anybody in
	ReasonMismatch         Reason = "mismatch"          // two things that belong together do not agree
	ReasonDrift            Reason = "drift"             // what runs is not what was declared
	ReasonExpired          Reason = "expired"           // its time is over
	ReasonExpiring         Reason = "expiring"          // its time is nearly over
	ReasonExposed          Reason = "exposed"           // can be reached by those who should not
	ReasonOverPrivileged   Reason = "over_privileged"   // may do more than it needs to
	ReasonCommitted        Reason = "committed"         // a secret in the repository
	ReasonInvalid          Reason = "invalid"           // cannot be read as what it should be
	ReasonStale            Reason = "stale"             // too old to be believed
	ReasonEmpty            Reason = "empty"             // there, with nothing in it
	ReasonTruncated        Reason = "truncated"         // ends too early
	ReasonNotPublished     Reason = "not_published"     // not there for the public
	ReasonUnhealthy        Reason = "unhealthy"         // answers that it is not well
	ReasonThreshold        Reason = "threshold"         // a measured value is past its bound
	ReasonDeadRule         Reason = "dead_rule"         // an alert rule that can never fire
	ReasonUnpinned         Reason = "unpinned"          // nothing to compare with was configured
	ReasonOverdue          Reason = "overdue"           // its time to be done is over
	ReasonLapsed           Reason = "lapsed"            // a claim, evidence or waiver ran out
	ReasonInProgress       Reason = "in_progress"       // the first look has not ended yet
	ReasonUnsigned         Reason = "unsigned"          // a claim without the signature it needs
	ReasonUntrusted        Reason = "untrusted"         // a claim by somebody who may not make it, a certificate that does not speak for the host
	ReasonOutdated         Reason = "outdated"          // speaks of something that has changed since
	ReasonBlocked          Reason = "blocked"           // another item's subject is so broken that this one cannot be read
	ReasonUnreachable      Reason = "unreachable"       // no connection
	ReasonTimeout          Reason = "timeout"           // no answer in time
	ReasonPermissionDenied Reason = "permission_denied" // may not look
	ReasonNotConfigured    Reason = "not_configured"    // was not told where to look
	ReasonNoRelease        Reason = "no_release"        // speaks of a release, and there is none
	ReasonDisabled         Reason = "disabled"          // switched off by configuration
	ReasonError            Reason = "error"             // the look itself went wrong
)

// Reasons lists every reason in the order of the documentation.
func Reasons() []Reason {
	return []Reason{
		ReasonMissing, ReasonPlaceholder, ReasonWeak, ReasonReused, ReasonOpen, ReasonMismatch, ReasonDrift, ReasonExpired, ReasonExpiring,
		ReasonExposed, ReasonOverPrivileged, ReasonCommitted, ReasonInvalid, ReasonStale, ReasonEmpty, ReasonTruncated, ReasonNotPublished,
		ReasonUnhealthy, ReasonThreshold, ReasonDeadRule, ReasonUnpinned, ReasonOverdue, ReasonLapsed, ReasonInProgress, ReasonUnsigned,
		ReasonUntrusted, ReasonOutdated, ReasonBlocked, ReasonUnreachable, ReasonTimeout, ReasonPermissionDenied, ReasonNotConfigured,
		ReasonNoRelease, ReasonDisabled, ReasonError,
	}
}

package probe

// Reason is the one-word cause of a verdict other than pass. The list is closed: rules, dashboards and queries depend
// on it.
type Reason string

// The reasons. Each comes with a detail for people, which never becomes a label.
const (
	ReasonNone Reason = "" // of a pass

	ReasonMissing          Reason = "missing"           // something required does not exist
	ReasonPlaceholder      Reason = "placeholder"       // a value was never replaced
	ReasonWeak             Reason = "weak"              // present, but easily guessed or broken
	ReasonReused           Reason = "reused"            // one secret serves two purposes
	ReasonOpen             Reason = "open"              // admits anyone
	ReasonMismatch         Reason = "mismatch"          // two related things disagree
	ReasonDrift            Reason = "drift"             // running state differs from declared state
	ReasonExpired          Reason = "expired"           // validity has ended
	ReasonExpiring         Reason = "expiring"          // validity ends soon
	ReasonExposed          Reason = "exposed"           // reachable by those who should not reach it
	ReasonOverPrivileged   Reason = "over_privileged"   // has more permissions than needed
	ReasonCommitted        Reason = "committed"         // a secret is in the repository
	ReasonInvalid          Reason = "invalid"           // cannot be parsed or has an invalid value
	ReasonStale            Reason = "stale"             // too old to rely on
	ReasonEmpty            Reason = "empty"             // present but empty
	ReasonTruncated        Reason = "truncated"         // ends too early
	ReasonNotPublished     Reason = "not_published"     // not available to the public
	ReasonUnhealthy        Reason = "unhealthy"         // reports a failure
	ReasonThreshold        Reason = "threshold"         // a measured value exceeds its bound
	ReasonDeadRule         Reason = "dead_rule"         // an alert rule that can never fire
	ReasonUnpinned         Reason = "unpinned"          // no reference value to compare with
	ReasonOverdue          Reason = "overdue"           // its due time has passed
	ReasonLapsed           Reason = "lapsed"            // a claim, evidence or waiver has expired
	ReasonInProgress       Reason = "in_progress"       // the first run has not finished yet
	ReasonUnsigned         Reason = "unsigned"          // a claim lacks a required signature
	ReasonUntrusted        Reason = "untrusted"         // a claim by an unauthorised person, or a certificate for another host
	ReasonOutdated         Reason = "outdated"          // its subject has changed since
	ReasonBlocked          Reason = "blocked"           // another item must be fixed before this one can be checked
	ReasonUnreachable      Reason = "unreachable"       // connection failed
	ReasonTimeout          Reason = "timeout"           // no response in time
	ReasonPermissionDenied Reason = "permission_denied" // access denied
	ReasonNotConfigured    Reason = "not_configured"    // a required setting is missing
	ReasonNoRelease        Reason = "no_release"        // about a release, and there is none
	ReasonDisabled         Reason = "disabled"          // disabled by configuration
	ReasonError            Reason = "error"             // the check itself failed
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

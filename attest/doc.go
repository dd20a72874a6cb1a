// Package attest stores people's attestations about a deployment and the history of its releases.
//
// A person attests what cannot be checked automatically with a Claim: one YAML file with a name, a date and an end, and
// a signature by the person's SSH key next to it. Decisions about releases are stored in a Chain of records. Each
// record contains the digest of the previous one, so that past verdicts are read instead of checked again.
//
// Reading (Load, OpenChain, Check) is separate from judging (Judge, JudgeItem): verdicts are pure functions of what was
// read and a given time. The package does not depend on probes or Prometheus. Reasons are from the project's closed
// list.
package attest

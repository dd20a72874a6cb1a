// Package attest keeps what people say about a deployment, and what became of its releases.
//
// What a machine cannot see a person vouches for: a Claim, one YAML file, with a name, a date and an end, signed with the person's SSH key
// beside it. What was decided at a moment of a release goes into a Chain of records, each carrying the digest of the one before, so that the past
// is read and not asked again.
//
// Looking (Load, OpenChain, Check) is apart from judging (Judge, JudgeItem): judgements are pure functions of what was read and of the time
// given to them. Nothing here knows of probes or of Prometheus; reasons are words of the project's one closed list.
package attest

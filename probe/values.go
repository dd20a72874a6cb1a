package probe

// This file is the only list of measured values: what probes measure in addition to their verdict. Each is exposed as a
// gauge with the labels category, item and probe before its own, so one kind can serve many items. Names include the
// base unit.

// Value declares one measured value.
type Value struct {
	Name   string   // of the metric
	Help   string   // what is measured; the unit is in the name
	Labels []string // in addition to category, item and probe; values are words of the rules, never text of the checked system
}

// Sample is one measurement of a value.
type Sample struct {
	Value  *Value
	Labels []string // values of Value.Labels, in their order
	Number float64
}

// Of returns a sample.
func (v *Value) Of(number float64, labels ...string) Sample { return Sample{v, labels, number} }

// The measured values.
var (
	AttestationExpiry = &Value{"catalyst_attestation_expiry_timestamp_seconds", "Expiry of the attestation in force, by role.", []string{"role"}}

	SecretFindings = &Value{"catalyst_secret_findings", "Secrets found in the repository's files and history.", nil}
)

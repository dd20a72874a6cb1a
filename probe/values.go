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
	CertificateNotAfter = &Value{"catalyst_tls_certificate_not_after_timestamp_seconds", "Expiry of the certificate that expires first, by source.", []string{"source"}}
	EnvPlaceholders     = &Value{"catalyst_env_placeholders", "Placeholders left in the deployment's env files.", nil}
	ExposedPorts        = &Value{"catalyst_exposed_ports", "Ports reachable from outside that are not in the allowed set.", nil}
	BackupLastSuccess   = &Value{"catalyst_backup_last_success_timestamp_seconds", "Completion time of the newest finished backup, by location.", []string{"location"}}
	BackupSize          = &Value{"catalyst_backup_size_bytes", "Size of the newest finished backup, by location.", []string{"location"}}
	TrafficWeight       = &Value{"catalyst_traffic_weight_ratio", "Share of traffic sent to the new release, 0 to 1.", nil}
	Migrations          = &Value{"catalyst_database_migrations", "Migrations in the migrations folder.", nil}
	RedisExpiring       = &Value{"catalyst_redis_keys_with_expiry_ratio", "Share of Redis keys with an expiry, 0 to 1.", nil}
	RedisHitRatio       = &Value{"catalyst_redis_hit_ratio", "Share of Redis lookups that found their key since the server started, 0 to 1.", nil}
	ServicesUnlimited   = &Value{"catalyst_compose_services_unlimited", "Compose services without a memory or CPU limit.", nil}
	DNSTTL              = &Value{"catalyst_dns_ttl_seconds", "Lowest time to live of the public hosts' address records.", nil}
	DeadRules           = &Value{"catalyst_alert_rules_dead", "Alert rules with a selector that matches no series.", nil}
	CriterionValue      = &Value{"catalyst_criterion_value", "Measured value of a success criterion, in the unit of its threshold.", nil}
	CriterionThreshold  = &Value{"catalyst_criterion_threshold", "Threshold of a success criterion.", nil}
	AttestationExpiry   = &Value{"catalyst_attestation_expiry_timestamp_seconds", "Expiry of the attestation in force, by role.", []string{"role"}}
	EvidenceTime        = &Value{"catalyst_evidence_timestamp_seconds", "Creation time of the report in use.", nil}
	TestCoverage        = &Value{"catalyst_test_coverage_ratio", "Share of statements covered by tests, 0 to 1.", nil}
	Vulnerabilities     = &Value{"catalyst_vulnerabilities", "Known vulnerabilities that the code calls, by severity.", []string{"severity"}}
	SecretFindings      = &Value{"catalyst_secret_findings", "Secrets found in the repository's files and history.", nil}
	SecretScanTime      = &Value{"catalyst_secret_scan_timestamp_seconds", "Completion time of the last full scan of the repository's history.", nil}
)

// Values lists every measured value.
func Values() []*Value {
	return []*Value{
		AttestationExpiry, EvidenceTime, TestCoverage, Vulnerabilities, SecretFindings, SecretScanTime, DNSTTL, DeadRules, CriterionValue, CriterionThreshold,
		CertificateNotAfter, EnvPlaceholders, ExposedPorts, BackupLastSuccess, BackupSize, TrafficWeight, Migrations, ServicesUnlimited,
		RedisExpiring, RedisHitRatio,
	}
}

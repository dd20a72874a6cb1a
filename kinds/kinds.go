// Package kinds is the one list of probe kinds, and the tests that hold every kind to the contract.
package kinds

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/attestcheck"
	"github.com/thenexusengine/catalyst_exporter/probe/awscheck"
	"github.com/thenexusengine/catalyst_exporter/probe/backupcheck"
	"github.com/thenexusengine/catalyst_exporter/probe/command"
	"github.com/thenexusengine/catalyst_exporter/probe/composecheck"
	"github.com/thenexusengine/catalyst_exporter/probe/container"
	"github.com/thenexusengine/catalyst_exporter/probe/criteria"
	"github.com/thenexusengine/catalyst_exporter/probe/cron"
	"github.com/thenexusengine/catalyst_exporter/probe/dnscheck"
	"github.com/thenexusengine/catalyst_exporter/probe/documents"
	"github.com/thenexusengine/catalyst_exporter/probe/domaincheck"
	"github.com/thenexusengine/catalyst_exporter/probe/envfile"
	"github.com/thenexusengine/catalyst_exporter/probe/evidencecheck"
	"github.com/thenexusengine/catalyst_exporter/probe/filecheck"
	"github.com/thenexusengine/catalyst_exporter/probe/firewall"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan"
	"github.com/thenexusengine/catalyst_exporter/probe/grafana"
	"github.com/thenexusengine/catalyst_exporter/probe/httpcheck"
	"github.com/thenexusengine/catalyst_exporter/probe/kubernetes"
	"github.com/thenexusengine/catalyst_exporter/probe/migrations"
	"github.com/thenexusengine/catalyst_exporter/probe/monitoring"
	"github.com/thenexusengine/catalyst_exporter/probe/nginxcheck"
	"github.com/thenexusengine/catalyst_exporter/probe/oncall"
	"github.com/thenexusengine/catalyst_exporter/probe/postgres"
	"github.com/thenexusengine/catalyst_exporter/probe/promconfig"
	"github.com/thenexusengine/catalyst_exporter/probe/provisioning"
	"github.com/thenexusengine/catalyst_exporter/probe/redis"
	"github.com/thenexusengine/catalyst_exporter/probe/releasecheck"
	"github.com/thenexusengine/catalyst_exporter/probe/systemd"
	"github.com/thenexusengine/catalyst_exporter/probe/tcpcheck"
	"github.com/thenexusengine/catalyst_exporter/probe/tlscheck"
)

// All returns all probe kinds, sorted by name.
func All() []probe.Kind {
	all := slices.Concat(ofSystems(), ofFiles())
	slices.SortFunc(all, func(a, b probe.Kind) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// ofSystems returns the kinds that ask what runs: services, containers, the kernel.
func ofSystems() []probe.Kind {
	return []probe.Kind{
		monitoring.AlertmanagerConfigKind(),
		httpcheck.AuctionRefusalKind(),
		httpcheck.CDNKind(),
		command.ProgramKind(),
		container.EnvFlagKind(),
		container.EnvWordKind(),
		container.LimitsKind(),
		container.PortsKind(),
		container.StateKind(),
		dnscheck.RecordKind(),
		dnscheck.RecordsKind(),
		domaincheck.ExpiryKind(),
		httpcheck.GDPRRefusalKind(),
		grafana.HealthKind(),
		httpcheck.HealthKind(),
		httpcheck.ResponseKind(),
		httpcheck.JSONKind(),
		awscheck.IAMUserKind(),
		firewall.ListeningPortsKind(),
		grafana.LokiLinesKind(),
		httpcheck.OpenAPIKind(),
		postgres.ConnectionsKind(),
		postgres.DefaultLoginKind(),
		postgres.IndexesKind(),
		postgres.LoginKind(),
		postgres.MigrationsKind(),
		postgres.QueryKind(),
		postgres.TablesKind(),
		monitoring.PrometheusJobKind(),
		criteria.PrometheusQueryKind(),
		monitoring.PrometheusRulesKind(),
		httpcheck.RateLimitHeaderKind(),
		redis.AuthKind(),
		redis.KeyspaceKind(),
		redis.RandomLoginKind(),
		redis.ValueKind(),
		awscheck.S3BucketKind(),
		awscheck.S3EncryptionKind(),
		awscheck.S3ObjectKind(),
		systemd.TimerKind(),
		tcpcheck.PortKind(),
		tlscheck.EndpointKind(),
		tlscheck.FilesKind(),
		firewall.UFWRulesKind(),
		httpcheck.WebPageKind(),
	}
}

// ofFiles returns the kinds that read what is written: files, the repository, reports, records and claims.
func ofFiles() []probe.Kind {
	return []probe.Kind{
		releasecheck.AppMetricsKind(),
		attestcheck.AttestationKind(),
		backupcheck.FileKind(),
		backupcheck.ObjectivesKind(),
		documents.ChangelogKind(),
		composecheck.ConfigKind(),
		composecheck.LimitsKind(),
		composecheck.LoggingKind(),
		composecheck.PortsKind(),
		composecheck.PostgresKind(),
		composecheck.RedisKind(),
		composecheck.SecretsKind(),
		composecheck.ServiceKind(),
		documents.ContactsKind(),
		backupcheck.ContainerKind(),
		documents.DiagramKind(),
		documents.DocumentKind(),
		envfile.FileKind(),
		envfile.FlagKind(),
		envfile.NumberKind(),
		envfile.PlaceholdersKind(),
		envfile.SecretKind(),
		envfile.WordKind(),
		evidencecheck.EvidenceKind(),
		attestcheck.ExternalFirewallKind(),
		filecheck.ContentKind(),
		cron.JobKind(),
		promconfig.ConfigKind(),
		oncall.RosterKind(),
		provisioning.ProvisioningKind(),
		kubernetes.ManifestKind(),
		gitscan.SecretsKind(),
		gitscan.UntrackedKind(),
		migrations.FolderKind(),
		nginxcheck.SplitKind(),
		releasecheck.BackupKind(),
		releasecheck.LogsKind(),
		releasecheck.ReadyKind(),
		releasecheck.RecordKind(),
		releasecheck.RunningKind(),
		releasecheck.RollbackBackupKind(),
		releasecheck.RollbackImageKind(),
		attestcheck.SignOffKind(),
		tlscheck.FileKind(),
	}
}

// Values lists every measured value that a kind declares, sorted by name.
func Values() []*probe.Value {
	var all []*probe.Value
	for _, k := range All() {
		for _, v := range k.Values {
			if !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
	}
	slices.SortFunc(all, func(a, b *probe.Value) int { return strings.Compare(a.Name, b.Name) })
	return all
}

package deployment

import (
	"slices"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The configuration of a deployment. Every setting has a default or is found from the root. Paths are relative to the
// root.

// Settings is the configuration's deployment section or one entry of its targets.
type Settings struct {
	Name        string `yaml:"name" doc:"name of the deployment, used as a label value for several targets; the last part of root when not set"`
	Root        string `yaml:"root" doc:"folder of the deployment; --deployment.root when not set"`
	Environment string `yaml:"environment" doc:"environment of the deployment" default:"production"`

	Env          Env      `yaml:"env" doc:"variables that are in no file"`
	EnvFile      string   `yaml:"env_file" doc:"env file of docker compose --env-file; .env.production, else .env, when not set"`
	ComposeFiles []string `yaml:"compose_files" doc:"compose files in the order of docker compose -f; found as Compose finds them when not set"`
	Profiles     []string `yaml:"profiles" doc:"active compose profiles; COMPOSE_PROFILES of the env file when not set"`
	Source       string   `yaml:"source" doc:"full clone of the application's git repository, in which deploy plan looks up commits; not looked up when not set"`
	Service      string   `yaml:"service" doc:"compose service of the application; catalyst, else found, when not set"`
	Nginx        []string `yaml:"nginx" doc:"nginx configuration files; those mounted into the nginx service, else nginx*.conf, when not set"`
	SSL          string   `yaml:"ssl" doc:"folder of certificates and keys; ssl/ when not set"`
	Migrations   string   `yaml:"migrations" doc:"folder of the database migrations; migrations/ when not set"`

	Documents    Documents    `yaml:"documents" doc:"the team's documents"`
	Repository   Repository   `yaml:"repository" doc:"the git repository of the deployment"`
	API          API          `yaml:"api" doc:"the application's own address"`
	Public       Public       `yaml:"public" doc:"the deployment as its users reach it"`
	TLS          TLS          `yaml:"tls" doc:"certificate, key and endpoint"`
	DNS          DNS          `yaml:"dns" doc:"DNS resolution of the public hosts"`
	Database     Database     `yaml:"database" doc:"the PostgreSQL database; taken from the application's environment when not set"`
	Redis        Redis        `yaml:"redis" doc:"the Redis server; taken from the application's environment when not set"`
	Prometheus   Prometheus   `yaml:"prometheus" doc:"the Prometheus that monitors the deployment"`
	Grafana      Grafana      `yaml:"grafana" doc:"the Grafana with the deployment's dashboards"`
	Alertmanager Alertmanager `yaml:"alertmanager" doc:"the Alertmanager that sends the alerts"`
	Loki         Loki         `yaml:"loki" doc:"the Loki that stores the logs; without it log aggregation is not configured"`
	Docker       Docker       `yaml:"docker" doc:"the Docker Engine that runs the deployment"`
	Systemd      Systemd      `yaml:"systemd" doc:"the systemd that runs the host's timers"`
	AWS          AWS          `yaml:"aws" doc:"the AWS account that stores the backups"`
	Backup       Backup       `yaml:"backup" doc:"location of the backups"`
	Firewall     Firewall     `yaml:"firewall" doc:"ports that may be reachable from outside, and the firewall"`
	Evidence     Evidence     `yaml:"evidence" doc:"sources of test and scan reports"`
	Releases     string       `yaml:"releases" doc:"folder of the release records; .catalyst/releases when not set"`
	Attestations string       `yaml:"attestations" doc:"folder of the attestations; .catalyst/attestations when not set"`
	App          App          `yaml:"app" doc:"the application's metrics"`
}

// Documents locates the team's documents.
type Documents struct {
	DisasterRecovery string   `yaml:"disaster_recovery_plan" doc:"DISASTER-RECOVERY.md when not set"`
	Runbook          string   `yaml:"runbook" doc:"RUNBOOK.md when not set"`
	Changelog        string   `yaml:"changelog" doc:"CHANGELOG.md when not set"`
	Checklist        string   `yaml:"checklist" doc:"the team's own checklist; a Markdown file with checklist in its name when not set"`
	Diagrams         []string `yaml:"architecture_diagrams" doc:"diagram files; files with architecture or diagram in their name when not set"`
}

// Repository is the git repository of the deployment.
type Repository struct {
	Path string `yaml:"path" doc:"folder that contains .git; the nearest one at or above the root when not set"`
}

// Env describes the environment in which Compose is started.
type Env struct {
	External     bool     `yaml:"external" doc:"the deploying shell or pipeline gives the variables that no file sets: they are unknown instead of missing"`
	ExternalKeys []string `yaml:"external_keys" doc:"only these variables are given so"`
}

// Gives reports whether the deploying shell gives a variable.
func (e Env) Gives(name string) bool {
	if len(e.ExternalKeys) > 0 {
		return slices.Contains(e.ExternalKeys, name)
	}
	return e.External
}

// Backup locates the backups.
type Backup struct {
	Path      string          `yaml:"path" doc:"path of the newest backup, if its name is always the same"`
	Directory string          `yaml:"directory" doc:"folder of the backups, searched with glob"`
	Glob      string          `yaml:"glob" doc:"name pattern of finished backups; *.sql.gz, *.dump and similar when not set"`
	Container string          `yaml:"container" doc:"container of path or directory; this host when not set"`
	Service   string          `yaml:"service" doc:"compose service that creates the backups" default:"backup"`
	Timer     string          `yaml:"timer" doc:"systemd timer that creates the backups instead of a compose service, e.g. backup.timer" pattern:"^[A-Za-z0-9:_.@-]{1,240}\\.timer$"`
	MaxAge    schema.Duration `yaml:"max_age" doc:"age at which the newest backup is stale" default:"26h" min:"1m"`
}

// Firewall lists the ports that may be reachable from outside, and describes the firewall.
type Firewall struct {
	Allowed  []int  `yaml:"allowed" doc:"ports that may be reachable from outside in addition to 80 and 443"`
	External bool   `yaml:"external" doc:"a cloud firewall protects the host: evidence or an attestation is required instead of a check"`
	HostRoot string `yaml:"host_root" doc:"path of the host's file system, e.g. /host in a container" default:"/"`
}

// App describes the application's metrics.
type App struct {
	MetricPrefixes []string `yaml:"metric_prefixes" doc:"prefixes of the application's own metric families; pbs_ and catalyst_ when not set"`
}

// Prefixes returns the prefixes of the application's own metric families.
func (a App) Prefixes() []string {
	if len(a.MetricPrefixes) > 0 {
		return a.MetricPrefixes
	}
	return []string{"pbs_", "catalyst_"}
}

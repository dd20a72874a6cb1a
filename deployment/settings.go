package deployment

// What a configuration may say about a deployment. Everything has a default or is found from the root; paths are relative to the root.

import "github.com/thenexusengine/catalyst_exporter/schema"

// Settings is the configuration's deployment section or one entry of its targets; everything has a default or is found.
type Settings struct {
	Name        string `yaml:"name" doc:"name of the deployment, a label value where there are several; the root's last part when not set"`
	Root        string `yaml:"root" doc:"folder of the deployment; --deployment.root when not set"`
	Environment string `yaml:"environment" doc:"what the deployment is for" default:"production"`

	EnvFile      string   `yaml:"env_file" doc:"env file that Compose is started with; .env.production, else .env, when not set"`
	ComposeFiles []string `yaml:"compose_files" doc:"compose files in the order of docker compose -f; found as Compose finds them when not set"`
	Profiles     []string `yaml:"profiles" doc:"profiles that docker compose is started with; those of COMPOSE_PROFILES in the env file when not set"`
	Service      string   `yaml:"service" doc:"compose service of the application; catalyst, else found, when not set"`
	Nginx        []string `yaml:"nginx" doc:"nginx configuration files; those mounted into the nginx service, else nginx*.conf, when not set"`
	SSL          string   `yaml:"ssl" doc:"folder of certificates and keys; ssl/ when not set"`
	Migrations   string   `yaml:"migrations" doc:"folder of the database migrations; migrations/ when not set"`

	Documents    Documents    `yaml:"documents" doc:"where the team's documents are"`
	Repository   Repository   `yaml:"repository" doc:"the git repository that the deployment belongs to"`
	API          API          `yaml:"api" doc:"the application's own address"`
	Public       Public       `yaml:"public" doc:"the deployment as its users reach it"`
	TLS          TLS          `yaml:"tls" doc:"certificate, key and endpoint"`
	DNS          DNS          `yaml:"dns" doc:"how the public hosts must resolve"`
	Database     Database     `yaml:"database" doc:"the PostgreSQL database; taken from the application's environment when not set"`
	Redis        Redis        `yaml:"redis" doc:"the Redis server; taken from the application's environment when not set"`
	Prometheus   Prometheus   `yaml:"prometheus" doc:"the Prometheus that watches the deployment"`
	Grafana      Grafana      `yaml:"grafana" doc:"the Grafana with the deployment's dashboards"`
	Alertmanager Alertmanager `yaml:"alertmanager" doc:"the Alertmanager that pages"`
	Loki         Loki         `yaml:"loki" doc:"the Loki that keeps the logs; without it log aggregation is not configured"`
	Docker       Docker       `yaml:"docker" doc:"the Docker Engine that runs the deployment"`
	Systemd      Systemd      `yaml:"systemd" doc:"the systemd that runs the host's timers"`
	AWS          AWS          `yaml:"aws" doc:"the AWS account that keeps the backups"`
	Backup       Backup       `yaml:"backup" doc:"where backups are written"`
	Firewall     Firewall     `yaml:"firewall" doc:"what may be reached from outside, and what guards it"`
	Evidence     Evidence     `yaml:"evidence" doc:"where reports of tests and scans are kept"`
	Releases     string       `yaml:"releases" doc:"folder of the release records; .catalyst/releases when not set"`
	Attestations string       `yaml:"attestations" doc:"folder of the attestations; .catalyst/attestations when not set"`
	App          App          `yaml:"app" doc:"what the application calls its own"`
}

// Documents says where the team's documents are.
type Documents struct {
	DisasterRecovery string   `yaml:"disaster_recovery_plan" doc:"DISASTER-RECOVERY.md when not set"`
	Runbook          string   `yaml:"runbook" doc:"RUNBOOK.md when not set"`
	Changelog        string   `yaml:"changelog" doc:"CHANGELOG.md when not set"`
	Checklist        string   `yaml:"checklist" doc:"the team's own checklist; a Markdown file with checklist in its name when not set"`
	Diagrams         []string `yaml:"architecture_diagrams" doc:"files whose name speaks of architecture when not set"`
}

// Repository is the git repository that the deployment belongs to.
type Repository struct {
	Path string `yaml:"path" doc:"folder that holds .git; the nearest one at or above the root when not set"`
}

// Backup says where backups are written.
type Backup struct {
	Path      string          `yaml:"path" doc:"the newest backup, where it always has the same name"`
	Directory string          `yaml:"directory" doc:"folder of the backups, searched for the glob"`
	Glob      string          `yaml:"glob" doc:"names of finished backups; *.sql.gz, *.dump and their like when not set"`
	Container string          `yaml:"container" doc:"container that holds path or directory; without it they are on this host"`
	Service   string          `yaml:"service" doc:"compose service that makes the backups" default:"backup"`
	Timer     string          `yaml:"timer" doc:"systemd timer that makes the backups instead of a compose service, e.g. backup.timer" pattern:"^[A-Za-z0-9:_.@-]{1,240}\\.timer$"`
	MaxAge    schema.Duration `yaml:"max_age" doc:"age from which the newest backup is stale" default:"26h" min:"1m"`
}

// Firewall says what may be reached from outside, and what guards it.
type Firewall struct {
	Allowed  []int  `yaml:"allowed" doc:"ports that may be reached from outside beside 80 and 443"`
	External bool   `yaml:"external" doc:"a cloud firewall guards the host: evidence or an attestation is taken instead of looking"`
	HostRoot string `yaml:"host_root" doc:"where the host's file system is seen, e.g. /host in a container" default:"/"`
}

// App is what the application calls its own.
type App struct {
	MetricPrefixes []string `yaml:"metric_prefixes" doc:"prefixes of the application's own metric families; pbs_ and catalyst_ when not set"`
}

// Prefixes are the prefixes of the application's own metric families.
func (a App) Prefixes() []string {
	if len(a.MetricPrefixes) > 0 {
		return a.MetricPrefixes
	}
	return []string{"pbs_", "catalyst_"}
}

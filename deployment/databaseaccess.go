package deployment

import (
	"cmp"

	"github.com/thenexusengine/catalyst_exporter/deployment/dsn"
)

// DatabaseAccess holds everything needed to connect to the database.
type DatabaseAccess struct {
	Reach
	Name     string
	User     string
	Foreign  bool  // User is a role of the exporter's own, not the application's
	Password Value // Origin names the password_file or the key that set it
	SSLMode  string
	CAFile   string // absolute, "" for the system's
	// SearchPath and Role are those of the connection URL; "" for the server's.
	SearchPath, Role string
	// Others are further servers of the connection URL, tried in turn. Session is its target_session_attrs, "" for any.
	Others  []Reach
	Session string
}

// databaseURLs are the keys of a connection string.
func databaseURLs() []string {
	return []string{"DATABASE_URL", "DB_URL", "POSTGRES_URL", "PBS_DATABASE_URL", "DATABASE_DSN", "DB_DSN", "POSTGRES_DSN", "PG_DSN", "DATABASE_URI", "POSTGRES_URI"}
}

// DatabaseAccess returns how to reach the database. The error is a *NoWayError if it is unreachable from here, else as
// for Value.
func (v *View) DatabaseAccess() (DatabaseAccess, error) {
	d := v.Deployment
	conf := d.Database
	var a DatabaseAccess
	parts, at, err := v.urlOf("postgres", databaseURLs()...)
	if err != nil {
		return a, err
	}
	host, hostAt, err := v.setting(conf.Host, parts.Host, at, "DB_HOST", "POSTGRES_HOST", "PGHOST", "DATABASE_HOST")
	if err != nil {
		return a, err
	}
	port, err := v.port(conf.Port, parts.Port, 5432, "DB_PORT", "POSTGRES_PORT", "PGPORT", "DATABASE_PORT")
	if err != nil {
		return a, err
	}
	if a.Name, err = v.databaseName(parts, at); err != nil {
		return a, err
	}
	application, _, err := v.setting("", parts.User, at, "DB_USER", "POSTGRES_USER", "PGUSER", "DATABASE_USER")
	if err != nil {
		return a, err
	}
	a.User = cmp.Or(conf.User, application)
	a.Foreign = application != "" && a.User != application
	if a.SSLMode, _, err = v.setting(conf.SSLMode, parts.Query.Get("sslmode"), at, "DB_SSL_MODE", "DB_SSLMODE", "PGSSLMODE"); err != nil {
		return a, err
	}
	a.SSLMode = cmp.Or(a.SSLMode, "prefer")
	if a.CAFile = d.Abs(conf.CAFile); conf.CAFile == "" {
		root, _, err := v.setting("", parts.Query.Get("sslrootcert"), at, "PGSSLROOTCERT", "DB_SSLROOTCERT", "DB_SSL_ROOT_CERT")
		if err != nil {
			return a, err
		}
		a.CAFile = v.onHost(root)
	}
	if a.Password, err = v.password(conf.Password, conf.PasswordFile, parts, at, "database", "DB_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD", "DATABASE_PASSWORD"); err != nil {
		return a, err
	}
	if host == "" {
		host, hostAt = v.serviceRunning("postgres")
	}
	a.SearchPath, a.Role = parts.Session()
	a.User = cmp.Or(a.User, "postgres")
	a.Name = cmp.Or(a.Name, a.User)
	a.Reach, err = v.reach(host, port, conf.Host != "", hostAt, DatabaseService.Setting("host"))
	if conf.Host == "" && parts.Host != "" {
		a.Session = parts.Query.Get("target_session_attrs")
		err = v.others(&a, parts.Others, hostAt, err)
	}
	return a, err
}

// others adds further servers. Those that cannot be reached from here are left out, while there is one that can.
func (v *View) others(a *DatabaseAccess, servers []dsn.Server, at string, err error) error {
	for _, s := range servers {
		r, otherErr := v.reach(s.Host, cmp.Or(s.Port, 5432), false, at, DatabaseService.Setting("host"))
		switch {
		case otherErr != nil:
		case err != nil:
			a.Reach, err = r, nil
		default:
			a.Others = append(a.Others, r)
		}
	}
	return err
}

// DatabaseName returns the database's name, "" if it is not set anywhere. Errors are as for Value.
func (v *View) DatabaseName() (string, error) {
	parts, at, err := v.urlOf("postgres", databaseURLs()...)
	if err != nil {
		return "", err
	}
	return v.databaseName(parts, at)
}

// databaseName returns the name from the settings, the URL or the environment.
func (v *View) databaseName(parts urlParts, at string) (string, error) {
	name, _, err := v.setting(v.Deployment.Database.Name, parts.Path, at, "DB_NAME", "POSTGRES_DB", "PGDATABASE", "DATABASE_NAME")
	return name, err
}

package postgres

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// The rules of pg_hba.conf, which superusers and roles with EXECUTE on pg_hba_file_rules may read.

// rules is what a login shows of the server's access rules.
type rules struct {
	superuser bool
	pooled    bool // a connection pooler answered: it has access rules of its own
	read      bool // lines is what the server has
	lines     []rule
}

// rule is one line of pg_hba.conf.
type rule struct{ kind, address, netmask, method string }

func rulesOf(ctx context.Context, conn *pgx.Conn) (r rules, err error) {
	if r.pooled, err = pooled(ctx, conn); err != nil {
		return r, err
	}
	err = conn.QueryRow(ctx, `select coalesce((select rolsuper from pg_roles where rolname = session_user), false),
		coalesce((select bool_and(has_table_privilege(c.oid, 'select') and has_function_privilege('pg_hba_file_rules()', 'execute'))
			from pg_class c where c.relname = 'pg_hba_file_rules' and c.relnamespace = 'pg_catalog'::regnamespace), false)`).Scan(&r.superuser, &r.read)
	if err != nil || !r.read {
		return r, err
	}
	rows, err := conn.Query(ctx, "select coalesce(type, ''), coalesce(address, ''), coalesce(netmask, ''), coalesce(auth_method, '') from pg_hba_file_rules where error is null")
	if err != nil {
		return r, err
	}
	r.lines, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (one rule, err error) {
		return one, row.Scan(&one.kind, &one.address, &one.netmask, &one.method)
	})
	return r, err
}

// judge adds a warning for hosts that are admitted without a password.
func (r rules) judge(f *probe.ResultBuilder) {
	open := 0
	for _, line := range r.lines {
		if line.method == "trust" && line.remote() {
			open++
		}
	}
	if open > 0 {
		f.Warn(probe.ReasonOpen, "pg_hba.conf admits other hosts without a password (trust) in %s: use scram-sha-256", phrase.Count(open, "line"))
	}
}

// remote reports whether a line admits other hosts than this one.
func (l rule) remote() bool {
	if !strings.HasPrefix(l.kind, "host") || l.address == "samehost" || l.address == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(l.address)
	if err != nil {
		return true // all, samenet, a host name
	}
	mask, err := netip.ParseAddr(l.netmask)
	whole := err == nil && !slices.ContainsFunc(mask.AsSlice(), func(b byte) bool { return b != 255 })
	// All of 127.0.0.0/8 is this host.
	return !ip.Unmap().IsLoopback() || !whole && (!ip.Is4() || err != nil || mask.AsSlice()[0] != 255)
}

// said is what the login showed in addition.
func (r rules) said(foreign bool) string {
	var all []string
	if r.superuser && !foreign {
		all = append(all, "the application's role is a superuser")
	}
	if r.pooled {
		all = append(all, "a connection pooler answered")
	}
	if !r.read {
		all = append(all, "the role may not read pg_hba.conf")
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}

// directory lists the methods that check a password elsewhere.
func (r rules) directory() bool {
	return slices.ContainsFunc(r.lines, func(l rule) bool { return slices.Contains([]string{"pam", "ldap", "radius", "bsd"}, l.method) })
}

// directoryFree returns nil if the server requests passwords in cleartext but compares them itself.
func directoryFree(ctx context.Context, p *probe.Pass, t postgresTarget) error {
	db, err := postgresFor(p)
	if err != nil {
		return err
	}
	var seen rules
	err = db.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		seen, err = rulesOf(ctx, conn)
		return err
	})
	const end = ". Well-known passwords are not tried, since a directory may lock the account"
	setting := deployment.DatabaseService.Setting("user") + " of a role that may read pg_hba_file_rules, or scram-sha-256 in pg_hba.conf"
	switch {
	case err != nil:
		_, err = t.unasked(err, false)
		return err
	case seen.pooled:
		return probe.Skip(deployment.DatabaseService.Setting("host")+" of the server itself", "a connection pooler at %s requests the password in cleartext"+end, t.Address())
	case !seen.read:
		return probe.Skip(setting, "PostgreSQL at %s requests the password in cleartext and the role may not read pg_hba.conf"+end, t.Address())
	case seen.directory():
		return probe.Skip("scram-sha-256 in pg_hba.conf", "PostgreSQL at %s checks passwords with PAM, LDAP or RADIUS"+end, t.Address())
	}
	return nil
}

package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
)

// postgres_login: does the database require a password and accept the configured one? postgres_default_login: does it
// reject well-known passwords?
//
// Both log in again on each run, since an open connection says nothing about the current password, and close the
// connection at once.

func LoginKind() probe.Kind {
	return probe.Kind{
		Name:       "postgres_login",
		Services:   []deployment.Service{deployment.DatabaseService},
		Question:   "Does the database require a password and accept the configured one?",
		Example:    "{}",
		Layer:      probe.LayerLive,
		Reads:      "one login to each server of the database (deployment.database, or DB_HOST and related variables), and pg_hba_file_rules where the role may read it",
		Permission: "network access to it",
		MaxAge:     time.Minute,
		Timeout:    15 * time.Second,
		Alone:      true,
		New:        func() any { return &postgresLogin{} },
	}
}

type postgresLogin struct{}

func (s *postgresLogin) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	t, err := postgresAt(p)
	if err != nil {
		return probe.Result{}, err
	}
	if err := access.NoPassword("the database", deployment.DatabaseService.Setting("password_file"), t.Password); err != nil {
		return probe.Result{}, err
	}
	if len(t.others) == 0 {
		return s.at(ctx, t)
	}
	return s.atEach(ctx, t)
}

// at checks one server, or the first of several that is as target_session_attrs requires.
func (s *postgresLogin) at(ctx context.Context, t postgresTarget) (probe.Result, error) {
	var seen rules
	err := t.try(ctx, t.Password.Text.Reveal(), login{asked: true, cleartext: true}, func(ctx context.Context, conn *pgx.Conn) error {
		var err error
		seen, err = rulesOf(ctx, conn)
		return err
	})
	return s.judge(t, seen, err)
}

// atEach checks every server of a connection URL: each of them may trust the exporter's host. Those that cannot be
// reached are named, while there is one that can.
func (s *postgresLogin) atEach(ctx context.Context, t postgresTarget) (probe.Result, error) {
	if t.Session != "" {
		if r, err := s.at(ctx, t); err != nil {
			return r, err
		}
	}
	var f probe.ResultBuilder
	var first error
	var accept, missing []string
	servers := append([]postgresTarget{t}, t.others...)
	for _, server := range servers {
		server.others, server.Session = nil, ""
		server.patience = t.patience / time.Duration(len(servers))
		r, err := s.at(ctx, server)
		switch {
		case err != nil:
			first = cmp.Or(first, err)
			missing = append(missing, server.Address())
		default:
			f.Add(r)
			accept = append(accept, server.Address())
		}
	}
	switch {
	case len(accept) == 0:
		return probe.Result{}, first
	case len(missing) > 0:
		return f.Result("PostgreSQL at %s accepts %s. Not checked: %s", strings.Join(accept, ", "), t.Password.Key, strings.Join(missing, ", ")), nil
	}
	return f.Result("PostgreSQL at %s accepts %s", strings.Join(accept, ", "), t.Password.Key), nil
}

// try logs in, runs look if it is given, and disconnects at once. An error of look is that of a query.
func (t postgresTarget) try(ctx context.Context, password string, how login, look func(ctx context.Context, conn *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	conn, err := t.connect(ctx, password, how)
	if err != nil {
		return err
	}
	d := postgres{conn: conn}
	defer d.drop()
	if look == nil {
		return nil
	}
	if err := t.readOnly(ctx, conn, look); err != nil {
		return queryError{t.plain(ctx, err)}
	}
	return nil
}

// queryError is an error after a login.
type queryError struct{ error }

// judge classifies the outcome of one login that requires a password request.
func (s *postgresLogin) judge(t postgresTarget, seen rules, err error) (probe.Result, error) {
	var query queryError
	switch answer := access.Code(err); {
	case err == nil:
		var f probe.ResultBuilder
		seen.judge(&f)
		return f.Result("PostgreSQL at %s accepts %s%s", t.Address(), t.Password.Key, seen.said(t.Foreign)), nil
	case errors.As(err, &query):
		return probe.Passed("PostgreSQL at %s accepts %s, but its rules were not read: %v", t.Address(), t.Password.Key, err), nil
	case errors.Is(err, errNotAsked) && t.socket():
		return probe.Passed("PostgreSQL admits the exporter over %s without a password (peer or trust)", t.Address()), nil
	case errors.Is(err, errNotAsked):
		return probe.Failed(probe.ReasonOpen, "PostgreSQL at %s requires no password: pg_hba.conf trusts the exporter's host", t.Address()), nil
	case answer == "28P01":
		return probe.Failed(probe.ReasonMismatch, "PostgreSQL at %s rejects %s: role or password differ from the server's, or the password has expired (VALID UNTIL)", t.Address(), t.Password.Key), nil
	case afterLogin(answer):
		return probe.Passed("PostgreSQL at %s accepts %s, but %v", t.Address(), t.Password.Key, err), nil
	}
	return t.unasked(err, false)
}

// afterLogin reports whether the server sends this code only after a correct password: no such database, no right to
// connect to it.
func afterLogin(code string) bool { return code == "3D000" || code == "42501" }

func DefaultLoginKind() probe.Kind {
	return probe.Kind{
		Name:       "postgres_default_login",
		Services:   []deployment.Service{deployment.DatabaseService},
		Question:   "Does the database reject well-known passwords?",
		Example:    "{passwords: [changeme, '']}",
		Layer:      probe.LayerLive,
		Reads:      "one login attempt per password at the database (deployment.database, or DB_HOST and related variables) as the application's role; none where a directory (PAM, LDAP, RADIUS) may check passwords",
		Permission: "network access to it",
		MaxAge:     24 * time.Hour,
		Timeout:    15 * time.Second,
		Active:     true,
		Alone:      true,
		New:        func() any { return &postgresDefaultLogin{Passwords: []string{"changeme", ""}} },
	}
}

type postgresDefaultLogin struct {
	Passwords []string `yaml:"passwords" doc:"well-known passwords that must be rejected; one attempt each"`
}

const maxDefaultPasswords = 10 // more would be guessing

func (s *postgresDefaultLogin) Validate() []error {
	switch n := len(s.Passwords); {
	case n == 0:
		return []error{errors.New("passwords: at least one is required")}
	case n > maxDefaultPasswords:
		return []error{fmt.Errorf("passwords: at most %d are allowed", maxDefaultPasswords)}
	}
	return nil
}

// Key changes with the server, the role and the password, so a change is checked before max_age has passed.
func (s *postgresDefaultLogin) Key(p *probe.Pass) string {
	a, err := p.View.DatabaseAccess()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", a.Address(), a.User, a.Password.Text.Reveal()))
	return hex.EncodeToString(sum[:])
}

func (s *postgresDefaultLogin) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	t, err := postgresAt(p)
	if err != nil {
		return probe.Result{}, err
	}
	own := t.Password.Text.Reveal()
	if t.Password.Ref.Kind == "" && slices.Contains(s.Passwords, own) { // unset is the empty password
		return probe.Result{}, probe.Skip("a password for the deployment", "the configured password is empty or one of the well-known ones")
	}
	how := login{} // no guess is sent in cleartext, unless pg_hba.conf shows that no directory checks passwords
	for _, password := range s.Passwords {
		err := t.try(ctx, password, how, nil)
		if errors.Is(err, errCleartext) && !how.cleartext {
			if err := directoryFree(ctx, p, t); err != nil {
				return probe.Result{}, err
			}
			how.cleartext = true
			err = t.try(ctx, password, how, nil)
		}
		if access.Code(err) != "28P01" {
			return s.judge(t, password, err)
		}
	}
	return probe.Passed("PostgreSQL at %s rejects %s", t.Address(), named(s.Passwords...)), nil
}

// judge classifies an attempt that was not rejected as a wrong password.
func (s *postgresDefaultLogin) judge(t postgresTarget, password string, err error) (probe.Result, error) {
	if err == nil || afterLogin(access.Code(err)) {
		return probe.Failed(probe.ReasonOpen, "PostgreSQL at %s admits the application's role with %s: that is its password, or pg_hba.conf trusts the exporter's host", t.Address(), named(password)), nil
	}
	return t.unasked(err, false)
}

// named lists passwords of the rule.
func named(passwords ...string) string {
	told := make([]string, len(passwords))
	for i, p := range passwords {
		if told[i] = fmt.Sprintf("%q", p); p == "" {
			told[i] = "the empty password"
		}
	}
	return strings.Join(told, ", ")
}

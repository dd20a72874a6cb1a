package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// postgres_login: does the database ask for a password and accept the configured one?
// postgres_default_login: does it refuse the passwords that everybody would try?
//
// Both log in anew for each look, since a connection that is open says nothing about today's password, and close the connection at once.

func postgresLoginKind() Kind {
	return Kind{
		Name:     "postgres_login",
		Question: "Does the database ask for a password, and accept the configured one?",
		Example:  "{}",
		Layer:    LayerLive,
		Reads:    "one log-in to the database (deployment.database, or DB_HOST and its like); needs to reach it",
		MaxAge:   time.Minute,
		Timeout:  15 * time.Second,
		Alone:    true,
		New:      func() any { return &postgresLogin{} },
	}
}

type postgresLogin struct{}

func (s *postgresLogin) Probe(ctx context.Context, p *Pass) (Result, error) {
	t, err := postgresAt(p)
	if err != nil {
		return Result{}, err
	}
	if err := noPassword("the database", databasePasswordSetting, t.Password); err != nil {
		return Result{}, err
	}
	return s.judge(t, t.try(ctx, t.Password.Text.Reveal(), true))
}

// try logs in and leaves at once.
func (t postgresTarget) try(ctx context.Context, password string, asked bool) error {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	conn, err := t.connect(ctx, password, asked)
	if err != nil {
		return err
	}
	d := postgres{conn: conn}
	d.drop()
	return nil
}

// judge judges the outcome of one log-in that wanted to be asked for the password.
func (s *postgresLogin) judge(t postgresTarget, err error) (Result, error) {
	switch answer := codeOf(err); {
	case err == nil:
		return Passed("PostgreSQL at %s accepts %s", t.Address(), t.Password.Key), nil
	case errors.Is(err, errNotAsked):
		return Failed(ReasonOpen, "PostgreSQL at %s asks for no password: pg_hba.conf says trust for the exporter's host", t.Address()), nil
	case answer == "28P01":
		return Failed(ReasonMismatch, "PostgreSQL at %s does not accept %s: role or password differ from the server's, or the role's password has expired (VALID UNTIL)", t.Address(), t.Password.Key), nil
	case afterLogin(answer):
		return Passed("PostgreSQL at %s accepts %s, but %v", t.Address(), t.Password.Key, err), nil
	}
	return t.unasked(err, false)
}

// codeOf is the SQLSTATE that the server answered, "" for none.
func codeOf(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.code
	}
	return ""
}

// afterLogin reports whether the server says this only to who has given the right password: no such database, no right to connect to it.
func afterLogin(code string) bool { return code == "3D000" || code == "42501" }

func postgresDefaultLoginKind() Kind {
	return Kind{
		Name:     "postgres_default_login",
		Question: "Does the database refuse the passwords that everybody would try?",
		Example:  "{passwords: [changeme, '']}",
		Layer:    LayerLive,
		Reads:    "one log-in attempt per password at the database (deployment.database, or DB_HOST and its like) as the application's role; needs to reach it",
		MaxAge:   24 * time.Hour,
		Timeout:  15 * time.Second,
		Active:   true,
		Alone:    true,
		New:      func() any { return &postgresDefaultLogin{Passwords: []string{"changeme", ""}} },
	}
}

type postgresDefaultLogin struct {
	Passwords []string `yaml:"passwords" doc:"well-known passwords that must be refused; one attempt each"`
}

const maxDefaultPasswords = 10 // more would be guessing

func (s *postgresDefaultLogin) Validate() []error {
	switch n := len(s.Passwords); {
	case n == 0:
		return []error{errors.New("passwords: none is named")}
	case n > maxDefaultPasswords:
		return []error{fmt.Errorf("passwords: at most %d are tried", maxDefaultPasswords)}
	}
	return nil
}

// Key changes with the server, the role and the password, so that a change is looked at before the day is over.
func (s *postgresDefaultLogin) Key(p *Pass) string {
	a, err := p.View.DatabaseAccess()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", a.Address(), a.User, a.Password.Text.Reveal()))
	return hex.EncodeToString(sum[:])
}

func (s *postgresDefaultLogin) Probe(ctx context.Context, p *Pass) (Result, error) {
	t, err := postgresAt(p)
	if err != nil {
		return Result{}, err
	}
	own := t.Password.Text.Reveal()
	if t.Password.Ref.Kind == "" && slices.Contains(s.Passwords, own) { // not set is the empty one
		return Result{}, Skip("a password of the deployment's own", "the configured password is missing or one of those to be tried: that it is accepted would be no surprise")
	}
	for _, password := range s.Passwords {
		if err := t.try(ctx, password, false); codeOf(err) != "28P01" {
			return s.judge(t, password, err)
		}
	}
	return Passed("PostgreSQL at %s refuses %s", t.Address(), named(s.Passwords...)), nil
}

// judge judges an attempt that was not refused as a wrong password is.
func (s *postgresDefaultLogin) judge(t postgresTarget, password string, err error) (Result, error) {
	if err == nil || afterLogin(codeOf(err)) {
		return Failed(ReasonOpen, "PostgreSQL at %s lets the application's role in with %s: that is its password, or pg_hba.conf says trust", t.Address(), named(password)), nil
	}
	return t.unasked(err, false)
}

// named names passwords of the rule.
func named(passwords ...string) string {
	told := make([]string, len(passwords))
	for i, p := range passwords {
		if told[i] = fmt.Sprintf("%q", p); p == "" {
			told[i] = "the empty password"
		}
	}
	return strings.Join(told, ", ")
}

package probe

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// Which database errors may be shown, and their effect on the verdict.

// Errors in addition to those of the network and of TLS.
var (
	errNotAsked = errors.New("the server requires no password")
)

// errNotPostgres reports another service.
const errNotPostgres = otherService("the server does not speak the PostgreSQL protocol")

// sqlState matches an SQLSTATE.
var sqlState = regexp.MustCompile(`^[0-9A-Z]{5}$`)

// refusal is an error reported by the server, by its SQLSTATE; for Redis by the first word of the error.
type refusal struct {
	code  string
	words string // the same for people
}

// Error implements error.
func (r *refusal) Error() string { return r.words }

// sqlRefusal is the refusal with a SQLSTATE.
func sqlRefusal(code string) *refusal { return &refusal{code: code, words: sqlWords(code)} }

// sqlWords says what a SQLSTATE means here.
func sqlWords(code string) string {
	switch code {
	case "28P01":
		return "password rejected"
	case "28000":
		return "pg_hba.conf does not admit this user from this host, or the role may not log in"
	case "3D000":
		return "database does not exist"
	case "55000":
		return "database does not accept connections"
	case "42501":
		return "role lacks a privilege"
	case "53300":
		return "too many connections"
	case "57P03":
		return "server is starting up, shutting down or recovering"
	case "57P01", "57P02":
		return "server is shutting down"
	case "57014":
		return "query timed out"
	case "08P01":
		return "protocol error, as reported by a connection pooler"
	}
	return "SQLSTATE " + code
}

// plain reduces an error to what may be shown: the library's own texts contain user, database and server text.
func (t postgresTarget) plain(ctx context.Context, err error) error {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) { // one per attempt, with and without TLS; the last decides
		if all := many.Unwrap(); len(all) > 0 {
			err = all[len(all)-1]
		}
	}
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		if !sqlState.MatchString(answered.Code) {
			return errNotPostgres
		}
		return sqlRefusal(answered.Code)
	}
	if strings.Contains(err.Error(), "authentication method requirement") {
		return errNotAsked
	}
	if ctx.Err() == nil && strings.Contains(err.Error(), "server refused TLS connection") {
		return tlsFault("TLS is required but the server does not offer it")
	}
	if err = plainWebError(ctx, err); errors.Is(err, errNotHTTP) {
		return errNotPostgres
	}
	return err
}

// unasked classifies an access error. Schema means that the claim is about the database's contents, so a missing
// database fails.
func (t postgresTarget) unasked(err error, schema bool) (Result, error) {
	return unansweredBy("PostgreSQL", err, t.Reach, databaseHostSetting, func(r *refusal, told error) (Result, error) {
		switch r.code {
		case "28P01":
			return Result{}, Needs("a password accepted by the database, see postgres_password", Unknown(ReasonBlocked, told))
		case "28000":
			return Result{}, Needs("an entry for the exporter's host in pg_hba.conf", Unknown(ReasonPermissionDenied, told))
		case "42501":
			return Result{}, Needs("GRANT CONNECT, USAGE or SELECT to the exporter's role", Unknown(ReasonPermissionDenied, told))
		case "3D000":
			if schema {
				return Failed(ReasonMissing, "%v", told), nil
			}
			return Result{}, Unknown(ReasonMissing, told)
		case "53300", "55000", "57P01", "57P02", "57P03":
			return Result{}, Unknown(ReasonUnhealthy, told)
		case "57014":
			return Result{}, Unknown(ReasonTimeout, told)
		case "08P01":
			return Result{}, Needs(databaseHostSetting+" of the server itself instead of a connection pooler", Unknown(ReasonInvalid, told))
		}
		return Result{}, Unknown(ReasonError, told)
	})
}

// unansweredBy classifies the error of a service without HTTP; errors reported by the service are passed to answered.
// An unreachable service is unknown here, not a failure.
func unansweredBy(what string, err error, at deployment.Reach, setting string, answered func(*refusal, error) (Result, error)) (Result, error) {
	told := fmt.Errorf("%s at %s: %w", what, at.Address(), err)
	var r *refusal
	var u *Unanswered
	switch {
	case errors.As(err, &u):
		return Result{}, err
	case errors.As(err, &r):
		return answered(r, told)
	case at.How == deployment.Default && refused(err):
		return Result{}, Needs(setting, Unknown(ReasonNotConfigured, fmt.Errorf("%w; no service listens at the default address", told)))
	case errors.Is(err, errOtherService), errors.Is(err, errTooLong):
		return Result{}, Needs(setting, Unknown(ReasonInvalid, told))
	case errors.Is(err, errTLS):
		return Result{}, Needs(setting, Unknown(ReasonMismatch, told))
	case errors.Is(err, errBrokenOff):
		return Result{}, Unknown(ReasonUnreachable, told)
	case refused(err):
		return Result{}, Needs(setting, Unknown(ReasonUnreachable, told))
	}
	return Result{}, Unknown(reasonOf(err), told)
}

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

// What may be told of a database's errors, and what each means for a verdict.

// Errors of asking, beside those of the network and of TLS.
var (
	errNotPostgres = errors.New("answers something else than PostgreSQL")
	errNotAsked    = errors.New("asks for no password")
)

// sqlState is what the code of a server's error looks like.
var sqlState = regexp.MustCompile(`^[0-9A-Z]{5}$`)

// refusal is an error that the server answered, by its SQLSTATE; of Redis the error's first word.
type refusal struct{ code string }

func (r *refusal) Error() string {
	switch r.code {
	case "28P01":
		return "the password is not accepted"
	case "28000":
		return "pg_hba.conf lets this user from this host not in, or the role may not log in"
	case "3D000":
		return "the database of that name does not exist"
	case "55000":
		return "the database of that name takes no connections"
	case "42501":
		return "the role lacks a privilege"
	case "53300":
		return "too many connections"
	case "57P03":
		return "it is starting up, shutting down or recovering"
	case "57P01", "57P02":
		return "it is shutting down"
	case "57014":
		return "the question took too long"
	case "08P01":
		return "the protocol was refused, as a connection pooler does"
	}
	return "SQLSTATE " + r.code
}

// plain keeps of an error what may be shown: the library's own texts name user and database and quote what the server sent.
func (t postgresTarget) plain(ctx context.Context, err error) error {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) { // one per way that was tried, with and without TLS; the last decides
		if all := many.Unwrap(); len(all) > 0 {
			err = all[len(all)-1]
		}
	}
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		if !sqlState.MatchString(answered.Code) {
			return errNotPostgres
		}
		return &refusal{answered.Code}
	}
	if strings.Contains(err.Error(), "authentication method requirement") {
		return errNotAsked
	}
	if ctx.Err() == nil && strings.Contains(err.Error(), "server refused TLS connection") {
		return tlsFault("TLS is wanted and not offered")
	}
	if err = plainWebError(ctx, err); errors.Is(err, errNotHTTP) {
		return errNotPostgres
	}
	return err
}

// unasked judges an error of asking. Schema says that the claim is about what is in the database, so that its absence fails.
func (t postgresTarget) unasked(err error, schema bool) (Result, error) {
	return unansweredBy("PostgreSQL", err, t.Reach, databaseHostSetting, func(r *refusal, told error) (Result, error) {
		switch r.code {
		case "28P01":
			return Result{}, Needs("a password that the database accepts, see postgres_password", Unknown(ReasonBlocked, told))
		case "28000":
			return Result{}, Needs("an entry for the exporter's host in pg_hba.conf", Unknown(ReasonPermissionDenied, told))
		case "42501":
			return Result{}, Needs("GRANT CONNECT, USAGE or SELECT for the role that the exporter uses", Unknown(ReasonPermissionDenied, told))
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
			return Result{}, Needs(databaseHostSetting+" that is the server's own, not a pooler's", Unknown(ReasonInvalid, told))
		}
		return Result{}, Unknown(ReasonError, told)
	})
}

// unansweredBy judges the error of asking a service that is no HTTP one; what the service itself answered is judged by answered. Being unreachable
// only blinds us here.
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
		return Result{}, Needs(setting, Unknown(ReasonNotConfigured, fmt.Errorf("%w; nobody listens at the default address", told)))
	case errors.Is(err, errNotPostgres), errors.Is(err, errNotRedis), errors.Is(err, errTooLong):
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

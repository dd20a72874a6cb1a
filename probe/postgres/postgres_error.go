package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
)

// Which database errors may be shown, and their effect on the verdict.

// Errors in addition to those of the network and of TLS.
var (
	errNotAsked  = errors.New("the server requires no password")
	errCleartext = errors.New("the server requests the password in cleartext")
)

// errNotPostgres reports another service.
const errNotPostgres = fault.OtherService("the server does not speak the PostgreSQL protocol")

// sqlState matches an SQLSTATE.
var sqlState = lazyregexp.New(`^[0-9A-Z]{5}$`)

// sqlRefusal is the refusal with a SQLSTATE.
func sqlRefusal(code string) *access.Refusal {
	return &access.Refusal{Code: code, Words: sqlWords(code)}
}

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
		if answered.Code == "08P01" && strings.HasSuffix(answered.Message, "authentication failed") {
			return sqlRefusal("28P01") // PgBouncer before 1.20 has one code for everything
		}
		return sqlRefusal(answered.Code)
	}
	switch {
	case strings.Contains(err.Error(), "server requested password authentication"):
		return errCleartext
	case strings.Contains(err.Error(), "authentication method requirement"):
		return errNotAsked
	}
	if ctx.Err() == nil && strings.Contains(err.Error(), "server refused TLS connection") {
		return fault.TLS("TLS is required but the server does not offer it")
	}
	if err = fault.Redact(ctx, err); errors.Is(err, fault.ErrNotHTTP) {
		return errNotPostgres
	}
	return err
}

// unasked classifies an access error. Schema means that the claim is about the database's contents, so a missing
// database fails.
func (t postgresTarget) unasked(err error, schema bool) (probe.Result, error) {
	if errors.Is(err, errCleartext) {
		return probe.Result{}, probe.Needs(deployment.DatabaseService.Setting("sslmode"), probe.Unknownf(probe.ReasonNotConfigured,
			"PostgreSQL at %s requests the password in cleartext over a connection without TLS. Set deployment.database.sslmode to require, or to disable to accept that", t.Address()))
	}
	return access.JudgeError("PostgreSQL", err, t.Reach, deployment.DatabaseService.Setting("host"), func(r *access.Refusal, told error) (probe.Result, error) {
		switch r.Code {
		case "28P01":
			return probe.Result{}, probe.Needs("a password accepted by the database, see postgres_password", probe.Unknown(probe.ReasonBlocked, told))
		case "28000":
			return probe.Result{}, probe.Needs("an entry for the exporter's host in pg_hba.conf", probe.Unknown(probe.ReasonPermissionDenied, told))
		case "42501":
			return probe.Result{}, probe.Needs("GRANT CONNECT, USAGE or SELECT to the exporter's role", probe.Unknown(probe.ReasonPermissionDenied, told))
		case "3D000":
			if schema {
				return probe.Failed(probe.ReasonMissing, "%v", told), nil
			}
			return probe.Result{}, probe.Unknown(probe.ReasonMissing, told)
		case "53300", "55000", "57P01", "57P02", "57P03":
			return probe.Result{}, probe.Unknown(probe.ReasonUnhealthy, told)
		case "57014":
			return probe.Result{}, probe.Unknown(probe.ReasonTimeout, told)
		case "08P01":
			return probe.Result{}, probe.Needs(deployment.DatabaseService.Setting("host")+" of the server itself instead of a connection pooler", probe.Unknown(probe.ReasonInvalid, told))
		}
		return probe.Result{}, probe.Unknown(probe.ReasonError, told)
	})
}

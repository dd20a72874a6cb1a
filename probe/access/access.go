// Package access says where a service of the deployment is reached, and turns its refusals into verdicts.
package access

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
)

// NotLocated is the error for a service whose address cannot be determined.
func NotLocated(what, setting string, err error) error {
	var noWay *deployment.NoWayError
	if errors.As(err, &noWay) {
		return probe.Skip(noWay.Setting, "%v", err)
	}
	reason := probe.ReasonOf(err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		reason = probe.ReasonMissing
	case reason == probe.ReasonError:
		reason = probe.ReasonBlocked // by a compose or env file that has its own item
	}
	return probe.Needs(setting, probe.Unknown(reason, fmt.Errorf("address of %s is unknown: %w", what, err)))
}

// NoPassword is the error for a service whose password is unknown; nil when it is known.
func NoPassword(what, setting string, v deployment.Value) error {
	switch {
	case v.Ref.Kind != "":
		return probe.Needs(setting, probe.Unknownf(probe.ReasonNotConfigured, "the password of %s is stored in %s, which the exporter cannot read; configure a password file", what, v.Ref.Kind))
	case v.Text.Empty():
		return probe.Skip(setting, "the password of %s is unknown", what)
	}
	return nil
}

// Refusal is an error reported by the server, by its SQLSTATE; for Redis by the first word of the error.
type Refusal struct {
	Code  string
	Words string // the same for people
}

// Error implements error.
func (r *Refusal) Error() string { return r.Words }

// JudgeError classifies the error of a service without HTTP; errors reported by the service are passed to answered.
// An unreachable service is unknown here, not a failure.
func JudgeError(what string, err error, at deployment.Reach, setting string, answered func(*Refusal, error) (probe.Result, error)) (probe.Result, error) {
	told := fmt.Errorf("%s at %s: %w", what, at.Address(), err)
	var r *Refusal
	var u *probe.NotCheckedError
	switch {
	case errors.As(err, &u):
		return probe.Result{}, err
	case errors.As(err, &r):
		return answered(r, told)
	case at.How == find.Default && fault.Refused(err):
		return probe.Result{}, probe.Needs(setting, probe.Unknown(probe.ReasonNotConfigured, fmt.Errorf("%w; no service listens at the default address", told)))
	case errors.Is(err, fault.ErrOtherService), errors.Is(err, fault.ErrTooLong):
		return probe.Result{}, probe.Needs(setting, probe.Unknown(probe.ReasonInvalid, told))
	case errors.Is(err, fault.ErrTLS):
		return probe.Result{}, probe.Needs(setting, probe.Unknown(probe.ReasonMismatch, told))
	case errors.Is(err, fault.ErrTruncated):
		return probe.Result{}, probe.Needs(setting, probe.Unknown(probe.ReasonUnreachable, told))
	case fault.Refused(err):
		return probe.Result{}, probe.Needs(setting, probe.Unknown(probe.ReasonUnreachable, told))
	}
	return probe.Result{}, probe.Needs(setting, probe.Unknown(probe.ReasonOf(err), told))
}

// Code returns the SQLSTATE reported by the server, "" for none.
func Code(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// Authorities returns the certificate authorities in a file, or the given ones; pem is the file's content.
func Authorities(path, setting string, given *x509.CertPool) (pool *x509.CertPool, pem string, err error) {
	if path == "" {
		return given, "", nil
	}
	data, _, err := files.Read(path, fault.MaxCredential)
	if err != nil {
		return nil, "", probe.Needs(setting, probe.Unknown(probe.ReasonOf(err), fmt.Errorf("%s: %w", setting, err)))
	}
	pool = x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, "", probe.Needs(setting, probe.Unknown(probe.ReasonInvalid, errors.New(setting+" contains no certificate")))
	}
	return pool, string(data), nil
}

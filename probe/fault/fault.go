// Package fault names the errors of a network call in words that are safe to print.
package fault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

var ErrNotHTTP = errors.New("response is not HTTP")

var ErrTooLong = errors.New("response exceeds 1 MiB")

var ErrTruncated = errors.New("response is truncated")

var ErrRedirects = errors.New("redirect loop")

var ErrCredential = errors.New("a credential file cannot be used")

// Redact reduces an error to what may be shown: the library's own texts quote the server.
func Redact(ctx context.Context, err error) error {
	var dns *net.DNSError
	var unknownCA x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var op *net.OpError
	var notDialled NotDialled
	switch {
	case errors.As(err, &notDialled): // also after a timeout: another address of the name may have been tried meanwhile
		return notDialled
	case ctx.Err() != nil:
		return Late{ctx.Err()}
	case errors.Is(err, ErrRedirects):
		return ErrRedirects
	case errors.As(err, &dns):
		return &net.DNSError{Err: "no such host", Name: dns.Name, IsNotFound: dns.IsNotFound, IsTimeout: dns.IsTimeout}
	case errors.As(err, &unknownCA):
		return TLS("certificate signed by unknown authority")
	case errors.As(err, &host):
		return TLS("certificate is for another name")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return TLS("certificate is expired or not yet valid")
	case errors.As(err, &invalid):
		return TLS("invalid certificate")
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return TLS("the port does not speak TLS")
	case errors.As(err, &alert), errors.As(err, &op) && op.Op == "remote error": // how crypto/tls returns the server's alert
		return TLS("the server rejects the TLS handshake")
	case op != nil && op.Op == "local error": // and its own alerts
		return TLS("TLS handshake failed")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Errno(err)
	case errors.As(err, &op):
		return &net.OpError{Op: op.Op, Net: op.Net, Err: errors.New("connection failed")}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrTruncated
	}
	return ErrNotHTTP
}

// ErrOtherService is every answer that is not of the service that was called.
var ErrOtherService = errors.New("another service")

// OtherService says which service an answer is not of.
type OtherService string

// Error implements error.
func (o OtherService) Error() string { return string(o) }

// Is makes it ErrOtherService to errors.Is.
func (OtherService) Is(target error) bool { return target == ErrOtherService }

// ErrTLS matches every TLS failure.
var ErrTLS = errors.New("TLS")

// TLS is a TLS failure, as shown to users.
type TLS string

// Error implements error.
func (f TLS) Error() string { return string(f) }

// Is makes errors.Is match ErrTLS.
func (TLS) Is(target error) bool { return target == ErrTLS }

// NotDialled is an address that the exporter does not connect to, as shown to users.
type NotDialled string

// Error implements error.
func (n NotDialled) Error() string { return string(n) }

// Late is the end of a context, as shown to users.
type Late struct{ Cause error }

// Error implements error.
func (Late) Error() string { return "no response in time" }

// Unwrap returns the context's error.
func (l Late) Unwrap() error { return l.Cause }

// Errno returns the operating system's error behind err.
func Errno(err error) error {
	var n syscall.Errno
	if errors.As(err, &n) {
		return n
	}
	return err
}

// Refused reports whether nothing listens at an address, or the address is unreachable.
func Refused(err error) bool {
	var dns *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) || errors.As(err, &dns)
}

const MaxCredential = 64 << 10

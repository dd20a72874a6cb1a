package probe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// Access to HTTP services: with a time limit, a size limit, kept connections and redirects that stay on the site.
// Errors name the host and never contain a credential, a query or text from the server.

// Limits of one response.
const (
	maxBody       = 1 << 20 // bytes after decompression, to stop decompression bombs
	maxHeaders    = 64 << 10
	maxRedirects  = 5
	maxCredential = 64 << 10
)

// Errors in addition to those of the network.
var (
	errNotHTTP    = errors.New("response is not HTTP")
	errTooLong    = errors.New("response exceeds 1 MiB")
	errBrokenOff  = errors.New("response is truncated")
	errRedirects  = errors.New("redirect loop")
	errBadURL     = errors.New("not an http or https URL")
	errCredential = errors.New("a credential file cannot be used")
)

// web is the client of one service.
type web struct {
	client   *http.Client
	agent    string
	patience time.Duration
	user     string
	password string
	bearer   string
	now      func() time.Time
}

// answer is the response of a service.
type answer struct {
	Status  int
	Header  http.Header
	Body    []byte
	URL     *url.URL // of the response, after redirects
	OffSite string   // target host of a redirect that was not followed
	TLS     *tls.ConnectionState
	Took    time.Duration // until the end of the body
}

type webKey struct{ section string }

// idleConnection exceeds the usual scrape intervals of up to 30 s. Rarer scrapes open a new connection each time
// instead of keeping thousands idle: each takes about 20 kB, and a deployment has several services.
const idleConnection = 35 * time.Second

// webFor returns the client for a service, named by its section of the settings. Connections are kept while the
// settings and credentials stay the same.
func webFor(p *Pass, section string, h deployment.HTTP) (*web, error) {
	print := sha256.New()
	w := &web{now: p.Now, agent: p.Agent, patience: h.Patience(), user: h.Username}
	read := func(path string) ([]byte, error) {
		if path == "" {
			return nil, nil
		}
		data, _, err := files.Read(p.Deployment.Abs(path), maxCredential)
		if err != nil {
			return nil, Needs("deployment."+section, Unknown(reasonOf(err), fmt.Errorf("deployment.%s: %w: %w", section, errCredential, err)))
		}
		_, _ = fmt.Fprintf(print, "%s %d ", path, len(data))
		_, _ = print.Write(data)
		return data, nil
	}
	ca, err := read(h.CAFile)
	if err != nil {
		return nil, err
	}
	cert, err := read(h.CertFile)
	if err != nil {
		return nil, err
	}
	key, err := read(h.KeyFile)
	if err != nil {
		return nil, err
	}
	password, err := read(h.PasswordFile)
	if err != nil {
		return nil, err
	}
	bearer, err := read(h.BearerTokenFile)
	if err != nil {
		return nil, err
	}
	w.password, w.bearer = strings.TrimSpace(string(password)), strings.TrimSpace(string(bearer))
	_, _ = fmt.Fprintf(print, "%q %q", h.ServerName, h.Username)
	w.client, err = Keep(p.Kept, webKey{section}, hex.EncodeToString(print.Sum(nil)), func() (*http.Client, func(), error) {
		conf := &tls.Config{RootCAs: p.Roots, ServerName: h.ServerName, MinVersion: tls.VersionTLS10} //nolint:gosec // tls_endpoint checks for old versions
		if ca != nil {
			conf.RootCAs = x509.NewCertPool()
			if !conf.RootCAs.AppendCertsFromPEM(ca) {
				return nil, nil, Unknownf(ReasonInvalid, "deployment.%s.ca_file contains no certificate", section)
			}
		}
		if cert != nil || key != nil {
			pair, err := tls.X509KeyPair(cert, key)
			if err != nil {
				return nil, nil, Unknownf(ReasonInvalid, "deployment.%s: cert_file and key_file do not match", section)
			}
			conf.Certificates = []tls.Certificate{pair}
		}
		t := &http.Transport{DialContext: p.Dial, TLSClientConfig: conf, MaxIdleConnsPerHost: 2, IdleConnTimeout: idleConnection, ReadBufferSize: 2 << 10, WriteBufferSize: 1 << 10,
			MaxResponseHeaderBytes: maxHeaders, ForceAttemptHTTP2: true}
		c := &http.Client{Transport: t, CheckRedirect: stayOnSite}
		return c, t.CloseIdleConnections, nil
	})
	return w, err
}

// stayOnSite follows redirects to the same host name, including http to https; other redirects are the response.
func stayOnSite(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects {
		return errRedirects
	}
	first := before[0].URL
	if !strings.EqualFold(next.URL.Hostname(), first.Hostname()) || first.Scheme == "https" && next.URL.Scheme != "https" {
		return http.ErrUseLastResponse
	}
	return nil
}

// get requests a URL.
func (w *web) get(ctx context.Context, target string) (answer, error) {
	return w.ask(ctx, http.MethodGet, target, nil, nil)
}

// ask makes a request. Its error is without the URL's credentials and query.
func (w *web) ask(ctx context.Context, method, target string, header http.Header, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	began := w.now()
	resp, host, err := w.send(ctx, method, target, header, body)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{Status: resp.StatusCode, Header: resp.Header, URL: resp.Request.URL, TLS: resp.TLS, OffSite: offSite(resp)}
	a.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	a.Took = w.now().Sub(began)
	switch {
	case err != nil && ctx.Err() != nil:
		return a, fmt.Errorf("%s: %w", host, ctx.Err())
	case err != nil:
		return a, fmt.Errorf("%s: %w", host, errBrokenOff)
	case len(a.Body) > maxBody:
		return a, fmt.Errorf("%s: %w", host, errTooLong)
	}
	return a, nil
}

// send makes a request and returns the response, whose body the caller closes, and the requested host.
func (w *web) send(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, string, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, "", errBadURL
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, "", errBadURL
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", w.agent)
	// Requests may be repeated: without this key, the client does not retry a POST over a kept connection that the
	// server has just closed, and a restart would look like a rejection. The header itself is not sent.
	req.Header["Idempotency-Key"] = nil
	switch {
	case w.bearer != "":
		req.Header.Set("Authorization", "Bearer "+w.bearer)
	case w.user != "":
		req.SetBasicAuth(w.user, w.password)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", u.Host, plainWebError(ctx, err))
	}
	return resp, u.Host, nil
}

// offSite returns the target host of a redirect that was not followed, "" without one.
func offSite(resp *http.Response) string {
	if to, err := resp.Location(); err == nil && resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return to.Host
	}
	return ""
}

// plainWebError reduces an error to what may be shown: the library's own texts quote the server.
func plainWebError(ctx context.Context, err error) error {
	var dns *net.DNSError
	var unknownCA x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var op *net.OpError
	switch {
	case ctx.Err() != nil:
		return late{ctx.Err()}
	case errors.Is(err, errRedirects):
		return errRedirects
	case errors.As(err, &dns):
		return &net.DNSError{Err: "no such host", Name: dns.Name, IsNotFound: dns.IsNotFound, IsTimeout: dns.IsTimeout}
	case errors.As(err, &unknownCA):
		return tlsFault("certificate signed by unknown authority")
	case errors.As(err, &host):
		return tlsFault("certificate is for another name")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return tlsFault("certificate is expired or not yet valid")
	case errors.As(err, &invalid):
		return tlsFault("invalid certificate")
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return tlsFault("the port does not speak TLS")
	case errors.As(err, &alert), errors.As(err, &op) && op.Op == "remote error": // how crypto/tls returns the server's alert
		return tlsFault("the server rejects the TLS handshake")
	case op != nil && op.Op == "local error": // and its own alerts
		return tlsFault("TLS handshake failed")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return errno(err)
	case errors.As(err, &op):
		return &net.OpError{Op: op.Op, Net: op.Net, Err: errors.New("connection failed")}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errBrokenOff
	}
	return errNotHTTP
}

// errOtherService is every answer that is not of the service that was called.
var errOtherService = errors.New("another service")

// otherService says which service an answer is not of.
type otherService string

// Error implements error.
func (o otherService) Error() string { return string(o) }

// Is makes it errOtherService to errors.Is.
func (otherService) Is(target error) bool { return target == errOtherService }

// errTLS matches every TLS failure.
var errTLS = errors.New("TLS")

// tlsFault is a TLS failure, as shown to users.
type tlsFault string

// Error implements error.
func (f tlsFault) Error() string { return string(f) }

// Is makes errors.Is match errTLS.
func (tlsFault) Is(target error) bool { return target == errTLS }

// late is the end of a context, as shown to users.
type late struct{ cause error }

// Error implements error.
func (late) Error() string { return "no response in time" }

// Unwrap returns the context's error.
func (l late) Unwrap() error { return l.cause }

// errno returns the operating system's error behind err.
func errno(err error) error {
	var n syscall.Errno
	if errors.As(err, &n) {
		return n
	}
	return err
}

// refused reports whether nothing listens at an address, or the address is unreachable.
func refused(err error) bool {
	var dns *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) || errors.As(err, &dns)
}

// turnedAway is the error of a response that says nothing about the service: access denied or rate-limited. Setting is
// the setting for the credentials.
func turnedAway(what string, a answer, setting string) error {
	switch a.Status {
	case 401, 403, 407:
		return Needs(setting, Unknownf(ReasonPermissionDenied, "%s returned %d: access denied", what, a.Status))
	case 429:
		return Unknownf(ReasonThreshold, "%s returned 429: too many requests", what)
	}
	return nil
}

// unasked classifies an access error. An unconfigured default address where nothing listens is not configured. An
// unreachable configured address fails where reachability is the claim, otherwise it is unknown. Setting is the setting
// of the address.
func unasked(what string, err error, at deployment.Address, setting string, claim bool) (Result, error) {
	told := fmt.Errorf("%s: %w", what, err)
	if u := (*Unanswered)(nil); errors.As(err, &u) && u.Remedy != "" { // more specific than the address
		setting = u.Remedy
	}
	switch {
	case !at.Configured && refused(err):
		return Result{}, Needs(setting, Unknown(ReasonNotConfigured, fmt.Errorf("%w; no service listens at the default address", told)))
	case errors.Is(err, errTooLong), errors.Is(err, errNotHTTP), errors.Is(err, errOtherService), errors.Is(err, errBadURL), errors.Is(err, errBrokenOff), errors.Is(err, errRedirects):
		if claim && at.Configured {
			return Failed(ReasonInvalid, "%v", told), nil
		}
		return Result{}, Needs(setting, Unknown(ReasonInvalid, told))
	case errors.Is(err, errTLS):
		if claim && at.Configured {
			return Failed(ReasonMismatch, "%v", told), nil
		}
		return Result{}, Needs(setting, Unknown(ReasonMismatch, told))
	case claim && at.Configured && (refused(err) || reasonOf(err) == ReasonUnreachable):
		return Failed(ReasonUnreachable, "%v", told), nil
	case claim && at.Configured && reasonOf(err) == ReasonTimeout:
		return Failed(ReasonTimeout, "%v", told), nil
	}
	return Result{}, Needs(setting, Unknown(reasonOf(err), told))
}

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

// How probes ask HTTP services: with a time limit, a limit on what is read, connections that are kept, redirects that stay on the site, and
// errors that name the host and never a credential, a query or what the server sent.

// Limits of one answer.
const (
	maxBody       = 1 << 20 // bytes after decompression, so that a small bomb stays small
	maxHeaders    = 64 << 10
	maxRedirects  = 5
	maxCredential = 64 << 10
)

// Errors of asking, beside those of the network.
var (
	errNotHTTP    = errors.New("answers something else than HTTP")
	errTooLong    = errors.New("the answer is longer than 1 MiB")
	errBrokenOff  = errors.New("the answer breaks off")
	errRedirects  = errors.New("redirects in circles")
	errBadURL     = errors.New("no http or https URL")
	errCredential = errors.New("a credential file cannot be used")
)

// web asks one service.
type web struct {
	client   *http.Client
	agent    string
	patience time.Duration
	user     string
	password string
	bearer   string
	now      func() time.Time
}

// answer is what a service said.
type answer struct {
	Status  int
	Header  http.Header
	Body    []byte
	URL     *url.URL // where the answer came from, after redirects
	OffSite string   // host that a redirect leads to and that was not followed
	TLS     *tls.ConnectionState
	Took    time.Duration // until the body was read
}

type webKey struct{ section string }

// idleConnection outlasts the usual intervals between scrapes, up to 30 s. Who scrapes more rarely pays for a new connection each time, and not for
// thousands that lie idle: each takes some 20 kB, and a service has several in a deployment.
const idleConnection = 35 * time.Second

// webFor returns the client for a service, named by the section of the settings that says how to call it. Its connections are kept as long as
// the settings and the credentials behind them stay.
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
		conf := &tls.Config{RootCAs: p.Roots, ServerName: h.ServerName, MinVersion: tls.VersionTLS10} //nolint:gosec // old versions are for tls_endpoint to judge
		if ca != nil {
			conf.RootCAs = x509.NewCertPool()
			if !conf.RootCAs.AppendCertsFromPEM(ca) {
				return nil, nil, Unknownf(ReasonInvalid, "deployment.%s.ca_file holds no certificate", section)
			}
		}
		if cert != nil || key != nil {
			pair, err := tls.X509KeyPair(cert, key)
			if err != nil {
				return nil, nil, Unknownf(ReasonInvalid, "deployment.%s: cert_file and key_file do not belong together", section)
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

// stayOnSite follows redirects to the same host name, http to https included, and lets all others be the answer.
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

// get asks for a URL.
func (w *web) get(ctx context.Context, target string) (answer, error) {
	return w.ask(ctx, http.MethodGet, target, nil, nil)
}

// ask makes a request. An error is one of asking or of the network, without the URL's credentials and query.
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

// send makes a request and returns the head of the answer, whose body the caller closes, and the host that was asked.
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
	// Whatever is asked may be asked twice. Without this a POST over a kept connection that the server has just closed would not be asked again over a
	// new one, and a restart would look like a refusal. Nothing of it is sent.
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

// offSite is the host that a redirect leads to which was not followed, "" when the answer is none.
func offSite(resp *http.Response) string {
	if to, err := resp.Location(); err == nil && resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return to.Host
	}
	return ""
}

// plainWebError keeps of an error what may be shown: the library's own texts quote what the server sent.
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
		return tlsFault("certificate of an unknown authority")
	case errors.As(err, &host):
		return tlsFault("certificate for another name")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return tlsFault("certificate expired or not yet valid")
	case errors.As(err, &invalid):
		return tlsFault("invalid certificate")
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return tlsFault("the port does not speak TLS")
	case errors.As(err, &alert), errors.As(err, &op) && op.Op == "remote error": // how crypto/tls hands on the server's alert
		return tlsFault("TLS was refused")
	case op != nil && op.Op == "local error": // and its own
		return tlsFault("no handshake")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return errno(err)
	case errors.As(err, &op):
		return &net.OpError{Op: op.Op, Net: op.Net, Err: errors.New("no connection")}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errBrokenOff
	}
	return errNotHTTP
}

// errTLS is every failure of TLS.
var errTLS = errors.New("TLS")

// tlsFault is one failure of TLS, in words.
type tlsFault string

// Error implements error.
func (f tlsFault) Error() string { return string(f) }

// Is makes it errTLS to errors.Is.
func (tlsFault) Is(target error) bool { return target == errTLS }

// late is a context's end in words.
type late struct{ cause error }

// Error implements error.
func (late) Error() string { return "no answer in time" }

// Unwrap is the context's error.
func (l late) Unwrap() error { return l.cause }

// errno returns the operating system's error behind err.
func errno(err error) error {
	var n syscall.Errno
	if errors.As(err, &n) {
		return n
	}
	return err
}

// refused reports whether nothing listens at an address, or there is no way to it.
func refused(err error) bool {
	var dns *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) || errors.As(err, &dns)
}

// turnedAway is the error of an answer that says nothing of the service itself: we may not ask, or not as often. Setting names what would let us.
func turnedAway(what string, a answer, setting string) error {
	switch a.Status {
	case 401, 403, 407:
		return Needs(setting, Unknownf(ReasonPermissionDenied, "%s answers %d: the exporter is not allowed to ask", what, a.Status))
	case 429:
		return Unknownf(ReasonThreshold, "%s answers 429: too many requests", what)
	}
	return nil
}

// unasked judges the error of asking a service. A default address that nobody configured and where nobody listens says nothing; a configured one
// that cannot be reached fails where being reachable is the claim, and is unknown where it only blinds us. Setting names where the address is
// configured.
func unasked(what string, err error, at deployment.Address, setting string, claim bool) (Result, error) {
	told := fmt.Errorf("%s: %w", what, err)
	if u := (*Unanswered)(nil); errors.As(err, &u) && u.Remedy != "" { // it knows better what is needed than where the service is
		setting = u.Remedy
	}
	switch {
	case !at.Configured && refused(err):
		return Result{}, Needs(setting, Unknown(ReasonNotConfigured, fmt.Errorf("%w; nobody listens at the default address", told)))
	case errors.Is(err, errTooLong), errors.Is(err, errNotHTTP), errors.Is(err, errNotPrometheus), errors.Is(err, errBadURL), errors.Is(err, errBrokenOff), errors.Is(err, errRedirects):
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

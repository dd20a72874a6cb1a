// Package httpclient is the HTTP client of all probes: bounded, same-site redirects only, errors without credentials.
package httpclient

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
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
)

// Access to HTTP services: with a time limit, a size limit, kept connections and redirects that stay on the site.
// Errors name the host and never contain a credential, a query or text from the server.

// Limits of one response.
const (
	maxBody      = 1 << 20 // bytes after decompression, to stop decompression bombs
	MaxHeaders   = 64 << 10
	maxRedirects = 5
)

// Errors in addition to those of the network.
var (
	ErrURL = errors.New("not an http or https URL")
)

// Client is the client of one service.
type Client struct {
	client   *http.Client
	agent    string
	Patience time.Duration
	user     string
	Password string
	Bearer   string
	now      func() time.Time
}

// Response is the response of a service.
type Response struct {
	Status  int
	Header  http.Header
	Body    []byte
	URL     *url.URL // of the response, after redirects
	OffSite string   // target host of a redirect that was not followed
	Bare    bool     // the response is to a redirect to another origin, to which the credentials were not sent
	TLS     *tls.ConnectionState
	Took    time.Duration // until the end of the body
}

type webKey struct{ section string }

// idleConnection exceeds the usual scrape intervals of up to 30 s. Rarer scrapes open a new connection each time
// instead of keeping thousands idle: each takes about 20 kB, and a deployment has several services.
const idleConnection = 35 * time.Second

// For returns the client for a service, named by its section of the settings. Connections are kept while the
// settings and credentials stay the same.
func For(p *probe.Pass, section string, h deployment.HTTP) (*Client, error) {
	print := sha256.New()
	w := &Client{now: p.Now, agent: p.Agent, Patience: h.Patience(), user: h.Username}
	read := func(path string) ([]byte, error) {
		if path == "" {
			return nil, nil
		}
		data, _, err := files.Read(p.Deployment.Abs(path), fault.MaxCredential)
		if err != nil {
			return nil, probe.Needs("deployment."+section, probe.Unknown(probe.ReasonOf(err), fmt.Errorf("deployment.%s: %w: %w", section, fault.ErrCredential, err)))
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
	w.Password, w.Bearer = strings.TrimSpace(string(password)), strings.TrimSpace(string(bearer))
	_, _ = fmt.Fprintf(print, "%q %q", h.ServerName, h.Username)
	w.client, err = probe.Keep(p.Kept, webKey{section}, hex.EncodeToString(print.Sum(nil)), func() (*http.Client, func(), error) {
		conf := &tls.Config{RootCAs: p.Roots, ServerName: h.ServerName, MinVersion: tls.VersionTLS10} //nolint:gosec // tls_endpoint checks for old versions
		if ca != nil {
			conf.RootCAs = x509.NewCertPool()
			if !conf.RootCAs.AppendCertsFromPEM(ca) {
				return nil, nil, probe.Unknownf(probe.ReasonInvalid, "deployment.%s.ca_file contains no certificate", section)
			}
		}
		if cert != nil || key != nil {
			pair, err := tls.X509KeyPair(cert, key)
			if err != nil {
				return nil, nil, probe.Unknownf(probe.ReasonInvalid, "deployment.%s: cert_file and key_file do not match", section)
			}
			conf.Certificates = []tls.Certificate{pair}
		}
		t := &http.Transport{DialContext: p.Dial, TLSClientConfig: conf, MaxIdleConnsPerHost: 2, IdleConnTimeout: idleConnection, ReadBufferSize: 2 << 10, WriteBufferSize: 1 << 10,
			MaxResponseHeaderBytes: MaxHeaders, ForceAttemptHTTP2: true}
		c := &http.Client{Transport: t, CheckRedirect: stayOnSite}
		return c, t.CloseIdleConnections, nil
	})
	return w, err
}

// Unfollowed returns a client that returns a redirect as the response, on the same connections.
func (w *Client) Unfollowed() *Client {
	first, client := *w, *w.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	first.client = &client
	return &first
}

// stayOnSite follows redirects to the same host name, including http to https; other redirects are the response.
// Credentials go only to the origin that they are configured for: another port may be another service.
func stayOnSite(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects {
		return fault.ErrRedirects
	}
	first := before[0].URL
	if !strings.EqualFold(next.URL.Hostname(), first.Hostname()) || first.Scheme == "https" && next.URL.Scheme != "https" {
		return http.ErrUseLastResponse
	}
	if next.URL.Scheme != first.Scheme || portOf(next.URL) != portOf(first) {
		next.Header.Del("Authorization")
		next.Header.Del("Cookie")
		next.URL.User = nil
	}
	return nil
}

// portOf returns the port of a URL, also when it is implied.
func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// Get requests a URL.
func (w *Client) Get(ctx context.Context, target string) (Response, error) {
	return w.Do(ctx, http.MethodGet, target, nil, nil)
}

// Do makes a request. Its error is without the URL's credentials and query.
func (w *Client) Do(ctx context.Context, method, target string, header http.Header, body []byte) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, w.Patience)
	defer cancel()
	began := w.now()
	resp, host, err := w.Send(ctx, method, target, header, body)
	if err != nil {
		return Response{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := Response{Status: resp.StatusCode, Header: resp.Header, URL: resp.Request.URL, TLS: resp.TLS, OffSite: OffSite(resp)}
	a.Bare = (w.Bearer != "" || w.user != "") && resp.Request.Header.Get("Authorization") == ""
	a.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	a.Took = w.now().Sub(began)
	switch {
	case err != nil && ctx.Err() != nil:
		return a, fmt.Errorf("%s: %w", host, ctx.Err())
	case err != nil:
		return a, fmt.Errorf("%s: %w", host, fault.ErrTruncated)
	case len(a.Body) > maxBody:
		return a, fmt.Errorf("%s: %w", host, fault.ErrTooLong)
	}
	return a, nil
}

// Send makes a request and returns the response, whose body the caller closes, and the requested host.
func (w *Client) Send(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, string, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, "", ErrURL
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, "", ErrURL
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", w.agent)
	// Requests may be repeated: without this key, the client does not retry a POST over a kept connection that the
	// server has just closed, and a restart would look like a rejection. The header itself is not sent.
	req.Header["Idempotency-Key"] = nil
	switch {
	case w.Bearer != "":
		req.Header.Set("Authorization", "Bearer "+w.Bearer)
	case w.user != "":
		req.SetBasicAuth(w.user, w.Password)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", u.Host, fault.Redact(ctx, err))
	}
	return resp, u.Host, nil
}

// OffSite returns the target host of a redirect that was not followed, "" without one.
func OffSite(resp *http.Response) string {
	if to, err := resp.Location(); err == nil && resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return to.Host
	}
	return ""
}

// Rejected is the error of a response that says nothing about the service: access denied or rate-limited. Setting is
// the setting for the credentials.
func Rejected(what string, a Response, setting string) error {
	switch a.Status {
	case 401, 403, 407:
		if a.Bare {
			return probe.Needs(setting, probe.Unknownf(probe.ReasonPermissionDenied, "%s redirects to another port or scheme, where it returned %d: "+
				"credentials are not sent there. Set the URL of the service to the target of the redirect", what, a.Status))
		}
		return probe.Needs(setting, probe.Unknownf(probe.ReasonPermissionDenied, "%s returned %d: access denied", what, a.Status))
	case 429:
		return probe.Needs("a higher rate limit for the exporter, or a greater max_age of the probe",
			probe.Unknownf(probe.ReasonThreshold, "%s returned 429: too many requests", what))
	}
	return nil
}

// JudgeError classifies an access error. An unconfigured default address where nothing listens is not configured. An
// unreachable configured address fails where reachability is the claim, otherwise it is unknown. Setting is the setting
// of the address.
func JudgeError(what string, err error, at deployment.Address, setting string, claim bool) (probe.Result, error) {
	told := fmt.Errorf("%s: %w", what, err)
	if u := (*probe.NotCheckedError)(nil); errors.As(err, &u) && u.Remedy != "" { // more specific than the address
		setting = u.Remedy
	}
	switch {
	case !at.Configured && fault.Refused(err):
		return probe.Result{}, probe.Needs(setting, probe.Unknown(probe.ReasonNotConfigured, fmt.Errorf("%w; no service listens at the default address", told)))
	case errors.Is(err, fault.ErrTooLong), errors.Is(err, fault.ErrNotHTTP), errors.Is(err, fault.ErrOtherService), errors.Is(err, ErrURL), errors.Is(err, fault.ErrTruncated), errors.Is(err, fault.ErrRedirects):
		if claim && at.Configured {
			return probe.Failed(probe.ReasonInvalid, "%v", told), nil
		}
		return probe.Result{}, probe.Needs(setting, probe.Unknown(probe.ReasonInvalid, told))
	case errors.Is(err, fault.ErrTLS):
		if claim && at.Configured {
			return probe.Failed(probe.ReasonMismatch, "%v", told), nil
		}
		return probe.Result{}, probe.Needs(setting, probe.Unknown(probe.ReasonMismatch, told))
	case claim && at.Configured && (fault.Refused(err) || probe.ReasonOf(err) == probe.ReasonUnreachable):
		return probe.Failed(probe.ReasonUnreachable, "%v", told), nil
	case claim && at.Configured && probe.ReasonOf(err) == probe.ReasonTimeout:
		return probe.Failed(probe.ReasonTimeout, "%v", told), nil
	}
	return probe.Result{}, probe.Needs(setting, probe.Unknown(probe.ReasonOf(err), told))
}

// BoundedBody fails after a number of bytes.
type BoundedBody struct {
	io.ReadCloser
	Left int64
}

func (b *BoundedBody) Read(data []byte) (int, error) {
	n, err := b.ReadCloser.Read(data)
	if b.Left -= int64(n); b.Left < 0 {
		return 0, fault.ErrTooLong
	}
	return n, err
}

package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence"
)

// Reports on a web server. An unchanged one is asked for by its ETag or its date and not sent again. Redirects are followed on the same host alone:
// elsewhere leads to a log-in page, or to where credentials are not to be sent. No error holds a query, a credential or what the server says.

// headerCommits are the headers in which a server may say of which commit a file is.
func headerCommits() []string { return []string{"X-Catalyst-Commit", "X-Amz-Meta-Commit"} }

// restedDate is how old Last-Modified must be to tell one content from the next: it counts in seconds, and servers' clocks differ.
const restedDate = time.Minute

// validators are what an answer is known again by.
type validators struct {
	etag, modified string
	meta           evidence.Meta
}

// fromURL reads the report at a URL; the result has fs.ErrNotExist when there is none.
func (a evidencePlaces) fromURL(ctx context.Context, r remoteEvidence, known *validators) (evidence.Evidence, error) {
	// Of a place of every kind the name says the kind.
	templated := strings.Contains(r.At, "{report}")
	u, err := url.Parse(strings.ReplaceAll(r.At, "{report}", string(a.kind)))
	if err != nil || u.Host == "" {
		return evidence.Evidence{}, Needs(evidencePlacesSetting, Unknownf(ReasonInvalid, "deployment.%s is not a URL", r.section))
	}
	if fits, err := a.fits(r, baseOf(u.Path)); !templated && !fits {
		return evidence.Evidence{}, err
	}
	w, err := webFor(a.p, r.section, r.HTTP)
	if err != nil {
		return evidence.Evidence{}, err
	}
	if !r.BearerToken.Empty() {
		w.bearer = strings.TrimSpace(r.BearerToken.Reveal())
	}
	if !r.Password.Empty() {
		w.password = r.Password.Reveal()
	}
	source := &urlReport{web: w, url: u, known: known, now: a.p.Now()}
	return evidence.Read(ctx, evidence.Candidate{Name: shownURL(u), Commit: evidence.PathCommit(u.Path, a.commit), Source: source}, a.kind, a.memory), nil
}

// urlReport is an evidence.Source.
type urlReport struct {
	web   *web
	url   *url.URL
	known *validators
	now   time.Time
}

// Open implements evidence.Source. Of an answer that is known again the body is fetched only when somebody reads it.
func (s *urlReport) Open(ctx context.Context) (io.ReadCloser, evidence.Meta, error) {
	record, err := s.record(ctx)
	if err != nil {
		return nil, evidence.Meta{}, err
	}
	header := http.Header{}
	if s.known.etag != "" {
		header.Set("If-None-Match", s.known.etag)
	}
	if s.known.modified != "" {
		header.Set("If-Modified-Since", s.known.modified)
	}
	resp, err := s.fetch(ctx, s.url.String(), header)
	if err != nil {
		return nil, evidence.Meta{}, err
	}
	lazy := &lazyBody{left: evidence.MaxFetched}
	var meta evidence.Meta
	switch {
	case resp.StatusCode == http.StatusNotModified && len(header) > 0:
		_ = resp.Body.Close()
		meta = s.known.meta
		lazy.open = func() (io.ReadCloser, error) {
			resp, err := s.fetch(ctx, s.url.String(), nil)
			if err != nil {
				return nil, err
			}
			if err := answered(resp); err != nil {
				_ = resp.Body.Close()
				return nil, err
			}
			return resp.Body, nil
		}
	default:
		if err := answered(resp); err != nil {
			_ = resp.Body.Close()
			return nil, evidence.Meta{}, err
		}
		*s.known = validatorsOf(resp.Header, s.url.String(), s.now)
		meta = s.known.meta
		lazy.body = resp.Body
	}
	meta.Record = record
	return lazy, meta, nil
}

// validatorsOf reads what the head of an answer says of its content.
func validatorsOf(h http.Header, target string, now time.Time) validators {
	v := validators{etag: h.Get("ETag")}
	if at, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		v.meta.Modified = at
		if now.Sub(at) > restedDate {
			v.modified = h.Get("Last-Modified")
		}
	}
	for _, name := range headerCommits() {
		if c := strings.ToLower(h.Get(name)); v.meta.Commit == "" && evidence.IsCommit(c) {
			v.meta.Commit = c
		}
	}
	if v.etag != "" || v.modified != "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", target, v.etag, v.modified)) // the target may hold a token
		v.meta.Version.Tag = hex.EncodeToString(sum[:])
	}
	return v
}

// record fetches what the pipeline recorded beside the report. Behind a query (a signed URL, a file chosen by a parameter) there is none to be asked for.
func (s *urlReport) record(ctx context.Context) ([]byte, error) {
	if s.url.RawQuery != "" || baseOf(s.url.Path) == "" {
		return nil, nil
	}
	beside := *s.url
	beside.Path, beside.RawPath = path.Join(path.Dir(s.url.Path), path.Base(s.url.Path)+evidence.MetaSuffix), ""
	resp, err := s.fetch(ctx, beside.String(), nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	err = answered(resp)
	switch html := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html"); {
	case errors.Is(err, fs.ErrNotExist), err == nil && html: // some servers answer with a page when there is nothing
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("its record: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxRecordFile+1)) // one that is too long is refused where it is read
	if err != nil {
		return nil, fmt.Errorf("its record: %w", Unknown(ReasonTruncated, brokenOff(err)))
	}
	return data, nil
}

// fetch asks for a URL. The head must come within the service's patience, the body until ctx is done; closing it ends the request.
func (s *urlReport) fetch(ctx context.Context, target string, header http.Header) (*http.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(s.web.patience, cancel)
	resp, _, err := s.web.send(ctx, http.MethodGet, target, header, nil)
	intime := late.Stop()
	if err == nil && intime {
		resp.Body = cancelled{resp.Body, cancel}
		return resp, nil
	}
	if err == nil {
		_ = resp.Body.Close()
	}
	cancel()
	switch {
	case !intime:
		return nil, Needs(evidencePlacesSetting, Unknown(ReasonTimeout, errors.New("no answer in time")))
	case errors.Is(err, errTLS):
		return nil, Needs(evidencePlacesSetting, Unknown(ReasonUntrusted, err))
	case errors.Is(err, errBrokenOff), errors.Is(err, errNotHTTP), errors.Is(err, errRedirects), errors.Is(err, errBadURL):
		return nil, Needs(evidencePlacesSetting, Unknown(ReasonInvalid, err))
	}
	return nil, Needs(evidencePlacesSetting, Unknown(reasonOf(err), err))
}

// answered is the error of an answer that is not the file; fs.ErrNotExist when there is none.
func answered(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == http.StatusNotFound, code == http.StatusGone:
		return fmt.Errorf("the server answers %d: %w", code, fs.ErrNotExist)
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return Needs(evidenceReportsSetting+" with a credential", Unknownf(ReasonPermissionDenied, "the server answers %d: it wants a credential, or a better one", code))
	case offSite(resp) != "":
		return Needs(evidenceReportsSetting, Unknownf(ReasonMismatch, "the server redirects to another host, which is not followed: configure the address itself, and a credential if it is a log-in page"))
	case code >= 500, code == http.StatusTooManyRequests:
		return Needs(evidencePlacesSetting, Unknownf(ReasonUnreachable, "the server answers %d", code))
	default:
		return Needs(evidencePlacesSetting, Unknownf(ReasonInvalid, "the server answers %d", code))
	}
}

// cancelled is a body whose end frees its request.
type cancelled struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c cancelled) Close() error {
	err := c.ReadCloser.Close()
	c.cancel()
	return err
}

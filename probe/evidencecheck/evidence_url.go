package evidencecheck

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

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/evidence"
	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

// Reports on a web server. Unchanged reports are detected by ETag or date and not sent again. Redirects are followed
// only on the same host: another host may be a login page and must not receive credentials. Errors contain no query,
// credential or text of the server.

// headerCommits are response headers that may name the commit of a file.
func headerCommits() []string { return []string{"X-Catalyst-Commit", "X-Amz-Meta-Commit"} }

// minDateAge is the minimum age of a Last-Modified date that identifies a content: dates have a resolution of one
// second, and server clocks differ.
const minDateAge = time.Minute

// validators identify an unchanged response.
type validators struct {
	etag, modified string
	meta           evidence.Meta
}

// fromURL reads the report at a URL; a missing report has the error fs.ErrNotExist.
func (a evidencePlaces) fromURL(ctx context.Context, r remoteEvidence, known *validators) (evidence.Evidence, error) {
	// Without a configured kind the file name decides.
	templated := strings.Contains(r.At, "{report}")
	u, err := url.Parse(strings.ReplaceAll(r.At, "{report}", a.stem()))
	if err != nil || u.Host == "" {
		return evidence.Evidence{}, probe.Needs(deployment.EvidenceService.Setting("places"), probe.Unknownf(probe.ReasonInvalid, "deployment.%s: invalid URL",
			r.section))
	}
	if fits, err := a.fits(r, baseOf(u.Path)); !templated && !fits {
		return evidence.Evidence{}, err
	}
	w, err := httpclient.For(a.p, r.section, r.HTTP)
	if err != nil {
		return evidence.Evidence{}, err
	}
	if !r.BearerToken.Empty() {
		w.Bearer = strings.TrimSpace(r.BearerToken.Reveal())
	}
	if !r.Password.Empty() {
		w.Password = r.Password.Reveal()
	}
	source := &urlReport{web: w, url: u, known: known, now: a.p.Now()}
	return evidence.Read(ctx, evidence.Candidate{Name: shownURL(u), Commit: evidence.PathCommit(u.Path, a.commit), Source: source}, a.kind, a.memory), nil
}

// urlReport is an evidence.Source.
type urlReport struct {
	web   *httpclient.Client
	url   *url.URL
	known *validators
	now   time.Time
}

// Open implements evidence.Source. The body of an unchanged response is fetched only at the first read.
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
	lazy := &lazyBody{left: stream.MaxFetched}
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
			if err := statusError(resp); err != nil {
				_ = resp.Body.Close()
				return nil, err
			}
			return resp.Body, nil
		}
	default:
		if err := statusError(resp); err != nil {
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

// validatorsOf reads the validators from response headers.
func validatorsOf(h http.Header, target string, now time.Time) validators {
	v := validators{etag: h.Get("ETag")}
	if at, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		v.meta.Modified = at
		if now.Sub(at) > minDateAge {
			v.modified = h.Get("Last-Modified")
		}
	}
	for _, name := range headerCommits() {
		if c := strings.ToLower(h.Get(name)); v.meta.Commit == "" && report.IsCommit(c) {
			v.meta.Commit = c
		}
	}
	if v.etag != "" || v.modified != "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", target, v.etag,
			v.modified)) // hashed because the target may contain a token
		v.meta.Version.Tag = hex.EncodeToString(sum[:])
	}
	return v
}

// record fetches the .meta.yaml file that the pipeline wrote next to the report. A URL with a query (signed, or a file
// chosen by parameter) has none.
func (s *urlReport) record(ctx context.Context) ([]byte, error) {
	if s.url.RawQuery != "" || baseOf(s.url.Path) == "" {
		return nil, nil
	}
	metaURL := *s.url
	metaURL.Path, metaURL.RawPath = path.Join(path.Dir(s.url.Path), path.Base(s.url.Path)+evidence.MetaSuffix), ""
	resp, err := s.fetch(ctx, metaURL.String(), nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	err = statusError(resp)
	switch html := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html"); {
	case errors.Is(err, fs.ErrNotExist), err == nil && html: // some servers return an HTML page for missing files
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("record file: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxRecordFile+1)) // the parser rejects one that is too long
	if err != nil {
		return nil, fmt.Errorf("record file: %w", probe.Unknown(probe.ReasonTruncated, bodyError(err)))
	}
	return data, nil
}

// fetch requests a URL. The headers must arrive within the service's timeout, the body before ctx is done. Closing the
// body ends the request.
func (s *urlReport) fetch(ctx context.Context, target string, header http.Header) (*http.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(s.web.Patience, cancel)
	resp, _, err := s.web.Send(ctx, http.MethodGet, target, header, nil)
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
		return nil, probe.Needs(deployment.EvidenceService.Setting("places"), probe.Unknown(probe.ReasonTimeout, errors.New("no response in time")))
	case errors.Is(err, fault.ErrTLS):
		return nil, probe.Needs(deployment.EvidenceService.Setting("places"), probe.Unknown(probe.ReasonUntrusted, err))
	case errors.Is(err, fault.ErrTruncated), errors.Is(err, fault.ErrNotHTTP), errors.Is(err, fault.ErrRedirects), errors.Is(err, httpclient.ErrURL):
		return nil, probe.Needs(deployment.EvidenceService.Setting("places"), probe.Unknown(probe.ReasonInvalid, err))
	}
	return nil, probe.Needs(deployment.EvidenceService.Setting("places"), probe.Unknown(probe.ReasonOf(err), err))
}

// statusError returns an error for a response other than the file; fs.ErrNotExist for a missing file.
func statusError(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == http.StatusNotFound, code == http.StatusGone:
		return fmt.Errorf("server returned %d: %w", code, fs.ErrNotExist)
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return probe.Needs(deployment.EvidenceService.Setting("reports")+" with a credential", probe.Unknownf(probe.ReasonPermissionDenied,
			"server returned %d. Configure a valid credential", code))
	case httpclient.OffSite(resp) != "":
		return probe.Needs(deployment.EvidenceService.Setting("reports"), probe.Unknownf(probe.ReasonMismatch,
			"server redirects to another host, which is not followed. Configure the final URL, and a credential if it is a "+
				"login page"))
	case code >= 500, code == http.StatusTooManyRequests:
		return probe.Needs(deployment.EvidenceService.Setting("places"), probe.Unknownf(probe.ReasonUnreachable, "server returned %d", code))
	default:
		return probe.Needs(deployment.EvidenceService.Setting("places"), probe.Unknownf(probe.ReasonInvalid, "server returned %d", code))
	}
}

// cancelled is a body that cancels its request when closed.
type cancelled struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c cancelled) Close() error {
	err := c.ReadCloser.Close()
	c.cancel()
	return err
}

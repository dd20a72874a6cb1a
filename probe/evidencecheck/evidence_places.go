package evidencecheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/evidence"
	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
)

// Places of evidence reports: local folders, files and patterns, URLs, and S3. Remote places are queried every few
// minutes at most, and unchanged reports are not fetched again.

const (
	evidencePermission = "permission to read the evidence folder"
	// evidenceRefetch is how long the content of a remote place is cached.
	evidenceRefetch = 5 * time.Minute
	// maxEvidenceCached bounds the cache of remote places: every release requests new names.
	maxEvidenceCached = 256
	maxRecordFile     = 64 << 10
)

// evidencePlaces finds the reports of one kind and commit.
type evidencePlaces struct {
	p      *probe.Pass
	kind   report.Kind
	name   string // "" for the only report of its kind
	commit string
	memory *evidence.Memory
}

// stem is the name of the report's file without extension.
func (a evidencePlaces) stem() string { return evidence.Stem(a.kind, a.name) }

// look returns the newest report of all places, and an error for each unreadable place. A place without a report is not
// an error.
func (a evidencePlaces) find(ctx context.Context) (evidence.Evidence, []error) {
	here, elsewhere, unseen := a.places()
	candidates, err := evidence.Find(here, a.stem(), a.commit)
	if err != nil {
		unseen = append(unseen, evidenceSearchError(err))
	}
	best := evidence.Newest(ctx, candidates, a.kind, a.commit, a.memory)
	for _, r := range elsewhere {
		e, err := a.cached(ctx, r)
		if err != nil {
			unseen = append(unseen, err)
			continue
		}
		best = evidence.Best(best, e, a.commit)
	}
	return best, unseen
}

// places returns the files, the remote places, and an error for each place that needs a commit while none is known.
func (a evidencePlaces) places() (here evidence.Places, elsewhere []remoteEvidence, unseen []error) {
	add := func(files *[]string, r deployment.EvidenceReport, section string) {
		place := r.At
		if strings.Contains(place, "{commit}") {
			if a.commit == "" {
				unseen = append(unseen, probe.Needs("a planned release or a git repository", probe.Unknownf(probe.ReasonNotConfigured,
					"deployment.%s: {commit} cannot be replaced: no commit is known", section)))
				return
			}
			place = strings.ReplaceAll(place, "{commit}", a.commit)
		}
		if _, remote := deployment.Remote(place); remote {
			r.At = place
			elsewhere = append(elsewhere, remoteEvidence{r, section})
			return
		}
		*files = append(*files, place)
	}
	for i, place := range a.p.Deployment.EvidencePlaces() {
		add(&here.Folders, deployment.EvidenceReport{At: place}, fmt.Sprintf("evidence.places[%d]", i))
	}
	for i, r := range a.p.Deployment.EvidenceReports() {
		if r.Report == string(a.kind) && r.Name == a.name {
			add(&here.Patterns, r, fmt.Sprintf("evidence.reports[%d]", i))
		}
	}
	return here, elsewhere, unseen
}

// evidenceSearchError converts the error of a file search.
func evidenceSearchError(err error) error {
	if errors.Is(err, evidence.ErrNamesNoKind) {
		return probe.Needs(deployment.EvidenceService.Setting("reports"), probe.Unknown(probe.ReasonInvalid, err))
	}
	return probe.Needs(evidencePermission, probe.Unknown(probe.ReasonOf(err), err))
}

// remoteEvidence is a remote place with {commit} replaced. Without a report it may hold every kind. section is its
// place in the configuration.
type remoteEvidence struct {
	deployment.EvidenceReport
	section string
}

// evidenceCache caches the reports of remote places and the validators of their responses.
type evidenceCache struct {
	mu      sync.Mutex
	entries map[seenKey]seen
}

type seenKey struct {
	kind            report.Kind
	name, commit    string
	section, target string
}

type seen struct {
	at         time.Time
	evidence   evidence.Evidence // without a name: no report
	validators validators
}

type seenEvidenceKey struct{}

// remembered returns the report of a remote place from the cache or fetches it. Errors are not cached.
func (a evidencePlaces) cached(ctx context.Context, r remoteEvidence) (evidence.Evidence, error) {
	memory, err := probe.Keep(a.p.Kept, seenEvidenceKey{}, "", func() (*evidenceCache, func(), error) {
		return &evidenceCache{entries: map[seenKey]seen{}}, nil, nil
	})
	if err != nil {
		return evidence.Evidence{}, err
	}
	key := seenKey{a.kind, a.name, a.commit, r.section, r.At}
	now := a.p.Now()
	memory.mu.Lock()
	before := memory.entries[key]
	memory.mu.Unlock()
	if age := now.Sub(before.at); age >= 0 && age < evidenceRefetch {
		return before.evidence, nil
	}
	after := seen{at: now, validators: before.validators}
	if scheme, _ := deployment.Remote(r.At); scheme == "s3" {
		after.evidence, err = a.fromS3(ctx, r)
	} else {
		after.evidence, err = a.fromURL(ctx, r, &after.validators)
	}
	if err == nil {
		after.evidence, err = fetched(after.evidence)
	}
	if err != nil {
		return evidence.Evidence{}, err
	}
	memory.mu.Lock()
	defer memory.mu.Unlock()
	if len(memory.entries) >= maxEvidenceCached {
		clear(memory.entries)
	}
	memory.entries[key] = after
	return after.evidence, nil
}

// fetched classifies the result of a fetch. A missing report means no evidence. A failed fetch, or a file of unknown
// age that is not a report (a login page), is an error, so that it does not hide reports elsewhere. A broken report
// stays evidence.
func fetched(e evidence.Evidence) (evidence.Evidence, error) {
	var unanswered *probe.NotCheckedError
	switch {
	case e.Err == nil:
		return e, nil
	case errors.Is(e.Err, fs.ErrNotExist):
		return evidence.Evidence{}, nil
	case errors.As(e.Err, &unanswered), e.Taken.IsZero():
		_, reason := evidence.Unread(e.Err)
		if unanswered != nil {
			return e, fmt.Errorf("%s: %w", e.Name, e.Err)
		}
		return e, probe.Needs(deployment.EvidenceService.Setting("places"), probe.Unknown(probe.Reason(reason), fmt.Errorf("%s: %w", e.Name, e.Err)))
	}
	return e, nil
}

// fits reports whether a place may hold reports of the requested kind, by its base name.
func (a evidencePlaces) fits(r remoteEvidence, base string) (bool, error) {
	switch {
	case r.Report != "" || evidence.NameFits(base, a.stem()):
		return true, nil
	case !evidence.AnyKind(base):
		return false, probe.Needs(deployment.EvidenceService.Setting("reports"), probe.Unknown(probe.ReasonInvalid, fmt.Errorf("deployment.%s: %w", r.section, evidence.ErrNamesNoKind)))
	}
	return false, nil
}

// shownURL formats a URL without user, query and fragment, which may contain tokens.
func shownURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// baseOf returns the last element of a path, or "".
func baseOf(name string) string {
	if strings.HasSuffix(name, "/") || name == "" {
		return ""
	}
	return path.Base(name)
}

// lazyBody opens at the first read: an unchanged report is never fetched.
type lazyBody struct {
	open func() (io.ReadCloser, error)
	body io.ReadCloser
	left int64 // bytes that may be read
}

func (l *lazyBody) Read(b []byte) (int, error) {
	if l.body == nil {
		body, err := l.open()
		if err != nil {
			return 0, err
		}
		l.body = body
	}
	if l.left < 0 {
		return 0, stream.ErrFetch
	}
	if int64(len(b)) > l.left+1 {
		b = b[:l.left+1]
	}
	n, err := l.body.Read(b)
	if l.left -= int64(n); l.left < 0 {
		return n, stream.ErrFetch
	}
	if err != nil && err != io.EOF {
		err = bodyError(err)
	}
	return n, err
}

func (l *lazyBody) Close() error {
	if l.body == nil {
		return nil
	}
	_ = l.body.Close() // the content is already read
	return nil
}

// bodyError converts an error within a body and drops text that must not be shown.
func bodyError(err error) error {
	if probe.ReasonOf(err) == probe.ReasonTimeout {
		return probe.Unknown(probe.ReasonTimeout, errors.New("timeout while fetching"))
	}
	return fmt.Errorf("%w: %w", fault.ErrTruncated, io.ErrUnexpectedEOF)
}

// Package metricspage turns a report into the response of a scrape: text or gzip, cached per target.
package metricspage

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"hash/maphash"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/collector/textformat"
)

// The last step of a scrape: a report and the metrics of the exporter itself become one page. Simultaneous scrapers of
// the same report share a page. Compressed text is cached in chunks, so that a scrape compresses only what has changed:
// chunks are independent, end on a byte boundary and form one gzip stream (RFC 1951 and 1952).

// Pages makes pages of metrics. Safe for concurrent use.
type Pages struct {
	negotiated atomic.Pointer[negotiation] // the last one

	mu     sync.Mutex
	writer *textformat.Writer
	seed   maphash.Seed
	own    bytes.Buffer    // text of the exporter's own metrics
	chunk  []byte          // text of one chunk
	zipped bytes.Buffer    // one compressed chunk
	spare  *responseBuffer // unused; nil when there is none
}

func New() *Pages {
	return &Pages{writer: collector.NewWriter(), seed: maphash.MakeSeed()}
}

// Scrape is the content of a page.
type Scrape struct {
	Self   prometheus.Gatherer // the exporter's own metrics; may be nil
	Report *collector.Report   // may be nil
	Cache  *Cache              // of the target; nil caches nothing
}

// Cache holds what the last page of one target was made of. Only pages reads and writes it.
type Cache struct {
	Pages  map[PageKey]cachedPage
	Chunks map[string]GzipChunk // by format and first family
}

func NewCache() *Cache {
	return &Cache{Pages: map[PageKey]cachedPage{}, Chunks: map[string]GzipChunk{}}
}

// PageKey tells the versions of a page apart. Formats are negotiated, so there are few.
type PageKey struct {
	Format expfmt.Format
	Gzip   bool
	self   bool
}

func (k PageKey) openMetrics() bool { return k.Format.FormatType() == expfmt.TypeOpenMetrics }

type cachedPage struct {
	report *collector.Report
	buffer *responseBuffer
}

// responseBuffer holds the text of a page. Its memory is reused after the cache and all responses have released it.
type responseBuffer struct {
	body  []byte
	users int
}

// maxSpare is the size up to which an unused buffer is kept. Larger pages take so long to make that allocation costs
// little in comparison.
const maxSpare = 256 << 10

// GzipChunk is compressed text.
type GzipChunk struct {
	Hash     uint64 // of the text, with a secret seed
	Deflated []byte
}

// minChunk is the length up to which adjacent families share a chunk: short chunks compress badly.
const minChunk = 1 << 10

// Serve writes a page. Formats that are not text are left to client_golang.
func (p *Pages) Serve(w http.ResponseWriter, r *http.Request, s Scrape, errs promhttp.Logger) {
	format := p.negotiate(r.Header)
	if kind := format.FormatType(); kind != expfmt.TypeOpenMetrics && kind != expfmt.TypeTextPlain {
		var all prometheus.Gatherers
		if s.Self != nil {
			all = append(all, s.Self)
		}
		if s.Report != nil {
			all = append(all, s.Report)
		}
		promhttp.HandlerFor(all, promhttp.HandlerOpts{ErrorLog: errs, EnableOpenMetrics: true}).ServeHTTP(w, r)
		return
	}
	key := PageKey{format, AcceptsGzip(r.Header) && !isLocal(r), s.Self != nil}
	page, err := p.page(key, s)
	if err != nil {
		errs.Println("error gathering the exporter's own metrics:", err)
		http.Error(w, "the exporter's own metrics cannot be gathered", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", string(format))
	if key.Gzip {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(page.body)))
	_, _ = w.Write(page.body) // without the lock: a slow client delays nobody
	p.mu.Lock()
	p.release(page)
	p.mu.Unlock()
}

// negotiation is the format that an Accept header results in.
type negotiation struct {
	accept string
	format expfmt.Format
}

// negotiate chooses the format. A scraper always sends the same header, so the last result is cached.
func (p *Pages) negotiate(h http.Header) expfmt.Format {
	accept := h.Get("Accept")
	if last := p.negotiated.Load(); last != nil && last.accept == accept {
		return last.format
	}
	format := expfmt.NegotiateAccept(h, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	p.negotiated.Store(&negotiation{accept, format})
	return format
}

// page returns the cached page of a simultaneous scrape, or makes one. The caller must release it.
func (p *Pages) page(key PageKey, s Scrape) (*responseBuffer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Cache != nil && s.Report != nil {
		// Only simultaneous scrapers have the same report, so the exporter's own metrics in the page are current.
		if last := s.Cache.Pages[key]; last.report == s.Report {
			last.buffer.users++
			return last.buffer, nil
		}
	}
	blocks, err := p.Blocks(key, s)
	if err != nil {
		return nil, err
	}
	page := p.spare
	if p.spare = nil; page == nil {
		page = &responseBuffer{}
	}
	page.users = 1
	if key.Gzip {
		page.body = p.Compress(page.body[:0], key, blocks, s.Cache)
	} else {
		page.body = page.body[:0]
		for _, b := range blocks {
			page.body = append(page.body, b.Text...)
		}
	}
	if s.Cache != nil && s.Report != nil && s.Report.Selection.All() {
		p.release(s.Cache.Pages[key].buffer)
		page.users++
		s.Cache.Pages[key] = cachedPage{s.Report, page}
	}
	return page, nil
}

// release ends one use of a buffer. The caller holds the lock.
func (p *Pages) release(b *responseBuffer) {
	if b == nil {
		return
	}
	if b.users--; b.users == 0 && cap(b.body) <= maxSpare {
		p.spare = b
	}
}

// Blocks returns the text of all families, sorted by name. The end mark of OpenMetrics is a block without a name.
func (p *Pages) Blocks(key PageKey, s Scrape) ([]textformat.Block, error) {
	var blocks []textformat.Block
	if s.Report != nil {
		blocks = s.Report.Text(p.writer, key.openMetrics())
	}
	if s.Self != nil {
		families, err := s.Self.Gather()
		if err != nil {
			return nil, err
		}
		p.own.Reset()
		encoder := expfmt.NewEncoder(&p.own, key.Format)
		for _, f := range families {
			start := p.own.Len()
			if err := encoder.Encode(f); err != nil {
				return nil, err
			}
			blocks = append(blocks, textformat.Block{Name: f.GetName(), Text: p.own.Bytes()[start:]})
		}
		slices.SortFunc(blocks, func(a, b textformat.Block) int { return cmp.Compare(a.Name, b.Name) })
	}
	if key.openMetrics() {
		blocks = append(blocks, textformat.Block{Text: []byte("# EOF\n")})
	}
	return blocks, nil
}

// Compress appends the blocks as one gzip stream.
func (p *Pages) Compress(out []byte, key PageKey, blocks []textformat.Block, cache *Cache) []byte {
	// Deflate, without flags, name or time, from an unknown system.
	out = append(out, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)
	sum, size := crc32.NewIEEE(), 0
	text, name := p.chunk[:0], ""
	flush := func() {
		_, _ = sum.Write(text)
		size += len(text)
		out = append(out, p.deflate(string(key.Format)+name, text, cache)...)
		text = text[:0]
	}
	for _, b := range blocks {
		if len(text) > 0 && len(text)+len(b.Text) > minChunk {
			flush()
		}
		if len(text) == 0 {
			name = b.Name
		}
		text = append(text, b.Text...)
	}
	if len(text) > 0 {
		flush()
	}
	p.chunk = text
	out = append(out, 1, 0, 0, 0xff, 0xff) // the last block, empty
	out = binary.LittleEndian.AppendUint32(out, sum.Sum32())
	return binary.LittleEndian.AppendUint32(out, uint32(size))
}

// deflate compresses one chunk, or returns what the last page has of the same text. The result is valid until the next
// call.
func (p *Pages) deflate(name string, text []byte, cache *Cache) []byte {
	var last GzipChunk
	if cache != nil {
		last = cache.Chunks[name]
	}
	hash := maphash.Bytes(p.seed, text)
	if last.Deflated != nil && last.Hash == hash {
		return last.Deflated
	}
	p.zipped.Reset()
	// Stateless, because the compressor of the standard library takes a megabyte. The chunk ends with an empty stored
	// block, not with the end of the stream. Writing to memory does not fail.
	_ = flate.StatelessDeflate(&p.zipped, text, false, nil)
	if cache != nil {
		cache.Chunks[name] = GzipChunk{hash, append(last.Deflated[:0], p.zipped.Bytes()...)}
	}
	return p.zipped.Bytes()
}

// isLocal reports whether the client is on this machine and not behind a proxy. Compression costs both sides more than
// the rest of the scrape and saves no network traffic there.
func isLocal(r *http.Request) bool {
	for _, proxied := range []string{"Via", "Forwarded", "X-Forwarded-For"} {
		if r.Header.Get(proxied) != "" {
			return false
		}
	}
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && client.Addr().Unmap().IsLoopback()
}

// AcceptsGzip reports whether a client accepts gzip: it is named, and its weight is not zero.
func AcceptsGzip(h http.Header) bool {
	for _, field := range h.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(field, ",") {
			coding, weight, _ := strings.Cut(part, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			q, weighted := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			v, err := strconv.ParseFloat(q, 64)
			return !weighted || err == nil && v > 0
		}
	}
	return false
}

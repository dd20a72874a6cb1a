package exporter

import (
	"bytes"
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
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"github.com/thenexusengine/catalyst_exporter/collector"
)

// A page of metrics is made of pieces: one or more families of text. What is compressed is kept by piece and used again while its text is the same, so
// that a scrape pays for what has changed. Pieces are compressed apart, each ending at a byte's border and looking back into no other, and put together
// into one gzip stream (RFC 1951 and 1952). A whole page is kept too, for those who are told the same: because nothing has changed, or because they
// asked at the same time.

// pages makes them. Safe for concurrent use.
type pages struct {
	agreed atomic.Pointer[negotiated] // on the last header

	mu       sync.Mutex
	writer   *collector.Writer
	own      ownFamilies
	whole    bytes.Buffer // of compressed pieces
	squeezed bytes.Buffer
	joined   []byte // the text of a piece
	spare    *sheet // that nobody uses
	seeds    [2]maphash.Seed
}

func newPages() *pages {
	return &pages{writer: collector.NewWriter(), seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// kept is what is kept of one target's page. Only the maker of pages looks into it.
type kept struct {
	pieces map[string]piece // the compressed ones as they were last, by the name of their first family and the format
	whole  map[form]answer
}

func newKept() *kept { return &kept{pieces: map[string]piece{}, whole: map[form]answer{}} }

// form is how a page is asked for: there are few, since formats are negotiated.
type form struct {
	format expfmt.Format
	zipped bool
	own    bool // with the exporter's own families
}

// answer is a page as it was sent.
type answer struct {
	report *collector.Report
	at     time.Time // of the exporter's own families, where they are in it
	sheet  *sheet
}

// sheet is a page's text. Its memory is used again when it is neither kept nor being sent.
type sheet struct {
	body  []byte
	users int // who are sending it, and one for whoever keeps it
}

// find returns the page for a report in some form, when that is known. The exporter's own families tell of their moment: they are for those alone who
// asked before it.
func (k *kept) find(asked time.Time, report *collector.Report, f form) *sheet {
	if k == nil || report == nil {
		return nil
	}
	a := k.whole[f]
	if report.Same(a.report) && (!f.own || !a.at.Before(asked)) {
		return a.sheet
	}
	return nil
}

// keep keeps a page in place of the one before, which is returned.
func (k *kept) keep(at time.Time, report *collector.Report, f form, made *sheet) (before *sheet) {
	if k == nil || report == nil || !report.Selection.All() {
		return nil
	}
	before = k.whole[f].sheet
	k.whole[f] = answer{report, at, made}
	made.users++
	return before
}

type piece struct {
	print    [2]uint64 // of the text, under two seeds that nobody knows
	deflated []byte
}

// pieceSize is the text from which a piece is long enough: shorter families share one, since each begins a code of its own.
const pieceSize = 1 << 10

// family is one family's text.
type family = collector.TextFamily

// serve answers who asked at a time with a report and the exporter's own families; either may be nil. The formats that are not text are left to the library.
func (p *pages) serve(w http.ResponseWriter, r *http.Request, asked time.Time, self prometheus.Gatherer, report *collector.Report, kept *kept, errs promhttp.Logger) {
	agreed := p.negotiate(r.Header)
	if agreed.kind != expfmt.TypeOpenMetrics && agreed.kind != expfmt.TypeTextPlain {
		var all prometheus.Gatherers
		if self != nil {
			all = append(all, self)
		}
		if report != nil {
			all = append(all, report)
		}
		promhttp.HandlerFor(all, promhttp.HandlerOpts{ErrorLog: errs, EnableOpenMetrics: true}).ServeHTTP(w, r)
		return
	}
	zipped := acceptsGzip(r.Header) && !besides(r)
	sent, err := p.body(asked, agreed, zipped, self, report, kept)
	if err != nil {
		errs.Println("error gathering the exporter's own metrics:", err)
		http.Error(w, "the exporter's own metrics cannot be gathered", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", string(agreed.format))
	if zipped {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(sent.body)))
	_, _ = w.Write(sent.body)
	p.mu.Lock()
	p.letGo(sent)
	p.mu.Unlock()
}

// negotiated is the format that an Accept header comes to.
type negotiated struct {
	accept string
	format expfmt.Format
	kind   expfmt.FormatType
}

// negotiate chooses the format. A scraper says the same every time, so that the last answer is kept.
func (p *pages) negotiate(h http.Header) *negotiated {
	accept := h.Get("Accept")
	if last := p.agreed.Load(); last != nil && last.accept == accept {
		return last
	}
	format := expfmt.NegotiateAccept(h, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	agreed := &negotiated{accept, format, format.FormatType()}
	p.agreed.Store(agreed)
	return agreed
}

// body makes a page, or finds it, for somebody who will let go of it. A slow reader holds nobody else up.
func (p *pages) body(asked time.Time, agreed *negotiated, zipped bool, self prometheus.Gatherer, report *collector.Report, kept *kept) (*sheet, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	format, open := agreed.format, agreed.kind == expfmt.TypeOpenMetrics
	shape := form{format, zipped, self != nil}
	if found := kept.find(asked, report, shape); found != nil {
		found.users++
		return found, nil
	}
	all, err := p.families(asked, format, open, self, report)
	if err != nil {
		return nil, err
	}
	made := p.spare
	if p.spare = nil; made == nil {
		made = &sheet{}
	}
	made.users = 1
	if zipped {
		made.body = append(made.body[:0], p.compressed(all, open, kept)...)
	} else {
		length := 0
		for _, f := range all {
			length += len(f.Text)
		}
		made.body = slices.Grow(made.body[:0], length)
		for _, f := range all {
			made.body = append(made.body, f.Text...)
		}
	}
	p.letGo(kept.keep(p.own.at, report, shape, made))
	return made, nil
}

// maxSpare is the length up to which memory that nobody uses is kept for the next page: a longer one takes so long to make that new memory is cheap.
const maxSpare = 256 << 10

// letGo ends a use of a page. The caller holds the lock.
func (p *pages) letGo(s *sheet) {
	if s == nil {
		return
	}
	if s.users--; s.users == 0 && cap(s.body) <= maxSpare {
		p.spare = s
	}
}

// ownFamilies are the exporter's own as text, as they were last.
type ownFamilies struct {
	text   bytes.Buffer
	names  []string
	ends   []int // of each in the text
	format expfmt.Format
	at     time.Time // when gathering them began; zero when they are of no use
}

// gather gathers them, unless that was begun after somebody asked: those who ask at the same time are told the same.
func (o *ownFamilies) gather(self prometheus.Gatherer, format expfmt.Format, asked time.Time) error {
	if !o.at.IsZero() && o.format == format && !o.at.Before(asked) {
		return nil
	}
	began := time.Now()
	o.text.Reset()
	o.names, o.ends, o.at = o.names[:0], o.ends[:0], time.Time{}
	families, err := self.Gather()
	if err != nil {
		return err
	}
	encoder := expfmt.NewEncoder(&o.text, format)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return err
		}
		o.names, o.ends = append(o.names, f.GetName()), append(o.ends, o.text.Len())
	}
	o.format, o.at = format, began
	return nil
}

// families renders all families, sorted by name; OpenMetrics ends with its mark, as a family without a name.
func (p *pages) families(asked time.Time, format expfmt.Format, open bool, self prometheus.Gatherer, report *collector.Report) ([]family, error) {
	var all, theirs []family
	if report != nil {
		theirs = p.writer.Write(report, open)
	}
	if self != nil {
		if err := p.own.gather(self, format, asked); err != nil {
			return nil, err
		}
		all = make([]family, 0, len(theirs)+len(p.own.names)+1)
		text, from := p.own.text.Bytes(), 0
		for i, name := range p.own.names {
			for len(theirs) > 0 && theirs[0].Name < name {
				all, theirs = append(all, theirs[0]), theirs[1:]
			}
			all = append(all, family{Name: name, Text: text[from:p.own.ends[i]]})
			from = p.own.ends[i]
		}
	}
	all = append(all, theirs...)
	if open {
		all = append(all, family{Text: []byte("# EOF\n")})
	}
	return all, nil
}

// compressed puts the families together as one gzip stream.
func (p *pages) compressed(all []family, open bool, kept *kept) []byte {
	p.whole.Reset()
	p.whole.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}) // deflate, no name, no time, of no system in particular
	sum, size := crc32.NewIEEE(), 0
	prefix := "text "
	if open {
		prefix = "open "
	}
	text, name := p.joined[:0], ""
	end := func() {
		if len(text) > 0 {
			_, _ = sum.Write(text)
			size += len(text)
			p.piece(prefix+name, text, kept)
			text = text[:0]
		}
	}
	for _, f := range all {
		if len(text)+len(f.Text) > pieceSize {
			end()
		}
		if len(text) == 0 {
			name = f.Name
		}
		text = append(text, f.Text...)
	}
	end()
	p.joined = text
	p.whole.Write([]byte{1, 0, 0, 0xff, 0xff}) // the last block, empty
	out := binary.LittleEndian.AppendUint32(p.whole.Bytes(), sum.Sum32())
	return binary.LittleEndian.AppendUint32(out, uint32(size))
}

// piece appends one piece, compressed now or before.
func (p *pages) piece(name string, text []byte, kept *kept) {
	print := [2]uint64{maphash.Bytes(p.seeds[0], text), maphash.Bytes(p.seeds[1], text)}
	var before piece
	if kept != nil {
		before = kept.pieces[name]
	}
	if before.deflated != nil && before.print == print {
		p.whole.Write(before.deflated)
		return
	}
	p.squeezed.Reset()
	// The standard library's compressor takes a megabyte; this one is for pieces. Not the end: it is closed with an empty stored block.
	_ = flate.StatelessDeflate(&p.squeezed, text, false, nil) // into memory
	p.whole.Write(p.squeezed.Bytes())
	if kept != nil {
		kept.pieces[name] = piece{print, append(before.deflated[:0], p.squeezed.Bytes()...)}
	}
}

// besides reports whether a page goes to a client on the same machine and no farther: there compressing saves bytes that nobody carries, and costs both
// sides more than all the rest of a scrape.
func besides(r *http.Request) bool {
	for _, behind := range []string{"Via", "Forwarded", "X-Forwarded-For"} { // a proxy
		if r.Header.Get(behind) != "" {
			return false
		}
	}
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && client.Addr().Unmap().IsLoopback()
}

// acceptsGzip reports whether a client wants gzip: named, and not with a weight of nought.
func acceptsGzip(h http.Header) bool {
	for _, field := range h.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(field, ",") {
			coding, weight, _ := strings.Cut(part, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			q, named := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			v, err := strconv.ParseFloat(q, 64)
			return !named || err == nil && v > 0
		}
	}
	return false
}

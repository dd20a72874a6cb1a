package metricspage

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// reportOf is a report of n items, whose probes ran at the given time.
func reportOf(n int, at time.Time) *collector.Report {
	r := &collector.Report{Time: at, Checklist: &checklist.Checklist{}}
	for i := range n {
		it := &checklist.Item{Category: "c", Name: "item" + strings.Repeat("x", i), Title: "An item", Severity: "warning", Scope: "standing", Required: true}
		r.Verdicts = append(r.Verdicts, checklist.Verdict{Item: it, State: probe.StatePass, LastRun: at})
	}
	return r
}

const (
	asPrometheus = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.3"
	asText       = "text/plain;version=0.0.4"
	asProtobuf   = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

func request(p *Pages, s Scrape, accept, encoding string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	p.Serve(w, r, s, nil)
	return w
}

// Every page, compressed or not, cached or not, is compared with the handler of client_golang.
func TestPages_AreWhatTheLibraryServes(t *testing.T) {
	self := prometheus.NewRegistry()
	for _, name := range []string{"aaa_first", "catalyst_check_p", "go_last"} { // before, between and after the families of the report
		self.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "Help."}))
	}
	total := prometheus.NewCounter(prometheus.CounterOpts{Name: "bbb_total", Help: "Help."})
	self.MustRegister(total)
	p, cache := New(), NewCache()
	began := time.Unix(1_700_000_000, 0)
	for _, r := range []*collector.Report{nil, reportOf(40, began), reportOf(40, began), reportOf(40, began.Add(time.Second)), reportOf(3, began), reportOf(0, began)} {
		for _, accept := range []string{asPrometheus, asText, asProtobuf, ""} {
			for _, encoding := range []string{"gzip", "", "gzip;q=0"} {
				gatherers := prometheus.Gatherers{self}
				if r != nil {
					gatherers = append(gatherers, r)
				}
				plain := httptest.NewRequest(http.MethodGet, "/metrics", nil)
				plain.Header.Set("Accept", accept)
				want := httptest.NewRecorder()
				promhttp.HandlerFor(gatherers, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(want, plain)

				got := request(p, Scrape{Self: self, Report: r, Cache: cache}, accept, encoding)
				body := got.Body.Bytes()
				if compressed := got.Header().Get("Content-Encoding") == "gzip"; compressed != (encoding == "gzip") {
					t.Fatalf("%q, %q: compressed is %v", accept, encoding, compressed)
				} else if compressed {
					body = unzipped(t, body)
				}
				if got.Header().Get("Content-Type") != want.Header().Get("Content-Type") {
					t.Errorf("%q: content type %q, want %q", accept, got.Header().Get("Content-Type"), want.Header().Get("Content-Type"))
				}
				if accept == asProtobuf {
					if len(body) == 0 || len(body) != want.Body.Len() {
						t.Errorf("%d bytes, want %d", len(body), want.Body.Len())
					}
				} else if !slices.Equal(sortedLines(body), sortedLines(want.Body.Bytes())) {
					t.Fatalf("%q, %q:\n%s\nwant\n%s", accept, encoding, body, want.Body)
				}
			}
		}
	}
}

// sortedLines sorts the lines of a page: the library sorts the samples of a family by their labels, ours keep the order
// of the checklist.
func sortedLines(page []byte) []string {
	return slices.Sorted(strings.Lines(string(page)))
}

func unzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)       // one stream, and nothing after it
	text, err := io.ReadAll(z) // checks sum and size
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A chunk is compressed again only when its text has changed.
func TestPages_ReuseCompressedChunks(t *testing.T) {
	// The mark is visible in the compressed page only: two empty stored blocks. One ends every chunk.
	mark := bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, 2)
	p, cache := New(), NewCache()
	at := time.Unix(1_700_000_000, 0)
	request(p, Scrape{Report: reportOf(40, at), Cache: cache}, asText, "gzip")
	for name, chunk := range cache.Chunks {
		cache.Chunks[name] = GzipChunk{Hash: chunk.Hash, Deflated: append(slices.Clone(mark), chunk.Deflated...)}
	}
	marked := func(r *collector.Report) int {
		return bytes.Count(request(p, Scrape{Report: r, Cache: cache}, asText, "gzip").Body.Bytes(), mark)
	}
	whole := len(cache.Chunks)
	same, changed := marked(reportOf(40, at)), marked(reportOf(40, at.Add(time.Second)))
	if whole < 4 || same < whole || changed < 1 || changed >= same {
		t.Errorf("of %d chunks %d are reused when nothing has changed, %d when the times have", whole, same, changed)
	}
}

func TestAcceptsGzip(t *testing.T) {
	for field, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "deflate, gzip": true, "gzip;q=0.5": true, "gzip; q=0": false, "gzip;q=0.000": false, "gzip;q=x": false,
		"x-gzip": false, "br": false, "*": false, "identity, gzip;q=1": true, "gzipped": false,
	} {
		if got := AcceptsGzip(http.Header{"Accept-Encoding": {field}}); got != want {
			t.Errorf("%q: %v, want %v", field, got, want)
		}
	}
}

// BenchmarkPage renders a page of verdicts whose times change on every scrape.
func BenchmarkPage(b *testing.B) {
	for _, n := range []int{75, 750, 7500} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			p, cache, r := New(), NewCache(), reportOf(75, time.Unix(1_700_000_000, 0))
			for len(r.Verdicts) < n {
				r.Verdicts = append(r.Verdicts, r.Verdicts[:75]...)
			}
			key := PageKey{Format: expfmt.NewFormat(expfmt.TypeTextPlain), Gzip: true}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				for j := range r.Verdicts {
					r.Verdicts[j].LastRun = time.Unix(1_700_000_000, int64(i)*1e6)
				}
				blocks, err := p.Blocks(key, Scrape{Report: r})
				if err != nil {
					b.Fatal(err)
				}
				p.Compress(nil, key, blocks, cache)
			}
		})
	}
}

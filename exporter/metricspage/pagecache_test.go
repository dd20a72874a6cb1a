package metricspage

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thenexusengine/catalyst_exporter/collector"
)

// Scrapers of one report in one format share a page, including the exporter's own metrics. A later scraper has another
// report, see TestScheduler_CallersDuringACycleShareTheNext.
func TestPages_AreSharedBySimultaneousScrapers(t *testing.T) {
	self := prometheus.NewRegistry()
	count := prometheus.NewCounter(prometheus.CounterOpts{Name: "count_total", Help: "Help."})
	self.MustRegister(count)
	p, cache := New(), NewCache()
	page := func(self prometheus.Gatherer, r *collector.Report, accept, encoding string) []byte {
		t.Helper()
		body := request(p, Scrape{Self: self, Report: r, Cache: cache}, accept, encoding).Body.Bytes()
		if encoding == "gzip" {
			body = unzipped(t, body)
		}
		return body
	}
	one, other := reportOf(3, time.Unix(1_700_000_000, 0)), reportOf(3, time.Unix(1_700_000_001, 0))
	for _, encoding := range []string{"", "gzip"} {
		for _, accept := range []string{asText, asPrometheus} {
			count.Add(1)
			first := page(self, one, accept, encoding)
			count.Add(1)
			if !bytes.Equal(page(self, one, accept, encoding), first) {
				t.Errorf("%s %q: two simultaneous scrapers get different pages", accept, encoding)
			}
			if bytes.Equal(page(self, other, accept, encoding), first) {
				t.Errorf("%s %q: another report gets the page of the last one", accept, encoding)
			}
			plain := page(nil, one, accept, encoding)
			again, changed := page(nil, one, accept, encoding), page(nil, other, accept, encoding)
			if bytes.Equal(plain, first) || !bytes.Equal(again, plain) || bytes.Equal(changed, plain) {
				t.Errorf("%s %q: without the exporter's own metrics", accept, encoding)
			}
		}
		if bytes.Equal(page(nil, one, asText, encoding), page(nil, one, asPrometheus, encoding)) {
			t.Errorf("%q: one format instead of the other", encoding)
		}
	}
	text, open := page(self, one, asText, ""), page(self, one, asPrometheus, "")
	if !bytes.Contains(text, []byte("# TYPE count_total counter\n")) || !bytes.Contains(open, []byte("# TYPE count counter\n")) {
		t.Errorf("the exporter's own metrics in both formats:\n%s\n%s", text, open)
	}
	before := len(cache.Pages)
	one.Selection.Categories = []string{"c"}
	if page(nil, one, "", ""); len(cache.Pages) != before {
		t.Error("a filtered page is cached")
	}
}

// duringWrite is a client that does something else before it reads a response.
type duringWrite struct {
	*httptest.ResponseRecorder
	do func()
}

func (w duringWrite) Write(body []byte) (int, error) {
	w.do()
	return w.ResponseRecorder.Write(body)
}

// The buffer of a page is not reused while a response is being sent from it, cached or not.
func TestPages_KeepABufferWhileItIsSent(t *testing.T) {
	p, cache := New(), NewCache()
	one, other := reportOf(3, time.Unix(1_700_000_000, 0)), reportOf(3, time.Unix(1_700_000_001, 0))
	want := request(p, Scrape{Report: one}, asText, "").Body.String()
	for name, c := range map[string]*Cache{"cached": cache, "not cached": nil} {
		for n := range 3 { // the later ones find the page in the cache
			w := duringWrite{httptest.NewRecorder(), func() {
				for range 3 { // replaces the cached page and takes every buffer that is free
					request(p, Scrape{Report: other, Cache: c}, asText, "")
				}
			}}
			if n > 0 {
				request(p, Scrape{Report: one, Cache: c}, asText, "")
			}
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.Header.Set("Accept", asText)
			p.Serve(w, r, Scrape{Report: one, Cache: c}, nil)
			if got := w.Body.String(); got != want {
				t.Errorf("%s, request %d:\n%s\nwant\n%s", name, n, got, want)
			}
		}
	}
}

func TestPages_AreNotCompressedForLocalClients(t *testing.T) {
	for _, c := range []struct {
		from, behind string
		want         string
	}{
		{"127.0.0.1:4000", "", ""}, {"[::1]:4000", "", ""}, {"[::ffff:127.0.0.1]:4000", "", ""},
		{"192.0.2.1:4000", "", "gzip"}, {"[2001:db8::1]:4000", "", "gzip"}, {"@", "", "gzip"},
		{"127.0.0.1:4000", "X-Forwarded-For", "gzip"}, {"127.0.0.1:4000", "Via", "gzip"}, {"127.0.0.1:4000", "Forwarded", "gzip"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr = c.from
		r.Header.Set("Accept-Encoding", "gzip")
		if c.behind != "" {
			r.Header.Set(c.behind, "x")
		}
		w := httptest.NewRecorder()
		New().Serve(w, r, Scrape{Report: reportOf(3, time.Unix(1_700_000_000, 0)), Cache: NewCache()}, nil)
		if got := w.Header().Get("Content-Encoding"); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.from, c.behind, got, c.want)
		}
	}
}

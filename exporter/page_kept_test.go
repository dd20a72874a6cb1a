package exporter

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/thenexusengine/catalyst_exporter/collector"
)

// TestWholePagesAreKeptForThoseWhoAreToldTheSame: the exporter's own families for those who had asked before they were gathered, verdicts while they are
// the same, and neither for another format.
func TestWholePagesAreKeptForThoseWhoAreToldTheSame(t *testing.T) {
	self := prometheus.NewRegistry()
	asked := prometheus.NewCounter(prometheus.CounterOpts{Name: "asked_total", Help: "Help."})
	self.MustRegister(asked)
	p, kept := newPages(), newKept()
	at := time.Now() // when somebody asked
	page := func(self prometheus.Gatherer, r *collector.Report, accept, encoding string) []byte {
		t.Helper()
		got := askedAt(at, p, self, r, kept, accept, encoding)
		body := got.Body.Bytes()
		if encoding == "gzip" {
			body = unzipped(t, body)
		}
		return body
	}
	one, other := reportOf(3, time.Unix(1_700_000_000, 0)), reportOf(3, time.Unix(1_700_000_001, 0))
	for _, encoding := range []string{"", "gzip"} {
		for _, accept := range []string{asText, asPrometheus} {
			asked.Add(1)
			at = time.Now()
			first := page(self, one, accept, encoding)
			asked.Add(1)
			if !bytes.Equal(page(self, one, accept, encoding), first) {
				t.Errorf("%s %q: two who asked at the same time are told different things", accept, encoding)
			}
			if bytes.Equal(page(self, other, accept, encoding), first) {
				t.Errorf("%s %q: another report is told as the one before", accept, encoding)
			}
			at = time.Now()
			if bytes.Equal(page(self, one, accept, encoding), first) {
				t.Errorf("%s %q: who asks later is told what was before", accept, encoding)
			}
			plain := page(nil, one, accept, encoding)
			if bytes.Equal(plain, first) || !bytes.Equal(page(nil, one, accept, encoding), plain) || bytes.Equal(page(nil, other, accept, encoding), plain) {
				t.Errorf("%s %q: verdicts alone", accept, encoding)
			}
		}
		if bytes.Equal(page(nil, one, asText, encoding), page(nil, one, asPrometheus, encoding)) {
			t.Errorf("%q: one format for the other", encoding)
		}
	}
	at = time.Now()
	text, open := page(self, one, asText, ""), page(self, one, asPrometheus, "")
	if !bytes.Contains(text, []byte("# TYPE asked_total counter\n")) || !bytes.Contains(open, []byte("# TYPE asked counter\n")) {
		t.Errorf("the own families in the formats of one moment:\n%s\n%s", text, open)
	}
	before := len(kept.whole)
	one.Selection.Categories = []string{"c"}
	if page(nil, one, "", ""); len(kept.whole) != before {
		t.Error("a part is kept")
	}
}

// TestKeptPagesFollowTheFiles: a change is seen by the next scrape, also one of the same second that leaves the size as it is.
func TestKeptPagesFollowTheFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "list.yml", "checklist: L\ncategories: [{category: part, items: [{item: i, title: T, fix: F, probes: [{env_word: {key: KEY, good: info, bad: junk}, max_age: 0s}]}]}]\n")
	write(t, dir, ".env", "KEY=info\n")
	s := serve(t, "--config.file="+write(t, dir, "config.yml", "checklist: list.yml\ntargets: {one: {root: .}}\n"))
	for n := range 20 {
		word, want := "info", "catalyst_check_ok{category=\"part\",item=\"i\"} 1\n"
		if n%2 == 1 {
			word, want = "junk", "catalyst_check_ok{category=\"part\",item=\"i\"} 0\n"
		}
		write(t, dir, ".env", "KEY="+word+"\n")
		for range 2 {
			if _, page := s.get(t, "/probe?target=one"); !strings.Contains(page, want) {
				t.Fatalf("change %d, to %s, is not seen:\n%s", n, word, page)
			}
		}
	}
}

// TestTheExportersOwnFamiliesAreOfTheMoment: also where all verdicts stand.
func TestTheExportersOwnFamiliesAreOfTheMoment(t *testing.T) {
	s := serve(t, "--config.file="+writeItems(t, 3, "1h"))
	spent := regexp.MustCompile(`(?m)^process_cpu_seconds_total .+$`)
	told := map[string]bool{}
	for range 4 {
		_, page := s.get(t, "/metrics")
		told[spent.FindString(page)] = true
	}
	if len(told) != 4 || told[""] {
		t.Errorf("four scrapes are told of %v", told)
	}
}

func TestPagesForTheSameMachineAreNotCompressed(t *testing.T) {
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
		newPages().serve(w, r, time.Now(), nil, reportOf(3, time.Unix(1_700_000_000, 0)), newKept(), nil)
		if got := w.Header().Get("Content-Encoding"); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.from, c.behind, got, c.want)
		}
	}
}

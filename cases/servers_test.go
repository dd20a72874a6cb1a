// The servers of a case that are not programs of their own: HTTP and DNS, and the notations of their files.

package cases

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
)

// response parses a file as the response of an HTTP server: a status line, headers and a body, or the body alone.
func response(text string) (status int, header http.Header, body string, err error) {
	if !strings.HasPrefix(text, "HTTP/") {
		return http.StatusOK, http.Header{}, text, nil
	}
	head, rest, _ := strings.Cut(text, "\n\n")
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.TrimSpace(head)+"\r\n\r\n"+rest)), nil)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = r.Body.Close() }()
	content, err := io.ReadAll(r.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) { // the headers of a response to HEAD
		err = nil
	}
	return r.StatusCode, r.Header, string(content), err
}

// startHTTP serves a file per path. @NAME/* is served for all other paths.
func startHTTP(t *testing.T, e *environment, s start) map[string]string {
	type page struct {
		status int
		header http.Header
		body   string
	}
	pages := map[string]page{}
	for name, text := range e.below(s) {
		status, header, body, err := response(text)
		if err != nil {
			t.Fatalf("start: http: %s: %v", name, err)
		}
		pages["/"+name] = page{status, header, body}
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := pages[r.URL.Path]
		if !ok {
			p, ok = pages["/*"]
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		maps.Copy(w.Header(), p.header)
		if location := w.Header().Get("Location"); location != "" {
			w.Header().Set("Location", strings.ReplaceAll(location, "{{"+s.name+"}}", r.Host))
		}
		w.WriteHeader(p.status)
		_, _ = io.WriteString(w, p.body)
	}))
	if c := e.cert(t, s); c != nil {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{c.Server()}, MinVersion: tls.VersionTLS12}
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return address(server.Listener.Addr().String())
}

// startDNS serves the records of @NAME/zone, in the notation of a zone file.
func startDNS(t *testing.T, e *environment, s start) map[string]string {
	var records []dns.RR
	zone := dns.NewZoneParser(strings.NewReader("$TTL 60\n"+e.text(s, "zone")), ".", "zone")
	for rr, ok := zone.Next(); ok; rr, ok = zone.Next() {
		records = append(records, rr)
	}
	if err := zone.Err(); err != nil {
		t.Fatalf("start: dns: %v", err)
	}
	return address(probetest.Resolver(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		m.RecursionAvailable = true
		m.Answer, m.Rcode = resolve(records, q.Question[0])
		_ = w.WriteMsg(m)
	}))
}

// resolve returns the records of a question, with the aliases on the way.
func resolve(records []dns.RR, q dns.Question) (answer []dns.RR, rcode int) {
	name := dns.CanonicalName(q.Name)
	for range 10 {
		known, next := false, ""
		for _, rr := range records {
			if dns.CanonicalName(rr.Header().Name) != name {
				continue
			}
			known = true
			if alias, ok := rr.(*dns.CNAME); ok {
				answer, next = append(answer, rr), dns.CanonicalName(alias.Target)
			} else if rr.Header().Rrtype == q.Qtype {
				answer = append(answer, rr)
			}
		}
		switch {
		case !known:
			return answer, dns.RcodeNameError
		case next == "":
			return answer, dns.RcodeSuccess
		}
		name = next
	}
	return answer, dns.RcodeServerFailure
}

// openMetrics converts lines in the notation of Prometheus' rule tests, NAME{LABELS} VALUES, to samples in OpenMetrics
// format. The last of the values, which are a minute apart, is of now.
func openMetrics(text string, now time.Time) (string, error) {
	byName := map[string][]string{}
	for _, line := range lines(text) {
		at := strings.LastIndexByte(line, '}') + 1
		if at == 0 {
			at = strings.IndexByte(line, ' ')
		}
		if at < 1 {
			return "", fmt.Errorf("invalid series %q", line)
		}
		name, _, _ := strings.Cut(line[:at], "{")
		values, err := expand(strings.Fields(line[at:]), now)
		if err != nil {
			return "", fmt.Errorf("invalid series %q: %w", line, err)
		}
		for i, v := range values {
			if v == "_" {
				continue
			}
			before := time.Duration(len(values)-1-i) * time.Minute
			byName[name] = append(byName[name], fmt.Sprintf("%s %s %d\n", line[:at], v, now.Add(-before).Unix()))
		}
	}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		fmt.Fprintf(&out, "# TYPE %s unknown\n%s", name, strings.Join(byName[name], ""))
	}
	return out.String() + "# EOF\n", nil
}

// expand expands 0+5x3 to 0 5 10 15, as Prometheus does. A time such as now-26h is a number of seconds.
func expand(words []string, now time.Time) ([]string, error) {
	var all []string
	for _, w := range words {
		if ago, ok := strings.CutPrefix(w, "now-"); ok {
			ago, count, _ := strings.Cut(ago, "x")
			d, err := time.ParseDuration(ago)
			if err != nil {
				return nil, err
			}
			n, _ := strconv.Atoi(count)
			for range n + 1 {
				all = append(all, strconv.FormatInt(now.Add(-d).Unix(), 10))
			}
			continue
		}
		step, count, repeated := strings.Cut(w, "x")
		if !repeated || w == "_" {
			all = append(all, w)
			continue
		}
		first, by := step, 0.0
		if at := strings.LastIndexAny(step, "+-"); at > 0 {
			var err error
			if by, err = strconv.ParseFloat(step[at:], 64); err != nil {
				return nil, err
			}
			first = step[:at]
		}
		n, err := strconv.Atoi(count)
		if err != nil {
			return nil, err
		}
		if first == "_" {
			all = append(all, slices.Repeat([]string{"_"}, n)...)
			continue
		}
		value, err := strconv.ParseFloat(first, 64)
		if err != nil {
			return nil, err
		}
		for i := range n + 1 {
			all = append(all, strconv.FormatFloat(value+by*float64(i), 'g', -1, 64))
		}
	}
	return all, nil
}

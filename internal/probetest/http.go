package probetest

import (
	"bufio"
	"compress/gzip"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// ContextFor returns the test's context, with a short end where the test waits for a timeout.
func ContextFor(t *testing.T, short bool) (context.Context, context.CancelFunc) {
	if short {
		return context.WithTimeout(t.Context(), 300*time.Millisecond)
	}
	return context.WithCancel(t.Context())
}

func CDNSite(t *testing.T, name, value string) string {
	return Site(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(name, value) }}).URL
}

// Site serves paths with fixed answers.
func Site(t *testing.T, pages map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := pages[r.URL.Path]
		if h == nil {
			h = pages["*"]
		}
		if h != nil {
			h(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func Says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = w.Write([]byte(body)) }
}

// Listener accepts connections and hands each to serve; it ends with the test.
func Listener(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				defer stop()
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
	t.Cleanup(func() { cancel(); _ = l.Close(); <-done })
	return l.Addr().String()
}

// Faults are what a port can do instead of answering. Each names the reason it must lead to for a configured address where reachability is the
// claim, and elsewhere.
func Faults(t *testing.T) []Fault {
	t.Helper()
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	head := func(c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) }
	return []Fault{
		{"refused", parts.Refusing(t), probe.StateFail, probe.ReasonUnreachable},
		{"silent", Listener(t, func(c net.Conn) { <-block }), probe.StateFail, probe.ReasonTimeout},
		{"reset", Listener(t, func(c net.Conn) { head(c); _ = c.(*net.TCPConn).SetLinger(0) }), probe.StateFail, probe.ReasonUnreachable},
		{"garbage", Listener(t, func(c net.Conn) { head(c); _, _ = c.Write([]byte("SSH-2.0-mark\r\n\x00\xff")) }), probe.StateFail, probe.ReasonInvalid},
		{"breaks off", Listener(t, func(c net.Conn) {
			head(c)
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nmark"))
		}), probe.StateFail, probe.ReasonInvalid},
		{"drips", Listener(t, func(c net.Conn) {
			head(c)
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
			for {
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}), probe.StateFail, probe.ReasonTimeout},
		{"endless", strings.TrimPrefix(Site(t, map[string]http.HandlerFunc{"*": endless}).URL, "http://"), probe.StateFail, probe.ReasonInvalid},
		{"gzip bomb", strings.TrimPrefix(Site(t, map[string]http.HandlerFunc{"*": bomb}).URL, "http://"), probe.StateFail, probe.ReasonInvalid},
		{"circle", strings.TrimPrefix(Site(t, map[string]http.HandlerFunc{"*": circle}).URL, "http://"), probe.StateFail, probe.ReasonInvalid},
		{"TLS port", strings.TrimPrefix(HttptestTLS(t).URL, "https://"), probe.StateFail, probe.ReasonUnhealthy},
	}
}

type Fault struct {
	Name, Address string
	State         probe.State
	Reason        probe.Reason
}

func endless(w http.ResponseWriter, r *http.Request) {
	chunk := []byte(strings.Repeat("mark ", 20000))
	for range 100 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// bomb is small on the wire and more than is read when it is unpacked.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
	zeros := make([]byte, 1<<20)
	for range 4 {
		_, _ = z.Write(zeros)
		_ = z.Flush()
	}
	_ = z.Close()
}

func circle(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.URL.Path, http.StatusFound)
}

func HttptestTLS(t *testing.T) *httptest.Server {
	s := httptest.NewTLSServer(Says(200, "ok"))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return s
}

// Patience is how long a probe may wait for a server: shortly where the verdict is that it waited too long, else longer than any machine needs.
func Patience(verdict probe.Reason) schema.Duration {
	if verdict == probe.ReasonTimeout {
		return schema.Duration(500 * time.Millisecond)
	}
	return schema.Duration(parts.Patience)
}

func APIAt(url string) deployment.Settings {
	return deployment.Settings{API: deployment.API{URL: url, HTTP: deployment.HTTP{Timeout: Patience(probe.ReasonNone)}}}
}

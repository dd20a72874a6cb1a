package exporter

import (
	"bytes"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHealthy(t *testing.T) {
	responds := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/-/healthy")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		tls     bool
		args    func(t *testing.T, s *httptest.Server) []string // in addition to the URL
		want    int
		says    string
	}{
		"healthy":                {handler: responds(200, "healthy\n"), want: ExitReady},
		"log-in required":        {handler: responds(401, ""), want: ExitReady},
		"another service":        {handler: responds(200, "It works!"), want: ExitFailing, says: "status 200, not the response"},
		"more than the response": {handler: responds(200, "healthy\n?"), want: ExitFailing, says: "status 200, not the response"},
		"an error":               {handler: responds(503, "healthy\n"), want: ExitFailing, says: "status 503"},
		"redirect":               {handler: responds(302, "healthy\n"), want: ExitFailing, says: "status 302"},
		"no response":            {handler: hangs, want: ExitFailing, says: "deadline", args: func(*testing.T, *httptest.Server) []string { return []string{"--timeout=50ms"} }},
		"no timeout":             {handler: responds(200, "healthy\n"), want: ExitUsage, says: "--timeout must be positive", args: func(*testing.T, *httptest.Server) []string { return []string{"--timeout=0s"} }},
		"an unknown authority":   {handler: responds(200, "healthy\n"), tls: true, want: ExitFailing, says: "unknown authority"},
		"its own authority":      {handler: responds(200, "healthy\n"), tls: true, want: ExitReady, args: caFile},
		"not an authority":       {handler: responds(200, "healthy\n"), tls: true, want: ExitUsage, says: "no PEM certificate", args: func(*testing.T, *httptest.Server) []string { return []string{"--ca-file=healthy_test.go"} }},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(test.handler)
			s.Config.ErrorLog = nil
			if test.tls {
				s.StartTLS()
			} else {
				s.Start()
			}
			defer s.Close()
			args := []string{"healthy", "--url=" + s.URL + "/-/healthy"}
			if test.args != nil {
				args = append(args, test.args(t, s)...)
			}
			got, says := healthy(t, args...)
			if got != test.want || !strings.Contains(says, test.says) || test.says == "" && says != "" {
				t.Errorf("exit code %d, %q; want %d, %q", got, says, test.want, test.says)
			}
		})
	}
	for address, want := range map[string]string{
		"localhost:1": "--url", "ftp://localhost/": "--url", "http:///-/healthy": "--url", "http://user@localhost/": "without a user",
	} {
		if got, says := healthy(t, "healthy", "--url="+address); got != ExitUsage || !strings.Contains(says, want) {
			t.Errorf("%s: exit code %d, %q", address, got, says)
		}
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	if got, says := healthy(t, "healthy", "--url="+closed.URL); got != ExitFailing || !strings.Contains(says, "refused") {
		t.Errorf("closed port: exit code %d, %q", got, says)
	}
}

func caFile(t *testing.T, s *httptest.Server) []string {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--ca-file=" + file}
}

func healthy(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := Main(args, System{Context: t.Context(), Stdout: &out, Stderr: &out, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now})
	return code, out.String()
}

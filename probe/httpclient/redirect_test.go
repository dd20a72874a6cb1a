package httpclient_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

func TestMain(m *testing.M) { parts.Main(m) }

// TestRedirect_Credentials checks that credentials reach only the origin that they are configured for.
func TestRedirect_Credentials(t *testing.T) {
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer other.Close()
	secured := httptest.NewTLSServer(other.Config.Handler)
	defer secured.Close()
	first := probetest.Site(t, map[string]http.HandlerFunc{
		"/port": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/", http.StatusFound) },
		"/scheme": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, secured.URL+"/", http.StatusPermanentRedirect)
		},
		"/name": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
		},
		"/twice": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/port", http.StatusFound) },
		"/own":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/end", http.StatusFound) },
		"/end": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		},
	})
	secret := parts.Secret()
	root := probetest.Folder{"secret": secret}.Write(t)
	for _, h := range []deployment.HTTP{{BearerTokenFile: "secret"}, {Username: "exporter", PasswordFile: "secret"}} {
		p := probetest.NewPass(t, nil, deployment.Settings{Root: root})
		p.Roots = secured.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		w, err := httpclient.For(p, "api", h)
		if err != nil {
			t.Fatal(err)
		}
		got = nil
		for _, path := range []string{"/port", "/scheme", "/twice"} {
			a, err := w.Get(t.Context(), first.URL+path)
			if err != nil || !a.Bare || a.Status != http.StatusUnauthorized {
				t.Errorf("%s: %+v, %v", path, a, err)
			}
			err = httpclient.Rejected(path, a, "setting")
			if probe.ReasonOf(err) != probe.ReasonPermissionDenied || !strings.Contains(err.Error(), "credentials are not sent there") {
				t.Errorf("%s: %v", path, err)
			}
		}
		if a, err := w.Get(t.Context(), first.URL+"/name"); err != nil || a.OffSite == "" {
			t.Errorf("another name: %+v, %v", a, err)
		}
		if len(got) != 3 || strings.Join(got, "") != "" {
			t.Errorf("other origins received %d requests with Authorization %q", len(got), got)
		}
		if a, err := w.Get(t.Context(), first.URL+"/own"); err != nil || a.Bare || a.Status != http.StatusOK {
			t.Errorf("the same origin: %+v, %v", a, err)
		}
	}
}

// nginx: static files, TLS, error pages, and any directives that a test adds.

package parts

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// NginxSite is the site that a server serves.
type NginxSite struct {
	Files  map[string]string // bodies by path: "/privacy" is served as text/html, a path with an extension by nginx's own types
	TLS    *Cert             // serve https instead of http
	Server string            // additional directives of the server block: locations, error_page, return …
	HTTP   string            // additional directives of the http block: map, split_clients, upstream …
}

// NginxServer is a running nginx.
type NginxServer struct {
	*process
	URL  string // http(s)://127.0.0.1:port, without a trailing slash
	Host string // always 127.0.0.1
	Port int
	Root string // the directory of the files; a test may add files
}

// nginxReadyPath returns 204 regardless of the test's own directives: an exact location takes precedence.
const nginxReadyPath = "/.parts-ready"

// Nginx starts a server with one site.
func Nginx(t testing.TB, site NginxSite) *NginxServer {
	t.Helper()
	program := Need(t, "nginx")
	dir := tempDir(t, -1, -1)
	server := &NginxServer{Host: "127.0.0.1", Root: filepath.Join(dir, "root")}
	if err := os.Mkdir(server.Root, 0o755); err != nil {
		t.Fatalf("nginx: %v", err)
	}
	for path, body := range site.Files {
		WriteFile(t, filepath.Join(server.Root, filepath.FromSlash(path)), body, 0o644)
	}
	scheme, listen := "http", ""
	if site.TLS != nil {
		chain, key, _ := site.TLS.Write(t, dir)
		scheme = "https"
		listen = fmt.Sprintf(" ssl;\n\t\tssl_certificate %s;\n\t\tssl_certificate_key %s", chain, key)
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // the directory is not accessible to other users
	}
	start := func(port int) spec {
		config := fmt.Sprintf(nginxConfig, dir, user, site.HTTP, port, listen, server.Root, nginxReadyPath, site.Server)
		WriteFile(t, filepath.Join(dir, "nginx.conf"), config, 0o600)
		// SIGQUIT would wait for idle clients; SIGTERM ends at once.
		return spec{name: "nginx", path: program, dir: dir, args: []string{"-p", dir, "-c", "nginx.conf", "-e", "stderr"}}
	}
	ready := func(_ *process, port int) error {
		return answers204(scheme+"://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(port))+nginxReadyPath, site.TLS)
	}
	server.process, server.Port = serve(t, start, ready)
	server.URL = scheme + "://" + net.JoinHostPort(server.Host, strconv.Itoa(server.Port))
	return server
}

// nginxConfig has the parameters: prefix, user, http directives, port, rest of listen, root, ready path, server
// directives.
const nginxConfig = `
daemon off;
worker_processes 1;
error_log stderr info;
pid %[1]s/nginx.pid;
%[2]s
events { worker_connections 256; }
http {
	types { text/html html htm; text/plain txt; application/json json; image/svg+xml svg; }
	default_type text/html;
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	%[3]s
	server {
		listen 127.0.0.1:%[4]d%[5]s;
		root %[6]s;
		location = %[7]s { return 204; }
		%[8]s
	}
}
`

// answers204 requests a server's ready path.
func answers204(url string, cert *Cert) error {
	status, _, err := Get(url, cert)
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("status %d", status)
	}
	return err
}

// Get sends one request on its own connection and returns the status and at most 1 MB of the body.
func Get(url string, cert *Cert) (int, []byte, error) {
	return request(http.MethodGet, url, cert)
}

func request(method, url string, cert *Cert) (int, []byte, error) {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: readinessTLS(cert)}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, body, errors.Join(err, resp.Body.Close())
}

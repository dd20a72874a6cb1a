package probe

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Access of probes to the Docker Engine: over its socket, or TCP with TLS, with GET and HEAD only, so that a read-only
// proxy suffices. Errors contain no text from the engine. Container environments hold secrets: they are compared, never
// shown.

const (
	dockerSocket  = "unix:///var/run/docker.sock"
	dockerSetting = "deployment.docker.host"
	// dockerPatience bounds one request; streams are bounded by their readers.
	dockerPatience = 8 * time.Second
	// maxDockerBody fits a few thousand containers. A response is decoded as a whole.
	maxDockerBody = 8 << 20
)

var (
	errDockerWrites = errors.New("only GET and HEAD requests are sent to the Docker Engine")
	errDockerHost   = errors.New("must begin with unix:// or tcp://")
)

// engine is a Docker Engine client and the state kept of its containers.
type engine struct {
	api        *client.Client
	shown      string // address shown in messages
	socket     string // path, "" for TCP
	configured bool
}

type dockerKey struct{}

// dockerHost returns the engine's address and whether it was configured explicitly.
func dockerHost(p *Pass) (host string, configured bool) {
	if host = p.Deployment.Docker.Host; host != "" {
		return host, true
	}
	if p.Getenv != nil {
		if host = p.Getenv("DOCKER_HOST"); host != "" {
			return host, true
		}
	}
	return dockerSocket, false
}

// engineFor returns the client of the deployment's engine. The client is reused until its address or credentials
// change. It connects lazily.
func engineFor(p *Pass) (*engine, error) {
	conf := p.Deployment.Docker
	host, configured := dockerHost(p)
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "unix" && u.Scheme != "tcp" || u.Scheme == "unix" && u.Path == "" || u.Scheme == "tcp" && u.Host == "" {
		return nil, Needs(dockerSetting, Unknown(ReasonInvalid, fmt.Errorf("address of the Docker Engine %w", errDockerHost)))
	}
	ca, cert, key := conf.CAFile, conf.CertFile, conf.KeyFile
	if conf.Host == "" && ca == "" && cert == "" && p.Getenv != nil && p.Getenv("DOCKER_TLS_VERIFY") != "" {
		// Same environment variables as the docker command.
		if dir := p.Getenv("DOCKER_CERT_PATH"); dir != "" {
			ca, cert, key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		}
	}
	print := sha256.New()
	_, _ = fmt.Fprintf(print, "%q %q", host, p.Agent)
	var pems [3][]byte
	for i, path := range []string{ca, cert, key} {
		if path == "" || u.Scheme != "tcp" {
			continue
		}
		data, _, err := files.Read(p.Deployment.Abs(path), maxCredential)
		if err != nil {
			return nil, Needs("deployment.docker", Unknown(reasonOf(err), fmt.Errorf("deployment.docker: %w: %w", errCredential, err)))
		}
		_, _ = fmt.Fprintf(print, " %d ", len(data))
		_, _ = print.Write(data)
		pems[i] = data
	}
	return Keep(p.Kept, dockerKey{}, hex.EncodeToString(print.Sum(nil)), func() (*engine, func(), error) {
		t := &dockerTransport{base: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: maxHeaders}, scheme: "http", host: "docker"}
		e := &engine{shown: host, configured: configured}
		network, address := "unix", u.Path
		if u.Scheme == "tcp" {
			network, address = "tcp", u.Host
			if u.Port() == "" {
				address = net.JoinHostPort(u.Hostname(), "2375")
			}
			t.host, t.prefix = address, strings.TrimSuffix(u.Path, "/")
			e.shown = "tcp://" + address
			conf, err := dockerTLS(p, pems)
			if err != nil {
				return nil, nil, err
			}
			if conf != nil {
				t.scheme, t.base.TLSClientConfig = "https", conf
			}
		} else {
			e.socket = u.Path
		}
		t.base.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := p.Dial(ctx, network, address)
			if err != nil {
				return nil, &dockerDialError{err}
			}
			return conn, nil
		}
		api, err := client.New(client.WithHTTPClient(&http.Client{Transport: t, CheckRedirect: client.CheckRedirect}), client.WithUserAgent(p.Agent))
		if err != nil {
			return nil, nil, Unknown(ReasonError, errors.New("cannot create a Docker Engine client"))
		}
		e.api = api
		return e, t.base.CloseIdleConnections, nil
	})
}

// dockerTLS returns the TLS configuration for an engine; nil disables TLS.
func dockerTLS(p *Pass, pems [3][]byte) (*tls.Config, error) {
	ca, cert, key := pems[0], pems[1], pems[2]
	if ca == nil && cert == nil {
		return nil, nil
	}
	conf := &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12}
	if ca != nil {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(ca) {
			return nil, Unknownf(ReasonInvalid, "deployment.docker.ca_file contains no certificate")
		}
	}
	if cert != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, Unknownf(ReasonInvalid, "deployment.docker: key_file does not match cert_file")
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// dockerTransport sends requests to the engine's real address, whatever the library puts into the URL, and rejects
// methods that write.
type dockerTransport struct {
	base                 *http.Transport
	scheme, host, prefix string
}

func (t *dockerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return nil, errDockerWrites
	}
	out := req.Clone(req.Context())
	out.URL.Scheme, out.URL.Host, out.Host = t.scheme, t.host, t.host
	out.URL.Path = t.prefix + req.URL.Path
	resp, err := t.base.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(req.URL.Path, "/archive") && !strings.HasSuffix(req.URL.Path, "/logs") {
		resp.Body = &boundedBody{resp.Body, maxDockerBody}
	}
	return resp, nil
}

// boundedBody fails after a number of bytes.
type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(data []byte) (int, error) {
	n, err := b.ReadCloser.Read(data)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// dockerDialError carries the dial error through the library, which would otherwise keep only its text. It deliberately
// has no Unwrap and no Timeout.
type dockerDialError struct{ err error }

func (*dockerDialError) Error() string { return "no connection" }

// unasked converts the library's error of a failed request. Only the class of that error is kept, not its text.
func (e *engine) unasked(ctx context.Context, what string, err error) error {
	say := func(reason Reason, text string) error {
		return Unknown(reason, fmt.Errorf("Docker Engine at %s: failed to %s: %s", e.shown, what,
			text)) //nolint:staticcheck // a name
	}
	var dial *dockerDialError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dial):
		return e.undialled(ctx, dial.err)
	case ctx.Err() != nil:
		return Needs(dockerSetting, say(ReasonTimeout, "no response in time"))
	case errdefs.IsPermissionDenied(err), errdefs.IsUnauthorized(err):
		return Needs("permission to GET /containers and /images at "+e.shown, say(ReasonPermissionDenied, "access denied"))
	case errdefs.IsNotFound(err):
		return say(ReasonMissing, "not found")
	case errdefs.IsNotImplemented(err):
		return say(ReasonNotConfigured, "not supported by this engine")
	case errdefs.IsInvalidArgument(err): // also the response of a TLS port to plain HTTP
		return Needs("deployment.docker.ca_file", say(ReasonInvalid, "bad request. Check whether the port requires TLS"))
	case errdefs.IsInternal(err), errdefs.IsUnavailable(err), errdefs.IsConflict(err):
		return say(ReasonError, "the engine returned a server error")
	case errors.Is(err, errTooLong):
		return say(ReasonInvalid, "response exceeds the size limit")
	}
	plain := plainWebError(ctx, err)
	switch {
	case errors.Is(plain, errTLS):
		return Needs("deployment.docker.ca_file", say(ReasonMismatch, plain.Error()))
	case errors.Is(plain, errNotHTTP):
		return Needs(dockerSetting, say(ReasonInvalid, "the response is not from a Docker Engine"))
	case errors.Is(plain, errBrokenOff):
		return Needs(dockerSetting, say(ReasonInvalid, plain.Error()))
	}
	return Needs(dockerSetting, say(reasonOf(plain), plain.Error()))
}

// undialled converts a dial error. A missing socket at the unconfigured default address means that no engine is used.
func (e *engine) undialled(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && !e.configured:
		return Skip(dockerSetting, "no Docker Engine: %s does not exist", e.socket)
	case errors.Is(err, fs.ErrPermission):
		return Needs("membership in "+socketGroup(e.socket), Unknown(ReasonPermissionDenied,
			fmt.Errorf("permission denied on the Docker socket %s", e.socket)))
	case errors.Is(err, fs.ErrNotExist):
		return Needs(dockerSetting, Unknown(ReasonUnreachable, fmt.Errorf("Docker Engine not found at %s", e.shown)))
	case ctx.Err() != nil, reasonOf(err) == ReasonTimeout:
		return Needs(dockerSetting, Unknown(ReasonTimeout,
			fmt.Errorf("Docker Engine at %s does not accept a connection in time", e.shown)))
	}
	return Needs(dockerSetting, Unknown(ReasonUnreachable,
		fmt.Errorf("cannot connect to the Docker Engine at %s. Check that it is running", e.shown)))
}

// socketGroup names the group that owns a socket, for remedies.
func socketGroup(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "the group of the Docker socket"
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "the group of the Docker socket"
	}
	gid := strconv.FormatUint(uint64(st.Gid), 10)
	if g, err := user.LookupGroupId(gid); err == nil {
		return fmt.Sprintf("the group %s, which owns %s", g.Name, path)
	}
	return fmt.Sprintf("the group with id %s, which owns %s", gid, path)
}

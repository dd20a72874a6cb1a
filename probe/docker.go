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

// How probes ask the Docker Engine: over its socket or TCP with TLS, with GET and HEAD alone, so that a proxy that lets nothing else through
// serves, and with errors that hold nothing of what the engine said. Environments of containers hold secrets: they are compared, never shown.

const (
	dockerSocket  = "unix:///var/run/docker.sock"
	dockerSetting = "deployment.docker.host"
	// dockerPatience bounds one question; streams are bounded by those who read them.
	dockerPatience = 8 * time.Second
	// maxDockerBody is some thousand containers; all of one answer are decoded at once.
	maxDockerBody = 8 << 20
)

var (
	errDockerWrites = errors.New("only GET and HEAD are asked of the Docker Engine")
	errDockerHost   = errors.New("is neither a unix:// nor a tcp:// address")
)

// engine is a Docker Engine and what is remembered of its containers.
type engine struct {
	api        *client.Client
	shown      string // its address, for people
	socket     string // path, "" for TCP
	configured bool
	restarts   restartLedger
	proofs     containerProofs
}

type dockerKey struct{}

// dockerHost is the engine's address, and whether somebody configured it.
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

// engineFor returns the client of the deployment's engine, kept as long as its address and credentials stay. It does not connect yet.
func engineFor(p *Pass) (*engine, error) {
	conf := p.Deployment.Docker
	host, configured := dockerHost(p)
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "unix" && u.Scheme != "tcp" || u.Scheme == "unix" && u.Path == "" || u.Scheme == "tcp" && u.Host == "" {
		return nil, Needs(dockerSetting, Unknown(ReasonInvalid, fmt.Errorf("the address of the Docker Engine %w", errDockerHost)))
	}
	ca, cert, key := conf.CAFile, conf.CertFile, conf.KeyFile
	if conf.Host == "" && ca == "" && cert == "" && p.Getenv != nil && p.Getenv("DOCKER_TLS_VERIFY") != "" {
		// As Docker's own command reads its environment.
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
			return nil, nil, Unknown(ReasonError, errors.New("no client for the Docker Engine can be made"))
		}
		e.api = api
		return e, t.base.CloseIdleConnections, nil
	})
}

// dockerTLS is how TLS is talked to an engine; nil for not at all.
func dockerTLS(p *Pass, pems [3][]byte) (*tls.Config, error) {
	ca, cert, key := pems[0], pems[1], pems[2]
	if ca == nil && cert == nil {
		return nil, nil
	}
	conf := &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12}
	if ca != nil {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(ca) {
			return nil, Unknownf(ReasonInvalid, "deployment.docker.ca_file holds no certificate")
		}
	}
	if cert != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, Unknownf(ReasonInvalid, "deployment.docker: cert_file and key_file do not belong together")
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// dockerTransport carries questions to the engine, wherever the library thinks it is, and refuses all that is no question.
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

// boundedBody fails past a number of bytes.
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

// dockerDialError carries what dialing said past the library, which would keep a text of it alone: it has no Unwrap and no Timeout on purpose.
type dockerDialError struct{ err error }

func (*dockerDialError) Error() string { return "no connection" }

// unasked is the error of a question that the engine did not answer; of the library's error it keeps nothing but its class.
func (e *engine) unasked(ctx context.Context, what string, err error) error {
	say := func(reason Reason, text string) error {
		return Unknown(reason, fmt.Errorf("Docker Engine at %s: %s: %s", e.shown, what, text)) //nolint:staticcheck // a name
	}
	var dial *dockerDialError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dial):
		return e.undialled(ctx, dial.err)
	case ctx.Err() != nil:
		return Needs(dockerSetting, say(ReasonTimeout, "no answer in time"))
	case errdefs.IsPermissionDenied(err), errdefs.IsUnauthorized(err):
		return Needs("the right to GET /containers and /images at "+e.shown, say(ReasonPermissionDenied, "refused"))
	case errdefs.IsNotFound(err):
		return say(ReasonMissing, "there is none")
	case errdefs.IsNotImplemented(err):
		return say(ReasonNotConfigured, "it cannot answer that")
	case errdefs.IsInvalidArgument(err): // what a TLS port answers to plain HTTP, too
		return Needs("deployment.docker.ca_file", say(ReasonInvalid, "it does not take the question: does the port want TLS?"))
	case errdefs.IsInternal(err), errdefs.IsUnavailable(err), errdefs.IsConflict(err):
		return say(ReasonError, "it answers that it failed")
	case errors.Is(err, errTooLong):
		return say(ReasonInvalid, "a longer answer than is read")
	}
	plain := plainWebError(ctx, err)
	switch {
	case errors.Is(plain, errTLS):
		return Needs("deployment.docker.ca_file", say(ReasonMismatch, plain.Error()))
	case errors.Is(plain, errNotHTTP):
		return Needs(dockerSetting, say(ReasonInvalid, "it does not answer like a Docker Engine"))
	case errors.Is(plain, errBrokenOff):
		return Needs(dockerSetting, say(ReasonInvalid, plain.Error()))
	}
	return Needs(dockerSetting, say(reasonOf(plain), plain.Error()))
}

// undialled is the error of an engine that there is no connection to. Where nobody configured one and there is no socket, there is none.
func (e *engine) undialled(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && !e.configured:
		return Skip(dockerSetting, "no Docker Engine: there is no %s", e.socket)
	case errors.Is(err, fs.ErrPermission):
		return Needs("membership in "+socketGroup(e.socket), Unknown(ReasonPermissionDenied, fmt.Errorf("the Docker socket %s may not be used", e.socket)))
	case errors.Is(err, fs.ErrNotExist):
		return Needs(dockerSetting, Unknown(ReasonUnreachable, fmt.Errorf("there is no Docker Engine at %s", e.shown)))
	case ctx.Err() != nil, reasonOf(err) == ReasonTimeout:
		return Needs(dockerSetting, Unknown(ReasonTimeout, fmt.Errorf("the Docker Engine at %s does not take a connection in time", e.shown)))
	}
	return Needs(dockerSetting, Unknown(ReasonUnreachable, fmt.Errorf("no connection to the Docker Engine at %s: is it running?", e.shown)))
}

// socketGroup names the group that may use a socket.
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

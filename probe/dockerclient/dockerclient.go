// Package dockerclient reads from the Docker Engine: containers of the project, images, files and logs. It sends GET
// and HEAD only.
package dockerclient

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
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

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

// Access of probes to the Docker Engine: over its socket, or TCP with TLS, with GET and HEAD only, so that a read-only
// proxy suffices. Errors contain no text from the engine. Container environments hold secrets: they are compared, never
// shown.

const (
	dockerSocket = "unix:///var/run/docker.sock"
	// dockerTimeout bounds one request; streams are bounded by their readers.
	dockerTimeout = 8 * time.Second
	// maxDockerBody fits a few thousand containers. A response is decoded as a whole.
	maxDockerBody = 8 << 20
)

var (
	errDockerWriteMethod = errors.New("only GET and HEAD requests are sent to the Docker Engine")
	errDockerHost        = errors.New("must begin with unix:// or tcp://")
)

// Engine is a Docker Engine client and the state kept of its containers.
type Engine struct {
	api        *client.Client
	Shown      string // address shown in messages
	socket     string // path, "" for TCP
	configured bool
}

type dockerKey struct{}

// Host returns the engine's address and whether it was configured explicitly.
func Host(p *probe.Pass) (host string, configured bool) {
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

// For returns the client of the deployment's engine. The client is reused until its address or credentials
// change. It connects lazily.
func For(p *probe.Pass) (*Engine, error) {
	conf := p.Deployment.Docker
	host, configured := Host(p)
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "unix" && u.Scheme != "tcp" || u.Scheme == "unix" && u.Path == "" || u.Scheme == "tcp" && u.Host == "" {
		return nil, probe.Needs(deployment.DockerService.Setting("host"), probe.Unknown(probe.ReasonInvalid, fmt.Errorf("address of the Docker Engine %w", errDockerHost)))
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
		data, _, err := files.Read(p.Deployment.Abs(path), fault.MaxCredential)
		if err != nil {
			return nil, probe.Needs("deployment.docker", probe.Unknown(probe.ReasonOf(err), fmt.Errorf("deployment.docker: %w: %w", fault.ErrCredential, err)))
		}
		_, _ = fmt.Fprintf(print, " %d ", len(data))
		_, _ = print.Write(data)
		pems[i] = data
	}
	return probe.Keep(p.Kept, dockerKey{}, hex.EncodeToString(print.Sum(nil)), func() (*Engine, func(), error) {
		t := &dockerTransport{base: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: httpclient.MaxHeaders}, scheme: "http", host: "docker"}
		e := &Engine{Shown: host, configured: configured}
		network, address := "unix", u.Path
		if u.Scheme == "tcp" {
			network, address = "tcp", u.Host
			if u.Port() == "" {
				address = net.JoinHostPort(u.Hostname(), "2375")
			}
			t.host, t.prefix = address, strings.TrimSuffix(u.Path, "/")
			e.Shown = "tcp://" + address
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
			return nil, nil, probe.Unknown(probe.ReasonError, errors.New("cannot create a Docker Engine client"))
		}
		e.api = api
		return e, t.base.CloseIdleConnections, nil
	})
}

// dockerTLS returns the TLS configuration for an engine; nil disables TLS.
func dockerTLS(p *probe.Pass, pems [3][]byte) (*tls.Config, error) {
	ca, cert, key := pems[0], pems[1], pems[2]
	if ca == nil && cert == nil {
		return nil, nil
	}
	conf := &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12}
	if ca != nil {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(ca) {
			return nil, probe.Unknownf(probe.ReasonInvalid, "deployment.docker.ca_file contains no certificate")
		}
	}
	if cert != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, probe.Unknownf(probe.ReasonInvalid, "deployment.docker: key_file does not match cert_file")
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
		return nil, errDockerWriteMethod
	}
	out := req.Clone(req.Context())
	out.URL.Scheme, out.URL.Host, out.Host = t.scheme, t.host, t.host
	out.URL.Path = t.prefix + req.URL.Path
	resp, err := t.base.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(req.URL.Path, "/archive") && !strings.HasSuffix(req.URL.Path, "/logs") {
		resp.Body = &httpclient.BoundedBody{ReadCloser: resp.Body, Left: maxDockerBody}
	}
	return resp, nil
}

// dockerDialError carries the dial error through the library, which would otherwise keep only its text. It deliberately
// has no Unwrap and no Timeout.
type dockerDialError struct{ err error }

func (*dockerDialError) Error() string { return "no connection" }

// unasked converts the library's error of a failed request. Only the class of that error is kept, not its text.
func (e *Engine) requestError(ctx context.Context, what string, err error) error {
	say := func(reason probe.Reason, text string) error {
		return probe.Unknown(reason, fmt.Errorf("Docker Engine at %s: failed to %s: %s", e.Shown, what,
			text)) //nolint:staticcheck // a name
	}
	var dial *dockerDialError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dial):
		return e.dialError(ctx, dial.err)
	case ctx.Err() != nil:
		return probe.Needs(deployment.DockerService.Setting("host"), say(probe.ReasonTimeout, "no response in time"))
	case errdefs.IsPermissionDenied(err), errdefs.IsUnauthorized(err):
		return probe.Needs("permission to GET /containers and /images at "+e.Shown, say(probe.ReasonPermissionDenied, "access denied"))
	case errdefs.IsNotFound(err):
		return say(probe.ReasonMissing, "not found")
	case errdefs.IsNotImplemented(err):
		return say(probe.ReasonNotConfigured, "not supported by this engine")
	case errdefs.IsInvalidArgument(err): // also the response of a TLS port to plain HTTP
		return probe.Needs(deployment.DockerService.Setting("ca_file"), say(probe.ReasonInvalid, "bad request. Check whether the port requires TLS"))
	case errdefs.IsInternal(err), errdefs.IsUnavailable(err), errdefs.IsConflict(err):
		return say(probe.ReasonError, "the engine returned a server error")
	case errors.Is(err, fault.ErrTooLong):
		return say(probe.ReasonInvalid, "response exceeds the size limit")
	}
	plain := fault.Redact(ctx, err)
	switch {
	case errors.Is(plain, fault.ErrTLS):
		return probe.Needs(deployment.DockerService.Setting("ca_file"), say(probe.ReasonMismatch, plain.Error()))
	case errors.Is(plain, fault.ErrNotHTTP):
		return probe.Needs(deployment.DockerService.Setting("host"), say(probe.ReasonInvalid, "the response is not from a Docker Engine"))
	case errors.Is(plain, fault.ErrTruncated):
		return probe.Needs(deployment.DockerService.Setting("host"), say(probe.ReasonInvalid, plain.Error()))
	}
	return probe.Needs(deployment.DockerService.Setting("host"), say(probe.ReasonOf(plain), plain.Error()))
}

// undialled converts a dial error. A missing socket at the unconfigured default address means that no engine is used.
func (e *Engine) dialError(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && !e.configured:
		return probe.Skip(deployment.DockerService.Setting("host"), "no Docker Engine: %s does not exist", e.socket)
	case errors.Is(err, fs.ErrPermission):
		return probe.Needs("membership in "+socketGroup(e.socket), probe.Unknown(probe.ReasonPermissionDenied,
			fmt.Errorf("permission denied on the Docker socket %s", e.socket)))
	case errors.Is(err, fs.ErrNotExist):
		return probe.Needs(deployment.DockerService.Setting("host"), probe.Unknown(probe.ReasonUnreachable, fmt.Errorf("Docker Engine not found at %s", e.Shown)))
	case ctx.Err() != nil, probe.ReasonOf(err) == probe.ReasonTimeout:
		return probe.Needs(deployment.DockerService.Setting("host"), probe.Unknown(probe.ReasonTimeout,
			fmt.Errorf("Docker Engine at %s does not accept a connection in time", e.Shown)))
	}
	return probe.Needs(deployment.DockerService.Setting("host"), probe.Unknown(probe.ReasonUnreachable,
		fmt.Errorf("cannot connect to the Docker Engine at %s. Check that it is running", e.Shown)))
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

package exporter

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/server"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// maxHealthHeader is the size limit of the headers of a health response.
const maxHealthHeader = 16 << 10

// defaultHealth is the health endpoint of serve with its default address.
const defaultHealth = "http://" + server.DefaultAddress + "/-/healthy"

// healthyCommand is a health check for images without a shell and curl. It checks the exporter itself, not the
// deployment.
func (a *app) healthyCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var address, caFile string
	var timeout time.Duration
	c := k.Command("healthy", "Check whether a running exporter is healthy, e.g. as the health check of a container: "+
		"exit code 0 if it is, 1 if not.")
	c.Flag("url", "URL of the health endpoint.").Default(defaultHealth).PlaceHolder("URL").StringVar(&address)
	c.Flag("ca-file", "Certificate authorities to trust instead of those of the system, for an https URL.").
		PlaceHolder("FILE").StringVar(&caFile)
	c.Flag("timeout", "How long to wait for the response.").Default("3s").DurationVar(&timeout)
	add(c, func(ctx context.Context) (int, error) {
		if timeout <= 0 {
			return 0, usage.Errorf("--timeout must be positive")
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
			return 0, usage.Errorf("--url: expected a URL like %s, without a user", defaultHealth)
		}
		roots, err := authorities(caFile)
		if err != nil {
			return 0, usage.Errorf("--ca-file: %w", err)
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if err := requestHealth(ctx, u.String(), roots); err != nil {
			_, _ = fmt.Fprintf(a.Stderr, "catalyst_exporter: not healthy: %v\n", err)
			return ExitFailing, nil
		}
		return ExitReady, nil
	})
}

// authorities reads a file of certificates. Without a file it returns nil: those of the system.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, _, err := files.Read(file, config.MaxFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("no PEM certificate found")
	}
	return pool, nil
}

// requestHealth returns nil when the exporter is healthy or requires a log-in, which only a running one does. It uses
// no proxy and follows no redirect: the exporter itself must respond.
func requestHealth(ctx context.Context, address string, roots *x509.CertPool) error {
	transport := &http.Transport{
		DialContext: (&net.Dialer{}).DialContext, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true, MaxResponseHeaderBytes: maxHealthHeader,
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusUnauthorized {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(len(server.HealthyBody))+1))
	if err != nil {
		return fmt.Errorf("the response is truncated: %w", err)
	}
	if response.StatusCode != http.StatusOK || string(body) != server.HealthyBody {
		return fmt.Errorf("status %d, not the response of catalyst_exporter", response.StatusCode)
	}
	return nil
}

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

	"github.com/thenexusengine/catalyst_exporter/files"
)

// defaultHealth is where serve answers unless it is told to listen elsewhere.
const defaultHealth = "http://" + defaultAddress + "/-/healthy"

// healthyCommand is a health check for where there is no shell and no curl, such as the image made from scratch. It asks whether the exporter
// lives; whether the deployment is ready is check's question.
func (a *app) healthyCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var address, caFile string
	var timeout time.Duration
	c := k.Command("healthy", "Ask a running exporter whether it lives, as the health check of a container: exit code 0 if it does, 1 if it does not.")
	c.Flag("url", "Where it answers.").Default(defaultHealth).PlaceHolder("URL").StringVar(&address)
	c.Flag("ca-file", "Certificate authorities to trust instead of the system's, for an https address.").PlaceHolder("FILE").StringVar(&caFile)
	c.Flag("timeout", "How long to wait for the answer.").Default("3s").DurationVar(&timeout)
	add(c, func(ctx context.Context) (int, error) {
		if timeout <= 0 {
			return 0, usagef("--timeout is positive")
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
			return 0, usagef("--url: an address like %s, without a user", defaultHealth)
		}
		roots, err := authorities(caFile)
		if err != nil {
			return 0, usagef("--ca-file: %w", err)
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if err := askHealth(ctx, u.String(), roots); err != nil {
			_, _ = fmt.Fprintf(a.Stderr, "catalyst_exporter: not healthy: %v\n", err)
			return ExitFailing, nil
		}
		return ExitReady, nil
	})
}

// authorities reads a file of certificates; without one it is nil: the system's.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, _, err := files.Read(file, maxConfig)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("it holds no certificate (PEM)")
	}
	return pool, nil
}

// askHealth returns nil when the exporter answers that it is healthy, or that it wants a log-in first: it lives then, too. No proxy is asked
// and no redirect followed, since what answers must be the exporter itself.
func askHealth(ctx context.Context, address string, roots *x509.CertPool) error {
	transport := &http.Transport{
		DialContext: (&net.Dialer{}).DialContext, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
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
	const healthy = "healthy\n"
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(len(healthy))+1))
	if err != nil {
		return fmt.Errorf("the answer breaks off: %w", err)
	}
	if response.StatusCode != http.StatusOK || string(body) != healthy {
		return fmt.Errorf("status %d, and not the answer of catalyst_exporter", response.StatusCode)
	}
	return nil
}

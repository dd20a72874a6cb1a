// Package tcpcheck checks TCP ports: whether they accept connections, and with which greeting.
package tcpcheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// tcp_port: does a port accept connections and greet as it should, or is it closed as it should be?
//
// Nothing is sent. A port is closed only when every address of the host refuses the connection. A connection without any
// response is unknown: a firewall may have dropped it, or the host may be down. With open_port, a port of the same host
// that does accept connections, only the firewall is left.

// PortKind is the kind tcp_port.
func PortKind() probe.Kind {
	return probe.Kind{
		Name:       "tcp_port",
		Question:   "Does the port accept connections and greet as it should, or is it closed as it should be?",
		Example:    `{address: "mail.internal:25", expect: "220 "}`,
		Layer:      probe.LayerLive,
		Reads:      "nothing but the greeting: it connects to the address and sends no byte",
		Permission: "network access to it",
		MaxAge:     30 * time.Second,
		Timeout:    10 * time.Second,
		New:        func() any { return &tcpPort{} },
	}
}

type tcpPort struct {
	Address  string           `yaml:"address" required:"true" doc:"host:port; ${env.KEY} stands for a key of the deployment's env file"`
	Expect   string           `yaml:"expect" doc:"regular expression (RE2) that the greeting begins with, e.g. \"220 \" or SSH-2.0; a greeting is at least one complete line"`
	Closed   bool             `yaml:"expect_closed" default:"false" doc:"the port must refuse connections, as seen from the exporter"`
	OpenPort int              `yaml:"open_port" min:"1" max:"65535" doc:"for expect_closed: another port of the same host, which accepts connections; then a port that never responds also counts as closed"`
	Within   *schema.Duration `yaml:"within" min:"10ms" max:"8s" doc:"maximum time until the connection is accepted, and until the greeting is complete"`
}

const (
	maxGreeting = 4 << 10 // bytes
	// silent is how long a port that should be closed may take to respond: the first two repetitions of a lost SYN are
	// sent after 1 s and 3 s.
	silent = 3500 * time.Millisecond
)

var reference = lazyregexp.New(`\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}`)

// Validate reports faults of the parameters when the checklist is loaded.
func (s *tcpPort) Validate() []error {
	var errs []error
	given := reference.MatchString(s.Address)
	plain := reference.ReplaceAllString(s.Address, "1")
	switch {
	case strings.Contains(plain, "$"):
		errs = append(errs, errors.New("address: only ${env.KEY} is replaced"))
	case !given && !isAddress(plain):
		errs = append(errs, fmt.Errorf("address: %q is not host:port", s.Address))
	}
	if _, err := regexp.Compile(s.Expect); err != nil {
		errs = append(errs, fmt.Errorf("expect: %w", err))
	}
	if s.Closed && s.Expect != "" {
		errs = append(errs, errors.New("expect_closed: a closed port has no greeting; remove expect"))
	}
	if s.OpenPort != 0 && !s.Closed {
		errs = append(errs, errors.New("open_port: is for expect_closed"))
	}
	return errs
}

func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	number, notNumber := strconv.ParseUint(port, 10, 16)
	return err == nil && host != "" && notNumber == nil && number > 0
}

func (s *tcpPort) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	address, err := s.resolve(p)
	if err != nil {
		return probe.Result{}, err
	}
	if s.isGiven() {
		ctx = reach.Given(ctx, p) // the deployment's files must not direct the exporter at other services
	}
	if s.Closed {
		return s.probeClosed(ctx, p, address)
	}
	if s.Within != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Within.Std())
		defer cancel()
	}
	conn, err := p.Dial(ctx, "tcp", address)
	if err != nil {
		return s.notConnected(ctx, err)
	}
	defer func() { _ = conn.Close() }()
	if s.Expect == "" {
		return probe.Passed("%s accepts connections", s.Address), nil
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	return s.judgeGreeting(ctx, conn), nil
}

// isGiven reports whether the deployment's files give a part of the address.
func (s *tcpPort) isGiven() bool { return reference.MatchString(s.Address) }

// resolve replaces references to the env file. Its errors contain no value.
func (s *tcpPort) resolve(p *probe.Pass) (string, error) {
	var errs []error
	address := reference.ReplaceAllStringFunc(s.Address, func(found string) string {
		key := reference.FindStringSubmatch(found)[1]
		v, err := p.View.Value(key)
		switch {
		case err != nil:
		case !v.Set:
			err = probe.Unknownf(probe.ReasonNotConfigured, "address: %s is not set in the env file", key)
		case v.Text.Empty():
			err = probe.Unknownf(probe.ReasonEmpty, "address: %s is empty in the env file", key)
		}
		errs = append(errs, err)
		return v.Text.Reveal()
	})
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	if !isAddress(address) {
		return "", probe.Unknownf(probe.ReasonInvalid, "%s is not host:port with the values of the env file", s.Address)
	}
	return address, nil
}

// notConnected classifies a failure to connect. Its words name the address as the checklist does, because the resolved
// one contains values of the env file.
func (s *tcpPort) notConnected(ctx context.Context, err error) (probe.Result, error) {
	var hidden fault.NotDialled
	var unresolved *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return probe.Result{}, probe.Unknown(probe.ReasonTimeout, ctx.Err())
	case errors.As(err, &hidden):
		return probe.Result{}, probe.Unknownf(probe.ReasonNotConfigured, "%s: %w", s.Address, hidden)
	case errors.As(err, &unresolved):
		return probe.Result{}, probe.Unknownf(probe.ReasonUnreachable, "%s: the name of the host is not resolved", s.Address)
	case isRefused(err) && !s.isGiven():
		return probe.Failed(probe.ReasonUnreachable, "%s refuses connections", s.Address), nil
	case isRefused(err): // inside a container, the same address leads elsewhere
		return probe.Result{}, probe.Unknownf(probe.ReasonUnreachable, "%s refuses connections from the exporter", s.Address)
	case isLate(ctx, err) && !s.isGiven():
		return probe.Failed(probe.ReasonTimeout, "%s accepts no connection in time", s.Address), nil
	case isLate(ctx, err):
		return probe.Result{}, probe.Unknownf(probe.ReasonTimeout, "%s accepts no connection from the exporter in time", s.Address)
	}
	return probe.Result{}, probe.Unknownf(probe.ReasonUnreachable, "%s cannot be reached from the exporter", s.Address)
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

func isLate(ctx context.Context, err error) bool {
	var network net.Error
	return ctx.Err() != nil || errors.As(err, &network) && network.Timeout()
}

// judgeGreeting reads until the greeting fits and its line is complete.
func (s *tcpPort) judgeGreeting(ctx context.Context, conn io.Reader) probe.Result {
	expected := regexp.MustCompile(`^(?:` + s.Expect + `)`)
	var greeting []byte
	piece := make([]byte, maxGreeting)
	for {
		n, err := conn.Read(piece[:maxGreeting-len(greeting)])
		greeting = append(greeting, piece[:n]...)
		complete := bytes.IndexByte(greeting, '\n') >= 0
		switch {
		case complete && expected.Match(greeting):
			return probe.Passed("%s accepts connections and greets as expected", s.Address)
		case len(greeting) == maxGreeting:
			return probe.Failed(probe.ReasonMismatch, "%s greets with other text than %s", s.Address, s.Expect)
		case err == nil:
		case errors.Is(ctx.Err(), context.Canceled):
			return probe.NotChecked(probe.Unknown(probe.ReasonTimeout, ctx.Err()))
		case complete: // and the server sends nothing more
			return probe.Failed(probe.ReasonMismatch, "%s greets with other text than %s", s.Address, s.Expect)
		case ctx.Err() != nil:
			return probe.Failed(probe.ReasonTimeout, "%s accepts connections but does not complete a greeting in time", s.Address)
		case len(greeting) == 0:
			return probe.Failed(probe.ReasonUnhealthy, "%s closes connections without a greeting", s.Address)
		default:
			return probe.Failed(probe.ReasonTruncated, "%s closes connections within the greeting", s.Address)
		}
	}
}

// probeClosed connects to each address of the host.
func (s *tcpPort) probeClosed(ctx context.Context, p *probe.Pass, address string) (probe.Result, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return probe.Result{}, err
	}
	hosts := []string{host}
	if net.ParseIP(host) == nil && !strings.Contains(host, "%") {
		if hosts, err = net.DefaultResolver.LookupHost(ctx, host); err != nil {
			return s.notConnected(ctx, err)
		}
	}
	var f probe.ResultBuilder
	for i, host := range hosts {
		limit := silent
		if s.Within != nil {
			limit = s.Within.Std()
		}
		if deadline, ok := ctx.Deadline(); ok { // each address gets its share, and a half of it for open_port
			limit = min(limit, time.Until(deadline)/time.Duration(2*(len(hosts)-i)))
		}
		f.Add(s.judgeClosed(ctx, p, host, port, limit))
	}
	return f.Result("%s is closed", s.Address), nil
}

// judgeClosed judges one address. Its details do not contain it.
func (s *tcpPort) judgeClosed(ctx context.Context, p *probe.Pass, host, port string, limit time.Duration) probe.Result {
	err := connect(ctx, p, net.JoinHostPort(host, port), limit)
	switch {
	case err == nil:
		return probe.Failed(probe.ReasonExposed, "%s accepts connections, and must be closed", s.Address)
	case isRefused(err):
		return probe.Passed("%s is closed", s.Address)
	case ctx.Err() == nil && isLate(ctx, err) && s.OpenPort != 0:
		if err := connect(ctx, p, net.JoinHostPort(host, strconv.Itoa(s.OpenPort)), limit); err != nil {
			return probe.NotChecked(probe.Unknownf(probe.ReasonTimeout,
				"%s does not respond, and port %d of the same host does not accept connections: the host may be down", s.Address, s.OpenPort))
		}
		return probe.Passed("%s is closed", s.Address)
	case isLate(ctx, err):
		return probe.NotChecked(probe.Needs("open_port", probe.Unknownf(probe.ReasonTimeout,
			"%s does not respond: a firewall drops the connection, or the host is down. Set open_port to tell them apart", s.Address)))
	}
	_, err = s.notConnected(ctx, err)
	return probe.NotChecked(err)
}

// connect connects once.
func connect(ctx context.Context, p *probe.Pass, address string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := p.Dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

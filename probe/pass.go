package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Deps are the external dependencies of probes, built once per configuration.
type Deps struct {
	Now    func() time.Time
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Roots  *x509.CertPool // nil: the system's
	Files  *files.Cache
	Log    *slog.Logger        // for internal errors of the exporter; probes do not log
	Agent  string              // User-Agent sent to servers
	Getenv func(string) string // the exporter's own environment, for variables shared with other tools (DOCKER_HOST)
	Kept   *Kept
	Trust  Trust // whose attestations count
	// Commands is the directory whose programs the kind command may run; "" runs none. Only a flag sets it.
	Commands string
	Marks    Marks // remembers facts when the process ends; nil: they are forgotten
}

// Marks remembers when facts were first seen. Safe for concurrent use.
type Marks interface {
	First(key string, at time.Time) time.Time // when the fact was first marked: at, if it is new
	Forget(key string)
}

// NewDeps returns the production dependencies.
func NewDeps(log *slog.Logger, agent string) *Deps {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, ControlContext: checkDial}
	return &Deps{Now: time.Now, Dial: dialer.DialContext, Files: &files.Cache{}, Log: log, Agent: agent, Getenv: os.Getenv, Kept: &Kept{}}
}

type dialCheck struct{}

// CheckDials returns a context under which Deps.Dial asks check before it connects to an address, after the resolution
// of its name.
func CheckDials(ctx context.Context, check func(netip.AddrPort) error) context.Context {
	return context.WithValue(ctx, dialCheck{}, check)
}

func checkDial(ctx context.Context, _, address string, _ syscall.RawConn) error {
	check, ok := ctx.Value(dialCheck{}).(func(netip.AddrPort) error)
	if !ok {
		return nil
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil { // a Unix socket
		return fault.NotDialled("the deployment's files refer to a local socket, which is not called")
	}
	return check(to)
}

// Pass is one run over a deployment: its start time, the deployment, and what has been read so far.
type Pass struct {
	*Deps
	Time       time.Time
	Deployment *deployment.Deployment
	View       *deployment.View

	mu   sync.Mutex
	memo map[any]*reading
}

// NewPass starts a run.
func NewPass(deps *Deps, d *deployment.Deployment) *Pass {
	p := &Pass{Deps: deps, Time: deps.Now(), Deployment: d, View: d.View(deps.Files)}
	return p
}

type reading struct {
	done  chan struct{}
	value any
	err   error
}

// maxReading bounds a shared read in Once.
const maxReading = 30 * time.Second

// Once reads something that several probes need, once per pass. The first caller of a key reads; the others wait, each
// until its own ctx ends. The read continues for the other callers after the first caller's ctx has ended. Key is a
// value of a type private to its file.
func Once[T any](ctx context.Context, p *Pass, key any, read func(ctx context.Context) (T, error)) (T, error) {
	p.mu.Lock()
	r, running := p.memo[key]
	if !running {
		r = &reading{done: make(chan struct{})}
		if p.memo == nil {
			p.memo = make(map[any]*reading)
		}
		p.memo[key] = r
	}
	p.mu.Unlock()
	if !running {
		go func() {
			defer close(r.done)
			defer func() {
				if cause := recover(); cause != nil {
					r.err = errors.New("internal error while reading; please report this bug of the exporter")
				}
			}()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxReading)
			defer cancel()
			r.value, r.err = read(ctx)
		}()
	}
	var zero T
	select {
	case <-r.done:
	case <-ctx.Done():
		return zero, Unknown(ReasonTimeout, ctx.Err())
	}
	if r.err != nil {
		return zero, r.err
	}
	return r.value.(T), nil
}

// Kept holds what outlives a pass: clients with their connections, proofs of large files. It lives as long as the
// configuration.
type Kept struct {
	mu     sync.Mutex
	things map[any]kept
	closed bool
}

type kept struct {
	print string
	value any
	close func()
}

// Keep returns the value kept under key, or makes it. A value made with another fingerprint (other address, other
// credentials) is closed and made again. Make must not block: connect later. Key is a value of a type private to its
// file.
func Keep[T any](k *Kept, key any, fingerprint string, make_ func() (thing T, close func(), err error)) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var zero T
	if k.closed {
		return zero, Unknown(ReasonError, errors.New("the configuration has been replaced"))
	}
	old, ok := k.things[key]
	if ok && old.print == fingerprint {
		return old.value.(T), nil
	}
	thing, closeThing, err := make_()
	if err != nil {
		return zero, err
	}
	if ok && old.close != nil {
		old.close()
	}
	if k.things == nil {
		k.things = make(map[any]kept)
	}
	k.things[key] = kept{fingerprint, thing, closeThing}
	return thing, nil
}

// Close closes all kept values.
func (k *Kept) Close() {
	k.mu.Lock()
	things := k.things
	k.things, k.closed = nil, true
	k.mu.Unlock()
	for _, t := range things {
		if t.close != nil {
			t.close()
		}
	}
}

// Trust configures whose attestations count.
type Trust struct {
	AllowedSigners string        `yaml:"allowed_signers" doc:"allowed_signers file in the format of ssh-keygen(1); when set, every attestation must be signed by a key in it"`
	Roles          []attest.Role `yaml:"roles" doc:"who may attest in which role; a role that is not listed is open to all of allowed_signers"`
	SignedReleases bool          `yaml:"signed_releases" doc:"release records must be signed too (deploy --sign-with); without it, they must once one is signed"`
}

// Validate checks that there are keys for what must be signed; schema.Decode calls it.
func (t *Trust) Validate() []error {
	if t.SignedReleases && t.AllowedSigners == "" {
		return []error{schema.FieldError{Field: "signed_releases", Err: errors.New("requires allowed_signers")}}
	}
	return nil
}

// RoleNamed returns the definition of a role.
func (t Trust) RoleNamed(name string) attest.Role {
	for _, r := range t.Roles {
		if r.Name == name {
			return r
		}
	}
	return attest.Role{Name: name}
}

// RolesNamed returns the definitions of the named roles.
func (t Trust) RolesNamed(names []string) []attest.Role {
	var all []attest.Role
	for _, n := range names {
		all = append(all, t.RoleNamed(n))
	}
	return slices.Clip(all)
}

// Reading returns a pass over a view that reads files and reaches nothing else, for Breakages.
func Reading(view *deployment.View) *Pass {
	deps := &Deps{Now: time.Now, Files: &files.Cache{}, Log: slog.New(slog.DiscardHandler), Getenv: func(string) string { return "" }, Kept: &Kept{}}
	deps.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("this pass only reads files")
	}
	return &Pass{Deps: deps, Time: deps.Now(), Deployment: view.Deployment, View: view}
}

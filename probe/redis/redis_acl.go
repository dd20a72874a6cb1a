package redis

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
)

// redis_random_login: does Redis reject a random password of the configured ACL user?
//
// AUTH accepts any password of an ACL user with the flag nopass, so an accepted password proves nothing for such a user.
// The flag is read with ACL GETUSER. Only a user that may not read it logs in once with a random password, on a
// connection of its own. The default user needs no such proof: with nopass it is logged in without AUTH.

func RandomLoginKind() probe.Kind {
	return probe.Kind{
		Name:       "redis_random_login",
		Services:   []deployment.Service{deployment.RedisService},
		Question:   "Does Redis reject a random password of the configured ACL user?",
		Example:    "{}",
		Layer:      probe.LayerLive,
		Reads:      "ACL GETUSER at Redis (deployment.redis, or REDIS_HOST and related variables); where that is not permitted, one login attempt a day with a random password, which adds an entry to ACL LOG",
		Permission: "network access to it; +acl|getuser for the ACL user avoids the attempt",
		MaxAge:     24 * time.Hour,
		Timeout:    15 * time.Second,
		Active:     true,
		Alone:      true,
		New:        func() any { return &redisRandomLogin{} },
	}
}

type redisRandomLogin struct{}

// Key changes with the server, the user and the password, so a change is checked before max_age has passed. It is called
// before each cycle of an enabled probe, which tells redis_auth that the login is attempted here.
func (s *redisRandomLogin) Key(p *probe.Pass) string {
	a, err := p.View.RedisAccess()
	if err != nil {
		return ""
	}
	t := redisTarget{RedisAccess: a}
	aclMemoryOf(p, t).attempts.Store(true)
	return t.fingerprint()
}

// fingerprint changes with the server, the user and the password.
func (t redisTarget) fingerprint() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", t.Address(), t.User, t.Password.Text.Reveal()))
	return hex.EncodeToString(sum[:])
}

// aclUser is the user in messages and commands.
func (t redisTarget) aclUser() string {
	if t.User == "" {
		return "default"
	}
	return t.User
}

func (s *redisRandomLogin) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	t, err := redisAt(p)
	if err != nil {
		return probe.Result{}, err
	}
	if t.aclUser() == "default" {
		return probe.Result{}, probe.Skip("REDIS_USER", "no ACL user is configured: redis_auth checks the default user")
	}
	if err := t.credential(); err != nil {
		return probe.Result{}, err
	}
	var seen aclEntries
	err = t.with(ctx, func(c *redisConn) error {
		if err := t.login(c); err != nil {
			return err
		}
		seen, err = t.readACL(c)
		return err
	})
	if err != nil {
		return t.unasked(err)
	}
	if seen.own != aclUnread {
		var f probe.ResultBuilder
		seen.judge(&f, t)
		return f.Result("Redis at %s requires a password of the configured ACL user", t.Address()), nil
	}
	guess := make([]byte, 24)
	_, _ = rand.Read(guess) // never fails
	return s.judge(t, t.with(ctx, func(c *redisConn) error {
		_, err := c.do("AUTH", t.User, hex.EncodeToString(guess))
		return err
	}))
}

// judge classifies the reply to a random password.
func (s *redisRandomLogin) judge(t redisTarget, err error) (probe.Result, error) {
	switch {
	case err == nil:
		return probe.Failed(probe.ReasonOpen, "Redis at %s accepts any password of the configured ACL user: remove nopass from the user", t.Address()), nil
	case access.Code(err) == "WRONGPASS":
		return probe.Passed("Redis at %s rejects a random password of the configured ACL user", t.Address()), nil
	}
	return t.unasked(err)
}

// aclPassword says whether an ACL user needs a password.
type aclPassword int

const (
	aclUnread aclPassword = iota
	aclRequired
	aclNone // the flag nopass
)

// aclEntries is what the configured user may read of the access control list.
type aclEntries struct {
	own      aclPassword
	open     int // other users that are enabled, need no password and may run commands
	harmless int // the same, but without any command
}

// judge adds the faults of the access control list.
func (e aclEntries) judge(f *probe.ResultBuilder, t redisTarget) {
	if e.own == aclNone {
		f.Fail(probe.ReasonOpen, "Redis at %s accepts any password of the configured ACL user: remove nopass from the user", t.Address())
	}
	if e.open > 0 {
		f.Fail(probe.ReasonOpen, "Redis at %s has %d other ACL users that need no password: remove nopass from them or disable them (ACL SETUSER NAME off)", t.Address(), e.open)
	}
	if e.harmless > 0 {
		f.Warn(probe.ReasonWeak, "Redis at %s has %d ACL users without a password and without any command: disable them (ACL SETUSER NAME off)", t.Address(), e.harmless)
	}
}

// readACL reads the access control list as far as the logged-in user may. A refusal leaves it unread.
func (t redisTarget) readACL(c *redisConn) (e aclEntries, err error) {
	words, err := c.list("ACL", "GETUSER", t.aclUser())
	if err != nil {
		return e, aclRefused(err)
	}
	from, to := slices.Index(words, "flags"), slices.Index(words, "passwords")
	if from != 0 || to < from {
		return e, nil
	}
	e.own = aclRequired
	if slices.Contains(words[:to], "nopass") {
		e.own = aclNone
	}
	lines, err := c.list("ACL", "LIST")
	if err != nil {
		return e, aclRefused(err)
	}
	for _, line := range lines { // user NAME on nopass ~* +@all
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "user" || fields[1] == t.aclUser() || !slices.Contains(fields[2:], "on") || !slices.Contains(fields[2:], "nopass") {
			continue
		}
		if slices.ContainsFunc(fields[2:], func(rule string) bool {
			return strings.HasPrefix(strings.TrimLeft(rule, "("), "+") || rule == "allcommands"
		}) {
			e.open++
		} else {
			e.harmless++
		}
	}
	return e, nil
}

// aclRefused returns nil for a server without access control lists, or a user that may not read them.
func aclRefused(err error) error {
	if access.Code(err) != "" || errors.Is(err, errNotRedis) {
		return nil
	}
	return err
}

// aclMemory remembers for a day that the user may not read the access control list, since each refusal is an entry in
// ACL LOG.
type aclMemory struct {
	mu       sync.Mutex
	refused  time.Time
	attempts atomic.Bool // redis_random_login is enabled
}

type aclMemoryKey struct{}

const aclRetry = 24 * time.Hour

func aclMemoryOf(p *probe.Pass, t redisTarget) *aclMemory {
	m, err := probe.Keep(p.Kept, aclMemoryKey{}, t.fingerprint(), func() (*aclMemory, func(), error) { return &aclMemory{}, nil, nil })
	if err != nil { // the configuration is being replaced: nothing is kept
		return &aclMemory{}
	}
	return m
}

// read is readACL, at most once a day where that is refused.
func (m *aclMemory) read(t redisTarget, c *redisConn, now time.Time) (aclEntries, error) {
	m.mu.Lock()
	wait := !m.refused.IsZero() && now.Sub(m.refused) < aclRetry
	m.mu.Unlock()
	if wait {
		return aclEntries{}, nil
	}
	e, err := t.readACL(c)
	if err == nil && e.own == aclUnread {
		m.mu.Lock()
		m.refused = now
		m.mu.Unlock()
	}
	return e, err
}

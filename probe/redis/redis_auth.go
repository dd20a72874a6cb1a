package redis

import (
	"context"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
)

// redis_auth: does Redis reject clients without a password and accept the configured one?
//
// The first PING is sent without a password: an open Redis accepts any password of its default user, so an accepted
// password proves nothing by itself. Nor does it for an ACL user with the flag nopass, so the flags are read where the
// user may read them.

func AuthKind() probe.Kind {
	return probe.Kind{
		Name:       "redis_auth",
		Services:   []deployment.Service{deployment.RedisService},
		Question:   "Does Redis reject clients without a password and accept the configured one?",
		Example:    "{}",
		Layer:      probe.LayerLive,
		Reads:      "PING without and with the password, ACL GETUSER and ACL LIST at Redis (deployment.redis, or REDIS_HOST and related variables)",
		Permission: "network access to it; +acl|getuser and +acl|list for an ACL user, so that users without a password are found",
		MaxAge:     time.Minute,
		Timeout:    15 * time.Second,
		Alone:      true,
		New:        func() any { return &redisAuth{} },
	}
}

type redisAuth struct{}

// redisGreeting holds the reply to each attempt; later attempts are skipped once the verdict is known.
type redisGreeting struct {
	anonymous error // of PING without a password; nil for a reply
	login     error // of AUTH
	acl       aclEntries
	attempts  bool // redis_random_login tries another password
}

func (s *redisAuth) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	t, err := redisAt(p)
	if err != nil {
		return probe.Result{}, err
	}
	var g redisGreeting
	known := t.credential()
	memory := aclMemoryOf(p, t)
	g.attempts = memory.attempts.Load()
	err = t.with(ctx, func(c *redisConn) error {
		var pong string
		pong, g.anonymous = c.do("PING")
		if g.anonymous == nil && pong != "PONG" {
			return errNotRedis
		}
		switch word := access.Code(g.anonymous); {
		case g.anonymous != nil && word == "":
			return g.anonymous
		case word != "NOAUTH" || known != nil:
			return nil
		}
		g.login = t.login(c)
		if g.login != nil {
			if access.Code(g.login) == "" {
				return g.login
			}
			return nil
		}
		var err error
		g.acl, err = memory.read(t, c, p.Time)
		return err
	})
	if err != nil {
		return t.unasked(err)
	}
	return s.judge(t, g, known)
}

// judge classifies the replies; known is the error when the password is unknown.
func (s *redisAuth) judge(t redisTarget, g redisGreeting, known error) (probe.Result, error) {
	switch word := access.Code(g.anonymous); {
	case g.anonymous == nil:
		return probe.Failed(probe.ReasonOpen, "Redis at %s replies to PING without a password: set requirepass", t.Address()), nil
	case word == "LOADING", word == "BUSY", word == "MASTERDOWN", word == "MISCONF":
		// Redis returns these only after authentication.
		return probe.Failed(probe.ReasonOpen, "Redis at %s returned %s without a password: set requirepass", t.Address(), word), nil
	case word == "NOPERM":
		return probe.Warned(probe.ReasonWeak, "Redis at %s admits anyone as a default user that may not PING: disable that user", t.Address()), nil
	case word != "NOAUTH":
		return t.unasked(g.anonymous)
	case known != nil && !t.Password.Text.Empty() && t.Password.Ref.Kind == "":
		return probe.Result{}, known
	case known != nil:
		return probe.Result{}, probe.Needs(deployment.RedisService.Setting("password_file"), probe.Unknownf(probe.ReasonNotConfigured, "Redis at %s requires a password, but the configured one is unknown: %w", t.Address(), known))
	}
	switch word := access.Code(g.login); {
	case g.login == nil:
		var f probe.ResultBuilder
		g.acl.judge(&f, t)
		if g.acl.own == aclUnread && t.aclUser() != "default" {
			if !g.attempts {
				f.Warn(probe.ReasonWeak, "Redis at %s accepts %s, but may accept any password of the ACL user (nopass): that cannot be read. "+
					"Grant the user +acl|getuser, or enable redis_random_login", t.Address(), t.Password.Key)
			}
			return f.Result("Redis at %s accepts %s; redis_random_login checks whether the ACL user accepts others", t.Address(), t.Password.Key), nil
		}
		return f.Result("Redis at %s requires a password and accepts %s", t.Address(), t.Password.Key), nil
	case word == "WRONGPASS":
		return probe.Failed(probe.ReasonMismatch, "Redis at %s rejects %s: user, password or both differ from the server's", t.Address(), t.Password.Key), nil
	}
	return t.unasked(g.login)
}

package probe

import (
	"context"
	"time"
)

// redis_auth: does Redis refuse whoever gives no password, and accept the configured one?
//
// It is asked without a password first: an open Redis accepts any password of its default user, so that one accepted says nothing by itself.

func redisAuthKind() Kind {
	return Kind{
		Name:     "redis_auth",
		Question: "Does Redis refuse whoever gives no password, and accept the configured one?",
		Example:  "{}",
		Layer:    LayerLive,
		Reads:    "PING without and with the password at Redis (deployment.redis, or REDIS_HOST and its like); needs to reach it",
		MaxAge:   time.Minute,
		Timeout:  15 * time.Second,
		Alone:    true,
		New:      func() any { return &redisAuth{} },
	}
}

type redisAuth struct{}

// redisGreeting is what Redis said to each attempt; the later are not made when an earlier one decides.
type redisGreeting struct {
	anonymous error // of PING without a password; nil for an answer
	login     error // of AUTH
}

func (s *redisAuth) Probe(ctx context.Context, p *Pass) (Result, error) {
	t, err := redisAt(p)
	if err != nil {
		return Result{}, err
	}
	var g redisGreeting
	known := noPassword("Redis", redisPasswordSetting, t.Password)
	err = t.with(ctx, func(c *redisConn) error {
		var pong string
		pong, g.anonymous = c.do("PING")
		if g.anonymous == nil && pong != "PONG" {
			return errNotRedis
		}
		switch word := codeOf(g.anonymous); {
		case g.anonymous != nil && word == "":
			return g.anonymous
		case word != "NOAUTH" || known != nil:
			return nil
		}
		g.login = t.login(c)
		if codeOf(g.login) == "" {
			return g.login
		}
		return nil
	})
	if err != nil {
		return t.unasked(err)
	}
	return s.judge(t, g, known)
}

// judge judges what Redis said; known is the error of not knowing the password.
func (s *redisAuth) judge(t redisTarget, g redisGreeting, known error) (Result, error) {
	switch word := codeOf(g.anonymous); {
	case g.anonymous == nil:
		return Failed(ReasonOpen, "Redis at %s answers PING to whoever asks: it demands no password", t.Address()), nil
	case word == "LOADING", word == "BUSY", word == "MASTERDOWN", word == "MISCONF":
		// Said only to who is let in: the password is asked for before.
		return Failed(ReasonOpen, "Redis at %s answers %s to whoever asks: it demands no password", t.Address(), word), nil
	case word == "NOPERM":
		return Warned(ReasonWeak, "Redis at %s lets in whoever asks, as a default user that may not PING: switch that user off", t.Address()), nil
	case word != "NOAUTH":
		return t.unasked(g.anonymous)
	case known != nil:
		return Result{}, Needs(redisPasswordSetting, Unknownf(ReasonNotConfigured, "Redis at %s demands a password, but the one to try is not known: %w", t.Address(), known))
	}
	switch word := codeOf(g.login); {
	case g.login == nil:
		return Passed("Redis at %s demands a password and accepts %s", t.Address(), t.Password.Key), nil
	case word == "WRONGPASS":
		return Failed(ReasonMismatch, "Redis at %s does not accept %s: user, password or both differ from the server's", t.Address(), t.Password.Key), nil
	}
	return t.unasked(g.login)
}

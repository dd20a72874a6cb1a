package probe

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// redis_keyspace: do the keys in Redis expire, and is what is asked for found?
//
// A TTL that is configured and not used leaves keys without expiry. An empty Redis, or one that nobody asks, is no fault.

func redisKeyspaceKind() Kind {
	return Kind{
		Name:     "redis_keyspace",
		Question: "Do the keys in Redis expire, and is what is asked for found there?",
		Example:  "{min_expiring: 0.5, min_hit_ratio: 0.2}",
		Layer:    LayerLive,
		Reads:    "INFO keyspace and INFO stats of Redis (deployment.redis, or REDIS_HOST and its like); needs to reach it and the permission +info",
		Values:   []*Value{RedisExpiring, RedisHitRatio},
		MaxAge:   time.Minute,
		Timeout:  15 * time.Second,
		Alone:    true,
		New:      func() any { return &redisKeyspace{} },
	}
}

type redisKeyspace struct {
	MinExpiring float64 `yaml:"min_expiring" min:"0" max:"1" default:"0" doc:"share of keys with an expiry under which it warns; it always warns when no key has one"`
	MinHitRatio float64 `yaml:"min_hit_ratio" min:"0" max:"1" default:"0" doc:"share of lookups that find their key under which it warns, once there were a thousand"`
}

// minLookups is how many lookups a hit ratio must rest on to be judged.
const minLookups = 1000

// keyspace is what Redis tells of its keys, all databases together.
type keyspace struct {
	keys, expiring, hits, misses float64
}

func (s *redisKeyspace) Probe(ctx context.Context, p *Pass) (Result, error) {
	t, err := redisAt(p)
	if err != nil {
		return Result{}, err
	}
	if t.Password.Ref.Kind != "" {
		return Result{}, noPassword("Redis", redisPasswordSetting, t.Password)
	}
	var told [2]string
	err = t.with(ctx, func(c *redisConn) error {
		if !t.Password.Text.Empty() {
			// ERR: no password is set there; redis_auth judges that.
			if err := t.login(c); err != nil && codeOf(err) != "ERR" {
				return err
			}
		}
		for i, section := range []string{"keyspace", "stats"} {
			if told[i], err = c.do("INFO", section); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return t.unasked(err)
	}
	k, ok := parseKeyspace(told[0], told[1])
	if !ok {
		return t.unasked(errNotRedis)
	}
	return s.judge(k), nil
}

// parseKeyspace reads the sections keyspace and stats of INFO. It is not ok without the headers and counters that every Redis tells.
func parseKeyspace(keys, stats string) (k keyspace, ok bool) {
	if !strings.HasPrefix(keys, "# Keyspace") || !strings.HasPrefix(stats, "# Stats") {
		return k, false
	}
	number := func(text string) float64 {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			ok = false
		}
		return float64(n)
	}
	ok = true
	for line := range strings.SplitSeq(keys, "\n") { // db0:keys=2,expires=1,avg_ttl=0
		name, fields, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found || !strings.HasPrefix(name, "db") {
			continue
		}
		counted := map[string]float64{}
		for field := range strings.SplitSeq(fields, ",") {
			if key, text, _ := strings.Cut(field, "="); key == "keys" || key == "expires" {
				counted[key] = number(text)
			}
		}
		if len(counted) != 2 || counted["expires"] > counted["keys"] {
			ok = false
		}
		k.keys += counted["keys"]
		k.expiring += counted["expires"]
	}
	seen := 0
	for line := range strings.SplitSeq(stats, "\n") {
		switch key, text, _ := strings.Cut(strings.TrimSpace(line), ":"); key {
		case "keyspace_hits":
			k.hits = number(text)
			seen++
		case "keyspace_misses":
			k.misses = number(text)
			seen++
		}
	}
	return k, ok && seen == 2
}

func (s *redisKeyspace) judge(k keyspace) Result {
	var f Findings
	lookups := k.hits + k.misses
	if lookups > 0 {
		f.Measure(RedisHitRatio.Of(k.hits / lookups))
		if ratio := k.hits / lookups; lookups >= minLookups && ratio < s.MinHitRatio {
			f.Warn(ReasonThreshold, "%.0f %% of lookups find their key, at least %.0f %% are wanted", 100*ratio, 100*s.MinHitRatio)
		}
	}
	if k.keys == 0 {
		return f.Result("Redis holds no key at the moment")
	}
	share := k.expiring / k.keys
	f.Measure(RedisExpiring.Of(share))
	switch {
	case k.expiring == 0:
		f.Warn(ReasonWeak, "none of the %.0f keys has an expiry: the TTL that is configured is not used", k.keys)
	case share < s.MinExpiring:
		f.Warn(ReasonThreshold, "%.0f %% of the keys have an expiry, at least %.0f %% are wanted", 100*share, 100*s.MinExpiring)
	}
	return f.Result("%.0f of %.0f keys have an expiry", k.expiring, k.keys)
}

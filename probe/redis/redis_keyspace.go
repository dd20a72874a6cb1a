package redis

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
)

// redis_keyspace: do the keys in Redis expire, and do lookups find their keys?
//
// A configured TTL that is not used leaves keys without expiry. An empty or unused Redis is not a fault.

func KeyspaceKind() probe.Kind {
	return probe.Kind{
		Name:       "redis_keyspace",
		Services:   []deployment.Service{deployment.RedisService},
		Question:   "Do the keys in Redis expire, and do lookups find their keys?",
		Example:    "{min_expiring: 0.5, min_hit_ratio: 0.2}",
		Layer:      probe.LayerLive,
		Reads:      "INFO keyspace, stats and replication of Redis (deployment.redis, or REDIS_HOST and related variables)",
		Permission: "network access to it and the permission +info",
		Values:     []*probe.Value{Expiring, HitRatio},
		MaxAge:     time.Minute,
		Timeout:    15 * time.Second,
		Alone:      true,
		New:        func() any { return &redisKeyspace{} },
	}
}

type redisKeyspace struct {
	MinExpiring float64 `yaml:"min_expiring" min:"0" max:"1" default:"0" doc:"lowest share of keys with an expiry without a warning; no key with an expiry is always a warning"`
	MinHitRatio float64 `yaml:"min_hit_ratio" min:"0" max:"1" default:"0" doc:"lowest share of lookups that find their key without a warning, applied from a thousand lookups on"`
}

// minLookups is the number of lookups from which the hit ratio is judged.
const minLookups = 1000

// keyspace sums the key statistics of all databases.
type keyspace struct {
	keys, expiring, hits, misses float64
}

func (s *redisKeyspace) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	t, err := redisAt(p)
	if err != nil {
		return probe.Result{}, err
	}
	if !t.Password.Text.Empty() || t.Password.Ref.Kind != "" {
		if err := t.credential(); err != nil {
			return probe.Result{}, err
		}
	}
	var told [2]string
	var replication string
	err = t.with(ctx, func(c *redisConn) error {
		if !t.Password.Text.Empty() {
			// ERR: the server has no password; redis_auth checks that.
			if err := t.login(c); err != nil && access.Code(err) != "ERR" {
				return err
			}
		}
		for i, section := range []string{"keyspace", "stats"} {
			if told[i], err = c.do("INFO", section); err != nil {
				return err
			}
		}
		if _, ok := parseKeyspace(told[0], told[1]); !ok {
			return errNotRedis
		}
		replication, err = c.do("INFO", "replication")
		return err
	})
	if err != nil {
		return t.unasked(err)
	}
	k, _ := parseKeyspace(told[0], told[1])
	r := s.judge(k)
	if strings.Contains(replication, "\nrole:slave\r\n") && strings.Contains(replication, "\nslave_read_only:1\r\n") {
		r.Detail += " (on a read-only replica)"
	}
	return r, nil
}

// parseKeyspace parses the sections keyspace and stats of INFO. It is not ok without the headers and counters that
// every Redis reports.
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

func (s *redisKeyspace) judge(k keyspace) probe.Result {
	var f probe.ResultBuilder
	lookups := k.hits + k.misses
	if lookups > 0 {
		f.Measure(HitRatio.Of(k.hits / lookups))
		if ratio := k.hits / lookups; lookups >= minLookups && ratio < s.MinHitRatio {
			f.Warn(probe.ReasonThreshold, "%.0f %% of lookups find their key, expected at least %.0f %%", 100*ratio, 100*s.MinHitRatio)
		}
	}
	if k.keys == 0 {
		return f.Result("Redis is currently empty")
	}
	share := k.expiring / k.keys
	f.Measure(Expiring.Of(share))
	switch {
	case k.expiring == 0:
		f.Warn(probe.ReasonWeak, "none of the %.0f keys has an expiry: the configured TTL is not used", k.keys)
	case share < s.MinExpiring:
		f.Warn(probe.ReasonThreshold, "%.0f %% of the keys have an expiry, expected at least %.0f %%", 100*share, 100*s.MinExpiring)
	}
	return f.Result("%.0f of %.0f keys have an expiry", k.expiring, k.keys)
}

var Expiring = &probe.Value{Name: "catalyst_redis_keys_with_expiry_ratio", Help: "Share of Redis keys with an expiry, 0 to 1.", Labels: nil}

var HitRatio = &probe.Value{Name: "catalyst_redis_hit_ratio", Help: "Share of Redis lookups that found their key since the server started, 0 to 1.", Labels: nil}

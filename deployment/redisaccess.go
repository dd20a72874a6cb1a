package deployment

import (
	"cmp"
	"net"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/dsn"
)

// RedisAccess holds everything needed to connect to Redis.
type RedisAccess struct {
	Reach
	User     string
	Password Value
	TLS      bool
	CAFile   string // absolute, "" for the system's
	// Master is the name under which sentinels know the server; the address is then that of a sentinel.
	Master string
}

// RedisAccess returns how to reach Redis. The error is a *NoWayError if it is unreachable from here, else as for Value.
func (v *View) RedisAccess() (RedisAccess, error) {
	d := v.Deployment
	conf := d.Redis
	var a RedisAccess
	parts, at, err := v.urlOf("redis", "REDIS_URL", "PBS_REDIS_URL")
	if err != nil {
		return a, err
	}
	own := redisAddress(conf.Address)
	host, hostAt, err := v.setting(own.Host, parts.Host, at, "REDIS_HOST", "REDIS_ADDR", "REDIS_ADDRESS")
	if err != nil {
		return a, err
	}
	if own.Host == "" && parts.Host == "" { // REDIS_ADDR=redis:6379
		named := redisAddress(host)
		host, parts.Port, parts.Scheme = named.Host, named.Port, named.Scheme
	}
	port, err := v.port(own.Port, parts.Port, 6379, "REDIS_PORT")
	if err != nil {
		return a, err
	}
	if a.User, _, err = v.setting(conf.User, parts.User, at, "REDIS_USER", "REDIS_USERNAME"); err != nil {
		return a, err
	}
	if a.Password, err = v.password(conf.Password, conf.PasswordFile, parts, at, "redis", "REDIS_PASSWORD"); err != nil {
		return a, err
	}
	secure, _, err := v.setting("", "", "", "REDIS_TLS", "REDIS_SSL", "REDIS_TLS_ENABLED", "REDIS_USE_TLS")
	if err != nil {
		return a, err
	}
	from := parts.Parts
	if conf.Address != "" {
		from, secure = own, ""
	}
	switch on, err := strconv.ParseBool(strings.ToLower(secure)); {
	case conf.TLS != nil:
		a.TLS = *conf.TLS
	default:
		a.TLS = strings.HasPrefix(from.Scheme, "rediss") || err == nil && on
	}
	if strings.Contains(from.Scheme, "sentinel") {
		a.Master, _, _ = strings.Cut(from.Path, "/")
		a.Master = cmp.Or(a.Master, from.Query.Get("master"), from.Query.Get("sentinelMasterId"), "mymaster")
	}
	a.CAFile = d.Abs(conf.CAFile)
	if host == "" {
		host, hostAt = v.serviceRunning("redis")
	}
	a.Reach, err = v.reach(host, port, conf.Address != "", hostAt, RedisService.Setting("address"))
	return a, err
}

// redisAddress parses host:port, a URL or the path of a Unix socket.
func redisAddress(text string) dsn.Parts {
	if p, ok := dsn.Parse(text, "redis"); ok {
		return p
	}
	if h, p, err := net.SplitHostPort(text); err == nil {
		port, _ := strconv.Atoi(p)
		return dsn.Parts{Host: h, Port: port}
	}
	return dsn.Parts{Host: text}
}

// Package redis checks the running Redis server: authentication and keyspace.
package redis

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// Access to Redis: AUTH, PING, INFO, ACL GETUSER and ACL LIST in RESP 2 over one connection per run.
//
// A client library would reuse connections that logged in before the password changed, send commands of its own before
// the login, allocate as many bytes as a server announces, and log. Errors contain only the server's error word.

const (
	maxRedisAnswer  = 1 << 20 // bytes of one string
	maxRedisStrings = 10_000  // elements of an array
	maxRedisDepth   = 4       // of nested arrays
)

const errNotRedis = fault.OtherService("the server does not speak the Redis protocol")

// redisTarget describes the access to one Redis.
type redisTarget struct {
	deployment.RedisAccess
	patience time.Duration
	roots    *x509.CertPool
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	// cleartext allows sending the password to another host without TLS.
	cleartext bool
}

// redisAt returns the access to Redis. It is a skip when no Redis is known or it is unreachable from here.
func redisAt(p *probe.Pass) (redisTarget, error) {
	a, err := p.View.RedisAccess()
	if err != nil {
		return redisTarget{}, access.NotLocated("Redis", deployment.RedisService.Setting("address"), err)
	}
	if a.How == find.Default && a.Password.Text.Empty() && a.Password.Ref.Kind == "" {
		return redisTarget{}, probe.Skip(deployment.RedisService.Setting("address"), "no Redis found: REDIS_HOST is unset and no service runs redis")
	}
	conf := p.Deployment.Redis
	t := redisTarget{RedisAccess: a, patience: conf.Patience(), dial: reach.Dialer(p, a.Reach), cleartext: conf.TLS != nil}
	t.roots, _, err = access.Authorities(a.CAFile, deployment.RedisService.Setting("ca_file"), p.Roots)
	return t, err
}

// redisConn is a connection for one run.
type redisConn struct {
	conn net.Conn
	in   *bufio.Reader
}

// with connects, runs f, and closes the connection. The error is one that unasked classifies.
func (t redisTarget) with(ctx context.Context, f func(c *redisConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	err := t.ask(ctx, f)
	var answered *access.Refusal
	var unchecked *probe.NotCheckedError
	switch {
	case err == nil, errors.As(err, &answered), errors.As(err, &unchecked), errors.Is(err, errNotRedis), errors.Is(err, fault.ErrTooLong):
		return err
	}
	if err = fault.Redact(ctx, err); errors.Is(err, fault.ErrNotHTTP) {
		return errNotRedis
	}
	return err
}

func (t redisTarget) ask(ctx context.Context, f func(c *redisConn) error) error {
	if t.Master == "" {
		return t.at(ctx, t.Address(), f)
	}
	var master []string
	err := t.at(ctx, t.Address(), func(c *redisConn) (err error) {
		master, err = c.list("SENTINEL", "get-master-addr-by-name", t.Master)
		return err
	})
	switch {
	case access.Code(err) != "", errors.Is(err, errNotRedis), err == nil && len(master) != 2:
		return probe.Needs(deployment.RedisService.Setting("address")+" of the Redis server itself",
			probe.Unknownf(probe.ReasonNotConfigured, "the sentinel at %s did not return the address of the configured master", t.Address()))
	case err != nil:
		return err
	}
	return t.at(ctx, net.JoinHostPort(master[0], master[1]), f)
}

// at connects to an address, runs f, and closes the connection.
func (t redisTarget) at(ctx context.Context, address string, f func(c *redisConn) error) error {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := t.dial(ctx, network, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if t.TLS {
		name := t.Host
		if inside, _, err := net.SplitHostPort(t.Inside); err == nil {
			name = inside // the certificate is valid for the application's host name
		}
		secured := tls.Client(conn, &tls.Config{RootCAs: t.roots, ServerName: name, MinVersion: tls.VersionTLS12})
		if err := secured.HandshakeContext(ctx); err != nil {
			return err
		}
		conn = secured
	}
	return f(&redisConn{conn, bufio.NewReader(conn)})
}

// do sends a command and returns the reply, a simple or a bulk string. An error reply is a *refusal with its first
// word.
func (c *redisConn) do(words ...string) (string, error) { return send(c, c.answer, words) }

// list sends a command and returns the strings of the reply, an array, with those of nested arrays in place. Numbers
// and nil are left out.
func (c *redisConn) list(words ...string) ([]string, error) {
	return send(c, func() ([]string, error) {
		left := maxRedisStrings
		return c.array(&left, 0)
	}, words)
}

// send sends a command and reads the reply.
func send[T any](c *redisConn, read func() (T, error), words []string) (T, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&out, "$%d\r\n%s\r\n", len(w), w)
	}
	// A server that rejects the connection replies and closes before it reads: its reply counts, not the send error.
	_, sendErr := io.WriteString(c.conn, out.String())
	answer, err := read()
	if err != nil && sendErr != nil && access.Code(err) == "" && !errors.Is(err, errNotRedis) {
		err = sendErr
	}
	return answer, err
}

func (c *redisConn) answer() (string, error) {
	line, err := c.line()
	if err != nil {
		return "", err
	}
	switch line[0] {
	case '+':
		return line[1:], nil
	case '-':
		word := redisWord(line[1:])
		return "", &access.Refusal{Code: word, Words: word}
	case '$':
		n, err := strconv.Atoi(line[1:])
		switch {
		case err != nil || n < 0:
			return "", errNotRedis
		case n > maxRedisAnswer:
			return "", fault.ErrTooLong
		}
		body := make([]byte, n+2)
		if _, err := io.ReadFull(c.in, body); err != nil {
			return "", err
		}
		return string(body[:n]), nil
	}
	return "", errNotRedis
}

// array reads an array at a depth. left is the number of elements that may still come.
func (c *redisConn) array(left *int, depth int) ([]string, error) {
	first, err := c.in.Peek(1)
	switch {
	case err != nil:
		return nil, err
	case first[0] == '-' && depth == 0:
		_, err := c.answer()
		return nil, err
	case first[0] != '*' || depth > maxRedisDepth:
		return nil, errNotRedis
	}
	line, err := c.line()
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < -1 {
		return nil, errNotRedis
	}
	var all []string
	for range max(n, 0) {
		if *left--; *left < 0 {
			return nil, fault.ErrTooLong
		}
		first, err := c.in.Peek(2)
		if err != nil {
			return nil, err
		}
		switch {
		case first[0] == '*':
			inner, err := c.array(left, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, inner...)
		case first[0] == ':', string(first) == "$-":
			if _, err := c.line(); err != nil {
				return nil, err
			}
		default:
			text, err := c.answer()
			if err != nil {
				return nil, err
			}
			all = append(all, text)
		}
	}
	return all, nil
}

// line reads one non-empty line without its end.
func (c *redisConn) line() (string, error) {
	raw, err := c.in.ReadSlice('\n') // bounded by the reader's buffer
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errNotRedis
	case errors.Is(err, io.EOF) && len(raw) > 0:
		return "", errNotRedis
	case err != nil:
		return "", err
	}
	line, ok := strings.CutSuffix(string(raw), "\r\n")
	if !ok || line == "" {
		return "", errNotRedis
	}
	return line, nil
}

// redisWord returns the first word of a Redis error if it is known. Other server text is not repeated.
func redisWord(text string) string {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "NOAUTH", "WRONGPASS", "NOPERM", "DENIED", "LOADING", "BUSY", "MASTERDOWN", "MISCONF", "CLUSTERDOWN", "WRONGTYPE", "MOVED", "ASK":
		return word
	case "ERR":
		switch { // Redis before version 6, and the error for too many clients
		case strings.HasPrefix(rest, "invalid password"):
			return "WRONGPASS"
		case strings.HasPrefix(rest, "operation not permitted"):
			return "NOAUTH"
		case strings.HasPrefix(rest, "max number of clients"):
			return "MAXCLIENTS"
		}
		return "ERR"
	}
	return "another error"
}

// login sends user and password. Without TLS they are sent only to this host, unless the configuration allows more.
func (t redisTarget) login(c *redisConn) error {
	if !t.TLS && !t.cleartext && !reach.Local(t.Reach, c.conn.RemoteAddr()) {
		return probe.Needs(deployment.RedisService.Setting("tls"), probe.Unknownf(probe.ReasonNotConfigured,
			"the password is not sent to Redis at %s: the host is not this one and the connection has no TLS. Set deployment.redis.tls to true, or to false to accept that", t.Address()))
	}
	words := []string{"AUTH"}
	if t.User != "" {
		words = append(words, t.User)
	}
	_, err := c.do(append(words, t.Password.Text.Reveal())...)
	return err
}

// credential is the error for a password that is unknown, or not meant for this address; nil when it may be sent.
func (t redisTarget) credential() error {
	if err := reach.Credential(reach.IsGiven(t.Reach), t.Password, deployment.RedisService.Setting("address")); err != nil {
		return err
	}
	return access.NoPassword("Redis", deployment.RedisService.Setting("password_file"), t.Password)
}

// unasked classifies an access error.
func (t redisTarget) unasked(err error) (probe.Result, error) {
	return access.JudgeError("Redis", err, t.Reach, deployment.RedisService.Setting("address"), func(r *access.Refusal, _ error) (probe.Result, error) {
		told := fmt.Errorf("Redis at %s returned %s", t.Address(), r.Code)
		switch r.Code {
		case "NOAUTH":
			return probe.Result{}, probe.Needs(deployment.RedisService.Setting("password_file"), probe.Unknown(probe.ReasonNotConfigured, told))
		case "WRONGPASS":
			return probe.Result{}, probe.Needs("a password accepted by Redis, see redis_password", probe.Unknown(probe.ReasonBlocked, told))
		case "NOPERM":
			return probe.Result{}, probe.Needs("+info for the ACL user of the exporter", probe.Unknown(probe.ReasonPermissionDenied, told))
		case "DENIED":
			return probe.Result{}, probe.Needs("running the exporter on the Redis host, or a password for the default user",
				probe.Unknown(probe.ReasonPermissionDenied, fmt.Errorf("%w: the default user has no password, and protected mode admits only local connections", told)))
		case "LOADING", "BUSY", "MASTERDOWN", "MISCONF", "CLUSTERDOWN", "MAXCLIENTS":
			return probe.Result{}, probe.Unknown(probe.ReasonUnhealthy, told)
		}
		return probe.Result{}, probe.Unknown(probe.ReasonError, told)
	})
}

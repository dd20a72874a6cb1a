// Redis: without a password (the default), with one, with users, with TLS.

package parts

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisServer is a running Redis.
type RedisServer struct {
	*process
	Host     string // always 127.0.0.1
	Port     int
	Password string // of the default user; empty for no password
	tls      *Cert
	start    func(port int) spec
}

// RedisOption changes how a server is set up.
type RedisOption func(*redisSetup)

type redisSetup struct {
	password string
	tls      *Cert
	users    []string // of the ACL file
	lines    []string // of the configuration
}

// RedisPassword sets a password for the default user.
func RedisPassword(password string) RedisOption {
	return func(s *redisSetup) { s.password = password }
}

// RedisUser adds an ACL user with rules in Redis's syntax, for example "~*", "+@read".
func RedisUser(name, password string, rules ...string) RedisOption {
	return func(s *redisSetup) {
		s.users = append(s.users, "user "+name+" on >"+password+" "+strings.Join(rules, " "))
	}
}

// RedisLine adds a line to the configuration.
func RedisLine(line string) RedisOption {
	return func(s *redisSetup) { s.lines = append(s.lines, line) }
}

// RedisTLS makes the port accept TLS only.
func RedisTLS(cert *Cert) RedisOption { return func(s *redisSetup) { s.tls = cert } }

// Redis starts a server without persistence.
func Redis(t testing.TB, options ...RedisOption) *RedisServer {
	t.Helper()
	program := Need(t, "redis-server")
	setup := redisSetup{}
	for _, option := range options {
		option(&setup)
	}
	dir := tempDir(t, -1, -1)
	lines := []string{"bind 127.0.0.1", `save ""`, "appendonly no", "databases 16", "dir " + dir}
	if setup.tls != nil {
		chain, key, root := setup.tls.Write(t, dir)
		lines = append(lines, "tls-cert-file "+chain, "tls-key-file "+key, "tls-ca-cert-file "+root, "tls-auth-clients no")
	}
	switch {
	case len(setup.users) > 0: // with an ACL file requirepass is ignored
		defaultUser := "user default on nopass ~* &* +@all"
		if setup.password != "" {
			defaultUser = "user default on >" + setup.password + " ~* &* +@all"
		}
		users := filepath.Join(dir, "users.acl")
		WriteFile(t, users, strings.Join(append([]string{defaultUser}, setup.users...), "\n")+"\n", 0o600)
		lines = append(lines, "aclfile "+users)
	case setup.password != "":
		lines = append(lines, "requirepass "+strconv.Quote(setup.password))
	}
	lines = append(lines, setup.lines...)
	config := filepath.Join(dir, "redis.conf")
	WriteFile(t, config, strings.Join(lines, "\n")+"\n", 0o600)

	server := &RedisServer{Host: "127.0.0.1", Password: setup.password, tls: setup.tls, start: func(port int) spec {
		args := []string{config, "--port", strconv.Itoa(port)}
		if setup.tls != nil {
			args = []string{config, "--port", "0", "--tls-port", strconv.Itoa(port)}
		}
		return spec{name: "redis", path: program, args: args, dir: dir}
	}}
	server.process, server.Port = serve(t, server.start, server.answers)
	return server
}

// Restart stops the server and starts it again on its port, without data.
func (s *RedisServer) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	s.process = serveAt(t, s.Port, s.start, s.answers)
}

// Addr returns host:port.
func (s *RedisServer) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Do runs one command as the default user and returns the first line of the raw response, for example "+OK", ":3" or
// "-ERR …".
func (s *RedisServer) Do(t testing.TB, command ...string) string {
	t.Helper()
	answer, err := s.do(s.Port, command...)
	if err != nil {
		t.Fatalf("redis: %v", err)
	}
	return answer
}

// Script runs commands, each a line of words, over one connection.
func (s *RedisServer) Script(t testing.TB, commands []string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		t.Fatalf("redis: %v", err)
	}
	defer conn.Close()
	if s.tls != nil {
		conn = tls.Client(conn, readinessTLS(s.tls))
	}
	reader := bufio.NewReader(conn)
	for _, command := range commands {
		if answer, err := redisCommand(conn, reader, strings.Fields(command)...); err != nil || strings.HasPrefix(answer, "-") {
			t.Fatalf("redis: %s: %s %v", command, answer, err)
		}
	}
}

// answers waits for PONG or a demand for a password, which are sent only after the data is loaded.
func (s *RedisServer) answers(_ *process, port int) error {
	answer, err := s.do(port, "PING")
	if err == nil && answer != "+PONG" && !strings.HasPrefix(answer, "-NOAUTH") && !strings.HasPrefix(answer, "-NOPERM") {
		err = errors.New(answer)
	}
	return err
}

func (s *RedisServer) do(port int, command ...string) (string, error) {
	address := net.JoinHostPort(s.Host, strconv.Itoa(port))
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if s.tls != nil {
		conn = tls.Client(conn, readinessTLS(s.tls))
	}
	reader := bufio.NewReader(conn)
	if s.Password != "" {
		if answer, err := redisCommand(conn, reader, "AUTH", s.Password); err != nil || answer != "+OK" {
			return answer, err
		}
	}
	return redisCommand(conn, reader, command...)
}

// redisCommand speaks RESP 2: it sends an array of bulk strings and reads one line.
func redisCommand(conn net.Conn, reader *bufio.Reader, words ...string) (string, error) {
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := conn.Write([]byte(request.String())); err != nil {
		return "", err
	}
	line, err := reader.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// RedisSentinel starts a sentinel that watches a server as mymaster, and returns its address.
func RedisSentinel(t testing.TB, master *RedisServer) string {
	t.Helper()
	program := Need(t, "redis-server")
	dir := tempDir(t, -1, -1)
	config := filepath.Join(dir, "sentinel.conf")
	start := func(port int) spec {
		lines := []string{"bind 127.0.0.1", "port " + strconv.Itoa(port), "dir " + dir, "sentinel monitor mymaster " + master.Host + " " + strconv.Itoa(master.Port) + " 1"}
		if master.Password != "" {
			lines = append(lines, "sentinel auth-pass mymaster "+master.Password)
		}
		WriteFile(t, config, strings.Join(lines, "\n")+"\n", 0o600)
		return spec{name: "sentinel", path: program, args: []string{config, "--sentinel"}, dir: dir}
	}
	sentinel := &RedisServer{Host: "127.0.0.1"}
	sentinel.process, sentinel.Port = serve(t, start, sentinel.answers)
	return sentinel.Addr()
}

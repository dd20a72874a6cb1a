package exporter

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"time"
)

// Servers that echo everything they receive, including credentials, in every part of their responses. A program that shows
// a server's response then shows its own secrets.

// manner is the behaviour of the servers.
type manner string

const (
	refuses manner = "refuses" // refuse connections
	denies  manner = "denies"  // deny the login
	babbles manner = "babbles" // send invalid protocol data
	accepts manner = "accepts" // accept the login; responses contain secrets
)

// echoes holds the addresses of the servers and everything they received.
type echoes struct {
	http, redis, postgres string

	given *lockedBuffer
}

// tee records what is read from a connection.
type tee struct {
	net.Conn
	kept io.Writer
}

func (t tee) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	_, _ = t.kept.Write(p[:n])
	return n, err
}

func startEchoes(t *testing.T, how manner, sent string) echoes {
	t.Helper()
	if how == refuses {
		closed := func() string {
			l := listen(t)
			_ = l.Close()
			return l.Addr().String()
		}
		return echoes{closed(), closed(), closed(), &lockedBuffer{}}
	}
	e := echoes{given: &lockedBuffer{}}
	e.redis = echoTCP(t, func(c net.Conn) { echoRedis(tee{c, e.given}, how) })
	e.postgres = echoTCP(t, func(c net.Conn) { echoPostgres(tee{c, e.given}, how) })
	if how == babbles {
		e.http = echoTCP(t, func(c net.Conn) { echoBabble(tee{c, e.given}) })
		return e
	}
	l := listen(t)
	server := &http.Server{Handler: echoHTTP(how, sent), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(teeListener{l, e.given}) }()
	t.Cleanup(func() { _ = server.Close() })
	e.http = l.Addr().String()
	return e
}

type teeListener struct {
	net.Listener
	kept io.Writer
}

func (t teeListener) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tee{c, t.kept}, nil
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// echoHTTP echoes the request in the body, in headers and in a redirect. sent is a secret of the server itself.
func echoHTTP(how manner, sent string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dump, _ := httputil.DumpRequest(r, true)
		said := fmt.Sprintf("%s %s", r.Header.Get("Authorization"), sent)
		w.Header().Set("Server", said)
		w.Header().Set("WWW-Authenticate", "Basic realm="+said)
		w.Header().Set("Content-Type", "application/json")
		status := http.StatusOK
		body := fmt.Sprintf(`{"status":%q,"version":%q,"database":%q,"error":%q,"message":%q,"data":%q,"errorType":%q,"components":{"database":{"status":%q},"redis":%q}}`,
			said, said, said, said, said, dump, said, said, said)
		if engine := echoEngine(w, r.URL.Path, sent, said); engine != "" {
			body = engine
		}
		switch {
		case strings.HasPrefix(r.Header.Get("Authorization"), "AWS4"):
			w.Header().Set("Content-Type", "application/xml")
			body = "<Error><Code>" + sent + "</Code><Message>" + said + "</Message><RequestId>" + said + "</RequestId></Error>"
		case strings.HasPrefix(r.URL.Path, "/terms"):
			w.Header().Set("Location", "http://exporter:"+sent+"@127.0.0.2/?token="+sent)
			status = http.StatusFound
		case strings.HasPrefix(r.URL.Path, "/privacy"):
			w.Header().Set("Content-Type", "text/html")
			body = "<html><title>" + said + "</title><body>privacy " + strings.Repeat(said+" ", 50) + "</body></html>"
		case strings.HasPrefix(r.URL.Path, "/api/v1/targets"):
			body = fmt.Sprintf(`{"status":"success","data":{"activeTargets":[{"labels":{"job":"catalyst","instance":%q},"scrapePool":"catalyst","scrapeUrl":"http://x:%s@127.0.0.1/","health":"down","lastError":%q}]}}`, sent, sent, said)
		case strings.HasPrefix(r.URL.Path, "/api/v1/rules"):
			body = fmt.Sprintf(`{"status":"success","data":{"groups":[{"name":"g","rules":[{"type":"alerting","name":"A","query":"up{token=\"%s\"}","health":"err","lastError":%q,"alerts":[]}]}]}}`, sent, said)
		case strings.HasPrefix(r.URL.Path, "/api/v1/query"):
			body = fmt.Sprintf(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"token":%q},"value":[1,%q]}]}}`, sent, sent)
		case strings.HasPrefix(r.URL.Path, "/api/health"):
			body = fmt.Sprintf(`{"database":%q,"version":%q}`, sent, sent)
		}
		if how == denies {
			status = http.StatusUnauthorized
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// echoEngine returns the response of a Docker Engine whose containers are full of secrets, or "" for other paths.
func echoEngine(w http.ResponseWriter, path, sent, said string) string {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	labels := fmt.Sprintf(`{"com.docker.compose.project":"planted","com.docker.compose.service":"catalyst","com.docker.compose.oneoff":"False","token":%q}`, sent)
	switch {
	case strings.HasSuffix(path, "/_ping"):
		w.Header().Set("Api-Version", "1.41")
		return "OK " + sent
	case strings.HasSuffix(path, "/containers/json"):
		return fmt.Sprintf(`[{"Id":%q,"Names":["/planted-catalyst-1"],"Image":"x","ImageID":"sha256:%s","Command":%q,"State":"running","Status":%q,"Labels":%s,"Ports":[]}]`, id, id, "serve --key "+sent, sent, labels)
	case strings.HasSuffix(path, "/containers/"+id+"/json"):
		return fmt.Sprintf(`{"Id":%q,"Name":"/planted-catalyst-1","Path":"serve","Args":["--key",%q],"State":{"Status":"running","Running":true,"Error":%q,"StartedAt":"2026-01-01T00:00:00Z"},"Image":"sha256:%s",
"Config":{"Image":"x","Tty":true,"Env":["DB_PASSWORD=%s","LOG_LEVEL=%s","PBS_ENFORCE_GDPR=%s","PBS_ANONYMIZE_IP=%s"],"Cmd":[%q],"Labels":%s},"HostConfig":{},"NetworkSettings":{"Ports":{}},"Mounts":[]}`, id, sent, sent, id, sent, sent, sent, sent, sent, labels)
	case strings.HasSuffix(path, "/logs"):
		return "panic: " + sent + "\nlevel=error msg=\"" + said + "\"\n"
	}
	return ""
}

// echoTCP serves connections with a function until the test ends, and waits for all connections.
func echoTCP(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l := listen(t)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			all.Go(func() { defer func() { _ = c.Close() }(); serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

// echoBabble echoes what it receives.
func echoBabble(c net.Conn) {
	b := make([]byte, 4096)
	n, _ := c.Read(b)
	_, _ = fmt.Fprintf(c, "%q %s\r\n", b[:n], b[:n])
}

// echoRedis implements enough of the Redis protocol to receive the password.
func echoRedis(c net.Conn, how manner) {
	readRedis(c, func(words []string) string {
		said := strings.Join(words, " ")
		command := strings.ToUpper(words[0])
		switch {
		case how == babbles:
			return fmt.Sprintf("-%s\r\n", said)
		case how == accepts && command == "AUTH":
			return "+OK\r\n"
		case how == accepts && command == "PING":
			return "+PONG\r\n"
		case command == "AUTH":
			return fmt.Sprintf("-WRONGPASS %s\r\n", said)
		case command == "PING":
			return fmt.Sprintf("-NOAUTH %s\r\n", said)
		}
		return fmt.Sprintf("-ERR unknown command %s\r\n", said)
	})
}

// readRedis reads commands until the connection ends, and writes the response to each.
func readRedis(c net.Conn, respond func(words []string) string) {
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		words, count := []string{}, 0
		_, _ = fmt.Sscanf(line, "*%d", &count)
		for range min(count, 100) {
			if _, err := in.ReadString('\n'); err != nil { // the length
				return
			}
			word, err := in.ReadString('\n')
			if err != nil {
				return
			}
			words = append(words, strings.TrimSpace(word))
		}
		if len(words) == 0 {
			words = []string{strings.TrimSpace(line)}
		}
		_, _ = io.WriteString(c, respond(words))
	}
}

// echoPostgres implements enough of the PostgreSQL protocol to receive the password in plain text.
func echoPostgres(c net.Conn, how manner) {
	read := func(tagged bool) ([]byte, error) {
		head := make([]byte, 4)
		if tagged {
			head = make([]byte, 5)
		}
		if _, err := io.ReadFull(c, head); err != nil {
			return nil, err
		}
		n := binary.BigEndian.Uint32(head[len(head)-4:])
		if n < 4 || n > 1<<16 {
			return nil, io.ErrUnexpectedEOF
		}
		body := make([]byte, n-4)
		_, err := io.ReadFull(c, body)
		return body, err
	}
	send := func(tag byte, body string) {
		_, _ = c.Write(append(binary.BigEndian.AppendUint32([]byte{tag}, uint32(len(body)+4)), body...))
	}
	fault := func(code, text string) {
		send('E', "SFATAL\x00VFATAL\x00C"+code+"\x00M"+text+"\x00D"+text+"\x00H"+text+"\x00\x00")
	}
	start, err := read(false)
	if err == nil && len(start) == 4 { // decline TLS
		_, _ = io.WriteString(c, "N")
		start, err = read(false)
	}
	if err != nil {
		return
	}
	if how == babbles {
		fault("XX000", string(start))
		return
	}
	send('R', "\x00\x00\x00\x03") // request the password in plain text
	password, err := read(true)
	if err != nil {
		return
	}
	said := strings.ReplaceAll(string(password)+" "+string(start), "\x00", " ")
	if how == denies {
		fault("28P01", "password authentication failed: "+said)
		return
	}
	send('R', "\x00\x00\x00\x00")
	send('Z', "I")
	for {
		if _, err := read(true); err != nil {
			return
		}
		fault("42P01", "no such relation: "+said)
		send('Z', "I")
	}
}

package tcpcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// greets listens and sends texts, then waits for the client or closes the connection.
func greets(t *testing.T, waits bool, texts ...string) string {
	t.Helper()
	return probetest.Listener(t, func(c net.Conn) {
		for _, text := range texts {
			_, _ = io.WriteString(c, text)
		}
		if waits {
			_, _ = c.Read(make([]byte, 1))
		}
	})
}

func TestTCPPort_Greeting(t *testing.T) {
	t.Parallel()
	long := parts.Patience.String()
	mark := parts.Secret()
	for name, test := range map[string]struct {
		texts  []string
		waits  bool
		expect string
		within string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"SMTP":                   {[]string{"220 mx ESMTP\r\n"}, true, "220 ", long, probe.StatePass, "", ""},
		"SMTP in pieces":         {[]string{"2", "20", " mx", " ESMTP\r", "\n"}, true, "220 .*ESMTP", long, probe.StatePass, "", ""},
		"continued line":         {[]string{"220-mx\r\n", "220 ready\r\n"}, true, `(220-.*\n)*220 `, long, probe.StatePass, "", ""},
		"SSH":                    {[]string{"SSH-2.0-OpenSSH_9.9\r\n"}, true, "SSH-2.0", long, probe.StatePass, "", ""},
		"closed after greeting":  {[]string{"220 mx\r\n"}, false, "220", long, probe.StatePass, "", ""},
		"MySQL":                  {[]string{"J\x00\x00\x00\x0a8.0.36\x00"}, true, `(?s).{5}8\.`, long, probe.StatePass, "", ""},
		"refuses service":        {[]string{"554 " + mark + "\r\n"}, false, "220", long, probe.StateFail, probe.ReasonMismatch, "other text than 220"},
		"another, and waits":     {[]string{"554 " + mark + "\r\n"}, true, "220", "300ms", probe.StateFail, probe.ReasonMismatch, ""},
		"not at the beginning":   {[]string{"x 220 \r\n220 " + mark + "\r\n"}, false, "220", long, probe.StateFail, probe.ReasonMismatch, ""},
		"alternative":            {[]string{"x" + mark + "SSH-2.0\r\n"}, false, "220|SSH", long, probe.StateFail, probe.ReasonMismatch, ""},
		"cut":                    {[]string{"220 " + mark}, false, "220", long, probe.StateFail, probe.ReasonTruncated, "within the greeting"},
		"no greeting":            {nil, false, "220", long, probe.StateFail, probe.ReasonUnhealthy, "without a greeting"},
		"hangs":                  {nil, true, "220", "300ms", probe.StateFail, probe.ReasonTimeout, "does not complete"},
		"hangs within its line":  {[]string{"220 " + mark}, true, "220", "300ms", probe.StateFail, probe.ReasonTimeout, ""},
		"long line":              {[]string{"220 " + strings.Repeat("x", maxGreeting)}, true, "220", long, probe.StateFail, probe.ReasonMismatch, ""},
		"without expect, closes": {nil, false, "", long, probe.StatePass, "", "accepts connections"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			within := ""
			if test.within != long { // otherwise that of the kind would do; it is not reached
				within = ", within: " + test.within
			}
			spec := fmt.Sprintf("{address: %q, expect: '%s'%s}", greets(t, test.waits, test.texts...), test.expect, within)
			got := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), PortKind(), spec)
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, mark)
		})
	}
}

// A server that never stops sending ends neither the memory nor the time of the exporter.
func TestTCPPort_HostileGreeting(t *testing.T) {
	t.Parallel()
	endless := probetest.Listener(t, func(c net.Conn) {
		for piece := []byte(strings.Repeat("x", 1<<16)); ; {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	})
	drip := probetest.Listener(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "220 ")
		for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
			if _, err := io.WriteString(c, "x"); err != nil {
				tick.Stop()
				return
			}
		}
	})
	for address, reason := range map[string]probe.Reason{endless: probe.ReasonMismatch, drip: probe.ReasonTimeout} {
		got := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), PortKind(), fmt.Sprintf("{address: %q, expect: '220', within: 500ms}", address))
		probetest.Expect(t, got, probe.StateFail, reason, "")
	}
}

func TestTCPPort_Address(t *testing.T) {
	open := greets(t, true)
	_, port, _ := net.SplitHostPort(open)
	_, refusing, _ := net.SplitHostPort(parts.Refusing(t))
	mark := parts.Secret()
	folder := func() probetest.Folder {
		return probetest.Folder{
			".env":               "PORT=" + port + "\nREFUSING=127.0.0.1:" + refusing + "\nHIDDEN=169.254.169.254:80\nEMPTY=\nTEXT=redis://:" + mark + "@cache/0\nNAME=" + mark + ".invalid\n",
			"docker-compose.yml": "services:\n  a:\n    image: a\n    env_file: .env\n    ports: ['127.0.0.1:" + port + ":1', '127.0.0.1:" + refusing + ":2']\n"}
	}
	for name, test := range map[string]struct {
		address string
		state   probe.State
		reason  probe.Reason
		detail  string
	}{
		"accepts":             {open, probe.StatePass, "", "accepts connections"},
		"refuses":             {parts.Refusing(t), probe.StateFail, probe.ReasonUnreachable, "refuses connections"},
		"port of the files":   {"127.0.0.1:${env.PORT}", probe.StatePass, "", "127.0.0.1:${env.PORT} accepts"},
		"refuses, of files":   {"${env.REFUSING}", probe.StateUnknown, probe.ReasonUnreachable, "${env.REFUSING} refuses"},
		"metadata service":    {"${env.HIDDEN}", probe.StateUnknown, probe.ReasonNotConfigured, "metadata or link-local"},
		"not in the env file": {"cache:${env.NONE}", probe.StateUnknown, probe.ReasonNotConfigured, "NONE is not set"},
		"empty":               {"cache:${env.EMPTY}", probe.StateUnknown, probe.ReasonEmpty, "EMPTY is empty"},
		"not an address":      {"${env.TEXT}", probe.StateUnknown, probe.ReasonInvalid, "not host:port"},
		"unknown name":        {"${env.NAME}:1", probe.StateUnknown, probe.ReasonUnreachable, ""},
		"unknown plain name":  {"no-such-host.invalid:1", probe.StateUnknown, probe.ReasonUnreachable, "not resolved"},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, folder(), deployment.Settings{})
			got := probetest.Look(t, p, PortKind(), "{address: \""+test.address+"\"}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, mark)
			probetest.HasNot(t, got, "169.254")
		})
	}
}

// A port is closed only if every address refuses; silence is not a refusal.
func TestTCPPort_Closed(t *testing.T) {
	_, open, _ := net.SplitHostPort(greets(t, true))
	_, refusing, _ := net.SplitHostPort(parts.Refusing(t))
	const dropped, routeless = "11", "12"
	dial := func(real func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			switch host, port, _ := net.SplitHostPort(address); {
			case port == dropped, host == "::1" && port == open:
				<-ctx.Done()
				return nil, &net.OpError{Op: "dial", Err: ctx.Err()}
			case port == routeless:
				return nil, &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}
			}
			return real(ctx, network, address)
		}
	}
	names, err := net.DefaultResolver.LookupHost(t.Context(), "localhost")
	if err != nil || !slices.Contains(names, "127.0.0.1") {
		parts.Missing(t, fmt.Sprintf("localhost is not 127.0.0.1 but %v: %v", names, err))
	}
	for name, test := range map[string]struct {
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"refuses":                        {"address: '127.0.0.1:" + refusing + "'", probe.StatePass, "", "is closed"},
		"refuses, by name":               {"address: 'localhost:" + refusing + "'", probe.StatePass, "", "is closed"},
		"accepts":                        {"address: '127.0.0.1:" + open + "'", probe.StateFail, probe.ReasonExposed, "must be closed"},
		"accepts at one of two":          {"address: 'localhost:" + open + "'", probe.StateFail, probe.ReasonExposed, "must be closed"},
		"silent":                         {"address: '127.0.0.1:" + dropped + "'", probe.StateUnknown, probe.ReasonTimeout, "Set open_port"},
		"silent, and the host is up":     {"address: '127.0.0.1:" + dropped + "', open_port: " + open, probe.StatePass, "", ""},
		"silent, and the host refuses":   {"address: '127.0.0.1:" + dropped + "', open_port: " + refusing, probe.StateUnknown, probe.ReasonTimeout, "may be down"},
		"silent, and so is the other":    {"address: '127.0.0.1:" + dropped + "', open_port: 11", probe.StateUnknown, probe.ReasonTimeout, "may be down"},
		"accepts, with open_port":        {"address: '127.0.0.1:" + open + "', open_port: " + open, probe.StateFail, probe.ReasonExposed, ""},
		"no route":                       {"address: '127.0.0.1:" + routeless + "'", probe.StateUnknown, probe.ReasonUnreachable, "cannot be reached"},
		"name that does not exist":       {"address: 'no-such-host.invalid:1'", probe.StateUnknown, probe.ReasonUnreachable, "not resolved"},
		"silence is not within the time": {"address: '127.0.0.1:" + dropped + "', within: 50ms", probe.StateUnknown, probe.ReasonTimeout, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, nil, deployment.Settings{})
			p.Dial = dial(p.Dial)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			got := probe.Run(ctx, probetest.Load(t, PortKind(), "{expect_closed: true, "+test.spec+"}"), p)
			probetest.Expect(t, got, test.state, test.reason, test.detail)
		})
	}
}

// Time that runs out is a failure of the port; a run that is cancelled says nothing.
func TestTCPPort_Late(t *testing.T) {
	p := probetest.NewPass(t, nil, deployment.Settings{})
	p.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	pr := probetest.Load(t, PortKind(), "{address: '127.0.0.1:1', within: 50ms}")
	probetest.Expect(t, probe.Run(t.Context(), pr, p), probe.StateFail, probe.ReasonTimeout, "no connection in time")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	probetest.Expect(t, probe.Run(ctx, pr, p), probe.StateUnknown, probe.ReasonTimeout, "")
	p.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("mark") }
	got := probe.Run(t.Context(), pr, p)
	probetest.Expect(t, got, probe.StateUnknown, probe.ReasonUnreachable, "cannot be reached")
	probetest.HasNot(t, got, "mark")
}

func TestTCPPort_Refused(t *testing.T) {
	for spec, want := range map[string]string{
		"{address: cache}":                                            "host:port",
		"{address: 'cache:99999'}":                                    "host:port",
		"{address: 'cache:smtp'}":                                     "host:port",
		"{address: ':25'}":                                            "host:port",
		"{address: 'cache:${PORT}'}":                                  "only ${env.KEY}",
		"{address: 'cache:1', expect: '('}":                           "expect",
		"{address: 'cache:1', expect: x, expect_closed: true}":        "no greeting",
		"{address: 'cache:1', open_port: 22}":                         "is for expect_closed",
		"{address: 'cache:1', expect_closed: true, open_port: 70000}": "open_port",
		"{address: 'cache:1', within: 1m}":                            "within",
	} {
		if _, problems := probetest.Decode(PortKind(), spec); len(problems) == 0 || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v; want %q", spec, problems, want)
		}
	}
}

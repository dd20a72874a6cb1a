package releasecheck

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestReadLogLine(t *testing.T) {
	for line, want := range map[string]struct {
		level  logLevel
		panics bool
	}{
		`{"level":"info","msg":"no error"}`:                  {levelFine, false},
		`{"level":"error","msg":"x"}`:                        {levelError, false},
		`{"severity":"ERROR"}`:                               {levelError, false},
		`{"lvl":"warn"}`:                                     {levelFine, false},
		`{"log.level":"fatal"}`:                              {levelError, false},
		`{"level":"panic"}`:                                  {levelError, true},
		`{"level":50}`:                                       {levelError, false},
		`{"level":30,"msg":"x"}`:                             {levelFine, false},
		`{"level":40}`:                                       {levelFine, false},
		`{"level":7,"severity":"error"}`:                     {levelError, false},
		`{"level":null}`:                                     {levelNone, false},
		`{"level":"odd"}`:                                    {levelNone, false},
		`{"msg":"level=error"}`:                              {levelNone, false},
		`{"msg":{"level":"error"},"level":"info"}`:           {levelFine, false},
		`{"level":"error"`:                                   {levelNone, false},
		`time=2026-01-01T00:00:00Z level=ERROR msg="x"`:      {levelError, false},
		`time="2026-01-01" level="info" msg=error`:           {levelFine, false},
		`msg="said level=error \" level=error" level=info`:   {levelFine, false},
		`msg="never closed level=error`:                      {levelNone, false},
		`sublevel=error x`:                                   {levelNone, false},
		`just some words level=error`:                        {levelError, false},
		`severity=critical`:                                  {levelError, false},
		"\x1b[31mlevel=error\x1b[0m x":                       {levelError, false},
		`0 errors, no panic: all is well`:                    {levelNone, false},
		`an error occurred`:                                  {levelNone, false},
		`panic: runtime error: index out of range`:           {levelNone, true},
		`fatal error: concurrent map writes`:                 {levelNone, true},
		`goroutine 17 [running]:`:                            {levelNone, true},
		`goroutine 17 [chan receive]:`:                       {levelNone, false},
		`2026/01/01 00:00:00 http: panic serving [::1]:1: x`: {levelNone, true},
		`[Recovery] 2026/01/01 panic recovered:`:             {levelNone, true},
		`Exception in thread "main" java.lang.X`:             {levelNone, true},
		`Traceback (most recent call last):`:                 {levelNone, true},
		`thread 'main' panicked at src/main.rs:1`:            {levelNone, true},
		`Uncaught TypeError: x`:                              {levelNone, true},
		``:                                                   {levelNone, false},
	} {
		if level, panics := classifyLogLine([]byte(line)); level != want.level || panics != want.panics {
			t.Errorf("%s: %v %v", line, level, panics)
		}
	}
}

func TestLogCount(t *testing.T) {
	text := "level=info a\n\n  \nlevel=error b\r\npanic: x\nplain\nlevel=info last"
	for size := 1; size <= len(text); size++ { // however it is cut into frames
		var l logCount
		for i := 0; i < len(text); i += size {
			_, _ = l.Write([]byte(text[i:min(i+size, len(text))]))
		}
		l.end()
		if l.lines != 5 || l.levelled != 3 || l.errors != 1 || l.panics != 1 {
			t.Fatalf("in pieces of %d: %+v", size, l)
		}
	}
	var l logCount
	_, _ = l.Write([]byte(strings.Repeat("x", 3*maxLogLine)))
	_, _ = l.Write([]byte("\nlevel=error\n"))
	if l.lines != 2 || l.errors != 1 || cap(l.part) > 4*maxLogLine {
		t.Errorf("%d %d %d", l.lines, l.errors, cap(l.part))
	}
}

func TestReleaseLogsJudge(t *testing.T) {
	for name, tt := range map[string]struct {
		l      logCount
		cut    bool
		after  time.Duration
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"well":                        {logCount{lines: 200, levelled: 200}, false, time.Hour, probe.StatePass, "", "0 of 200 lines"},
		"exactly the share":           {logCount{lines: 200, levelled: 100, errors: 1}, false, time.Hour, probe.StatePass, "", "1 of 100"},
		"more":                        {logCount{lines: 500, levelled: 100, errors: 2}, false, time.Hour, probe.StateFail, probe.ReasonThreshold, "2 of 100 lines with a level (2.0 %)"},
		"a panic":                     {logCount{lines: 500, levelled: 500, panics: 1}, false, 48 * time.Hour, probe.StateFail, probe.ReasonUnhealthy, "1 line in the log of service catalyst in the last 1d"},
		"a panic and nothing else":    {logCount{lines: 1, panics: 1}, false, time.Minute, probe.StateFail, probe.ReasonUnhealthy, ""},
		"nothing yet":                 {logCount{}, false, quiet - 1, probe.StatePending, probe.ReasonInProgress, ""},
		"nothing":                     {logCount{}, false, quiet, probe.StateUnknown, probe.ReasonEmpty, "has logged nothing"},
		"no level":                    {logCount{lines: 100}, false, time.Hour, probe.StateUnknown, probe.ReasonInvalid, "none of the 100 lines"},
		"not all was read":            {logCount{lines: 100, levelled: 100}, true, time.Hour, probe.StateWarn, probe.ReasonTruncated, ""},
		"not all was read, and worse": {logCount{lines: 100, levelled: 100, errors: 100}, true, time.Hour, probe.StateFail, probe.ReasonThreshold, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := (&releaseLogs{Share: 0.01}).judge(tt.l, tt.cut, "catalyst", tt.after)
			if err != nil {
				r = probe.NotChecked(err)
			}
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
		})
	}
}

func TestReleaseLogsOnDocker(t *testing.T) {
	d := dockertest.NewDocker(t)
	files := probetest.Folder{"compose.yaml": "services: {catalyst: {image: x}, calm: {image: x}}"}
	p := d.Pass(t, files, deployment.Settings{})
	probetest.Expect(t, probetest.Look(t, p, LogsKind(), "{}"), probe.StateSkip, probe.ReasonNoRelease, "")
	record := probetest.Recorded("1.0", probetest.CommitOne)
	record.At = time.Now().Add(-time.Minute)
	p = probetest.Released(t, p, record)
	probetest.Expect(t, probetest.Look(t, p, LogsKind(), "{}"), probe.StateFail, probe.ReasonMissing, "")
	secret := parts.Secret()
	d.RunService(t, "catalyst", client.ContainerCreateOptions{}, "complain=panic: "+secret, "say=level=error "+secret)
	parts.Eventually(t, func() error {
		r := probetest.Look(t, probetest.Again(p), LogsKind(), "{}")
		if r.State != probe.StateFail || r.Reason != probe.ReasonUnhealthy || !strings.Contains(r.Detail, "1 of 1 lines") {
			return fmt.Errorf("%v (%s) %s", r.State, r.Reason, r.Detail)
		}
		probetest.Expect(t, r, probe.StateFail, probe.ReasonUnhealthy, "start a panic")
		probetest.HasNot(t, r, secret)
		return nil
	})
	// What was before the deployment does not count.
	later := probetest.Recorded("1.1", probetest.CommitTwo)
	later.At = time.Now().Add(time.Second)
	p = probetest.Released(t, p, later)
	probetest.Expect(t, probetest.Look(t, p, LogsKind(), "{}"), probe.StatePending, probe.ReasonInProgress, "logged nothing")

	d.RunService(t, "calm", client.ContainerCreateOptions{}, "say=level=info fine")
	q := d.Pass(t, files, deployment.Settings{Service: "calm"})
	q = probetest.Released(t, q, record)
	parts.Eventually(t, func() error {
		if r := probetest.Look(t, probetest.Again(q), LogsKind(), "{}"); r.State != probe.StatePass {
			return fmt.Errorf("%v (%s) %s", r.State, r.Reason, r.Detail)
		}
		return nil
	})
}

func FuzzLogLine(f *testing.F) {
	f.Add([]byte(`{"level":"error"}`))
	f.Add([]byte(`a="\" level=error`))
	f.Add([]byte("\x1b[1mlevel==\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var l logCount
		n, err := l.Write(data)
		l.end()
		if n != len(data) || err != nil || l.levelled > l.lines || l.errors > l.levelled || l.panics > l.lines {
			t.Errorf("%+v", l)
		}
	})
}

package container

import (
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// made returns a container as the engine describes it.
func made(created, started time.Time, restarts int, state container.State) *dockerclient.Container {
	if state.StartedAt == "" {
		state.StartedAt = started.Format(time.RFC3339Nano)
	}
	return &dockerclient.Container{Service: "web", Name: "app-web-1", InspectResponse: container.InspectResponse{
		Created: created.Format(time.RFC3339Nano), RestartCount: restarts, State: &state, Config: &container.Config{}, HostConfig: &container.HostConfig{}}}
}

func TestContainerState_Verdicts(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := &containerState{Restarts: 1, Window: schema.Duration(24 * time.Hour)}
	runs := func(change func(*container.State)) *dockerclient.Container {
		st := container.State{Status: container.StateRunning, Running: true}
		change(&st)
		return made(now.Add(-100*24*time.Hour), now.Add(-50*24*time.Hour), 0, st)
	}
	for name, tt := range map[string]struct {
		change func(*container.State)
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"runs":                   {func(*container.State) {}, probe.StatePass, probe.ReasonNone, "app-web-1 is running"},
		"running and restarting": {func(s *container.State) { s.Restarting = true }, probe.StateFail, probe.ReasonUnhealthy, "is restarting"},
		"restarting":             {func(s *container.State) { s.Running, s.Restarting = false, true }, probe.StateFail, probe.ReasonUnhealthy, "is restarting"},
		"paused":                 {func(s *container.State) { s.Paused = true }, probe.StateFail, probe.ReasonUnhealthy, "is paused"},
		"dead":                   {func(s *container.State) { s.Running, s.Dead = false, true }, probe.StateFail, probe.ReasonUnhealthy, "being removed"},
		"removing":               {func(s *container.State) { s.Status = container.StateRemoving }, probe.StateFail, probe.ReasonUnhealthy, "being removed"},
		"created":                {func(s *container.State) { s.Running, s.Status = false, container.StateCreated }, probe.StateFail, probe.ReasonMissing, "not started"},
		"exited":                 {func(s *container.State) { s.Running = false }, probe.StateFail, probe.ReasonUnhealthy, "exited with code 0"},
		"killed": {func(s *container.State) { s.Running, s.OOMKilled, s.ExitCode = false, true, 137 }, probe.StateFail, probe.ReasonUnhealthy,
			"exited with code 137, killed: out of memory"},
		"process in it killed": {func(s *container.State) { s.OOMKilled = true }, probe.StateWarn, probe.ReasonUnhealthy, "out of memory"},
		"healthy":              {func(s *container.State) { s.Health = &container.Health{Status: container.Healthy} }, probe.StatePass, probe.ReasonNone, ""},
		"no healthcheck":       {func(s *container.State) { s.Health = &container.Health{Status: container.NoHealthcheck} }, probe.StatePass, probe.ReasonNone, ""},
		"starting": {func(s *container.State) {
			s.Health, s.StartedAt = &container.Health{Status: container.Starting}, now.Add(-time.Hour).Format(time.RFC3339Nano)
		}, probe.StatePending, probe.ReasonInProgress, ""},
		"unhealthy":      {func(s *container.State) { s.Health = &container.Health{Status: container.Unhealthy, FailingStreak: 7} }, probe.StateFail, probe.ReasonUnhealthy, "7 times"},
		"unknown health": {func(s *container.State) { s.Health = &container.Health{Status: "odd"} }, probe.StateFail, probe.ReasonUnhealthy, "unknown health status"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.judge(runs(tt.change), restartHistory{since: now}, now)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
		})
	}
	// The output of a health check may contain anything.
	c := runs(func(s *container.State) {
		s.Health = &container.Health{Status: container.Unhealthy, Log: []*container.HealthcheckResult{{Output: "marked"}}}
		s.Error = "marked"
	})
	probetest.HasNot(t, s.judge(c, restartHistory{}, now), "marked")
}

func TestRecentRestarts_Window(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, tt := range map[string]struct {
		created, commandValue time.Duration // ago
		Count                 int
		watched               time.Duration
		rose                  int
		want                  int
		state                 probe.State
	}{
		"never":                            {100 * day, 100 * day, 0, 0, 0, 0, probe.StatePass},
		"started by hand an hour ago":      {100 * day, time.Hour, 0, 0, 0, 0, probe.StatePass},
		"long ago":                         {100 * day, 2 * day, 9, 0, 0, 0, probe.StatePass},
		"exactly a day ago":                {100 * day, day, 9, 0, 0, 0, probe.StatePass},
		"just within a day":                {100 * day, day - time.Second, 1, 0, 0, 1, probe.StateWarn},
		"once, young":                      {2 * time.Hour, time.Hour, 1, 0, 0, 1, probe.StateWarn},
		"twice, young":                     {3 * time.Hour, time.Hour, 2, 0, 0, 2, probe.StateFail},
		"once an hour, first run":          {10 * day, 30 * time.Minute, 240, 0, 0, 24, probe.StateFail},
		"once a week, first run":           {70 * day, time.Hour, 10, 0, 0, 1, probe.StateWarn},
		"once an hour, seen for two hours": {100 * day, 30 * time.Minute, 2, 2 * time.Hour, 2, 2, probe.StateFail},
		"watched all day, none rose":       {100 * day, time.Hour, 240, 2 * day, 0, 0, probe.StatePass},
		"watched all day, one rose":        {100 * day, time.Hour, 240, 2 * day, 1, 1, probe.StateWarn},
		"watched all day, many rose":       {100 * day, time.Hour, 240, day, 24, 24, probe.StateFail},
	} {
		t.Run(name, func(t *testing.T) {
			c := made(ago(tt.created), ago(tt.commandValue), tt.Count, container.State{Running: true, Status: container.StateRunning})
			h := restartHistory{since: ago(tt.watched), increase: tt.rose}
			if got := recentRestarts(c, h, now, day); got != tt.want {
				t.Errorf("%d restarts, want %d", got, tt.want)
			}
			s := &containerState{Restarts: 1, Window: schema.Duration(day)}
			r := s.judge(c, h, now)
			if r.State != tt.state || r.State != probe.StatePass && r.Reason != probe.ReasonUnhealthy {
				t.Errorf("%+v, want %v", r, tt.state)
			}
		})
	}
}

func TestRestartLedger_CountsIncreases(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var l restartLedger
	const day = 24 * time.Hour
	var h restartHistory
	for hour := range 49 { // once an hour
		h = l.note("a", 100+hour, start.Add(time.Duration(hour)*time.Hour), day)
	}
	if h.increase != 24 || !h.since.Equal(start) {
		t.Errorf("%+v", h)
	}
	if h = l.note("b", 500, start.Add(48*time.Hour), day); h.increase != 0 {
		t.Errorf("another container: %+v", h)
	}
	if h = l.note("a", 0, start.Add(49*time.Hour), day); h.increase != 0 {
		t.Errorf("started by hand: %+v", h)
	}
	for i := range 3 * maxIncreases { // a crash loop does not grow the record without bound, and its sum is kept
		h = l.note("a", i+1, start.Add(49*time.Hour+time.Duration(i)*time.Second), day)
	}
	if n := len(l.seen["a"].rises); n > maxIncreases || h.increase != 3*maxIncreases {
		t.Errorf("%d increases kept, sum %d", n, h.increase)
	}
	l.note("c", 0, start.Add(40*day), day)
	if len(l.seen) != 1 {
		t.Errorf("%d containers remembered", len(l.seen))
	}
}

func TestContainerState_RejectsInvalidSpecs(t *testing.T) {
	k := StateKind()
	for _, spec := range []string{"{service: a, all: true}", "{except: [a]}", "{restarts: -1}", "{window: 1s}"} {
		if _, problems := probetest.Decode(k, spec); len(problems) == 0 {
			t.Errorf("%s loads", spec)
		}
	}
}

func TestOrdinal_Suffixes(t *testing.T) {
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 112: "112th"} {
		if got := ordinal(n); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

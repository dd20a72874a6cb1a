package probe

import (
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// made returns a container as the engine describes it.
func made(created, started time.Time, restarts int, state container.State) *dockerContainer {
	state.StartedAt = started.Format(time.RFC3339Nano)
	return &dockerContainer{"web", "app-web-1", container.InspectResponse{
		Created: created.Format(time.RFC3339Nano), RestartCount: restarts, State: &state, Config: &container.Config{}, HostConfig: &container.HostConfig{}}}
}

func TestContainerState_Verdicts(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := &containerState{Restarts: 1, Window: schema.Duration(24 * time.Hour)}
	runs := func(change func(*container.State)) *dockerContainer {
		st := container.State{Status: container.StateRunning, Running: true}
		change(&st)
		return made(now.Add(-100*24*time.Hour), now.Add(-50*24*time.Hour), 0, st)
	}
	for name, tt := range map[string]struct {
		change func(*container.State)
		state  State
		reason Reason
		detail string
	}{
		"runs":                   {func(*container.State) {}, StatePass, ReasonNone, "app-web-1 is running"},
		"running and restarting": {func(s *container.State) { s.Restarting = true }, StateFail, ReasonUnhealthy, "is restarting"},
		"restarting":             {func(s *container.State) { s.Running, s.Restarting = false, true }, StateFail, ReasonUnhealthy, "is restarting"},
		"paused":                 {func(s *container.State) { s.Paused = true }, StateFail, ReasonUnhealthy, "is paused"},
		"dead":                   {func(s *container.State) { s.Running, s.Dead = false, true }, StateFail, ReasonUnhealthy, "being removed"},
		"removing":               {func(s *container.State) { s.Status = container.StateRemoving }, StateFail, ReasonUnhealthy, "being removed"},
		"created":                {func(s *container.State) { s.Running, s.Status = false, container.StateCreated }, StateFail, ReasonMissing, "not started"},
		"exited":                 {func(s *container.State) { s.Running = false }, StateFail, ReasonUnhealthy, "exited with code 0"},
		"killed": {func(s *container.State) { s.Running, s.OOMKilled, s.ExitCode = false, true, 137 }, StateFail, ReasonUnhealthy,
			"exited with code 137, killed: out of memory"},
		"process in it killed": {func(s *container.State) { s.OOMKilled = true }, StateWarn, ReasonUnhealthy, "out of memory"},
		"healthy":              {func(s *container.State) { s.Health = &container.Health{Status: container.Healthy} }, StatePass, ReasonNone, ""},
		"no healthcheck":       {func(s *container.State) { s.Health = &container.Health{Status: container.NoHealthcheck} }, StatePass, ReasonNone, ""},
		"starting":             {func(s *container.State) { s.Health = &container.Health{Status: container.Starting} }, StatePending, ReasonInProgress, ""},
		"unhealthy":            {func(s *container.State) { s.Health = &container.Health{Status: container.Unhealthy, FailingStreak: 7} }, StateFail, ReasonUnhealthy, "7 times"},
		"unknown health":       {func(s *container.State) { s.Health = &container.Health{Status: "odd"} }, StateFail, ReasonUnhealthy, "unknown health status"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.judge(runs(tt.change), restartHistory{since: now}, now)
			expect(t, r, tt.state, tt.reason, tt.detail)
		})
	}
	// The output of a health check may contain anything.
	c := runs(func(s *container.State) {
		s.Health = &container.Health{Status: container.Unhealthy, Log: []*container.HealthcheckResult{{Output: "marked"}}}
		s.Error = "marked"
	})
	hasNot(t, s.judge(c, restartHistory{}, now), "marked")
}

func TestRecentRestarts_Window(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, tt := range map[string]struct {
		created, started time.Duration // ago
		count            int
		watched          time.Duration
		rose             int
		want             int
		state            State
	}{
		"never":                            {100 * day, 100 * day, 0, 0, 0, 0, StatePass},
		"started by hand an hour ago":      {100 * day, time.Hour, 0, 0, 0, 0, StatePass},
		"long ago":                         {100 * day, 2 * day, 9, 0, 0, 0, StatePass},
		"exactly a day ago":                {100 * day, day, 9, 0, 0, 0, StatePass},
		"just within a day":                {100 * day, day - time.Second, 1, 0, 0, 1, StateWarn},
		"once, young":                      {2 * time.Hour, time.Hour, 1, 0, 0, 1, StateWarn},
		"twice, young":                     {3 * time.Hour, time.Hour, 2, 0, 0, 2, StateFail},
		"once an hour, first run":          {10 * day, 30 * time.Minute, 240, 0, 0, 24, StateFail},
		"once a week, first run":           {70 * day, time.Hour, 10, 0, 0, 1, StateWarn},
		"once an hour, seen for two hours": {100 * day, 30 * time.Minute, 2, 2 * time.Hour, 2, 2, StateFail},
		"watched all day, none rose":       {100 * day, time.Hour, 240, 2 * day, 0, 0, StatePass},
		"watched all day, one rose":        {100 * day, time.Hour, 240, 2 * day, 1, 1, StateWarn},
		"watched all day, many rose":       {100 * day, time.Hour, 240, day, 24, 24, StateFail},
	} {
		t.Run(name, func(t *testing.T) {
			c := made(ago(tt.created), ago(tt.started), tt.count, container.State{Running: true, Status: container.StateRunning})
			h := restartHistory{since: ago(tt.watched), rose: tt.rose}
			if got := recentRestarts(c, h, now, day); got != tt.want {
				t.Errorf("%d restarts, want %d", got, tt.want)
			}
			s := &containerState{Restarts: 1, Window: schema.Duration(day)}
			r := s.judge(c, h, now)
			if r.State != tt.state || r.State != StatePass && r.Reason != ReasonUnhealthy {
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
	if h.rose != 24 || !h.since.Equal(start) {
		t.Errorf("%+v", h)
	}
	if h = l.note("b", 500, start.Add(48*time.Hour), day); h.rose != 0 {
		t.Errorf("another container: %+v", h)
	}
	if h = l.note("a", 0, start.Add(49*time.Hour), day); h.rose != 0 {
		t.Errorf("started by hand: %+v", h)
	}
	for i := range 3 * maxRises { // a crash loop does not grow the record without bound, and its sum is kept
		h = l.note("a", i+1, start.Add(49*time.Hour+time.Duration(i)*time.Second), day)
	}
	if n := len(l.seen["a"].rises); n > maxRises || h.rose != 3*maxRises {
		t.Errorf("%d increases kept, sum %d", n, h.rose)
	}
	l.note("c", 0, start.Add(40*day), day)
	if len(l.seen) != 1 {
		t.Errorf("%d containers remembered", len(l.seen))
	}
}

func TestContainerState_RejectsInvalidSpecs(t *testing.T) {
	k := containerStateKind()
	for _, spec := range []string{"{service: a, all: true}", "{except: [a]}", "{restarts: -1}", "{window: 1s}"} {
		if _, problems := decode(k, spec); len(problems) == 0 {
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

package probe

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// systemd_timer: does a systemd timer start its service, and do the runs end well?
//
// A timer that waits is not enough: what it starts may fail each time, be held back by a condition or by what it requires (its result stays a
// success), or stay active after the first run, so that it is never started again. So the end of the last run is asked for as well. systemd forgets
// runs when the host starts anew: until the next one is due, that is pending.

func systemdTimerKind() Kind {
	return Kind{
		Name:     "systemd_timer",
		Question: "Does the systemd timer start its service, and did the last run end well, not long ago?",
		Example:  "{timer: backup.timer, max_age: 26h}",
		Layer:    LayerRunning,
		Reads:    "properties of the timer (deployment.backup.timer) and of its service on the host's system bus (deployment.systemd.bus); any user of the host may",
		Timeout:  8 * time.Second,
		Alone:    true,
		New:      func() any { return &systemdTimer{} },
	}
}

type systemdTimer struct {
	Timer  string           `yaml:"timer" doc:"the timer's name; deployment.backup.timer when not set" pattern:"^[A-Za-z0-9:_.@-]{1,240}\\.timer$"`
	MaxAge *schema.Duration `yaml:"max_age" doc:"age from which the last run is stale; deployment.backup.max_age when not set" min:"1m"`
}

func (s *systemdTimer) Probe(ctx context.Context, p *Pass) (Result, error) {
	name, maxAge := s.Timer, p.Deployment.Backup.MaxAge.Std()
	if name == "" {
		name = p.Deployment.Backup.Timer
	}
	if name == "" {
		return Result{}, Skip("deployment.backup.timer", "no systemd timer is configured")
	}
	if s.MaxAge != nil {
		maxAge = s.MaxAge.Std()
	}
	ctx, cancel := context.WithTimeout(ctx, systemdPatience)
	defer cancel()
	bus, end, err := dialSystemd(ctx, p)
	if err != nil {
		return Result{}, err
	}
	defer end()
	seen, err := bus.timer(ctx, name)
	if err != nil {
		return Result{}, err
	}
	return seen.judge(maxAge, p.Now()), nil
}

// unitSeen is what systemd tells of any unit.
type unitSeen struct {
	name        string
	load        string // LoadState
	active, sub string
	file        string    // UnitFileState
	since       time.Time // of the active state, the last time it was entered
	changed     time.Time // of the state, the last time it became another
	stale       bool      // its file has changed since it was loaded
	unmet       time.Time // when a condition of it last did not hold; zero when it did
}

// timerSeen is a timer and what it starts. Times are zero for never.
type timerSeen struct {
	timer   unitSeen
	last    time.Time // trigger
	again   bool      // it will trigger once more
	next    time.Time // trigger by the calendar
	service unitSeen  // no more than the name when it is no service
	result  string
	started time.Time // the main process of the last run
	ended   time.Time
}

// timer reads a timer and its service.
func (s *systemd) timer(ctx context.Context, name string) (timerSeen, error) {
	var t timerSeen
	var err error
	if t.timer, err = s.unit(ctx, name); err != nil || t.timer.load != "loaded" {
		return t, err
	}
	var after time.Time // on the clock of the host's start
	read := []error{
		property(ctx, s, name, "Timer", "Unit", &t.service.name),
		s.moment(ctx, name, "Timer", "LastTriggerUSec", &t.last),
		s.moment(ctx, name, "Timer", "NextElapseUSecRealtime", &t.next),
		s.moment(ctx, name, "Timer", "NextElapseUSecMonotonic", &after),
	}
	if err := first(read); err != nil {
		return t, err
	}
	t.again = !t.next.IsZero() || !after.IsZero()
	service := t.service.name
	if !strings.HasSuffix(service, ".service") {
		return t, nil
	}
	if t.service, err = s.unit(ctx, service); err != nil || t.service.load != "loaded" {
		return t, err
	}
	return t, first([]error{
		property(ctx, s, service, "Service", "Result", &t.result),
		s.moment(ctx, service, "Service", "ExecMainStartTimestamp", &t.started),
		s.moment(ctx, service, "Service", "ExecMainExitTimestamp", &t.ended),
	})
}

// unit reads what every unit has.
func (s *systemd) unit(ctx context.Context, name string) (unitSeen, error) {
	u := unitSeen{name: name}
	met, at := false, time.Time{}
	err := first([]error{
		property(ctx, s, name, "Unit", "LoadState", &u.load),
		property(ctx, s, name, "Unit", "ActiveState", &u.active),
		property(ctx, s, name, "Unit", "SubState", &u.sub),
		property(ctx, s, name, "Unit", "UnitFileState", &u.file),
		property(ctx, s, name, "Unit", "NeedDaemonReload", &u.stale),
		property(ctx, s, name, "Unit", "ConditionResult", &met),
		s.moment(ctx, name, "Unit", "ConditionTimestamp", &at),
		s.moment(ctx, name, "Unit", "ActiveEnterTimestamp", &u.since),
		s.moment(ctx, name, "Unit", "StateChangeTimestamp", &u.changed),
	})
	if !met {
		u.unmet = at
	}
	return u, err
}

// first is the first error of several.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// absent judges a unit that is not loaded; a pass for one that is.
func (u unitSeen) absent() Result {
	switch u.load {
	case "loaded":
		return Result{State: StatePass}
	case "not-found":
		return Failed(ReasonMissing, "systemd has no %s", plainName(u.name))
	case "masked":
		return Failed(ReasonDisabled, "%s is masked: it cannot be started (`systemctl unmask`)", plainName(u.name))
	case "bad-setting", "error":
		return Failed(ReasonInvalid, "systemd cannot load %s: `systemctl status` tells what is wrong with its file", plainName(u.name))
	}
	return Result{State: StateUnknown, Reason: ReasonInvalid, Detail: "systemd tells nothing that is known of whether " + plainName(u.name) + " is loaded"}
}

const (
	// runGrace is how long after a trigger the service may take to be seen.
	runGrace = time.Minute
	// clockGrace is how far in the future the end of a run may lie: clocks are set.
	clockGrace = 5 * time.Minute
)

// judge judges a timer whose last run must be younger than maxAge.
func (t timerSeen) judge(maxAge time.Duration, now time.Time) Result {
	timer, service := plainName(t.timer.name), plainName(t.service.name)
	if r := t.timer.absent(); r.State != StatePass {
		return r
	}
	switch {
	case t.timer.active == "failed":
		return Failed(ReasonUnhealthy, "%s has failed: it starts nothing any more", timer)
	case t.timer.active != "active":
		return Failed(ReasonUnhealthy, "%s is not started (`systemctl enable --now %s`)", timer, timer)
	case t.timer.sub == "elapsed", t.timer.sub != "running" && !t.again:
		return Failed(ReasonUnhealthy, "%s is started, but will not trigger again", timer)
	case !strings.HasSuffix(service, ".service"):
		return Result{State: StateUnknown, Reason: ReasonInvalid, Detail: timer + " starts no service, so that nothing tells how its runs end"}
	}
	if r := t.service.absent(); r.State != StatePass {
		return r
	}
	var f Findings
	if t.timer.file == "disabled" {
		f.Warn(ReasonWeak, "%s is started but not enabled: it is gone when the host starts anew", timer)
	}
	for _, u := range []unitSeen{t.timer, t.service} {
		if u.stale {
			f.Warn(ReasonDrift, "the file of %s has changed since systemd read it (`systemctl daemon-reload`)", plainName(u.name))
		}
	}
	f.Add(t.run(service, maxAge, now))
	if !t.last.IsZero() && now.Sub(t.last) > maxAge {
		f.Fail(ReasonStale, "%s last triggered at %s, longer ago than %v", timer, shownMoment(t.last), schema.Duration(maxAge))
	}
	next := ""
	if !t.next.IsZero() {
		next = ", the next is due at " + shownMoment(t.next)
	}
	return f.Result("%s is started; the last run of %s ended well at %s%s", timer, service, shownMoment(t.ended), next)
}

// run judges the last run of a service.
func (t timerSeen) run(service string, maxAge time.Duration, now time.Time) Result {
	s := t.service
	switch {
	case s.active == "failed", t.result != "success":
		return Failed(ReasonUnhealthy, "the last run of %s failed%s%s", service, failing(t.result), on(t.ended))
	case s.active == "active" && s.sub == "exited":
		return Failed(ReasonUnhealthy, "%s stays active after its run (RemainAfterExit=), so that its timer never starts it again", service)
	case s.active != "inactive": // it runs
		if !s.changed.IsZero() && now.Sub(s.changed) > maxAge {
			return Failed(ReasonUnhealthy, "%s has been running since %s", service, shownMoment(s.changed))
		}
		return Pending(ReasonInProgress, "%s is running%s", service, on(t.started))
	case s.unmet.After(t.ended):
		return Failed(ReasonUnhealthy, "%s was not run at %s: a condition of its unit does not hold", service, shownMoment(s.unmet))
	case t.last.After(t.timer.since) && t.last.After(t.ended) || !t.ended.IsZero() && t.last.After(t.ended):
		if now.Sub(t.last) < runGrace {
			return Pending(ReasonInProgress, "%s is about to run", service)
		}
		return Failed(ReasonUnhealthy, "the timer triggered at %s, and %s has not run since: something that it requires may have failed", shownMoment(t.last), service)
	case t.ended.IsZero():
		if t.timer.since.IsZero() || now.Sub(t.timer.since) > maxAge {
			return Failed(ReasonStale, "%s has not run since its timer was started%s, longer ago than %v", service, on(t.timer.since), schema.Duration(maxAge))
		}
		return Pending(ReasonInProgress, "%s has not run since its timer was started%s", service, on(t.timer.since))
	case t.ended.Sub(now) > clockGrace:
		return Result{State: StateUnknown, Reason: ReasonInvalid, Detail: fmt.Sprintf("the last run of %s ended at %s, which is still to come: has the clock been set?", service, shownMoment(t.ended))}
	case now.Sub(t.ended) > maxAge:
		return Failed(ReasonStale, "the last run of %s ended at %s, longer ago than %v", service, shownMoment(t.ended), schema.Duration(maxAge))
	}
	return Passed("")
}

// failing says how a run failed, in systemd's words for results.
func failing(result string) string {
	switch result {
	case "exit-code", "signal", "core-dump", "timeout", "watchdog", "resources", "protocol", "start-limit-hit", "oom-kill", "exec-condition":
		return " (" + result + ")"
	}
	return ""
}

// on says when something was, if it is known.
func on(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " at " + shownMoment(t)
}

func shownMoment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

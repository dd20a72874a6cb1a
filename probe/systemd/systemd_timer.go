package systemd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// systemd_timer: does a systemd timer start its service, and do the runs succeed?
//
// A waiting timer is not enough: its service may fail each time, be held back by a condition or a requirement (its
// result stays success), or stay active after the first run, so that it is never started again. The probe therefore
// checks the end of the last run as well. systemd forgets runs on reboot: until the next run is due, the state is
// pending.

func TimerKind() probe.Kind {
	return probe.Kind{
		Name:       "systemd_timer",
		Services:   []deployment.Service{deployment.SystemdService},
		Question:   "Does the systemd timer start its service, and did the last run succeed recently?",
		Example:    "{timer: backup.timer, max_age: 26h}",
		Layer:      probe.LayerRunning,
		Reads:      "properties of the timer (deployment.backup.timer) and of its service on the host's system bus (deployment.systemd.bus)",
		Permission: "a user of the host, no privilege",
		Timeout:    8 * time.Second,
		Alone:      true,
		New:        func() any { return &systemdTimer{} },
	}
}

type systemdTimer struct {
	Timer  string           `yaml:"timer" doc:"name of the timer; default: deployment.backup.timer" pattern:"^[A-Za-z0-9:_.@-]{1,240}\\.timer$"`
	MaxAge *schema.Duration `yaml:"max_age" doc:"age from which the last run is stale; default: deployment.backup.max_age" min:"1m"`
}

func (s *systemdTimer) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	name, maxAge := s.Timer, p.Deployment.Backup.MaxAge.Std()
	if name == "" {
		name = p.Deployment.Backup.Timer
	}
	if name == "" {
		return probe.Result{}, probe.Skip("deployment.backup.timer", "no systemd timer is configured")
	}
	if s.MaxAge != nil {
		maxAge = s.MaxAge.Std()
	}
	ctx, cancel := context.WithTimeout(ctx, systemdPatience)
	defer cancel()
	bus, end, err := dialSystemd(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	defer end()
	seen, err := bus.timer(ctx, name)
	if err != nil {
		return probe.Result{}, err
	}
	return seen.judge(maxAge, p.Now()), nil
}

// unitSeen are the properties common to all units.
type unitSeen struct {
	name        string
	load        string // LoadState
	active, sub string
	file        string    // UnitFileState
	since       time.Time // last time the active state was entered
	changed     time.Time // last change of the state
	stale       bool      // its file changed after it was loaded
	unmet       time.Time // when a condition was last checked and not met; zero when met
}

// timerSeen is a timer and the unit it starts. Times are zero for never.
type timerSeen struct {
	timer   unitSeen
	last    time.Time // last trigger
	again   bool      // it will trigger again
	next    time.Time // next calendar trigger
	service unitSeen  // only the name when it is not a service
	result  string
	started time.Time // start of the last run's main process
	ended   time.Time
}

// timer reads a timer and its service.
func (s *systemd) timer(ctx context.Context, name string) (timerSeen, error) {
	var t timerSeen
	var err error
	if t.timer, err = s.unit(ctx, name); err != nil || t.timer.load != "loaded" {
		return t, err
	}
	var after time.Time // on the monotonic clock
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

// unit reads the properties common to all units.
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

// first returns the first error.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// absent is the result for a unit that is not loaded; a pass for a loaded one.
func (u unitSeen) absent() probe.Result {
	switch u.load {
	case "loaded":
		return probe.Result{State: probe.StatePass}
	case "not-found":
		return probe.Failed(probe.ReasonMissing, "systemd has no unit %s", u.name)
	case "masked":
		return probe.Failed(probe.ReasonDisabled, "%s is masked and cannot be started: run `systemctl unmask`", u.name)
	case "bad-setting", "error":
		return probe.Failed(probe.ReasonInvalid, "systemd cannot load %s: run `systemctl status` for the cause", u.name)
	}
	return probe.Result{State: probe.StateUnknown, Reason: probe.ReasonInvalid, Detail: "systemd reports an unknown load state of " + u.name}
}

const (
	// runGrace is how long after a trigger the service may take to start.
	runGrace = time.Minute
	// clockGrace is how far in the future the end of a run may be: clocks are adjusted.
	clockGrace = 5 * time.Minute
)

// judge checks a timer whose last run must be younger than maxAge.
func (t timerSeen) judge(maxAge time.Duration, now time.Time) probe.Result {
	timer, service := t.timer.name, t.service.name
	if r := t.timer.absent(); r.State != probe.StatePass {
		return r
	}
	switch {
	case t.timer.active == "failed":
		return probe.Failed(probe.ReasonUnhealthy, "%s has failed: it no longer starts its service", timer)
	case t.timer.active != "active":
		return probe.Failed(probe.ReasonUnhealthy, "%s is not started: run `systemctl enable --now %s`", timer, timer)
	case t.timer.sub == "elapsed", t.timer.sub != "running" && !t.again:
		return probe.Failed(probe.ReasonUnhealthy, "%s is started but will not trigger again", timer)
	case !strings.HasSuffix(service, ".service"):
		return probe.Result{State: probe.StateUnknown, Reason: probe.ReasonInvalid, Detail: timer + " does not start a service, so the result of its runs is unknown"}
	}
	if r := t.service.absent(); r.State != probe.StatePass {
		return r
	}
	var f probe.ResultBuilder
	if t.timer.file == "disabled" {
		f.Warn(probe.ReasonWeak, "%s is started but not enabled: it does not start after a reboot", timer)
	}
	for _, u := range []unitSeen{t.timer, t.service} {
		if u.stale {
			f.Warn(probe.ReasonDrift, "the file of %s changed after systemd read it: run `systemctl daemon-reload`", u.name)
		}
	}
	f.Add(t.run(service, maxAge, now))
	if !t.last.IsZero() && now.Sub(t.last) > maxAge {
		f.Fail(probe.ReasonStale, "%s last triggered at %s, more than %v ago", timer, shownMoment(t.last), schema.Duration(maxAge))
	}
	next := ""
	if !t.next.IsZero() {
		next = ", the next is due at " + shownMoment(t.next)
	}
	return f.Result("%s is started; the last run of %s succeeded at %s%s", timer, service, shownMoment(t.ended), next)
}

// run checks the last run of a service.
func (t timerSeen) run(service string, maxAge time.Duration, now time.Time) probe.Result {
	s := t.service
	switch {
	case s.active == "failed", t.result != "success":
		return probe.Failed(probe.ReasonUnhealthy, "the last run of %s failed%s%s", service, failing(t.result), on(t.ended))
	case s.active == "active" && s.sub == "exited":
		return probe.Failed(probe.ReasonUnhealthy, "%s stays active after its run (RemainAfterExit=), so its timer never starts it again", service)
	case s.active != "inactive": // it is running
		if !s.changed.IsZero() && now.Sub(s.changed) > maxAge {
			return probe.Failed(probe.ReasonUnhealthy, "%s has been running since %s", service, shownMoment(s.changed))
		}
		return probe.Pending(probe.ReasonInProgress, "%s is running%s", service, on(t.started))
	case s.unmet.After(t.ended):
		return probe.Failed(probe.ReasonUnhealthy, "%s did not run at %s: a condition of its unit is not met", service, shownMoment(s.unmet))
	case t.last.After(t.timer.since) && t.last.After(t.ended) || !t.ended.IsZero() && t.last.After(t.ended):
		if now.Sub(t.last) < runGrace {
			return probe.Pending(probe.ReasonInProgress, "%s is about to run", service)
		}
		return probe.Failed(probe.ReasonUnhealthy, "the timer triggered at %s, but %s has not run since: a unit it requires may have failed", shownMoment(t.last), service)
	case t.ended.IsZero():
		if t.timer.since.IsZero() || now.Sub(t.timer.since) > maxAge {
			return probe.Failed(probe.ReasonStale, "%s has not run since its timer was started%s, more than %v ago", service, on(t.timer.since), schema.Duration(maxAge))
		}
		return probe.Pending(probe.ReasonInProgress, "%s has not run since its timer was started%s", service, on(t.timer.since))
	case t.ended.Sub(now) > clockGrace:
		return probe.Result{State: probe.StateUnknown, Reason: probe.ReasonInvalid, Detail: fmt.Sprintf("the last run of %s ended at %s, which is in the future: check the clock", service, shownMoment(t.ended))}
	case now.Sub(t.ended) > maxAge:
		return probe.Failed(probe.ReasonStale, "the last run of %s ended at %s, more than %v ago", service, shownMoment(t.ended), schema.Duration(maxAge))
	}
	return probe.Passed("")
}

// failing returns systemd's word for the failure of a run.
func failing(result string) string {
	switch result {
	case "exit-code", "signal", "core-dump", "timeout", "watchdog", "resources", "protocol", "start-limit-hit", "oom-kill", "exec-condition":
		return " (" + result + ")"
	}
	return ""
}

// on formats a time, if known.
func on(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " at " + shownMoment(t)
}

func shownMoment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

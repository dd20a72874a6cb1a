// Package format writes a report as a table, JSON, JUnit XML or Markdown.
package format

import (
	"encoding/json"
	"time"

	"github.com/prometheus/common/version"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/history"
	"github.com/thenexusengine/catalyst_exporter/exporter/ratchet"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// ChecksJSON is the output of `check --format=json` and /api/v1/checks. The names are API.
type ChecksJSON struct {
	Ready           bool            `json:"ready"`
	Gates           map[string]bool `json:"gates"`
	Time            time.Time       `json:"time"`
	ExporterVersion string          `json:"exporter_version"`
	ConfigDigest    string          `json:"config_digest"`
	ChecklistDigest string          `json:"checklist_digest"`
	Release         releaseJSON     `json:"release"`
	Categories      []categoryJSON  `json:"categories"`
	Items           []itemJSON      `json:"items"`
	History         *historyJSON    `json:"history"`
	Baseline        *baselineJSON   `json:"baseline,omitempty"`
}

// baselineJSON is the comparison with the file of --baseline; missing without it.
type baselineJSON struct {
	Time           time.Time    `json:"time"`
	OtherChecklist bool         `json:"other_checklist"`
	NewFailing     []changeJSON `json:"new_failing"`
	NewWaiting     []changeJSON `json:"new_waiting"`
	Better         []changeJSON `json:"better"`
	NotJudged      []changeJSON `json:"not_judged"`
	Known          []string     `json:"known"`
}

type changeJSON struct {
	Item   string   `json:"item"`
	Now    string   `json:"now"`
	Before string   `json:"before"`
	Faults []string `json:"faults"`
}

func encodeComparison(c *ratchet.Comparison) *baselineJSON {
	if c == nil {
		return nil
	}
	changes := func(all []ratchet.Change) []changeJSON {
		out := []changeJSON{}
		for _, change := range all {
			out = append(out, changeJSON{change.Item, change.Now, change.Before, append([]string{}, change.Faults...)})
		}
		return out
	}
	return &baselineJSON{c.Since.UTC(), c.OtherChecklist, changes(c.Failing), changes(c.Waiting), changes(c.Better), changes(c.Unjudged),
		append([]string{}, c.Known...)}
}

// historyJSON is about the ledger of verdicts; null without a state directory.
type historyJSON struct {
	From  *time.Time `json:"from"`
	To    *time.Time `json:"to"`
	Notes []string   `json:"notes"`
}

// pastJSON is the past of an item; null if it is unknown.
type pastJSON struct {
	Since           *time.Time  `json:"since"`
	Exact           bool        `json:"exact"`
	NotReadyMinutes minutesJSON `json:"not_ready_minutes"`
	WatchedMinutes  minutesJSON `json:"watched_minutes"`
}

type minutesJSON struct {
	Day   float64 `json:"day"`
	Month float64 `json:"month"`
}

// releaseJSON holds the planned and the recorded release; null if there is none.
type releaseJSON struct {
	Planned  *oneReleaseJSON `json:"planned"`
	Recorded *oneReleaseJSON `json:"recorded"`
}

type oneReleaseJSON struct {
	Version string    `json:"version"`
	Commit  string    `json:"commit"`
	By      string    `json:"by"`
	Since   time.Time `json:"since"`
}

func encodeRelease(r *attest.Release) *oneReleaseJSON {
	if r == nil {
		return nil
	}
	return &oneReleaseJSON{r.Release.Version, r.Release.Commit, r.By, r.Since.UTC()}
}

type categoryJSON struct {
	Category string `json:"category"`
	Ready    bool   `json:"ready"`
}

type itemJSON struct {
	Category        string      `json:"category"`
	Item            string      `json:"item"`
	Title           string      `json:"title"`
	Severity        string      `json:"severity"`
	Owner           string      `json:"owner"`
	Due             *time.Time  `json:"due"`
	Required        bool        `json:"required"`
	Scope           string      `json:"scope"`
	State           probe.State `json:"state"`
	Reason          string      `json:"reason"`
	Detail          string      `json:"detail"`
	Controls        []string    `json:"controls"`
	Needs           []string    `json:"needs"`
	BlockedBy       string      `json:"blocked_by,omitempty"`
	Fix             string      `json:"fix"`
	Waiver          *waiverJSON `json:"waiver"`
	LastRun         *time.Time  `json:"last_run"`
	DurationSeconds float64     `json:"duration_seconds"`
	Probes          []probeJSON `json:"probes"`
	Past            *pastJSON   `json:"past"`
}

type waiverJSON struct {
	By         string    `json:"by"`
	ApprovedBy string    `json:"approved_by"`
	Reason     string    `json:"reason"`
	Expires    time.Time `json:"expires"`
	Problem    string    `json:"problem"`
}

type probeJSON struct {
	Probe  string      `json:"probe"`
	Layer  probe.Layer `json:"layer"`
	State  probe.State `json:"state"`
	Reason string      `json:"reason"`
	Detail string      `json:"detail"`

	Offenders []offenderJSON `json:"offenders,omitempty"`
}

type offenderJSON struct {
	ID   string `json:"id"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Encode returns the report as JSON. Past is nil without a state directory, compared without a baseline.
func Encode(r *collector.Report, configDigest string, past *history.Past, compared *ratchet.Comparison) ([]byte, error) {
	out := ChecksJSON{
		Ready: r.Ready().Ready, Gates: map[string]bool{}, Time: r.Time.UTC(), ExporterVersion: version.Version,
		ConfigDigest: configDigest, ChecklistDigest: r.Checklist.Digest, Categories: []categoryJSON{}, Items: []itemJSON{},
		Release:  releaseJSON{encodeRelease(r.Planned), encodeRelease(r.Recorded)},
		Baseline: encodeComparison(compared),
	}
	for _, g := range r.Checklist.Gates {
		out.Gates[g.Name] = r.Gate(g).Ready
	}
	for _, cat := range r.Checklist.Categories {
		if verdicts := r.Category(cat.Name); len(verdicts) > 0 {
			out.Categories = append(out.Categories, categoryJSON{cat.Name, checklist.ReadyAll(verdicts, false).Ready})
		}
	}
	for _, v := range r.Verdicts {
		item := encodeItem(v)
		item.Past = encodePast(past, v.ID())
		out.Items = append(out.Items, item)
	}
	if past != nil {
		out.History = &historyJSON{orNull(past.First), orNull(past.Last), append([]string{}, past.Notes...)}
	}
	data, err := json.MarshalIndent(out, "", "  ")
	return append(data, '\n'), err
}

func encodeItem(v checklist.Verdict) itemJSON {
	it := itemJSON{
		Category: v.Category, Item: v.Name, Title: v.Title, Severity: v.Severity, Owner: v.Owner, Required: v.Required, Scope: v.Scope, State: v.State,
		Reason: string(v.Reason), Detail: v.Detail, Fix: v.Fix, DurationSeconds: v.Duration.Seconds(), Controls: append([]string{}, v.Controls...), Needs: []string{}, Probes: []probeJSON{},
	}
	for _, needed := range v.Needs {
		it.Needs = append(it.Needs, needed.ID())
	}
	if v.BlockedBy != nil {
		it.BlockedBy = v.BlockedBy.ID()
	}
	if !v.Due.IsZero() {
		it.Due = &v.Due
	}
	if v.Waiver != nil {
		it.Waiver = &waiverJSON{v.Waiver.By, v.Waiver.ApprovedBy, v.Waiver.Reason, v.Waiver.Expires.UTC(), v.Waiver.Problem}
	}
	if !v.LastRun.IsZero() {
		at := v.LastRun.UTC()
		it.LastRun = &at
	}
	for _, o := range v.Outcomes {
		p := probeJSON{Probe: o.Probe.Name, Layer: o.Probe.Kind.Layer, State: o.Result.State,
			Reason: string(o.Result.Reason), Detail: o.Result.Detail}
		for _, offender := range o.Result.Offenders {
			p.Offenders = append(p.Offenders, offenderJSON{offender.ID, offender.File, offender.Line})
		}
		it.Probes = append(it.Probes, p)
	}
	return it
}

// encodePast returns the past of an item, or nil.
func encodePast(past *history.Past, id string) *pastJSON {
	if past == nil {
		return nil
	}
	it, known := past.Items[id]
	if !known {
		return nil
	}
	return &pastJSON{
		Since: orNull(it.Since), Exact: it.Exact, NotReadyMinutes: minutesJSON{it.Day.NotReady.Minutes(), it.Month.NotReady.Minutes()},
		WatchedMinutes: minutesJSON{it.Day.Watched.Minutes(), it.Month.Watched.Minutes()},
	}
}

// orNull returns nil for the zero time.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// Chart is the past of a deployment in the Prometheus that its configuration names. Safe for concurrent use.
type Chart struct {
	deps       *probe.Deps
	deployment *deployment.Deployment
	matchers   string

	reading sync.Mutex // held while Prometheus is queried
	mu      sync.Mutex
	known   *Cells
	made    time.Time
}

const (
	chartAge     = 5 * time.Minute // how long a response is reused, also that there is none
	chartTimeout = 3 * time.Second // the board waits for it
	chartCells   = 30
	minChart     = time.Hour
)

// NewChart returns the chart of a deployment; nil if its configuration names no Prometheus. Series of a target carry the
// labels of /sd; those of a single deployment may have any.
func NewChart(deps *probe.Deps, d *deployment.Deployment, target string) *Chart {
	if !d.Prometheus.Address().Configured {
		return nil
	}
	c := &Chart{deps: deps, deployment: d}
	if target != "" {
		c.matchers = fmt.Sprintf("deployment=%q,environment=%q", target, d.Environment)
	}
	return c
}

// Cells returns what Prometheus knows, at most five minutes old; nil if it knows nothing, cannot be queried, or is being
// queried for another page.
func (c *Chart) Cells(ctx context.Context) *Cells {
	if c == nil {
		return nil
	}
	now := c.deps.Now()
	fresh := func() (*Cells, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		age := now.Sub(c.made)
		return c.known, age >= 0 && age < chartAge
	}
	if known, ok := fresh(); ok || !c.reading.TryLock() {
		return known
	}
	defer c.reading.Unlock()
	if known, ok := fresh(); ok {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, chartTimeout)
	defer cancel()
	known, err := c.read(ctx, now)
	if err != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil // the reader of the page is gone: this says nothing about Prometheus
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.made = known, now
	return known
}

// Cells is the worst state of each item in periods of equal length.
type Cells struct{ changes map[string][]Change }

// Changes returns the cells of an item, neighbours of the same state joined.
func (c *Cells) Changes(item string) []Change {
	if c == nil {
		return nil
	}
	return c.changes[item]
}

// Source says where the changes come from.
func (c *Cells) Source() string { return "from Prometheus" }

// errSeveral prevents that verdicts of another deployment are shown.
var errSeveral = errors.New("series of several deployments")

// read queries ninety days. If there is data only at their end, it queries a shorter period, in which more is seen.
func (c *Chart) read(ctx context.Context, now time.Time) (*Cells, error) {
	pass := probe.NewPass(c.deps, c.deployment)
	for window := stripDays * day; ; {
		step := (window / chartCells).Truncate(time.Second)
		cells, first, err := c.query(ctx, pass, now, step)
		if err != nil || len(cells.changes) == 0 {
			return nil, err
		}
		covered := step * time.Duration(chartCells-first)
		if covered > window/5 || covered <= minChart {
			return cells, nil
		}
		window = covered
	}
}

// query returns the cells of a period that ends now, and the first cell with data.
func (c *Chart) query(ctx context.Context, pass *probe.Pass, now time.Time, step time.Duration) (*Cells, int, error) {
	const series = "max by (job, environment, deployment, category, item, state) (max_over_time(catalyst_check_state{%s}[%ds]))"
	start := now.Add(-step * (chartCells - 1)) // a cell reaches from step before its point to its point
	data, err := promapi.Get[struct {
		Result []struct {
			Metric map[string]string
			Values [][2]any
		}
	}](ctx, pass, "/api/v1/query_range", url.Values{
		"query": {fmt.Sprintf(series, c.matchers, int(step.Seconds()))},
		"start": {strconv.FormatInt(start.Unix(), 10)}, "end": {strconv.FormatInt(start.Add(step*(chartCells-1)).Unix(), 10)},
		"step": {strconv.Itoa(int(step.Seconds()))},
	})
	if err != nil {
		return nil, 0, err
	}
	states, first, owner := map[string]*[chartCells]probe.State{}, chartCells, ""
	for _, s := range data.Result {
		id := strings.Join([]string{s.Metric["job"], s.Metric["environment"], s.Metric["deployment"]}, "\x00")
		if owner == "" {
			owner = id
		}
		if owner != id {
			return nil, 0, errSeveral
		}
		var state probe.State
		if state.UnmarshalText([]byte(s.Metric["state"])) != nil {
			continue
		}
		item := s.Metric["category"] + "/" + s.Metric["item"]
		for _, v := range s.Values {
			at, ok := v[0].(float64)
			i := int(math.Round(at-float64(start.Unix()))) / int(step.Seconds())
			if !ok || i < 0 || i >= chartCells {
				continue
			}
			if states[item] == nil {
				states[item] = &[chartCells]probe.State{}
			}
			first = min(first, i)
			states[item][i] = max(states[item][i], state)
		}
	}
	cells := &Cells{map[string][]Change{}}
	for item, all := range states {
		var changes []Change
		for i, state := range all {
			if n := len(changes); i >= first && (n == 0 || changes[n-1].State != state) {
				changes = append(changes, Change{At: start.Add(step * time.Duration(i-1)), State: state})
			}
		}
		cells.changes[item] = changes
	}
	return cells, first, nil
}

package criteria

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// The scrape jobs of the deployment. One Prometheus often monitors several installations under the same metric names,
// so that a sum over all jobs lets a healthy one hide a broken one.

// carrier is a metric family of a job.
type carrier struct{ family, job string }

// selector returns the series selector of a family in a job.
func selector(family, job string) string { return family + "{job=" + strconv.Quote(job) + "}" }

// ownJobs returns the scrape jobs of the deployment, and whether they are configured.
func (m *measuring) ownJobs() (jobs []string, configured bool) {
	settings := m.pass.Deployment.Prometheus
	jobs = append([]string{promapi.Job(m.pass)}, settings.Jobs...)
	if len(m.Age) > 0 {
		jobs = append(jobs, m.pass.Deployment.Backup.Service)
		return jobs, len(settings.Jobs) > 0
	}
	return jobs, settings.Job != ""
}

// carriers returns the families that jobs of the deployment have in the window. Without any, a single other job that
// has them is assumed to be meant, which is a warning.
func (m *measuring) carriers(ctx context.Context, families []string) ([]carrier, probe.Result, error) {
	var names []string
	for _, f := range families {
		names = append(names, regexp.QuoteMeta(f))
	}
	all, err := promapi.Query(ctx, m.pass, fmt.Sprintf("count by (__name__, job) (last_over_time({__name__=~%s}[%s]))",
		strconv.Quote(strings.Join(names, "|")), seconds(m.window.length)), m.window.at)
	if err != nil {
		return nil, probe.Result{}, err
	}
	byJob := map[string][]carrier{}
	for _, v := range all {
		c := carrier{v.Metric["__name__"], v.Metric["job"]}
		byJob[c.job] = append(byJob[c.job], c)
	}
	own, configured := m.ownJobs()
	var found []carrier
	for _, job := range slices.Compact(slices.Sorted(slices.Values(own))) {
		found = append(found, byJob[job]...)
	}
	others := slices.Sorted(maps.Keys(byJob))
	setting := deployment.PrometheusService.Setting("job") + " or " + deployment.PrometheusService.Setting("jobs")
	switch {
	case len(found) > 0:
	case len(others) == 0:
		return nil, probe.Result{}, probe.Needs(setting+", or custom queries",
			probe.Unknownf(probe.ReasonEmpty, "Prometheus has no data of %s (job %q)", families[0], promapi.Job(m.pass)))
	case len(others) > 1 || configured:
		return nil, probe.Result{}, probe.Needs(setting, probe.Unknownf(probe.ReasonNotConfigured, "only other jobs have the metric: %s (job %q is the deployment's)",
			quoted(others), promapi.Job(m.pass)))
	default:
		found = byJob[others[0]]
		guess := probe.Warned(probe.ReasonUnpinned, "measured in job %q, which is not known to be the deployment's. Set %s", others[0], setting)
		return sorted(found), guess, nil
	}
	return sorted(found), probe.Result{}, nil
}

func sorted(all []carrier) []carrier {
	slices.SortFunc(all, func(a, b carrier) int { return strings.Compare(a.job+" "+a.family, b.job+" "+b.family) })
	return all
}

// maxQuoted bounds the names in a detail.
const maxQuoted = 5

func quoted(names []string) string {
	var shown []string
	for _, n := range names[:min(len(names), maxQuoted)] {
		shown = append(shown, strconv.Quote(n))
	}
	if more := len(names) - maxQuoted; more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	return strings.Join(shown, ", ")
}

// judged is the judgement of one family in one job.
type judged struct {
	result probe.Result
	value  float64
	found  bool // the value is known
	idle   bool // the result is that there is nothing to judge
}

// each judges every carrier of the families; the worst decides. Idle families count only when all are idle.
func (m *measuring) each(ctx context.Context, families []string, judge func(carrier) (judged, error)) (probe.Result, error) {
	all, guess, err := m.carriers(ctx, families)
	if err != nil {
		return m.unmeasured(err)
	}
	var f probe.ResultBuilder
	var idle []probe.Result
	passed, value, found := "", 0.0, false
	for _, c := range all {
		j, err := judge(c)
		if err != nil {
			return m.unmeasured(err)
		}
		if j.found && (!found || m.worse(j.value, value)) {
			value, found = j.value, true
			if j.result.State == probe.StatePass {
				passed = j.result.Detail
			}
		}
		if j.result, err = m.covered(ctx, j.result, c.job); err != nil {
			return m.unmeasured(err)
		}
		if j.idle && j.result.State <= probe.StatePending {
			idle = append(idle, j.result)
			continue
		}
		f.Add(j.result)
	}
	if len(idle) == len(all) {
		f.Add(idle[0])
	}
	if guess.State != 0 {
		f.Add(guess)
	}
	if found {
		f.Measure(CriterionValue.Of(value))
	}
	return f.Result("%s", passed), nil
}

// unmeasured classifies an error of a query.
func (m *measuring) unmeasured(err error) (probe.Result, error) {
	return promapi.JudgeError(m.pass, "the query", err, false)
}

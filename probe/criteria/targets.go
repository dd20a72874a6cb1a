package criteria

import (
	"context"
	"fmt"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// Targets that are up, of the instances that there should be. An instance that service discovery no longer lists is not
// down for Prometheus: it is gone.

func (m *measuring) targets(ctx context.Context) (probe.Result, error) {
	job := promapi.Job(m.pass)
	up := selector("up", job)
	all, err := promapi.Query(ctx, m.pass, fmt.Sprintf(`label_replace(count(%[1]s), "part", "all", "", "") or label_replace(sum(%[1]s), "part", "up", "", "")`+
		` or label_replace(max_over_time(count(%[1]s)[1d:5m]), "part", "before", "", "")`, up), time.Time{})
	if err != nil {
		return m.unmeasured(err)
	}
	part := map[string]float64{}
	for _, v := range promapi.Real(all) {
		part[v.Metric["part"]] = v.Number
	}
	expected, known := m.instances()
	seen, running := part["all"], part["up"]
	if seen == 0 {
		return probe.Result{}, probe.Needs(deployment.PrometheusService.Setting("job"),
			probe.Unknownf(probe.ReasonEmpty, "Prometheus has no targets of job %q", job))
	}
	value := running / max(seen, 1)
	if known && seen < expected && part["before"] >= expected {
		value = running / expected
	}
	measured := CriterionValue.Of(value)
	r := m.judge(value)
	switch {
	case r.State == probe.StateFail:
		r.Detail += fmt.Sprintf(" (%v of %v instances of job %q are up)", running, max(seen, expected), job)
	case known && seen < expected:
		r = probe.Warned(probe.ReasonMissing, "Prometheus scrapes %v of %v instances of job %q. Use service discovery, so that it scrapes each of them", seen, expected, job)
	default:
		r.Detail = fmt.Sprintf("%v of %v instances of job %q are up", running, max(seen, expected), job)
	}
	return r.With(measured), nil
}

// instances returns how many instances of the application the compose file demands.
func (m *measuring) instances() (n float64, known bool) {
	c, err := m.pass.View.Compose()
	if err != nil {
		return 0, false
	}
	app, err := m.pass.View.AppService()
	if err != nil {
		return 0, false
	}
	service, ok := c.Project.Services[app.Name]
	if !ok {
		return 0, false
	}
	return float64(service.GetScale()), true
}

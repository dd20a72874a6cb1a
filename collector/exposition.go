package collector

import (
	"cmp"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

// exposition gathers samples into metric families. It builds the data model directly: a registry would check on every scrape what the golden
// tests check once.
type exposition struct {
	byName map[string]*declared
}

type declared struct {
	Family
	out  *dto.MetricFamily
	seen map[string]bool // label values, to drop what a probe measured twice
}

func newExposition() *exposition {
	x := &exposition{byName: map[string]*declared{}}
	for _, f := range Families() {
		x.byName[f.Name] = &declared{Family: f, out: &dto.MetricFamily{Name: proto.String(f.Name), Help: proto.String(f.Help), Type: dto.MetricType_GAUGE.Enum()}, seen: map[string]bool{}}
	}
	return x
}

// add adds a sample to a family; label values come in the order of its declaration.
func (x *exposition) add(name string, number float64, labels ...string) {
	d := x.byName[name]
	if d == nil || len(labels) != len(d.Labels) {
		panic("metric " + name + " is not declared with these labels")
	}
	key := strings.Join(labels, "\x00")
	if d.seen[key] {
		return
	}
	d.seen[key] = true
	m := &dto.Metric{Gauge: &dto.Gauge{Value: proto.Float64(number)}}
	for i, value := range labels {
		m.Label = append(m.Label, &dto.LabelPair{Name: &d.Labels[i], Value: proto.String(strings.ToValidUTF8(value, "\uFFFD"))})
	}
	slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return cmp.Compare(a.GetName(), b.GetName()) })
	d.out.Metric = append(d.out.Metric, m)
}

// families returns the families that have samples, sorted by name.
func (x *exposition) families() []*dto.MetricFamily {
	var out []*dto.MetricFamily
	for _, d := range x.byName {
		if len(d.out.Metric) > 0 {
			out = append(out, d.out)
		}
	}
	slices.SortFunc(out, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return out
}

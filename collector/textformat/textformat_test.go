package textformat

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/proto"
)

type sample struct {
	family string
	value  float64
	labels []string
}

func declared() []Family {
	return []Family{
		{Name: "z_plain", Help: "Without labels."},
		{Name: "a_labels", Help: "Labels in another order than their names.", Labels: []string{"zone", "area"}},
		{Name: "m_help", Help: "Back\\slash, \"quotes\" and a\nsecond line.", Labels: []string{"one"}},
		{Name: "unused", Help: "Never has a sample."},
	}
}

func samples() []sample {
	all := []sample{
		{"z_plain", 1, nil},
		{"a_labels", 2, []string{"north", "garden"}},
		{"a_labels", 3, []string{"", "ünïcode"}},
		{"m_help", 4, []string{"back\\slash \"quotes\"\nsecond line \xff end"}},
	}
	for i, v := range []float64{0, 1, -1, 2, 0.1, 1e21, 1e20, 123456789, 1e-7, 1.7e9, math.Inf(1), math.Inf(-1),
		math.NaN(), math.Copysign(0, -1), math.MaxFloat64, math.SmallestNonzeroFloat64} {
		all = append(all, sample{"m_help", v, []string{string(rune('a' + i))}})
	}
	return all
}

func write(w *Writer, openMetrics bool, all []sample) []byte {
	w.Reset(openMetrics)
	for _, s := range all {
		w.Add(s.family, s.value, s.labels...)
	}
	var text []byte
	for _, b := range w.Blocks() {
		text = append(text, b.Text...)
	}
	return text
}

// encode encodes the same samples with the reference encoder.
func encode(t *testing.T, format expfmt.FormatType, families []*dto.MetricFamily) []byte {
	t.Helper()
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, expfmt.NewFormat(format))
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return text.Bytes()
}

// reference builds the data model of samples independently of the writer.
func reference(all []sample) []*dto.MetricFamily {
	var families []*dto.MetricFamily
	for _, d := range declared() {
		f := &dto.MetricFamily{Name: proto.String(d.Name), Help: proto.String(d.Help), Type: dto.MetricType_GAUGE.Enum()}
		for _, s := range all {
			if s.family != d.Name {
				continue
			}
			m := &dto.Metric{Gauge: &dto.Gauge{Value: proto.Float64(s.value)}}
			for i, value := range s.labels {
				value = strings.ToValidUTF8(value, "\uFFFD")
				m.Label = append(m.Label, &dto.LabelPair{Name: proto.String(d.Labels[i]), Value: proto.String(value)})
			}
			slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return cmp.Compare(a.GetName(), b.GetName()) })
			f.Metric = append(f.Metric, m)
		}
		if len(f.Metric) > 0 {
			families = append(families, f)
		}
	}
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return families
}

func TestWriter_WritesWhatTheReferenceEncoderWrites(t *testing.T) {
	w := NewWriter(declared()) // one for all: nothing of earlier samples may remain
	for _, all := range [][]sample{samples(), nil, samples()[:2], samples()} {
		for openMetrics, format := range map[bool]expfmt.FormatType{false: expfmt.TypeTextPlain, true: expfmt.TypeOpenMetrics} {
			got, want := write(w, openMetrics, all), encode(t, format, reference(all))
			if !bytes.Equal(got, want) {
				t.Errorf("%d samples, OpenMetrics %v:\n%s\nwant\n%s", len(all), openMetrics, got, want)
			}
		}
	}
}

// TestWriter_OutputParses parses the text and encodes the result again: the parser must read what the writer wrote.
func TestWriter_OutputParses(t *testing.T) {
	got := write(NewWriter(declared()), false, samples())
	parser := expfmt.NewTextParser(model.UTF8Validation)
	byName, err := parser.TextToMetricFamilies(bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	var families []*dto.MetricFamily
	for _, f := range byName {
		families = append(families, f)
	}
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	if again := encode(t, expfmt.TypeTextPlain, families); !bytes.Equal(again, got) {
		t.Errorf("parsed and encoded:\n%s\nwant\n%s", again, got)
	}
}

func TestWriter_RefusesUndeclaredSamples(t *testing.T) {
	for name, add := range map[string]func(w *Writer){
		"unknown family":  func(w *Writer) { w.Add("other", 1) },
		"too many labels": func(w *Writer) { w.Add("z_plain", 1, "x") },
		"too few labels":  func(w *Writer) { w.Add("a_labels", 1, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, "is not declared with these labels") {
					t.Errorf("panic %q", text)
				}
			}()
			add(NewWriter(declared()))
		})
	}
}

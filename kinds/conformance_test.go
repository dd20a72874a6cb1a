package kinds

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Every kind has the properties that callers rely on.
func TestKinds_Conform(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	seen := map[string]bool{}
	for _, k := range All() {
		t.Run(k.Name, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("edit %s", place(k.New))
				}
			})
			if !name.MatchString(k.Name) || seen[k.Name] {
				t.Errorf("name %q is invalid or not unique", k.Name)
			}
			seen[k.Name] = true
			if !strings.HasSuffix(k.Question, "?") {
				t.Errorf("the question %q does not end in a question mark", k.Question)
			}
			if k.Reads == "" {
				t.Error("Reads is empty")
			}
			if strings.Contains(k.Reads, "needs") {
				t.Error("Reads names a permission; write it in Permission")
			}
			layers := []probe.Layer{probe.LayerDeclared, probe.LayerRunning, probe.LayerLive, probe.LayerEvidence, probe.LayerAttested, probe.LayerDerived}
			if !slices.Contains(layers, k.Layer) {
				t.Errorf("unknown layer %q", k.Layer)
			}
			for _, v := range k.Values {
				if !slices.Contains(Values(), v) {
					t.Errorf("value %s is not listed in Values", v.Name)
				}
			}
			if k.Active && k.MaxAge < time.Hour {
				t.Errorf("an active kind must not run every %v", k.MaxAge)
			}
			made, problems := probetest.Decode(k, k.Example)
			if len(problems) > 0 {
				t.Fatalf("the example does not load: %v", problems)
			}
			if _, problems := probetest.Decode(k, "{}"); (len(problems) == 0) != k.Alone {
				t.Errorf("empty spec: %v; Alone is %v", problems, k.Alone)
			}
			if _, problems := probetest.Decode(k, "{no_such_field: 1}"); len(problems) == 0 {
				t.Error("a spec with an unknown field loads")
			}
			switch pr := made.(type) {
			case probe.Probe:
				conform(t, k, pr)
			case probe.Derived:
				if r := probe.Judge(pr, probe.Verdicts{Pass: probetest.NewPass(t, nil, deployment.Settings{})}); r.State == probe.StatePass {
					t.Errorf("passes without any verdict: %+v", r)
				}
			default:
				t.Fatal("neither a Probe nor a Derived")
			}
		})
	}
}

// conform runs a probe with a cancelled context and on an empty deployment.
func conform(t *testing.T, k probe.Kind, pr probe.Probe) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	r := probe.Run(ctx, pr, probetest.NewPass(t, nil, deployment.Settings{}))
	if took := time.Since(began); took > parts.Patience { // a bound against hanging
		t.Errorf("with a cancelled context it took %v", took)
	}
	if r.State == probe.StatePass {
		t.Errorf("passes with a cancelled context: %+v", r)
	}
	if k.Active || k.Layer != probe.LayerDeclared {
		return // an empty folder says nothing about services
	}
	r = probe.Run(t.Context(), pr, probetest.NewPass(t, nil, deployment.Settings{}))
	if r.State == probe.StatePass {
		t.Errorf("passes on an empty folder: %+v", r)
	}
	for _, s := range r.Samples {
		if !slices.Contains(k.Values, s.Value) {
			t.Errorf("measures %s, which it does not declare", s.Value.Name)
		}
	}
}

// conflicts returns the values that share a name with another value but differ in help or labels.
func conflicts(kinds []probe.Kind) (all []string) {
	type owner struct {
		value *probe.Value
		at    string
	}
	first := map[string]owner{}
	for _, k := range kinds {
		for _, v := range k.Values {
			other, known := first[v.Name]
			if !known {
				first[v.Name] = owner{v, place(k.New)}
				continue
			}
			if v != other.value && (v.Help != other.value.Help || !slices.Equal(v.Labels, other.value.Labels)) {
				all = append(all, place(k.New)+": "+v.Name+" has another help or other labels in the kind at "+other.at)
			}
		}
	}
	return all
}

// A value has one help and one set of labels.
func TestValues_OneDeclaration(t *testing.T) {
	for _, c := range conflicts(All()) {
		t.Error(c)
	}
	kind := func(help string, labels ...string) probe.Kind {
		return probe.Kind{Values: []*probe.Value{{Name: "catalyst_x", Help: help, Labels: labels}}, New: func() any { return nil }}
	}
	for name, test := range map[string]struct {
		kinds []probe.Kind
		want  int
	}{
		"same":         {[]probe.Kind{kind("x", "a"), kind("x", "a")}, 0},
		"other help":   {[]probe.Kind{kind("x", "a"), kind("y", "a")}, 1},
		"other labels": {[]probe.Kind{kind("x", "a"), kind("x", "b")}, 1},
		"one more":     {[]probe.Kind{kind("x"), kind("x", "b")}, 1},
	} {
		if got := conflicts(test.kinds); len(got) != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Measured values follow the naming rules of Prometheus.
func TestValues_Naming(t *testing.T) {
	name := regexp.MustCompile(`^catalyst_[a-z0-9_]+$`)
	seen := map[string]bool{}
	for _, v := range Values() {
		if !name.MatchString(v.Name) || seen[v.Name] {
			t.Errorf("name %q is invalid or not unique", v.Name)
		}
		seen[v.Name] = true
		if v.Help == "" || !strings.HasSuffix(v.Help, ".") {
			t.Errorf("%s: help %q is not a sentence", v.Name, v.Help)
		}
	}
}

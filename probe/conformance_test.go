package probe

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestKinds holds every kind to what all may rely on.
func TestKinds(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	seen := map[string]bool{}
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			if !name.MatchString(k.Name) || seen[k.Name] {
				t.Errorf("the name %q is not one of its own", k.Name)
			}
			seen[k.Name] = true
			if !strings.HasSuffix(k.Question, "?") {
				t.Errorf("the question %q does not end in a question mark", k.Question)
			}
			if k.Reads == "" {
				t.Error("what it reads is not said")
			}
			layers := []Layer{LayerDeclared, LayerRunning, LayerLive, LayerEvidence, LayerAttested, LayerDerived}
			if !slices.Contains(layers, k.Layer) {
				t.Errorf("the layer %q is none", k.Layer)
			}
			for _, v := range k.Values {
				if !slices.Contains(Values(), v) {
					t.Errorf("the value %s is not declared in the list", v.Name)
				}
			}
			if k.Active && k.MaxAge < time.Hour {
				t.Errorf("an active kind that looks every %v is a burden", k.MaxAge)
			}
			made, problems := decode(k, k.Example)
			if len(problems) > 0 {
				t.Fatalf("the example does not load: %v", problems)
			}
			if _, problems := decode(k, "{}"); (len(problems) == 0) != k.Alone {
				t.Errorf("the empty spec: %v; Alone is %v", problems, k.Alone)
			}
			if _, problems := decode(k, "{no_such_field: 1}"); len(problems) == 0 {
				t.Error("an unknown field loads")
			}
			switch pr := made.(type) {
			case Probe:
				conform(t, k, pr)
			case Derived:
				if r := Judge(pr, Verdicts{Pass: newPass(t, nil, deployment.Settings{})}); r.State == StatePass {
					t.Errorf("passes on no verdicts at all: %+v", r)
				}
			default:
				t.Fatal("neither a Probe nor a Derived")
			}
		})
	}
}

// conform looks with a cancelled context and at nothing at all.
func conform(t *testing.T, k Kind, pr Probe) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	r := Look(ctx, pr, newPass(t, nil, deployment.Settings{}))
	if took := time.Since(began); took > parts.Patience { // a bound against hanging, not a measure
		t.Errorf("with a cancelled context it took %v", took)
	}
	if r.State == StatePass {
		t.Errorf("passes with a cancelled context on nothing: %+v", r)
	}
	if k.Active || k.Layer != LayerDeclared {
		return // an empty folder says nothing about services
	}
	r = Look(t.Context(), pr, newPass(t, nil, deployment.Settings{}))
	if r.State == StatePass {
		t.Errorf("passes on an empty folder: %+v", r)
	}
	for _, s := range r.Samples {
		if !slices.Contains(k.Values, s.Value) {
			t.Errorf("measures %s, which it does not declare", s.Value.Name)
		}
	}
}

// TestValues holds the list of measured values to the naming of Prometheus.
func TestValues(t *testing.T) {
	name := regexp.MustCompile(`^catalyst_[a-z0-9_]+$`)
	seen := map[string]bool{}
	for _, v := range Values() {
		if !name.MatchString(v.Name) || seen[v.Name] {
			t.Errorf("the name %q is not one of its own", v.Name)
		}
		seen[v.Name] = true
		if v.Help == "" || !strings.HasSuffix(v.Help, ".") {
			t.Errorf("%s: the help %q is no sentence", v.Name, v.Help)
		}
	}
}

// TestReasons holds the closed list together.
func TestReasons(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if r == ReasonNone || seen[r] {
			t.Errorf("%q stands twice, or is none", r)
		}
		seen[r] = true
	}
	if len(seen) != 35 {
		t.Errorf("%d reasons", len(seen))
	}
}

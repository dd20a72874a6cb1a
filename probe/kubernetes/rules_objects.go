package kubernetes

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// removedIn returns the version of Kubernetes that no longer has an API; "" for any other API.
func removedIn(o object) string {
	switch o.APIVersion {
	case "extensions/v1beta1", "apps/v1beta1", "apps/v1beta2":
		return "1.16"
	case "policy/v1beta1", "batch/v1beta1", "autoscaling/v2beta1":
		return "1.25"
	case "autoscaling/v2beta2":
		return "1.26"
	}
	return ""
}

// consistent reports a workload that Kubernetes refuses, whatever is required of it.
func (r rules) consistent(w *workload, f *probe.ResultBuilder) {
	about := probe.Offender{ID: w.title() + " object", File: w.file, Line: w.line}
	if w.group() == "apps" && !w.Spec.Selector.selects(w.Spec.Template.Metadata.Labels) {
		f.Add(probe.Failed(probe.ReasonMismatch, "%s: its selector does not match the labels of its own pods", w.title()).About(about))
	}
	var mine []object
	for _, b := range r.budgets {
		mine = append(mine, b.object)
	}
	for _, a := range r.autoscalers {
		mine = append(mine, a.object)
	}
	for _, o := range append(mine, w.object) {
		if version := removedIn(o); version != "" && o.Metadata.Namespace == w.Metadata.Namespace {
			f.Add(probe.Warned(probe.ReasonInvalid, "%s: Kubernetes %s removed %s. Use the current version of the API", o.title(), version, o.APIVersion).
				About(probe.Offender{ID: o.title() + " version", File: o.file, Line: o.line}))
		}
	}
}

// stray warns about budgets and policies that are required and select nothing, such as after a rename. A checklist about
// some workloads says nothing about the others.
func (r rules) stray(f *probe.ResultBuilder) {
	s := r.spec
	if !r.complete || len(s.Only)+len(s.Kinds) > 0 || s.Namespace != "" || len(r.workloads) == 0 {
		return
	}
	report := func(o object, matches *selector) {
		if !slices.ContainsFunc(r.workloads, func(w *workload) bool {
			return w.Metadata.Namespace == o.Metadata.Namespace && matches.selects(w.pod().Metadata.Labels)
		}) {
			f.Add(probe.Warned(probe.ReasonMismatch, "%s selects the pods of no workload here", o.title()).
				About(probe.Offender{ID: o.title() + " selector", File: o.file, Line: o.line}))
		}
	}
	if slices.Contains(s.Require, "disruption_budget") {
		for _, b := range r.budgets {
			report(b.object, b.Spec.Selector)
		}
	}
	if slices.ContainsFunc(s.Require, func(word string) bool { return strings.HasSuffix(word, "_policy") }) {
		for _, p := range r.policies {
			report(p.object, &p.Spec.Selector)
		}
	}
}

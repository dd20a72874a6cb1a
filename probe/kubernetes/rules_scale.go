package kubernetes

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// scaler returns the autoscaler of a workload.
func (c *cluster) scaler(w *workload) *autoscaler {
	for _, a := range c.autoscalers {
		if a.targets(w) {
			return a
		}
	}
	return nil
}

func (a *autoscaler) targets(w *workload) bool {
	t := a.Spec.Target
	group, _, grouped := strings.Cut(t.APIVersion, "/")
	return a.Metadata.Namespace == w.Metadata.Namespace && t.Name == w.Metadata.Name &&
		cmp.Or(t.Kind, "Deployment") == w.Kind && (t.APIVersion == "" || grouped && group == w.group())
}

// bounds returns the smallest and largest number of replicas.
func (a *autoscaler) bounds() (least, most int) {
	if a.Kind == "ScaledObject" {
		least, most = a.Spec.KedaMin, 100
		if a.Spec.KedaMax != nil {
			most = *a.Spec.KedaMax
		}
		return least, most
	}
	least = 1
	if a.Spec.Min != nil {
		least = *a.Spec.Min
	}
	return least, a.Spec.Max
}

// count returns how many replicas a workload has at least, and what decides it. An autoscaler replaces spec.replicas, except
// that 0 switches it off.
func (c *cluster) count(w *workload) (n int, by string) {
	n, by = 1, "replicas is not set, which means 1"
	if w.Kind == "Pod" {
		return 1, "a Pod has no replicas. Use a Deployment"
	}
	if w.Spec.Replicas != nil {
		n = *w.Spec.Replicas
		by = fmt.Sprintf("replicas is %d", n)
	}
	if a := c.scaler(w); a != nil && n != 0 {
		n, _ = a.bounds()
		field := "minReplicas"
		if a.Kind == "ScaledObject" {
			field = "minReplicaCount"
		}
		by = fmt.Sprintf("%s of %s is %d", field, a.title(), n)
	}
	return n, by
}

func (r rules) replicas(w *workload, found func(*place, finding)) {
	if n, by := r.count(w); n < r.spec.MinReplicas {
		at := finding{reason: probe.ReasonThreshold, text: fmt.Sprintf("%s, less than %d", by, r.spec.MinReplicas)}
		if w.Spec.Replicas == nil && w.group() != "apps" && w.group() != "extensions" && w.group() != "" {
			at.unseen, at.text = true, "its number of replicas is not declared in the form of a Deployment"
		}
		at.unseen = at.unseen || !r.complete && r.scaler(w) == nil // its autoscaler may be in what was not read
		found(&place{object: w.object}, at)
	}
}

// disruptionBudget requires one budget that keeps some pods and lets some go.
func (r rules) disruptionBudget(w *workload, found func(*place, finding)) {
	labels := w.pod().Metadata.Labels
	var mine []*disruptionBudget
	var elsewhere string
	for _, b := range r.budgets {
		switch {
		case !b.Spec.Selector.selects(labels):
		case b.Metadata.Namespace != w.Metadata.Namespace:
			elsewhere = ". " + b.title() + " is in another namespace"
		default:
			mine = append(mine, b)
		}
	}
	add := func(f finding) { found(&place{object: w.object}, f) }
	switch len(mine) {
	case 0:
		add(finding{reason: probe.ReasonMissing, text: "no PodDisruptionBudget selects its pods" + elsewhere, unseen: !r.complete})
		return
	case 1:
	default:
		add(finding{reason: probe.ReasonInvalid, text: "several PodDisruptionBudgets select its pods, so that none can be evicted. Leave one"})
	}
	replicas, _ := r.count(w)
	for _, b := range mine {
		if f := b.judge(replicas); f.text != "" {
			add(f)
		}
	}
}

func (b *disruptionBudget) judge(replicas int) finding {
	kept, ok := 0, true
	switch s := b.Spec; {
	case s.MinAvailable != "" && s.MaxUnavailable != "":
		return finding{reason: probe.ReasonInvalid, text: b.title() + " sets both minAvailable and maxUnavailable"}
	case s.MaxUnavailable != "":
		var gone int
		gone, ok = share(s.MaxUnavailable, replicas, true)
		kept = replicas - gone
	default:
		kept, ok = share(cmp.Or(s.MinAvailable, "0"), replicas, true)
	}
	switch {
	case !ok:
		return finding{reason: probe.ReasonInvalid, text: b.title() + ": minAvailable or maxUnavailable is neither a number nor a percentage"}
	case kept >= replicas:
		return finding{reason: probe.ReasonInvalid, text: fmt.Sprintf("%s allows no disruption of %d replicas, so that nodes cannot be drained", b.title(), replicas)}
	case kept <= 0:
		return finding{reason: probe.ReasonWeak, text: b.title() + " keeps no pod. Set minAvailable to at least 1"}
	}
	return finding{}
}

// autoscaled requires one autoscaler that can scale.
func (r rules) autoscaled(w *workload, found func(*place, finding)) {
	add := func(reason probe.Reason, format string, args ...any) {
		found(&place{object: w.object}, finding{reason: reason, text: fmt.Sprintf(format, args...)})
	}
	var mine []*autoscaler
	stray := ""
	for _, a := range r.autoscalers {
		if a.targets(w) {
			mine = append(mine, a)
		} else if !slices.ContainsFunc(r.workloads, a.targets) {
			stray = ". The target of " + a.title() + " is not defined"
		}
	}
	if len(mine) == 0 {
		found(&place{object: w.object}, finding{reason: probe.ReasonMissing, text: "no HorizontalPodAutoscaler targets it" + stray, unseen: !r.complete})
		return
	}
	if len(mine) > 1 {
		add(probe.ReasonInvalid, "several autoscalers target it. Leave one")
	}
	a := mine[0]
	least, most := a.bounds()
	switch {
	case w.Spec.Replicas != nil && *w.Spec.Replicas == 0:
		add(probe.ReasonInvalid, "replicas is 0, which switches %s off", a.title())
	case most < least || most == 0:
		add(probe.ReasonInvalid, "%s: maxReplicas is less than minReplicas", a.title())
	case most == least:
		add(probe.ReasonWeak, "%s cannot scale: minReplicas and maxReplicas are both %d", a.title(), most)
	}
	if a.Kind != "HorizontalPodAutoscaler" {
		return
	}
	for _, name := range a.utilization() {
		for _, c := range w.pod().Spec.Containers {
			if amount := r.amount(name+"_request", w, w.pod().Spec, c); len(amount) > 0 {
				add(probe.ReasonMissing, "%s scales by the utilization of %s, and container %s requests none", a.title(), name, c.Name)
			}
		}
	}
}

// utilization returns the resources of which an autoscaler needs a request: CPU by default.
func (a *autoscaler) utilization() []string {
	if len(a.Spec.Metrics) == 0 {
		return []string{"cpu"}
	}
	var names []string
	for _, m := range a.Spec.Metrics {
		if m.Type == "Resource" && m.Resource.Target.Type == "Utilization" && slices.Contains([]string{"cpu", "memory"}, m.Resource.Name) {
			names = append(names, m.Resource.Name)
		}
	}
	return names
}

// restricted requires that a policy restricts traffic, and that none allows all of it: policies add up.
func (r rules) restricted(w *workload, egress bool, found func(*place, finding)) {
	labels := w.pod().Metadata.Labels
	direction := "incoming"
	if egress {
		direction = "outgoing"
	}
	restricts, allows, elsewhere := false, "", ""
	for _, p := range r.policies {
		if !p.Spec.Selector.selects(labels) || !p.covers(egress) {
			continue
		}
		if p.Metadata.Namespace != w.Metadata.Namespace {
			elsewhere = ". " + p.title() + " is in another namespace"
			continue
		}
		restricts = true
		rules := p.Spec.Ingress
		if egress {
			rules = p.Spec.Egress
		}
		if slices.ContainsFunc(rules, func(r policyRule) bool { return r.allowsAll(egress) }) {
			allows = p.title()
		}
	}
	switch {
	case !restricts:
		f := finding{reason: probe.ReasonOpen, text: "no NetworkPolicy restricts its " + direction + " traffic" + elsewhere, unseen: !r.complete}
		if len(r.foreign) > 0 {
			f.unseen, f.text = true, f.text+"; "+r.foreign[0].title()+" is of an API that is not evaluated"
		}
		found(&place{object: w.object}, f)
	case allows != "":
		found(&place{object: w.object}, finding{reason: probe.ReasonOpen, text: allows + " allows all " + direction + " traffic"})
	}
}

// covers reports whether a policy is about a direction. By default every policy is about incoming traffic.
func (p *networkPolicy) covers(egress bool) bool {
	if len(p.Spec.Types) > 0 {
		return slices.Contains(p.Spec.Types, map[bool]string{false: "Ingress", true: "Egress"}[egress])
	}
	return !egress || len(p.Spec.Egress) > 0
}

// allowsAll reports whether a rule restricts neither addresses nor ports.
func (r policyRule) allowsAll(egress bool) bool {
	peers := r.From
	if egress {
		peers = r.To
	}
	if len(r.Ports) > 0 {
		return false
	}
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p peer) bool {
		if p.IPBlock == nil || len(p.IPBlock.Except) > 0 {
			return false
		}
		block, err := netip.ParsePrefix(p.IPBlock.CIDR)
		return err == nil && block.Bits() == 0
	})
}

// rolling requires that an update never stops all pods at once.
func (r rules) rolling(w *workload, whole func(probe.Reason, string, ...any)) {
	s := w.Spec.Strategy
	if w.Kind == "StatefulSet" || w.Kind == "DaemonSet" {
		s = w.Spec.UpdateStrategy
	}
	switch s.Type {
	case "", "RollingUpdate":
	case "Recreate":
		whole(probe.ReasonWeak, "strategy Recreate stops all pods before new ones start. Set RollingUpdate")
		return
	case "OnDelete":
		whole(probe.ReasonWeak, "updateStrategy OnDelete updates no pod by itself. Set RollingUpdate")
		return
	default:
		whole(probe.ReasonInvalid, "unknown update strategy")
		return
	}
	replicas, _ := r.count(w)
	if w.Kind == "DaemonSet" {
		replicas = 100 // one for each node: only percentages can be judged
	}
	u := s.RollingUpdate
	down, ok := share(cmp.Or(u.MaxUnavailable, "0"), replicas, false)
	up, upOK := share(cmp.Or(u.MaxSurge, "25%"), replicas, true)
	switch {
	case !ok || !upOK:
		whole(probe.ReasonInvalid, "maxUnavailable or maxSurge is neither a number nor a percentage")
	case u.MaxUnavailable != "" && w.Kind == "Deployment" && down == 0 && up == 0:
		whole(probe.ReasonInvalid, "maxUnavailable and maxSurge are both 0")
	case replicas > 0 && down >= replicas:
		whole(probe.ReasonWeak, "maxUnavailable lets an update stop all %d pods at once", replicas)
	}
}

// spread requires a constraint or an anti-affinity that is about the workload's own pods.
func spread(pod podTemplate, whole func(probe.Reason, string, ...any)) {
	labels := pod.Metadata.Labels
	declared, own := false, false
	add := func(s *selector, key string) {
		declared = true
		own = own || key != "" && s.selects(labels)
	}
	for _, c := range pod.Spec.Spread {
		add(c.Selector, c.TopologyKey)
	}
	for _, t := range pod.Spec.Affinity.PodAntiAffinity.Required {
		add(t.Selector, t.TopologyKey)
	}
	for _, t := range pod.Spec.Affinity.PodAntiAffinity.Preferred {
		add(t.Term.Selector, t.Term.TopologyKey)
	}
	switch {
	case !declared:
		whole(probe.ReasonMissing, "neither topologySpreadConstraints nor podAntiAffinity: all pods may run on one node")
	case !own:
		whole(probe.ReasonInvalid, "the selectors of topologySpreadConstraints and podAntiAffinity do not match its own pods")
	}
}

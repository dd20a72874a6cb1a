// Package nginxcheck checks how nginx splits traffic between releases.
package nginxcheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// nginx_split: does the new release get its planned share of traffic?
//
// A split_clients block steers traffic when nginx passes requests to its variable or when its values are upstreams.
// Other blocks, such as log sampling, are ignored. The spec names the value for the new release. By default it is the
// first value whose name denotes a new release (new, green, canary, …), or the only one next to old releases (old, blue,
// stable, …).

func SplitKind() probe.Kind {
	return probe.Kind{
		Name:       "nginx_split",
		Question:   "Does nginx send the planned share of traffic to the new release?",
		Example:    "{new: catalyst_green, planned: 1}",
		Layer:      probe.LayerDeclared,
		Reads:      "the nginx configuration, mounted or found",
		Permission: "read permission",
		Values:     []*probe.Value{TrafficWeight},
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*nginxSplit).breakages(view) },
		New:        func() any { return &nginxSplit{Planned: 1} },
	}
}

type nginxSplit struct {
	Variable string  `yaml:"variable" pattern:"^\\$[A-Za-z0-9_]+$" doc:"variable set by the split_clients block, with its $; by default the one that steers traffic"`
	New      string  `yaml:"new" doc:"value of the variable for the new release; by default the first that denotes a new one, or the only one next to old ones"`
	Planned  float64 `yaml:"planned" min:"0" max:"1" default:"1" doc:"planned share of traffic for the new release; 100 % passes too"`
}

// oldRelease matches names of an old release.
var oldRelease = lazyregexp.New(`(?i)(^|[^a-z])(old|blue|stable|previous|prev|current|legacy|baseline|control|primary|main)($|[^a-z])`)

// newRelease matches names of a new release.
var newRelease = lazyregexp.New(`(?i)(^|[^a-z])(new|green|canary|next|candidate|rc|beta|release|upcoming|treatment|experiment|future|preview)($|[^a-z])`)

// sameShare is the largest difference between equal shares: nginx accepts two decimals of a percentage.
const sameShare = 0.00005

func (s *nginxSplit) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	n, err := p.View.Nginx()
	switch {
	case errors.Is(err, nginx.ErrNoFile):
		return probe.Result{}, probe.Absent(p, p.View.Place(find.FactNginx), "nginx configuration", "deployment.nginx")
	case errors.Is(err, fs.ErrPermission):
		return probe.Result{}, probe.PermissionError("traffic split is unknown", err)
	case err != nil:
		return probe.Unreadable("nginx configuration cannot be read", err)
	}
	all, _ := p.View.PublicHosts() // unreadable sources are reported elsewhere
	var hosts []string
	for _, h := range all {
		if h.Placeholder == "" {
			hosts = append(hosts, h.Name)
		}
	}
	judged := probe.Unchanged(p, nginxSplitKey{s}, []any{n, strings.Join(hosts, " ")}, func() probe.Judgement {
		r, err := s.judge(n, hosts)
		return probe.Judgement{Result: r, Err: err}
	})
	return judged.Result, judged.Err
}

type nginxSplitKey struct{ *nginxSplit }

func (s *nginxSplit) judge(n *nginx.Config, hosts []string) (probe.Result, error) {
	var steering []nginx.SplitClients
	for _, split := range n.Splits {
		split = mapped(n, split)
		if s.Variable == split.Variable || s.Variable == "" && (isPassedTo(n, split) || isOfUpstreams(n, split)) {
			steering = append(steering, split)
		}
	}
	switch {
	case len(steering) == 0 && len(n.Splits) > 0 && s.Variable == "":
		return probe.Result{}, probe.Skip("the probe's variable", "no split_clients block in the nginx configuration steers traffic")
	case len(steering) == 0:
		return probe.Result{}, probe.Skip("a split_clients block in the nginx configuration", "nginx does not split traffic")
	case len(steering) > 1:
		return probe.Result{}, probe.Needs("the probe's variable", probe.Unknownf(probe.ReasonNotConfigured, "several split_clients blocks steer traffic (%s:%d, %s:%d): set variable to one of them",
			steering[0].File, steering[0].Line, steering[1].File, steering[1].Line))
	}
	split := steering[0]
	at := fmt.Sprintf("%s:%d", split.File, split.Line)
	for _, problem := range n.Problems {
		if problem.File == split.File && problem.Line >= split.Line && strings.Contains(problem.Text, "split_clients") {
			return probe.Failed(probe.ReasonInvalid, "%s:%d: %s", problem.File, problem.Line, problem.Text), nil
		}
	}
	value, known := s.newValue(split)
	if !known {
		return probe.Result{}, probe.Needs("the probe's new", probe.Unknownf(probe.ReasonNotConfigured, "the names of the values of split_clients at %s do not tell which is the new release: set new to its value", at))
	}
	return s.judgeShare(n, hosts, split, value, at), nil
}

// judgeShare checks the share of one value.
func (s *nginxSplit) judgeShare(n *nginx.Config, hosts []string, split nginx.SplitClients, value, at string) probe.Result {
	share, total := split.Ratio(value), 0.0
	for _, part := range split.Parts {
		total += part.Ratio
	}
	var f probe.ResultBuilder
	f.Measure(TrafficWeight.Of(share))
	what := s.shown(n, value)
	switch {
	case share > s.Planned+sameShare && share < 1-sameShare:
		f.Warn(probe.ReasonThreshold, "%s gets %s of the traffic at %s, more than the planned %s", what, percent(share), at, percent(s.Planned))
	case share < s.Planned-sameShare:
		f.Fail(probe.ReasonThreshold, "%s gets %s of the traffic at %s, less than the planned %s", what, percent(share), at, percent(s.Planned))
	}
	if total < 1-sameShare {
		f.Warn(probe.ReasonInvalid, "the shares at %s assign no value to %s of the traffic: add a line with *", at, percent(1-total))
	}
	for _, u := range n.Upstreams {
		up := func(server nginx.UpstreamServer) bool { return !server.Down }
		if u.Name == value && len(u.Servers) > 0 && !slices.ContainsFunc(u.Servers, up) {
			f.Fail(probe.ReasonInvalid, "every server of %s is marked down at %s:%d", what, u.File, u.Line)
		}
	}
	switch {
	case !isPassedTo(n, split):
		f.Warn(probe.ReasonMismatch, "no visible proxy_pass uses the variable of the split at %s", at)
	case bypassed(n, hosts, split):
		f.Warn(probe.ReasonMismatch, "location / does not use the variable of the split at %s on a public server", at)
	}
	s.judgeTarget(&f, n, split, value, what, at)
	return f.Result("%s gets %s of the traffic at %s", what, percent(share), at)
}

// newValue returns the value for the new release. It is known by its name, or because it is the only one next to old ones.
func (s *nginxSplit) newValue(split nginx.SplitClients) (string, bool) {
	if s.New != "" {
		return s.New, true
	}
	var others []string
	old := false
	for _, part := range split.Parts {
		switch {
		case part.Value == "":
		case newRelease.MatchString(part.Value):
			return part.Value, true
		case oldRelease.MatchString(part.Value):
			old = true
		case !slices.Contains(others, part.Value):
			others = append(others, part.Value)
		}
	}
	if old && len(others) == 1 {
		return others[0], true
	}
	return "", false
}

// judgeTarget checks that the value leads to servers of the new release: to an upstream with a live server that no other
// value of the split leads to. Shared servers get the traffic of both, so that nothing is split.
func (s *nginxSplit) judgeTarget(f *probe.ResultBuilder, n *nginx.Config, split nginx.SplitClients, value, what, at string) {
	own, found := liveServers(n, split, value)
	if !found {
		f.Warn(probe.ReasonMismatch, "no upstream for %s at %s in the nginx configuration", what, at)
		return
	}
	for _, part := range split.Parts {
		if part.Value == value || part.Value == "" {
			continue
		}
		others, _ := liveServers(n, split, part.Value)
		if len(own) > 0 && !slices.ContainsFunc(own, func(server string) bool { return !slices.Contains(others, server) }) {
			f.Warn(probe.ReasonMismatch, "every server of %s also serves another value of the split at %s: nothing is split", what, at)
			return
		}
	}
}

// shown returns a value that is a name: an upstream or the spec's own. Other values may be an address with a password.
func (s *nginxSplit) shown(n *nginx.Config, value string) string {
	if value == s.New || slices.ContainsFunc(n.Upstreams, func(u nginx.Upstream) bool { return u.Name == value }) {
		return value
	}
	return "the new release"
}

// percent formats a share.
func percent(share float64) string { return fmt.Sprintf("%g %%", math.Round(share*10000)/100) }

var TrafficWeight = &probe.Value{Name: "catalyst_traffic_weight_ratio", Help: "Share of traffic sent to the new release, 0 to 1.", Labels: nil}

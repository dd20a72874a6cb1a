package nginxcheck

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// breakages of the split: the new release's share set to nothing, and its servers gone.
func (s *nginxSplit) breakages(view *deployment.View) (all []probe.Breakage) {
	n, err := view.Nginx()
	if err != nil {
		return nil
	}
	for _, split := range n.Splits {
		value, known := s.newValue(split)
		if s.Variable != "" && s.Variable != split.Variable || !known || !isPassedTo(n, split) {
			continue
		}
		for _, part := range split.Parts {
			if part.Value != value {
				continue
			}
			share := edit.Lines(func(n int, line string) (string, bool) {
				if n != part.Line {
					return line, true
				}
				return sharePattern.ReplaceAllString(line, "${1}0.01%${2}"), true
			})
			all = append(all, probe.Breakage{Name: value + ": share reduced", File: split.File, Edit: share})
		}
		all = append(all, breakUpstream(n, split, value)...)
	}
	return all
}

// sharePattern matches the share of one value.
var sharePattern = lazyregexp.New(`(^|[\s{;])(?:\*|[\d.]+%)(\s)`)

// breakUpstream returns the breakages of the servers that the new release is reached at.
func breakUpstream(n *nginx.Config, split nginx.SplitClients, value string) (all []probe.Breakage) {
	for _, u := range n.Upstreams {
		if u.Name != value || u.File != split.File {
			continue
		}
		all = append(all,
			probe.Breakage{Name: value + ": upstream renamed", File: u.File, Edit: edit.Lines(func(n int, line string) (string, bool) {
				if n != u.Line {
					return line, true
				}
				return strings.Replace(line, value, value+"_other", 1), true
			})},
			probe.Breakage{Name: "the split no longer used", File: u.File, Edit: edit.Replace("proxy_pass http://"+split.Variable, "proxy_pass http://127.0.0.1:1")})
	}
	return all
}

package tlscheck

import (
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// breakages of certificates: each file gone, empty, cut, or no PEM, and the chain without its intermediates.
func (s *tlsFiles) breakages(view *deployment.View) (all []probe.Breakage) {
	p := probe.Reading(view)
	hosts, _ := publicNames(p) // without hosts the files are the same
	places, err := findPairs(p, hosts)
	if err != nil {
		return nil
	}
	for _, pair := range places.pairs {
		if pair.catchAll {
			continue
		}
		for _, file := range []string{pair.cert, pair.key} {
			if file == "" {
				continue
			}
			all = append(all, probe.WholeFile(file)...)
			all = append(all, probe.Breakage{Name: "file cut in half", File: file, Edit: edit.Half},
				probe.Breakage{Name: "replaced by a web page", File: file, Edit: edit.Content("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n")})
		}
	}
	return all
}

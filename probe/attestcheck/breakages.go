package attestcheck

import (
	"path/filepath"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// breakages of the claim of an item: gone, empty, or about another item. Of several claims, each stands in for the others.
func (s *attestation) breakages(view *deployment.View) []probe.Breakage {
	dir := view.Deployment.AttestationsDir()
	all, err := attest.Load(dir)
	if err != nil {
		return nil
	}
	var file string
	for _, a := range all {
		if a.Err != nil || !a.Claim.IsFor(s.Item) {
			continue
		}
		if file != "" {
			return nil
		}
		file = filepath.Join(dir, a.Name)
	}
	if file == "" {
		return nil
	}
	return append(probe.WholeFile(file), probe.Breakage{Name: "about another item", File: file, Edit: edit.SetYAML("catalyst/another_item", "item")})
}

package evidencecheck

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/evidence"
	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// breakages of the report that counts: gone, empty, cut, no report, from another commit, or of a tool that failed.
func (s *evidenceProbe) breakages(view *deployment.View) []probe.Breakage {
	p := probe.Reading(view)
	commit, err := evidenceCommit(p)
	if err != nil {
		return nil
	}
	places := evidencePlaces{p: p, kind: report.Kind(s.Report), name: s.Name, commit: commit}
	here, _, _ := places.places() // a remote report cannot be broken
	found, err := evidence.Find(here, places.stem(), commit)
	if err != nil || len(found) == 0 {
		return nil
	}
	file := found[0].Name
	all := []probe.Breakage{
		{Name: "report emptied", File: file, Edit: edit.Empty},
		{Name: "report cut in half", File: file, Edit: edit.Half},
		{Name: "report replaced by a web page", File: file, Edit: edit.Content("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n")},
		{Name: "report replaced by the error of its tool", File: file, Edit: edit.Content("error: command not found\n")},
	}
	if len(found) == 1 {
		all = append(all, probe.Breakage{Name: "report deleted", File: file, Edit: edit.Delete})
	}
	if commit != "" { // else there is none to compare with
		all = append(all, probe.Breakage{Name: "recorded for another commit", File: file + evidence.MetaSuffix,
			Edit: edit.Content("commit: " + strings.Repeat("0", 39) + "1\n")})
	}
	return append(all,
		probe.Breakage{Name: "recorded with a failed tool", File: file + evidence.MetaSuffix, Edit: edit.Content("exit_code: 137\n")},
		probe.Breakage{Name: "recorded with another size", File: file + evidence.MetaSuffix, Edit: edit.Content("size: 1\n")})
}

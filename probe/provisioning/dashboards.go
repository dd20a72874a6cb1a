package provisioning

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
	"github.com/thenexusengine/catalyst_exporter/probe/filesearch"
)

// dashboard is what a dashboard says, as far as it is judged.
type dashboard struct {
	uid, title string
	panels     int
	references []string // uids and names of data sources
	variables  []string // names of the variables that stand for a data source
}

// judgeDashboards judges each dashboard, and whether its data sources exist.
func (j *judgement) judgeDashboards(found []string, sources []source) error {
	known := map[string]bool{"": true, "default": true, "grafana": true, "-- grafana --": true, "-- mixed --": true, "-- dashboard --": true, "__expr__": true}
	open := false // a uid is filled in by the environment
	for _, s := range sources {
		open = open || variable.MatchString(s.UID+s.Name)
		known[strings.ToLower(s.UID)], known[strings.ToLower(s.Name)] = true, true
		if s.UID == "" {
			sum := sha256.Sum256([]byte(s.Name)) // as Grafana makes it
			known[strings.ToLower(fmt.Sprintf("P%x", sum[:8]))] = true
		}
	}
	uids := map[string]string{}
	for _, file := range found {
		name := j.pass.Deployment.Rel(file)
		d, err := files.Load(j.pass.Files, file, "dashboard", maxFile, func(data []byte, _ fs.FileInfo) (dashboard, error) { return parseDashboard(data) })
		switch {
		case errors.Is(err, errInvalid):
			j.fail(name, probe.ReasonInvalid, "not a valid dashboard in JSON")
			continue
		case err != nil:
			r, err := probe.Unreadable(name, err)
			if err != nil {
				return err
			}
			j.f.Add(r.About(probe.Offender{ID: name, File: name}))
			continue
		case d.title == "":
			j.fail(name, probe.ReasonMissing, "the dashboard has no title")
		case d.panels == 0:
			j.fail(name, probe.ReasonEmpty, "the dashboard has no panel")
		}
		if other := uids[d.uid]; d.uid != "" && other != "" {
			j.fail(name, probe.ReasonInvalid, "the dashboard has the uid of %s", other)
		}
		uids[d.uid] = name
		for _, ref := range d.references {
			inner := strings.Trim(strings.TrimPrefix(ref, "$"), "{}[]")
			inner, _, _ = strings.Cut(inner, ":")
			switch {
			case strings.HasPrefix(ref, "$") || strings.HasPrefix(ref, "[["):
				if !slices.Contains(d.variables, inner) {
					j.fail(name, probe.ReasonMismatch, "a panel uses a variable as data source that the dashboard does not define. Replace it by a uid: provisioning fills in no inputs")
				}
			case !known[strings.ToLower(ref)] && !open:
				j.fail(name, probe.ReasonMismatch, "a panel uses a data source that is not provisioned")
			}
		}
	}
	return nil
}

func parseDashboard(data []byte) (dashboard, error) {
	var root map[string]any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(data), "\ufeff")), &root); err != nil || root == nil {
		return dashboard{}, errInvalid
	}
	var d dashboard
	d.uid, _ = root["uid"].(string)
	d.title, _ = root["title"].(string)
	templating, _ := root["templating"].(map[string]any)
	variables, _ := templating["list"].([]any)
	for _, v := range variables {
		v, _ := v.(map[string]any)
		if name, _ := v["name"].(string); v["type"] == "datasource" {
			d.variables = append(d.variables, name)
		}
	}
	for _, key := range []string{"panels", "rows", "templating", "annotations"} {
		d.walk(root[key])
	}
	slices.Sort(d.references)
	d.references = slices.Compact(d.references)
	return d, nil
}

// walk collects the panels and the references to data sources.
func (d *dashboard) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			d.walk(inner)
		}
	case map[string]any:
		if kind, ok := v["type"].(string); ok && kind != "row" && v["gridPos"] != nil || v["targets"] != nil {
			d.panels++
		}
		for key, inner := range v {
			if key != "datasource" {
				d.walk(inner)
				continue
			}
			switch of := inner.(type) {
			case string:
				d.references = append(d.references, of)
			case map[string]any:
				if uid, ok := of["uid"].(string); ok {
					d.references = append(d.references, uid)
				}
			}
		}
	}
}

// breakages take the data sources and providers away.
func (s *provisioning) breakages(view *deployment.View) (all []probe.Breakage) {
	for _, folder := range []string{"datasources", "dashboards"} {
		var found []string
		for _, extension := range []string{"yaml", "yml"} {
			more, err := filesearch.Search(context.Background(), view.Deployment, s.Path+"/"+folder+"/*."+extension, nil)
			if err != nil {
				return nil
			}
			found = append(found, more...)
		}
		if len(found) == 1 { // of several files, another one may be enough
			all = append(all, probe.WholeFile(found[0])...)
			all = append(all, probe.Breakage{Name: folder + " commented out", File: found[0], Edit: edit.CommentLines(1, 1<<20)})
		}
	}
	return all
}

// Package provisioning judges files from which Grafana is provisioned.
package provisioning

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/filesearch"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// grafana_provisioning: are data sources and dashboards provisioned, and do the dashboards use data sources that exist?
//
// The folder of a provider is a path in Grafana's container. It is searched by its last elements next to the provisioning
// folder and at the root. Where it is not found and `dashboards` is not set, its dashboards are unknown.

// ProvisioningKind is the kind grafana_provisioning.
func ProvisioningKind() probe.Kind {
	return probe.Kind{
		Name:       "grafana_provisioning",
		Question:   "Are Grafana's data sources and dashboards provisioned, and do they fit together?",
		Example:    "{path: grafana/provisioning, datasources: [prometheus]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the YAML files in the folders datasources and dashboards below `path`, and the dashboards that they provide",
		Permission: "read permission",
		MaxAge:     30 * time.Second,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*provisioning).breakages(view) },
		New:        func() any { return &provisioning{} },
	}
}

type provisioning struct {
	Path       string   `yaml:"path" required:"true" doc:"Grafana's provisioning folder, relative to the deployment root"`
	Sources    []string `yaml:"datasources" doc:"types of data sources that must be provisioned, e.g. prometheus, loki"`
	Dashboards []string `yaml:"dashboards" doc:"patterns of the dashboards (JSON), relative to the deployment root; those of the providers when unset"`
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *provisioning) Validate() []error {
	var errs []error
	for _, pattern := range append([]string{s.Path}, s.Dashboards...) {
		if err := filesearch.ValidPattern(pattern); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

const maxFile = 4 << 20

var variable = lazyregexp.New(`\$`)

// source is a data source.
type source struct {
	Name    string `yaml:"name"`
	Type    string `yaml:"type"`
	UID     string `yaml:"uid"`
	URL     string `yaml:"url"`
	Org     int    `yaml:"orgId"`
	Default bool   `yaml:"isDefault"`
}

type sourceFile struct {
	Sources []source `yaml:"datasources"`
}

type providerFile struct {
	Providers []struct {
		Name    string `yaml:"name"`
		Type    string `yaml:"type"`
		Options struct {
			Path string `yaml:"path"`
		} `yaml:"options"`
	} `yaml:"providers"`
}

// judgement judges one provisioning folder.
type judgement struct {
	*provisioning
	ctx    context.Context
	pass   *probe.Pass
	f      probe.ResultBuilder
	unseen []string
}

func (j *judgement) fail(file string, reason probe.Reason, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	j.f.Fail(reason, "%s: %s", file, text)
	j.f.Offend(probe.Offender{ID: file + ": " + text, File: file})
}

func (s *provisioning) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	j := &judgement{provisioning: s, ctx: ctx, pass: p}
	sources, err := j.sources()
	if err != nil {
		return probe.Result{}, err
	}
	found, err := j.dashboards()
	if err != nil {
		return probe.Result{}, err
	}
	if err := j.judgeDashboards(found, sources); err != nil {
		return probe.Result{}, err
	}
	if len(j.unseen) > 0 && j.f.Worst.State != probe.StateFail { // a failure is certain whatever the rest is
		return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s", strings.Join(j.unseen, "; "))
	}
	return j.f.Result("%s and %s provisioned", phrase.Count(len(sources), "data source"), phrase.Count(len(found), "dashboard")), nil
}

// each reads the YAML files of a folder below the provisioning folder.
func (j *judgement) each(folder string, into func(name string, root *schema.Node) error) (int, error) {
	count := 0
	for _, extension := range []string{"yaml", "yml"} {
		found, err := filesearch.Search(j.ctx, j.pass.Deployment, j.Path+"/"+folder+"/*."+extension, nil)
		if err != nil {
			return count, err
		}
		for _, file := range found {
			count++
			name := j.pass.Deployment.Rel(file)
			root, err := files.Load(j.pass.Files, file, "provisioning", maxFile, func(data []byte, _ fs.FileInfo) (*schema.Node, error) {
				root, err := schema.Parse(file, data)
				if err != nil {
					return nil, errInvalid
				}
				return root, nil
			})
			if err == nil && into(name, root) != nil {
				err = errInvalid
			}
			if errors.Is(err, errInvalid) {
				j.fail(name, probe.ReasonInvalid, "not a valid provisioning file")
				continue
			}
			if err != nil {
				r, err := probe.Unreadable(name, err)
				if err != nil {
					return count, err
				}
				j.f.Add(r.About(probe.Offender{ID: name, File: name}))
			}
		}
	}
	return count, nil
}

var errInvalid = errors.New("not valid")

func (j *judgement) sources() ([]source, error) {
	var all []source
	count, err := j.each("datasources", func(name string, root *schema.Node) error {
		var one sourceFile
		if err := root.Decode(&one); err != nil {
			return err
		}
		for _, s := range one.Sources {
			if s.Name == "" || s.Type == "" {
				j.fail(name, probe.ReasonInvalid, "a data source has no name or no type")
			}
			for _, other := range all {
				switch {
				case max(s.Org, 1) != max(other.Org, 1):
				case s.Name == other.Name, s.UID != "" && s.UID == other.UID:
					j.fail(name, probe.ReasonInvalid, "two data sources have one name or uid")
				case s.Default && other.Default:
					j.fail(name, probe.ReasonInvalid, "two data sources are the default")
				}
			}
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 && j.f.Worst.State != probe.StateFail {
		what := "no data source in datasources"
		if count == 0 {
			what = "no YAML file in datasources"
		}
		j.fail(j.Path, probe.ReasonMissing, "%s", what)
	}
	for _, kind := range j.Sources {
		if len(all) > 0 && !slices.ContainsFunc(all, func(s source) bool { return s.Type == kind }) {
			j.fail(j.Path, probe.ReasonMissing, "no data source of type %s", kind)
		}
	}
	return all, nil
}

// dashboards returns the files of the dashboards.
func (j *judgement) dashboards() ([]string, error) {
	var found []string
	providers := 0
	_, err := j.each("dashboards", func(name string, root *schema.Node) error {
		var one providerFile
		if err := root.Decode(&one); err != nil {
			return err
		}
		for _, p := range one.Providers {
			providers++
			switch {
			case p.Type != "" && p.Type != "file":
				j.fail(name, probe.ReasonInvalid, "a provider has another type than file")
			case p.Options.Path == "":
				j.fail(name, probe.ReasonMissing, "a provider has no options.path")
			case len(j.Dashboards) == 0:
				more, known := j.folder(p.Options.Path)
				if !known {
					j.unseen = append(j.unseen, name+": the folder of a provider is not in the deployment's folder. Set dashboards")
				} else if len(more) == 0 {
					j.fail(name, probe.ReasonEmpty, "the folder of a provider has no dashboard")
				}
				found = append(found, more...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if providers == 0 && j.f.Worst.State != probe.StateFail {
		j.fail(j.Path, probe.ReasonMissing, "no provider of dashboards in dashboards")
	}
	for _, pattern := range j.Dashboards {
		more, err := filesearch.Search(j.ctx, j.pass.Deployment, pattern, nil)
		if err != nil {
			return nil, err
		}
		if len(more) == 0 {
			j.fail(pattern, probe.ReasonMissing, "no dashboard matches")
		}
		found = append(found, more...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// folder returns the dashboards in the folder of a provider; false if the folder is not found.
func (j *judgement) folder(inside string) ([]string, bool) {
	root := j.pass.Deployment.Root
	at := filepath.Join(root, j.Path)
	elements := strings.Split(strings.Trim(filepath.Clean("/"+inside), "/"), "/")
	for i := range elements {
		for _, base := range []string{at, filepath.Dir(at), root} {
			rel, err := filepath.Rel(root, filepath.Join(base, filepath.Join(elements[i:]...)))
			folder := filepath.Join(root, rel)
			if err != nil || !strings.HasPrefix(folder, root+"/") || folder == filepath.Join(at, "dashboards") && i > 0 && !j.hasDashboards(folder) {
				continue
			}
			if _, kind, err := files.Look(folder); err == nil && kind.IsDir() {
				found, err := filesearch.Search(j.ctx, j.pass.Deployment, rel+"/**/*.json", nil)
				return found, err == nil
			}
		}
	}
	return nil, false
}

// hasDashboards reports whether the folder with the providers also has dashboards, as it often does.
func (j *judgement) hasDashboards(folder string) bool {
	found, _ := filepath.Glob(filepath.Join(folder, "*.json"))
	return len(found) > 0
}

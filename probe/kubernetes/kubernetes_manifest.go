// Package kubernetes judges manifests for Kubernetes: what the files of a deployment say, not what runs in a cluster.
package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/filesearch"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// kubernetes_manifest: do the workloads in the manifests declare what production needs?
//
// Each requirement is a word, so that a checklist has an item for those that its team keeps. Objects belong together by
// namespace and labels, as in a cluster; an object without a namespace belongs only to others without one. Templates, and
// files that a kustomization changes, are not manifests: what they become is unknown here, so that they never pass.

// ManifestKind is the kind kubernetes_manifest.
func ManifestKind() probe.Kind {
	return probe.Kind{
		Name:       "kubernetes_manifest",
		Question:   "Do the workloads in the Kubernetes manifests declare what is required of them?",
		Example:    "{path: 'k8s/**/*.yaml', require: [replicas, readiness, memory_limit, disruption_budget, non_root, pinned]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the manifests that match `path`, each of at most 4 MiB: YAML with several documents, JSON, lists, and the output of kustomize or `helm template`",
		Permission: "read permission",
		MaxAge:     30 * time.Second,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*manifest).breakages(view) },
		New:        func() any { return &manifest{MinReplicas: 2} },
	}
}

type manifest struct {
	Path        []string `yaml:"path" required:"true" doc:"files, relative to the deployment root. *, ? and [a-z] match within a name, ** any number of folders"`
	Without     []string `yaml:"except_files" doc:"patterns of files that are left out, e.g. those of another environment"`
	Require     []string `yaml:"require" required:"true" enum:"replicas,readiness,liveness,startup,memory_request,memory_limit,cpu_request,cpu_limit,disruption_budget,autoscaler,network_policy,egress_policy,non_root,read_only,no_privilege_escalation,cap_drop_all,capabilities,seccomp,unprivileged,no_host_network,no_host_path,pinned,digest,no_plain_secrets,rolling_update,spread" doc:"replicas: at least min_replicas; readiness, liveness, startup: a probe that can fail; memory_request, memory_limit, cpu_request, cpu_limit; disruption_budget: a PodDisruptionBudget that keeps pods and allows a disruption; autoscaler: a HorizontalPodAutoscaler that can scale; network_policy, egress_policy: incoming or outgoing traffic is restricted; non_root; read_only: root file system; no_privilege_escalation; cap_drop_all; capabilities: none added; seccomp; unprivileged: neither privileged nor in the host's process or IPC namespace; no_host_network: nor ports of the host; no_host_path; pinned: a fixed tag or digest; digest; no_plain_secrets: in env values, arguments and ConfigMaps; rolling_update: pods are replaced one after another; spread: pods are spread over nodes or zones"`
	MinReplicas int      `yaml:"min_replicas" default:"2" min:"1" doc:"minimum of replicas; of an autoscaled workload, of minReplicas"`
	Only        []string `yaml:"workloads" doc:"names of the workloads, or Kind/name; all when unset"`
	Except      []string `yaml:"except" doc:"workloads that need not hold this, as names or Kind/name"`
	Sidecars    []string `yaml:"except_containers" doc:"containers that need not hold this"`
	Kinds       []string `yaml:"kinds" doc:"kinds of workloads, e.g. Deployment; all when unset"`
	Namespace   string   `yaml:"namespace" doc:"namespace of the workloads; all when unset"`
	Caps        []string `yaml:"allow_capabilities" doc:"capabilities that containers may add, e.g. NET_BIND_SERVICE"`
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *manifest) Validate() []error {
	var errs []error
	for _, pattern := range slices.Concat(s.Path, s.Without) {
		if err := filesearch.ValidPattern(pattern); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// cluster is what all files declare together.
type cluster struct {
	content
}

func (s *manifest) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	var c cluster
	var f probe.ResultBuilder
	read := 0
	for _, pattern := range s.Path {
		found, err := filesearch.Search(ctx, p.Deployment, pattern, s.Without)
		if err != nil {
			return probe.Result{}, err
		}
		for _, file := range found {
			if !isManifest(pattern, file) {
				continue
			}
			read++
			if r, err := c.read(p, file); err != nil {
				return probe.Result{}, err
			} else if r.State != 0 {
				f.Add(r)
			}
		}
	}
	if read == 0 {
		return probe.Failed(probe.ReasonMissing, "%s: no such file", phrase.Words(s.Path)), nil
	}
	return s.judge(&c, &f)
}

// isManifest reports whether a file that a pattern matches may be a manifest, by its name.
func isManifest(pattern, file string) bool {
	return !strings.ContainsAny(pattern, `*?[`) || slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(path.Ext(file)))
}

// read adds the objects of one file. It returns a result only if the file cannot be read.
func (c *cluster) read(p *probe.Pass, file string) (probe.Result, error) {
	name := p.Deployment.Rel(file)
	one, err := files.Load(p.Files, file, "kubernetes objects of "+name, maxFile, func(data []byte, _ fs.FileInfo) (*content, error) {
		if files.IsLFSPointer(data) {
			return &content{unseen: []string{name + " is a Git LFS pointer; fetch its content with git lfs pull"}}, nil
		}
		return parse(name, data), nil
	})
	if errors.Is(err, files.ErrTooLarge) {
		c.unseen = append(c.unseen, name+" is larger than 4 MiB and was not read")
		return probe.Result{}, nil
	}
	if err != nil {
		r, err := probe.Unreadable(name, err)
		return r.About(probe.Offender{ID: name, File: name}), err
	}
	if len(one.all)+len(one.invalid)+len(one.unseen) == 0 {
		return probe.Result{}, nil
	}
	k, at, err := kustomized(p, file)
	switch {
	case err != nil:
		c.unseen = append(c.unseen, fmt.Sprintf("%s cannot be read, so its output is unknown", at))
	case k == nil:
		c.join(one, "")
	case len(k.changes) > 0:
		c.unseen = append(c.unseen, fmt.Sprintf("%s changes the manifests (%s). Check the output of kustomize build instead", at, phrase.List(k.changes)))
	case !slices.ContainsFunc(k.Resources, func(r string) bool { return path.Clean(r) == filepath.Base(file) }):
		return probe.Warned(probe.ReasonMismatch, "%s is not among the resources of %s, so it is not applied", name, at).
			About(probe.Offender{ID: name + " not applied", File: name}), nil
	default:
		c.join(one, k.Namespace)
	}
	return probe.Result{}, nil
}

// kustomized returns the kustomization in a file's folder and its displayed path; nil if there is none.
func kustomized(p *probe.Pass, file string) (*kustomization, string, error) {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		at := filepath.Join(filepath.Dir(file), name)
		k, err := files.Load(p.Files, at, "kustomization", 1<<20, func(data []byte, _ fs.FileInfo) (*kustomization, error) {
			return parseKustomization(data)
		})
		if !errors.Is(err, fs.ErrNotExist) {
			return k, p.Deployment.Rel(at), err
		}
	}
	return nil, "", nil
}

// join adds the content of a file. Its objects are shared between passes, so that a namespace is set on copies.
func (c *cluster) join(one *content, namespace string) {
	c.unseen = append(c.unseen, one.unseen...)
	c.invalid = append(c.invalid, one.invalid...)
	in := func(o object) object {
		o.Metadata.Namespace = cmp.Or(namespace, o.Metadata.Namespace)
		return o
	}
	for _, o := range one.all {
		c.all = append(c.all, in(o))
	}
	for _, o := range one.foreign {
		c.foreign = append(c.foreign, in(o))
	}
	for _, x := range one.workloads {
		c.workloads = append(c.workloads, &workload{in(x.object), x.Spec})
	}
	for _, x := range one.budgets {
		c.budgets = append(c.budgets, &disruptionBudget{in(x.object), x.Spec})
	}
	for _, x := range one.autoscalers {
		c.autoscalers = append(c.autoscalers, &autoscaler{in(x.object), x.Spec})
	}
	for _, x := range one.policies {
		c.policies = append(c.policies, &networkPolicy{in(x.object), x.Spec})
	}
	for _, x := range one.limits {
		c.limits = append(c.limits, &limitRange{in(x.object), x.Spec})
	}
	for _, x := range one.configs {
		c.configs = append(c.configs, &configMap{in(x.object), x.Data})
	}
}

// named reports whether a workload is in a list of the checklist.
func named(list []string, w *workload) bool {
	return slices.ContainsFunc(list, func(n string) bool {
		return n == w.Metadata.Name || strings.EqualFold(n, w.Kind+"/"+w.Metadata.Name)
	})
}

// selected returns the workloads that are judged.
func (s *manifest) selected(c *cluster) []*workload {
	var all []*workload
	for _, w := range c.workloads {
		switch {
		case len(s.Only) > 0 && !named(s.Only, w), named(s.Except, w):
		case len(s.Kinds) > 0 && !slices.ContainsFunc(s.Kinds, func(k string) bool { return strings.EqualFold(k, w.Kind) }):
		case s.Namespace != "" && s.Namespace != w.Metadata.Namespace:
		default:
			all = append(all, w)
		}
	}
	return all
}

// judge reports, per requirement, the workloads that do not hold it.
func (s *manifest) judge(c *cluster, f *probe.ResultBuilder) (probe.Result, error) {
	for _, wrong := range c.invalid {
		f.Fail(probe.ReasonInvalid, "%s", wrong.text)
		file, _, _ := strings.Cut(wrong.text, ":")
		f.Offend(probe.Offender{ID: fmt.Sprintf("%s invalid", file), File: file, Line: wrong.line})
	}
	c.duplicates(f)
	workloads := s.selected(c)
	unseen := slices.Clone(c.unseen)
	complete := len(unseen) == 0
	if complete {
		for _, name := range s.Only {
			if !slices.ContainsFunc(workloads, func(w *workload) bool { return named([]string{name}, w) }) {
				f.Fail(probe.ReasonMissing, "no manifest defines the workload %s", name)
			}
		}
		if len(workloads) == 0 && f.Worst.State != probe.StateFail {
			f.Fail(probe.ReasonMissing, "%s: no workload found", phrase.Words(s.Path))
		}
	}
	rules := rules{cluster: c, spec: s, complete: complete}
	for _, w := range workloads {
		rules.consistent(w, f)
	}
	rules.stray(f)
	for _, word := range s.Require {
		judged := 0
		broken := map[finding][]*place{}
		for _, w := range workloads {
			if !applies(word, w.Kind) {
				continue
			}
			judged++
			rules.judge(word, w, func(at *place, found finding) { broken[found] = append(broken[found], at) })
		}
		if judged == 0 && len(workloads) > 0 {
			unseen = append(unseen, word+": no selected workload is of a kind that it applies to")
		}
		for _, found := range slices.SortedFunc(maps.Keys(broken), func(a, b finding) int { return strings.Compare(a.text, b.text) }) {
			unseen = report(f, word, found, broken[found], unseen)
		}
	}
	if len(unseen) > 0 && f.Worst.State != probe.StateFail { // a failure is certain whatever the rest is
		return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s", strings.Join(unseen[:min(len(unseen), probe.MaxFindings)], "; "))
	}
	return f.Result("%s: %s", phrase.Count(len(workloads), "workload"), strings.Join(s.Require, ", ")), nil
}

// report adds one fault and the places that have it.
func report(f *probe.ResultBuilder, word string, found finding, at []*place, unseen []string) []string {
	var names []string
	var offenders []probe.Offender
	for _, p := range at {
		names = append(names, p.title())
		offenders = append(offenders, probe.Offender{ID: p.title() + " " + word, File: p.object.file, Line: p.object.line})
	}
	text := phrase.List(slices.Compact(names)) + ": " + found.text
	if found.unseen {
		return append(unseen, text)
	}
	add := f.Fail
	if found.warn || found.reason == probe.ReasonWeak || found.reason == probe.ReasonUnpinned {
		add = f.Warn
	}
	add(found.reason, "%s", text)
	f.Offend(offenders...)
	return unseen
}

// duplicates warns about objects that several documents define: the last one that is applied counts.
func (c *cluster) duplicates(f *probe.ResultBuilder) {
	first := map[string]object{}
	for _, o := range c.all {
		if o.Metadata.Name == "" {
			continue
		}
		key := o.group() + " " + o.title()
		if before, ok := first[key]; ok {
			f.Warn(probe.ReasonMismatch, "%s is defined twice: %s:%d and %s:%d. Leave out one of them", o.title(), before.file, before.line, o.file, o.line)
			f.Offend(probe.Offender{ID: o.title() + " duplicate", File: o.file, Line: o.line})
			continue
		}
		first[key] = o
	}
}

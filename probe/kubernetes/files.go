package kubernetes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// content is what one file contains. Only one of unseen and the objects may be empty at a time.
type content struct {
	workloads   []*workload
	budgets     []*disruptionBudget
	autoscalers []*autoscaler
	policies    []*networkPolicy
	limits      []*limitRange
	configs     []*configMap
	all         []object // every object, for duplicates
	foreign     []object // network policies of other APIs
	unseen      []string // what cannot be judged, and why
	invalid     []wrong  // documents that Kubernetes would refuse
}

type wrong struct {
	line int
	text string
}

// Bounds of one file.
const (
	maxFile = 4 << 20
	maxDocs = 5000
)

var templated = lazyregexp.New(`\{\{|\$\{[A-Za-z_]|<%`)

// parse reads the documents of a file.
func parse(name string, data []byte) *content {
	c := &content{}
	isTemplate := templated.Match(data)
	if strings.EqualFold(path.Ext(name), ".json") {
		data = plainJSON(data)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	for n := 1; ; n++ {
		var doc yaml.Node
		err := d.Decode(&doc)
		switch {
		case errors.Is(err, io.EOF):
			return c
		case err != nil && isTemplate:
			c.unseen = append(c.unseen, name+" is a template, not a manifest. Check what it is rendered to")
			return c
		case err != nil:
			c.invalid = append(c.invalid, wrong{0, fmt.Sprintf("%s: document %d is not valid YAML or JSON", name, n)})
			return c
		case n > maxDocs:
			c.unseen = append(c.unseen, fmt.Sprintf("%s has more than %d documents", name, maxDocs))
			return c
		case len(doc.Content) == 1:
			c.add(name, doc.Content[0])
		}
	}
}

// plainJSON rewrites JSON so that it is YAML as well: without tabs and escaped surrogates.
func plainJSON(data []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	for {
		var v any
		switch err := d.Decode(&v); {
		case errors.Is(err, io.EOF):
			return out.Bytes()
		case err != nil:
			return []byte("{") // not valid
		}
		out.WriteString("---\n")
		_ = e.Encode(v) // a decoded value can be encoded
	}
}

// add adds one document, or the items of a list.
func (c *content) add(name string, n *yaml.Node) {
	var head struct {
		object `yaml:",inline"`
		Items  []yaml.Node `yaml:"items"`
	}
	if n.Kind != yaml.MappingNode {
		return // empty, or no manifest at all
	}
	err := n.Decode(&head)
	o := head.object
	o.file, o.line = name, n.Line
	switch {
	case (judged(o) || err != nil || templated.MatchString(o.Kind+o.APIVersion)) && isTemplate(n, 0):
		c.unseen = append(c.unseen, fmt.Sprintf("%s:%d is a template, not a manifest. Check what it is rendered to", name, n.Line))
		return
	case o.Kind == "" || o.Kind == "Kustomization":
		return // a file of another program
	case o.APIVersion == "" || err != nil:
		c.invalid = append(c.invalid, wrong{n.Line, fmt.Sprintf("%s:%d is not a valid object: %s", name, lineOf(err, n.Line), cause(err, "apiVersion is not set"))})
		return
	case strings.HasSuffix(o.Kind, "List") && head.Items != nil:
		for i := range head.Items {
			c.addItem(name, &head.Items[i], o)
		}
		return
	case o.Metadata.Name == "" && o.Metadata.GenerateName == "":
		c.invalid = append(c.invalid, wrong{n.Line, fmt.Sprintf("%s:%d: %s has no name", name, n.Line, o.Kind)})
		return
	}
	if err := c.decode(o, n); err != nil {
		at := lineOf(err, n.Line)
		c.invalid = append(c.invalid, wrong{at, fmt.Sprintf("%s:%d: %s is not valid: %s", name, at, o.title(), cause(err, "it cannot be decoded"))})
	}
	c.all = append(c.all, o)
}

// addItem adds an item of a list. Those of a DeploymentList may lack what the list says.
func (c *content) addItem(name string, n *yaml.Node, list object) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	kind := strings.TrimSuffix(list.Kind, "List")
	if kind != "" && n.Kind == yaml.MappingNode && !slices.ContainsFunc(n.Content, func(k *yaml.Node) bool { return k.Value == "kind" }) {
		scalar := func(text string) *yaml.Node {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: n.Line}
		}
		whole := *n
		whole.Content = append([]*yaml.Node{scalar("apiVersion"), scalar(list.APIVersion), scalar("kind"), scalar(kind)}, n.Content...)
		n = &whole
	}
	c.add(name, n)
}

var yamlLine = lazyregexp.New(`line ([0-9]+)`)

func lineOf(err error, otherwise int) int {
	if err != nil {
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			n := 0
			if _, err := fmt.Sscan(m[1], &n); err == nil && n > 0 {
				return n
			}
		}
	}
	return otherwise
}

// cause says what is wrong without quoting a value.
func cause(err error, otherwise string) string {
	var types *yaml.TypeError
	switch {
	case err == nil:
		return otherwise
	case !errors.As(err, &types):
		return "it cannot be decoded"
	case strings.Contains(err.Error(), "already defined"):
		return "a key is set twice"
	}
	return "a value has the wrong type"
}

// judged reports whether requirements are about a kind of object.
func judged(o object) bool {
	switch o.group() + " " + o.Kind {
	case "apps Deployment", "apps StatefulSet", "apps DaemonSet", "apps ReplicaSet", "extensions Deployment", "extensions DaemonSet",
		"extensions ReplicaSet", "batch Job", "batch CronJob", " Pod", " ReplicationController", "policy PodDisruptionBudget",
		"autoscaling HorizontalPodAutoscaler", "keda.sh ScaledObject", "networking.k8s.io NetworkPolicy", "extensions NetworkPolicy",
		" LimitRange", " ConfigMap":
		return true
	}
	return false
}

// decode keeps an object that requirements are about.
func (c *content) decode(o object, n *yaml.Node) error {
	if !judged(o) {
		if strings.HasSuffix(o.Kind, "NetworkPolicy") {
			c.foreign = append(c.foreign, o)
		}
		w := &workload{object: o} // of another API with pods, such as a Rollout
		if n.Decode(w) == nil && len(w.Spec.Template.Spec.Containers) > 0 {
			c.workloads = append(c.workloads, w)
		}
		return nil
	}
	switch o.Kind {
	case "PodDisruptionBudget":
		return keep(&c.budgets, &disruptionBudget{object: o}, n)
	case "HorizontalPodAutoscaler", "ScaledObject":
		return keep(&c.autoscalers, &autoscaler{object: o}, n)
	case "NetworkPolicy":
		return keep(&c.policies, &networkPolicy{object: o}, n)
	case "LimitRange":
		return keep(&c.limits, &limitRange{object: o}, n)
	case "ConfigMap":
		return keep(&c.configs, &configMap{object: o}, n)
	}
	return keep(&c.workloads, &workload{object: o}, n)
}

func keep[T any](list *[]*T, into *T, n *yaml.Node) error {
	err := n.Decode(into)
	if err == nil {
		*list = append(*list, into)
	}
	return err
}

// isTemplate reports whether an object has parts that are filled in later. Texts that programs interpret themselves, such as
// arguments and annotations, may contain such marks.
func isTemplate(n *yaml.Node, depth int) bool {
	switch n.Kind {
	case yaml.ScalarNode:
		return templated.MatchString(n.Value)
	case yaml.SequenceNode:
		return slices.ContainsFunc(n.Content, func(item *yaml.Node) bool { return isTemplate(item, depth+1) })
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind == yaml.MappingNode || templated.MatchString(key.Value) {
				return true
			}
			switch key.Value {
			case "annotations", "args", "command", "data", "stringData", "value", "rules", "groups", "description", "message":
				continue
			}
			if isTemplate(n.Content[i+1], depth+1) {
				return true
			}
		}
	}
	return false
}

// kustomization is what kustomize does with the files of a folder.
type kustomization struct {
	Kind      string   `yaml:"kind"`
	Resources []string `yaml:"resources"`
	Namespace string   `yaml:"namespace"`
	changes   []string // fields by which the output differs from the files
}

func parseKustomization(data []byte) (*kustomization, error) {
	k := &kustomization{}
	var fields map[string]yaml.Node
	if err := yaml.Unmarshal(data, &fields); err != nil {
		return nil, errors.New("not valid YAML")
	}
	if err := yaml.Unmarshal(data, k); err != nil {
		return nil, errors.New("not a kustomization")
	}
	for name := range fields {
		if !slices.Contains([]string{"apiVersion", "kind", "metadata", "resources", "namespace", "commonAnnotations", "configMapGenerator", "secretGenerator", "generatorOptions"}, name) {
			k.changes = append(k.changes, name)
		}
	}
	slices.Sort(k.changes)
	return k, nil
}

// Package kubernetes_test decodes the manifests strictly into the types of Kubernetes and of the Prometheus Operator: an unknown
// or misspelt field, and a value of another type, are errors. It is a module of its own, so that the exporter needs none of
// these types. The tests in packaging compare the manifests with the exporter.
package kubernetes_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	alpha "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// manifests are the objects of all files.
type manifests struct {
	deployments []apps.Deployment
	services    []core.Service
	configs     []core.ConfigMap
	monitors    []monitoring.ServiceMonitor
	rules       []monitoring.PrometheusRule
	scrapes     []alpha.ScrapeConfig
}

// decode adds an object. Its kind and version decide the type.
func (m *manifests) decode(document string) error {
	var kind struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
		return err
	}
	switch kind.APIVersion + " " + kind.Kind {
	case "apps/v1 Deployment":
		return into(document, &m.deployments)
	case "v1 Service":
		return into(document, &m.services)
	case "v1 ConfigMap":
		return into(document, &m.configs)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return into(document, &m.monitors)
	case "monitoring.coreos.com/v1 PrometheusRule":
		return into(document, &m.rules)
	case "monitoring.coreos.com/v1alpha1 ScrapeConfig":
		return into(document, &m.scrapes)
	}
	return &unknownKind{kind.APIVersion, kind.Kind}
}

type unknownKind struct{ version, kind string }

func (u *unknownKind) Error() string { return "unknown kind " + u.version + " " + u.kind }

// into decodes like the API server: the text of a ConfigMap must be text, which a YAML library alone would convert.
func into[T any](document string, all *[]T) error {
	text, err := yaml.YAMLToJSONStrict([]byte(document))
	if err != nil {
		return err
	}
	var one T
	strict, err := kjson.UnmarshalStrict(text, &one)
	*all = append(*all, one)
	return errors.Join(append(strict, err)...)
}

func load(t *testing.T) *manifests {
	t.Helper()
	files, err := filepath.Glob("*.yml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%q %v", files, err)
	}
	m := &manifests{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, document := range strings.Split(string(text), "\n---\n") {
			if err := m.decode(document); err != nil {
				t.Errorf("%s, document %d: %v", file, i+1, err)
			}
		}
	}
	return m
}

// TestManifests_NamesAndLabelsMatch checks what the API server does not: that the objects find each other.
func TestManifests_NamesAndLabelsMatch(t *testing.T) {
	m := load(t)
	if len(m.deployments) != 1 || len(m.services) != 1 || len(m.monitors) != 1 || len(m.rules) != 1 || len(m.configs) != 3 {
		t.Fatalf("%d deployments, %d services, %d monitors, %d rules, %d config maps", len(m.deployments), len(m.services), len(m.monitors), len(m.rules), len(m.configs))
	}
	pod, service, monitor := m.deployments[0].Spec.Template, m.services[0], m.monitors[0]
	selects := func(what string, selector, labels map[string]string) {
		for key, value := range selector {
			if labels[key] != value {
				t.Errorf("%s selects %s=%s, the labels are %v", what, key, value, labels)
			}
		}
		if len(selector) == 0 {
			t.Errorf("%s selects everything", what)
		}
	}
	selects("the Deployment", m.deployments[0].Spec.Selector.MatchLabels, pod.Labels)
	selects("the Service", service.Spec.Selector, pod.Labels)
	selects("the ServiceMonitor", monitor.Spec.Selector.MatchLabels, service.Labels)
	if port := service.Spec.Ports[0]; port.Name != monitor.Spec.Endpoints[0].Port || port.TargetPort.StrVal != pod.Spec.Containers[0].Ports[0].Name {
		t.Errorf("port %+v of the Service, %q of the ServiceMonitor, %+v of the container", port, monitor.Spec.Endpoints[0].Port, pod.Spec.Containers[0].Ports)
	}
	var names, volumes []string
	for _, c := range m.configs {
		names = append(names, c.Name)
	}
	for _, v := range pod.Spec.Volumes {
		volumes = append(volumes, v.Name)
		if v.ConfigMap != nil && !slices.Contains(names, v.ConfigMap.Name) {
			t.Errorf("no ConfigMap %s", v.ConfigMap.Name)
		}
	}
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		if !slices.Contains(volumes, mount.Name) {
			t.Errorf("no volume %s", mount.Name)
		}
	}
	labels := map[string]string{}
	for _, r := range monitor.Spec.Endpoints[0].RelabelConfigs {
		labels[r.TargetLabel] = *r.Replacement
	}
	if want := map[string]string{"deployment": "catalyst", "environment": "production"}; service.Name != "catalyst" || !maps.Equal(labels, want) {
		t.Errorf("job %s, labels %v, want job catalyst and %v", service.Name, labels, want)
	}
}

// TestManifests_Hardened checks that the pod runs without rights.
func TestManifests_Hardened(t *testing.T) {
	pod := load(t).deployments[0].Spec.Template.Spec
	c := pod.Containers[0]
	if *pod.AutomountServiceAccountToken || !*pod.SecurityContext.RunAsNonRoot || pod.HostNetwork || pod.HostPID {
		t.Errorf("the pod has rights: %+v", pod)
	}
	if s := c.SecurityContext; *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
		t.Errorf("the container has rights: %+v", s)
	}
	if c.Resources.Limits.Memory().IsZero() || c.ReadinessProbe == nil || c.LivenessProbe == nil {
		t.Errorf("no memory limit or no probes: %+v", c)
	}
}

// TestManifests_Boards checks that Grafana's sidecar finds both boards by their label, and that they are JSON.
func TestManifests_Boards(t *testing.T) {
	boards := 0
	for _, c := range load(t).configs {
		if c.Labels["grafana_dashboard"] != "1" {
			continue
		}
		for name, text := range c.Data {
			boards++
			if !json.Valid([]byte(text)) || !strings.HasSuffix(name, ".json") {
				t.Errorf("%s of %s is not JSON", name, c.Name)
			}
		}
	}
	if boards != 2 {
		t.Errorf("%d boards", boards)
	}
}

// TestDocumentation_Objects decodes the objects that the page prints.
func TestDocumentation_Objects(t *testing.T) {
	page, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	m := &manifests{}
	for _, block := range strings.Split(string(page), "```yaml\n")[1:] {
		document, _, _ := strings.Cut(block, "```")
		if err := m.decode(document); err != nil {
			t.Errorf("%v:\n%s", err, document)
		}
	}
	if len(m.scrapes) != 1 || m.scrapes[0].Spec.JobName == nil || *m.scrapes[0].Spec.JobName != load(t).services[0].Name || len(m.scrapes[0].Spec.HTTPSDConfigs) != 1 {
		t.Errorf("scrapes %+v", m.scrapes)
	}
}

// TestDecode_RefusesFaults checks that the decoding is strict.
func TestDecode_RefusesFaults(t *testing.T) {
	for document, want := range map[string]string{
		"apiVersion: apps/v1\nkind: Deployment\nspec: {replica: 1}\n":                                         `unknown field "spec.replica"`,
		"apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: many}\n":                                     "cannot unmarshal string",
		"apiVersion: v1\nkind: ConfigMap\ndata: {a: 1}\n":                                                     "cannot unmarshal number",
		"apiVersion: v1\nkind: ConfigMap\ndata: {a: x, a: y}\n":                                               "already set in map",
		"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec: {groups: [{name: a, rule: []}]}\n": `unknown field "spec.groups[0].rule"`,
		"apiVersion: v2\nkind: ConfigMap\n":                                                                   "unknown kind v2 ConfigMap",
	} {
		if err := (&manifests{}).decode(document); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s%v, want %s", document, err, want)
		}
	}
}

package kubernetes

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// api is a workload that holds every requirement, with what belongs to it.
const api = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: api}}
  strategy: {type: RollingUpdate}
  template:
    metadata:
      labels: {app: api, tier: back}
      annotations: {vault.example/template: '{{ with secret }}'}
    spec:
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: api}}}
      initContainers:
      - name: migrate
        image: registry.internal:5000/migrate:1.4.0
        resources: &small
          requests: {cpu: 100m, memory: 64Mi}
          limits: {cpu: 1, memory: 128Mi}
        securityContext: &strict
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
      containers:
      - name: web
        image: registry.internal:5000/api:1.4.0
        env:
        - {name: LOG_LEVEL, value: info}
        - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}
        - {name: DATABASE_URL, value: postgres://api:$(DB_PASSWORD)@db/api}
        resources: *small
        securityContext: *strict
        readinessProbe: {httpGet: {path: /ready, port: 8080}}
        livenessProbe: {tcpSocket: {port: 8080}}
        startupProbe: {exec: {command: [cat, /tmp/started]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: api, namespace: shop}
spec:
  minAvailable: 50%
  selector: {matchLabels: {app: api}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api, namespace: shop}
spec:
  minReplicas: 2
  maxReplicas: 9
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchExpressions: [{key: tier, operator: In, values: [back]}]}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}]}]
  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]
`

const everything = "replicas, readiness, liveness, startup, memory_request, memory_limit, cpu_request, cpu_limit, disruption_budget, autoscaler, " +
	"network_policy, egress_policy, non_root, read_only, no_privilege_escalation, cap_drop_all, capabilities, seccomp, unprivileged, " +
	"no_host_network, no_host_path, pinned, no_plain_secrets, rolling_update, spread"

func look(t *testing.T, f probetest.Folder, spec string) probe.Result {
	t.Helper()
	return probetest.Look(t, probetest.NewPass(t, f, deployment.Settings{}), ManifestKind(), spec)
}

// Each edit breaks one requirement, and no other one notices it.
func TestManifest_Requirements(t *testing.T) {
	const fail, warn = probe.StateFail, probe.StateWarn
	for name, test := range map[string]struct {
		old, new string // replaced in the manifest
		require  string
		state    probe.State
		reason   probe.Reason
		detail   string
	}{
		"sound":            {"", "", everything, probe.StatePass, "", "1 workload"},
		"scaled down":      {"minReplicas: 2", "minReplicas: 1", "replicas", fail, probe.ReasonThreshold, "Deployment shop/api: minReplicas of HorizontalPodAutoscaler shop/api is 1, less than 2"},
		"no minimum":       {"  minReplicas: 2\n", "", "replicas", fail, probe.ReasonThreshold, "is 1, less than 2"},
		"off":              {"replicas: 3", "replicas: 0", "replicas", fail, probe.ReasonThreshold, "replicas is 0"},
		"fewer, scaled up": {"replicas: 3", "replicas: 1", "replicas", probe.StatePass, "", ""},
		"text as a number": {"replicas: 3", "replicas: many", "replicas", fail, probe.ReasonInvalid, "k8s.yaml:5: Deployment shop/api is not valid: a value has the wrong type"},

		"no readiness":       {"readinessProbe", "readinesProbe", "readiness", fail, probe.ReasonMissing, "Deployment shop/api (web): no readinessProbe"},
		"empty liveness":     {"livenessProbe: {tcpSocket: {port: 8080}}", "livenessProbe: {periodSeconds: 5}", "liveness", fail, probe.ReasonInvalid, "livenessProbe does nothing"},
		"startup succeeds":   {"command: [cat, /tmp/started]", "command: [sh, -c, 'curl localhost || true']", "startup", warn, probe.ReasonWeak, "startupProbe always succeeds"},
		"no memory request":  {"requests: {cpu: 100m, memory: 64Mi}\n          limits: {cpu: 1, memory: 128Mi}", "requests: {cpu: 100m}", "memory_request", fail, probe.ReasonMissing, "Deployment shop/api (web), Deployment shop/api (migrate): resources.requests.memory"},
		"request by limit":   {"requests: {cpu: 100m, memory: 64Mi}", "requests: {cpu: 100m}", "memory_request", probe.StatePass, "", ""},
		"limit without unit": {"memory: 128Mi}", "memory: 128}", "memory_limit", fail, probe.ReasonInvalid, "less than 4 MiB"},
		"millibytes":         {"memory: 128Mi}", "memory: 128m}", "memory_limit", fail, probe.ReasonInvalid, "less than 4 MiB"},
		"no quantity":        {"cpu: 1,", "cpu: one,", "cpu_limit", fail, probe.ReasonInvalid, "not a quantity"},
		"zero":               {"cpu: 1,", "cpu: '0',", "cpu_limit", fail, probe.ReasonMissing, "is 0, which means none"},
		"500 processors":     {"cpu: 1,", "cpu: 1000,", "cpu_limit", fail, probe.ReasonInvalid, "Append m"},
		"above the limit":    {"cpu: 100m,", "cpu: 2,", "cpu_request", fail, probe.ReasonInvalid, "more than its limit"},

		"no budget":              {"kind: PodDisruptionBudget", "kind: Other", "disruption_budget", fail, probe.ReasonMissing, "no PodDisruptionBudget selects its pods"},
		"budget of others":       {"minAvailable: 50%\n  selector: {matchLabels: {app: api}}", "minAvailable: 50%\n  selector: {matchLabels: {app: web}}", "disruption_budget", fail, probe.ReasonMissing, "selects the pods of no workload"},
		"budget elsewhere":       {"kind: PodDisruptionBudget\nmetadata: {name: api, namespace: shop}", "kind: PodDisruptionBudget\nmetadata: {name: api}", "disruption_budget", fail, probe.ReasonMissing, "in another namespace"},
		"budget without select":  {"minAvailable: 50%\n  selector: {matchLabels: {app: api}}", "minAvailable: 50%", "disruption_budget", fail, probe.ReasonMissing, ""},
		"budget of all":          {"minAvailable: 50%\n  selector: {matchLabels: {app: api}}", "minAvailable: 50%\n  selector: {}", "disruption_budget", probe.StatePass, "", ""},
		"budget allows nothing":  {"minAvailable: 50%", "minAvailable: 2", "disruption_budget", fail, probe.ReasonInvalid, "allows no disruption of 2 replicas"},
		"budget of 100 %":        {"minAvailable: 50%", "minAvailable: 100%", "disruption_budget", fail, probe.ReasonInvalid, "allows no disruption"},
		"none unavailable":       {"minAvailable: 50%", "maxUnavailable: 0", "disruption_budget", fail, probe.ReasonInvalid, "allows no disruption"},
		"a percentage rounds up": {"minAvailable: 50%", "maxUnavailable: 1%", "disruption_budget", probe.StatePass, "", ""},
		"budget keeps nothing":   {"minAvailable: 50%", "minAvailable: 0", "disruption_budget", warn, probe.ReasonWeak, "keeps no pod"},
		"budget is empty":        {"  minAvailable: 50%\n", "", "disruption_budget", warn, probe.ReasonWeak, "keeps no pod"},
		"budget of text":         {"minAvailable: 50%", "minAvailable: most", "disruption_budget", fail, probe.ReasonInvalid, "neither a number"},
		"budget of an old API":   {"policy/v1", "policy/v1beta1", "disruption_budget", probe.StateWarn, probe.ReasonInvalid, "Kubernetes 1.25 removed policy/v1beta1"},

		"no autoscaler":     {"kind: HorizontalPodAutoscaler", "kind: Other", "autoscaler", fail, probe.ReasonMissing, "no HorizontalPodAutoscaler"},
		"other target":      {"kind: Deployment, name: api}", "kind: Deployment, name: apl}", "autoscaler", fail, probe.ReasonMissing, "The target of HorizontalPodAutoscaler shop/api is not defined"},
		"target's kind":     {"kind: Deployment, name: api}", "kind: StatefulSet, name: api}", "autoscaler", fail, probe.ReasonMissing, ""},
		"scaler elsewhere":  {"kind: HorizontalPodAutoscaler\nmetadata: {name: api, namespace: shop}", "kind: HorizontalPodAutoscaler\nmetadata: {name: api, namespace: old}", "autoscaler", fail, probe.ReasonMissing, ""},
		"no room":           {"maxReplicas: 9", "maxReplicas: 2", "autoscaler", warn, probe.ReasonWeak, "cannot scale"},
		"less than minimum": {"maxReplicas: 9", "maxReplicas: 1", "autoscaler", fail, probe.ReasonInvalid, "maxReplicas is less"},
		"no request to use": {"requests: {cpu: 100m, memory: 64Mi}\n          limits: {cpu: 1, memory: 128Mi}", "requests: {memory: 64Mi}", "autoscaler", fail, probe.ReasonMissing, "container web requests none"},

		"no policy":           {"kind: NetworkPolicy", "kind: Other", "network_policy", fail, probe.ReasonOpen, "no NetworkPolicy restricts its incoming traffic"},
		"foreign policy":      {"networking.k8s.io/v1\nkind: NetworkPolicy", "cilium.io/v2\nkind: CiliumNetworkPolicy", "network_policy", probe.StateUnknown, probe.ReasonError, "not evaluated"},
		"policy elsewhere":    {"kind: NetworkPolicy\nmetadata: {name: api, namespace: shop}", "kind: NetworkPolicy\nmetadata: {name: api, namespace: old}", "network_policy", fail, probe.ReasonOpen, "in another namespace"},
		"policy for others":   {"values: [back]", "values: [front]", "network_policy", fail, probe.ReasonOpen, ""},
		"outgoing only":       {"policyTypes: [Ingress, Egress]", "policyTypes: [Egress]", "network_policy", fail, probe.ReasonOpen, ""},
		"incoming only":       {"policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]", "egress_policy", fail, probe.ReasonOpen, "outgoing"},
		"policy allows all":   {"ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}]}]", "ingress: [{}]", "network_policy", fail, probe.ReasonOpen, "allows all incoming traffic"},
		"policy allows world": {"cidr: 10.0.0.0/8", "cidr: 0.0.0.0/0", "egress_policy", fail, probe.ReasonOpen, "allows all outgoing traffic"},

		"root":                {"runAsNonRoot: true,", "", "non_root", fail, probe.ReasonMissing, "may run as root"},
		"user 0":              {"runAsNonRoot: true,", "runAsNonRoot: true, runAsUser: 0,", "non_root", fail, probe.ReasonOverPrivileged, "runAsUser: 0"},
		"other user":          {"runAsNonRoot: true,", "runAsUser: 1000,", "non_root", probe.StatePass, "", ""},
		"container as root":   {"&strict\n", "&strict\n          runAsNonRoot: false\n", "non_root", fail, probe.ReasonMissing, ""},
		"writable":            {"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "read_only", fail, probe.ReasonMissing, "can be written"},
		"set for the pod":     {"          readOnlyRootFilesystem: true\n", "", "read_only", fail, probe.ReasonMissing, "of the container"},
		"escalation":          {"          allowPrivilegeEscalation: false\n", "", "no_privilege_escalation", fail, probe.ReasonMissing, "may gain privileges"},
		"drops some":          {"drop: [ALL]", "drop: [NET_RAW]", "cap_drop_all", fail, probe.ReasonOverPrivileged, "keeps default capabilities"},
		"adds one":            {"drop: [ALL]", "drop: [ALL], add: [SYS_ADMIN]", "capabilities", fail, probe.ReasonOverPrivileged, "adds capability SYS_ADMIN"},
		"unconfined":          {"type: RuntimeDefault", "type: Unconfined", "seccomp", fail, probe.ReasonOverPrivileged, "Unconfined"},
		"privileged":          {"&strict\n", "&strict\n          privileged: true\n", "unprivileged", fail, probe.ReasonOverPrivileged, "privileged is true"},
		"processes of host":   {"    spec:\n      securityContext", "    spec:\n      hostPID: true\n      securityContext", "unprivileged", fail, probe.ReasonOverPrivileged, "hostPID"},
		"network of host":     {"    spec:\n      securityContext", "    spec:\n      hostNetwork: true\n      securityContext", "no_host_network", fail, probe.ReasonExposed, "hostNetwork"},
		"port of host":        {"        resources: *small", "        ports: [{containerPort: 80, hostPort: 80}]\n        resources: *small", "no_host_network", fail, probe.ReasonExposed, "hostPort"},
		"folder of host":      {"      initContainers", "      volumes: [{name: sock, hostPath: {path: /run}}]\n      initContainers", "no_host_path", fail, probe.ReasonExposed, "volume sock is a hostPath"},
		"no tag":              {"api:1.4.0", "api", "pinned", warn, probe.ReasonUnpinned, "(web): the image has no tag"},
		"latest, migration":   {"migrate:1.4.0", "migrate:latest", "pinned", warn, probe.ReasonUnpinned, "(migrate): the image has a tag that moves (latest)"},
		"tag is no digest":    {"", "", "digest", warn, probe.ReasonUnpinned, "no digest"},
		"password":            {"valueFrom: {secretKeyRef: {name: db, key: password}}", "value: SECRET", "no_plain_secrets", fail, probe.ReasonExposed, "DB_PASSWORD is a literal secret in env"},
		"password in a URL":   {"$(DB_PASSWORD)@db", "SECRET@db", "no_plain_secrets", fail, probe.ReasonExposed, "DATABASE_URL is a literal secret"},
		"never replaced":      {"valueFrom: {secretKeyRef: {name: db, key: password}}", "value: changeme", "no_plain_secrets", fail, probe.ReasonPlaceholder, "DB_PASSWORD is a placeholder"},
		"password argument":   {"        resources: *small", "        args: [--db-password=SECRET]\n        resources: *small", "no_plain_secrets", fail, probe.ReasonExposed, "in the arguments"},
		"all at once":         {"type: RollingUpdate", "type: Recreate", "rolling_update", warn, probe.ReasonWeak, "Recreate"},
		"all unavailable":     {"type: RollingUpdate", "type: RollingUpdate, rollingUpdate: {maxUnavailable: 100%}", "rolling_update", warn, probe.ReasonWeak, "stop all 2 pods"},
		"no spread":           {"      topologySpreadConstraints:\n", "      others:\n", "spread", fail, probe.ReasonMissing, "one node"},
		"spreads others":      {"labelSelector: {matchLabels: {app: api}}", "labelSelector: {matchLabels: {app: web}}", "spread", fail, probe.ReasonInvalid, "do not match its own pods"},
		"anti-affinity":       {"      topologySpreadConstraints:\n      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: api}}}\n", "      affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: zone, labelSelector: {matchLabels: {app: api}}}}]}}\n", "spread", probe.StatePass, "", ""},
		"own selector":        {"selector: {matchLabels: {app: api}}\n  strategy", "selector: {matchLabels: {app: web}}\n  strategy", "pinned", fail, probe.ReasonMismatch, "its selector does not match"},
		"a key twice":         {"  replicas: 3\n", "  replicas: 3\n  replicas: 1\n", "pinned", fail, probe.ReasonInvalid, "a key is set twice"},
		"template":            {"replicas: 3", "replicas: {{ .Values.replicas }}", "pinned", probe.StateUnknown, probe.ReasonError, "template, not a manifest"},
		"template, in quotes": {"api:1.4.0", "api:{{ .Values.tag }}", "pinned", probe.StateUnknown, probe.ReasonError, "k8s.yaml:1 is a template, not a manifest"},
		"variable":            {"api:1.4.0", "api:${TAG}", "pinned", probe.StateUnknown, probe.ReasonError, "template, not a manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			secret := parts.Secret()
			if !strings.Contains(api, test.old) {
				t.Fatalf("%q is not in the manifest", test.old)
			}
			text := strings.ReplaceAll(api, test.old, strings.ReplaceAll(test.new, "SECRET", secret))
			if test.old == "" {
				text = api
			}
			got := look(t, probetest.Folder{"k8s.yaml": text}, "{path: k8s.yaml, require: ["+test.require+"]}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, secret)
			if test.state == probe.StateFail && strings.Contains(test.detail, "k8s.yaml") && len(got.Offenders) == 0 {
				t.Error("no offender")
			}
		})
	}
}

const minimal = "apiVersion: v1\nkind: Pod\nmetadata: {name: one}\nspec: {containers: [{name: a, image: 'a:1'}]}\n"

func TestManifest_Files(t *testing.T) {
	const pass, fail, unknown, warn = probe.StatePass, probe.StateFail, probe.StateUnknown, probe.StateWarn
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for i, c := 0, "bcdefghij"; i < len(c); i++ {
		previous := string(rune('a' + i))
		bomb += string(c[i]) + ": &" + string(c[i]) + " [*" + strings.Repeat(previous+", *", 8) + previous + "]\n"
	}
	daemon := strings.ReplaceAll(strings.ReplaceAll(api, "kind: Deployment\n", "kind: DaemonSet\n"), "  replicas: 3\n", "")
	for name, test := range map[string]struct {
		folder probetest.Folder
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"no file":            {probetest.Folder{"a.txt": "a"}, "path: 'k8s/*.yaml', require: [pinned]", fail, probe.ReasonMissing, "k8s/*.yaml: no such file"},
		"no workload":        {probetest.Folder{"k8s/a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"}, "path: k8s/a.yaml, require: [pinned]", fail, probe.ReasonMissing, "no workload found"},
		"empty":              {probetest.Folder{"k8s/a.yaml": ""}, "path: k8s/a.yaml, require: [pinned]", fail, probe.ReasonMissing, "no workload found"},
		"other programs":     {probetest.Folder{"k8s/a.yaml": minimal, "k8s/values.yaml": "image: latest\n", "k8s/README.md": "x: ["}, "path: 'k8s/*', require: [pinned]", pass, "", "1 workload"},
		"not YAML":           {probetest.Folder{"k8s/a.yaml": minimal + "---\nx: [\n"}, "path: k8s/a.yaml, require: [pinned]", fail, probe.ReasonInvalid, "document 2 is not valid YAML"},
		"binary":             {probetest.Folder{"k8s/a.yaml": "\x00\x01\x02"}, "path: k8s/a.yaml, require: [pinned]", fail, probe.ReasonInvalid, "not valid YAML"},
		"alias bomb":         {probetest.Folder{"k8s/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n" + bomb}, "path: k8s/a.yaml, require: [pinned]", fail, probe.ReasonMissing, "no workload found"},
		"alias bomb in data": {probetest.Folder{"k8s/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  " + strings.ReplaceAll(bomb, "\n", "\n  ")}, "path: k8s/a.yaml, require: [pinned]", fail, probe.ReasonInvalid, "not valid"},
		"deep":               {probetest.Folder{"k8s/a.yaml": strings.Repeat("[", 100000)}, "path: k8s/a.yaml, require: [pinned]", fail, probe.ReasonInvalid, ""},
		"too large":          {probetest.Folder{"k8s/a.yaml": minimal + strings.Repeat("# long\n", 700000)}, "path: k8s/a.yaml, require: [pinned]", unknown, probe.ReasonError, "larger than 4 MiB"},
		"no name":            {probetest.Folder{"k8s/a.yaml": strings.Replace(minimal, "name: one", "labels: {}", 1)}, "path: k8s/a.yaml, require: [pinned]", fail, probe.ReasonInvalid, "Pod has no name"},
		"no apiVersion":      {probetest.Folder{"k8s/a.yaml": strings.Replace(minimal, "apiVersion: v1\n", "", 1)}, "path: k8s/a.yaml, require: [pinned]", fail, probe.ReasonInvalid, "apiVersion is not set"},

		"list":                {probetest.Folder{"a.yaml": "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(minimal), "\n", "\n  ")}, "path: a.yaml, require: [pinned]", pass, "", "1 workload"},
		"list of a kind":      {probetest.Folder{"a.yaml": "apiVersion: v1\nkind: PodList\nitems:\n- {metadata: {name: a}, spec: {containers: [{name: a, image: a}]}}\n"}, "path: a.yaml, require: [pinned]", warn, probe.ReasonUnpinned, "Pod a (a): the image has no tag"},
		"JSON":                {probetest.Folder{"a.json": `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},` + "\n\t" + `"spec":{"containers":[{"name":"\ud83d\ude00","image":"a\/a:1"}]}}`}, "path: a.json, require: [pinned]", pass, "", ""},
		"JSON, broken":        {probetest.Folder{"a.json": `{"apiVersion":"v1",}`}, "path: a.json, require: [pinned]", fail, probe.ReasonInvalid, "not valid"},
		"byte order mark":     {probetest.Folder{"a.yaml": "\xef\xbb\xbf" + minimal}, "path: a.yaml, require: [pinned]", pass, "", ""},
		"defined twice":       {probetest.Folder{"a.yaml": minimal, "b.yaml": minimal}, "path: '*.yaml', require: [pinned]", warn, probe.ReasonMismatch, "Pod one is defined twice: a.yaml:1 and b.yaml:1"},
		"two namespaces":      {probetest.Folder{"a.yaml": minimal, "b.yaml": strings.Replace(minimal, "name: one", "name: one, namespace: b", 1)}, "path: '*.yaml', require: [pinned]", pass, "", "2 workloads"},
		"helm chart":          {probetest.Folder{"c/templates/a.yaml": "{{- if .Values.on }}\n" + minimal + "{{- end }}\n"}, "path: 'c/**/*.yaml', require: [pinned]", unknown, probe.ReasonError, "c/templates/a.yaml is a template"},
		"failure is certain":  {probetest.Folder{"a.yaml": "{{- x }}", "b.yaml": minimal}, "path: '*.yaml', require: [memory_limit]", fail, probe.ReasonMissing, ""},
		"warning is not":      {probetest.Folder{"a.yaml": "{{- x }}", "b.yaml": strings.Replace(minimal, "a:1", "a", 1)}, "path: '*.yaml', require: [pinned]", unknown, probe.ReasonError, "template"},
		"policy in template":  {probetest.Folder{"a.yaml": "{{- x }}", "b.yaml": minimal}, "path: '*.yaml', require: [network_policy]", unknown, probe.ReasonError, ""},
		"dashboard with {{":   {probetest.Folder{"a.yaml": minimal + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\ndata: {legend: '{{instance}}'}\n"}, "path: a.yaml, require: [pinned]", pass, "", ""},
		"kustomization":       {probetest.Folder{"a.yaml": minimal, "kustomization.yaml": "namespace: x\nresources: [./a.yaml]\n"}, "path: '*.yaml', require: [pinned], workloads: [one], namespace: x", pass, "", ""},
		"kustomization edits": {probetest.Folder{"a.yaml": minimal, "kustomization.yaml": "resources: [a.yaml]\nimages: [{name: a, newTag: latest}]\n"}, "path: '*.yaml', require: [pinned]", unknown, probe.ReasonError, "kustomization.yaml changes the manifests (images)"},
		"not a resource":      {probetest.Folder{"a.yaml": minimal, "p.yaml": strings.ReplaceAll(minimal, "one", "two"), "kustomization.yaml": "resources: [a.yaml]\n"}, "path: '*.yaml', require: [pinned]", warn, probe.ReasonMismatch, "p.yaml is not among the resources"},
		"unknown workload":    {probetest.Folder{"a.yaml": minimal}, "path: a.yaml, require: [pinned], workloads: [two]", fail, probe.ReasonMissing, "no manifest defines the workload two"},
		"workload by kind":    {probetest.Folder{"a.yaml": minimal}, "path: a.yaml, require: [pinned], workloads: [deployment/one]", fail, probe.ReasonMissing, ""},
		"left out":            {probetest.Folder{"a.yaml": minimal + "---\n" + strings.NewReplacer("one", "two", "a:1", "a").Replace(minimal)}, "path: a.yaml, require: [pinned], except: [pod/two]", pass, "", "1 workload"},
		"sidecar":             {probetest.Folder{"a.yaml": strings.Replace(minimal, "]}", ", {name: proxy, image: p}]}", 1)}, "path: a.yaml, require: [pinned], except_containers: [proxy]", pass, "", ""},
		"pod":                 {probetest.Folder{"a.yaml": minimal}, "path: a.yaml, require: [replicas]", fail, probe.ReasonThreshold, "a Pod has no replicas"},
		"daemon":              {probetest.Folder{"a.yaml": daemon}, "path: a.yaml, require: [pinned, memory_limit, readiness, rolling_update, non_root, network_policy]", pass, "", ""},
		"daemon, replicas":    {probetest.Folder{"a.yaml": daemon}, "path: a.yaml, require: [replicas]", unknown, probe.ReasonError, "no selected workload"},
		"limits by default":   {probetest.Folder{"a.yaml": minimal + "---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: d}\nspec: {limits: [{type: Container, default: {memory: 1Gi}}]}\n"}, "path: a.yaml, require: [memory_limit]", pass, "", ""},
		"limits elsewhere":    {probetest.Folder{"a.yaml": minimal + "---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: d, namespace: x}\nspec: {limits: [{type: Container, default: {memory: 1Gi}}]}\n"}, "path: a.yaml, require: [memory_limit]", fail, probe.ReasonMissing, "resources.limits.memory is not set"},
		"scheduled":           {probetest.Folder{"a.yaml": "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {schedule: '@daily', jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: a}]}}}}}\n"}, "path: a.yaml, require: [pinned]", warn, probe.ReasonUnpinned, "CronJob a (a)"},
		"another API":         {probetest.Folder{"a.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: a, image: a}]}}}\n"}, "path: a.yaml, require: [pinned]", warn, probe.ReasonUnpinned, "Rollout a (a)"},
		"another API, count":  {probetest.Folder{"a.yaml": "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: a, image: a}]}}}\n"}, "path: a.yaml, require: [replicas]", unknown, probe.ReasonError, "not declared"},
		"no containers":       {probetest.Folder{"a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"}, "path: a.yaml, require: [pinned]", fail, probe.ReasonInvalid, "no containers"},
	} {
		t.Run(name, func(t *testing.T) {
			probetest.Expect(t, look(t, test.folder, "{"+test.spec+"}"), test.state, test.reason, test.detail)
		})
	}
}

func TestManifest_ConfigMapSecrets(t *testing.T) {
	secret := parts.Secret()
	text := strings.Replace(minimal, "image: 'a:1'", "image: 'a:1', envFrom: [{configMapRef: {name: c}}]", 1) +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {API_TOKEN: " + secret + ", LOG: info}\n"
	got := look(t, probetest.Folder{"a.yaml": text}, "{path: a.yaml, require: [no_plain_secrets]}")
	probetest.Expect(t, got, probe.StateFail, probe.ReasonExposed, "API_TOKEN is a literal secret in ConfigMap c")
	probetest.HasNot(t, got, secret)
}

// A pipe in place of a file is an error, not a wait.
func TestManifest_Pipe(t *testing.T) {
	p := probetest.NewPass(t, nil, deployment.Settings{})
	if err := syscall.Mkfifo(filepath.Join(p.Deployment.Root, "a.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, p, ManifestKind(), "{path: a.yaml, require: [pinned]}"), probe.StateFail, probe.ReasonInvalid, "not a regular file")
}

func TestManifest_Unreadable(t *testing.T) {
	p := probetest.NewPass(t, probetest.Folder{"a.yaml": minimal}, deployment.Settings{})
	if err := os.Chmod(filepath.Join(p.Deployment.Root, "a.yaml"), 0); err != nil {
		t.Fatal(err)
	}
	probetest.Unprivileged(t, func() {
		got := probetest.Look(t, p, ManifestKind(), "{path: a.yaml, require: [pinned]}")
		probetest.Expect(t, got, probe.StateUnknown, probe.ReasonPermissionDenied, "a.yaml")
	})
}

func TestQuantity(t *testing.T) {
	for text, want := range map[string]float64{"1": 1, "1.5": 1.5, "500m": 0.5, "64Mi": 64 << 20, "1e3": 1000, "1E3": 1000, "2E": 2e18, ".5": 0.5, "1k": 1000} {
		if got, ok := quantity(text); !ok || got != want {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "x", "1MB", "1 Gi", "-1", "1mi", "1e", "0x10", "1K"} {
		if got, ok := quantity(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a.yaml", []byte(api))
	f.Add("a.json", []byte(`{"kind":"List","items":[{}]}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		parse(name, data)
	})
}

// Every declared breakage of a sound manifest is noticed.
func TestManifest_Breakages(t *testing.T) {
	const spec = "{path: k8s.yaml, require: [" + everything + "]}"
	p := probetest.NewPass(t, probetest.Folder{"k8s.yaml": api}, deployment.Settings{})
	made, problems := probetest.Decode(ManifestKind(), spec)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	all := ManifestKind().Breakages(made, p.View)
	if len(all) < 8 {
		t.Errorf("%d breakages", len(all))
	}
	for _, b := range all {
		broken := string(b.Edit([]byte(api)))
		if broken == api {
			t.Errorf("%s: nothing changed", b.Name)
		}
		if got := look(t, probetest.Folder{"k8s.yaml": broken}, spec); got.State != probe.StateFail && got.State != probe.StateWarn {
			t.Errorf("%s: %+v", b.Name, got)
		}
	}
}

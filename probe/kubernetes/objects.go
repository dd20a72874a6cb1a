package kubernetes

import "strings"

// The parts of Kubernetes objects that requirements are about, by the API reference of Kubernetes 1.34.

type metadata struct {
	Name         string            `yaml:"name"`
	GenerateName string            `yaml:"generateName"`
	Namespace    string            `yaml:"namespace"`
	Labels       map[string]string `yaml:"labels"`
}

// object is what every object has, and where it is written.
type object struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`

	file string // as displayed
	line int
}

func (o object) group() string {
	group, _, ok := strings.Cut(o.APIVersion, "/")
	if !ok {
		return "" // v1
	}
	return group
}

// title is how details name an object.
func (o object) title() string {
	name := o.Metadata.Name
	if name == "" {
		name = o.Metadata.GenerateName + "*"
	}
	if o.Metadata.Namespace != "" {
		name = o.Metadata.Namespace + "/" + name
	}
	return o.Kind + " " + name
}

type workload struct {
	object `yaml:"-"`
	Spec   workloadSpec `yaml:"spec"`
}

type workloadSpec struct {
	podSpec        `yaml:",inline"` // of a Pod
	Replicas       *int             `yaml:"replicas"`
	Selector       *selector        `yaml:"selector"`
	Template       podTemplate      `yaml:"template"`
	Strategy       strategy         `yaml:"strategy"`
	UpdateStrategy strategy         `yaml:"updateStrategy"`
	JobTemplate    struct {
		Spec struct {
			Template podTemplate `yaml:"template"`
		} `yaml:"spec"`
	} `yaml:"jobTemplate"`
}

type strategy struct {
	Type          string `yaml:"type"`
	RollingUpdate struct {
		MaxUnavailable string `yaml:"maxUnavailable"`
		MaxSurge       string `yaml:"maxSurge"`
	} `yaml:"rollingUpdate"`
}

type podTemplate struct {
	Metadata metadata `yaml:"metadata"`
	Spec     podSpec  `yaml:"spec"`
}

type podSpec struct {
	Containers          []container     `yaml:"containers"`
	InitContainers      []container     `yaml:"initContainers"`
	EphemeralContainers []container     `yaml:"ephemeralContainers"`
	SecurityContext     securityContext `yaml:"securityContext"`
	HostNetwork         bool            `yaml:"hostNetwork"`
	HostPID             bool            `yaml:"hostPID"`
	HostIPC             bool            `yaml:"hostIPC"`
	Resources           resources       `yaml:"resources"`
	Volumes             []struct {
		Name     string    `yaml:"name"`
		HostPath *struct{} `yaml:"hostPath"`
	} `yaml:"volumes"`
	Spread []struct {
		TopologyKey string    `yaml:"topologyKey"`
		Selector    *selector `yaml:"labelSelector"`
	} `yaml:"topologySpreadConstraints"`
	Affinity struct {
		PodAntiAffinity struct {
			Required  []affinityTerm `yaml:"requiredDuringSchedulingIgnoredDuringExecution"`
			Preferred []struct {
				Term affinityTerm `yaml:"podAffinityTerm"`
			} `yaml:"preferredDuringSchedulingIgnoredDuringExecution"`
		} `yaml:"podAntiAffinity"`
	} `yaml:"affinity"`
}

type affinityTerm struct {
	TopologyKey string    `yaml:"topologyKey"`
	Selector    *selector `yaml:"labelSelector"`
}

type container struct {
	Name            string          `yaml:"name"`
	Image           string          `yaml:"image"`
	Command         []string        `yaml:"command"`
	Args            []string        `yaml:"args"`
	SecurityContext securityContext `yaml:"securityContext"`
	Resources       resources       `yaml:"resources"`
	Readiness       *handler        `yaml:"readinessProbe"`
	Liveness        *handler        `yaml:"livenessProbe"`
	Startup         *handler        `yaml:"startupProbe"`
	Ports           []struct {
		HostPort int `yaml:"hostPort"`
	} `yaml:"ports"`
	Env []struct {
		Name  string `yaml:"name"`
		Value string `yaml:"value"`
		From  struct {
			ConfigMap struct {
				Name string `yaml:"name"`
				Key  string `yaml:"key"`
			} `yaml:"configMapKeyRef"`
		} `yaml:"valueFrom"`
	} `yaml:"env"`
	EnvFrom []struct {
		Prefix    string `yaml:"prefix"`
		ConfigMap struct {
			Name string `yaml:"name"`
		} `yaml:"configMapRef"`
	} `yaml:"envFrom"`
}

type handler struct {
	Exec *struct {
		Command []string `yaml:"command"`
	} `yaml:"exec"`
	HTTP *struct{} `yaml:"httpGet"`
	TCP  *struct{} `yaml:"tcpSocket"`
	GRPC *struct{} `yaml:"grpc"`
}

type resources struct {
	Limits   map[string]string `yaml:"limits"`
	Requests map[string]string `yaml:"requests"`
}

// securityContext is that of a container or a pod; a pod's has only some of the fields.
type securityContext struct {
	RunAsNonRoot *bool `yaml:"runAsNonRoot"`
	RunAsUser    *int  `yaml:"runAsUser"`
	ReadOnly     *bool `yaml:"readOnlyRootFilesystem"`
	Escalation   *bool `yaml:"allowPrivilegeEscalation"`
	Privileged   *bool `yaml:"privileged"`
	Capabilities struct {
		Add  []string `yaml:"add"`
		Drop []string `yaml:"drop"`
	} `yaml:"capabilities"`
	Seccomp struct {
		Type string `yaml:"type"`
	} `yaml:"seccompProfile"`
	ProcMount string `yaml:"procMount"`
}

type disruptionBudget struct {
	object `yaml:"-"`
	Spec   struct {
		Selector       *selector `yaml:"selector"`
		MinAvailable   string    `yaml:"minAvailable"`
		MaxUnavailable string    `yaml:"maxUnavailable"`
	} `yaml:"spec"`
}

// autoscaler is a HorizontalPodAutoscaler or a ScaledObject of KEDA.
type autoscaler struct {
	object `yaml:"-"`
	Spec   struct {
		Target struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string `yaml:"kind"`
			Name       string `yaml:"name"`
		} `yaml:"scaleTargetRef"`
		Min     *int `yaml:"minReplicas"`
		Max     int  `yaml:"maxReplicas"`
		KedaMin int  `yaml:"minReplicaCount"`
		KedaMax *int `yaml:"maxReplicaCount"`
		Metrics []struct {
			Type     string `yaml:"type"`
			Resource struct {
				Name   string `yaml:"name"`
				Target struct {
					Type string `yaml:"type"`
				} `yaml:"target"`
			} `yaml:"resource"`
		} `yaml:"metrics"`
	} `yaml:"spec"`
}

type networkPolicy struct {
	object `yaml:"-"`
	Spec   struct {
		Selector selector     `yaml:"podSelector"`
		Types    []string     `yaml:"policyTypes"`
		Ingress  []policyRule `yaml:"ingress"`
		Egress   []policyRule `yaml:"egress"`
	} `yaml:"spec"`
}

type policyRule struct {
	From  []peer     `yaml:"from"`
	To    []peer     `yaml:"to"`
	Ports []struct{} `yaml:"ports"`
}

type peer struct {
	IPBlock *struct {
		CIDR   string   `yaml:"cidr"`
		Except []string `yaml:"except"`
	} `yaml:"ipBlock"`
}

type limitRange struct {
	object `yaml:"-"`
	Spec   struct {
		Limits []struct {
			Type     string            `yaml:"type"`
			Default  map[string]string `yaml:"default"`
			Requests map[string]string `yaml:"defaultRequest"`
		} `yaml:"limits"`
	} `yaml:"spec"`
}

type configMap struct {
	object `yaml:"-"`
	Data   map[string]string `yaml:"data"`
}

// pod returns the pods of a workload.
func (w *workload) pod() podTemplate {
	switch w.Kind {
	case "Pod":
		return podTemplate{w.Metadata, w.Spec.podSpec}
	case "CronJob":
		return w.Spec.JobTemplate.Spec.Template
	}
	return w.Spec.Template
}

// containers returns all containers of a pod; only those that keep running when running is set.
func (p podSpec) containers(running bool) []container {
	all := p.Containers
	if !running {
		all = append(append(all[:len(all):len(all)], p.InitContainers...), p.EphemeralContainers...)
	}
	return all
}

type selector struct {
	Labels      map[string]string `yaml:"matchLabels"`
	Expressions []struct {
		Key      string   `yaml:"key"`
		Operator string   `yaml:"operator"`
		Values   []string `yaml:"values"`
	} `yaml:"matchExpressions"`
}

// selects reports whether a selector matches labels. One that is missing matches nothing, and an empty one everything.
func (s *selector) selects(labels map[string]string) bool {
	if s == nil {
		return false
	}
	for key, value := range s.Labels {
		if has, ok := labels[key]; !ok || has != value {
			return false
		}
	}
	for _, e := range s.Expressions {
		value, has := labels[e.Key]
		in := false
		for _, v := range e.Values {
			in = in || has && v == value
		}
		ok := map[string]bool{"In": in, "NotIn": !in, "Exists": has, "DoesNotExist": !has}[e.Operator]
		if !ok {
			return false
		}
	}
	return true
}

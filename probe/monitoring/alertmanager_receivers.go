package monitoring

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

// Is the configured Alertmanager one of those that Prometheus sends to? One instance has several addresses (a published
// port, a container's name, a proxy), so that instances are compared by what they say of themselves. Those that Prometheus
// reports are asked without credentials.

// instance identifies a running Alertmanager.
type instance struct {
	Uptime  string `json:"uptime"` // when it started, to the millisecond
	Cluster struct {
		Name  string `json:"name"` // of this member
		Peers []struct {
			Name string `json:"name"`
		} `json:"peers"`
	} `json:"cluster"`
}

// known reports whether the instance can be told from others.
func (i instance) known() bool { return i.Uptime != "" }

// sharesWith reports whether two are the same instance, or members of one cluster.
func (i instance) sharesWith(other instance) bool {
	if i.Uptime == other.Uptime && i.Cluster.Name == other.Cluster.Name {
		return true
	}
	for _, peer := range i.Cluster.Peers {
		if peer.Name != "" && peer.Name == other.Cluster.Name {
			return true
		}
	}
	return false
}

// maxManagers bounds the Alertmanagers that are asked.
const maxManagers = 10

// judgeReceiver warns when Prometheus sends to other Alertmanagers than the configured one. Where one of them cannot be
// identified, it returns this in words.
func (r runningAlertmanager) judgeReceiver(ctx context.Context, p *probe.Pass, managers promAlertmanagers, f *probe.ResultBuilder) (note string) {
	const unseen = " (whether deployment.alertmanager.url is the one that Prometheus sends to was not checked)"
	var own instance
	if !r.get(ctx, "/api/v2/status", &own) || !own.known() {
		return unseen
	}
	client, err := httpclient.For(p, "alertmanager of Prometheus", deployment.HTTP{Timeout: p.Deployment.Alertmanager.HTTP.Timeout})
	if err != nil {
		return unseen
	}
	var others []string
	for _, manager := range managers.Active[:min(len(managers.Active), maxManagers)] {
		base, _, ok := strings.Cut(manager.URL, "/api/")
		if !ok {
			base = strings.TrimSuffix(manager.URL, "/")
		}
		if _, err := url.Parse(base); err != nil {
			return unseen
		}
		if sameAddress(base, r.url) {
			return ""
		}
		var other instance
		if found := (runningAlertmanager{client: client, url: base}).get(ctx, "/api/v2/status", &other); !found || !other.known() {
			note = unseen
			continue
		}
		if own.sharesWith(other) || other.sharesWith(own) {
			return ""
		}
		others = append(others, hostOf(base))
	}
	if note == "" && len(managers.Active) <= maxManagers && len(others) > 0 {
		slices.Sort(others)
		f.Warn(probe.ReasonMismatch, "Prometheus sends alerts to another Alertmanager than deployment.alertmanager.url: %s", strings.Join(others, ", "))
	}
	return note
}

func sameAddress(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/"))
}

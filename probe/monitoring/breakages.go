package monitoring

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// breakages of Alertmanager's configuration: unreadable, and the receiver of all alerts without a way to somebody.
func (a *alertmanagerConfig) breakages(view *deployment.View) (all []probe.Breakage) {
	for _, path := range view.Place(find.FactAlertmanager).Paths {
		data, _, err := files.Read(path, maxAlertmanager)
		if err != nil {
			continue
		}
		all = append(all, probe.WholeFile(path)...)
		all = append(all, probe.Breakage{Name: "a bracket left open", File: path, Edit: edit.Append("x: [\n")},
			probe.Breakage{Name: "route: receiver that is not defined", File: path, Edit: edit.SetYAML("no-such-receiver", "route", "receiver")},
			probe.Breakage{Name: "route: removed", File: path, Edit: edit.DropYAML("route")},
			probe.Breakage{Name: "receivers: removed", File: path, Edit: edit.DropYAML("receivers")})
		all = append(all, breakRoot(path, data)...)
	}
	return all
}

// breakRoot returns the breakages of the receiver at the root of the routes.
func breakRoot(path string, data []byte) (all []probe.Breakage) {
	var config struct {
		Route     struct{ Receiver string }
		Receivers []map[string]any
	}
	if yaml.Unmarshal(data, &config) != nil {
		return nil
	}
	for i, receiver := range config.Receivers {
		if name, _ := receiver["name"].(string); name == "" || name != config.Route.Receiver {
			continue
		}
		var ways []string
		for _, key := range slices.Sorted(maps.Keys(receiver)) {
			if strings.HasSuffix(key, "_configs") {
				ways = append(ways, key)
			}
		}
		if len(ways) != 1 {
			return all // the others still notify somebody
		}
		at := []string{"receivers", strconv.Itoa(i), ways[0]}
		all = append(all, probe.Breakage{Name: config.Route.Receiver + ": " + ways[0] + " removed", File: path, Edit: edit.DropYAML(at...)},
			probe.Breakage{Name: config.Route.Receiver + ": " + ways[0] + " commented out", File: path, Edit: edit.CommentYAML(at...)},
			probe.Breakage{Name: config.Route.Receiver + ": " + ways[0] + " emptied", File: path, Edit: edit.SetYAML("[]", at...)})
		integrations, _ := receiver[ways[0]].([]any)
		if len(integrations) != 1 {
			return all
		}
		fields, _ := integrations[0].(map[string]any)
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			if slices.Contains([]string{"routing_key", "service_key", "api_key", "api_url", "url", "webhook_url", "bot_token", "token"}, field) {
				all = append(all, probe.Breakage{Name: config.Route.Receiver + ": " + field + " replaced by a placeholder", File: path,
					Edit: edit.SetYAML("changeme", append(slices.Clone(at), "0", field)...)})
			}
		}
	}
	return all
}

package composecheck

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// The breakages of each kind.

// added returns the breakage that adds to a service: to a list, or a key that it lacks.
func added(c *compose.Model, service, what, value, key string) []probe.Breakage {
	files := c.FilesWith("services", service)
	if len(files) == 0 {
		return nil
	}
	return []probe.Breakage{{Name: service + ": " + what, File: files[len(files)-1], Edit: edit.AddYAML(value, key, "services", service)}}
}

// given returns the breakage that sets a variable of a service's environment.
func given(c *compose.Model, service, what, key, value string) []probe.Breakage {
	files := c.FilesWith("services", service)
	if len(files) == 0 {
		return nil
	}
	last := files[len(files)-1]
	return []probe.Breakage{{Name: service + ": " + what, File: last, Edit: edit.SetEnvironment(key, value, "services", service, "environment")}}
}

// breakages of the files as a whole: gone, empty, no YAML, and with names that nothing defines. A file that is cut between two
// services is a valid one.
func (s *composeConfig) breakages(view *deployment.View) (all []probe.Breakage) {
	c, err := view.Compose()
	if err != nil {
		return nil
	}
	main := c.Files[0]
	all = append(probe.WholeFile(main),
		probe.Breakage{Name: "a bracket left open", File: main, Edit: edit.Append("x-broken: [\n")},
		probe.Breakage{Name: "services misspelled", File: main, Edit: edit.Replace("\nservices:", "\nservice:")})
	for _, name := range c.Services() {
		service := c.Project.Services[name]
		all = append(all, added(c, name, "depends on a service that does not exist", "[no_such_service]", "depends_on")...)
		all = append(all, added(c, name, "uses a volume that is not defined", "['no_such_volume:/data']", "volumes")...)
		if service.Build == nil {
			all = append(all, dropped(c, name, "image", "image")...)
		}
	}
	return all
}

// breakages of logging: each shipping driver dropped or replaced by one that keeps the logs.
func (s *composeLogging) breakages(view *deployment.View) (all []probe.Breakage) {
	c, err := view.Compose()
	if err != nil {
		return nil
	}
	var shipped []string
	for _, name := range c.Services() {
		service := c.Project.Services[name]
		if s.ships(service) {
			all = append(all, dropped(c, name, "volumes", "volumes")...)
			all = append(all, changed(c, name, "scaled to 0", "0", "scale")...)
			continue
		}
		if slices.Contains(append(shippingDrivers(), s.Drivers...), loggingDriver(service)) {
			shipped = append(shipped, name)
		}
	}
	for _, name := range shipped {
		all = append(all, changed(c, name, "logging driver replaced by none", "{driver: none}", "logging")...)
		if len(shipped) > 1 { // the only one may be dropped to turn shipping off
			all = append(all, dropped(c, name, "logging", "logging")...)
		}
		for _, key := range slices.Sorted(maps.Keys(loggingOptions(c.Project.Services[name]))) {
			all = append(all, changed(c, name, "logging option "+key+" replaced by a placeholder", "changeme", "logging", "options", key)...)
		}
	}
	return all
}

// breakages of ports: one that is published on all interfaces, in each notation.
func (s *composePorts) breakages(view *deployment.View) (all []probe.Breakage) {
	c, err := view.Compose()
	if err != nil || view.Deployment.Firewall.External {
		return nil
	}
	port := 6379
	for slices.Contains(slices.Concat(s.Allowed, view.Deployment.Firewall.Allowed), port) {
		port++
	}
	number := strconv.Itoa(port)
	for _, name := range c.Services() {
		if slices.Contains(c.HostNetwork(), name) || compose.ScaledToNone(c.Project.Services[name]) {
			continue
		}
		all = append(all, added(c, name, "port "+number+" published over IPv6", "['[::]:"+number+":"+number+"']", "ports")...)
		all = append(all, added(c, name, "a range with port "+number+" published for every host",
			fmt.Sprintf("['0.0.0.0:%d-%d:%d-%d']", port, port+1, port, port+1), "ports")...)
		if c.DefaultBinding(name) != "" {
			continue // a port without an address is not open to everybody
		}
		all = append(all, added(c, name, "port "+number+" published", "['"+number+":"+number+"']", "ports")...)
		all = append(all, added(c, name, "port "+number+" published in the long form", "[{target: "+number+", published: '"+number+"'}]", "ports")...)
		all = append(all, added(c, name, "port "+number+" published on a port chosen by Docker", "['"+number+"']", "ports")...)
	}
	return all
}

// breakages of PostgreSQL: a server that trusts everybody, or has another password than the application.
func (s *composePostgres) breakages(view *deployment.View) (all []probe.Breakage) {
	c, err := view.Compose()
	if err != nil {
		return nil
	}
	app, errApp := view.Value(s.Key...)
	user, errUser := view.Value(s.User...)
	for _, name := range c.Services() {
		service := c.Project.Services[name]
		if service.Build != nil || !compose.RunsImage(service, []string{"postgres", "postgis", "timescaledb", "pgvector"}) || service.Environment["POSTGRES_PASSWORD"] == nil {
			continue
		}
		all = append(all, given(c, name, "any password accepted", "POSTGRES_HOST_AUTH_METHOD", "trust")...)
		all = append(all, given(c, name, "initialized with trust", "POSTGRES_INITDB_ARGS", "--auth-host=trust")...)
		all = append(all, given(c, name, "initialized with trust, in short", "POSTGRES_INITDB_ARGS", "-A trust")...)
		owner, errOwner := view.ValueIn(name, "POSTGRES_USER", "POSTGRESQL_USERNAME")
		if errApp == nil && errUser == nil && errOwner == nil && app.Set && owner.Text.Equal(user.Text) {
			all = append(all, given(c, name, "another password than the application", "POSTGRES_PASSWORD", "another-one")...)
		}
	}
	return all
}

// breakages of Redis: a server that requires no password, or a known one.
func (s *composeRedis) breakages(view *deployment.View) (all []probe.Breakage) {
	c, err := view.Compose()
	if err != nil {
		return nil
	}
	for _, name := range c.Services() {
		service := c.Project.Services[name]
		if service.Build != nil || !compose.RunsImage(service, []string{"redis", "valkey", "keydb"}) {
			continue
		}
		if start, err := redisStartOf(view, c, service); err != nil || start.unknownReason != "" || len(service.Command) == 0 {
			continue
		}
		all = append(all, dropped(c, name, "command", "command")...)
		all = append(all, changed(c, name, "started without a password", "redis-server", "command")...)
		all = append(all, changed(c, name, "started with an empty password", `["redis-server", "--requirepass", ""]`, "command")...)
		all = append(all, changed(c, name, "started with a placeholder as the password", "redis-server --requirepass changeme", "command")...)
	}
	return all
}

// breakages of the files' text: a password or key of a service written into it.
func (s *composeSecrets) breakages(view *deployment.View) (all []probe.Breakage) {
	c, err := view.Compose()
	if err != nil {
		return nil
	}
	const typed = "horse-staple-42"
	for _, name := range c.Services() {
		all = append(all, given(c, name, "a password written into the file", "SMTP_PASSWORD", typed)...)
		all = append(all, given(c, name, "a key written into the file", "PAYMENT_SECRET_KEY", typed)...)
		all = append(all, given(c, name, "a URL with a password written into the file", "BROKER_URL", "amqp://app:"+typed+"@mq/app")...)
	}
	return all
}

// breakages of services: each requirement broken for each service.
func (s *composeService) breakages(view *deployment.View) (all []probe.Breakage) {
	c, err := view.Compose()
	if err != nil {
		return nil
	}
	rules := serviceRules{model: c, root: view.Deployment.Root, mounts: s.Mounts, caps: s.Caps}
	for _, word := range s.Require {
		for _, name := range c.Services() {
			service := c.Project.Services[name]
			if len(s.Only) > 0 && !slices.Contains(s.Only, name) || slices.Contains(s.Except, name) || compose.ScaledToNone(service) ||
				rules.of(word).toRun && runsOnce(c, name) {
				continue
			}
			all = append(all, breakRule(c, service, word)...)
		}
	}
	return all
}

// breakRule returns the breakages of one requirement for one service.
func breakRule(c *compose.Model, service types.ServiceConfig, word string) []probe.Breakage {
	name := service.Name
	drop := func(attribute ...string) []probe.Breakage {
		return dropped(c, name, strings.Join(attribute, "."), attribute...)
	}
	set := func(what, value string, attribute ...string) []probe.Breakage {
		return changed(c, name, what, value, attribute...)
	}
	add := func(what, value, key string) []probe.Breakage { return added(c, name, what, value, key) }
	switch word {
	case "restart":
		return slices.Concat(drop("restart"), set("restart set to no", `"no"`, "restart"))
	case "healthcheck":
		return slices.Concat(drop("healthcheck"), set("health check switched off", "{disable: true}", "healthcheck"),
			set("health check that always succeeds", `{test: "curl -f http://localhost/ || true"}`, "healthcheck"))
	case "pinned", "digest":
		if service.Build != nil {
			return nil
		}
		image := compose.ImageName(service.Image)
		return slices.Concat(set("image without a tag", "'"+image+"'", "image"), set("image with the tag latest", "'"+image+":latest'", "image"))
	case "unprivileged":
		return slices.Concat(add("privileged", "true", "privileged"), add("sees the host's processes", "host", "pid"),
			add("not confined", "['seccomp:unconfined']", "security_opt"))
	case "capabilities":
		return add("SYS_PTRACE added", "[SYS_PTRACE]", "cap_add")
	case "cap_drop_all":
		return drop("cap_drop")
	case "no_new_privileges":
		return drop("security_opt")
	case "no_docker_socket":
		return add("the engine's socket mounted", "['/var/run/docker.sock:/var/run/docker.sock:ro']", "volumes")
	case "no_host_mounts":
		return add("a folder of the host mounted", "['/srv/no-such-folder:/mnt']", "volumes")
	case "no_host_network":
		if len(service.Ports) > 0 || len(c.FilesWith("services", name, "networks")) > 0 {
			return nil // Compose refuses both
		}
		return add("on the host's network", "host", "network_mode")
	case "non_root":
		return slices.Concat(drop("user"), set("user set to root", "root", "user"), set("user set to 0", `"0:0"`, "user"))
	case "read_only":
		return slices.Concat(drop("read_only"), set("read_only set to false", "false", "read_only"))
	case "log_rotation":
		return slices.Concat(drop("logging", "options", "max-size"), set("max-size set to unlimited", `"-1"`, "logging", "options", "max-size"))
	}
	return nil
}

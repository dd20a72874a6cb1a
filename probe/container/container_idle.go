package container

import (
	"path"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

// A backup container that only sleeps runs and makes no backups, unless a scheduler next to it runs commands in it.

var (
	idleScript = lazyregexp.New(`^(?:trap [^;&]*; *)?(?:exec )?(?:/(?:usr/)?bin/)?(?:sleep (?:infinity|inf|[\d.]+[smhd]?)|tail -[fF] /dev/null)(?: *& *wait(?: \$!)?)? *;?$`)
	idleLoop   = lazyregexp.New(`^while (?:true|:|\[ 1 \]|sleep [\w.]+) *[;\n] *do *\s*(?:sleep [\w.]+|:|true) *[;\n] *done *;?$`)
)

// idles reports whether the command of a container certainly does nothing but wait.
func idles(c *dockerclient.Container) bool {
	if c.Config == nil {
		return false
	}
	words := slices.Concat([]string(c.Config.Entrypoint), []string(c.Config.Cmd))
	for len(words) > 0 && slices.Contains([]string{"docker-entrypoint.sh", "tini", "dumb-init", "catatonit", "--", "-g", "exec"}, path.Base(words[0])) {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	script := strings.Join(words, " ")
	if slices.Contains([]string{"sh", "bash", "ash", "dash"}, path.Base(words[0])) {
		if len(words) != 3 || !strings.HasPrefix(words[1], "-") || !strings.HasSuffix(words[1], "c") {
			return false
		}
		script = words[2]
	}
	script = strings.TrimSpace(script)
	return idleScript.MatchString(script) || idleLoop.MatchString(script)
}

// judgeIdle warns about a container of the backup service that only sleeps.
func (s *containerState) judgeIdle(f *probe.ResultBuilder, c *dockerclient.Container, project *dockerclient.Project) {
	if s.Service == "" && !s.All && c.Running() && idles(c) && !scheduled(c, project) {
		f.Warn(probe.ReasonWeak, "container %s only sleeps: it makes no backups by itself. Let its command run them, set deployment.backup.timer, "+
			"or schedule them in the project", c.Name)
	}
}

// schedulers run commands in other containers.
func schedulers() []string {
	return []string{"ofelia", "chadburn", "deck-chores", "swarm-cronjob", "docker-cron", "docker-crontab", "crony", "dkron", "jobber"}
}

// scheduled reports whether something in the project may run commands in a container.
func scheduled(c *dockerclient.Container, project *dockerclient.Project) bool {
	for label := range c.Config.Labels {
		name, _, _ := strings.Cut(label, ".")
		if slices.Contains(schedulers(), name) || strings.HasPrefix(label, "swarm.cronjob") {
			return true
		}
	}
	return slices.ContainsFunc(project.Containers, func(other *dockerclient.Container) bool {
		return other.Config != nil && slices.ContainsFunc(schedulers(), func(name string) bool { return strings.Contains(other.Config.Image, name) })
	})
}

package monitoring

import (
	"context"
	"io/fs"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
)

// Where the configurations of the deployment's Alertmanagers are: files on this host, one per service or the one with
// the conventional name, and the content of compose configs. The configuration in an official image notifies nobody.

// amSource is one configuration.
type amSource struct {
	shown  string // its name in messages
	config *alertmanager.Config
	keys   keyFiles
}

// amSources are those that were read, and what is known of the others.
type amSources struct {
	read      []amSource
	shipped   []string // services with the configuration of the official image
	elsewhere []string // services whose configuration is in an image or volume, or is generated
}

// readAlertmanagers reads all configurations. An error is of a file that is there and cannot be read.
func readAlertmanagers(ctx context.Context, p *probe.Pass, place find.Place) (found amSources, err error) {
	c, composeErr := p.View.Compose()
	for _, file := range place.Paths {
		if ctx.Err() != nil {
			return found, ctx.Err()
		}
		shown := p.Deployment.Rel(file)
		am, err := files.Load(p.Files, file, "alertmanager", maxAlertmanager, func(data []byte, _ fs.FileInfo) (*alertmanager.Config, error) {
			return alertmanager.Parse(shown, data), nil
		})
		if err != nil {
			return found, &unreadableFile{shown, err}
		}
		keys := keyFiles{pass: p, file: file, compose: c, err: composeErr}
		if composeErr == nil {
			keys.service, keys.inside = c.MountedIn(file)
		}
		found.read = append(found.read, amSource{shown, am, keys})
	}
	if composeErr != nil || place.How == find.Configured {
		return found, nil
	}
	for _, name := range c.Services() {
		s := c.Project.Services[name]
		if compose.ImageBase(s.Image) != "alertmanager" {
			continue
		}
		inside := deployment.AlertmanagerFile(s)
		if slices.Contains(place.Paths, c.SourceOf(name, inside)) {
			continue
		}
		v, err := p.View.FileIn(c, name, inside, "config.file", c.At(name, "command"))
		switch {
		case err == nil && v.Set:
			shown := "configuration of service " + name
			found.read = append(found.read, amSource{shown, alertmanager.Parse(shown, []byte(v.Text.Reveal())),
				keyFiles{pass: p, compose: c, service: name, inside: inside}})
		case shipped(c, name, inside):
			found.shipped = append(found.shipped, name)
		default:
			found.elsewhere = append(found.elsewhere, name)
		}
	}
	return found, nil
}

// unreadableFile is a configuration that is there and cannot be read.
type unreadableFile struct {
	shown string
	error
}

func (u *unreadableFile) Unwrap() error { return u.error }

// judgeUnread judges the services whose configuration was not read.
func (found amSources) judgeUnread(p *probe.Pass, f *probe.ResultBuilder) {
	c, err := p.View.Compose()
	for _, name := range found.shipped {
		report := f.Warn
		if err == nil && isolated(c, name) {
			report = f.Fail
		}
		report(probe.ReasonUnreachable, "service %s mounts no configuration: the receiver of the one in its image is on its own loopback interface. Mount one at %s",
			name, deployment.AlertmanagerFile(c.Project.Services[name]))
	}
	for _, name := range found.elsewhere {
		f.Add(probe.NotChecked(probe.Needs("deployment.alertmanager.config or deployment.alertmanager.url",
			probe.Unknownf(probe.ReasonNotConfigured, "configuration of service %s was not checked: it is in an image or a volume, or the container generates it", name))))
	}
}

package monitoring

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
)

// Key files that an Alertmanager configuration names, resolved as the deployment's Alertmanager sees them. No message
// quotes their content or path: the path may be a key that was written into the wrong setting.

const (
	maxKeyFile  = 64 << 10 // bytes of one key
	maxKeyFiles = 200
)

// amKeyFile is what was found in a key file.
type amKeyFile struct {
	text string
	err  error // of reading it; an Unanswered when it is not on this host
}

// keyFiles resolves files as the deployment's Alertmanager sees them.
type keyFiles struct {
	pass            *probe.Pass
	file            string // of the configuration, on this host
	compose         *compose.Model
	err             error  // of the compose model
	service, inside string // the service that mounts the configuration, and where; "" for none
}

// isolated reports whether a service has a network namespace that it shares with nobody.
func isolated(c *compose.Model, service string) bool {
	if service == "" {
		return false
	}
	mode := c.Project.Services[service].NetworkMode
	if mode == "host" || strings.HasPrefix(mode, "service:") || strings.HasPrefix(mode, "container:") {
		return false
	}
	for _, other := range c.Project.Services {
		if other.NetworkMode == "service:"+service || strings.HasPrefix(other.NetworkMode, "container:") {
			return false
		}
	}
	return true
}

func (k keyFiles) read(f alertmanager.FileField) amKeyFile {
	named := source.Origin{File: k.pass.Deployment.Rel(k.file), Line: f.Line}
	if k.service != "" {
		inside := f.Value
		if !path.IsAbs(inside) {
			inside = path.Join(path.Dir(k.inside), inside)
		}
		v, err := k.pass.View.FileIn(k.compose, k.service, inside, f.Key, named)
		if err == nil && !v.Set && (shipped(k.compose, k.service, inside) || k.noSecret(inside)) {
			return amKeyFile{"", fs.ErrNotExist}
		}
		if err == nil && !v.Set {
			err = probe.Needs("a bind mount or secret in the compose file that provides the key",
				probe.Unknownf(probe.ReasonNotConfigured, "the file is in the container of %s and not on this host", k.service))
		}
		return amKeyFile{v.Text.Reveal(), err}
	}
	host := f.Value
	if !filepath.IsAbs(host) {
		host = filepath.Join(filepath.Dir(k.file), host)
	}
	data, _, err := files.Read(host, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) && filepath.IsAbs(f.Value) && !errors.Is(k.err, compose.ErrNoFile) {
		// There is a compose file, but it does not say in which container this path is meant.
		err = probe.Needs("a bind mount of alertmanager.yml in the compose file",
			probe.Unknownf(probe.ReasonNotConfigured, "the file is not on this host, and no service mounts the configuration"))
	}
	return amKeyFile{strings.TrimSpace(string(data)), err}
}

// noSecret reports whether a path is one of a secret that the service does not have.
func (k keyFiles) noSecret(inside string) bool {
	if _, ok := k.compose.MountedFile(k.service, inside); ok || path.Dir(inside) != "/run/secrets" {
		return false
	}
	return !slices.ContainsFunc(k.compose.Project.Services[k.service].Volumes, func(v types.ServiceVolumeConfig) bool {
		return strings.HasPrefix(inside, strings.TrimSuffix(path.Clean(v.Target), "/")+"/") || path.Clean(v.Target) == inside
	})
}

func judgeKeyFile(report func(probe.Reason, string, ...any), f *probe.ResultBuilder, found amKeyFile, plain, key, at string, decides bool) {
	switch {
	case found.err != nil:
		cause := found.err
		var named *fs.PathError
		if errors.As(cause, &named) {
			cause = named.Err
		}
		r, err := probe.Unreadable(fmt.Sprintf("%s: the file named by %s cannot be read", at, key), cause)
		if err != nil {
			r = probe.NotChecked(err)
		}
		if !decides {
			r.State = probe.StateWarn
		}
		f.Add(r)
	case found.text == "":
		report(probe.ReasonEmpty, "%s: the file named by %s is empty", at, key)
	case isAlertmanagerPlaceholder(plain, found.text):
		report(probe.ReasonPlaceholder, "%s: the file named by %s contains a placeholder", at, key)
	default:
		judgeAddress(report, plain, found.text, at+": the content of the file named by "+key)
	}
}

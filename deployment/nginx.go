package deployment

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// What the deployment's nginx configuration declares: servers, certificates, proxied addresses.

// Nginx returns what the nginx configuration declares. The error is nginx.ErrNoFile or a read error of the first file.
func (v *View) Nginx() (*nginx.Config, error) { return v.nginx() }

type nginxResult struct {
	nginx *nginx.Config
	err   error
}

func (v *View) readNginx() (*nginx.Config, error) {
	chosen := v.nginxRoots()
	if len(chosen.Files) == 0 && len(chosen.Unread) == 0 {
		return nil, nginx.ErrNoFile
	}
	key := strings.Join(slices.Concat(chosen.Files, chosen.Start, chosen.Unread), "\x00") + "\x00" + chosen.Service
	c, _ := v.Compose()
	result := v.Deployment.nginx.Get(key, func(src source.Set) nginxResult {
		n, err := nginx.Load(src, chosen.Roots, nginx.Options{
			Root: v.Deployment.Root, Index: &v.Deployment.index, Compose: c,
			SSL: func() string { return v.Place(find.FactSSL).Path() }, Env: v.variables(c, chosen.Service),
		})
		return nginxResult{n, err}
	})
	return result.nginx, result.err
}

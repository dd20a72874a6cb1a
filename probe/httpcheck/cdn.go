package httpcheck

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dnscheck"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

// cdn: does the configured CDN serve the public site?
//
// A CDN is recognized by a header that it alone sets, or by an alias into its domain. A `via` header does not count:
// the deployment's own proxy may set it.

func CDNKind() probe.Kind {
	return probe.Kind{
		Name:       "cdn",
		Services:   []deployment.Service{deployment.PublicService, deployment.DNSService},
		Question:   "Does the configured CDN serve the public site?",
		Example:    "{}",
		Layer:      probe.LayerLive,
		Reads:      "GET / of the public site, and the DNS aliases of its host",
		Permission: "to reach them",
		MaxAge:     time.Minute,
		Timeout:    10 * time.Second,
		Alone:      true,
		New:        func() any { return &cdn{} },
	}
}

type cdn struct{}

// cdnSignature is how one CDN is recognized.
type cdnSignature struct {
	name    string
	headers []string // any of them
	domains []string // the public host is an alias into one of them
}

func cdnSignatures() []cdnSignature {
	return []cdnSignature{
		{"cloudflare", []string{"Cf-Ray"}, []string{"cdn.cloudflare.net"}},
		{"cloudfront", []string{"X-Amz-Cf-Id"}, []string{"cloudfront.net"}},
		{"fastly", []string{"X-Fastly-Request-Id", "Fastly-Restarts"}, []string{"fastly.net", "fastlylb.net"}},
		{"akamai", []string{"X-Akamai-Request-Id", "Akamai-Grn", "X-Akamai-Transformed"}, []string{"akamaiedge.net", "edgekey.net", "edgesuite.net"}},
		{"azure", []string{"X-Azure-Ref"}, []string{"azureedge.net", "azurefd.net"}},
		{"bunny", []string{"Cdn-Requestid"}, []string{"b-cdn.net"}},
	}
}

func (s *cdn) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	wanted := p.Deployment.Public.CDN
	if wanted == "" || wanted == "none" {
		return probe.Result{}, probe.Skip(deployment.PublicService.Setting("cdn"), "no CDN is configured")
	}
	at, err := publicAddress(p)
	if err != nil {
		return probe.Result{}, err
	}
	w, err := httpclient.For(p, "public", deployment.HTTP{CAFile: p.Deployment.TLS.CAFile})
	if err != nil {
		return probe.Result{}, err
	}
	a, askErr := w.Get(visit(ctx, p, at), at.URL+"/")
	if askErr == nil {
		if name := cdnByHeader(a.Header, wanted); name != "" {
			return probe.Passed("responses of the public site have a header of %s", name), nil
		}
	}
	if name := cdnByAlias(ctx, p, at.URL, wanted); name != "" {
		return probe.Passed("the public host is an alias into %s", name), nil
	}
	if askErr != nil {
		return httpclient.JudgeError("the public site", askErr, at, deployment.PublicService.Setting("url"), false)
	}
	return probe.Failed(probe.ReasonMissing,
		"responses of the public site have no header of the configured CDN (%s), and its host is not an alias into it",
		wanted), nil
}

// cdnByHeader names the CDN whose header is present.
func cdnByHeader(h http.Header, wanted string) string {
	for _, m := range cdnSignatures() {
		if wanted != "any" && wanted != m.name {
			continue
		}
		for _, name := range m.headers {
			if h.Get(name) != "" {
				return m.name
			}
		}
		// Fastly's X-Served-By names its caches; others set the header too, but without these words.
		if m.name == "fastly" && strings.Contains(h.Get("X-Served-By"), "cache-") && h.Get("X-Timer") != "" {
			return m.name
		}
	}
	return ""
}

func cdnByAlias(ctx context.Context, p *probe.Pass, site, wanted string) string {
	u, err := url.Parse(site)
	if err != nil {
		return ""
	}
	servers, err := dnscheck.Resolvers(p)
	if err != nil {
		return ""
	}
	a, err := dnscheck.Ask(ctx, p, servers[0], u.Hostname())
	if err != nil {
		return ""
	}
	for _, m := range cdnSignatures() {
		for _, domain := range m.domains {
			for _, alias := range a.Aliases {
				if (wanted == "any" || wanted == m.name) && strings.HasSuffix(alias, "."+domain) {
					return m.name
				}
			}
		}
	}
	return ""
}

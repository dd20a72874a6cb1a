package evidencecheck

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
)

// A scan and a bill of materials are about one image. Which image runs is known from the release record and from digests
// in the compose file; tags are moved.

// images returns the digests of the deployed images; with the parameter image, those of that image only.
func (s *evidenceProbe) images(p *probe.Pass) ([]string, error) {
	var digests []string
	wanted := s.Image
	add := func(reference, service string) {
		name, _, _ := strings.Cut(reference, "@")
		if s.Image != "" && service != s.Image && repository(name) != wanted && repository(name) != s.Image {
			return
		}
		if d := report.Digest(reference); d != "" {
			digests = append(digests, d)
		}
	}
	c, err := p.View.Compose()
	if err == nil {
		if service, ok := c.Project.Services[s.Image]; ok {
			name, _, _ := strings.Cut(service.Image, "@")
			wanted = repository(name)
		}
		for _, name := range c.Services() {
			add(c.Project.Services[name].Image, name)
		}
	}
	chain, err := release.Chain(p)
	if err != nil {
		return nil, err
	}
	if r := release.Current(chain); r != nil {
		for _, text := range r.Images {
			add(text, "")
		}
	}
	if len(digests) == 0 && s.Image != "" {
		return nil, probe.Needs("catalyst_exporter deploy record, or a digest in the compose file", probe.Unknownf(probe.ReasonNotConfigured,
			"the digest of image %s is neither in the release record nor in the compose file", s.Image))
	}
	return digests, nil
}

// repository returns the name of an image without tag.
func repository(name string) string {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
}

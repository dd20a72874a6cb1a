package compose

import (
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// RunsImage reports whether a service's image is one of the names or a variant (name-contrib). An image that is built
// here is named after its service.
func RunsImage(service types.ServiceConfig, names []string) bool {
	image := service.Image
	if image == "" {
		image = service.Name
	}
	image, _, _ = strings.Cut(image, "@")
	if tag := strings.LastIndexByte(image, ':'); tag > strings.LastIndexByte(image, '/') {
		image = image[:tag]
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.HasSuffix("/"+image, "/"+name) || strings.HasPrefix(path.Base(image), name+"-")
	})
}

// ScaledToNone reports whether a service is declared with no containers.
func ScaledToNone(s types.ServiceConfig) bool {
	return s.Scale != nil && *s.Scale == 0 || s.Deploy != nil && s.Deploy.Replicas != nil && *s.Deploy.Replicas == 0
}

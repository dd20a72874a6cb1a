// Package dashboards holds the Grafana board that ships inside the binary. It is written in Go, where one can read it, and kept as
// catalyst-readiness.json beside it, where Grafana can. It imports nothing of the project.
package dashboards

import (
	_ "embed"
	"slices"
)

//go:embed catalyst-readiness.json
var readinessJSON []byte

// Readiness returns the board catalyst-readiness, JSON for Grafana 9 to 13. Its data source is a variable, its uid stable.
func Readiness() []byte { return slices.Clone(readinessJSON) }

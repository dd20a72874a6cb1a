// Command catalyst_exporter is the Prometheus exporter of production readiness.
package main

import (
	"os"

	"github.com/thenexusengine/catalyst_exporter/exporter"
)

func main() { os.Exit(exporter.Main(os.Args[1:], exporter.OS())) }

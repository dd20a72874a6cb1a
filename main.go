// Command catalyst_exporter is the Prometheus exporter of production readiness.
package main

import (
	"os"
	_ "time/tzdata" // time zones, for where the system has none (an image made from scratch); the system's count first

	_ "golang.org/x/crypto/x509roots/fallback" // certificate authorities, likewise; SSL_CERT_FILE and SSL_CERT_DIR count first too

	"github.com/thenexusengine/catalyst_exporter/exporter"
)

func main() { os.Exit(exporter.Main(os.Args[1:], exporter.OS())) }

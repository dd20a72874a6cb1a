// Command catalyst_exporter is the Prometheus exporter of production readiness.
package main

import (
	"os"
	_ "time/tzdata" // time zones for systems without any, such as an image from scratch; the system's take precedence

	_ "golang.org/x/crypto/x509roots/fallback" // certificate authorities, likewise; SSL_CERT_FILE and SSL_CERT_DIR take precedence too

	"github.com/thenexusengine/catalyst_exporter/exporter"
)

func main() { os.Exit(exporter.Main(os.Args[1:], exporter.OS())) }

package exporter

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/exporter/server"
)

func (a *app) serveCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	o := server.Options{Listening: a.Listening}
	c := k.Command("serve", "Serve verdicts as metrics and as a web page; the default command.").Default()
	c.Flag("web.listen-address", "Address to listen on; may be repeated.").
		Default(server.DefaultAddress).PlaceHolder("HOST:PORT").StringsVar(&o.Addresses)
	c.Flag("web.external-url", "URL under which browsers and Prometheus reach the exporter, e.g. through a reverse proxy. /sd lists it.").
		PlaceHolder("URL").StringVar(&o.ExternalURL)
	c.Flag("web.route-prefix", "Path below which all pages are served; / behind a proxy that removes the path. Defaults to the path of --web.external-url.").
		PlaceHolder("PATH").StringVar(&o.RoutePrefix)
	c.Flag("web.allowed-hosts", "Host names, separated by commas, by which the exporter may be requested on a loopback address; may be repeated."+
		" IP addresses, localhost, host.docker.internal and the host of --web.external-url are always allowed.").
		PlaceHolder("HOST").StringsVar(&o.AllowedHosts)
	c.Flag("web.config.file", "File with TLS and basic authentication settings, in the format of the Prometheus exporter toolkit.").
		PlaceHolder("FILE").StringVar(&o.WebConfig)
	c.Flag("web.telemetry-path", "Path of the metrics.").
		Default("/metrics").PlaceHolder("PATH").StringVar(&o.TelemetryPath)
	c.Flag("web.enable-lifecycle", "Allow reloading the configuration with POST /-/reload; SIGHUP always works.").
		BoolVar(&o.Lifecycle)
	c.Flag("web.enable-pprof", "Serve profiles of the exporter at /debug/pprof.").BoolVar(&o.Pprof)
	c.Flag("scrape.timeout", "How long a scrape waits for probes when the request has no X-Prometheus-Scrape-Timeout-Seconds.").
		Default("10s").DurationVar(&o.ScrapeTimeout)
	add(c, func(ctx context.Context) (int, error) { return ExitReady, server.Serve(ctx, a.source(), o) })
}

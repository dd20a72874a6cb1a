package composecheck

import (
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// offender is one service that breaks a rule, at the attribute of the compose file that decides it, or at the service if
// the attribute is missing.
func offender(c *compose.Model, service, rule, attribute string) probe.Offender {
	at := c.At(service, attribute)
	return probe.Offender{ID: service + ":" + rule, File: at.File, Line: at.Line}
}

// offenders are services that break the same rule.
func offenders(c *compose.Model, services []string, rule, attribute string) []probe.Offender {
	var out []probe.Offender
	for _, service := range services {
		out = append(out, offender(c, service, rule, attribute))
	}
	return out
}

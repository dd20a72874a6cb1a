package exporter

import "github.com/alecthomas/kingpin/v2"

func (a *app) reportCommand(*kingpin.Application, func(*kingpin.CmdClause, command)) {}

package composecheck

import (
	"net/netip"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// hbaPaths are where images keep pg_hba.conf.
var hbaPaths = []string{
	"/var/lib/postgresql/data/pg_hba.conf", "/var/lib/postgresql/data/pgdata/pg_hba.conf", "/opt/bitnami/postgresql/conf/pg_hba.conf",
	"/bitnami/postgresql/conf/pg_hba.conf",
}

// trustLines returns the lines of a mounted pg_hba.conf that admit other hosts without a password.
func trustLines(view *deployment.View, c *compose.Model, service string) ([]source.Origin, error) {
	paths := hbaPaths
	for _, word := range view.Program(c, service).Args {
		if _, file, ok := strings.Cut(word.Text, "hba_file="); ok && !word.Unknown {
			paths = []string{strings.Trim(file, `"'`)}
		}
	}
	for _, inside := range paths {
		file, err := view.FileIn(c, service, inside, "the access rules of service "+service, c.At(service, "command"))
		if err != nil {
			return nil, err
		}
		if !file.Set {
			continue
		}
		var found []source.Origin
		n := 0
		for line := range strings.Lines(file.Text.Reveal()) {
			n++
			if admitsWithoutPassword(line) {
				at := file.Origin
				at.Line = n
				found = append(found, at)
			}
		}
		return found, nil
	}
	return nil, nil
}

// admitsWithoutPassword reports whether a line of pg_hba.conf trusts connections from another host.
func admitsWithoutPassword(line string) bool {
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(line)
	if len(words) < 5 || !strings.HasPrefix(words[0], "host") {
		return false
	}
	address, method := words[3], words[4]
	if _, err := netip.ParseAddr(method); err == nil && len(words) > 5 { // an address and a mask
		method = words[5]
	}
	if !strings.EqualFold(method, "trust") {
		return false
	}
	if prefix, err := netip.ParsePrefix(address); err == nil {
		return !prefix.Addr().IsLoopback()
	}
	if ip, err := netip.ParseAddr(address); err == nil {
		return !ip.IsLoopback()
	}
	return address != "localhost" && address != "samehost"
}

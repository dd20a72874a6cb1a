package exporter

import (
	"cmp"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// permissionsPage tells, for each kind of probe, what it reads and the permission without which it cannot.
func permissionsPage(p *page) error {
	p.start("Permissions", `The exporter needs no permission to run. What it may not see is `+"`unknown (permission_denied)`"+`, or `+"`unknown (not_configured)`"+` where nobody
has told it an address; it neither passes nor fails for that, and `+"`check`"+` ends with the permissions and settings that would answer most. A test runs
it as nobody beside a deployment whose files, then also folders, are their owner's alone, and compares every verdict with what the owner sees.

How to give a permission: as a service of the host, the drop-ins of [examples/systemd](../examples/systemd/README.md); in a container,
[image.md](image.md); at AWS, [the least policy](../examples/iam-policy.json).

| permission | in short |
|---|---|
| to read the deployment's files | the group that owns them, or `+"`CAP_DAC_READ_SEARCH`"+` |
| to ask the Docker Engine | its socket or, better, a proxy in front of it that lets GET through: `+"`deployment.docker.host`"+` |
| to see the loaded firewall | `+"`CAP_NET_ADMIN`"+` and the host's network |
| to log in to PostgreSQL | a role of its own with CONNECT: `+"`deployment.database.user`"+`; catalogues are open to every role |
| to ask Redis | the password; with ACLs a user with `+"`+ping +info`"+` |
| to ask S3, IAM | examples/iam-policy.json |`)
	kinds := slices.Clone(probe.Kinds())
	slices.SortFunc(kinds, func(a, b probe.Kind) int { return cmp.Compare(a.Name, b.Name) })
	var rows [][]string
	for _, k := range kinds {
		reads, needs, _ := strings.Cut(k.Reads, "; needs ")
		rows = append(rows, []string{"[" + k.Name + "](probes.md#" + k.Name + ")", reads, needs})
	}
	p.table([]string{"Probe", "Reads", "Needs"}, rows)
	p.f("\nEvery item's probes are in [checklist.md](checklist.md).\n")
	return nil
}

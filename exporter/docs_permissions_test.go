package exporter

import (
	"cmp"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/kinds"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// permissionsPage lists, for each probe kind, what it reads and the permission it needs.
func permissionsPage(p *page) error {
	p.start("Permissions", `The exporter runs without any permission. An item it has no permission to check is `+"`unknown (permission_denied)`"+`; an item without a configured
address is `+"`unknown (not_configured)`"+`. Neither passes or fails, and `+"`check`"+` ends with the permissions and settings that would resolve the most items.
A test runs it as nobody on a deployment whose files, and then whose folders, only their owner can read, and compares every verdict with the owner's.

To grant a permission: for a service on the host, use the drop-ins in [examples/systemd](../examples/systemd/README.md); for a container, see
[image.md](image.md); for AWS, use the [minimal IAM policy](../examples/iam-policy.json).

| Permission | How to grant it |
|---|---|
| Read the deployment's files | the group that owns them, or `+"`CAP_DAC_READ_SEARCH`"+` |
| Query the Docker Engine | its socket or, better, a proxy that allows only GET: `+"`deployment.docker.host`"+` |
| Read the loaded firewall | `+"`CAP_NET_ADMIN`"+` and the host's network |
| Log in to PostgreSQL | a separate role with CONNECT: `+"`deployment.database.user`"+`; every role can read the catalogues |
| Query Redis | the password; with ACLs, a user with `+"`+ping +info`"+` |
| Query S3 and IAM | examples/iam-policy.json |`)
	kinds := slices.Clone(kinds.All())
	slices.SortFunc(kinds, func(a, b probe.Kind) int { return cmp.Compare(a.Name, b.Name) })
	var rows [][]string
	for _, k := range kinds {
		rows = append(rows, []string{"[" + k.Name + "](probes.md#" + k.Name + ")", k.Reads, k.Permission})
	}
	p.table([]string{"Probe", "Reads", "Needs"}, rows)
	p.f("\nFor the probes of each item, see [checklist.md](checklist.md).\n")
	return nil
}

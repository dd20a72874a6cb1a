package backup

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
)

// Named reports from a file's name alone, for files that cannot be read (in a container or bucket), whether it looks
// like a backup and whether it looks finished. Manifests and names that begin with a dot are not backups.
func Named(name string) (like, finished bool) {
	finished = !unfinishedName.MatchString(name)
	stem := unfinishedName.ReplaceAllString(name, "")
	return !strings.HasPrefix(name, ".") && !dump.IsManifest(name) && backupName.MatchString(stem), finished
}

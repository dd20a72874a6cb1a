package backup

import "strings"

// Named tells from a file's name alone, where nothing else can be asked of it (inside a container, in a bucket), whether it is called like a backup,
// and whether like a finished one. Manifests beside a backup and names that begin with a dot are none.
func Named(name string) (like, finished bool) {
	finished = !unfinishedName.MatchString(name)
	stem := unfinishedName.ReplaceAllString(name, "")
	return !strings.HasPrefix(name, ".") && !isSidecar(name) && backupName.MatchString(stem), finished
}

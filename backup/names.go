// What a file name says about a backup, for callers without access to the file system.

package backup

// LooksLike reports whether a file with that name counts as a backup, finished or not.
func LooksLike(name string) bool {
	return backupName.MatchString(name) || unfinishedName.MatchString(name)
}

// Unfinished reports whether the name says that the backup is still being written.
func Unfinished(name string) bool { return unfinishedName.MatchString(name) }

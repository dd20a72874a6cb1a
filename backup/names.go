// What a name says of a backup, for those who look for backups where there is no file system.

package backup

// LooksLike tells whether a file of that name is taken for a backup, finished or not.
func LooksLike(name string) bool {
	return backupName.MatchString(name) || unfinishedName.MatchString(name)
}

// Unfinished tells whether the name says that the backup is still being written.
func Unfinished(name string) bool { return unfinishedName.MatchString(name) }

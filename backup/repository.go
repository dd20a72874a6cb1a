// Repositories of backup programs: folders with fragments of many backups that only the program itself can read. They
// are recognised, so that they are not reported as missing backups.

package backup

import (
	"os"
	"path/filepath"
)

// repositories maps programs to patterns that must all exist in their folder.
var repositories = [...]struct {
	program string
	holds   []string
}{
	{"restic", []string{"config", "keys", "snapshots", "index", "data"}},
	{"borg", []string{"config", "data", "index.[0-9]*", "README"}},
	{"pgBackRest", []string{"backup/*/backup.info"}},
	{"pgBackRest", []string{"*/backup.info", "*/[0-9]*-[0-9]*F"}},
	{"WAL-G", []string{"basebackups_005"}},
	{"Barman", []string{"*/base/*/backup.info"}},
	{"Barman", []string{"base/*/backup.info", "wals"}},
	{"kopia", []string{"kopia.repository*"}},
	{"pg_basebackup (a server's data directory)", []string{"PG_VERSION", "base", "global"}},
}

// repositoryIn returns the program whose repository a folder is, "" for none.
func repositoryIn(dir string) string {
	for _, r := range repositories {
		all := true
		for _, pattern := range r.holds {
			all = all && fits(dir, pattern)
		}
		if all {
			return r.program
		}
	}
	return ""
}

// fits reports whether a folder contains a match of the pattern.
func fits(dir, pattern string) bool {
	if _, err := os.Lstat(filepath.Join(dir, pattern)); err == nil {
		return true
	}
	found, err := filepath.Glob(filepath.Join(asPattern(dir), pattern))
	return err == nil && len(found) > 0
}

// asPattern escapes a path, so that it matches only itself.
func asPattern(path string) string {
	var out []byte
	for _, c := range []byte(path) {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}

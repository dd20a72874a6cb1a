// Repositories of backup programs: folders with fragments of many backups that only the program itself can read. They
// are recognised, so that they are not reported as missing backups.

package backup

import (
	"os"
	"path/filepath"
)

// repository is how a program's folder is recognised, and how its backups are verified instead.
type repository struct {
	program string
	holds   []string // patterns that must all exist in the folder
	verify  string
}

var repositories = [...]repository{
	{"restic", []string{"config", "keys", "snapshots", "index", "data"}, "`restic check --read-data-subset=5%`, then `restic restore latest`"},
	{"borg", []string{"config", "data", "index.[0-9]*", "README"}, "`borg check --verify-data`, then `borg extract`"},
	{"pgBackRest", []string{"backup/*/backup.info"}, pgBackRestVerify},
	{"pgBackRest", []string{"*/backup.info", "*/[0-9]*-[0-9]*F"}, pgBackRestVerify},
	{"WAL-G", []string{"basebackups_005"}, "`wal-g wal-verify integrity timeline`, then `wal-g backup-fetch DIRECTORY LATEST`"},
	{"Barman", []string{"*/base/*/backup.info"}, barmanVerify},
	{"Barman", []string{"base/*/backup.info", "wals"}, barmanVerify},
	{"kopia", []string{"kopia.repository*"}, "`kopia snapshot verify`, then `kopia restore`"},
	{"pg_basebackup (a server's data directory)", []string{"PG_VERSION", "base", "global"}, "`pg_verifybackup`, then start a server on a copy"},
}

const (
	pgBackRestVerify = "`pgbackrest check` and `pgbackrest verify`, then `pgbackrest restore`"
	barmanVerify     = "`barman check SERVER` and `barman verify-backup SERVER latest`, then `barman recover`"
)

// VerifyWith returns the commands that verify and restore the backups of a program, "" if they are not known.
func VerifyWith(program string) string {
	for _, r := range repositories {
		if r.program == program {
			return r.verify
		}
	}
	return ""
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

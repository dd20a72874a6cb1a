package backupcheck

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

// Which backup in a container is judged: the newest finished one of the deployment's database, chosen as backup_file
// does on the host.

// containerFound holds the newest finished backup and the previous one, whose Path is "" when there is none.
type containerFound struct {
	newest, before dockerclient.File
	others         []containerFound // of other series, as backup.Set has them
}

// newestArchived chooses the newest finished backup and the previous one. The error is backup.ErrNone, or ErrUnfinished
// when one is being written.
func newestArchived(listed []dockerclient.File, glob string, now time.Time) (containerFound, error) {
	var finished []dockerclient.File
	none := backup.ErrNone
	for _, a := range listed {
		like, done := backup.Named(path.Base(a.Path))
		if glob != "" {
			like, _ = path.Match(glob, path.Base(a.Path))
		}
		age := now.Sub(a.Modified)
		switch {
		case !like && done,
			slices.ContainsFunc(finished, func(f dockerclient.File) bool { return f.Path == a.Path }): // listed again through a link
		case !done, like && age < backupSettleTime && age >= -clockSkew:
			none = backup.ErrUnfinished
		default:
			finished = append(finished, a)
		}
	}
	if len(finished) == 0 {
		return containerFound{}, none
	}
	slices.SortFunc(finished, func(a, b dockerclient.File) int {
		if c := b.Modified.Compare(a.Modified); c != 0 {
			return c
		}
		return strings.Compare(b.Path, a.Path)
	})
	var all []containerFound
	series := map[string]int{} // index into all
	for _, f := range finished {
		i, known := series[backup.SeriesOf(f.Path)]
		switch {
		case !known && len(all) <= maxContainerSeries:
			series[backup.SeriesOf(f.Path)] = len(all)
			all = append(all, containerFound{newest: f})
		case known && all[i].before.Path == "" && f.Size != all[i].newest.Size: // an equal size may be a copy
			all[i].before = f
		}
	}
	found := all[0]
	found.others = all[1:]
	for _, other := range found.others {
		if found.before.Path == "" && other.newest.Size != found.newest.Size {
			found.before = other.newest
		}
	}
	return found, nil
}

// maxContainerSeries bounds the additional series that are checked: each is read to its end.
const maxContainerSeries = 4

// containerScope is what backups in a container are compared with.
type containerScope struct {
	name     string // of the container
	database string // of the deployment; "" when unknown
	fresh    time.Duration
	known    knownTables
}

// combine returns what is needed to judge a backup.
func (s *containerBackup) combine(found containerFound, in containerScope, proof dump.Proof) newestBackup {
	return newestBackup{
		path: found.newest.Path, database: in.database, known: in.known,
		name: in.name + ":" + found.newest.Path, place: "container", size: found.newest.Size, modified: found.newest.Modified, proof: proof,
		before: found.before.Path, beforeSize: found.before.Size, beforeBroken: true, // it was not read
		fresh: in.fresh, smaller: s.Smaller, remedy: "a restore drill: the backup is encrypted or in an unsupported format",
	}
}

// choose returns the newest backup, or the newest of another series when that one is not of the deployment's database,
// as backup_file does.
func (s *containerBackup) choose(found containerFound, scope containerScope, prove func(dockerclient.File) (dockerclient.File, dump.Proof, error)) (newestBackup, error) {
	var first newestBackup
	for i, in := range append([]containerFound{found}, found.others...) {
		file, proof, err := prove(in.newest)
		if err != nil {
			return first, err
		}
		in.newest = file
		is := s.combine(in, scope, proof)
		if i == 0 {
			is.others = len(found.others) > 0
		}
		is.mismatch = aside(proof, scope.database, scope.known)
		if is.mismatch == "" && in.before.Path != "" && len(scope.known.empty(proof, scope.database)) > 0 {
			if _, before, err := prove(in.before); err == nil {
				is.beforeProof = before
			}
		}
		switch {
		case i == 0 && is.mismatch != "":
			first = is
		case i == 0:
			return is, nil
		case is.mismatch == "":
			is.skipped = fmt.Sprintf("%s, which is newer, %s", first.name, first.mismatch)
			return is, nil
		}
	}
	return first, nil
}

package backupcheck

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The first backup of a place may take an hour. The time of a file that is written to again and again says nothing about
// that, so the hour counts from when the file was made, or from when the place was first seen with unfinished backups only.

// unfinishedSince remembers when a place was first seen with unfinished backups only, and returns that time. With a state
// directory, it is remembered for the next process as well.
func (k *backupsKept) unfinishedSince(p *probe.Pass, place string) time.Time {
	since := p.Now()
	if p.Marks != nil {
		since = p.Marks.First(unfinishedMark(place), since)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if first, known := k.unfinished[place]; known && first.Before(since) {
		since = first
	}
	k.unfinished[place] = since
	return since
}

// settled forgets that time: there is a finished backup, or none at all.
func (k *backupsKept) settled(p *probe.Pass, place string) {
	k.mu.Lock()
	delete(k.unfinished, place)
	k.mu.Unlock()
	if p.Marks != nil {
		p.Marks.Forget(unfinishedMark(place))
	}
}

func unfinishedMark(place string) string { return "unfinished backup: " + place }

// unfinished judges a place that has unfinished backups only. Passed are these, newest first.
func (s *backupFile) unfinished(p *probe.Pass, where string, passed []backup.Pass) (probe.Result, error) {
	kept, err := KeptBackups(p)
	if err != nil {
		return probe.Result{}, err
	}
	now, since := p.Now(), kept.unfinishedSince(p, where)
	written := false
	for _, file := range passed {
		info, err := os.Stat(file.Path)
		if err != nil {
			continue
		}
		age := now.Sub(info.ModTime())
		written = written || age < stillWriting && age > -clockSkew
		if born := birthOf(file.Path); file.Why != backup.OpenForWriting && !born.IsZero() && born.Before(since) {
			since = born
		}
	}
	newest, place := p.Deployment.Rel(passed[0].Path), p.Deployment.Rel(where)
	switch {
	case !written:
		return probe.Failed(probe.ReasonTruncated, "no finished backup in %s: %s is unfinished and has not been written to for an hour",
			place, newest), nil
	case now.Sub(since) >= stillWriting:
		return probe.Failed(probe.ReasonTruncated, "no finished backup in %s: %s has been unfinished for an hour, and there is no earlier backup",
			place, newest), nil
	}
	return probe.Pending(probe.ReasonInProgress, "%s: %s. It is checked once it is finished", newest, passed[0].Why), nil
}

// birthOf returns when a file was made; zero where the file system does not record it.
func birthOf(path string) time.Time {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &st); err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return time.Time{}
	}
	return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec))
}

// unfinished judges a place in a container that has unfinished backups only.
func (s *containerBackup) unfinished(p *probe.Pass, shown string) probe.Result {
	if kept, err := KeptBackups(p); err == nil && p.Now().Sub(kept.unfinishedSince(p, shown)) >= stillWriting {
		return probe.Failed(probe.ReasonTruncated,
			"%s: the only backup has been unfinished for an hour, and there is no earlier backup", shown)
	}
	return probe.Pending(probe.ReasonInProgress, "%s: no finished backup, one is being written", shown)
}

package gitscan

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// judgeHistory evaluates what the commits and the edited files hold.
func (s *gitSecrets) judgeHistory(h *gitHistory, shallow bool) probe.Result {
	var certain, doubtful []secretFound
	for _, f := range []findings{h.scanned, h.named, h.edited} {
		certain = slices.AppendSeq(certain, maps.Keys(f.found))
		certain = slices.AppendSeq(certain, maps.Keys(f.inUse))
		for at, password := range f.passwords {
			if current := at.commit == "" || h.inHead[password.digest]; password.strong && current {
				certain = append(certain, at)
			} else {
				doubtful = append(doubtful, at)
			}
		}
	}
	for at, password := range h.onlyHead {
		if password.strong {
			certain = append(certain, at)
		} else {
			doubtful = append(doubtful, at)
		}
	}
	local, loose := h.local.found.places(), h.loose.found.places()
	note := h.note()
	samples := []probe.Sample{probe.SecretFindings.Of(float64(len(certain) + len(doubtful) + len(local) + len(loose))), SecretScanTime.Of(phrase.Seconds(h.when))}
	if len(certain) > 0 {
		return probe.Failed(probe.ReasonCommitted, "%s%s", describeSecrets("secrets", certain, h.scanned.more), note).With(samples...).About(offenders(certain)...)
	}
	var warnings []string
	reason := probe.ReasonNone
	warn := func(r probe.Reason, text string) {
		warnings, reason = append(warnings, text), cmp.Or(reason, r)
	}
	if len(doubtful) > 0 {
		warn(probe.ReasonCommitted, describeSecrets("passwords of tests or of the past", doubtful, h.scanned.more))
	}
	if len(local) > 0 {
		warn(probe.ReasonCommitted, describeSecrets("secrets in commits of this clone only (stash, reflog, other work trees)", local, h.local.found.more))
	}
	if len(loose) > 0 {
		warn(probe.ReasonExposed, describeSecrets("secrets in git's configuration or in compose files that git does not track", loose, h.loose.found.more))
	}
	if h.local.failed {
		warn(probe.ReasonTruncated, "git cannot list the commits of stashes, reflogs and other work trees, which were not searched. Run git fsck")
	}
	if text := h.off.warning(); text != "" {
		warn(probe.ReasonWeak, text)
	}
	if shallow {
		warn(probe.ReasonTruncated, "repository is a shallow clone: no secret in the available history, earlier commits are missing. Run git fetch --unshallow")
	}
	if unseen := s.unseen(h); len(unseen) > 0 {
		warn(probe.ReasonTruncated, fmt.Sprintf("%d files were not searched: %s. Search them elsewhere and list them in accepted_unseen",
			len(unseen), phrase.List(unseen)))
	}
	if h.submodules > 0 {
		warn(probe.ReasonTruncated, fmt.Sprintf("%d submodules were not searched", h.submodules))
	}
	if len(warnings) > 0 {
		return probe.Warned(reason, "%s%s", strings.Join(warnings, "; "), note).With(samples...).About(offenders(slices.Concat(doubtful, local, loose))...)
	}
	return probe.Passed("no secret in %d commits, scanned at %s%s", h.commits, h.when.UTC().Format(time.RFC3339), note).With(samples...)
}

// note describes what was accepted or needs no search.
func (h *gitHistory) note() string {
	var notes []string
	add := func(n int, noun, rest string) {
		if n > 0 {
			notes = append(notes, phrase.Count(n, noun)+rest)
		}
	}
	all := sum(h.scanned, h.named, h.local.found, h.edited)
	add(all.known, "known finding", " accepted by "+ignoreFile+" or the baseline")
	add(all.allowed, "finding", " accepted by "+allowComment+" comments")
	if text := h.off.note(); text != "" {
		notes = append(notes, text)
	}
	committed := sum(h.scanned)
	add(committed.media, "version", " of media files")
	add(committed.encrypted, "version", " of encrypted files")
	add(committed.binaries, "version", " of binary files, of which the printable parts were searched")
	if len(notes) == 0 {
		return ""
	}
	return "; " + strings.Join(notes, "; ")
}

// unseen lists the files with unsearched content that are not accepted.
func (s *gitSecrets) unseen(h *gitHistory) []string {
	all := map[string]string{}
	for _, f := range []findings{h.local.found, h.loose.found, h.scanned, h.edited} {
		for at, why := range f.unseen {
			all[at.file] = why
		}
	}
	var left []string
	for _, file := range slices.Sorted(maps.Keys(all)) {
		if !slices.ContainsFunc(s.AcceptedUnseen, func(glob string) bool { return matchesGlob(glob, file) }) {
			left = append(left, fmt.Sprintf("%s (%s)", file, all[file]))
		}
	}
	return left
}

// matchesGlob reports whether a glob matches a path or one of the folders that contain it.
func matchesGlob(glob, file string) bool {
	for at := file; at != "." && at != "/"; at = path.Dir(at) {
		if ok, _ := path.Match(glob, at); ok {
			return true
		}
	}
	return false
}

// offenders identifies secrets by gitleaks's fingerprints, which a .gitleaksignore file lists too.
func offenders(all []secretFound) []probe.Offender {
	var out []probe.Offender
	for _, f := range all {
		id := fmt.Sprintf("%s:%s:%d", f.file, f.rule, f.line)
		if f.commit != "" {
			id = f.commit + ":" + id
		}
		out = append(out, probe.Offender{ID: id, File: f.file, Line: f.line})
	}
	return out
}

// describeSecrets lists the locations of secrets in a stable order.
func describeSecrets(what string, all []secretFound, more bool) string {
	slices.SortFunc(all, func(a, b secretFound) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.rule, b.rule), cmp.Compare(a.commit, b.commit))
	})
	places := make([]string, 0, probe.MaxFindings)
	for _, f := range all[:min(len(all), probe.MaxFindings)] {
		where := "not committed"
		if f.commit != "" {
			where = fmt.Sprintf("commit %.12s", f.commit)
		}
		places = append(places, fmt.Sprintf("%s at %s:%d (%s)", f.rule, f.file, f.line, where))
	}
	if left := len(all) - len(places); left > 0 {
		places = append(places, fmt.Sprintf("and %d more", left))
	}
	count := fmt.Sprint(len(all))
	if more {
		count = "at least " + count
	}
	return fmt.Sprintf("%s (%s): %s", what, count, strings.Join(places, "; "))
}

package gitscan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// Earlier versions of an env file that git no longer tracks. Removing the file leaves these versions to everyone with a
// clone, so every secret in them must have been changed. Values are compared, never shown.

const (
	// maxPastVersions bounds the versions read of a file, newest first.
	maxPastVersions = 200
	maxPastVersion  = 1 << 20
	// maxPastLog bounds git's list of versions: about a hundred bytes each.
	maxPastLog = 8 << 20
)

// secretKey matches names of variables that hold secrets.
var secretKey = lazyregexp.New(`(?i)(PASS(WORD|WD|PHRASE)?|SECRET|TOKEN|CREDENTIALS?|PRIVATE|SALT|DSN|(API|ACCESS|SIGNING|ENCRYPTION|AUTH|LICENSE|WEBHOOK)_?KEY|_KEY)(_|$)`)

// secretURL matches URLs with a password.
var secretURL = lazyregexp.New(`^[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]+@`)

// pastOf reads the versions of files in all commits of all references, newest first.
func pastOf(g gitrepo.Repository, ctx context.Context, names []string) ([]*env.File, error) {
	if len(names) == 0 {
		return nil, nil
	}
	// -m includes changes made by merges.
	args := append([]string{"log", "--all", "--full-history", "-m", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=AMT", "--format=", "--no-color", "--no-ext-diff", "--no-show-signature", "--"}, names...)
	text, _, err := g.Text(ctx, maxPastLog, "", args...)
	if err != nil {
		return nil, err
	}
	var versions []*env.File
	var seen []string
	for line := range strings.Lines(text) {
		// ":100644 100644 OLD NEW M\tNAME"; symbolic links (120000) are skipped.
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasPrefix(fields[1], "100") || slices.Contains(seen, fields[3]) {
			continue
		}
		if len(seen) == maxPastVersions {
			return nil, probe.Unknownf(probe.ReasonError, "git history has more than %d versions of an env file: not all were compared",
				maxPastVersions)
		}
		seen = append(seen, fields[3])
		blob, _, err := g.Text(ctx, maxPastVersion, "", "cat-file", "blob", fields[3])
		if err != nil {
			return nil, err
		}
		versions = append(versions, env.Read("an earlier version", []byte(blob)))
	}
	return versions, nil
}

// inUse lists entries whose values an earlier version already had.
type inUse []env.Entry

func (u inUse) any() bool { return len(u) > 0 }

// String lists them by key and line.
func (u inUse) String() string {
	var all []string
	for _, e := range u[:min(len(u), probe.MaxFindings)] {
		all = append(all, fmt.Sprintf("%s, line %d", e.Key, e.Line))
	}
	if more := len(u) - len(all); more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, "; ")
}

// reusedSecrets returns the secrets of an env file that an earlier version had under any name.
func reusedSecrets(now *env.File, past []*env.File) inUse {
	before := map[string]bool{}
	for _, version := range past {
		for _, e := range version.Entries {
			before[e.Text.Reveal()] = true
		}
	}
	var kept inUse
	for _, e := range now.Entries {
		text := e.Text.Reveal()
		if len(text) < secretvalue.MinSecret || !before[text] || secretvalue.IsPlaceholder(text) || !secretKey.MatchString(e.Key) && !secretURL.MatchString(text) {
			continue
		}
		kept = append(kept, e)
	}
	slices.SortFunc(kept, func(a, b env.Entry) int { return cmp.Compare(a.Line, b.Line) })
	return kept
}

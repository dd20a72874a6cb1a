package probe

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// What git's history holds of an env file that is tracked no longer. Removing the file leaves its earlier versions to whoever has a clone, so that
// every secret that was in one must be another today. Values are compared, never told.

const (
	// maxPastVersions is how many versions of a file are read, the newest first.
	maxPastVersions = 200
	maxPastVersion  = 1 << 20
	// maxPastLog bounds git's list of versions: some hundred bytes each.
	maxPastLog = 8 << 20
	// minSecret is the length from which an equal value is no accident.
	minSecret = 8
)

// secretKey is the name of a variable whose value is a secret.
var secretKey = regexp.MustCompile(`(?i)(PASS(WORD|WD|PHRASE)?|SECRET|TOKEN|CREDENTIALS?|PRIVATE|SALT|DSN|(API|ACCESS|SIGNING|ENCRYPTION|AUTH|LICENSE|WEBHOOK)_?KEY|_KEY)(_|$)`)

// secretURL is a URL with a password in it.
var secretURL = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]+@`)

// past reads the versions of files that any commit of any reference holds, the newest first.
func (g gitRepository) past(ctx context.Context, names []string) ([]*deployment.Env, error) {
	if len(names) == 0 {
		return nil, nil
	}
	// -m: a merge that changes the file by itself counts as well.
	args := append([]string{"log", "--all", "--full-history", "-m", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=AMT", "--format=", "--no-color", "--no-ext-diff", "--no-show-signature", "--"}, names...)
	text, _, err := g.text(ctx, maxPastLog, "", args...)
	if err != nil {
		return nil, err
	}
	var versions []*deployment.Env
	var seen []string
	for line := range strings.Lines(text) {
		// ":100644 100644 OLD NEW M\tNAME"; links (120000) lead elsewhere.
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasPrefix(fields[1], "100") || slices.Contains(seen, fields[3]) {
			continue
		}
		if len(seen) == maxPastVersions {
			return nil, Unknownf(ReasonError, "git's history holds more than %d versions of an env file: they are not all compared", maxPastVersions)
		}
		seen = append(seen, fields[3])
		blob, _, err := g.text(ctx, maxPastVersion, "", "cat-file", "blob", fields[3])
		if err != nil {
			return nil, err
		}
		versions = append(versions, deployment.ReadEnv("an earlier version", []byte(blob)))
	}
	return versions, nil
}

// inUse are places of values that an earlier version held already.
type inUse []deployment.Entry

func (u inUse) any() bool { return len(u) > 0 }

// String names them by key and line.
func (u inUse) String() string {
	var all []string
	for _, e := range u[:min(len(u), maxFindings)] {
		all = append(all, fmt.Sprintf("%s, line %d", e.Key, e.Line))
	}
	if more := len(u) - len(all); more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, "; ")
}

// stillInUse are the secrets of an env file that an earlier version of it held too, under whatever name.
func stillInUse(now *deployment.Env, past []*deployment.Env) inUse {
	before := map[string]bool{}
	for _, version := range past {
		for _, e := range version.Entries {
			before[e.Text.Reveal()] = true
		}
	}
	var kept inUse
	for _, e := range now.Entries {
		text := e.Text.Reveal()
		if len(text) < minSecret || !before[text] || isPlaceholder(text) || !secretKey.MatchString(e.Key) && !secretURL.MatchString(text) {
			continue
		}
		kept = append(kept, e)
	}
	slices.SortFunc(kept, func(a, b deployment.Entry) int { return cmp.Compare(a.Line, b.Line) })
	return kept
}

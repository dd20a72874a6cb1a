package backupcheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
	"github.com/thenexusengine/catalyst_exporter/probe/timespan"
)

// recovery_objectives: can the objectives of the disaster recovery plan be met?
//
// A backup a day loses up to a day, so an RPO of an hour needs more than daily backups: backups more often, or WAL
// archiving. A restore that took six hours in the last drill does not take two in an emergency. Both are compared with a
// tolerance of 10 % and an hour, since neither is measured exactly.

// ObjectivesKind is the kind recovery_objectives.
func ObjectivesKind() probe.Kind {
	return probe.Kind{
		Name:       "recovery_objectives",
		Question:   "Do the interval of the backups and the last restore meet the objectives of the disaster recovery plan?",
		Example:    "{}",
		Layer:      probe.LayerDeclared,
		Reads:      "the disaster recovery plan, the backups on this host, the compose file and the attested restores",
		Permission: "read permission",
		MaxAge:     10 * time.Minute,
		Alone:      true,
		New:        func() any { return &objectives{} },
	}
}

type objectives struct{}

var (
	rpoName = lazyregexp.New(`(?i)(?:^|[^\pL\pN])(?:RPO|recovery[ -]point[ -]objectives?)(?:$|[^\pL\pN])`)
	rtoName = lazyregexp.New(`(?i)(?:^|[^\pL\pN])(?:RTO|recovery[ -]time[ -]objectives?)(?:$|[^\pL\pN])`)
	// walArchiving matches programs and settings that archive the log of PostgreSQL.
	walArchiving = lazyregexp.New(`(?i)wal-?g|pgbackrest|barman|archive_mode\s*=\s*(?:on|always)|archive_command\s*=\s*\S|pg_receivewal|WALG_|litestream`)
	tookWord     = lazyregexp.New(`(?i)\b(?:in|took|after|within|dauerte|duration:?)\s+(.+)$`)
)

func (o *objectives) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	place := p.View.Place(find.FactRecovery)
	path := place.Path()
	if path == "" {
		return probe.Result{}, probe.Absent(p, place, "disaster recovery plan", "deployment.documents.disaster_recovery_plan")
	}
	m, err := markdown.Read(p, path)
	if err != nil {
		return markdown.Unreadable(p.Deployment.Rel(path)+" cannot be read", err)
	}
	reader := timespan.New()
	rpo, rto := objective(m, reader, rpoName, rtoName), objective(m, reader, rtoName, rpoName)
	if rpo == 0 && rto == 0 {
		return probe.Result{}, probe.Skip("an RTO and an RPO in "+p.Deployment.Rel(path), "the disaster recovery plan states no objective as a duration")
	}
	var f probe.ResultBuilder
	var seen []string
	if rpo > 0 && !archivesLog(p) {
		switch between, err := interval(ctx, p); {
		case err != nil && ctx.Err() != nil:
			return probe.Result{}, ctx.Err()
		case err != nil || between == 0:
		case between > tolerated(rpo):
			f.Warn(probe.ReasonMismatch, "the last two backups are %v apart, but the RPO is %v. Back up more often, archive the WAL, or state a longer RPO",
				between.Round(time.Minute), rpo)
		default:
			seen = append(seen, fmt.Sprintf("backups %v apart, RPO %v", between.Round(time.Minute), rpo))
		}
	}
	if rto > 0 {
		took, err := lastRestore(p, reader)
		switch {
		case err != nil:
			return probe.Result{}, err
		case took > tolerated(rto):
			f.Warn(probe.ReasonMismatch, "the last restore took %v, but the RTO is %v. Make the restore faster, or state a longer RTO", took, rto)
		case took > 0:
			seen = append(seen, fmt.Sprintf("last restore %v, RTO %v", took, rto))
		}
	}
	r := f.Result("%s", strings.Join(seen, "; "))
	if r.State == probe.StatePass && len(seen) == 0 {
		return probe.Result{}, probe.Skip("backups on this host, or a restore that is attested with its duration", "neither an interval of backups nor a restore is known to compare the objectives with")
	}
	return r, nil
}

// tolerated adds the tolerance to an objective.
func tolerated(d time.Duration) time.Duration { return d + d/10 + time.Hour }

// objective returns the longest duration that a document states for an objective: plans often have several, by system.
// Text that follows the name of the other objective is about that one.
func objective(m *markdown.Document, reader *timespan.Reader, own, other *lazyregexp.Regexp) time.Duration {
	var longest time.Duration
	for _, s := range m.Sections {
		titled := own.MatchString(s.Title) && !other.MatchString(s.Title)
		for _, b := range s.Blocks {
			if b.Form == markdown.CodeBlock {
				continue
			}
			text := ""
			if at := own.FindStringIndex(b.Text); at != nil {
				text = b.Text[at[1]:]
			} else if titled {
				text = b.Text
			}
			if at := other.FindStringIndex(text); at != nil {
				text = text[:at[0]]
			}
			longest = max(longest, reader.Longest(text))
		}
	}
	return longest
}

// archivesLog reports whether the deployment archives PostgreSQL's log, so that a restore loses less than one interval.
func archivesLog(p *probe.Pass) bool {
	c, err := p.View.Compose()
	if err != nil || c == nil {
		return false
	}
	for _, s := range c.Project.Services {
		words := []string{s.Name, s.Image, strings.Join(s.Command, " "), strings.Join(s.Entrypoint, " ")}
		for key, value := range s.Environment {
			if words = append(words, key); value != nil {
				words = append(words, *value)
			}
		}
		if slices.ContainsFunc(words, walArchiving.MatchString) {
			return true
		}
	}
	return false
}

// interval returns the time between the last two backups of the series that is judged; zero when there are not two.
func interval(ctx context.Context, p *probe.Pass) (time.Duration, error) {
	_, set, err := FindBackups(ctx, p)
	var unseen *probe.NotCheckedError
	switch {
	case errors.Is(err, backup.ErrNone), errors.Is(err, backup.ErrRepository), errors.Is(err, fs.ErrNotExist), errors.As(err, &unseen):
		return 0, nil
	case err != nil && !errors.Is(err, backup.ErrUnfinished):
		return 0, err
	case set.Newest.Path == "" || set.Before.Path == "":
		return 0, nil
	}
	return set.Newest.Modified.Sub(set.Before.Modified), nil
}

// lastRestore returns how long the newest attested restore took, by its note; zero when no note says so.
func lastRestore(p *probe.Pass, reader *timespan.Reader) (time.Duration, error) {
	claims, _, err := release.Claims(p)
	if err != nil {
		return 0, err
	}
	var newest *attest.Attestation
	for _, a := range claims {
		if a.Err == nil && strings.HasSuffix(a.Claim.Item, "restore_tested") && (newest == nil || a.Claim.At.After(newest.Claim.At)) {
			newest = a
		}
	}
	if newest == nil {
		return 0, nil
	}
	if m := tookWord.FindStringSubmatch(strings.TrimSpace(newest.Claim.Note)); m != nil {
		return reader.Longest(strings.TrimRight(m[1], ". ")), nil
	}
	return 0, nil
}

package backupcheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Where a deployment's backups are on this host, and what was proven about them. Configured places are the only ones
// searched. Without them it is the host folder that the backup service writes to, or a folder named backups. A folder
// named backup counts only when it contains backups: just as often it holds the scripts that make them.

// backupPlace is one place to search.
type backupPlace struct {
	place    string // as backup.Finder takes it
	expected bool   // backups belong there; otherwise it counts only when it contains some
}

// backupPlaces returns the places to search, in this order. The error is one of the compose file, which may name a
// place.
func backupPlaces(p *probe.Pass) ([]backupPlace, error) {
	b := p.Deployment.Backup
	switch {
	case b.Path != "":
		return []backupPlace{{p.Deployment.Abs(b.Path), true}}, nil
	case b.Directory != "":
		return []backupPlace{{filepath.Join(p.Deployment.Abs(b.Directory), b.Glob), true}}, nil
	}
	var places []backupPlace
	c, err := p.View.Compose()
	if err == nil {
		for _, source := range backupMounts(c, b.Service) {
			// A folder elsewhere on the host may be invisible, above all in a container; one in the deployment is not.
			places = append(places, backupPlace{
				filepath.Join(source, b.Glob), filepath.IsLocal(p.Deployment.Rel(source)) || exists(source)})
		}
	} else if errors.Is(err, compose.ErrNoFile) {
		err = nil
	}
	for _, dir := range []string{".", "deployment", "deploy"} {
		for _, name := range []string{"backups", "backup"} {
			path := filepath.Join(p.Deployment.Root, dir, name)
			if exists(path) {
				places = append(places, backupPlace{filepath.Join(path, b.Glob), name == "backups"})
			}
		}
	}
	return places, err
}

// backupMounts returns the host folders that a service mounts below a path named after backups.
func backupMounts(c *compose.Model, service string) []string {
	s, ok := c.Project.Services[service]
	if !ok {
		return nil
	}
	var sources []string
	for _, m := range s.Volumes {
		words := strings.Split(strings.ToLower(path.Clean(m.Target)), "/")
		if m.Type == types.VolumeTypeBind && path.Ext(m.Target) == "" && slices.ContainsFunc(words, func(w string) bool { return w == "backup" || w == "backups" || w == "dumps" }) {
			sources = append(sources, m.Source)
		}
	}
	return sources
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// FindBackups finds the newest finished backup. where is the place that decides; the errors are those of backup.Find,
// or a Skip when no place is known.
func FindBackups(ctx context.Context, p *probe.Pass) (where string, set backup.Set, err error) {
	b := p.Deployment.Backup
	if b.Container != "" {
		return "", set, probe.Skip("deployment.backup.container", "the backups are in a container, not on this host")
	}
	places, composeErr := backupPlaces(p)
	var failed error
	var nothing backup.Set // the result for the place that failed
	for _, place := range places {
		found, err := backup.Finder{Now: p.Now, Deep: place.expected}.Find(ctx, place.place)
		switch {
		case err == nil, errors.Is(err, backup.ErrUnfinished):
			return place.place, found, err
		case !place.expected && (errors.Is(err, backup.ErrNone) || errors.Is(err, fs.ErrNotExist)):
		case failed == nil:
			where, nothing, failed = place.place, found, err
		}
	}
	switch {
	case failed != nil:
		return where, nothing, failed
	case composeErr != nil:
		return "", set, probe.Needs("deployment.backup.directory", probe.Unknown(probe.ReasonBlocked,
			fmt.Errorf("blocked by compose_syntax: the backup service's folder is unknown: %w", composeErr)))
	}
	return "", set, probe.Skip("deployment.backup.directory",
		"no backup location is configured, and none was found: backups/ or backup/ would be read, in the deployment's folder, "+
			"deployment/ or deploy/, or a folder that service %s mounts for backups", b.Service)
}

// NewestBackup finds the backup on this host that the backup item judges: the newest finished one of the deployment's
// database. path is "" when there is none; the errors are those of the search.
func NewestBackup(ctx context.Context, d *deployment.Deployment, now func() time.Time) (path string, err error) {
	p := probe.NewPass(&probe.Deps{Now: now, Files: &files.Cache{}, Kept: &probe.Kept{}}, d)
	_, set, err := FindBackups(ctx, p)
	var u *probe.NotCheckedError
	switch {
	case errors.Is(err, backup.ErrNone), errors.Is(err, backup.ErrRepository), errors.Is(err, fs.ErrNotExist), errors.As(err, &u) && u.Skip:
		return "", nil
	case err != nil:
		return "", err
	}
	ledger := &backup.Ledger{Now: now}
	proof, err := ledger.Prove(ctx, set.Newest.Path)
	if err != nil {
		return "", err
	}
	chosen, err := (&backupFile{}).choose(ctx, p, ledger, set, proof, tablesOf(p, nil))
	if err != nil || chosen.mismatch != "" {
		return "", err
	}
	return chosen.Newest.Path, nil
}

// backupsKept is kept between passes: proofs, and the newest file of each place.
type backupsKept struct {
	Ledger *backup.Ledger

	mu     sync.Mutex
	newest map[string]string // path by place
	// unfinished is when a place was first seen with unfinished backups only.
	unfinished map[string]time.Time
}

type backupsKey struct{}

func KeptBackups(p *probe.Pass) (*backupsKept, error) {
	return probe.Keep(p.Kept, backupsKey{}, "", func() (*backupsKept, func(), error) {
		return &backupsKept{Ledger: &backup.Ledger{Now: p.Now}, newest: map[string]string{}, unfinished: map[string]time.Time{}}, nil, nil
	})
}

// note remembers the newest backup of a place.
func (k *backupsKept) note(place, path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.newest[place] = path
}

// of returns the newest backup of a place as it was last seen; "" when none was.
func (k *backupsKept) of(place string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.newest[place]
}

package probe

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
	"github.com/thenexusengine/catalyst_exporter/files"
)

// Where a deployment's backups lie on this host, and what was proven of them. Configured places count alone. Else it is the folder of the host
// that the backup service writes to, or a folder called backups; a folder called backup counts when backups are in it, since just as often it
// holds the scripts that make them.

// backupPlace is one place to look in.
type backupPlace struct {
	place string // as backup.Finder takes it
	sure  bool   // backups belong there; otherwise it counts only when there are some
}

// backupPlaces are the places to look in, in this order. The error is one of the compose file: it may name a place.
func backupPlaces(p *Pass) ([]backupPlace, error) {
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
			// A folder elsewhere on the host may be out of sight, in a container above all; one in the deployment is not.
			places = append(places, backupPlace{filepath.Join(source, b.Glob), filepath.IsLocal(p.Deployment.Rel(source)) || exists(source)})
		}
	} else if errors.Is(err, deployment.ErrNoCompose) {
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

// backupMounts are the host's folders that a service sees under a path that speaks of backups.
func backupMounts(c *deployment.Compose, service string) []string {
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

// findBackups looks for the newest finished backup. Where is the place that decides; the errors are those of backup.Find, and Skip where
// nothing says where to look.
func findBackups(ctx context.Context, p *Pass) (where string, set backup.Set, err error) {
	b := p.Deployment.Backup
	if b.Container != "" {
		return "", set, Skip("deployment.backup.container", "the backups are in a container, not on this host")
	}
	places, composeErr := backupPlaces(p)
	var failed error
	var nothing backup.Set // what it tells of the place that failed
	for _, place := range places {
		found, err := backup.Finder{Now: p.Now, Deep: place.sure}.Find(ctx, place.place)
		switch {
		case err == nil, errors.Is(err, backup.ErrUnfinished):
			return place.place, found, err
		case !place.sure && (errors.Is(err, backup.ErrNone) || errors.Is(err, fs.ErrNotExist)):
		case failed == nil:
			where, nothing, failed = place.place, found, err
		}
	}
	switch {
	case failed != nil:
		return where, nothing, failed
	case composeErr != nil:
		return "", set, Needs("deployment.backup.directory", Unknown(ReasonBlocked, fmt.Errorf("blocked by compose_syntax: the backup service's folder is not known: %w", composeErr)))
	}
	return "", set, Skip("deployment.backup.directory", "nothing says where the backups are on this host, and none are in backups/")
}

// NewestBackup finds the backup on this host that the item on backups judges: the newest finished one of the deployment's database. Path is "" where there
// is none; errors are those of looking.
func NewestBackup(ctx context.Context, d *deployment.Deployment, now func() time.Time) (path string, err error) {
	p := NewPass(&Deps{Now: now, Files: &files.Cache{}, Kept: &Kept{}}, d)
	_, set, err := findBackups(ctx, p)
	var u *Unanswered
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
	chosen, err := (&backupFile{}).choose(ctx, p, ledger, set, proof)
	if err != nil || chosen.aside != "" {
		return "", err
	}
	return chosen.Newest.Path, nil
}

// backupsKept is what outlives a pass: proofs, and which file was the newest.
type backupsKept struct {
	ledger *backup.Ledger

	mu     sync.Mutex
	newest map[string]string // path by place
}

type backupsKey struct{}

func keptBackups(p *Pass) (*backupsKept, error) {
	return Keep(p.Kept, backupsKey{}, "", func() (*backupsKept, func(), error) {
		return &backupsKept{ledger: &backup.Ledger{Now: p.Now}, newest: map[string]string{}}, nil, nil
	})
}

// note remembers the newest backup of a place.
func (k *backupsKept) note(place, path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.newest[place] = path
}

// of is the newest backup of a place as it was last seen, "" when it was not.
func (k *backupsKept) of(place string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.newest[place]
}

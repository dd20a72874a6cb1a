package backupcheck

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

// container_backup: could the newest backup in the backup container be restored?
//
// Files of a container are read through the engine. A folder cannot be listed there without transferring its content,
// so in a folder of backups the subfolder called latest is checked first. What was proven about a file is remembered
// until its size or time changes.

func ContainerKind() probe.Kind {
	return probe.Kind{
		Name:       "container_backup",
		Services:   []deployment.Service{deployment.DockerService},
		Question:   "Is the newest finished backup in the container fresh and complete?",
		Example:    "{smaller: 0.5}",
		Layer:      probe.LayerRunning,
		Reads:      "GET and HEAD on the Docker Engine (deployment.docker), the newest backup to its end",
		Permission: "the engine's socket or address",
		Values:     []*probe.Value{LastSuccess, Size},
		MaxAge:     10 * time.Minute,
		Timeout:    2 * time.Hour,
		Alone:      true,

		Background: true,
		New:        func() any { return &containerBackup{Smaller: 0.5} },
	}
}

type containerBackup struct {
	Smaller float64  `yaml:"smaller" min:"0" max:"1" default:"0.5" doc:"a backup smaller than this share of the previous one is suspicious; 0 disables the check"`
	Tables  []string `yaml:"tables" doc:"tables that a backup must contain with rows"`
}

const (
	// backupFolder is where backup images store backups by default.
	backupFolder = "/backups"
	// backupSettleTime is how long ago a file must have been written to count as finished: the engine does not report who
	// has it open.
	backupSettleTime = 30 * time.Second
)

func (s *containerBackup) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	b := p.Deployment.Backup
	if b.Container == "" && (b.Path != "" || b.Directory != "") {
		return probe.Result{}, probe.Skip("deployment.backup.container", "the backups are on this host, not in a container")
	}
	id, name, err := s.container(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	e, err := dockerclient.For(p)
	if err != nil {
		return probe.Result{}, err
	}
	found, where, err := s.find(ctx, p, e, id)
	shown := name + ":" + where
	if kept, keptErr := KeptBackups(p); keptErr == nil && (err == nil || errors.Is(err, backup.ErrNone) || errors.Is(err, dockerclient.ErrNoFile)) {
		kept.settled(p, shown)
	}
	switch {
	case errors.Is(err, dockerclient.ErrNoFile) && b.Container == "":
		return probe.Result{}, probe.Skip("deployment.backup.container", "%s not found", shown)
	case errors.Is(err, dockerclient.ErrNoFile):
		return probe.Failed(probe.ReasonMissing, "%s not found", shown), nil
	case errors.Is(err, dockerclient.ErrLinks), errors.Is(err, dockerclient.ErrNotFileOrDirectory):
		return probe.Failed(probe.ReasonInvalid, "%s: %v", shown, err), nil
	case errors.Is(err, backup.ErrUnfinished):
		return s.unfinished(p, shown), nil
	case errors.Is(err, backup.ErrNone):
		return probe.Failed(probe.ReasonMissing, "no backup in %s", shown), nil
	case errors.Is(err, path.ErrBadPattern):
		return probe.Result{}, probe.Needs("deployment.backup.glob",
			probe.Unknown(probe.ReasonInvalid, errors.New("deployment.backup.glob is not a valid pattern")))
	case errors.Is(err, dockerclient.ErrTooMany):
		return probe.Result{}, probe.Needs("deployment.backup.path", probe.Unknown(probe.ReasonInvalid, fmt.Errorf("%s: %w", shown, err)))
	case err != nil:
		return probe.Result{}, err
	}
	database, err := p.View.DatabaseName()
	if err != nil {
		database = "" // reported by env_file and compose_syntax
	}
	scope := containerScope{name: name, database: database, fresh: b.MaxAge.Std(), known: tablesOf(p, s.Tables)}
	is, err := s.choose(found, scope, func(file dockerclient.File) (dockerclient.File, dump.Proof, error) {
		if file != found.newest { // an archive rounds times to seconds
			if file, err = e.Stat(ctx, id, file.Path); err != nil {
				return file, dump.Proof{}, err
			}
		}
		proof, err := proofsOf(p, e).prove(ctx, e, id, file)
		return file, proof, err
	})
	if err != nil {
		return probe.Result{}, err
	}
	return is.judge(p.Time)
}

// container returns the id and name of the container with the backups.
func (s *containerBackup) container(ctx context.Context, p *probe.Pass) (id, name string, err error) {
	wanted := p.Deployment.Backup.Container
	if wanted != "" {
		all, err := dockerclient.List(ctx, p)
		if err != nil {
			return "", "", err
		}
		for _, c := range all {
			if slices.Contains(c.Names, "/"+wanted) || len(wanted) >= 12 && strings.HasPrefix(c.ID, wanted) {
				return c.ID, dockerclient.ContainerName(c), nil
			}
		}
		return "", "", probe.Needs("deployment.backup.container",
			probe.Unknownf(probe.ReasonNotConfigured, "container %s not found", wanted))
	}
	project, err := dockerclient.ProjectOf(ctx, p)
	if err != nil {
		return "", "", err
	}
	if all := project.ContainersOf(p.Deployment.Backup.Service); len(all) > 0 {
		c := all[0]
		if slices.ContainsFunc(c.Mounts, func(m container.MountPoint) bool {
			return m.Type == mount.TypeBind && path.Clean(m.Destination) == backupFolder
		}) {
			return "", "", probe.Skip("deployment.backup.container",
				"%s of container %s is mounted from the host", backupFolder, c.Name)
		}
		return c.ID, c.Name, nil
	}
	return "", "", probe.Skip("deployment.backup.container", "service %s has no container", p.Deployment.Backup.Service)
}

// find finds the newest finished backup; where is the path that decided.
func (s *containerBackup) find(ctx context.Context, p *probe.Pass, e *dockerclient.Engine, id string) (found containerFound, where string, err error) {
	b := p.Deployment.Backup
	if where = b.Path; where != "" {
		found.newest, err = e.Stat(ctx, id, where)
		if err == nil && found.newest.Folder {
			err = dockerclient.ErrNotFileOrDirectory
		}
		if err == nil && p.Now().Sub(found.newest.Modified) < backupSettleTime && !found.newest.Modified.After(p.Now().Add(clockSkew)) {
			err = backup.ErrUnfinished
		}
		return found, where, err
	}
	if where = b.Directory; where == "" {
		where = backupFolder
	}
	if _, err := path.Match(b.Glob, ""); err != nil {
		return found, where, err
	}
	at, err := e.Stat(ctx, id, where)
	switch {
	case err != nil:
		return found, where, err
	case !at.Folder:
		return containerFound{newest: at}, where, nil
	}
	for _, folder := range []string{path.Join(at.Path, "latest"), path.Join(at.Path, "last"), at.Path} {
		in, err := e.Stat(ctx, id, folder)
		if folder != at.Path && (errors.Is(err, dockerclient.ErrNoFile) || err == nil && !in.Folder) {
			continue
		}
		if err != nil {
			return found, where, err
		}
		all, err := e.List(ctx, id, in.Path)
		if err != nil {
			return found, where, err
		}
		found, err = newestArchived(all, b.Glob, p.Now())
		if err == nil {
			found.newest, err = e.Stat(ctx, id, found.newest.Path) // an archive rounds times to seconds
			return found, where, err
		}
		if folder == at.Path {
			return found, where, err
		}
	}
	return found, where, backup.ErrNone
}

// containerProofs remembers the results of reading backups in containers. The zero value is ready; safe for concurrent
// use.
type containerProofs struct {
	mu   sync.Mutex
	kept map[containerProofKey]dump.Proof
}

type containerProofKey struct {
	container string
	file      dockerclient.File
}

const maxContainerProofs = 64

// prove reads a backup to its end, unless that was done for its present state. A file that changes meanwhile is not
// judged.
func (l *containerProofs) prove(ctx context.Context, e *dockerclient.Engine, id string, file dockerclient.File) (dump.Proof, error) {
	file.Modified = file.Modified.UTC() // so that equal times are equal keys
	key := containerProofKey{id, file}
	l.mu.Lock()
	proof, known := l.kept[key]
	l.mu.Unlock()
	if known {
		return proof, nil
	}
	read := false
	err := e.Archive(ctx, id, file.Path, func(h *tar.Header, content io.Reader) (err error) {
		if read || h.Typeflag != tar.TypeReg {
			return nil
		}
		read = true
		if proof, err = dump.Prove(ctx, content, h.Size); err != nil {
			return e.StreamError(ctx, err)
		}
		return nil
	})
	if err == nil && !read {
		err = dockerclient.ErrNoFile
	}
	if errors.Is(err, dockerclient.ErrNoFile) {
		err = probe.Unknownf(probe.ReasonInProgress, "the newest backup disappeared before it could be read")
	}
	if err != nil {
		return proof, err
	}
	after, err := e.Stat(ctx, id, file.Path)
	if err != nil || after.Size != file.Size || !after.Modified.Equal(file.Modified) {
		return proof, probe.Unknownf(probe.ReasonInProgress, "the newest backup changed while it was read")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept == nil || len(l.kept) >= maxContainerProofs {
		l.kept = map[containerProofKey]dump.Proof{}
	}
	l.kept[key] = proof
	return proof, nil
}

type proofsKey struct{ engine string }

// proofsOf is what is remembered of the backups in an engine's containers, as long as the configuration stays.
func proofsOf(p *probe.Pass, e *dockerclient.Engine) *containerProofs {
	l, err := probe.Keep(p.Kept, proofsKey{e.Shown}, "", func() (*containerProofs, func(), error) { return &containerProofs{}, nil, nil })
	if err != nil { // the configuration is being replaced: nothing is kept
		return &containerProofs{}
	}
	return l
}

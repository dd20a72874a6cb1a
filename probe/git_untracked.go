package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// git_untracked: are the env files in use kept out of git?
//
// Checks git's index for the name that the deployment uses and for the target of a link. Templates may be tracked. A
// file that git used to track passes if its secrets have been changed since (git_past.go).

func gitUntrackedKind() Kind {
	return Kind{
		Name:     "git_untracked",
		Question: "Are the env files in use kept out of git?",
		Example:  "{}",
		Layer:    LayerDeclared,
		Reads: "the env files, and the index and earlier versions of them in the git repository " +
			"(deployment.repository.path), by running git; needs read permission for the repository",
		Timeout: time.Minute,
		MaxAge:  time.Hour,
		Alone:   true,
		New:     func() any { return &gitUntracked{} },
	}
}

type gitUntracked struct{}

// Key implements Keyed. It changes with the index and the env files.
func (s *gitUntracked) Key(p *Pass) string {
	repository, err := p.View.Git()
	if err != nil {
		return ""
	}
	info, err := os.Stat(filepath.Join(repository.Dir, "index"))
	if err != nil {
		return ""
	}
	envs, err := p.View.EnvFiles()
	if err != nil {
		return ""
	}
	key := fmt.Sprintf("%s %+v", repository.Dir, files.Identify(info))
	for _, env := range envs {
		key += "\n" + env.Path
		if info, err := os.Stat(env.Path); err == nil {
			key += fmt.Sprintf(" %+v", files.Identify(info))
		}
	}
	return key
}

func (s *gitUntracked) Probe(ctx context.Context, p *Pass) (Result, error) {
	g, err := openRepository(p)
	if err != nil {
		return Result{}, err
	}
	if g.Work == "" {
		return Result{}, Skip("deployment.repository.path",
			"git repository is bare and does not track the deployment's files")
	}
	envs, unread := p.View.EnvFiles()
	var f Findings
	names := make([]string, len(envs))
	note := ""
	for i, env := range envs {
		names[i] = env.File
		inside, err := g.names(env.Path)
		if err != nil {
			return Result{}, err
		}
		tracked, err := g.tracks(ctx, inside)
		if err != nil {
			return Result{}, err
		}
		if !tracked {
			past, err := pastOf(g, ctx, inside)
			if err != nil {
				return Result{}, err
			}
			if kept := stillInUse(env, past); kept.any() {
				f.Fail(ReasonCommitted,
					"%s is no longer tracked by git, but its history contains secrets still in use (%s). Change them at their source",
					env.File, kept)
			} else if len(past) > 0 {
				note = "; git history contains earlier versions with other secrets"
			}
		}
		if tracked {
			f.Fail(ReasonCommitted, "git tracks %s. Run `git rm --cached`, add it to .gitignore, and change every secret in it, because the history keeps them", env.File)
		}
	}
	if r := f.Result(""); r.State != StatePass {
		return r, nil
	}
	if unread != nil {
		return unreadable("an env file cannot be read", unread)
	}
	if len(envs) == 0 {
		return Result{}, Skip("deployment.env_file", "no env file found")
	}
	return Passed("git does not track %s%s", someOf(names), note), nil
}

// names returns the repository paths of a file and of its link target, if inside the work tree.
func (g gitRepository) names(path string) ([]string, error) {
	work, err := filepath.EvalSymlinks(g.Work)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var inside []string
	for _, at := range []string{filepath.Join(folder, filepath.Base(path)), target} {
		name, err := filepath.Rel(work, at)
		if at == "" || err != nil || !filepath.IsLocal(name) || slices.Contains(inside, filepath.ToSlash(name)) {
			continue // outside the work tree
		}
		inside = append(inside, filepath.ToSlash(name))
	}
	return inside, nil
}

// tracks reports whether one of the names is in the index.
func (g gitRepository) tracks(ctx context.Context, names []string) (bool, error) {
	for _, name := range names {
		text, _, err := g.text(ctx, maxDiffHeader, "", "ls-files", "--cached", "-z", "--", name)
		if err != nil {
			return false, err
		}
		if strings.Contains("\x00"+text, "\x00"+name+"\x00") {
			return true, nil
		}
	}
	return false, nil
}

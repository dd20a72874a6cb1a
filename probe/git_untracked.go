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
// Asked of git's index, for the name that the deployment uses and for the file that a link leads to. Templates are meant to be tracked. A file that git
// tracked once is well when its secrets have been changed since: git_past.go compares.

func gitUntrackedKind() Kind {
	return Kind{
		Name:     "git_untracked",
		Question: "Are the env files in use kept out of git?",
		Example:  "{}",
		Layer:    LayerDeclared,
		Reads:    "the env files, and the git repository's index and earlier versions of them (deployment.repository.path); runs git, needs to read the repository",
		Timeout:  time.Minute,
		MaxAge:   time.Hour,
		Alone:    true,
		New:      func() any { return &gitUntracked{} },
	}
}

type gitUntracked struct{}

// Key implements Keyed: another index, other env files.
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
		return Result{}, Skip("deployment.repository.path", "the git repository is bare: it tracks no file of the deployment's folder")
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
			past, err := g.past(ctx, inside)
			if err != nil {
				return Result{}, err
			}
			if kept := stillInUse(env, past); kept.any() {
				f.Fail(ReasonCommitted, "git does not track %s any more, but its history holds values of it that are still in use (%s): change them at their source", env.File, kept)
			} else if len(past) > 0 {
				note = "; its history holds earlier versions, with other secrets"
			}
		}
		if tracked {
			f.Fail(ReasonCommitted, "git tracks %s: `git rm --cached` it, list it in .gitignore, and change every secret in it, for the history keeps them", env.File)
		}
	}
	if r := f.Result(""); r.State != StatePass {
		return r, nil
	}
	if unread != nil {
		return unreadable("an env file cannot be read", unread)
	}
	if len(envs) == 0 {
		return Result{}, Skip("deployment.env_file", "there is no env file that git could track")
	}
	return Passed("git does not track %s%s", someOf(names), note), nil
}

// names are the paths in the repository of a file and of the file which it leads to, as far as they lie in it.
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
			continue // outside of the work tree
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

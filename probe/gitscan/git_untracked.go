package gitscan

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// git_untracked: are the env files in use kept out of git?
//
// Checks git's index for the name that the deployment uses and for the target of a link. Templates may be tracked. A
// file that git used to track passes if its secrets have been changed since (git_past.go).

func UntrackedKind() probe.Kind {
	return probe.Kind{
		Name:     "git_untracked",
		Services: []deployment.Service{deployment.GitService},
		Question: "Are the env files in use kept out of git?",
		Example:  "{}",
		Layer:    probe.LayerDeclared,
		Reads: "the env files, and the index and earlier versions of them in the git repository " +
			"(deployment.repository.path), by running git",
		Permission: "read permission for the repository",
		Timeout:    time.Minute,
		MaxAge:     time.Hour,
		Alone:      true,
		New:        func() any { return &gitUntracked{} },
	}
}

type gitUntracked struct{}

// Key implements Keyed. It changes with the index and the env files.
func (s *gitUntracked) Key(p *probe.Pass) string {
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

func (s *gitUntracked) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	g, err := gitrepo.Open(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	if g.Work == "" {
		return probe.Result{}, probe.Skip(deployment.GitService.Setting("path"),
			"git repository is bare and does not track the deployment's files")
	}
	envs, unread := p.View.EnvFiles()
	var f probe.ResultBuilder
	names := make([]string, len(envs))
	note := ""
	for i, env := range envs {
		names[i] = env.Name
		inside, err := g.Names(env.Path)
		if err != nil {
			return probe.Result{}, err
		}
		tracked, err := g.Tracks(ctx, inside)
		if err != nil {
			return probe.Result{}, err
		}
		if !tracked {
			past, err := pastOf(g, ctx, inside)
			if err != nil {
				return probe.Result{}, err
			}
			if kept := reusedSecrets(env, past); kept.any() {
				f.Fail(probe.ReasonCommitted,
					"%s is no longer tracked by git, but its history contains secrets still in use (%s). Change them at their source",
					env.Name, kept)
			} else if len(past) > 0 {
				note = "; git history contains earlier versions with other secrets"
			}
		}
		if tracked {
			f.Fail(probe.ReasonCommitted, "git tracks %s. Run `git rm --cached`, add it to .gitignore, and change every secret in it, because the history keeps them", env.Name)
		}
	}
	if r := f.Result(""); r.State != probe.StatePass {
		return r, nil
	}
	if unread != nil {
		return probe.Unreadable("an env file cannot be read", unread)
	}
	if len(envs) == 0 {
		return probe.Result{}, probe.Skip("deployment.env_file", "no env file found")
	}
	return probe.Passed("git does not track %s%s", phrase.List(names), note), nil
}

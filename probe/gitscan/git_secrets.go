// Package gitscan searches the repository's files and history for secrets.
package gitscan

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/inuse"
)

// git_secrets: are the repository's whole history and its tracked files free of secrets?
//
// Searched for are the secrets in use (git_values.go), and by gitleaks' rules and those for passwords (git_passwords.go)
// everything added by any commit of any reference, including merges; messages of commits and tags; and uncommitted content
// of tracked files. What only this clone has (stash, reflog, other work trees, untracked compose files) is a warning. The
// first run reads all of it in the background; later runs read only new commits and edited files. A finding is reported by
// rule, file, line and commit.

func SecretsKind() probe.Kind {
	return probe.Kind{
		Name:     "git_secrets",
		Services: []deployment.Service{deployment.GitService},
		Question: "Are the git repository's whole history and tracked files free of secrets?",
		Example:  "{}",
		Layer:    probe.LayerDeclared,
		Reads: "the git repository (deployment.repository.path) with its tracked files, .gitleaks.toml, " +
			".gitleaksignore and baseline, by running git; the env files and Compose's secret files, for the secrets in use",
		Permission: "read permission for the repository",
		Values:     []*probe.Value{probe.SecretFindings, SecretScanTime},
		Timeout:    6 * time.Hour,
		MaxAge:     10 * time.Minute, // for edits; new commits are detected at once (Key)
		Background: true,
		Alone:      true,
		New:        func() any { return &gitSecrets{Baseline: standardBaseline} },
	}
}

const (
	standardBaseline = "gitleaks-baseline.json"
	maxRules         = 4 << 20
	maxBaseline      = 64 << 20
)

type gitSecrets struct {
	Baseline       string   `yaml:"baseline" default:"gitleaks-baseline.json" doc:"gitleaks JSON report of accepted findings, as a path in the repository"`
	AcceptedUnseen []string `yaml:"accepted_unseen" doc:"globs of files and folders whose content need not be searched: in Git LFS, or too large"`
}

func (s *gitSecrets) Validate() (errs []error) {
	if !filepath.IsLocal(s.Baseline) {
		errs = append(errs, errors.New("baseline: the path must be inside the repository"))
	}
	for _, glob := range s.AcceptedUnseen {
		if _, err := path.Match(glob, ""); err != nil {
			errs = append(errs, fmt.Errorf("accepted_unseen: %q: %w", glob, err))
		}
	}
	return errs
}

// Key implements Keyed. It changes with the commits of any branch, the rules and the baseline.
func (s *gitSecrets) Key(p *probe.Pass) string {
	repository, err := p.View.Git()
	if err != nil {
		return ""
	}
	references, err := repository.References()
	if err != nil {
		return ""
	}
	var key strings.Builder
	key.WriteString(references)
	for _, name := range []string{rulesFile, ignoreFile, s.Baseline} {
		if info, err := os.Stat(filepath.Join(repository.Work, name)); err == nil && repository.Work != "" {
			fmt.Fprintf(&key, "\n%+v", files.Identify(info))
		}
	}
	return key.String()
}

type gitHistoryKey struct{ dir, baseline string }

func (s *gitSecrets) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	g, err := gitrepo.Open(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	rules, r, err := s.rules(ctx, g)
	if err != nil || r.State != 0 {
		return r, err
	}
	used := rules.used
	defer func() {
		if used.Load() {
			debug.FreeOSMemory() // compiled rules take more than the rest of the exporter
		}
	}()
	h, err := probe.Keep(p.Kept, gitHistoryKey{g.Dir, s.Baseline}, "", func() (*gitHistory, func(), error) {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return &gitHistory{key: key}, nil, err
	})
	if err != nil {
		return probe.Result{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	values := inuse.New(h.key, secretsInUse(p))
	if err := h.update(ctx, g, rules, values, p.Now); err != nil {
		return probe.Result{}, err
	}
	err = atLowPriority(func() error {
		at := h.trackedAt
		if h.edited, err = h.edits(ctx, g, rules, values); err != nil {
			return err
		}
		if at == "" || at != h.trackedAt {
			h.submodules = submodulesOf(g, ctx)
		}
		if h.measured != h.rules {
			if h.off, err = measureRules(ctx, rules, h.tracked); err != nil {
				return err
			}
			h.measured = h.rules
		}
		if err := h.loose.update(ctx, g, h, p.Deployment.Root, rules, values); err != nil {
			return err
		}
		return h.headPasswords(ctx, g, rules)
	})
	if err != nil {
		return probe.Result{}, err
	}
	shallow, _, err := files.Read(filepath.Join(g.Common, "shallow"), maxTips)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return probe.Result{}, err
	}
	result := s.judgeHistory(h, len(shallow) > 0)
	root, errRoot := filepath.EvalSymlinks(p.Deployment.Root)
	work, errWork := filepath.EvalSymlinks(g.Work)
	for i, o := range result.Offenders {
		if file, err := filepath.Rel(root, filepath.Join(work, o.File)); g.Work != "" && errors.Join(errRoot, errWork, err) == nil {
			result.Offenders[i].File = filepath.ToSlash(file) // git's names are relative to the repository
		}
	}
	return result, nil
}

// rules reads rules and allow-lists from the work tree, or from HEAD of a bare repository. A result with a state is the
// verdict.
func (s *gitSecrets) rules(ctx context.Context, g gitrepo.Repository) (ruleSet, probe.Result, error) {
	read := func(name string, limit int64) ([]byte, error) { return fileOf(g, ctx, name, limit) }
	var texts [3][]byte
	for i, f := range []struct {
		name  string
		limit int64
	}{{rulesFile, maxRules}, {ignoreFile, maxRules}, {s.Baseline, maxBaseline}} {
		text, err := read(f.name, f.limit)
		switch {
		case errors.Is(err, fs.ErrNotExist) && (f.name != s.Baseline || s.Baseline == standardBaseline):
		case err != nil:
			r, err := probe.Unreadable(f.name+" in the repository cannot be read", err)
			return ruleSet{}, r, err
		default:
			texts[i] = text
		}
	}
	set := ruleSet{digest: digestOf(texts[:]...), known: knownSecrets{ignored: parseIgnored(texts[1])}, skip: s.Baseline, own: texts[0] != nil, used: &atomic.Bool{}}
	if texts[2] != nil {
		var err error
		if set.known.baseline, err = parseBaseline(texts[2]); err != nil {
			return ruleSet{}, probe.Failed(probe.ReasonInvalid, "%s in the repository: %v", s.Baseline, err), nil
		}
	}
	set.detectors = sync.OnceValues(func() (*detectors, error) {
		set.used.Store(true)
		d, err := newDetectors(texts[0], func(name string) ([]byte, error) { return read(name, maxRules) })
		if err != nil {
			return nil, probe.Needs("a valid "+rulesFile, probe.Unknownf(probe.ReasonInvalid, "%s in the repository: %w", rulesFile, err))
		}
		return d, nil
	})
	return set, probe.Result{}, nil
}

// fileOf reads a file of the repository, or returns fs.ErrNotExist.
func fileOf(g gitrepo.Repository, ctx context.Context, name string, limit int64) ([]byte, error) {
	if g.Work != "" {
		text, _, err := files.Read(filepath.Join(g.Work, name), limit)
		return text, err
	}
	if _, code, err := g.Text(ctx, gitrepo.MaxDiffHeader, "", "rev-parse", "--quiet", "--verify", "HEAD:"+name); err != nil {
		if code == 1 {
			return nil, fs.ErrNotExist
		}
		return nil, err
	}
	text, _, err := g.Text(ctx, limit, "", "cat-file", "blob", "HEAD:"+name)
	return []byte(text), err
}

// submodulesOf counts the submodules of HEAD.
func submodulesOf(g gitrepo.Repository, ctx context.Context) int {
	text, _, err := g.Text(ctx, maxRules, "", "config", "--blob=HEAD:.gitmodules", "--name-only", "--get-regexp", `^submodule\..*\.path$`)
	if err != nil {
		return 0 // no .gitmodules
	}
	return strings.Count(text, "\n")
}

var SecretScanTime = &probe.Value{Name: "catalyst_secret_scan_timestamp_seconds", Help: "Completion time of the last full scan of the repository's history.", Labels: nil}

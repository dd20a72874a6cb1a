// Package gitscan searches the repository's files and history for secrets.
package gitscan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zricethezav/gitleaks/v8/detect"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// git_secrets: are the repository's whole history and its tracked files free of secrets?
//
// gitleaks' rules search everything added by any commit of any branch or tag, including merges, and uncommitted content
// of tracked files. The first run reads all of it in the background; later runs read only new commits and edited files.
// A finding is reported by rule, file, line and commit.

func SecretsKind() probe.Kind {
	return probe.Kind{
		Name:     "git_secrets",
		Services: []deployment.Service{deployment.GitService},
		Question: "Are the git repository's whole history and tracked files free of secrets?",
		Example:  "{}",
		Layer:    probe.LayerDeclared,
		Reads: "the git repository (deployment.repository.path) with its tracked files, .gitleaks.toml, " +
			".gitleaksignore and baseline, by running git",
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
	Baseline string `yaml:"baseline" default:"gitleaks-baseline.json" doc:"gitleaks JSON report of accepted findings, as a path in the repository"`
}

func (s *gitSecrets) Validate() []error {
	if !filepath.IsLocal(s.Baseline) {
		return []error{errors.New("baseline: the path must be inside the repository")}
	}
	return nil
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
	g, err := gitrepo.Open(p)
	if err != nil {
		return probe.Result{}, err
	}
	rules, r, err := s.rules(ctx, g)
	if err != nil || r.State != 0 {
		return r, err
	}
	h, err := probe.Keep(p.Kept, gitHistoryKey{g.Dir, s.Baseline}, "", func() (*gitHistory, func(), error) { return &gitHistory{}, nil, nil })
	if err != nil {
		return probe.Result{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.update(ctx, g, rules, p.Now); err != nil {
		return probe.Result{}, err
	}
	err = atLowPriority(func() error {
		h.edited, err = h.edits(ctx, g, rules)
		return err
	})
	if err != nil {
		return probe.Result{}, err
	}
	shallow, _, err := g.Text(ctx, gitrepo.MaxDiffHeader, "", "rev-parse", "--is-shallow-repository")
	if err != nil {
		return probe.Result{}, err
	}
	return judgeHistory(h, strings.TrimSpace(shallow) == "true", submodulesOf(g, ctx))
}

// judgeHistory evaluates the findings.
func judgeHistory(h *gitHistory, shallow bool, submodules int) (probe.Result, error) {
	all := slices.Concat(slices.Collect(maps.Keys(h.found)), slices.Collect(maps.Keys(h.edited)))
	samples := []probe.Sample{probe.SecretFindings.Of(float64(len(all))), SecretScanTime.Of(phrase.Seconds(h.when))}
	var notes []string
	if h.known > 0 {
		notes = append(notes, fmt.Sprintf("%d known findings are accepted by %s or the baseline", h.known, ignoreFile))
	}
	if h.binaryChanges > 0 {
		notes = append(notes, fmt.Sprintf("%d changes of binary files were not searched", h.binaryChanges))
	}
	if h.unread > 0 {
		notes = append(notes,
			fmt.Sprintf("%d tracked files were not searched for edits: binary, larger than %d MiB, or changed by a git filter",
				h.unread, maxEdited>>20))
	}
	if submodules > 0 {
		notes = append(notes, fmt.Sprintf("%d submodules were not searched", submodules))
	}
	note := ""
	if len(notes) > 0 {
		note = "; " + strings.Join(notes, "; ")
	}
	if len(all) > 0 {
		return probe.Failed(probe.ReasonCommitted, "%s%s", describeSecrets(all, h.more), note).With(samples...), nil
	}
	if shallow {
		return probe.Result{Samples: samples}, probe.Needs("a full clone (git fetch --unshallow)",
			probe.Unknownf(probe.ReasonTruncated,
				"repository is a shallow clone: no secret in the available history, earlier commits are missing%s", note))
	}
	return probe.Passed("no secret in %d commits with additions, scanned at %s%s", h.seen, h.when.UTC().Format(time.RFC3339),
		note).With(samples...), nil
}

// describeSecrets lists the locations of secrets in a stable order.
func describeSecrets(all []secretFound, more bool) string {
	slices.SortFunc(all, func(a, b secretFound) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.rule, b.rule), cmp.Compare(a.commit, b.commit))
	})
	places := make([]string, 0, probe.MaxFindings)
	for _, f := range all[:min(len(all), probe.MaxFindings)] {
		where := "not committed"
		if f.commit != "" {
			where = fmt.Sprintf("commit %.12s", f.commit)
		}
		places = append(places, fmt.Sprintf("%s at %s:%d (%s)", phrase.Printable(f.rule), phrase.Printable(f.file), f.line, where))
	}
	if left := len(all) - len(places); left > 0 {
		places = append(places, fmt.Sprintf("and %d more", left))
	}
	count := fmt.Sprint(len(all))
	if more {
		count = "at least " + count
	}
	return fmt.Sprintf("secrets (%s): %s", count, strings.Join(places, "; "))
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
	set := ruleSet{digest: digestOf(texts[:]...), known: knownSecrets{ignored: parseIgnored(texts[1])}, skip: s.Baseline}
	if texts[2] != nil {
		var err error
		if set.known.baseline, err = parseBaseline(texts[2]); err != nil {
			return ruleSet{}, probe.Failed(probe.ReasonInvalid, "%s in the repository: %v", s.Baseline, err), nil
		}
	}
	set.newDetector = func() (*detect.Detector, error) {
		d, err := newDetector(texts[0], func(name string) ([]byte, error) { return read(name, maxRules) })
		if err != nil {
			return nil, probe.Needs("a valid "+rulesFile, probe.Unknownf(probe.ReasonInvalid, "%s in the repository: %w", rulesFile, err))
		}
		return d, nil
	}
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

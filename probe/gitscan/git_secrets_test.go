package gitscan

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/cmd/scm"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/report"
	"github.com/zricethezav/gitleaks/v8/sources"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
)

// fakeToken returns a random text in the form of a GitHub token.
func fakeToken() string { return "gh" + "p_" + probetest.RandomText(36) }

// planted is a repository with secrets in many places of its history.
type planted struct {
	*parts.Repository
	secrets []string
	merge   string // merge commit that adds a secret
}

func plant(t *testing.T) *planted {
	t.Helper()
	r := &planted{Repository: parts.GitRepo(t)}
	token := func() string {
		s := fakeToken()
		r.secrets = append(r.secrets, s)
		return s
	}
	r.Commit(t, "begin", map[string]string{"README.md": "hello\n", "app.conf": "a=1\nb=2\nc=3\nd=4\n"})
	r.Commit(t, "add a secret", map[string]string{"config.py": "x = 1\ntoken = \"" + token() + "\"\n"})
	r.Commit(t, "one", map[string]string{"one": "1\n"})
	r.Commit(t, "two", map[string]string{"two": "2\n"})
	r.Commit(t, "remove it", map[string]string{"config.py": "x = 1\n"})
	r.Git(t, "checkout", "--quiet", "-b", "side")
	r.Commit(t, "on a branch", map[string]string{"side.env": "A=1\nTOKEN=" + token() + "\n"})
	r.Git(t, "checkout", "--quiet", "main")
	r.Commit(t, "meanwhile", map[string]string{"three": "3\n"})
	r.Git(t, "merge", "--quiet", "--no-ff", "--no-edit", "side")
	r.Commit(t, "to be renamed", map[string]string{"old name.yml": "a: 1\nb: 2\nc: 3\nd: 4\ntoken: " + token() + "\n"})
	r.Git(t, "mv", "old name.yml", "new näme \".yml")
	r.Commit(t, "rename", nil)
	packed := base64.StdEncoding.EncodeToString([]byte("token = " + token() + "\n"))
	r.secrets = append(r.secrets, packed)
	r.Commit(t, "packed", map[string]string{"packed.txt": "data: " + packed + "\n"})
	r.Git(t, "tag", "--annotate", "--message", "first", "v1")
	return r
}

// plantMerge adds a merge with a secret that none of its parents has.
func (r *planted) plantMerge(t *testing.T) {
	t.Helper()
	secret := fakeToken()
	r.secrets = append(r.secrets, secret)
	r.Git(t, "checkout", "--quiet", "-b", "other")
	r.Commit(t, "other", map[string]string{"app.conf": "a=2\nb=2\nc=3\nd=4\n"})
	r.Git(t, "checkout", "--quiet", "main")
	r.Commit(t, "same", map[string]string{"app.conf": "a=1\nb=2\nc=3\nd=5\n"})
	r.Git(t, "merge", "--quiet", "--no-ff", "--no-commit", "--strategy=ours", "other")
	r.merge = r.Commit(t, "merge", map[string]string{"app.conf": "a=2\nb=2\nTOKEN=" + secret + "\nc=3\nd=5\n"})
}

func (r *planted) pass(t *testing.T) *probe.Pass {
	t.Helper()
	return probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
}

// history returns the cached scan of a pass.
func history(t *testing.T, p *probe.Pass) *gitHistory {
	t.Helper()
	g, err := gitrepo.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	h, err := probe.Keep(p.Kept, gitHistoryKey{g.Dir, standardBaseline}, "", func() (*gitHistory, func(), error) {
		t.Fatal("no cached scan")
		return nil, nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func places(h *gitHistory) []string {
	var all []string
	for f := range h.scanned.found {
		all = append(all, fmt.Sprintf("%s %s %s:%d", f.commit, f.rule, f.file, f.line))
	}
	slices.Sort(all)
	return all
}

// gitleaks returns the findings of the library, called as its command calls it.
func gitleaks(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for _, f := range gitleaksFindings(t, dir) {
		all = append(all, fmt.Sprintf("%s %s %s:%d", f.Commit, f.RuleID, f.File, f.StartLine))
	}
	slices.Sort(all)
	return all
}

// fingerprints returns the library's own identifiers of its findings.
func fingerprints(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for _, f := range gitleaksFindings(t, dir) {
		all = append(all, f.Fingerprint)
	}
	slices.Sort(all)
	return all
}

func gitleaksFindings(t *testing.T, dir string) []report.Finding {
	t.Helper()
	d, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	d.MaxDecodeDepth = 5
	cmd, err := sources.NewGitLogCmdContext(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	findings, err := d.DetectSource(t.Context(), &sources.Git{Cmd: cmd, Config: &d.Config, Remote: &sources.RemoteInfo{Platform: scm.NoPlatform}, Sema: d.Sema})
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

// TestGitSecrets_MatchesGitleaks compares with the library on the same repository.
func TestGitSecrets_MatchesGitleaks(t *testing.T) {
	r := plant(t)
	p := r.pass(t)
	got := probetest.Look(t, p, SecretsKind(), "{}")
	probetest.Expect(t, got, probe.StateFail, probe.ReasonCommitted, `github-pat at config.py:2 (commit `)
	for _, s := range r.secrets {
		probetest.HasNot(t, got, s)
	}
	want := gitleaks(t, r.Dir)
	if len(want) < 4 {
		t.Fatalf("gitleaks finds %q", want)
	}
	if found := places(history(t, p)); !slices.Equal(found, want) {
		t.Errorf("found\n%s\ngitleaks finds\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
	if n, ok := probetest.Measured(got, probe.SecretFindings); !ok || n != float64(len(want)) {
		t.Errorf("measured %v secrets, want %d", n, len(want))
	}
	var offenders []string
	for _, o := range got.Offenders {
		offenders = append(offenders, o.ID)
		if o.File == "" || o.Line == 0 || !strings.Contains(o.ID, ":"+o.File+":") {
			t.Errorf("offender %+v", o)
		}
	}
	slices.Sort(offenders)
	if fingerprints := fingerprints(t, r.Dir); !slices.Equal(offenders, fingerprints) {
		t.Errorf("offenders\n%s\nfingerprints\n%s", strings.Join(offenders, "\n"), strings.Join(fingerprints, "\n"))
	}
	// gitleaks misses additions of merges.
	r.plantMerge(t)
	probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), probe.StateFail, probe.ReasonCommitted, "app.conf:3 (commit "+r.merge[:12])
}

// countGit wraps git to record its calls and returns the git log calls so far.
func countGit(t *testing.T) func() []string {
	t.Helper()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >>%s\nexec %s \"$@\"\n", calls, real)
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() []string {
		text, _ := os.ReadFile(calls)
		_ = os.Remove(calls)
		var logs []string
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, " log ") {
				logs = append(logs, line)
			}
		}
		return logs
	}
}

// TestGitSecrets_Incremental reads the history once, then new commits, and everything after a rewrite or new rules.
func TestGitSecrets_Incremental(t *testing.T) {
	r := plant(t)
	calls := countGit(t)
	p := r.pass(t)
	k := probetest.Load(t, SecretsKind(), "{}").(*gitSecrets)
	step := func(name string, logs int, state probe.State) probe.Result {
		t.Helper()
		p = probetest.Again(p)
		got := probe.Run(t.Context(), k, p)
		if n := len(calls()); n != logs || got.State != state {
			t.Errorf("%s: git log ran %d times, want %d; %v %s", name, n, logs, got.State, got.Detail)
		}
		return got
	}
	step("first", 1, probe.StateFail)
	all, key := places(history(t, p)), k.Key(p)
	if key == "" || k.Key(probetest.Again(p)) != key {
		t.Errorf("key of an unchanged repository: %q, then %q", key, k.Key(probetest.Again(p)))
	}
	step("unchanged", 0, probe.StateFail)
	seen := history(t, p).commits

	r.Commit(t, "harmless", map[string]string{"four": "4\n"})
	if k.Key(probetest.Again(p)) == key {
		t.Error("key unchanged after a commit")
	}
	step("a commit", 1, probe.StateFail)
	if h := history(t, p); !slices.Equal(places(h), all) || h.commits != seen+1 {
		t.Errorf("%d commits read, %d before; %q", h.commits, seen, places(h))
	}
	r.Git(t, "checkout", "--quiet", "-b", "late")
	r.Commit(t, "secret", map[string]string{"late": "token = " + fakeToken() + "\n"})
	step("another branch", 1, probe.StateFail)
	if n := len(places(history(t, p))); n != len(all)+1 {
		t.Errorf("%d findings, want %d", n, len(all)+1)
	}
	// Deleting the branch removes its findings.
	r.Git(t, "checkout", "--quiet", "main")
	r.Git(t, "branch", "--quiet", "-D", "late")
	step("rewritten", 1, probe.StateFail)
	if !slices.Equal(places(history(t, p)), all) {
		t.Errorf("after rewriting history: %q", places(history(t, p)))
	}
	// A range with a garbage-collected commit is a git error, not an empty range.
	r.Commit(t, "secret", map[string]string{"late": "token = " + fakeToken() + "\n"})
	step("one more", 1, probe.StateFail)
	r.Git(t, "reset", "--quiet", "--hard", "HEAD~1")
	r.Git(t, "-c", "gc.reflogExpire=now", "-c", "gc.reflogExpireUnreachable=now", "gc", "--quiet", "--prune=now")
	step("garbage-collected", 1, probe.StateFail)
	if !slices.Equal(places(history(t, p)), all) {
		t.Errorf("after garbage collection: %q", places(history(t, p)))
	}
	// Other rules.
	r.Write(t, map[string]string{rulesFile: "[extend]\nuseDefault = true\n[[allowlists]]\npaths = ['''.*''']\n"})
	step("allowed", 1, probe.StateWarn)
	for range 4 { // the library's own loader stops extending after two loads
		r.Write(t, map[string]string{rulesFile: "# " + probetest.RandomText(8) + "\n[extend]\nuseDefault = true\n"})
		step("extended", 1, probe.StateFail)
	}
	r.Write(t, map[string]string{rulesFile: "[extend]\nuseDefault = true\ndisabledRules = [\"github-pat\", \"generic-api-key\"]\n"})
	step("disabled", 1, probe.StatePass)
}

// TestGitSecrets_AllowLists honours .gitleaksignore and a baseline, and reports invalid ones.
func TestGitSecrets_AllowLists(t *testing.T) {
	r := plant(t)
	p := r.pass(t)
	probetest.Look(t, p, SecretsKind(), "{}")
	var fingerprints string
	var report []map[string]any
	d, _ := detect.NewDetectorDefaultConfig()
	d.MaxDecodeDepth = 5
	cmd, err := sources.NewGitLogCmdContext(t.Context(), r.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	findings, err := d.DetectSource(t.Context(), &sources.Git{Cmd: cmd, Config: &d.Config, Remote: &sources.RemoteInfo{Platform: scm.NoPlatform}, Sema: d.Sema})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		fingerprints += f.Fingerprint + "\n"
		text, _ := json.Marshal(f)
		var one map[string]any
		_ = json.Unmarshal(text, &one)
		report = append(report, one)
	}
	baseline, _ := json.Marshal(report)
	short, _ := json.Marshal(report[1:])
	for _, tt := range []struct {
		name, file, text, spec string
		state                  probe.State
		reason                 probe.Reason
		detail                 string
	}{
		{"all ignored", ignoreFile, "# known\n\n" + fingerprints, "{}", probe.StatePass, probe.ReasonNone, "known findings accepted"},
		{"others ignored", ignoreFile, strings.ReplaceAll(fingerprints, "github-pat", "another"), "{}", probe.StateFail, probe.ReasonCommitted, "config.py:2"},
		{"baseline", standardBaseline, string(baseline), "{}", probe.StatePass, probe.ReasonNone, "known findings accepted"},
		{"baseline elsewhere", "sec/known.json", string(baseline), "{baseline: sec/known.json}", probe.StatePass, probe.ReasonNone,
			"known findings accepted"},
		{"baseline lacks one", standardBaseline, string(short), "{}", probe.StateFail, probe.ReasonCommitted, "(1)"},
		{"invalid baseline", standardBaseline, "{", "{}", probe.StateFail, probe.ReasonInvalid, "invalid gitleaks JSON report"},
		{"baseline without rules", standardBaseline, `[{"a":1}]`, "{}", probe.StateFail, probe.ReasonInvalid, "finding without a rule"},
		{"configured baseline missing", "x", "", "{baseline: sec/gone.json}", probe.StateFail, probe.ReasonMissing, "sec/gone.json"},
		{"rules are not TOML", rulesFile, "[[[", "{}", probe.StateUnknown, probe.ReasonInvalid, "invalid gitleaks TOML"},
		{"no rules", rulesFile, "title = 'x'\n", "{}", probe.StateUnknown, probe.ReasonInvalid, "no rules"},
		{"bad pattern", rulesFile, "[[rules]]\nid='x'\nregex='''(" + "SECRETPATTERN'''\n", "{}", probe.StateUnknown, probe.ReasonInvalid,
			"invalid regular expression"},
		{"outside the repository", rulesFile, "[extend]\npath='/etc/passwd'\n", "{}", probe.StateUnknown, probe.ReasonInvalid,
			"outside the repository"},
		{"own rules", rulesFile, "[[rules]]\nid='mine'\nregex='''hello'''\n", "{}", probe.StateFail, probe.ReasonCommitted, "mine at README.md:1"},
		{"both", rulesFile, "[extend]\npath='x'\nuseDefault=true\n", "{}", probe.StateUnknown, probe.ReasonInvalid, "both"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.Write(t, map[string]string{tt.file: tt.text})
			got := probetest.Look(t, r.pass(t), SecretsKind(), tt.spec)
			probetest.Expect(t, got, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, got, "SECRETPATTERN")
			if err := os.Remove(filepath.Join(r.Dir, tt.file)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestGitSecrets_Repositories covers every form of repository.
func TestGitSecrets_Repositories(t *testing.T) {
	r := plant(t)
	clone := func(t *testing.T, args ...string) string {
		t.Helper()
		to := filepath.Join(t.TempDir(), "clone")
		r.Git(t, slices.Concat([]string{"clone", "--quiet"}, args, []string{"file://" + r.Dir, to})...)
		return to
	}
	at := func(t *testing.T, dir string) probe.Result {
		t.Helper()
		return probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Repository: deployment.Repository{Path: dir}}), SecretsKind(), "{}")
	}
	t.Run("bare", func(t *testing.T) {
		probetest.Expect(t, at(t, clone(t, "--bare")), probe.StateFail, probe.ReasonCommitted, "config.py:2")
	})
	t.Run("the .git itself", func(t *testing.T) {
		probetest.Expect(t, at(t, filepath.Join(clone(t), ".git")), probe.StateFail, probe.ReasonCommitted, "config.py:2")
	})
	t.Run("shallow, with a secret", func(t *testing.T) {
		probetest.Expect(t, at(t, clone(t, "--depth=1")), probe.StateFail, probe.ReasonCommitted, "packed.txt:1")
	})
	t.Run("work tree", func(t *testing.T) {
		to := filepath.Join(t.TempDir(), "tree")
		r.Git(t, "worktree", "add", "--quiet", "--detach", to)
		probetest.Expect(t, at(t, to), probe.StateFail, probe.ReasonCommitted, "config.py:2")
	})
	t.Run("detached HEAD", func(t *testing.T) {
		clean := parts.GitRepo(t)
		clean.Commit(t, "1", map[string]string{"a": "1\n"})
		clean.Git(t, "checkout", "--quiet", "--detach")
		probetest.Expect(t, at(t, clean.Dir), probe.StatePass, probe.ReasonNone, "1 commits")
		clean.Commit(t, "on no branch", map[string]string{"b": "token = " + fakeToken() + "\n"})
		probetest.Expect(t, at(t, clean.Dir), probe.StateFail, probe.ReasonCommitted, "b:1")
	})
	t.Run("HEAD without a commit, next to a branch", func(t *testing.T) {
		clean := parts.GitRepo(t)
		clean.Commit(t, "1", map[string]string{"b": "token = " + fakeToken() + "\n"})
		clean.Git(t, "checkout", "--quiet", "--orphan", "new")
		probetest.Expect(t, at(t, clean.Dir), probe.StateFail, probe.ReasonCommitted, "b:1")
	})
	t.Run("force-pushed", func(t *testing.T) {
		// Commits scanned before are no longer on the branch and garbage-collected.
		bare := filepath.Join(t.TempDir(), "bare")
		clean := parts.GitRepo(t)
		clean.Commit(t, "1", map[string]string{"a": "1\n"})
		clean.Git(t, "clone", "--quiet", "--bare", "file://"+clean.Dir, bare)
		p := probetest.NewPass(t, nil, deployment.Settings{Repository: deployment.Repository{Path: bare}})
		probetest.Expect(t, probetest.Look(t, p, SecretsKind(), "{}"), probe.StatePass, probe.ReasonNone, "1 commits")
		clean.Commit(t, "2", map[string]string{"b": "token = " + fakeToken() + "\n"})
		clean.Git(t, "push", "--quiet", bare, "main")
		probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), probe.StateFail, probe.ReasonCommitted, "b:1")
		clean.Git(t, "reset", "--quiet", "--hard", "HEAD~1")
		clean.Commit(t, "2 again", map[string]string{"b": "2\n"})
		clean.Git(t, "push", "--quiet", "--force", bare, "main")
		clean.Git(t, "--git-dir="+bare, "gc", "--quiet", "--prune=now")
		probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), probe.StatePass, probe.ReasonNone, "2 commits")
	})
	t.Run("shallow", func(t *testing.T) {
		clean := parts.GitRepo(t)
		clean.Commit(t, "1", map[string]string{"a": "1\n"})
		clean.Commit(t, "2", map[string]string{"a": "2\n"})
		probetest.Expect(t, at(t, clean.Dir), probe.StatePass, probe.ReasonNone, "2 commits")
		to := filepath.Join(t.TempDir(), "clone")
		clean.Git(t, "clone", "--quiet", "--depth=1", "file://"+clean.Dir, to)
		got := at(t, to)
		probetest.Expect(t, got, probe.StateWarn, probe.ReasonTruncated, "git fetch --unshallow")
	})
	t.Run("deepened", func(t *testing.T) {
		dirty := parts.GitRepo(t)
		dirty.Commit(t, "1", map[string]string{"a": "token = " + fakeToken() + "\n"})
		dirty.Commit(t, "2", map[string]string{"a": "2\n", "image": "\x7fELF\x00\x01\x81\xff\xfe"})
		to := filepath.Join(t.TempDir(), "clone")
		dirty.Git(t, "clone", "--quiet", "--depth=1", "file://"+dirty.Dir, to)
		p := probetest.NewPass(t, nil, deployment.Settings{Repository: deployment.Repository{Path: to}})
		probetest.Expect(t, probetest.Look(t, p, SecretsKind(), "{}"), probe.StateWarn, probe.ReasonTruncated, "1 version of binary files")
		dirty.Git(t, "-C", to, "fetch", "--quiet", "--unshallow")
		probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), probe.StateFail, probe.ReasonCommitted, "a:1")
	})
	t.Run("partial", func(t *testing.T) {
		r.Git(t, "config", "uploadpack.allowFilter", "true")
		to := clone(t, "--filter=blob:none", "--no-checkout")
		probetest.Expect(t, at(t, to), probe.StateUnknown, probe.ReasonTruncated, "partial clone")
	})
	t.Run("without commits", func(t *testing.T) {
		probetest.Expect(t, at(t, parts.GitRepo(t).Dir), probe.StateUnknown, probe.ReasonEmpty, "no commits")
	})
	t.Run("none", func(t *testing.T) {
		probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), SecretsKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured,
			"not in a git repository")
		probetest.Expect(t, at(t, t.TempDir()), probe.StateUnknown, probe.ReasonNotConfigured, "no readable git repository")
	})
	t.Run("submodule", func(t *testing.T) {
		clean := parts.GitRepo(t)
		clean.Commit(t, "1", map[string]string{"a": "1\n"})
		clean.Git(t, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "file://"+r.Dir, "sub")
		clean.Commit(t, "2", nil)
		probetest.Expect(t, at(t, clean.Dir), probe.StateWarn, probe.ReasonTruncated, "1 submodules")
		probetest.Expect(t, at(t, filepath.Join(clean.Dir, "sub")), probe.StateFail, probe.ReasonCommitted, "config.py:2")
	})
	t.Run("objects of another repository", func(t *testing.T) {
		for name, make := range map[string]func(t *testing.T, to string){
			"absolute": func(t *testing.T, to string) {
				parts.WriteFile(t, filepath.Join(to, ".git/objects/info/alternates"), filepath.Join(r.Dir, ".git/objects")+"\n", 0o600)
			},
			"of a folder inside": func(t *testing.T, to string) {
				parts.WriteFile(t, filepath.Join(to, ".git/more/info/alternates"), filepath.Join(r.Dir, ".git/objects")+"\n", 0o600)
				parts.WriteFile(t, filepath.Join(to, ".git/objects/info/alternates"), "# more\n../more\n", 0o600)
			},
			"quoted": func(t *testing.T, to string) {
				parts.WriteFile(t, filepath.Join(to, ".git/objects/info/alternates"), "\""+strings.ReplaceAll(filepath.Join(r.Dir, ".git/objects"), "g", "\\147")+"\"\n", 0o600)
			},
		} {
			to := clone(t)
			make(t, to)
			if got := at(t, to); got.State != probe.StateUnknown || got.Reason != probe.ReasonTruncated || !strings.Contains(got.Remedy, "git repack") {
				t.Errorf("%s: %v (%s) %s; %s", name, got.State, got.Reason, got.Detail, got.Remedy)
			}
		}
		linked := clone(t)
		if err := os.Rename(filepath.Join(linked, ".git/objects"), filepath.Join(t.TempDir(), "objects")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(r.Dir, ".git/objects"), filepath.Join(linked, ".git/objects")); err != nil {
			t.Fatal(err)
		}
		probetest.Expect(t, at(t, linked), probe.StateUnknown, probe.ReasonTruncated, "another folder")
		inside := clone(t)
		if err := errors.Join(os.Mkdir(filepath.Join(inside, ".git/more"), 0o700),
			os.Rename(filepath.Join(inside, ".git/objects/pack"), filepath.Join(inside, ".git/more/pack"))); err != nil {
			t.Fatal(err)
		}
		parts.WriteFile(t, filepath.Join(inside, ".git/objects/info/alternates"), "../more\n", 0o600)
		probetest.Expect(t, at(t, inside), probe.StateFail, probe.ReasonCommitted, "config.py:2")
	})
	t.Run("ignored folder", func(t *testing.T) {
		outer := parts.GitRepo(t)
		outer.Commit(t, "1", map[string]string{".gitignore": "/apps/*\n!/apps/kept\n", "a": "token = " + fakeToken() + "\n"})
		outer.Write(t, map[string]string{"apps/one/compose.yml": "services: {}\n", "apps/kept/compose.yml": "services: {}\n", "apps/two/x": "1\n", "apps/two/y": "1\n", "apps/one/deep/z": "", "own/b": "1\n"})
		outer.Git(t, "add", "--force", "apps/two/x")
		look := func(settings deployment.Settings) probe.Result {
			return probetest.Look(t, probetest.NewPass(t, nil, settings), SecretsKind(), "{}")
		}
		probetest.Expect(t, look(deployment.Settings{Root: filepath.Join(outer.Dir, "apps/one/deep")}), probe.StateSkip, probe.ReasonNotConfigured, "ignores it")
		probetest.Expect(t, look(deployment.Settings{Root: filepath.Join(outer.Dir, "apps/one")}), probe.StateSkip, probe.ReasonNotConfigured, "ignores it")
		for _, name := range []string{"apps/kept", "apps/two", "own"} {
			probetest.Expect(t, look(deployment.Settings{Root: filepath.Join(outer.Dir, name)}), probe.StateFail, probe.ReasonCommitted, "github-pat")
		}
		probetest.Expect(t, look(deployment.Settings{Root: filepath.Join(outer.Dir, "apps/one"), Repository: deployment.Repository{Path: outer.Dir}}), probe.StateFail, probe.ReasonCommitted, "github-pat")
	})
	t.Run("broken", func(t *testing.T) {
		to := clone(t)
		objects, _ := filepath.Glob(filepath.Join(to, ".git/objects/pack/*.pack"))
		if len(objects) == 0 {
			t.Fatal("no pack")
		}
		for _, o := range objects {
			if err := os.Truncate(o, 100); err != nil && !os.IsPermission(err) {
				t.Fatal(err)
			}
		}
		if got := at(t, to); got.State != probe.StateUnknown {
			t.Errorf("broken repository: %v (%s) %s", got.State, got.Reason, got.Detail)
		}
	})
	t.Run("owned by another user", func(t *testing.T) {
		to := clone(t)
		if os.Getuid() == 0 {
			if err := filepath.Walk(to, func(path string, _ os.FileInfo, err error) error {
				if err != nil {
					return err
				}
				return os.Lchown(path, 12345, 12345)
			}); err != nil {
				t.Fatal(err)
			}
		}
		probetest.Expect(t, at(t, to), probe.StateFail, probe.ReasonCommitted, "config.py:2")
	})
	t.Run("no git", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		got := at(t, r.Dir)
		probetest.Expect(t, got, probe.StateUnknown, probe.ReasonNotConfigured, "git is not installed")
		if !strings.Contains(got.Remedy, "git") {
			t.Errorf("remedy %q", got.Remedy)
		}
	})
	t.Run("commands in its configuration", func(t *testing.T) {
		to := clone(t)
		mark := filepath.Join(t.TempDir(), "ran")
		run := "touch " + mark + "; cat"
		for key, value := range map[string]string{"core.fsmonitor": run, "diff.external": run, "diff.x.textconv": run, "diff.x.command": run, "log.showSignature": "true", "log.showRoot": "false",
			"gpg.program": run, "core.pager": run, "diff.noprefix": "true", "color.ui": "always", "diff.context": "9", "diff.interHunkContext": "9", "log.diffMerges": "off", "diff.orderFile": "/nonexistent"} {
			r.Git(t, "-C", to, "config", key, value)
		}
		if err := os.WriteFile(filepath.Join(to, ".git/info/attributes"), []byte("* diff=x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		probetest.Expect(t, at(t, to), probe.StateFail, probe.ReasonCommitted, "config.py:2")
		if _, err := os.Stat(mark); err == nil {
			t.Error("command from the repository's configuration was run")
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		got := probe.Run(ctx, probetest.Load(t, SecretsKind(), "{}"), r.pass(t))
		probetest.Expect(t, got, probe.StateUnknown, probe.ReasonTimeout, "")
	})
}

package gitscan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/content"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/gitlog"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/inuse"
)

// Uncommitted content of tracked files, such as a password typed into the compose file of a server. Each tracked file
// is compared with its version in HEAD by reading only: git's own comparison could run filters configured in the
// repository. Lines that HEAD also has are covered by the history scan.

const (
	// maxTracked bounds git's file lists: about a hundred bytes per file.
	maxTracked = 64 << 20
	// maxEdited is the maximum size of a changed file that is searched.
	maxEdited = 32 << 20
)

// trackedFile is one file as git lists it.
type trackedFile struct {
	path string
	head string // object name of HEAD's version, or ""
	next string // object name of the index's version
}

// unchangedFile caches the state of a file that needs no search: it equals HEAD's version, or is blind.
type unchangedFile struct {
	head, next string
	files.Identity
	unseen string // why it was not searched; "" when it was
}

// listedOf identifies the state of the file list; "" when unknown.
func listedOf(g gitrepo.Repository) string {
	references, err := g.References()
	if err != nil {
		return ""
	}
	index, err := os.Stat(filepath.Join(g.Dir, "index"))
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s\n%+v", references, files.Identify(index))
}

// trackedOf lists the regular files of the index.
func trackedOf(g gitrepo.Repository, ctx context.Context) ([]trackedFile, error) {
	index, _, err := g.Text(ctx, maxTracked, "", "ls-files", "--stage", "--full-name", "-z")
	if err != nil {
		return nil, err
	}
	tree, _, err := g.Text(ctx, maxTracked, "", "ls-tree", "-r", "-z", "--full-tree", "HEAD")
	if err != nil {
		if _, code, _ := g.Text(ctx, gitrepo.MaxDiffHeader, "", "rev-parse", "--quiet", "--verify", "HEAD^{tree}"); code != 1 {
			return nil, err
		}
		tree = "" // the branch of HEAD has no commits
	}
	head := map[string]string{}
	for entry := range strings.SplitSeq(tree, "\x00") { // MODE blob NAME\tPATH
		if about, path, ok := strings.Cut(entry, "\t"); ok {
			head[path] = about[strings.LastIndexByte(about, ' ')+1:]
		}
	}
	var all []trackedFile
	for entry := range strings.SplitSeq(index, "\x00") { // MODE NAME STAGE\tPATH
		about, path, ok := strings.Cut(entry, "\t")
		if ok && strings.HasPrefix(entry, "100") && filepath.IsLocal(path) && (len(all) == 0 || all[len(all)-1].path != path) {
			all = append(all, trackedFile{path, head[path], strings.Fields(about)[1]})
		}
	}
	return all, nil
}

// edits searches uncommitted lines of tracked files and caches the files without any.
func (h *gitHistory) edits(ctx context.Context, g gitrepo.Repository, rules ruleSet, values *inuse.Search) (findings, error) {
	scan := secretScan{rules: rules, key: h.key, values: values, findings: newFindings()}
	if g.Work == "" {
		return scan.findings, nil
	}
	var err error
	if at := listedOf(g); at == "" || at != h.trackedAt {
		if h.tracked, err = trackedOf(g, ctx); err != nil {
			h.trackedAt = ""
			return scan.findings, err
		}
		h.trackedAt = at
	}
	same := make(map[string]unchangedFile, len(h.tracked))
	var edited []gitlog.Addition
	for _, f := range h.tracked {
		if ctx.Err() != nil {
			return scan.findings, ctx.Err()
		}
		at, state, err := h.edit(ctx, g, f)
		if err == nil && state.unseen != "" {
			err = scan.skip(ctx, "", f.path, state.unseen)
		}
		switch {
		case err != nil:
			return scan.findings, err
		case len(at) == 0:
			same[f.path] = state
		default:
			edited = append(edited, at...)
		}
	}
	h.same = same
	for _, a := range edited {
		if err := scan.searchText(ctx, a); err != nil {
			return scan.findings, scan.ended(err)
		}
	}
	return scan.findings, nil
}

// edit returns the lines of one file, in the work tree and staged, that HEAD's version lacks; none if they cannot be
// searched.
func (h *gitHistory) edit(ctx context.Context, g gitrepo.Repository, f trackedFile) ([]gitlog.Addition, unchangedFile, error) {
	path, state := filepath.Join(g.Work, f.path), unchangedFile{head: f.head, next: f.next}
	info, err := os.Lstat(path)
	regular := err == nil && info.Mode().IsRegular() // git stores a link itself
	if before, known := h.same[f.path]; regular && known && before.head == f.head && before.next == f.next && before.Identity == files.Identify(info) {
		return nil, before, nil
	}
	var text []byte
	if regular {
		state.Identity = files.Identify(info)
		text, _, err = files.Read(path, maxEdited)
	}
	gone := err == nil && !regular || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, files.ErrNotRegular)
	switch {
	case gone: // deleted or replaced
	case errors.Is(err, files.ErrTooLarge):
		state.unseen = fmt.Sprintf("changed, and larger than %d MiB", maxEdited>>20)
		return nil, state, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, state, probe.Needs("permission to read the files that git tracks", probe.Unknownf(probe.ReasonPermissionDenied,
			"%s is not readable: its uncommitted content was not checked", f.path))
	case err != nil:
		return nil, state, err
	}
	inWork := ""
	if !gone {
		inWork = gitrepo.ObjectName(text, len(f.next))
	}
	if inWork == f.head && f.next == f.head || gone && f.next == f.head {
		return nil, state, nil
	}
	versions, err := blobsOf(ctx, g, f.head, f.next)
	if err != nil {
		return nil, state, err
	}
	before, storedAs := content.Of(versions[0].content)
	var all []gitlog.Addition
	add := func(version []byte) {
		state.unseen, _ = content.Each(f.path, version, func(name, text string, kind content.Kind) error {
			if fresh := content.NewLines(text, before); strings.TrimSpace(fresh) != "" {
				all = append(all, gitlog.Addition{File: name, Text: fresh, Line: 1, Raw: kind.IsRaw()})
			}
			return nil
		})
	}
	if staged := versions[1]; f.next != f.head && f.next != inWork {
		if staged.large {
			state.unseen = fmt.Sprintf("staged, and larger than %d MiB", maxBlob>>20)
		} else {
			add(staged.content)
		}
	}
	if f.head == "" {
		_, storedAs = content.Of(versions[1].content)
	}
	if storedAs != content.Encrypted && storedAs != content.LFS { // a filter of git encrypts it, or stores it elsewhere: the history scan reports it
		add(text)
	}
	return all, state, nil
}

// blobsOf reads two contents; an empty name is an empty content.
func blobsOf(ctx context.Context, g gitrepo.Repository, names ...string) ([]stored, error) {
	all := make([]stored, len(names))
	var wanted []string
	var of []int
	for i, name := range names {
		if name != "" {
			wanted, of = append(wanted, name), append(of, i)
		}
	}
	err := eachObject(ctx, g, wanted, func(i int, o stored) error {
		if all[of[i]] = o; o.large {
			all[of[i]].content = nil // every line counts as new
		}
		return nil
	})
	return all, err
}

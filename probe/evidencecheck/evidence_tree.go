package evidencecheck

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"go/build/constraint"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
)

// The files and Go packages of a commit, with which what a report names is compared. The deployment's repository is often not
// the application's: without the commit, or without a module in it, nothing is compared.

const (
	maxTree       = 64 << 20
	maxSource     = 4 << 20
	maxSourceRead = 20_000 // files
	maxCrates     = 100
)

// commitTree is a commit's source and time.
type commitTree struct {
	*evidence.Tree
	time time.Time
}

type commitTreeKey struct{}

// treeOf returns the source of a commit; the zero value when it cannot be read.
func treeOf(ctx context.Context, p *probe.Pass, commit string) commitTree {
	if commit == "" {
		return commitTree{}
	}
	g, err := gitrepo.Open(ctx, p)
	if err != nil {
		return commitTree{}
	}
	references, err := g.References()
	if err != nil {
		return commitTree{}
	}
	tree, err := probe.Keep(p.Kept, commitTreeKey{}, g.Dir+"\n"+commit+"\n"+references, func() (commitTree, func(), error) {
		tree, err := readTree(ctx, g, commit)
		if ctx.Err() == nil {
			err = nil // kept as unreadable until the repository changes
		}
		return tree, nil, err
	})
	if err != nil {
		return commitTree{}
	}
	return tree
}

// sourceFile is one Go file of a commit.
type sourceFile struct{ path, blob string }

func readTree(ctx context.Context, g gitrepo.Repository, commit string) (commitTree, error) {
	stamp, _, err := g.Text(ctx, gitrepo.MaxDiffHeader, "", "log", "-1", "--format=%ct", "--no-show-signature", commit)
	if err != nil {
		return commitTree{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(stamp), 10, 64)
	if err != nil {
		return commitTree{}, err
	}
	tree := commitTree{time: time.Unix(seconds, 0), Tree: &evidence.Tree{}}
	text, _, err := g.Text(ctx, maxTree, "", "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return tree, err
	}
	modules := map[string]string{} // blobs of go.mod by folder
	var manifests []string         // blobs of Cargo.toml
	var sources []sourceFile
	for entry := range strings.SplitSeq(text, "\x00") { // MODE blob NAME\tPATH
		about, name, ok := strings.Cut(entry, "\t")
		if !ok || !strings.HasPrefix(about, "100") || ignoredFolder.MatchString(name) {
			continue
		}
		if len(tree.Files) < maxSourceRead {
			tree.Files = append(tree.Files, name)
		}
		blob := about[strings.LastIndexByte(about, ' ')+1:]
		switch base := path.Base(name); {
		case base == "go.mod":
			modules[path.Dir(name)] = blob
		case base == "Cargo.toml" && len(manifests) < maxCrates:
			manifests = append(manifests, blob)
		case strings.HasSuffix(base, ".go") && base[0] != '_' && base[0] != '.' && !otherSystem.MatchString(base):
			sources = append(sources, sourceFile{name, blob})
		}
	}
	if err := addCrates(ctx, g, tree.Tree, manifests); err != nil {
		return tree, err
	}
	root, found := modules["."]
	if !found || len(sources) > maxSourceRead {
		return tree, nil
	}
	mod, _, err := g.Text(ctx, maxSource, "", "cat-file", "blob", root)
	if err != nil {
		return tree, err
	}
	module := modulePath(mod)
	if module == "" {
		return tree, nil
	}
	// go test ./... ends at nested modules.
	sources = slices.DeleteFunc(sources, func(s sourceFile) bool {
		for dir := path.Dir(s.path); dir != "."; dir = path.Dir(dir) {
			if _, nested := modules[dir]; nested {
				return true
			}
		}
		return false
	})
	return tree, addPackages(ctx, g, tree.Tree, module, sources)
}

// crateName is the name in the section package of a Cargo.toml.
var crateName = lazyregexp.New(`(?m)^\s*\[package\]\s*$(?:\s*(?:#.*|[\w.-]+\s*=.*)?\n)*?\s*name\s*=\s*["']([\w-]+)["']`)

// addCrates reads the names of Rust packages.
func addCrates(ctx context.Context, g gitrepo.Repository, tree *evidence.Tree, manifests []string) error {
	for _, blob := range manifests {
		text, _, err := g.Text(ctx, maxSource, "", "cat-file", "blob", blob)
		if err != nil {
			return err
		}
		if m := crateName.FindStringSubmatch(text); m != nil {
			tree.Crates = append(tree.Crates, m[1])
		}
	}
	return nil
}

// addPackages reads the sources of a module. Files that are not built on Linux without tags do not count.
func addPackages(ctx context.Context, g gitrepo.Repository, tree *evidence.Tree, module string, sources []sourceFile) error {
	type folder struct{ test, statements bool }
	folders := map[string]folder{}
	var names strings.Builder
	goFiles := 0
	for _, s := range sources {
		names.WriteString(s.blob + "\n")
	}
	_, err := g.Run(ctx, names.String(), func(r io.Reader) error {
		in := bufio.NewReader(r)
		for _, s := range sources {
			content, err := nextBlob(in)
			if err != nil {
				return err
			}
			if !built(content) {
				continue
			}
			f := folders[path.Dir(s.path)]
			if strings.HasSuffix(s.path, "_test.go") {
				f.test = true
			} else {
				goFiles++
				f.statements = f.statements || bytes.Contains(content, []byte("\nfunc "))
			}
			folders[path.Dir(s.path)] = f
		}
		return nil
	}, "cat-file", "--batch")
	if err != nil {
		return err
	}
	tree.Modules, tree.GoFiles = []string{module}, goFiles
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		f, name := folders[dir], path.Join(module, dir)
		if f.test {
			tree.Tested = append(tree.Tested, name)
		}
		if f.test && f.statements {
			tree.Measured = append(tree.Measured, name)
		}
	}
	return nil
}

// nextBlob reads one content of `git cat-file --batch`.
func nextBlob(in *bufio.Reader) ([]byte, error) {
	header, err := in.ReadString('\n') // NAME blob SIZE
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(header)
	if len(fields) != 3 {
		return nil, errors.New("unexpected object")
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size > maxTree {
		return nil, errors.New("unexpected object")
	}
	content := make([]byte, size+1)
	_, err = io.ReadFull(in, content)
	return content[:size], err
}

var (
	// ignoredFolder matches folders that ./... leaves out.
	ignoredFolder = lazyregexp.New(`(?:^|/)(?:testdata|vendor|[._][^/]*)/`)
	// otherSystem matches names of files for another system or processor than most pipelines have.
	otherSystem = lazyregexp.New(`_(?:windows|darwin|freebsd|netbsd|openbsd|dragonfly|solaris|illumos|aix|plan9|js|wasip1|android|ios|386|arm|arm64|riscv64|ppc64|ppc64le|s390x|mips|mips64|mipsle|mips64le|loong64|wasm)(?:_test)?\.go$`)
	moduleLine  = lazyregexp.New(`(?m)^module[ \t]+"?([^\s"]+)`)
)

func modulePath(mod string) string {
	if m := moduleLine.FindStringSubmatch(mod); m != nil {
		return m[1]
	}
	return ""
}

// built reports whether a file is built on Linux without tags.
func built(content []byte) bool {
	for line := range strings.Lines(string(content[:min(len(content), 8<<10)])) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "package ") {
			return true
		}
		if !constraint.IsGoBuild(line) {
			continue
		}
		x, err := constraint.Parse(line)
		return err == nil && x.Eval(func(tag string) bool {
			return slices.Contains([]string{"linux", "unix", "amd64", "gc", "cgo"}, tag) || strings.HasPrefix(tag, "go1.")
		})
	}
	return true
}

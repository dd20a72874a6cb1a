package gitscan

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/zricethezav/gitleaks/v8/report"

	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/content"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/gitlog"
)

// Reads objects as they are stored: git's attributes, settings and filters have no say in it.

// maxBlob is the maximum size of a content that is read at once; larger ones are reported.
const maxBlob = maxEdited

// stored is an object of the repository.
type stored struct {
	kind    string // "missing" if it is not in this clone
	large   bool   // content is only its beginning
	content []byte
}

// eachObject reads objects, in the order of their names.
func eachObject(ctx context.Context, g gitrepo.Repository, names []string, f func(i int, o stored) error) error {
	if len(names) == 0 {
		return nil
	}
	_, err := g.Run(ctx, strings.Join(names, "\n")+"\n", func(r io.Reader) error {
		in := bufio.NewReaderSize(r, 64<<10)
		for i := range names {
			o, err := readObject(in)
			if err == nil {
				err = f(i, o)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}, "cat-file", "--batch")
	return err
}

// readObject reads one object in the output of `git cat-file --batch`.
func readObject(in *bufio.Reader) (stored, error) {
	header, err := in.ReadString('\n') // NAME TYPE SIZE
	if err != nil {
		return stored{}, err
	}
	fields := strings.Fields(header)
	if len(fields) == 2 && fields[1] == "missing" {
		return stored{kind: fields[1]}, nil
	}
	if len(fields) != 3 {
		return stored{}, fmt.Errorf("%w: unexpected object", gitlog.ErrFormat)
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return stored{}, fmt.Errorf("%w: unexpected object", gitlog.ErrFormat)
	}
	o := stored{kind: fields[1], large: size > maxBlob}
	o.content = make([]byte, size+1)
	if o.large {
		o.content = o.content[:0:0]
		head, _ := in.Peek(512)
		o.content = append(o.content, head...)
		_, err = io.CopyN(io.Discard, in, size+1)
		return o, err
	}
	_, err = io.ReadFull(in, o.content)
	o.content = o.content[:size]
	return o, err
}

// searchBlobs searches the contents of binary changes, each once.
func (s *secretScan) searchBlobs(ctx context.Context, g gitrepo.Repository, changes []gitlog.BinaryChange) error {
	var wanted []gitlog.BinaryChange
	var names []string
	seen := map[string]bool{}
	for _, c := range changes {
		if !seen[c.Blob] && strings.Trim(c.Blob, "0") != "" {
			seen[c.Blob] = true
			wanted, names = append(wanted, c), append(names, c.Blob)
		}
	}
	return eachObject(ctx, g, names, func(i int, o stored) error {
		c := wanted[i]
		switch {
		case o.kind == "missing":
			return s.skip(ctx, c.Commit, c.File, "not in this clone")
		case o.kind != "blob", o.large && (content.IsMedia(o.content) || content.IsEncrypted(o.content)):
			return nil
		case o.large:
			return s.skip(ctx, c.Commit, c.File, fmt.Sprintf("larger than %d MiB", maxBlob>>20))
		}
		return s.searchContent(ctx, c.Commit, c.File, o.content)
	})
}

// searchContent searches a whole content, and those in it if it is an archive.
func (s *secretScan) searchContent(ctx context.Context, commit, file string, stored []byte) error {
	s.whole = true
	defer func() { s.whole = false }()
	why, err := content.Each(file, stored, func(name, text string, kind content.Kind) error {
		switch kind {
		case content.Media:
			s.tally(commit).media++
		case content.Encrypted:
			s.tally(commit).encrypted++
		case content.Binary:
			s.tally(commit).binaries++
		}
		if name != file {
			if err := s.searchNames(ctx, []named{{commit, name}}); err != nil {
				return err
			}
		}
		return s.searchText(ctx, gitlog.Addition{Commit: commit, File: name, Line: 1, Text: text, Raw: kind.IsRaw()})
	})
	if err == nil && why != "" {
		err = s.skip(ctx, commit, file, why)
	}
	return err
}

// searchText searches a text of any length.
func (s *secretScan) searchText(ctx context.Context, a gitlog.Addition) error {
	for text := a.Text; ; {
		rest := ""
		a.Text = text
		if len(text) > gitlog.MaxAddition {
			a.Text, rest = text[:gitlog.MaxAddition], text[gitlog.MaxAddition-gitlog.Overlap:]
		}
		if err := s.search(ctx, a); err != nil || rest == "" {
			return err
		}
		a.Line += strings.Count(text[:gitlog.MaxAddition-gitlog.Overlap], "\n")
		text = rest
	}
}

// message is a text in a commit, a tag or a name.
type message struct {
	commit, of, text string
	raw              bool // of no language: only tokens of a known form count
}

// messageOf returns the text that people wrote in a commit or tag, then its other headers.
func messageOf(stored []byte) string {
	text, _ := content.Of(stored)
	head, body, _ := strings.Cut(text, "\n\n")
	var rest strings.Builder
	signature := false
	for line := range strings.Lines(head) {
		name, _, _ := strings.Cut(line, " ")
		signature = strings.HasPrefix(name, "gpgsig") || signature && name == ""
		if !signature && !slices.Contains([]string{"tree", "parent", "object", "type"}, name) {
			rest.WriteString(line)
		}
	}
	return body + "\n" + rest.String()
}

// searchMessages searches the messages of commits.
func (s *secretScan) searchMessages(ctx context.Context, g gitrepo.Repository, list commitList) error {
	var names []string
	list.each(func(name string) { names = append(names, name) })
	var all []message
	size := 0
	err := eachObject(ctx, g, names, func(i int, o stored) error {
		all = append(all, message{commit: names[i], of: "commit message", text: messageOf(o.content)})
		if size += len(o.content); size < gitlog.MaxAddition && !o.large {
			return nil
		}
		if o.large {
			s.unseen[contentAt{names[i], "commit message"}] = fmt.Sprintf("larger than %d MiB", maxBlob>>20)
		}
		defer func() { all, size = nil, 0 }()
		return s.searchTexts(ctx, all)
	})
	if err != nil {
		return err
	}
	return s.searchTexts(ctx, all)
}

// searchTexts searches messages at once, since hardly any has a secret, and one by one where that finds something.
func (s *secretScan) searchTexts(ctx context.Context, all []message) error {
	var text strings.Builder
	for _, m := range all {
		text.WriteString(m.text + "\n\n")
	}
	found := false
	s.values.Lines(text.String(), func(int) { found = true })
	if !s.valuesOnly && !found {
		rules, err := s.rules.detectors()
		if err != nil {
			return err
		}
		found = slices.ContainsFunc(rules.find(ctx, gitlog.Addition{Text: content.WithoutNUL(text.String())}),
			func(f report.Finding) bool { return !all[0].raw || hasForm(f.RuleID) })
	}
	if ctx.Err() != nil || !found {
		return ctx.Err()
	}
	s.message = true
	defer func() { s.message = false }()
	for _, m := range all {
		if err := s.searchText(ctx, gitlog.Addition{Commit: m.commit, File: m.of, Line: 1, Text: m.text, Raw: m.raw}); err != nil {
			return err
		}
	}
	return nil
}

// maxNested is how many tags may name each other.
const maxNested = 8

// objects searches the tags, and the contents that references name without a commit, of the tips that old lacks.
func (s *secretScan) objects(ctx context.Context, g gitrepo.Repository, tips, old []string) error {
	var names []string
	for _, tip := range tips {
		if _, known := slices.BinarySearch(old, tip); !known {
			names = append(names, tip)
		}
	}
	of := slices.Clone(names) // the tips that lead to the names
	for range maxNested {
		types, err := typesOf(g, ctx, names)
		if err != nil {
			return err
		}
		var tags, next, nextOf []string
		var tagOf []string
		var blobs []gitlog.BinaryChange
		for i, o := range types {
			switch o.kind {
			case "tag":
				tags, tagOf = append(tags, o.name), append(tagOf, of[i])
			case "blob":
				blobs = append(blobs, gitlog.BinaryChange{Commit: of[i], File: "content of a reference", Blob: o.name})
			case "tree":
				text, _, err := g.Text(ctx, maxTracked, "", "ls-tree", "-r", "-z", "--full-tree", o.name)
				if err != nil {
					return err
				}
				for entry := range strings.SplitSeq(text, "\x00") { // MODE blob NAME\tPATH
					if about, path, ok := strings.Cut(entry, "\t"); ok && strings.Contains(about, " blob ") {
						blobs = append(blobs, gitlog.BinaryChange{Commit: of[i], File: path, Blob: about[strings.LastIndexByte(about, ' ')+1:]})
					}
				}
			}
		}
		var all []message
		if err := eachObject(ctx, g, tags, func(i int, o stored) error {
			all = append(all, message{commit: tagOf[i], of: "tag message", text: messageOf(o.content)})
			if target, found := strings.CutPrefix(string(o.content[:min(len(o.content), 80)]), "object "); found {
				target, _, _ = strings.Cut(target, "\n")
				next, nextOf = append(next, target), append(nextOf, tagOf[i])
			}
			return nil
		}); err != nil {
			return err
		}
		if err := s.searchTexts(ctx, all); err != nil {
			return s.ended(err)
		}
		if err := s.searchBlobs(ctx, g, blobs); err != nil {
			return s.ended(err)
		}
		names, of = next, nextOf
	}
	return nil
}

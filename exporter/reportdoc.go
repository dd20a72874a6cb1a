package exporter

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/checklist/paper"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// report prints a whole file, so the file must be the team's document: whoever writes to the deployment's folder must not
// choose what an exporter with more permissions prints.

// checklistDocument reads the document and matches it with the checklist. A path below the root must stay there, whatever
// the symlinks on the way; a file that is not Markdown or has none of the checklist's items is refused.
func checklistDocument(root, document string, list *checklist.Checklist) (*paper.Document, error) {
	path, err := filepath.Abs(document)
	if err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if rootTarget, err := filepath.EvalSymlinks(root); err == nil && !below(rootTarget, target) &&
		(below(root, path) || below(rootTarget, filepath.Join(folder, filepath.Base(path)))) {
		return nil, fmt.Errorf("%s is a link that leads out of the deployment's folder: replace it by the document", document)
	}
	if given := strings.ToLower(filepath.Ext(document)); !isMarkdown(target) && strings.ToLower(filepath.Ext(target)) != given || given == "" {
		return nil, fmt.Errorf("%s is not a Markdown file: its name must end in .md", document)
	}
	data, info, err := files.Read(target, paper.MaxSize)
	if err != nil {
		return nil, err
	}
	if now, err := os.Lstat(target); err != nil || !os.SameFile(now, info) {
		return nil, errors.New(document + " was replaced while it was read: run the command again")
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, fmt.Errorf("%s is not a Markdown file: it is not UTF-8 text", document)
	}
	d, err := paper.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", document, err)
	}
	d.Match(list)
	switch all := len(d.Lacking(list)) == len(list.Items()); {
	case all && d.Empty:
		return nil, fmt.Errorf("%s has no checklist: no boxes (- [ ]), no table with a column for the status, no list under a heading", document)
	case all:
		return nil, fmt.Errorf("%s has none of the checklist's items", document)
	}
	return d, nil
}

func below(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(rel)
}

func isMarkdown(path string) bool {
	return slices.Contains([]string{".md", ".markdown", ".mdown", ".mkd"}, strings.ToLower(filepath.Ext(path)))
}

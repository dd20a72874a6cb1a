package gitscan

import (
	"bytes"
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/content"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/gitlog"
)

// headPasswords finds out which of the passwords in the history are still in HEAD: in the same file. It also searches whole
// files of HEAD in which a password is recognized by the lines around it, which a commit need not have added.
func (h *gitHistory) headPasswords(ctx context.Context, g gitrepo.Repository, rules ruleSet) error {
	head := h.headName(ctx, g)
	wanted := map[string]bool{} // whether a password is known there
	known := map[string]bool{}
	for at, password := range h.scanned.passwords {
		known[password.digest] = true
		if password.strong {
			wanted[at.file] = true
		}
	}
	for _, f := range h.tracked {
		if f.head != "" && !wanted[f.path] && slices.Contains([]string{".yml", ".yaml", ".json"}, path.Ext(f.path)) {
			wanted[f.path] = false
		}
	}
	maps.DeleteFunc(wanted, func(file string, _ bool) bool { return strings.Contains(file, "\n") }) // git reads a name a line
	list := slices.Sorted(maps.Keys(wanted))
	state := digestOf([]byte(h.rules), []byte(strings.Join(h.tips, " ")), []byte(strings.Join(list, "\x00")), []byte(head))
	if h.headAt == state {
		return nil
	}
	names := make([]string, len(list))
	for i, file := range list {
		names[i] = "HEAD:" + file
	}
	scan := secretScan{rules: rules, key: h.key, findings: newFindings()}
	err := eachObject(ctx, g, names, func(i int, o stored) error {
		if o.kind != "blob" || o.large || !wanted[list[i]] && !needsContext(o.content) {
			return nil
		}
		text, _ := content.Of(o.content)
		return scan.searchText(ctx, gitlog.Addition{Commit: head, File: list[i], Line: 1, Text: text})
	})
	if err := scan.ended(err); err != nil {
		return err
	}
	h.inHead, h.onlyHead = map[string]bool{}, map[secretFound]passwordFound{}
	for at, password := range scan.passwords {
		h.inHead[password.digest] = true
		if !known[password.digest] {
			h.onlyHead[at] = password
		}
	}
	h.headAt = state
	return nil
}

// needsContext reports whether a content has lines that make a password of what follows.
func needsContext(text []byte) bool {
	return slices.ContainsFunc([]string{"Secret", "basic_auth", "authorization"}, func(word string) bool { return bytes.Contains(text, []byte(word)) })
}

// headName returns the commit of HEAD; "" for none.
func (h *gitHistory) headName(ctx context.Context, g gitrepo.Repository) string {
	name, _, err := g.Text(ctx, gitrepo.MaxDiffHeader, "", "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(name)
}

package gitscan

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
)

// headPasswords finds out which of the passwords in the history are still in HEAD: in the same file.
func (h *gitHistory) headPasswords(ctx context.Context, g gitrepo.Repository, rules ruleSet) error {
	files := map[string]bool{}
	for at, password := range h.scanned.passwords {
		if password.strong {
			files[at.file] = true
		}
	}
	if len(files) == 0 {
		return nil
	}
	state := digestOf([]byte(h.rules), []byte(strings.Join(h.tips, " ")), []byte(strings.Join(slices.Sorted(maps.Keys(files)), "\x00")), h.headName(ctx, g))
	if h.headAt == state {
		return nil
	}
	inHead := map[string]bool{}
	scan := secretScan{rules: rules, key: h.key, findings: newFindings()}
	var err error
	if scan.detector, err = rules.newDetector(); err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		text, _, err := g.Text(ctx, maxBlob, "", "cat-file", "blob", "HEAD:"+file)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			continue // not in HEAD
		}
		content, _ := contentOf([]byte(text))
		if err := scan.search(ctx, addition{file: file, line: 1, text: content}); err != nil && !errors.Is(err, errTooManySecrets) {
			return err
		}
	}
	for _, password := range scan.passwords {
		inHead[password.digest] = true
	}
	h.inHead, h.headAt = inHead, state
	return nil
}

// headName returns the commit of HEAD.
func (h *gitHistory) headName(ctx context.Context, g gitrepo.Repository) []byte {
	name, _, _ := g.Text(ctx, gitrepo.MaxDiffHeader, "", "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
	return []byte(name)
}

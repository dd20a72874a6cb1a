package gitscan

import (
	"context"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/gitlog"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/inuse"
)

// Names are content too: those of files, of files in archives, of branches and of tags. A secret in a name must not be
// shown with the place of a finding.

// named is a name in a commit.
type named struct{ commit, name string }

// nameOf begins the place of a finding in a name.
const nameOf = "name of "

// searchNames searches names for secrets in use, and for those of a known form.
func (s *secretScan) searchNames(ctx context.Context, names []named) error {
	all := make([]message, len(names))
	for i, n := range names {
		all[i] = message{commit: n.commit, of: nameOf + n.name, text: n.name, raw: true}
	}
	defer func(was bool) { s.whole = was }(s.whole)
	s.whole = true // each name once
	return s.searchTexts(ctx, all)
}

// mask replaces the secrets in a name.
func (s *secretScan) mask(ctx context.Context, name string) (string, error) {
	rules, err := s.rules.detectors()
	if err != nil {
		return "", err
	}
	name = s.values.Mask(name)
	for _, f := range rules.find(ctx, gitlog.Addition{Text: strings.TrimPrefix(name, nameOf)}) {
		if f.Secret != "" && f.RuleID != genericRule {
			name = strings.ReplaceAll(name, f.Secret, inuse.Masked)
		}
	}
	return name, ctx.Err()
}

// skip notes a content that is not searched.
func (s *secretScan) skip(ctx context.Context, commit, file, why string) error {
	name, err := s.mask(ctx, file)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unseen[contentAt{commit, name}] = why
	return nil
}

// searchReferences searches the names of the references that clones get.
func (h *gitHistory) searchReferences(ctx context.Context, g gitrepo.Repository, rules ruleSet, values *inuse.Search) error {
	all, err := referencesOf(g, ctx)
	if err != nil {
		return err
	}
	scan := secretScan{rules: rules, key: h.key, values: values, findings: newFindings()}
	if err := scan.ended(scan.searchNames(ctx, all)); err != nil {
		return err
	}
	h.named = scan.findings
	return nil
}

package composecheck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// compose_secrets: are the compose files free of literal passwords and keys?
//
// A scanner's rules recognize a token by its form. A password that a person made up and typed into the compose file has
// none, so it is recognized by the variable it is assigned to. Only values that a service really gets count: a default
// that the env file replaces opens nothing. Placeholders are reported by other probes. When the file is not tracked by
// git, or that is unknown, it is a warning: compose files are copied and shared in ways that no secret is.

func SecretsKind() probe.Kind {
	return probe.Kind{
		Name:       "compose_secrets",
		Services:   []deployment.Service{deployment.GitService},
		Question:   "Are the compose files free of literal passwords and keys?",
		Example:    "{}",
		Layer:      probe.LayerDeclared,
		Reads:      "the compose files, the env file, and the git repository's index (deployment.repository.path); runs git",
		Permission: "read permission",
		Timeout:    time.Minute,
		MaxAge:     time.Hour,
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*composeSecrets).breakages(view) },
		New:        func() any { return &composeSecrets{} },
	}
}

type composeSecrets struct{}

// Key changes with the git index and with the passwords that are found.
func (s *composeSecrets) Key(p *probe.Pass) string {
	typed, err := literalSecrets(p)
	if err != nil {
		return ""
	}
	key := fmt.Sprint(typed)
	if repository, err := p.View.Git(); err == nil {
		key += repository.Dir
		if info, err := os.Stat(filepath.Join(repository.Dir, "index")); err == nil {
			key += fmt.Sprintf(" %+v", files.Identify(info))
		}
	}
	return key
}

func (s *composeSecrets) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if _, err := probe.ComposeModel(p); err != nil {
		return probe.Result{}, err
	}
	typed, err := literalSecrets(p)
	if err != nil {
		return probe.Unreadable("the compose files cannot be read", err)
	}
	g, err := gitrepo.Open(ctx, p)
	var unanswered *probe.NotCheckedError
	if none := errors.As(err, &unanswered) && unanswered.Skip; err != nil && (!none || len(typed) == 0) {
		return probe.Result{}, err // without a repository and without passwords there is nothing to judge
	}
	var f probe.ResultBuilder
	for _, file := range typed {
		tracked := false
		if g.Work != "" {
			names, err := g.Names(file.path)
			if err != nil {
				return probe.Result{}, err
			}
			if tracked, err = g.Tracks(ctx, names); err != nil {
				return probe.Result{}, err
			}
		}
		f.Offend(probe.Offender{ID: file.shown + ":secrets_in_text", File: file.shown})
		if tracked {
			f.Fail(probe.ReasonCommitted, "git tracks %s, and services get %s from its text. "+
				"Rotate them, and use variables of the env file (${NAME}) or secrets instead", file.shown, phrase.List(file.keys))
		} else {
			f.Warn(probe.ReasonExposed, "services get %s from the text of %s. "+
				"Use variables of the env file (${NAME}) or secrets instead", phrase.List(file.keys), file.shown)
		}
	}
	return f.Result("no service gets a password or key from the text of a compose file"), nil
}

// literalFile is a compose file with the keys whose passwords are in its text.
type literalFile struct {
	path, shown string
	keys        []string // with their lines
}

func literalSecrets(p *probe.Pass) ([]literalFile, error) {
	c, err := p.View.Compose()
	if err != nil {
		return nil, err
	}
	var typed []literalFile
	for _, l := range c.Literals() {
		if !isLiteralSecret(l) {
			continue
		}
		i := slices.IndexFunc(typed, func(f literalFile) bool { return f.path == l.Path })
		if i < 0 {
			i, typed = len(typed), append(typed, literalFile{path: l.Path, shown: l.Origin.File})
		}
		typed[i].keys = append(typed[i].keys, fmt.Sprintf("%s (line %d)", l.Key, l.Origin.Line))
	}
	return typed, nil
}

// isLiteralSecret reports whether a literal holds a password or key that its service gets.
func isLiteralSecret(l compose.Literal) bool {
	written := secretvalue.Literal(l.Key, l.Written.Reveal())
	return written != "" && written == secretvalue.Literal(l.Key, l.Text.Reveal())
}

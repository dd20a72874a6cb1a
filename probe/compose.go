package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// What the probes of the compose file share. The model is judged also where Compose itself would refuse the files for less than their form (a
// missing env_file, an undefined network): that is compose_config's matter.

// composeModel is the deployment's compose model. Without a compose file there is nothing to look at. Without a model, or with an env file that
// may not be read while the files refer to variables, what they say is not known.
func composeModel(p *Pass) (*deployment.Compose, error) {
	c, err := p.View.Compose()
	if errors.Is(err, deployment.ErrNoCompose) {
		return nil, Skip("deployment.compose_files", "no compose file to look at")
	}
	if _, envErr := p.View.Env(); errors.Is(envErr, fs.ErrPermission) && (err != nil || len(c.Variables()) > 0) {
		return nil, notPermitted("the compose file's variables cannot be replaced", envErr)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, notPermitted("the compose file cannot be read", err)
	case err != nil:
		return nil, Unknown(ReasonBlocked, fmt.Errorf("blocked by compose_syntax: %w", err))
	}
	return c, nil
}

// notPermitted is the error of what may not be read.
func notPermitted(what string, err error) error {
	return Needs("permission to read the deployment's files", Unknown(ReasonPermissionDenied, fmt.Errorf("%s: %w", what, err)))
}

// maxNamed bounds how many names one sentence lists.
const maxNamed = 10

// someOf lists names; of very many the first, and how many more there are.
func someOf(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

package probe

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
)

// Shared by the probes of the compose files. The model is judged even when Compose would refuse the files for something
// other than their form (a missing env_file, an undefined network): compose_config reports that.

// ComposeModel returns the deployment's compose model. Without a compose file the error is a Skip. Without a model, or
// when the files use variables and an env file may not be read, their content is unknown.
func ComposeModel(p *Pass) (*compose.Model, error) {
	c, err := p.View.Compose()
	if errors.Is(err, compose.ErrNoFile) {
		return nil, Skip("deployment.compose_files", "no compose file found")
	}
	if _, envErr := p.View.Env(); errors.Is(envErr, fs.ErrPermission) && (err != nil || len(c.Variables()) > 0) {
		return nil, PermissionError("the compose file's variables cannot be resolved", envErr)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, PermissionError("the compose file cannot be read", err)
	case err != nil:
		return nil, Unknown(ReasonBlocked, fmt.Errorf("blocked by compose_syntax: %w", err))
	}
	return c, nil
}

// PermissionError returns the error for a file that may not be read.
func PermissionError(what string, err error) error {
	return Needs("permission to read the deployment's files", Unknown(ReasonPermissionDenied, fmt.Errorf("%s: %w", what, err)))
}

package envfile

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Shared by probes of environment variables: messages for values that are unset or stored elsewhere.

// unset describes an unset or empty value.
func unset(v deployment.Value) string {
	switch {
	case v.Set:
		return fmt.Sprintf("empty at %s", v.Origin)
	case v.Blocked != "":
		return "not set; " + v.Blocked
	case v.Unused != nil:
		return fmt.Sprintf("set at %s but not passed to any service", v.Unused)
	case v.Origin.Service != "":
		return "not set for service " + v.Origin.Service
	}
	return "not set"
}

// Elsewhere is the error for a value stored where it cannot be read. Live probes decide the item then; without one it
// is skipped.
func Elsewhere(v deployment.Value) error {
	if v.Ref.Kind == deployment.RefCommand {
		return probe.Skip("a live probe, or a command that sets "+v.Key+" without conditions",
			"%s may be set by the command at %s, which cannot be evaluated: %s", v.Key, v.Origin, v.Ref.Name)
	}
	if v.Ref.Kind == deployment.RefShell {
		return probe.Elsewhere("a live probe for "+v.Key, "%s at %s is given by the deploying shell (deployment.env): it cannot be checked here",
			v.Key, v.Origin)
	}
	return probe.Skip("a live probe, or access to the running container, for "+v.Key,
		"%s at %s is stored in: %s; it cannot be checked here", v.Key, v.Origin, v.Ref.Kind)
}

// standIn limits the verdict on a value that stands in for a broken or absent file: what it proves is a warning.
func standIn(v deployment.Value, r probe.Result) probe.Result {
	if v.Blocked == "" || r.State != probe.StatePass {
		return r
	}
	return probe.Warned(probe.ReasonBlocked, "%s, but %s", r.Detail, v.Blocked)
}

// NotLookedUp converts a lookup error. An unreadable file of a single secret skips the probe, so that live probes
// decide the item, as for a value stored elsewhere.
func NotLookedUp(key string, err error) (probe.Result, error) {
	var file *deployment.KeyFileError
	if errors.As(err, &file) && errors.Is(err, fs.ErrPermission) {
		return probe.Result{}, &probe.NotCheckedError{Skip: true, Reason: probe.ReasonPermissionDenied, Remedy: "permission to read the deployment's files", Err: fmt.Errorf("%s cannot be looked up: %w", key, err)}
	}
	return probe.Unreadable(key+" cannot be looked up", err)
}

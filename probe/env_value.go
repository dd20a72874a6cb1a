package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// Shared by probes of environment variables: messages for values that are unset or stored elsewhere.

// unset describes an unset or empty value.
func unset(v deployment.Value) string {
	switch {
	case v.Set:
		return fmt.Sprintf("empty at %s", v.Origin)
	case v.Unused != nil:
		return fmt.Sprintf("set at %s but not passed to any service", v.Unused)
	case v.Origin.Service != "":
		return "not set for service " + v.Origin.Service
	}
	return "not set"
}

// elsewhere is the error for a value stored where it cannot be read. Live probes decide the item then; without one it
// is skipped.
func elsewhere(v deployment.Value) error {
	return Skip("a live probe, or access to the running container, for "+v.Key,
		"%s at %s is stored in: %s; it cannot be checked here", v.Key, v.Origin, v.Ref.Kind)
}

// notLookedUp converts a lookup error. An unreadable file of a single secret skips the probe, so that live probes
// decide the item, as for a value stored elsewhere.
func notLookedUp(key string, err error) (Result, error) {
	var file *deployment.KeyFileError
	if errors.As(err, &file) && errors.Is(err, fs.ErrPermission) {
		return Result{}, &Unanswered{Skip: true, Reason: ReasonPermissionDenied, Remedy: "permission to read the deployment's files", Err: fmt.Errorf("%s cannot be looked up: %w", key, err)}
	}
	return unreadable(key+" cannot be looked up", err)
}

// words joins words of a rule for messages.
func words(list []string) string { return strings.Join(list, ", ") }

// known quotes a value that the rule knows, ignoring case. Any other value stays hidden.
func known(value string, rule ...string) string {
	if slices.ContainsFunc(rule, func(w string) bool { return strings.EqualFold(w, value) }) {
		return strconv.Quote(strings.ToLower(value))
	}
	return "another value"
}

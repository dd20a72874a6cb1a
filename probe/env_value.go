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

// What the probes of single environment variables share: how a value that is not there, or not known here, is told.

// unset says where a value that is not set was looked for.
func unset(v deployment.Value) string {
	switch {
	case v.Set:
		return fmt.Sprintf("empty at %s", v.Origin)
	case v.Unused != nil:
		return fmt.Sprintf("set at %s, but no service gets it", v.Unused)
	case v.Origin.Service != "":
		return "not set for service " + v.Origin.Service
	}
	return "not set"
}

// elsewhere is the answer to a value that is kept where it cannot be read: the item is judged from its live probes, and unknown without one.
func elsewhere(v deployment.Value) error {
	return Skip("a live probe, or reading the running container, for "+v.Key, "%s at %s is kept in: %s; it cannot be judged from here", v.Key, v.Origin, v.Ref.Kind)
}

// notLookedUp judges the error of looking a key up. A file of one secret that may not be read leaves the item to its live probes, like a value that
// is kept elsewhere.
func notLookedUp(key string, err error) (Result, error) {
	var file *deployment.KeyFileError
	if errors.As(err, &file) && errors.Is(err, fs.ErrPermission) {
		return Result{}, &Unanswered{Skip: true, Reason: ReasonPermissionDenied, Remedy: "permission to read the deployment's files", Err: fmt.Errorf("%s cannot be looked up: %w", key, err)}
	}
	return unreadable(key+" cannot be looked up", err)
}

// words shows a list of words of the rule.
func words(list []string) string { return strings.Join(list, ", ") }

// known quotes a value when it is one of the words a rule knows, in any case of letters; any other value is not shown.
func known(value string, rule ...string) string {
	if slices.ContainsFunc(rule, func(w string) bool { return strings.EqualFold(w, value) }) {
		return strconv.Quote(strings.ToLower(value))
	}
	return "another value"
}

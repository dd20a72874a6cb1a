package deployment

import (
	"errors"

	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Value is one setting as the application's service really gets it.
type Value struct {
	Key    string // the one of the keys asked for that is set; the first of them when none is
	Text   secret.Text
	Set    bool // set, be it to the empty text; false too when only a reference is known
	Origin Origin
	// Ref says that the text is kept elsewhere and not known here: then Text is empty.
	Ref Ref
	// Ambiguous reports that Compose v1 and v2 read the value differently.
	Ambiguous bool
	// Unset names variables in the value that had no value, so that the text lacks them.
	Unset []string
	// Unused is where the key stands in the deployment's env file although no service gets it; only when Set is false.
	Unused *Origin
}

// Ref is where a value is kept when it is not in the deployment's files.
type Ref struct {
	Kind string // "secret manager", "external secret", "environment" (of whoever starts Compose), "container file"; "" for none
	Name string // the secret's or variable's name or the file's path; for a secret manager its scheme alone, e.g. "vault:"
}

// Origin is where a value comes from.
type Origin struct {
	File    string // relative to the root
	Line    int    // 0 when not known
	Service string // that gets it; "" when there is no compose file
	Via     string // one of the Via constants
}

// Ways a value gets into a service.
const (
	ViaEnvFile     = "env file"    // the deployment's env file, used by the service in another place than its environment
	ViaEnvironment = "environment" // the service's environment
	ViaServiceFile = "env_file"    // one of the service's env files
	ViaSecret      = "secret"      // a secret of the compose file
	ViaKeyFile     = "KEY_FILE"    // a variable of the key's name with _FILE names the file
	ViaImage       = "image default"
)

// Value is the first of keys that is set, as the application's service really gets it.
func (v *View) Value(keys ...string) (Value, error) {
	return Value{}, errors.ErrUnsupported
}

// EnvFiles returns every env file that a service uses.
func (v *View) EnvFiles() ([]*Env, error) { return nil, errors.ErrUnsupported }

package source

import "strconv"

// Origin is where a value is set.
type Origin struct {
	File    string // relative to the root
	Line    int    // 0 when unknown
	Service string // the service that gets it; "" without a compose file
	Via     string // one of the Via constants
}

// Ways a value gets into a service.
const (
	// the deployment's env file: the service uses the variable outside its environment, or there is no compose file
	ViaEnvFile     = "env file"
	ViaEnvironment = "environment" // the service's environment; Origin is the env file's line if the value is a single variable
	ViaServiceFile = "env_file"    // one of the service's env files
	ViaSecret      = "secret"      // a secret of the compose file with the key's name
	ViaKeyFile     = "KEY_FILE"    // the variable KEY_FILE names the file
	ViaCommand     = "command"     // the service's command or entrypoint sets the variable, or a flag of its name
)

// String returns FILE:LINE.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return o.File + ":" + strconv.Itoa(o.Line)
}

package probe

import (
	"io/fs"

	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// Breakage is one way in which a file of the deployment may be broken so that a probe must notice. The command challenge
// makes it in a copy of the deployment, judges the copy and expects the probe's item to become worse.
type Breakage struct {
	// Name says what is broken, by key and file: "REDIS_PASSWORD: value removed". It is printed, so it never contains a value.
	Name string
	File string // absolute, or relative to the deployment's root
	Edit edit.Edit
	// Mode are the permission bits that the file gets instead of an edit.
	Mode fs.FileMode
}

// WholeFile returns the breakages that every probe must notice of a file that it needs.
func WholeFile(file string) []Breakage {
	return []Breakage{{Name: "file deleted", File: file, Edit: edit.Delete}, {Name: "file emptied", File: file, Edit: edit.Empty}}
}

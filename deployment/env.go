package deployment

// Env files, as Compose reads them; never executed.

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/thenexusengine/catalyst_exporter/secret"
)

// maxEnvFile is the size from which an env file is refused: a hundred times what a large deployment needs.
const maxEnvFile = 1 << 20

// Env is one env file. It is shared between callers: nobody changes it.
type Env struct {
	Path string      // absolute
	File string      // as shown to people: relative to the deployment's root where it lies below it
	Mode fs.FileMode // of the file a link leads to
	UID  uint32      // owner
	GID  uint32
	// Entries in the file's order, duplicates and lines behind an error included.
	Entries []Entry
	// Problems in the file's order. See Err for those that keep Compose from reading the file.
	Problems []Problem
}

// Entry is one line that sets a key, or one key that is taken over from the surroundings ("KEY" without "=").
type Entry struct {
	Key string
	// Text is the value as Compose hands it on: without quotes, escapes resolved, variables of earlier lines expanded.
	Text      secret.Text
	Line      int  // of the key, from 1
	End       int  // the last line of the value: differs from Line for quoted values over several lines
	Quote     byte // 0, '\'' or '"'
	Export    bool // written with "export"
	Inherited bool // "KEY" alone: the value comes from the surroundings and Text is empty
	// Interpolated reports that the value refers to variables; Unset names those that neither the file nor a default gave a value,
	// so that the text lacks them.
	Interpolated bool
	Unset        []string
	// Ambiguous reports that Compose v1 and v2 read the value differently: "$" that stands for itself in one and not in the other.
	Ambiguous bool
	// Shell says what a shell that sources the file would do otherwise, in a few words; "" when it reads the same.
	Shell string

	template string // the value before expansion, when it is Interpolated
}

// Problem kinds.
const (
	ProblemSyntax        = "syntax"        // Compose refuses the file
	ProblemInterpolation = "interpolation" // Compose refuses the file for a variable reference
	ProblemDuplicate     = "duplicate"     // the key was set before: the later line wins
	ProblemShell         = "shell"         // a shell would trip over the line
	ProblemStray         = "stray"         // text that Compose takes for a key without value, most likely not meant so
	ProblemEncoding      = "encoding"      // byte order mark, NUL, invalid UTF-8, carriage return
)

// Problem is something a person should look at in an env file. Its text never holds a value.
type Problem struct {
	Line  int
	Key   string // "" where there is none, or where it may be a piece of a value
	Kind  string
	Text  string // lower case, without file and line
	Fatal bool   // Compose refuses the whole file
}

// EnvError is a problem that keeps Compose from reading an env file.
type EnvError struct {
	File string
	Problem
}

// Error implements error.
func (e *EnvError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// Err is the first problem for which Compose refuses the file, as an *EnvError; nil when it reads it.
func (e *Env) Err() error {
	for _, p := range e.Problems {
		if p.Fatal {
			return &EnvError{e.File, p}
		}
	}
	return nil
}

// Get returns the entry that sets key: the last one, as in Compose.
func (e *Env) Get(key string) (Entry, bool) {
	for i := len(e.Entries) - 1; i >= 0; i-- {
		if e.Entries[i].Key == key && !e.Entries[i].Inherited {
			return e.Entries[i], true
		}
	}
	return Entry{}, false
}

// find is Get as a lookup of values.
func (e *Env) find(key string) (string, bool) {
	entry, ok := e.Get(key)
	return entry.Text.Reveal(), ok
}

func owner(info fs.FileInfo) (uid, gid uint32) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid, st.Gid
	}
	return 0, 0
}

// expandWith returns the entries' values as they become when variables are looked up in outer first and then in the file's earlier lines and
// before: the way Compose reads a service's env_file.
func (e *Env) expandWith(outer lookup, before map[string]value) (map[string]value, error) {
	own := make(map[string]value, len(e.Entries))
	find := func(name string) (string, bool) {
		if outer != nil {
			if v, ok := outer(name); ok {
				return v, true
			}
		}
		if v, ok := own[name]; ok {
			return v.text, true
		}
		v, ok := before[name]
		return v.text, ok
	}
	x := expander{find: find}
	for _, entry := range e.Entries {
		v := value{text: entry.Text.Reveal(), entry: entry, env: e}
		switch {
		case entry.Inherited:
			text, ok := find(entry.Key)
			if outer == nil || !ok {
				continue
			}
			v.text = text
		case entry.Interpolated:
			text, err := x.expand(entry.template)
			if err != nil {
				var s *SubstitutionError
				errors.As(err, &s)
				return nil, &EnvError{e.File, Problem{Line: entry.Line, Key: entry.Key, Kind: ProblemInterpolation, Text: s.Error(), Fatal: true}}
			}
			v.text, v.entry.Unset = text, x.unset
		}
		own[entry.Key] = v
	}
	return own, nil
}

// value is one key of an env file in the surroundings of a service.
type value struct {
	text  string
	entry Entry
	env   *Env
}

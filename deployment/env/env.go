// Package env parses env files as Compose does and never executes them. It substitutes variables with Compose's rules.
package env

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/thenexusengine/catalyst_exporter/secret"
)

// MaxSize is the largest accepted env file, a hundred times the size that a large deployment needs.
const MaxSize = 1 << 20

// File is one env file. It is shared between callers and must not be modified.
type File struct {
	Path string      // absolute
	Name string      // for display: relative to the deployment's root if it lies below it
	Mode fs.FileMode // of the link's target
	UID  uint32      // owner
	GID  uint32
	// Entries in file order, including duplicates and lines after an error.
	Entries []Entry
	// Problems in file order. Err returns the first one that makes Compose reject the file.
	Problems []Problem
}

// Entry is one line that sets a key, or a key that is inherited from the environment ("KEY" without "=").
type Entry struct {
	Key string
	// Text is the value as Compose passes it on: unquoted, unescaped, with variables of earlier lines expanded.
	Text      secret.Text
	Line      int  // of the key, from 1
	End       int  // the last line of the value, after Line for a quoted value over several lines
	Quote     byte // 0, '\'' or '"'
	Export    bool // written with "export"
	Inherited bool // "KEY" alone: the value comes from the environment and Text is empty
	// Interpolated reports that the value refers to variables. Unset names those without a value in the file and without a
	// default; they are missing in Text.
	Interpolated bool
	Unset        []string
	// Ambiguous reports that Compose v1 and v2 read the value differently: only one of them takes "$" literally.
	Ambiguous bool
	// Shell describes how a shell that sources the file reads the line differently; "" when it does not.
	Shell string

	template string // the value before expansion if it is Interpolated
}

// Problem kinds.
const (
	ProblemSyntax        = "syntax"        // Compose rejects the file
	ProblemInterpolation = "interpolation" // Compose rejects the file because of a variable reference
	ProblemDuplicate     = "duplicate"     // the key is already set: the later line wins
	ProblemShell         = "shell"         // a shell reads the line differently
	ProblemStray         = "stray"         // Compose reads the text as a key without value, which is probably unintended
	ProblemEncoding      = "encoding"      // byte order mark, NUL, invalid UTF-8, carriage return
)

// Problem is a fault in an env file that needs attention. Its text never holds a value.
type Problem struct {
	Line  int
	Key   string // "" for none, or where it may be part of a value
	Kind  string
	Text  string // lower case, without file and line
	Fatal bool   // Compose rejects the whole file
}

// Error is a problem for which Compose rejects an env file.
type Error struct {
	File string
	Problem
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// Err returns the first problem for which Compose rejects the file, as an *Error; nil when the file is valid.
func (e *File) Err() error {
	for _, p := range e.Problems {
		if p.Fatal {
			return &Error{e.Name, p}
		}
	}
	return nil
}

// Get returns the entry that sets key: the last one wins, as in Compose. A nil File has no entries.
func (e *File) Get(key string) (Entry, bool) {
	if e == nil {
		return Entry{}, false
	}
	for i := len(e.Entries) - 1; i >= 0; i-- {
		if e.Entries[i].Key == key && !e.Entries[i].Inherited {
			return e.Entries[i], true
		}
	}
	return Entry{}, false
}

// Lookup returns the value of a key.
func (e *File) Lookup(key string) (string, bool) {
	entry, ok := e.Get(key)
	return entry.Text.Reveal(), ok
}

func owner(info fs.FileInfo) (uid, gid uint32) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid, st.Gid
	}
	return 0, 0
}

// Expand returns the entries' values with variables looked up in outer first, then in earlier lines of the file and
// in before. Compose reads a service's env_file the same way.
func (e *File) Expand(outer Lookup, before map[string]Value) (map[string]Value, error) {
	own := make(map[string]Value, len(e.Entries))
	find := func(name string) (string, bool) {
		if outer != nil {
			if v, ok := outer(name); ok {
				return v, true
			}
		}
		if v, ok := own[name]; ok {
			return v.Text, true
		}
		v, ok := before[name]
		return v.Text, ok
	}
	x := Expander{Find: find}
	for _, entry := range e.Entries {
		v := Value{Text: entry.Text.Reveal(), Entry: entry, File: e}
		switch {
		case entry.Inherited:
			text, ok := find(entry.Key)
			if outer == nil || !ok {
				continue
			}
			v.Text = text
		case entry.Interpolated:
			text, err := x.Expand(entry.template)
			if err != nil {
				var s *SubstitutionError
				errors.As(err, &s)
				return nil, &Error{e.Name, Problem{Line: entry.Line, Key: entry.Key, Kind: ProblemInterpolation, Text: s.Error(), Fatal: true}}
			}
			v.Text, v.Entry.Unset = text, x.Unset
		}
		own[entry.Key] = v
	}
	return own, nil
}

// Value is one key of an env file in the context of a service.
type Value struct {
	Text  string
	Entry Entry
	File  *File
}

// ErrBefore returns the error that precedes an entry and makes it unreliable.
func (e *File) ErrBefore(entry Entry) error {
	var fatal *Error
	if errors.As(e.Err(), &fatal) && entry.Line >= fatal.Line {
		return fatal
	}
	return nil
}

// Package filecheck checks files of the deployment's folder that no other kind knows: whether they exist, which lines they contain,
// and which values their JSON, YAML, TOML or INI sets.
package filecheck

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/filesearch"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/valuerule"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// file_content: does every file that matches a pattern hold what the checklist says?
//
// Comment lines do not count, so that a rule that was commented out is missing. A pattern that matches nothing is a missing
// file, never a pass. Details name the file, the line and the rule, but no content.

// ContentKind is the kind file_content.
func ContentKind() probe.Kind {
	return probe.Kind{
		Name:       "file_content",
		Question:   "Do the files exist, and do they contain what they should?",
		Example:    `{path: Dockerfile, matches: ["^HEALTHCHECK CMD "], lacks: ["^FROM \\S+:latest\\b"]}`,
		Layer:      probe.LayerDeclared,
		Reads:      "the files that match `path`, each of at most 1 MiB",
		Permission: "read permission",
		MaxAge:     30 * time.Second,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*fileContent).breakages(view) },
		New:        func() any { return &fileContent{MinSize: 1} },
	}
}

type fileContent struct {
	Path    string           `yaml:"path" required:"true" doc:"file, relative to the deployment root. *, ? and [a-z] match within a name, ** any number of folders; every file that matches is checked"`
	Except  []string         `yaml:"except" doc:"patterns of files that are left out"`
	Absent  bool             `yaml:"absent" default:"false" doc:"no file may match path"`
	Matches []string         `yaml:"matches" doc:"regular expressions (RE2); each must match a line"`
	Lacks   []string         `yaml:"lacks" doc:"regular expressions that no line may match"`
	Ignore  []string         `yaml:"ignore" doc:"regular expressions of lines that do not count"`
	Comment []string         `yaml:"comments" doc:"what starts a comment line, which does not count; default: by the file's name; [] counts all lines"`
	Last    []lastLine       `yaml:"last" doc:"rules about the last line of a kind, e.g. the USER of a Dockerfile"`
	Format  string           `yaml:"format" enum:"json,yaml,toml,ini" doc:"how values are read; default: by the file's name"`
	Values  []valuerule.Rule `yaml:"values" doc:"rules about single values of a JSON, YAML, TOML or INI file"`
	Changed *schema.Duration `yaml:"changed_within" min:"1m" doc:"maximum time since the last change"`
	Mode    string           `yaml:"mode" pattern:"^0?[0-7]{3}$" doc:"permission bits that the file may have at most, e.g. 0640"`
	MinSize schema.Bytes     `yaml:"min_size" default:"1B" min:"0B" doc:"minimum size"`
	MaxSize schema.Bytes     `yaml:"max_size" min:"1B" doc:"maximum size; unlimited when unset"`
	SHA256  string           `yaml:"sha256" pattern:"^[0-9a-f]{64}$" doc:"digest of the content"`
}

// maxFile is the size up to which content is read.
const maxFile = 1 << 20

// Validate reports faults of the parameters when the checklist is loaded.
func (s *fileContent) Validate() []error {
	var errs []error
	for _, pattern := range append([]string{s.Path}, s.Except...) {
		if err := filesearch.ValidPattern(pattern); err != nil {
			errs = append(errs, err)
		}
	}
	for name, list := range map[string][]string{"matches": s.Matches, "lacks": s.Lacks, "ignore": s.Ignore} {
		for _, text := range list {
			if _, err := regexp.Compile(text); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	for _, rule := range s.Last {
		errs = append(errs, rule.validate()...)
	}
	for _, rule := range s.Values {
		for _, err := range rule.Validate() {
			errs = append(errs, fmt.Errorf("values: %w", err))
		}
	}
	if s.Absent && (s.reads() || s.Changed != nil || s.Mode != "" || s.MaxSize != 0) {
		errs = append(errs, errors.New("absent: a file that must not exist has no other rules"))
	}
	if s.MaxSize != 0 && s.MaxSize < s.MinSize {
		errs = append(errs, errors.New("max_size is less than min_size"))
	}
	return errs
}

// reads reports whether a rule is about the content.
func (s *fileContent) reads() bool {
	return len(s.Matches)+len(s.Lacks)+len(s.Last)+len(s.Values) > 0 || s.SHA256 != ""
}

func (s *fileContent) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	found, err := filesearch.Search(ctx, p.Deployment, s.Path, s.Except)
	if err != nil {
		return probe.Result{}, err
	}
	if s.Absent {
		return s.absent(p, found), nil
	}
	if len(found) == 0 {
		return probe.Failed(probe.ReasonMissing, "%s: no such file", s.Path), nil
	}
	var f probe.ResultBuilder
	for _, file := range found {
		if ctx.Err() != nil {
			return probe.Result{}, ctx.Err()
		}
		r, err := s.check(p, file)
		if err != nil {
			return probe.Result{}, err
		}
		f.Add(r)
	}
	if len(found) == 1 {
		return f.Result("%s holds", p.Deployment.Rel(found[0])), nil
	}
	return f.Result("%s: all %s hold", s.Path, phrase.Count(len(found), "file")), nil
}

func (s *fileContent) absent(p *probe.Pass, found []string) probe.Result {
	if len(found) == 0 {
		return probe.Passed("%s: no such file", s.Path)
	}
	var f probe.ResultBuilder
	for _, file := range found {
		name := p.Deployment.Rel(file)
		f.Fail(probe.ReasonExposed, "%s must not exist. Delete it", name)
		f.Offend(probe.Offender{ID: name, File: name})
	}
	return f.Result("")
}

// faults collects what is wrong with one file, each with its place.
type faults struct {
	*probe.ResultBuilder
	file string // as displayed
}

// add adds a failure. rule is the part of the spec that it breaks.
func (f faults) add(rule string, line int, reason probe.Reason, format string, args ...any) {
	f.Fail(reason, format, args...)
	f.Offend(probe.Offender{ID: f.file + " " + rule, File: f.file, Line: line})
}

// check judges one file.
func (s *fileContent) check(p *probe.Pass, file string) (probe.Result, error) {
	name := p.Deployment.Rel(file)
	unreadable := func(err error) (probe.Result, error) {
		r, err := probe.Unreadable(name, err)
		return r.About(probe.Offender{ID: name, File: name}), err
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = files.ErrNotRegular
	}
	if err != nil {
		return unreadable(err)
	}
	f := faults{&probe.ResultBuilder{}, name}
	s.judgeInfo(f, p, info)
	if s.reads() && info.Size() > 0 {
		r, err := files.Load(p.Files, file, fmt.Sprintf("file content judged by %+v", s.identity()), maxFile, func(data []byte, _ fs.FileInfo) (probe.Result, error) {
			return s.judgeContent(name, data)
		})
		switch {
		case errors.Is(err, files.ErrTooLarge):
			return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s is larger than 1 MiB, so its content is not read", name)
		case err != nil:
			return unreadable(err)
		}
		f.Add(r)
	}
	return f.Result("%s holds", name), nil
}

// identity is the spec by value: pointers differ between loads of one checklist.
func (s *fileContent) identity() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %q %v %q %s", s.Matches, s.Lacks, s.Ignore, s.Comment, s.Comment == nil, s.Format, s.SHA256)
	for _, rule := range s.Last {
		fmt.Fprintf(&b, " %q", rule)
	}
	for _, rule := range s.Values {
		b.WriteString(" " + rule.String())
	}
	return b.String()
}

func (s *fileContent) judgeInfo(f faults, p *probe.Pass, info fs.FileInfo) {
	name, size := f.file, schema.Bytes(info.Size())
	switch {
	case size == 0 && s.MinSize > 0:
		f.add("size", 0, probe.ReasonEmpty, "%s is empty", name)
	case size < s.MinSize:
		f.add("size", 0, probe.ReasonThreshold, "%s is smaller than %s", name, s.MinSize)
	case s.MaxSize != 0 && size > s.MaxSize:
		f.add("size", 0, probe.ReasonThreshold, "%s is larger than %s", name, s.MaxSize)
	}
	if s.Changed != nil {
		age := p.Time.Sub(info.ModTime())
		switch {
		case age > s.Changed.Std():
			f.add("changed_within", 0, probe.ReasonStale, "%s was last changed %s ago, more than %s", name, phrase.Duration(age), s.Changed)
		case age < -5*time.Minute:
			f.add("changed_within", 0, probe.ReasonInvalid, "%s has a time of last change in the future", name)
		}
	}
	if s.Mode != "" {
		allowed, _ := strconv.ParseUint(s.Mode, 8, 32) // the schema holds its form
		if more := info.Mode().Perm() &^ fs.FileMode(allowed); more != 0 {
			f.add("mode", 0, probe.ReasonExposed, "%s has mode %04o, more than %04o allows. Run chmod %04o on it", name, info.Mode().Perm(), allowed,
				info.Mode().Perm()&fs.FileMode(allowed))
		}
	}
}

func (s *fileContent) judgeContent(name string, data []byte) (probe.Result, error) {
	f := faults{&probe.ResultBuilder{}, name}
	if files.IsLFSPointer(data) {
		return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s is a Git LFS pointer; fetch its content with git lfs pull", name)
	}
	if s.SHA256 != "" {
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != s.SHA256 {
			f.add("sha256", 0, probe.ReasonMismatch, "%s differs from the digest in the checklist", name)
		}
	}
	if len(s.Matches)+len(s.Lacks)+len(s.Last) > 0 {
		text, ok := decode(data)
		if !ok {
			return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s is not text in UTF-8 or UTF-16", name)
		}
		s.judgeLines(f, text)
	}
	if len(s.Values) > 0 {
		root, err := valuerule.Parse(cmp.Or(s.Format, formatOf(name)), data)
		if err != nil {
			f.add("format", 0, probe.ReasonInvalid, "%s: %v", name, err)
			return f.Result(""), nil
		}
		for _, rule := range s.Values {
			var broken probe.ResultBuilder
			rule.Judge(&broken, name, root)
			if r := broken.Result("holds"); r.State == probe.StateFail {
				f.add(rule.At, 0, r.Reason, "%s", r.Detail)
			}
		}
	}
	return f.Result("%s holds", name), nil
}

// formatOf returns the format of a file by its name; "" if it tells none.
func formatOf(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".webmanifest":
		return "json"
	case ".yaml", ".yml":
		return "yaml"
	case ".toml":
		return "toml"
	case ".ini", ".cfg", ".conf", ".properties", ".service", ".env":
		return "ini"
	}
	return ""
}

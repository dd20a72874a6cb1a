// Package cron judges the schedules in a deployment's folder: crontabs and timer units of systemd.
package cron

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"mvdan.cc/sh/v3/syntax"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
	"github.com/thenexusengine/catalyst_exporter/probe/filesearch"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// cron: is the job scheduled, at times that come, and does its program exist?
//
// The rules are those of Vixie cron, which Debian and others use: one invalid line makes it refuse the whole file, and a last
// line without a newline does not count. A job that is commented out, or whose command is a no-op, is not scheduled. Details
// name file and line, and no command.

// JobKind is the kind cron.
func JobKind() probe.Kind {
	return probe.Kind{
		Name:       "cron",
		Question:   "Is the job scheduled, at times that come, and does its program exist?",
		Example:    `{path: 'cron.d/*', command: 'backup\.sh', max_interval: 25h}`,
		Layer:      probe.LayerDeclared,
		Reads:      "the crontabs and timer units that match `path`, the services of the timers next to them, and whether the program of the command exists",
		Permission: "read permission",
		MaxAge:     30 * time.Second,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*cronJob).breakages(view) },
		New:        func() any { return &cronJob{} },
	}
}

type cronJob struct {
	Path        []string         `yaml:"path" required:"true" doc:"crontabs and .timer files, relative to the deployment root. *, ? and [a-z] match within a name, ** any number of folders"`
	Command     string           `yaml:"command" required:"true" doc:"regular expression (RE2) that the command of the job matches; for a timer, ExecStart of its service"`
	MaxInterval *schema.Duration `yaml:"max_interval" min:"1m" doc:"maximum time between two starts"`
	Format      string           `yaml:"format" enum:"crontab,system,timer" doc:"crontab: of one user; system: with a column for the user, like /etc/cron.d; timer. Default: by the file's name"`
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *cronJob) Validate() []error {
	var errs []error
	for _, pattern := range s.Path {
		if err := filesearch.ValidPattern(pattern); err != nil {
			errs = append(errs, err)
		}
	}
	if _, err := regexp.Compile(s.Command); err != nil {
		errs = append(errs, fmt.Errorf("command: %w", err))
	}
	return errs
}

const maxFile = 1 << 20

func (s *cronJob) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	var f probe.ResultBuilder
	read, active := 0, 0
	var inactive []string
	for _, pattern := range s.Path {
		found, err := filesearch.Search(ctx, p.Deployment, pattern, nil)
		if err != nil {
			return probe.Result{}, err
		}
		for _, file := range found {
			read++
			name := p.Deployment.Rel(file)
			one, err := s.read(p, file)
			if err != nil {
				r, err := probe.Unreadable(name, err)
				if err != nil {
					return probe.Result{}, err
				}
				f.Add(r.About(probe.Offender{ID: name, File: name}))
				continue
			}
			jobs := s.matching(one)
			if one.unseen != "" {
				return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s: %s", name, one.unseen)
			}
			if one.invalid > 0 && (len(jobs) > 0 || len(found) == 1) {
				f.Fail(probe.ReasonInvalid, "%s:%d is not valid, so that the whole file is refused", name, one.invalid)
				f.Offend(probe.Offender{ID: name + " invalid", File: name, Line: one.invalid})
				continue
			}
			for _, j := range jobs {
				if j.inactive != "" {
					inactive = append(inactive, fmt.Sprintf("%s:%d %s", name, j.line, j.inactive))
					continue
				}
				active++
				s.judge(&f, p, file, j)
			}
		}
	}
	switch {
	case read == 0:
		f.Fail(probe.ReasonMissing, "%s: no such file", phrase.Words(s.Path))
	case active == 0 && f.Worst.State != probe.StateFail && len(inactive) > 0:
		f.Fail(probe.ReasonMissing, "the job is not scheduled: %s", strings.Join(inactive[:min(len(inactive), probe.MaxFindings)], "; "))
	case active == 0 && f.Worst.State != probe.StateFail:
		f.Fail(probe.ReasonMissing, "%s: no job has a command that matches %s", phrase.Words(s.Path), s.Command)
	}
	return f.Result("%s scheduled", phrase.Count(active, "job")), nil
}

// read parses a file.
func (s *cronJob) read(p *probe.Pass, file string) (jobFile, error) {
	text, err := load(p, file)
	if err != nil {
		return jobFile{}, err
	}
	switch base := filepath.Base(file); {
	case s.Format == "timer", s.Format == "" && strings.HasSuffix(base, ".timer"):
		service := parseUnit(text).last("Timer.Unit")
		if service == "" {
			service = strings.TrimSuffix(base, ".timer") + ".service"
		}
		command := ""
		unit, err := load(p, filepath.Join(filepath.Dir(file), filepath.Base(service)))
		if err == nil {
			command = strings.TrimLeft(parseUnit(unit).last("Service.ExecStart"), "-@:+!|")
		}
		one := parseTimer(text, command)
		if command == "" {
			for i := range one.jobs {
				one.jobs[i].command = service
				if one.jobs[i].inactive == "" {
					one.jobs[i].doubt = "starts a service whose ExecStart is not next to it"
				}
			}
		}
		return one, nil
	case s.Format == "":
		folder := filepath.Base(filepath.Dir(file))
		system := folder == "cron.d" || folder == "etc" && base == "crontab"
		one := parseCrontab(text, system)
		if folder == "cron.d" && strings.Contains(base, ".") {
			for i := range one.jobs {
				if one.jobs[i].doubt == "" {
					one.jobs[i].doubt = "is in a file that cron ignores in cron.d: its name contains a dot"
				}
			}
		}
		return one, nil
	}
	return parseCrontab(text, s.Format == "system"), nil
}

func load(p *probe.Pass, file string) (string, error) {
	return files.Load(p.Files, file, "text of a schedule", maxFile, func(data []byte, _ fs.FileInfo) (string, error) {
		return strings.ReplaceAll(string(data), "\r\n", "\n"), nil
	})
}

func (s *cronJob) matching(f jobFile) []job {
	re := regexp.MustCompile(s.Command) // valid, see Validate
	return slices.DeleteFunc(slices.Clone(f.jobs), func(j job) bool { return !re.MatchString(j.command) })
}

// judge judges one job that is scheduled.
func (s *cronJob) judge(f *probe.ResultBuilder, p *probe.Pass, file string, j job) {
	name := p.Deployment.Rel(file)
	at := fmt.Sprintf("%s:%d", name, j.line)
	about := func(rule string) { f.Offend(probe.Offender{ID: name + " " + rule, File: name, Line: j.line}) }
	gap, comes := j.when.gap(p.Time)
	switch {
	case j.when.once:
		f.Warn(probe.ReasonWeak, "%s runs only when the system starts", at)
		about("schedule")
	case !comes:
		f.Fail(probe.ReasonInvalid, "%s has a schedule that never comes, such as 31 February", at)
		about("schedule")
	case s.MaxInterval != nil && gap > s.MaxInterval.Std():
		f.Fail(probe.ReasonThreshold, "%s runs at intervals of up to %s, more than %s", at, phrase.Duration(gap), s.MaxInterval)
		about("interval")
	}
	if j.doubt != "" {
		f.Warn(probe.ReasonInvalid, "%s %s", at, j.doubt)
		about("line")
	}
	programs, disabled := programsOf(j.command)
	if disabled {
		f.Fail(probe.ReasonMissing, "%s has a command that does nothing", at)
		about("command")
	}
	for _, program := range programs {
		s.program(f, p, program, at, about)
	}
}

// program checks that a program of the command exists.
func (s *cronJob) program(f *probe.ResultBuilder, p *probe.Pass, program, at string, about func(string)) {
	inside := strings.HasPrefix(program, p.Deployment.Root+"/")
	if !path.IsAbs(program) {
		return // found by PATH
	}
	info, err := os.Stat(program)
	switch {
	case errors.Is(err, fs.ErrNotExist) && inside:
		f.Fail(probe.ReasonMissing, "%s starts %s, which does not exist", at, p.Deployment.Rel(program))
		about("program")
	case errors.Is(err, fs.ErrNotExist):
		f.Warn(probe.ReasonMissing, "%s starts a program that does not exist on this host", at)
		about("program")
	case err == nil && inside && info.Mode().IsRegular() && info.Mode()&0o111 == 0:
		f.Fail(probe.ReasonInvalid, "%s starts %s, which is not executable", at, p.Deployment.Rel(program))
		about("program")
	}
}

// programsOf returns the programs that a command starts by their path. disabled says that it starts none, but : or true.
func programsOf(command string) (programs []string, disabled bool) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(command), "")
	if err != nil {
		return nil, false
	}
	calls, idle := 0, 0
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		var words []string
		for _, w := range call.Args {
			words = append(words, w.Lit()) // "" for a word with expansions
		}
		for len(words) > 1 && slices.Contains([]string{"exec", "nice", "ionice", "nohup", "sudo", "env", "command", "time"}, path.Base(words[0])) &&
			!strings.HasPrefix(words[1], "-") && !strings.Contains(words[1], "=") {
			words = words[1:]
		}
		calls++
		switch path.Base(words[0]) {
		case ":", "true", "false", "echo", "exit":
			idle++
		case "sh", "bash", "ash", "dash", "python", "python3", "perl", "ruby", "php", "node":
			programs = append(programs, words[0])
			if len(words) > 1 && path.IsAbs(words[1]) {
				if info, err := os.Stat(words[1]); err != nil || info.Mode()&0o111 != 0 {
					programs = append(programs, words[1]) // an interpreter needs no executable script
				}
			}
		default:
			programs = append(programs, words[0])
		}
		return true
	})
	return programs, calls == 0 || calls == idle
}

// breakages comment the job out, give it 31 February, and take its newline. A job that several lines schedule is left alone.
func (s *cronJob) breakages(view *deployment.View) (all []probe.Breakage) {
	re := regexp.MustCompile(s.Command)
	for _, pattern := range s.Path {
		found, err := filesearch.Search(context.Background(), view.Deployment, pattern, nil)
		if err != nil {
			return nil
		}
		for _, file := range found {
			data, _, err := files.Read(file, maxFile)
			if err != nil || strings.HasSuffix(file, ".timer") {
				continue
			}
			one := parseCrontab(string(data), s.Format == "system" || filepath.Base(filepath.Dir(file)) == "cron.d")
			for _, j := range one.jobs {
				if j.inactive != "" || !re.MatchString(j.command) {
					continue
				}
				never := func(n int, line string) (string, bool) {
					if fields := strings.Fields(line); n == j.line && len(fields) > 5 {
						return "0 0 31 2 * " + strings.Join(fields[5:], " "), true
					}
					return line, true
				}
				all = append(all, probe.Breakage{Name: "job commented out", File: file, Edit: edit.CommentLines(j.line, j.line)},
					probe.Breakage{Name: "job deleted", File: file, Edit: edit.DropLines(j.line, j.line)},
					probe.Breakage{Name: "job on 31 February", File: file, Edit: edit.Lines(never)},
					probe.Breakage{Name: "file emptied", File: file, Edit: edit.Empty})
			}
		}
	}
	if len(all) > 4 {
		return nil
	}
	return all
}

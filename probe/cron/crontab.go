package cron

import (
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// job is one scheduled command of a file.
type job struct {
	line     int
	command  string
	when     schedule
	inactive string // why it never runs, "" if it does
	doubt    string // why it may not do what it says
}

// jobFile is what one file schedules.
type jobFile struct {
	jobs    []job
	invalid int    // the first line that is not valid, 0 if there is none
	unseen  string // why the file cannot be judged
}

var (
	assignment = lazyregexp.New(`^\s*["']?[A-Za-z_][A-Za-z0-9_]*["']?\s*=`)
	jobLine    = lazyregexp.New(`^\s*((?:\S+\s+){5}|@\w+\s+(?:[0-9]\w*\s+)?)(\S.*)$`)
	percent    = lazyregexp.New(`(?:^|[^\\])%`)
	userWord   = lazyregexp.New(`^[a-z_][a-z0-9_-]*\$?$`)
)

// parseCrontab parses a crontab. withUser says that the sixth field is a user, as in /etc/crontab and /etc/cron.d.
func parseCrontab(text string, withUser bool) jobFile {
	var f jobFile
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		bare := strings.TrimSpace(line)
		comment := strings.HasPrefix(bare, "#")
		if bare == "" || !comment && assignment.MatchString(bare) {
			continue
		}
		j, ok := parseLine(strings.TrimLeft(bare, "# \t"), withUser)
		j.line = i + 1
		switch {
		case comment && ok:
			j.inactive = "is commented out"
			f.jobs = append(f.jobs, j)
		case comment:
		case !ok:
			if f.invalid == 0 {
				f.invalid = i + 1
			}
		default:
			if !strings.HasSuffix(line, "\n") {
				j.inactive = "has no newline at its end, so that cron ignores it. Append one"
			}
			f.jobs = append(f.jobs, j)
		}
	}
	return f
}

func parseLine(text string, withUser bool) (job, bool) {
	m := jobLine.FindStringSubmatch(text)
	if m == nil {
		return job{}, false
	}
	fields, command := strings.Fields(m[1]), m[2]
	j := job{}
	switch name := strings.ToLower(fields[0]); {
	case name == "@reboot":
		j.when.once = true
	case name == "@every" && len(fields) == 2:
		d, err := time.ParseDuration(fields[1])
		if err != nil || d <= 0 {
			return job{}, false
		}
		j.when.every = d
	case strings.HasPrefix(name, "@"):
		spec, known := shorthands()[name]
		if !known {
			return job{}, false
		}
		if len(fields) == 2 { // the second one belongs to the command
			command = fields[1] + " " + command
		}
		j.when, _ = parseCron(strings.Fields(spec))
	default:
		var err error
		if j.when, err = parseCron(fields); err != nil {
			return job{}, false
		}
	}
	if user, rest, ok := strings.Cut(command, " "); ok && userWord.MatchString(user) && (withUser || user == "root") {
		command = strings.TrimSpace(rest)
	} else if withUser {
		return job{}, false
	}
	j.command = command
	if percent.MatchString(command) {
		j.doubt = `has a % that ends its command. Write \%`
	}
	return j, true
}

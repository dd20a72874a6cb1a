// Command bench measures the exporter beside what a user would pick instead, on one machine, and writes bench/README.md and the pictures of how
// it grows.
//
// Everything is measured in rounds that take turns, so that other work on the machine falls on all alike, and told as ratios. CPU is the process's
// own clock, memory the kernel's high-water mark. A peer that cannot be had is named and left out. Linux only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are what the command line sets.
type options struct {
	rounds    int
	only      *regexp.Regexp
	sustained time.Duration
	write     bool
	tools     string
}

// bench is one run.
type bench struct {
	options
	ctx    context.Context
	out    io.Writer
	dir    string // of everything that is made for the run
	source string // the repository's root
	tools  map[string]tool
	rows   []row
	curves []curve
}

// section is one part of the run.
type section struct {
	name string
	run  func(*bench) error
}

// sections lists the parts in the order of the run: what is quick first.
func sections() []section {
	return []section{
		{"start", (*bench).measureStart},
		{"local", (*bench).measureLocal},
		{"cached", (*bench).measureCached},
		{"concurrent", (*bench).measureConcurrent},
		{"node", (*bench).measureNode},
		{"network", (*bench).measureNetwork},
		{"hanging", (*bench).measureHanging},
		{"secrets", (*bench).measureSecrets},
		{"growth", (*bench).measureGrowth},
		{"targets", (*bench).measureTargets},
	}
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.IntVar(&o.rounds, "rounds", 7, "rounds of each comparison")
	only := flags.String("only", "", "run only the sections whose name this regular expression matches: start local cached concurrent node network hanging secrets growth targets")
	flags.DurationVar(&o.sustained, "sustained", time.Minute, "how long 1,000 targets are scraped; the goal speaks of 10m")
	flags.BoolVar(&o.write, "write", true, "write bench/README.md and the pictures, when all sections are run")
	flags.StringVar(&o.tools, "tools", "", "folder that keeps the built peers from run to run; a temporary one when not set")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	expression, err := regexp.Compile(*only)
	if err != nil || o.rounds < 1 || flags.NArg() > 0 {
		_, _ = fmt.Fprintln(errs, "bench: wrong usage:", err, flags.Args())
		return 2
	}
	o.only = expression
	if err := measure(ctx, o, out, *only == ""); err != nil {
		_, _ = fmt.Fprintln(errs, "bench:", err)
		return 1
	}
	return 0
}

// measure does one run from beginning to end.
func measure(ctx context.Context, o options, out io.Writer, whole bool) (err error) {
	source, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(source, "bench", "go.mod")); err != nil {
		return errors.New("run it in the folder bench: make bench, or go run -C bench .")
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{options: o, ctx: ctx, out: out, dir: dir, source: source}
	began := time.Now()
	if err := b.getTools(); err != nil {
		return err
	}
	for _, s := range sections() {
		if !o.only.MatchString(s.name) {
			continue
		}
		first := len(b.rows)
		if err := s.run(b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for _, r := range b.rows[first:] {
			b.say("%s", r)
		}
	}
	if !whole || !o.write {
		return nil
	}
	return b.writeReport(began)
}

func (b *bench) say(format string, args ...any) { _, _ = fmt.Fprintf(b.out, format+"\n", args...) }

// path returns a path in the run's folder, whose parent folder exists afterwards.
func (b *bench) path(parts ...string) string {
	p := filepath.Join(slices.Concat([]string{b.dir}, parts)...)
	_ = os.MkdirAll(filepath.Dir(p), 0o755)
	return p
}

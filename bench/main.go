// Command bench compares the cost of the exporter with that of its alternatives on one machine, and writes bench/README.md
// and its growth charts.
//
// Rounds of all programs are interleaved, so that other load on the machine affects them equally, and results are ratios.
// CPU time comes from the process clock, memory from the kernel's high-water mark. The report names each peer that could
// not be built. Linux only.
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

// options are the command-line flags.
type options struct {
	rounds    int
	only      *regexp.Regexp
	sustained time.Duration
	write     bool
	tools     string
}

// bench is the state of one run.
type bench struct {
	options
	ctx    context.Context
	out    io.Writer
	dir    string // temporary folder of the run
	source string // root of the repository
	tools  map[string]tool
	rows   []row
	curves []curve
}

// section is a group of measurements.
type section struct {
	name string
	run  func(*bench) error
}

// sections returns all sections in the order of the run, fast ones first.
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
	flags.IntVar(&o.rounds, "rounds", 7, "number of rounds of each comparison")
	only := flags.String("only", "", "run only the sections that match this regular expression: start local cached concurrent node network hanging secrets growth targets")
	flags.DurationVar(&o.sustained, "sustained", time.Minute, "how long to scrape 1,000 targets; the goal requires 10m")
	flags.BoolVar(&o.write, "write", true, "write bench/README.md and the charts if all sections run")
	flags.StringVar(&o.tools, "tools", "", "folder to keep the built peers in; a temporary folder if not set")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	expression, err := regexp.Compile(*only)
	if err != nil || o.rounds < 1 || flags.NArg() > 0 {
		_, _ = fmt.Fprintln(errs, "bench: invalid usage:", err, flags.Args())
		return 2
	}
	o.only = expression
	if err := measure(ctx, o, out, *only == ""); err != nil {
		_, _ = fmt.Fprintln(errs, "bench:", err)
		return 1
	}
	return 0
}

// measure does one complete run.
func measure(ctx context.Context, o options, out io.Writer, whole bool) (err error) {
	source, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(source, "bench", "go.mod")); err != nil {
		return errors.New("not in the folder bench; run `make bench` or `go run -C bench .`")
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

// path returns a path in the run's temporary folder and creates its parent folder.
func (b *bench) path(parts ...string) string {
	p := filepath.Join(slices.Concat([]string{b.dir}, parts)...)
	_ = os.MkdirAll(filepath.Dir(p), 0o755)
	return p
}

// Package exporter is the program: one file per command of its command line.
package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/history"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
)

// Exit codes of all commands.
const (
	ExitReady    = 0 // ready, or the command succeeded
	ExitFailing  = 1 // a required item fails
	ExitUsage    = 2 // invalid usage or configuration
	ExitWaiting  = 3 // no required item fails, but at least one is unknown (or, for a gate, pending)
	ExitInternal = 4 // the command failed for another reason, e.g. the port is in use or the disk is full
)

// System holds everything that the program takes from its environment, so that tests can replace it.
type System struct {
	Context   context.Context // its cancellation stops the program; nil: SIGINT and SIGTERM stop it
	Stdout    io.Writer
	Stderr    io.Writer
	Terminal  bool // whether Stdout is a terminal: enables colours and progress
	Columns   int  // width of that terminal, for wrapping text; 0 if unknown or not a terminal
	Getenv    func(string) (string, bool)
	Now       func() time.Time
	Listening func(address string) // called once the server listens; may be nil
}

// OS returns the System of the current process.
func OS() System {
	_, err := unix.IoctlGetTermios(int(os.Stdout.Fd()), unix.TCGETS)
	_, noColour := os.LookupEnv("NO_COLOR")
	columns := 0
	if size, err := unix.IoctlGetWinsize(int(os.Stdout.Fd()), unix.TIOCGWINSZ); err == nil {
		columns = int(size.Col)
	}
	return System{Stdout: os.Stdout, Stderr: os.Stderr, Terminal: err == nil && !noColour, Columns: columns, Getenv: os.LookupEnv, Now: time.Now}
}

// app is one run of the program.
type app struct {
	System
	log *slog.Logger

	root       string
	configFile string
	target     string

	stateDir string
	commands string
	states   *history.Store
}

// source returns where the configuration comes from.
func (a *app) source() config.Source {
	return config.Source{File: a.configFile, Root: a.root, Target: a.target, Getenv: a.Getenv, Now: a.Now, Log: a.log, States: a.states, Commands: a.commands}
}

// command runs one command and returns its exit code.
type command func(ctx context.Context) (int, error)

// Main runs the program with the given arguments and returns its exit code.
func Main(args []string, sys System) int {
	a := &app{System: sys}
	ctx := sys.Context
	if ctx == nil {
		noCoreDumps()
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
	}
	// --version is not a global flag because `deploy plan --version` sets the release's version.
	if len(args) == 1 && args[0] == "--version" {
		args = []string{"version"}
	}
	// kingpin's own help command does not say which command was probably meant.
	if len(args) > 1 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	ended := -1 // exit code that kingpin wants to exit with by itself, as for --help
	k, commands, logConfig := a.commandLine()
	k.Terminate(func(code int) { ended = code; panic(terminated{}) })
	name, err := parse(k, args)
	var unwritten *fs.PathError
	switch {
	case errors.As(err, &unwritten) && unwritten.Op == "write":
		return a.fail(fmt.Errorf("standard output: %w", unwritten.Err))
	case ended >= 0:
		return ended
	}
	if err != nil {
		return a.fail(usage.Error{Err: fmt.Errorf("%w (see catalyst_exporter --help)", usage.Explain(k, args, err))})
	}
	a.log = promslog.New(logConfig)
	// Libraries that log by themselves quote server responses ("Unsolicited response … starting with …").
	slog.SetDefault(slog.New(slog.DiscardHandler))
	a.states = history.NewStore(a.stateDir, a.Now, func() *slog.Logger { return a.log })
	defer a.states.Close()
	code, err := commands[name](ctx)
	if err != nil {
		return a.fail(err)
	}
	return code
}

// noCoreDumps keeps the secrets in memory out of core dumps, also of programs that it starts. The limit of 1 byte is the one
// that also stops a dump to a program (core(5)).
func noCoreDumps() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}) } // best effort: lowering a limit needs no permission

// commandLine builds the parser, with all flags, and the function of each command.
func (a *app) commandLine() (*kingpin.Application, map[string]command, *promslog.Config) {
	k := kingpin.New("catalyst_exporter", "The Prometheus exporter of production readiness: it probes every item of a deployment"+
		" checklist and reports whether the item holds.")
	k.UsageWriter(a.Stdout)
	k.ErrorWriter(a.Stderr)
	k.HelpFlag.Short('h')
	k.PreAction(usage.SetDefaults(k))
	k.Flag("deployment.root", "Folder of the deployment to check.").Default(".").PlaceHolder("DIR").StringVar(&a.root)
	k.Flag("config.file", "Configuration file (optional).").PlaceHolder("FILE").StringVar(&a.configFile)
	k.Flag("target", "Configured target to run the command for; required with several targets.").PlaceHolder("NAME").StringVar(&a.target)
	k.Flag("state.directory", "Directory in which the history of verdicts is kept; not in the deployment's folder. Without it nothing is kept.").
		PlaceHolder("DIR").StringVar(&a.stateDir)
	k.Flag("probe.command-directory", "Directory of the programs that probes of kind command may run; owned by root and writable by nobody else. Without it none runs.").
		PlaceHolder("DIR").StringVar(&a.commands)
	logConfig := &promslog.Config{Writer: a.Stderr}
	promslogflag.AddFlags(k, logConfig)

	commands := map[string]command{}
	add := func(c *kingpin.CmdClause, run command) { commands[c.FullCommand()] = run }
	a.serveCommand(k, add)
	a.checkCommand(k, add)
	a.listCommand(k, add)
	a.explainCommand(k, add)
	a.challengeCommand(k, add)
	a.verifyCommand(k, add)
	a.waitCommand(k, add)
	a.healthyCommand(k, add)
	a.attestCommand(k, add)
	a.waiveCommand(k, add)
	a.deployCommands(k, add)
	a.drillCommands(k, add)
	a.configCommands(k, add)
	a.reportCommand(k, add)
	a.checklistCommands(k, add)
	a.shippedCommands(k, add)
	a.versionCommand(k, add)
	return k, commands, logConfig
}

func (a *app) versionCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	c := k.Command("version", "Print the version, revision and build of this program; same as --version.")
	add(c, func(context.Context) (int, error) {
		_, err := fmt.Fprintln(a.Stdout, version.Print("catalyst_exporter"))
		return ExitReady, err
	})
}

// terminated is the panic value that unwinds the parser when kingpin wants to exit.
type terminated struct{}

func parse(k *kingpin.Application, args []string) (name string, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			var unwritten *fs.PathError
			if failed, is := cause.(error); is && errors.As(failed, &unwritten) { // kingpin cannot print the help
				name, err = "", failed
				return
			}
			if _, ok := cause.(terminated); !ok {
				panic(cause)
			}
		}
	}()
	return k.Parse(args)
}

func (a *app) fail(err error) int {
	_, _ = fmt.Fprintf(a.Stderr, "catalyst_exporter: %v\n", err)
	var wrong usage.Error
	if errors.As(err, &wrong) {
		return ExitUsage
	}
	return ExitInternal
}

// Runs pg_restore and psql. They are the only programs this project starts besides git, and only for a drill that an
// operator requests, because nothing else can restore PostgreSQL's archives with all dependencies. The programs come
// from PATH, the arguments are fixed, and the password is passed in the environment. Their output is not shown, because
// it quotes rows.

package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// plan is how one backup is restored.
type plan struct {
	path    string // of the backup
	program string // path of the program
	args    []string
	stdin   []string // compression layers to unpack into the program's standard input; nil if it reads the path itself
	psql    bool
}

// plan selects the program, or returns why none is suitable.
func (d Drill) plan(path string, directory bool, proof dump.Proof) (p plan, err error) {
	p = plan{path: path, stdin: append([]string{}, proof.Packed...)}
	name := "pg_restore"
	// Objects belong to the restoring user. Objects that connect to the outside, above all to other servers, are omitted.
	p.args = []string{"--no-password", "--exit-on-error", "--no-owner", "--no-privileges", "--no-security-labels", "--no-tablespaces", "--no-publications", "--no-subscriptions"}
	switch {
	case proof.Format == dump.Custom, proof.Format == dump.Tar && !directory:
		p.args = append(p.args, "--format="+string(proof.Format))
	case proof.Format == dump.Directory && directory:
		p.args, p.stdin = append(p.args, "--format=directory"), nil
	case proof.Format == dump.Directory:
		return p, fmt.Errorf("a directory dump in a tar archive %w: unpack it and name the directory", ErrUnsupported)
	case proof.Format == dump.SQL && proof.Commands:
		return p, fmt.Errorf("a dump with psql commands that pg_dump does not write %w: they run programs on this machine",
			ErrUnsupported)
	case proof.Format == dump.SQL && !d.Throwaway:
		return p, ErrThrowaway
	case proof.Format == dump.SQL:
		name, p.psql = "psql", true
		p.args = []string{"--no-password", "--no-psqlrc", "--quiet", "--output=" + os.DevNull, "--set=ON_ERROR_STOP=0", "--set=VERBOSITY=sqlstate", "--file=-"}
	case proof.Format == dump.Cluster:
		return p, fmt.Errorf("a dump of pg_dumpall %w, because it changes roles and all databases of a server:"+
			" restore it with psql into an empty server, compare the tables and attest restore_tested, or dump the database with pg_dump",
			ErrUnsupported)
	default:
		return p, fmt.Errorf("a backup of format %q %w", proof.Format, ErrUnsupported)
	}
	if p.program, err = exec.LookPath(name); err != nil {
		return p, fmt.Errorf("%s %w: install PostgreSQL's client programs", name, ErrNoProgram)
	}
	return p, nil
}

// restore runs the program. failed says why it rejected the backup.
func (p plan) restore(ctx context.Context, s *server) (failed string, err error) {
	environment, err := libpq(s.dsn)
	if err != nil {
		return "", err
	}
	args := append(slices.Clone(p.args), "--dbname="+s.name)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	said := &sayings{}
	if p.stdin == nil {
		args = append(args, p.path)
	}
	command := exec.CommandContext(ctx, p.program, args...)
	command.Env, command.Stderr, command.WaitDelay = environment, said, 10*time.Second
	if p.stdin != nil {
		f, _, err := files.Open(p.path)
		if err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }()
		content, err := dump.Unpack(ctx, f, p.stdin)
		if err != nil {
			return "", err
		}
		defer func() { _ = content.Close() }()
		command.Stdin = content
	}
	err = command.Run()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", fmt.Errorf("run %s: %w", p.program, err)
	}
	said.read()
	if err == nil && len(said.refused()) == 0 {
		return "", nil
	}
	return said.failure(p, err), nil
}

// libpq returns the environment with which PostgreSQL's programs connect to the DSN.
func libpq(dsn secret.Text) ([]string, error) {
	config, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		return nil, errors.New("invalid PostgreSQL address, or a file that it names cannot be read")
	}
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LC_ALL=C",
		"PGHOST=" + config.Host, "PGPORT=" + strconv.Itoa(int(config.Port)), "PGUSER=" + config.User, "PGPASSWORD=" + config.Password,
		"PGAPPNAME=catalyst_drill", "PGCONNECT_TIMEOUT=" + strconv.Itoa(int(connectTime.Seconds())),
	}
	for key, name := range map[string]string{"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslsni": "PGSSLSNI"} {
		if value := parameter(dsn.Reveal(), key); value != "" {
			environment = append(environment, name+"="+value)
		} else if value := os.Getenv(name); value != "" {
			environment = append(environment, name+"="+value)
		}
	}
	return environment, nil
}

// keyword returns one parameter of a DSN that is not a URL: key=value or key='value with \' in it'.
var keyword = lazyregexp.New(`(?:^|\s)(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S*))`)

// parameter returns one parameter of a DSN.
func parameter(dsn, key string) string {
	if u, err := url.Parse(dsn); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		return u.Query().Get(key)
	}
	for _, match := range keyword.FindAllStringSubmatch(dsn, -1) {
		if match[1] == key {
			return regexp.MustCompile(`\\(.)`).ReplaceAllString(match[2]+match[3], "$1")
		}
	}
	return ""
}

// sayings parses a program's standard error and keeps only text that quotes no rows.
type sayings struct {
	line  []byte
	known []string
	codes map[string]int // SQLSTATE of psql's errors
}

// known are the messages that quote no values, with their remedies.
var known = []struct {
	message *lazyregexp.Regexp
	advice  string
}{
	{lazyregexp.New(`unsupported version \([0-9.]+\) in file header`), "pg_restore is older than the pg_dump that made the backup"},
	{lazyregexp.New(`unrecognized configuration parameter "[a-z_.]+"`), "the server is older than the pg_dump that made the backup"},
	{lazyregexp.New(`extension "[A-Za-z0-9_-]+" is not available`),
		"the drill server lacks an extension that the deployment uses"},
	{lazyregexp.New(`could not access file "\$libdir/[A-Za-z0-9_./-]+"`),
		"the drill server lacks a library that the deployment uses"},
	{lazyregexp.New(`permission denied to create [a-z ]+`), "the drill user lacks privileges"},
	{lazyregexp.New(`No space left on device`), "the drill server has no space left"},
	{lazyregexp.New(`must be (?:superuser|owner) `), "the drill user lacks privileges"},
	{lazyregexp.New(`connection to server .* failed`), "the program could not connect"},
	{lazyregexp.New(`invalid command \\restrict`), "psql is older than the pg_dump that made the backup"},
}

// sqlstate matches an error of psql with VERBOSITY=sqlstate.
var sqlstate = lazyregexp.New(`(?:ERROR|FATAL|PANIC): +([0-9A-Z]{5})$`)

const maxLine = 4096

func (s *sayings) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line, more, ended := bytes.Cut(rest, []byte("\n"))
		s.line = append(s.line, line[:min(len(line), maxLine-len(s.line))]...)
		if rest = more; ended {
			s.read()
		}
	}
	return len(p), nil
}

func (s *sayings) read() {
	for _, k := range known {
		if k.message.Match(s.line) && !slices.Contains(s.known, k.advice) {
			s.known = append(s.known, k.advice)
		}
	}
	if match := sqlstate.FindSubmatch(bytes.TrimSpace(s.line)); match != nil {
		if s.codes == nil {
			s.codes = make(map[string]int)
		}
		s.codes[string(match[1])]++
	}
	s.line = s.line[:0]
}

// refused counts the relevant errors of psql. A missing role (42704) affects only ownership; if a type is missing, the
// tables that need it also fail. A database that a dump drops before creating it need not exist (3D000).
func (s *sayings) refused() map[string]int {
	codes := make(map[string]int)
	for code, n := range s.codes {
		if code != "42704" && code != "3D000" {
			codes[code] = n
		}
	}
	return codes
}

// failure returns why the program failed.
func (s *sayings) failure(p plan, err error) string {
	program := "pg_restore"
	if p.psql {
		program = "psql"
	}
	text := program + " rejected the backup"
	if err != nil {
		text += fmt.Sprintf(" (%s)", err) // "exit status 1"
	}
	var codes []string
	for code, n := range s.refused() {
		codes = append(codes, fmt.Sprintf("%d × SQLSTATE %s", n, code))
	}
	if slices.Sort(codes); len(codes) > 0 {
		text += ": " + strings.Join(codes[:min(len(codes), 5)], ", ")
	}
	if len(s.known) > 0 {
		text += ": " + strings.Join(s.known, "; ")
	}
	return text
}

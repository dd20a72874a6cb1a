package exporter

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/exporter/history"
	"github.com/thenexusengine/catalyst_exporter/exporter/ratchet"
	"github.com/thenexusengine/catalyst_exporter/exporter/selection"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// checkFlags are the flags of the check command.
type checkFlags struct {
	format, output, gate, failOn, only string
	baseline                           string
	categories, items                  []string
	quiet                              bool
	statement                          statementFlags
}

func (a *app) checkCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var f checkFlags
	c := k.Command("check", "Run all probes once and print the verdicts. Exit code: 0 ready, 1 a required item fails,"+
		" 3 no required item fails but at least one is unknown, 2 invalid usage or configuration.")
	c.Flag("format", "Output format: table; json (see docs/checks.schema.json); junit for CI; sarif for code scanning; markdown for pull requests; controls for auditors; prometheus.").
		Default("table").EnumVar(&f.format, "table", "json", "junit", "sarif", "markdown", "controls", "prometheus")
	c.Flag("output", "Write to this file, atomically, instead of the standard output.").PlaceHolder("FILE").StringVar(&f.output)
	c.Flag("category", "Check only this category; repeatable.").PlaceHolder("NAME").StringsVar(&f.categories)
	c.Flag("item", "Check only this item (item or category/item); repeatable.").PlaceHolder("NAME").StringsVar(&f.items)
	c.Flag("gate", "Take the exit code from a gate, pre or post, instead of readiness.").PlaceHolder("NAME").StringVar(&f.gate)
	c.Flag("fail-on", "Items that decide the exit code: required, or any (optional items too).").Default("required").EnumVar(&f.failOn, "required", "any")
	c.Flag("baseline", "Take the exit code only from what is newly not ok since this output of --format=json: a new item, reason or offender;"+
		" and show what got better.").PlaceHolder("FILE").StringVar(&f.baseline)
	c.Flag("only", "Items that the table lists: failing, or not-ok (failing, unknown and pending). The summary counts all.").
		PlaceHolder("STATES").EnumVar(&f.only, string(format.OnlyFailing), string(format.OnlyNotOK))
	c.Flag("quiet", "Print the table's summary without its items.").Short('q').BoolVar(&f.quiet)
	f.statement.add(c)
	add(c, func(ctx context.Context) (int, error) { return a.check(ctx, f) })
}

func (a *app) check(ctx context.Context, f checkFlags) (int, error) {
	s, err := a.source().Load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if f.format != "table" && (f.only != "" || f.quiet) {
		return 0, usage.Errorf("--only and --quiet are for --format=table")
	}
	validFor, err := f.statement.validate(f.gate)
	if err != nil {
		return 0, err
	}
	base, err := baseline(f) // before the probes run, and before --output replaces the same file
	if err != nil {
		return 0, err
	}
	t, sel, gate, err := a.asked(s, f)
	if err != nil {
		return 0, err
	}
	a.warnOfEmptyRoot(s, t)
	stop := a.progress(t.Collector)
	r := t.Collector.Collect(ctx, sel, true)
	stop()
	if err := ctx.Err(); err != nil {
		return 0, interrupted(err)
	}
	t.History.Observe(r)
	answer := selection.Decide(r, sel, gate, f.failOn == "any")
	var compared *ratchet.Comparison
	code := exitCode(answer)
	if base != nil {
		compared = base.Compare(r, answer)
		code = exitCodeSince(compared, code)
	}
	found := result{r, gate, answer, compared, s.Digest, t.History.Past()}
	out, err := a.render(found, f)
	if err != nil {
		return 0, err
	}
	if f.statement.out != "" {
		if err := a.writeStatement(ctx, t, found, f, validFor); err != nil {
			return 0, err
		}
	}
	if err := a.output(f.output, out); err != nil {
		return 0, err
	}
	return code, nil
}

// baselineLimit is the largest output of an earlier check that is read.
const baselineLimit = 64 << 20

// baseline reads the file of --baseline; nil if none is given.
func baseline(f checkFlags) (*ratchet.Baseline, error) {
	if f.baseline == "" {
		return nil, nil
	}
	if !slices.Contains([]string{"table", "json", "markdown"}, f.format) {
		return nil, usage.Errorf("--baseline is for --format=table, json and markdown")
	}
	data, _, err := files.Read(f.baseline, baselineLimit)
	if err == nil {
		var b *ratchet.Baseline
		if b, err = ratchet.Read(data); err == nil {
			return b, nil
		}
	}
	if failed := new(fs.PathError); errors.As(err, &failed) {
		err = failed.Err
	}
	return nil, usage.Errorf("--baseline=%s: %w", f.baseline, err)
}

// result is what a check found.
type result struct {
	report   *collector.Report
	gate     *checklist.Gate // nil without --gate
	answer   checklist.Answer
	compared *ratchet.Comparison // nil without --baseline
	digest   string              // of the configuration
	past     *history.Past
}

// output writes to the file of --output, or to the standard output if it is "". Errors name the file that was asked for,
// not the temporary one.
func (a *app) output(file string, text []byte) error {
	if file == "" {
		if _, err := a.Stdout.Write(text); err != nil {
			return fmt.Errorf("output: %w", err)
		}
		return nil
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return usage.Errorf("--output=%s: is a directory; name a file in it", file)
	}
	err := files.Write(file, text, 0o644)
	if failed := new(fs.PathError); errors.As(err, &failed) {
		err = failed.Err
	} else if failed := new(os.LinkError); errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return fmt.Errorf("--output=%s: %w", file, err)
	}
	return nil
}

// warnOfEmptyRoot says first that a folder is not a deployment that the embedded checklist is about. Its verdicts would
// otherwise read as those of a deployment that lacks everything.
func (a *app) warnOfEmptyRoot(s *config.Config, t *config.Target) {
	view := t.Deployment.View(nil)
	if s.OwnChecklist || view.Place(find.FactCompose).Path() != "" || view.Place(find.FactEnvFile).Path() != "" {
		return
	}
	_, _ = fmt.Fprintf(a.Stderr, "catalyst_exporter: %s contains neither a compose file nor an env file; if the deployment is elsewhere, set"+
		" --deployment.root\n", t.Deployment.Root)
}

func interrupted(err error) error { return fmt.Errorf("interrupted: %w", err) }

// asked resolves the flags to a deployment, a selection of its items and a gate; the gate is nil if none is given.
func (a *app) asked(s *config.Config, f checkFlags) (*config.Target, collector.Selection, *checklist.Gate, error) {
	t, err := a.source().Pick(s)
	if err != nil {
		return nil, collector.Selection{}, nil, err
	}
	sel, err := selection.Of(t.Checklist, f.categories, f.items)
	if err != nil {
		return nil, sel, nil, err
	}
	gate, gates := t.Checklist.Gate(f.gate), selection.Gates(t.Checklist)
	switch {
	case f.gate != "" && len(gates) == 0:
		return nil, sel, nil, usage.Errorf("--gate=%s: the checklist has no gates", f.gate)
	case f.gate != "" && gate == nil:
		hint := cmp.Or(usage.Near(f.gate, gates), "; the checklist has "+strings.Join(gates, ", "))
		return nil, sel, nil, usage.Errorf("unknown gate %q%s", f.gate, hint)
	case f.gate != "" && !sel.All():
		return nil, sel, nil, usage.Errorf("--gate cannot be combined with --category or --item")
	}
	return t, sel, gate, nil
}

func exitCode(a checklist.Answer) int {
	switch {
	case a.Ready:
		return ExitReady
	case len(a.Failing) > 0:
		return ExitFailing
	}
	return ExitWaiting
}

// exitCodeSince is the exit code of what is newly not ok. An answer without anything that is not ok keeps its own: a check that
// judged nothing holds no baseline.
func exitCodeSince(c *ratchet.Comparison, code int) int {
	switch {
	case len(c.Failing) > 0:
		return ExitFailing
	case len(c.Waiting) > 0:
		return ExitWaiting
	case len(c.Known) > 0:
		return ExitReady
	}
	return code
}

func (a *app) render(r result, f checkFlags) ([]byte, error) {
	switch f.format {
	case "json":
		return format.Encode(r.report, r.digest, r.past, r.compared)
	case "junit":
		return format.EncodeJUnit(r.report)
	case "sarif":
		return format.EncodeSARIF(r.report)
	case "prometheus":
		return exposeText(r.report), nil
	}
	var b bytes.Buffer
	switch f.format {
	case "controls":
		format.WriteControls(&b, r.report)
		return b.Bytes(), nil
	case "markdown":
		format.WriteMarkdown(&b, r.report, r.gate, r.answer, r.compared)
		return b.Bytes(), nil
	}
	t := a.table()
	if f.output != "" {
		t = format.Table{} // a file has neither colours nor a width
	}
	t.Only, t.Quiet = format.Only(f.only), f.quiet
	t.Write(&b, r.report, r.gate, r.answer)
	if r.compared != nil {
		t.WriteComparison(&b, r.compared)
	}
	return b.Bytes(), nil
}

// table writes for the standard output.
func (a *app) table() format.Table { return format.Table{Colour: a.Terminal, Columns: a.Columns} }

// exposeText renders a report in the Prometheus text format.
func exposeText(r *collector.Report) []byte {
	var b bytes.Buffer
	for _, block := range r.Text(collector.NewWriter(), false) {
		b.Write(block.Text)
	}
	return b.Bytes()
}

// progress shows the number of running probes and their progress on a terminal, until the returned function is called.
func (a *app) progress(c *collector.Collector) (stop func()) {
	if !a.Terminal {
		return func() {}
	}
	columns := a.Columns
	if columns == 0 {
		columns = 80
	}
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				_, _ = fmt.Fprint(a.Stderr, "\r\033[K")
				return
			case <-tick.C:
				n, far := c.Running()
				if far != "" {
					far = " (" + far + ")"
				}
				// A row that is too long would wrap, and the next one could not erase it.
				row := format.Clip("running: "+phrase.Count(n, "probe")+far, columns-1)
				_, _ = fmt.Fprint(a.Stderr, "\r\033[K", row)
			}
		}
	}()
	return func() { close(done); <-ended }
}

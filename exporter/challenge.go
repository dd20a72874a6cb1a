package exporter

import (
	"bytes"
	"context"
	"errors"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/thenexusengine/catalyst_exporter/challenge"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/exporter/selection"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// challengeFlags are the flags of the challenge command.
type challengeFlags struct {
	format, output, scratch string
	items                   []string
}

func (a *app) challengeCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var f challengeFlags
	c := k.Command("challenge", "Break a copy of the deployment's files, one fault at a time, and print which faults no item notices."+
		" Exit code: 0 all noticed, 1 at least one unnoticed, 3 nothing could be broken, 2 invalid usage or configuration.")
	c.Flag("format", "Output format: table, json, or junit for CI.").Default("table").EnumVar(&f.format, "table", "json", "junit")
	c.Flag("output", "Write to this file, atomically, instead of the standard output.").PlaceHolder("FILE").StringVar(&f.output)
	c.Flag("item", "Challenge only this item (item or category/item); repeatable.").PlaceHolder("NAME").StringsVar(&f.items)
	c.Flag("scratch", "Folder on tmpfs for the copy, which contains secrets; $XDG_RUNTIME_DIR when not set.").PlaceHolder("DIR").StringVar(&f.scratch)
	add(c, func(ctx context.Context) (int, error) { return a.challenge(ctx, f) })
}

func (a *app) challenge(ctx context.Context, f challengeFlags) (int, error) {
	s, err := a.source().Load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	t, err := a.source().Pick(s)
	if err != nil {
		return 0, err
	}
	sel, err := selection.Of(t.Checklist, nil, f.items)
	if err != nil {
		return 0, err
	}
	if f.scratch == "" {
		f.scratch, _ = a.Getenv("XDG_RUNTIME_DIR")
	}
	if f.scratch == "" {
		return 0, usage.Errorf("--scratch is required because XDG_RUNTIME_DIR is not set: name a folder on tmpfs, such as /dev/shm")
	}
	if sel.All() {
		sel.Items = t.Checklist.Items()
	}
	deps := probe.NewDeps(a.log, "catalyst_exporter/"+version.Version)
	deps.Now = a.Now
	r, err := challenge.Run(ctx, challenge.Options{Items: sel.Items, Deployment: t.Deployment, Deps: deps, Scratch: f.scratch})
	switch {
	case ctx.Err() != nil:
		return 0, interrupted(ctx.Err())
	case errors.Is(err, challenge.ErrScratch):
		return 0, usage.Error{Err: err}
	case err != nil:
		return 0, err
	}
	out, err := a.renderChallenge(r, f)
	if err != nil {
		return 0, err
	}
	if err := a.output(f.output, out); err != nil {
		return 0, err
	}
	switch {
	case r.Challenged() == 0:
		return ExitWaiting, nil
	case r.Count(challenge.Unnoticed) > 0:
		return ExitFailing, nil
	}
	return ExitReady, nil
}

func (a *app) renderChallenge(r *challenge.Report, f challengeFlags) ([]byte, error) {
	switch f.format {
	case "json":
		return format.EncodeChallenge(r)
	case "junit":
		return format.EncodeChallengeJUnit(r)
	}
	t := a.table()
	if f.output != "" {
		t = format.Table{} // a file has neither colours nor a width
	}
	var b bytes.Buffer
	t.WriteChallenge(&b, r)
	return b.Bytes(), nil
}

package exporter

import (
	"bytes"
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/selection"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
)

func (a *app) waitCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var f checkFlags
	var timeout, interval time.Duration
	c := k.Command("wait", "Repeat the check until the deployment, a gate or the given items are ready, or until the timeout. Exit codes are those of check.")
	c.Flag("category", "Wait for this category; repeatable.").PlaceHolder("NAME").StringsVar(&f.categories)
	c.Flag("item", "Wait for this item (item or category/item); repeatable.").PlaceHolder("NAME").StringsVar(&f.items)
	c.Flag("gate", "Wait for this gate: pre or post.").PlaceHolder("NAME").StringVar(&f.gate)
	c.Flag("timeout", "Maximum time to wait.").Default("10m").DurationVar(&timeout)
	c.Flag("interval", "Pause between checks.").Default("5s").DurationVar(&interval)
	add(c, func(ctx context.Context) (int, error) {
		if interval <= 0 || timeout < 0 {
			return 0, usage.Errorf("--interval must be positive and --timeout must not be negative")
		}
		return a.wait(ctx, f, timeout, interval)
	})
}

func (a *app) wait(ctx context.Context, f checkFlags, timeout, interval time.Duration) (int, error) {
	f.failOn, f.format = "required", "table"
	s, err := a.source().Load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	t, sel, gate, err := a.asked(s, f)
	if err != nil {
		return 0, err
	}
	end := time.NewTimer(timeout)
	defer end.Stop()
	for {
		r := t.Collector.Collect(ctx, sel, true)
		if err := ctx.Err(); err != nil {
			return 0, interrupted(err)
		}
		t.Freezer.Freeze(r)
		t.History.Observe(r)
		answer := selection.Decide(r, sel, gate, false)
		pause := time.NewTimer(interval)
		over := answer.Ready
		if !over {
			select {
			case <-end.C:
				over = true
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return 0, interrupted(ctx.Err())
			}
		}
		pause.Stop()
		if over {
			var b bytes.Buffer
			a.table().Write(&b, r, gate, answer)
			_, err := a.Stdout.Write(b.Bytes())
			return exitCode(answer), err
		}
	}
}

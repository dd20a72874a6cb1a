package probe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

type breaking struct{ cause any }

func (b breaking) Probe(context.Context, *probe.Pass) (probe.Result, error) { panic(b.cause) }
func (b breaking) Judge(probe.Verdicts) probe.Result                        { panic(b.cause) }

// TestAPanicTellsItsPlaceAlone: what a probe panics with may hold anything, so that neither the verdict nor the log at debug level repeats it.
func TestAPanicTellsItsPlaceAlone(t *testing.T) {
	mark := parts.Secret()
	for _, cause := range []any{mark, errors.New(mark), fmt.Errorf("a: %w", errors.New(mark)), []byte(mark), struct{ A string }{mark}, &mark} {
		p := probetest.NewPass(t, nil, deployment.Settings{})
		var log bytes.Buffer
		p.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		for _, r := range []probe.Result{probe.Run(t.Context(), breaking{cause}, p), probe.Judge(breaking{cause}, probe.Verdicts{Pass: p})} {
			probetest.Expect(t, r, probe.StateUnknown, probe.ReasonError, "bug of the exporter")
			probetest.HasNot(t, r, mark)
		}
		if said := log.String(); strings.Count(said, "panicked") != 2 || !strings.Contains(said, "panic_test.go") || strings.Contains(said, mark) {
			t.Errorf("%T: the log says %s", cause, strings.ReplaceAll(said, mark, "<the secret>"))
		}
	}
}

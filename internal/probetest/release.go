package probetest

import (
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Planned and recorded are records of a release.
func Planned(version, commit string, images ...string) attest.Record {
	return attest.Record{Phase: attest.PhasePlanned, Release: attest.ReleaseID{Version: version, Commit: commit}, Images: images}
}

func Recorded(version, commit string, images ...string) attest.Record {
	r := Planned(version, commit, images...)
	r.Phase = attest.PhaseRecorded
	return r
}

// Released appends to a deployment's release records and begins another pass.
func Released(t *testing.T, p *probe.Pass, records ...attest.Record) *probe.Pass {
	t.Helper()
	for _, r := range records {
		c, err := attest.OpenChain(p.Deployment.ReleasesDir(), nil)
		if err == nil {
			r.By = "somebody"
			if r.At.IsZero() {
				r.At = time.Now()
			}
			_, err = c.Append(r, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return Again(p)
}

const CommitOne = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"

const CommitTwo = "1111111111111111111111111111111111111111"

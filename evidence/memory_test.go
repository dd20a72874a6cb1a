package evidence

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// TestMemory: an unchanged report is read once. Any change, even with the old size and time, causes a new read.
func TestMemory(t *testing.T) {
	d := newTree(t)
	d.write("coverage.out", good, time.Hour)
	c := Candidate{Name: d.path("coverage.out"), Source: File(d.path("coverage.out"))}
	m := &Memory{Now: func() time.Time { return time.Now().Add(time.Minute) }}
	ratio := func() float64 {
		t.Helper()
		e := Read(t.Context(), c, report.Coverage, m)
		if e.Err != nil {
			t.Fatal(e.Err)
		}
		return e.Report.Measures[report.CoverageRatio]
	}
	recalled := func() bool {
		_, info, err := files.Read(c.Name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		_, ok := m.recall(c.Name, report.Coverage, Version{File: files.Identify(info)}, false)
		return ok
	}
	if recalled() {
		t.Error("recalled an unread report")
	}
	if ratio() != 1 || !recalled() || ratio() != 1 {
		t.Error("an unchanged report is not recalled")
	}
	d.write("coverage.out", strings.Replace(good, "1 1\n", "1 0\n", 1), time.Hour)
	if recalled() || ratio() != 0 {
		t.Error("a changed report is recalled")
	}
	// The record may change without the report and is read each time. A digest that is required only now needs the bytes
	// again.
	d.write("coverage.out.meta.yaml", "exit_code: 3\nsha256: "+strings.Repeat("0", 64)+"\n", time.Hour)
	if e := Read(t.Context(), c, report.Coverage, m); e.Exit == nil || *e.Exit != 3 || e.Seal != SealBroken {
		t.Errorf("with a record: %+v", e)
	}
	d.write("coverage.out.meta.yaml", fmt.Sprintf("sha256: %x\n", sha256.Sum256([]byte(strings.Replace(good, "1 1\n", "1 0\n", 1)))), time.Hour)
	for range 2 {
		if e := Read(t.Context(), c, report.Coverage, m); e.Seal != SealIntact {
			t.Errorf("with the right digest: %+v", e)
		}
	}
	m.entries = nil
	ratio() // with the digest still recorded
	if err := os.Remove(c.Name + MetaSuffix); err != nil {
		t.Fatal(err)
	}
	ratio()
	if !recalled() {
		t.Error("what was read with a digest is not recalled without")
	}
	// Another kind is cached separately.
	if e := Read(t.Context(), c, report.Tests, m); !errors.Is(e.Err, stream.ErrFormat) {
		t.Errorf("as tests: %v", e.Err)
	}
	// A recently written file may change again within the same time stamp.
	m.Now = time.Now
	d.write("coverage.out", good, 0)
	if ratio() != 1 || recalled() {
		t.Error("a report at work is recalled")
	}
}

func TestMemory_Limit(t *testing.T) {
	m := &Memory{}
	read := func(i int) Evidence {
		return Read(t.Context(), Candidate{Name: fmt.Sprint(i), Source: source(func() (string, Meta, error) { return good, Meta{Version: Version{Tag: "v1"}}, nil })}, report.Coverage, m)
	}
	for i := range maxMemory + 50 {
		read(i)
		read(0) // often used
	}
	if len(m.entries) != maxMemory {
		t.Errorf("%d reports are kept", len(m.entries))
	}
	if _, ok := m.recall("0", report.Coverage, Version{Tag: "v1"}, false); !ok {
		t.Error("the report used most is forgotten")
	}
	if _, ok := m.recall("0", report.Coverage, Version{Tag: "v2"}, false); ok {
		t.Error("another version is recalled")
	}
	if _, ok := m.recall("1", report.Coverage, Version{Tag: "v1"}, false); ok {
		t.Error("the report used least is kept")
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 100 {
				read(i)
			}
		})
	}
	wg.Wait()
	// Without a version nothing is kept.
	n := len(m.entries)
	Read(t.Context(), Candidate{Name: "none", Source: source(func() (string, Meta, error) { return good, Meta{}, nil })}, report.Coverage, m)
	if _, ok := m.entries[memoryKey{"none", report.Coverage}]; ok || len(m.entries) != n {
		t.Error("a report without version is kept")
	}
}

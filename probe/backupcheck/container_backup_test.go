package backupcheck

import (
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/container"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

// wholeDump is a dump as pg_dump writes it, of a table with one row.
const wholeDump = "--\n-- PostgreSQL database dump\n--\n\nCOPY public.bids (id) FROM stdin;\n1\n\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n"

func TestContainerBackup_OnDocker(t *testing.T) {
	d := dockertest.NewDocker(t)
	name := d.Project + "-backup"
	d.RunService(t, "backup", client.ContainerCreateOptions{Name: name},
		"write=/backups/daily/daily_1.sql="+wholeDump, "write=/backups/daily/later.sql.tmp=x",
		"link=/backups/latest/latest.sql=../daily/daily_1.sql",
		"write=/cut/a.sql="+wholeDump[:60], "write=/empty/a.sql=", "dir=/none", "write=/unfinished/a.sql.tmp=x",
		"link=/circle/a=/circle/b", "link=/circle/b=/circle/a", "write=/deep/daily/x.sql="+wholeDump, "write=/ready=1")
	p := d.Pass(t, nil, deployment.Settings{})
	e, err := dockerclient.For(p)
	if err != nil {
		t.Fatal(err)
	}
	parts.Eventually(t, func() error {
		_, err := e.Stat(t.Context(), name, "/ready")
		return err
	})
	pass := func(b deployment.Backup, later time.Duration) *probe.Pass {
		p := d.Pass(t, nil, deployment.Settings{Backup: b})
		now := p.Now
		p.Now = func() time.Time { return now().Add(later) }
		return probetest.Again(p)
	}
	for _, tt := range []struct {
		name   string
		b      deployment.Backup
		later  time.Duration
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"by convention", deployment.Backup{}, time.Hour, probe.StatePass, probe.ReasonNone, name + ":/backups/daily/daily_1.sql"},
		{"path through links", deployment.Backup{Container: name, Path: "/backups/latest/latest.sql"}, time.Hour, probe.StatePass, probe.ReasonNone, ":/backups/daily/daily_1.sql"},
		{"directory", deployment.Backup{Container: name, Directory: "/deep"}, time.Hour, probe.StatePass, probe.ReasonNone, ":/deep/daily/x.sql"},
		{"glob", deployment.Backup{Container: name, Directory: "/deep", Glob: "y*"}, time.Hour, probe.StateFail, probe.ReasonMissing, "no backup in"},
		{"stale", deployment.Backup{}, 27 * time.Hour, probe.StateFail, probe.ReasonStale, "older than 1d2h"},
		{"from the future", deployment.Backup{}, -time.Hour, probe.StateFail, probe.ReasonInvalid, "ahead of the clock"},
		{"cut", deployment.Backup{Container: name, Directory: "/cut"}, time.Hour, probe.StateFail, probe.ReasonTruncated, "/cut/a.sql is incomplete"},
		{"empty", deployment.Backup{Container: name, Path: "/empty/a.sql"}, time.Hour, probe.StateFail, probe.ReasonEmpty, "is empty"},
		{"none", deployment.Backup{Container: name, Directory: "/none"}, time.Hour, probe.StateFail, probe.ReasonMissing, "no backup in"},
		{"missing", deployment.Backup{Container: name, Path: "/no/such.sql"}, time.Hour, probe.StateFail, probe.ReasonMissing, name + ":/no/such.sql not found"},
		{"unfinished", deployment.Backup{Container: name, Directory: "/unfinished"}, time.Hour, probe.StatePending, probe.ReasonInProgress, "is being written"},
		{"just written", deployment.Backup{}, 0, probe.StatePending, probe.ReasonInProgress, "is being written"},
		{"no such container", deployment.Backup{Container: "nobody-here"}, time.Hour, probe.StateUnknown, probe.ReasonNotConfigured, "container nobody-here not found"},
		{"on the host", deployment.Backup{Path: "/backups/latest.sql"}, time.Hour, probe.StateSkip, probe.ReasonNotConfigured, "on this host"},
		{"no such service", deployment.Backup{Service: "nosuch"}, time.Hour, probe.StateSkip, probe.ReasonNotConfigured, "has no container"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, pass(tt.b, tt.later), ContainerKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if _, ok := probetest.Measured(r, LastSuccess, "container"); ok != (tt.state == probe.StatePass || strings.Contains("stale from the future", tt.name)) {
				t.Errorf("last success measured: %v", ok)
			}
		})
	}
	// At the end: the backup in a stopped container can still be read and counts; but nothing makes another one.
	defer func() {
		if _, err := d.Client.ContainerStop(t.Context(), name, client.ContainerStopOptions{Timeout: new(int)}); err != nil {
			t.Fatal(err)
		}
		probetest.Expect(t, probetest.Look(t, pass(deployment.Backup{}, time.Hour), ContainerKind(), "{}"), probe.StatePass, probe.ReasonNone, "/backups/daily/daily_1.sql")
		probetest.Expect(t, probetest.Look(t, pass(deployment.Backup{}, time.Hour), container.StateKind(), "{}"), probe.StateFail, probe.ReasonUnhealthy, "is not running")
	}()
	t.Run("links in circles", func(t *testing.T) {
		r := probetest.Look(t, pass(deployment.Backup{Container: name, Path: "/circle/a"}, time.Hour), ContainerKind(), "{}")
		if r.State == probe.StatePass || r.State == probe.StateWarn {
			t.Errorf("%+v", r)
		}
	})
	t.Run("read once", func(t *testing.T) {
		p := pass(deployment.Backup{}, time.Hour)
		e, err := dockerclient.For(p)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			probetest.Expect(t, probetest.Look(t, probetest.Again(p), ContainerKind(), "{}"), probe.StatePass, probe.ReasonNone, "")
		}
		if len(proofsOf(p, e).kept) != 1 {
			t.Errorf("%d proofs", len(proofsOf(p, e).kept))
		}
		file := dockerclient.File{Path: "/backups/daily/daily_1.sql", Size: 1, Modified: time.Now()}
		if _, err := proofsOf(p, e).prove(t.Context(), e, name, file); probe.ReasonOf(err) != probe.ReasonInProgress {
			t.Errorf("proof of a file that changed: %v", err)
		}
	})
}

func TestNewestArchived_Choice(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	file := func(name string, size int64, ago time.Duration) dockerclient.File {
		return dockerclient.File{Path: name, Size: size, Modified: now.Add(-ago), Folder: false}
	}
	for name, tt := range map[string]struct {
		all            []dockerclient.File
		glob           string
		newest, before string
		err            error
	}{
		"none":                   {nil, "", "", "", backup.ErrNone},
		"logs alone":             {[]dockerclient.File{file("/b/a.log", 1, time.Hour)}, "", "", "", backup.ErrNone},
		"newest":                 {[]dockerclient.File{file("/b/1.sql", 5, 2*time.Hour), file("/b/2.sql", 6, time.Hour)}, "", "/b/2.sql", "/b/1.sql", nil},
		"a copy does not count":  {[]dockerclient.File{file("/b/1.sql", 5, 2*time.Hour), file("/b/2.sql", 5, time.Hour)}, "", "/b/2.sql", "", nil},
		"listed twice":           {[]dockerclient.File{file("/b/1.sql", 5, time.Hour), file("/b/1.sql", 5, time.Hour)}, "", "/b/1.sql", "", nil},
		"one being written":      {[]dockerclient.File{file("/b/1.sql", 5, time.Hour), file("/b/2.sql", 6, 29*time.Second)}, "", "/b/1.sql", "", nil},
		"just finished":          {[]dockerclient.File{file("/b/2.sql", 6, 30*time.Second)}, "", "/b/2.sql", "", nil},
		"only one being written": {[]dockerclient.File{file("/b/2.sql", 6, time.Second)}, "", "", "", backup.ErrUnfinished},
		"unfinished by name":     {[]dockerclient.File{file("/b/2.sql.tmp", 6, time.Hour)}, "", "", "", backup.ErrUnfinished},
		"manifest":               {[]dockerclient.File{file("/b/2.sql", 6, time.Hour), file("/b/2.sql.sha256", 6, time.Minute)}, "", "/b/2.sql", "", nil},
		"pattern":                {[]dockerclient.File{file("/b/db.bin", 6, time.Hour), file("/b/2.sql", 6, time.Minute)}, "db.*", "/b/db.bin", "", nil},
		"far in the future":      {[]dockerclient.File{file("/b/2.sql", 6, -time.Hour)}, "", "/b/2.sql", "", nil},
		"slightly in the future": {[]dockerclient.File{file("/b/2.sql", 6, -time.Minute)}, "", "", "", backup.ErrUnfinished},
		"same time, by names":    {[]dockerclient.File{file("/b/1.sql", 5, time.Hour), file("/b/2.sql", 6, time.Hour)}, "", "/b/2.sql", "/b/1.sql", nil},
	} {
		found, err := newestArchived(tt.all, tt.glob, now)
		if !errors.Is(err, tt.err) || found.newest.Path != tt.newest || found.before.Path != tt.before {
			t.Errorf("%s: %+v %v", name, found, err)
		}
	}
}

func TestContainerBackup_OtherDatabases(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	file := func(name string, ago time.Duration) dockerclient.File {
		return dockerclient.File{Path: name, Size: 100, Modified: now.Add(-ago), Folder: false}
	}
	own := dump.Proof{Whole: true, Format: dump.Custom, Database: "catalyst"}
	other := dump.Proof{Whole: true, Format: dump.Custom, Database: "other"}
	roles := dump.Proof{Whole: true, Format: dump.Cluster}
	cut := dump.Proof{Reason: dump.Truncated}
	for name, tt := range map[string]struct {
		listed []dockerclient.File
		proofs map[string]dump.Proof
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"the roles are newer":            {[]dockerclient.File{file("/b/c-1.dump", 2*time.Hour), file("/b/g-1.sql", time.Hour)}, map[string]dump.Proof{"/b/c-1.dump": own, "/b/g-1.sql": roles}, probe.StatePass, "", "c:/b/g-1.sql, which is newer, contains only roles"},
		"the roles hide a stale one":     {[]dockerclient.File{file("/b/c-1.dump", 50*time.Hour), file("/b/g-1.sql", time.Hour)}, map[string]dump.Proof{"/b/c-1.dump": own, "/b/g-1.sql": roles}, probe.StateFail, probe.ReasonStale, "c:/b/c-1.dump is 2d2h old"},
		"another hides a truncated one":  {[]dockerclient.File{file("/b/c-1.dump", 2*time.Hour), file("/b/o-1.dump", time.Hour)}, map[string]dump.Proof{"/b/c-1.dump": cut, "/b/o-1.dump": other}, probe.StateFail, probe.ReasonTruncated, "c:/b/c-1.dump is incomplete"},
		"another alone":                  {[]dockerclient.File{file("/b/o-1.dump", time.Hour)}, map[string]dump.Proof{"/b/o-1.dump": other}, probe.StateFail, probe.ReasonMismatch, "another database"},
		"a truncated one is not skipped": {[]dockerclient.File{file("/b/c-1.dump", time.Hour), file("/b/m.dump", 2*time.Hour)}, map[string]dump.Proof{"/b/c-1.dump": cut, "/b/m.dump": own}, probe.StateFail, probe.ReasonTruncated, "c-1.dump"},
		"its own series is compared":     {[]dockerclient.File{file("/b/c-2.dump", time.Hour), {Path: "/b/x-1.dump", Size: 900, Modified: now.Add(-2 * time.Hour), Folder: false}, {Path: "/b/c-1.dump", Size: 120, Modified: now.Add(-25 * time.Hour), Folder: false}}, map[string]dump.Proof{"/b/c-2.dump": own}, probe.StatePass, "", "c-2.dump"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := newestArchived(tt.listed, "", now)
			if err != nil {
				t.Fatal(err)
			}
			is, err := (&containerBackup{Smaller: 0.5}).choose(found, containerScope{name: "c", database: "catalyst", fresh: 26 * time.Hour}, func(f dockerclient.File) (dockerclient.File, dump.Proof, error) { return f, tt.proofs[f.Path], nil })
			if err != nil {
				t.Fatal(err)
			}
			r, err := is.judge(now)
			if err != nil {
				t.Fatal(err)
			}
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
		})
	}
}

func TestContainerBackup_Verdicts(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := &containerBackup{Smaller: 0.5}
	const day = 26 * time.Hour
	whole := dump.Proof{Whole: true, Format: dump.SQL}
	for name, tt := range map[string]struct {
		size, before int64
		age          time.Duration
		proof        dump.Proof
		state        probe.State
		reason       probe.Reason
	}{
		"complete":            {100, 0, time.Hour, whole, probe.StatePass, probe.ReasonNone},
		"exactly fresh":       {100, 0, day, whole, probe.StatePass, probe.ReasonNone},
		"just stale":          {100, 0, day + time.Second, whole, probe.StateFail, probe.ReasonStale},
		"half":                {50, 100, time.Hour, whole, probe.StatePass, probe.ReasonNone},
		"less than half":      {49, 100, time.Hour, whole, probe.StateWarn, probe.ReasonThreshold},
		"no rows":             {100, 0, time.Hour, dump.Proof{Whole: true, NoData: true}, probe.StateWarn, probe.ReasonEmpty},
		"damaged":             {100, 0, time.Hour, dump.Proof{Reason: dump.Invalid}, probe.StateFail, probe.ReasonInvalid},
		"encrypted":           {100, 0, time.Hour, dump.Proof{Reason: dump.Opaque}, probe.StateUnknown, probe.ReasonNotConfigured},
		"encrypted and stale": {100, 0, 2 * day, dump.Proof{Reason: dump.Opaque}, probe.StateFail, probe.ReasonStale},
		"clock skew":          {100, 0, -5 * time.Minute, whole, probe.StatePass, probe.ReasonNone},
		"in the future":       {100, 0, -6 * time.Minute, whole, probe.StateFail, probe.ReasonInvalid},
	} {
		found := containerFound{newest: dockerclient.File{Path: path.Join("/b", "2.sql"), Size: tt.size, Modified: now.Add(-tt.age)}}
		if tt.before > 0 {
			found.before = dockerclient.File{Path: "/b/1.sql", Size: tt.before}
		}
		r, err := s.combine(found, containerScope{name: "c", fresh: day}, tt.proof).judge(now)
		if err != nil {
			samples := r.Samples
			r = probe.NotChecked(err)
			r.Samples = samples
		}
		if r.State != tt.state || r.Reason != tt.reason {
			t.Errorf("%s: %+v", name, r)
		}
		if n, ok := probetest.Measured(r, Size, "container"); !ok || n != float64(tt.size) {
			t.Errorf("%s: size measured %v %v", name, n, ok)
		}
	}
}

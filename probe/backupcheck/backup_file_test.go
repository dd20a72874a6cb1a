package backupcheck

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// sqlDump returns a plain dump with rows of a recognizable value.
func sqlDump(rows int) string {
	var b strings.Builder
	b.WriteString("--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.t (\n    a text\n);\n\nCOPY public.t (a) FROM stdin;\n")
	for i := range rows {
		fmt.Fprintf(&b, "marked-row-%d-%x\n", i, i*i*7919)
	}
	b.WriteString("\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n")
	return b.String()
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// aged sets the times of files below root.
func aged(t *testing.T, root string, ages map[string]time.Duration) {
	t.Helper()
	for name, age := range ages {
		at := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(root, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBackupFile_Verdicts(t *testing.T) {
	const h = time.Hour
	whole := gzipped(sqlDump(2000))
	mounted := "services:\n  backup:\n    image: backup\n    volumes: ['./store:/var/backups', './backup.sh:/usr/local/bin/backup/run.sh']\n"
	type ages = map[string]time.Duration
	tests := []struct {
		name   string
		files  probetest.Folder
		ages   ages
		backup deployment.Backup
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
		last   float64 // hours ago of the last success; -1 for not measured
		size   int     // -1 for not measured
	}{
		{"a path", probetest.Folder{"b/latest.sql.gz": whole}, ages{"b/latest.sql.gz": h}, deployment.Backup{Path: "b/latest.sql.gz"}, "{}", probe.StatePass, probe.ReasonNone, "b/latest.sql.gz: 1h old", 1, len(whole)},
		{"a directory", probetest.Folder{"b/1.sql.gz": whole, "b/2.sql.gz": whole}, ages{"b/1.sql.gz": 25 * h, "b/2.sql.gz": h}, deployment.Backup{Directory: "b"}, "{}", probe.StatePass, probe.ReasonNone, "b/2.sql.gz", 1, len(whole)},
		{"a directory and a glob", probetest.Folder{"b/daily_1.gz": whole, "b/hand.gz": "no backup"}, ages{"b/daily_1.gz": 2 * h, "b/hand.gz": h}, deployment.Backup{Directory: "b", Glob: "daily_*.gz"}, "{}", probe.StatePass, probe.ReasonNone, "daily_1.gz", 2, len(whole)},
		{"by its name", probetest.Folder{"backups/1.sql.gz": whole}, ages{"backups/1.sql.gz": h}, deployment.Backup{}, "{}", probe.StatePass, probe.ReasonNone, "backups/1.sql.gz", 1, len(whole)},
		{"next to the scripts", probetest.Folder{"deployment/backup/run.sh": "", "deployment/backup/1.sql": sqlDump(9)}, ages{"deployment/backup/1.sql": h}, deployment.Backup{}, "{}", probe.StatePass, probe.ReasonNone, "deployment/backup/1.sql", 1, len(sqlDump(9))},
		{"only the scripts", probetest.Folder{"backup/run.sh": ""}, nil, deployment.Backup{}, "{}", probe.StateSkip, probe.ReasonNotConfigured, "no backup location", -1, -1},
		{"where the service writes", probetest.Folder{"docker-compose.yml": mounted, "store/1.sql.gz": whole, "backup.sh": ""}, ages{"store/1.sql.gz": h}, deployment.Backup{}, "{}", probe.StatePass, probe.ReasonNone, "store/1.sql.gz", 1, len(whole)},
		{"where the service will write", probetest.Folder{"docker-compose.yml": mounted}, nil, deployment.Backup{}, "{}", probe.StateFail, probe.ReasonMissing, "store", -1, -1},
		{"where the service writes, invisible", probetest.Folder{"docker-compose.yml": strings.ReplaceAll(mounted, "./store", "/no/such/store")}, nil, deployment.Backup{}, "{}", probe.StateSkip, probe.ReasonNotConfigured, "no backup location", -1, -1},
		{"a broken compose file may name the folder", probetest.Folder{"docker-compose.yml": "services: [\n"}, nil, deployment.Backup{}, "{}", probe.StateUnknown, probe.ReasonBlocked, "compose_syntax", -1, -1},
		{"nothing", nil, nil, deployment.Backup{}, "{}", probe.StateSkip, probe.ReasonNotConfigured, "no backup location", -1, -1},
		{"in a container", probetest.Folder{"backups/1.sql.gz": whole}, nil, deployment.Backup{Container: "catalyst-backup", Path: "/backups/latest.sql.gz"}, "{}", probe.StateSkip, probe.ReasonNotConfigured, "in a container", -1, -1},

		{"none in its folder", probetest.Folder{"backups/README.md": "x"}, nil, deployment.Backup{}, "{}", probe.StateFail, probe.ReasonMissing, "no backup in backups", -1, -1},
		{"no folder", nil, nil, deployment.Backup{Directory: "b"}, "{}", probe.StateFail, probe.ReasonMissing, "no such file", -1, -1},
		{"no file", probetest.Folder{"b/other": ""}, nil, deployment.Backup{Path: "b/latest.sql.gz"}, "{}", probe.StateFail, probe.ReasonMissing, "no such file", -1, -1},
		{"invalid pattern", probetest.Folder{"b/1.sql": ""}, nil, deployment.Backup{Directory: "b", Glob: "["}, "{}", probe.StateUnknown, probe.ReasonError, "deployment.backup.glob is not a valid pattern", -1, -1},

		{"25 h 59 old", probetest.Folder{"b.sql.gz": whole}, ages{"b.sql.gz": 26*h - time.Minute}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StatePass, probe.ReasonNone, "1d1h59m old", 25.98, len(whole)},
		{"27 h old", probetest.Folder{"b.sql.gz": whole}, ages{"b.sql.gz": 27 * h}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StateFail, probe.ReasonStale, "older than 1d2h", 27, len(whole)},
		{"old for the deployment", probetest.Folder{"b.sql.gz": whole}, ages{"b.sql.gz": 3 * h}, deployment.Backup{Path: "b.sql.gz", MaxAge: schema.Duration(2 * h)}, "{}", probe.StateFail, probe.ReasonStale, "older than 2h", 3, len(whole)},
		{"old for the item", probetest.Folder{"b.sql.gz": whole}, ages{"b.sql.gz": 3 * h}, deployment.Backup{Path: "b.sql.gz"}, "{fresh: 2h}", probe.StateFail, probe.ReasonStale, "older than 2h", 3, len(whole)},
		{"from the future", probetest.Folder{"b.sql.gz": whole}, ages{"b.sql.gz": -h}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StateFail, probe.ReasonInvalid, "ahead of the clock", -1, len(whole)},
		{"a clock that is a little off", probetest.Folder{"b.sql.gz": whole}, ages{"b.sql.gz": -2 * time.Minute}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StatePass, probe.ReasonNone, "", 0, len(whole)},

		{"empty", probetest.Folder{"b.sql.gz": ""}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StateFail, probe.ReasonEmpty, "b.sql.gz is empty", -1, 0},
		{"a compressed nothing", probetest.Folder{"b.sql.gz": gzipped("")}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StateFail, probe.ReasonEmpty, "", -1, len(gzipped(""))},
		{"cut gzip", probetest.Folder{"b.sql.gz": whole[:len(whole)-9]}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StateFail, probe.ReasonTruncated, "b.sql.gz is incomplete", -1, len(whole) - 9},
		{"a whole gzip of half a dump", probetest.Folder{"b.sql.gz": gzipped(sqlDump(2000)[:9000])}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StateFail, probe.ReasonTruncated, "", -1, len(gzipped(sqlDump(2000)[:9000]))},
		{"no backup", probetest.Folder{"b.sql.gz": "an error page of some length, which no program has ever dumped a database to"}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StateFail, probe.ReasonInvalid, "", -1, 76},
		{"manifest with another digest", probetest.Folder{"b.sql.gz": whole, "b.sql.gz.sha256": probetest.SixtyFour + "  b.sql.gz\n"}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StateFail, probe.ReasonMismatch, "manifest", -1, len(whole)},
		{"no rows", probetest.Folder{"b.sql": sqlDump(0)}, ages{"b.sql": h}, deployment.Backup{Path: "b.sql"}, "{}", probe.StateWarn, probe.ReasonEmpty, "contains no table rows", 1, len(sqlDump(0))},
		{"cut and old", probetest.Folder{"b.sql.gz": whole[:len(whole)-9]}, ages{"b.sql.gz": 99 * h}, deployment.Backup{Path: "b.sql.gz"}, "{}", probe.StateFail, probe.ReasonTruncated, "older than", -1, len(whole) - 9},

		{"half of the previous one", probetest.Folder{"b/1.sql": sqlDump(1000), "b/2.sql": sqlDump(400)}, ages{"b/1.sql": 25 * h, "b/2.sql": h}, deployment.Backup{Directory: "b"}, "{}", probe.StateWarn, probe.ReasonThreshold, "the previous one, b/1.sql", 1, len(sqlDump(400))},
		{"slightly smaller than the previous one", probetest.Folder{"b/1.sql": sqlDump(1000), "b/2.sql": sqlDump(800)}, ages{"b/1.sql": 25 * h, "b/2.sql": h}, deployment.Backup{Directory: "b"}, "{}", probe.StatePass, probe.ReasonNone, "", 1, len(sqlDump(800))},
		{"size check disabled", probetest.Folder{"b/1.sql": sqlDump(1000), "b/2.sql": sqlDump(400)}, ages{"b/1.sql": 25 * h, "b/2.sql": h}, deployment.Backup{Directory: "b"}, "{smaller: 0}", probe.StatePass, probe.ReasonNone, "", 1, len(sqlDump(400))},

		{"next to an unfinished one", probetest.Folder{"b/1.sql.gz": whole, "b/2.sql.gz.tmp": "half"}, ages{"b/1.sql.gz": 25 * h, "b/2.sql.gz.tmp": 0}, deployment.Backup{Directory: "b"}, "{}", probe.StatePass, probe.ReasonNone, "b/1.sql.gz", 25, len(whole)},
		{"only one that is being written", probetest.Folder{"b/2.sql.gz.tmp": "half"}, ages{"b/2.sql.gz.tmp": time.Minute}, deployment.Backup{Directory: "b"}, "{}", probe.StatePending, probe.ReasonInProgress, "b/2.sql.gz.tmp", -1, -1},
		{"only one that was left unfinished", probetest.Folder{"b/2.sql.gz.tmp": "half"}, ages{"b/2.sql.gz.tmp": 2 * h}, deployment.Backup{Directory: "b"}, "{}", probe.StateFail, probe.ReasonTruncated, "has not been written to", -1, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tt.files.Write(t)
			aged(t, root, tt.ages)
			r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root, Backup: tt.backup}), FileKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, "marked-row")
			last, ok := probetest.Measured(r, LastSuccess, "local")
			if ago := time.Since(time.UnixMilli(int64(last * 1000))).Hours(); tt.reason != probe.ReasonInvalid && tt.last != 0 && (ok != (tt.last >= 0) || ok && (ago < tt.last-0.02 || ago > tt.last+0.02)) {
				t.Errorf("last success %v, %v hours ago; want %v", ok, ago, tt.last)
			}
			if size, ok := probetest.Measured(r, Size, "local"); ok != (tt.size >= 0) || ok && int(size) != tt.size {
				t.Errorf("size %v %v, want %d", size, ok, tt.size)
			}
		})
	}
}

// The previous backup is judged while a newer one is open for writing; afterwards the newer one is.
func TestBackupFile_WhileNewerIsWritten(t *testing.T) {
	root := probetest.Folder{"b/1.sql.gz": gzipped(sqlDump(100)), "b/2.sql.gz": "half"}.Write(t)
	aged(t, root, map[string]time.Duration{"b/1.sql.gz": 25 * time.Hour, "b/2.sql.gz": time.Minute})
	p := probetest.NewPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Directory: "b"}})
	path := filepath.Join(root, "b/2.sql.gz")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, p, FileKind(), "{}"), probe.StatePass, probe.ReasonNone, "b/1.sql.gz")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r := probetest.Look(t, p, FileKind(), "{}")
	probetest.Expect(t, r, probe.StateFail, probe.ReasonInvalid, "b/2.sql.gz")
	if _, ok := probetest.Measured(r, LastSuccess, "local"); ok {
		t.Error("last success of a backup whose proof was too recent to be kept")
	}
}

// The last success stays that of the previous backup if that one was proven.
func TestBackupFile_KeepsLastSuccess(t *testing.T) {
	root := probetest.Folder{"b/1.sql.gz": gzipped(sqlDump(100)), "b/2.sql.gz": "half"}.Write(t)
	aged(t, root, map[string]time.Duration{"b/1.sql.gz": 25 * time.Hour, "b/2.sql.gz": 30 * time.Hour})
	p := probetest.NewPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Directory: "b"}})
	p.Now = func() time.Time { return time.Now().Add(time.Minute) } // proofs are kept only of files that have not changed recently
	probetest.Expect(t, probetest.Look(t, p, FileKind(), "{}"), probe.StatePass, probe.ReasonNone, "b/1.sql.gz")
	aged(t, root, map[string]time.Duration{"b/2.sql.gz": time.Hour})
	r := probetest.Look(t, p, FileKind(), "{}")
	probetest.Expect(t, r, probe.StateFail, probe.ReasonInvalid, "b/2.sql.gz")
	if last, ok := probetest.Measured(r, LastSuccess, "local"); !ok || time.Since(time.UnixMilli(int64(last*1000))).Round(time.Hour) != 25*time.Hour {
		t.Errorf("last success %v %v", last, ok)
	}
}

// The folder contains files that are not backups of the deployment's database.
func TestBackupFile_OtherDatabases(t *testing.T) {
	const h = time.Hour
	own := sqlDump(500)
	other := strings.Replace(own, "CREATE TABLE", "\\connect other\n\nCREATE TABLE", 1)
	redis := "REDIS0011\xfa\tredis-ver"
	env := "DB_NAME=catalyst\n"
	for _, tt := range []struct {
		name   string
		files  probetest.Folder
		ages   map[string]time.Duration
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"another database alone", probetest.Folder{".env": env, "backups/1.sql": other}, map[string]time.Duration{"backups/1.sql": h}, probe.StateFail, probe.ReasonMismatch, "is of another database"},
		{"unknown database name", probetest.Folder{"backups/1.sql": other}, map[string]time.Duration{"backups/1.sql": h}, probe.StatePass, "", ""},
		{"another database, newer", probetest.Folder{".env": env, "backups/o-1.sql": other, "backups/c-1.sql": own}, map[string]time.Duration{"backups/o-1.sql": h, "backups/c-1.sql": 2 * h}, probe.StatePass, "", "c-1.sql: 2h old"},
		{"another database hides a stale one", probetest.Folder{".env": env, "backups/o-1.sql": other, "backups/c-1.sql": own}, map[string]time.Duration{"backups/o-1.sql": h, "backups/c-1.sql": 50 * h}, probe.StateFail, probe.ReasonStale, "c-1.sql is 2d2h old"},
		{"Redis hides a truncated one", probetest.Folder{"backups/r-1.rdb.gz": gzipped(redis), "backups/c-1.sql": own[:len(own)/2]}, map[string]time.Duration{"backups/r-1.rdb.gz": h, "backups/c-1.sql": 2 * h}, probe.StateFail, probe.ReasonTruncated, "r-1.rdb.gz, which is newer, is a copy of Redis's memory"},
		{"a broken one is not skipped", probetest.Folder{"backups/c-1.sql": "pg_dump: error\n", "backups/manual.sql": own}, map[string]time.Duration{"backups/c-1.sql": h, "backups/manual.sql": 2 * h}, probe.StateFail, probe.ReasonInvalid, "deployment.backup.glob"},
		{"restic", probetest.Folder{"backups/config": "", "backups/keys/a": "", "backups/snapshots/a": "", "backups/index/a": "", "backups/data/a": ""}, nil, probe.StateUnknown, probe.ReasonNotConfigured, "a restic repository, which is not supported. Verify it with `restic check --read-data-subset=5%`, then `restic restore latest` on another host"},
		{"pgBackRest", probetest.Folder{"backups/backup/main/backup.info": ""}, nil, probe.StateUnknown, probe.ReasonNotConfigured, "`pgbackrest verify`, then `pgbackrest restore`"},
		{"WAL-G", probetest.Folder{"backups/basebackups_005/base_1.sentinel": ""}, nil, probe.StateUnknown, probe.ReasonNotConfigured, "`wal-g backup-fetch DIRECTORY LATEST`"},
		{"Barman", probetest.Folder{"backups/main/base/20261123T030000/backup.info": ""}, nil, probe.StateUnknown, probe.ReasonNotConfigured, "`barman verify-backup SERVER latest`"},
		{"in a folder of its own", probetest.Folder{"backups/catalyst/1.sql": own}, map[string]time.Duration{"backups/catalyst/1.sql": h}, probe.StatePass, "", "catalyst/1.sql"},
		{"no backup names", probetest.Folder{"backups/a.zip": "", "backups/run.sh": ""}, nil, probe.StateFail, probe.ReasonMissing, "none of its 2 files"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := probetest.NewPass(t, tt.files, deployment.Settings{})
			aged(t, p.Deployment.Root, tt.ages)
			r := probetest.Look(t, p, FileKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if at, ok := probetest.Measured(r, LastSuccess); ok && r.Reason == probe.ReasonMismatch {
				t.Errorf("a backup of another database counts as a success, at %v", at)
			}
		})
	}
	t.Run("a dangling symlink", func(t *testing.T) {
		p := probetest.NewPass(t, probetest.Folder{"backups/run.sh": ""}, deployment.Settings{})
		if err := os.Symlink("gone.sql.gz", filepath.Join(p.Deployment.Root, "backups/latest.sql.gz")); err != nil {
			t.Fatal(err)
		}
		probetest.Expect(t, probetest.Look(t, p, FileKind(), "{}"), probe.StateFail, probe.ReasonMissing, "latest.sql.gz is a dangling symlink")
	})
}

func TestBackupFile_Encrypted(t *testing.T) {
	const age = "age-encryption.org/v1\n-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	sealed := age + strings.Repeat("x", 16+1000+16)
	root := probetest.Folder{"b.sql.age": sealed}.Write(t)
	aged(t, root, map[string]time.Duration{"b.sql.age": time.Hour})
	p := probetest.NewPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Path: "b.sql.age"}})
	r := probetest.Look(t, p, FileKind(), "{}")
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonNotConfigured, "cannot be verified")
	if !strings.Contains(r.Remedy, "b.sql.age.sha256") {
		t.Errorf("remedy %q", r.Remedy)
	}
	if _, ok := probetest.Measured(r, LastSuccess, "local"); !ok {
		t.Error("its time was not measured")
	}
	aged(t, root, map[string]time.Duration{"b.sql.age": 99 * time.Hour})
	probetest.Expect(t, probetest.Look(t, p, FileKind(), "{}"), probe.StateFail, probe.ReasonStale, "older than")
}

func TestBackupFile_WithoutPermission(t *testing.T) {
	root := probetest.Folder{"b/1.sql": sqlDump(9)}.Write(t)
	p := probetest.NewPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Directory: "b"}})
	if err := os.Chmod(filepath.Join(root, "b"), 0); err != nil {
		t.Fatal(err)
	}
	var r probe.Result
	probetest.Unprivileged(t, func() { r = probetest.Look(t, p, FileKind(), "{}") })
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, "")
	if r.Remedy != "permission to read the backups" {
		t.Errorf("remedy %q", r.Remedy)
	}
}

func TestUnproven_ClassifiesErrors(t *testing.T) {
	for want, err := range map[probe.Reason]error{
		probe.ReasonPermissionDenied: fs.ErrPermission, probe.ReasonInProgress: files.ErrChanged, probe.ReasonTimeout: context.DeadlineExceeded, probe.ReasonError: dump.ErrLimit,
	} {
		r := probe.NotChecked(Unproven(fmt.Errorf("prove b.sql: %w", err)))
		probetest.Expect(t, r, probe.StateUnknown, want, "b.sql")
		if (r.Remedy != "") != (want == probe.ReasonPermissionDenied) {
			t.Errorf("%v: remedy %q", err, r.Remedy)
		}
	}
}

func TestBackupFile_KeyFollowsFiles(t *testing.T) {
	root := probetest.Folder{"b/1.sql": sqlDump(9)}.Write(t)
	aged(t, root, map[string]time.Duration{"b/1.sql": time.Hour})
	p := probetest.NewPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Directory: "b"}})
	pr := probetest.Load(t, FileKind(), "{}")
	key := func() string { return pr.(probe.Keyed).Key(probe.NewPass(p.Deps, p.Deployment)) }
	probe.Run(t.Context(), pr, p)
	before := key()
	if before == "" || key() != before {
		t.Fatalf("the key of an unchanged folder: %q, %q", before, key())
	}
	aged(t, root, map[string]time.Duration{"b/1.sql": 2 * time.Hour}) // the same file, rewritten
	rewritten := key()
	if rewritten == before {
		t.Error("a rewritten file did not change the key")
	}
	if err := os.WriteFile(filepath.Join(root, "b/2.sql"), []byte(sqlDump(9)), 0o600); err != nil {
		t.Fatal(err)
	}
	if key() == rewritten {
		t.Error("a new file did not change the key")
	}
}

func TestBackupFile_StopsWithContext(t *testing.T) {
	root := probetest.Folder{"b.sql": sqlDump(1000)}.Write(t)
	aged(t, root, map[string]time.Duration{"b.sql": time.Hour})
	p := probetest.NewPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Path: "b.sql"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	probetest.Expect(t, probe.Run(ctx, probetest.Load(t, FileKind(), "{}"), p), probe.StateUnknown, probe.ReasonTimeout, "")
}

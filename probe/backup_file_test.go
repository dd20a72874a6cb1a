package probe

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

	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
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
		files  folder
		ages   ages
		backup deployment.Backup
		spec   string
		state  State
		reason Reason
		detail string
		last   float64 // hours ago of the last success; -1 for not measured
		size   int     // -1 for not measured
	}{
		{"a path", folder{"b/latest.sql.gz": whole}, ages{"b/latest.sql.gz": h}, deployment.Backup{Path: "b/latest.sql.gz"}, "{}", StatePass, ReasonNone, "b/latest.sql.gz: 1h old", 1, len(whole)},
		{"a directory", folder{"b/1.sql.gz": whole, "b/2.sql.gz": whole}, ages{"b/1.sql.gz": 25 * h, "b/2.sql.gz": h}, deployment.Backup{Directory: "b"}, "{}", StatePass, ReasonNone, "b/2.sql.gz", 1, len(whole)},
		{"a directory and a glob", folder{"b/daily_1.gz": whole, "b/hand.gz": "no backup"}, ages{"b/daily_1.gz": 2 * h, "b/hand.gz": h}, deployment.Backup{Directory: "b", Glob: "daily_*.gz"}, "{}", StatePass, ReasonNone, "daily_1.gz", 2, len(whole)},
		{"by its name", folder{"backups/1.sql.gz": whole}, ages{"backups/1.sql.gz": h}, deployment.Backup{}, "{}", StatePass, ReasonNone, "backups/1.sql.gz", 1, len(whole)},
		{"next to the scripts", folder{"deployment/backup/run.sh": "", "deployment/backup/1.sql": sqlDump(9)}, ages{"deployment/backup/1.sql": h}, deployment.Backup{}, "{}", StatePass, ReasonNone, "deployment/backup/1.sql", 1, len(sqlDump(9))},
		{"only the scripts", folder{"backup/run.sh": ""}, nil, deployment.Backup{}, "{}", StateSkip, ReasonNotConfigured, "no backup location", -1, -1},
		{"where the service writes", folder{"docker-compose.yml": mounted, "store/1.sql.gz": whole, "backup.sh": ""}, ages{"store/1.sql.gz": h}, deployment.Backup{}, "{}", StatePass, ReasonNone, "store/1.sql.gz", 1, len(whole)},
		{"where the service will write", folder{"docker-compose.yml": mounted}, nil, deployment.Backup{}, "{}", StateFail, ReasonMissing, "store", -1, -1},
		{"where the service writes, invisible", folder{"docker-compose.yml": strings.ReplaceAll(mounted, "./store", "/no/such/store")}, nil, deployment.Backup{}, "{}", StateSkip, ReasonNotConfigured, "no backup location", -1, -1},
		{"a broken compose file may name the folder", folder{"docker-compose.yml": "services: [\n"}, nil, deployment.Backup{}, "{}", StateUnknown, ReasonBlocked, "compose_syntax", -1, -1},
		{"nothing", nil, nil, deployment.Backup{}, "{}", StateSkip, ReasonNotConfigured, "no backup location", -1, -1},
		{"in a container", folder{"backups/1.sql.gz": whole}, nil, deployment.Backup{Container: "catalyst-backup", Path: "/backups/latest.sql.gz"}, "{}", StateSkip, ReasonNotConfigured, "in a container", -1, -1},

		{"none in its folder", folder{"backups/README.md": "x"}, nil, deployment.Backup{}, "{}", StateFail, ReasonMissing, "no backup in backups", -1, -1},
		{"no folder", nil, nil, deployment.Backup{Directory: "b"}, "{}", StateFail, ReasonMissing, "no such file", -1, -1},
		{"no file", folder{"b/other": ""}, nil, deployment.Backup{Path: "b/latest.sql.gz"}, "{}", StateFail, ReasonMissing, "no such file", -1, -1},
		{"invalid pattern", folder{"b/1.sql": ""}, nil, deployment.Backup{Directory: "b", Glob: "["}, "{}", StateUnknown, ReasonError, "deployment.backup.glob is not a valid pattern", -1, -1},

		{"25 h 59 old", folder{"b.sql.gz": whole}, ages{"b.sql.gz": 26*h - time.Minute}, deployment.Backup{Path: "b.sql.gz"}, "{}", StatePass, ReasonNone, "1d1h59m old", 25.98, len(whole)},
		{"27 h old", folder{"b.sql.gz": whole}, ages{"b.sql.gz": 27 * h}, deployment.Backup{Path: "b.sql.gz"}, "{}", StateFail, ReasonStale, "older than 1d2h", 27, len(whole)},
		{"old for the deployment", folder{"b.sql.gz": whole}, ages{"b.sql.gz": 3 * h}, deployment.Backup{Path: "b.sql.gz", MaxAge: schema.Duration(2 * h)}, "{}", StateFail, ReasonStale, "older than 2h", 3, len(whole)},
		{"old for the item", folder{"b.sql.gz": whole}, ages{"b.sql.gz": 3 * h}, deployment.Backup{Path: "b.sql.gz"}, "{fresh: 2h}", StateFail, ReasonStale, "older than 2h", 3, len(whole)},
		{"from the future", folder{"b.sql.gz": whole}, ages{"b.sql.gz": -h}, deployment.Backup{Path: "b.sql.gz"}, "{}", StateFail, ReasonInvalid, "ahead of the clock", -1, len(whole)},
		{"a clock that is a little off", folder{"b.sql.gz": whole}, ages{"b.sql.gz": -2 * time.Minute}, deployment.Backup{Path: "b.sql.gz"}, "{}", StatePass, ReasonNone, "", 0, len(whole)},

		{"empty", folder{"b.sql.gz": ""}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", StateFail, ReasonEmpty, "b.sql.gz is empty", -1, 0},
		{"a compressed nothing", folder{"b.sql.gz": gzipped("")}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", StateFail, ReasonEmpty, "", -1, len(gzipped(""))},
		{"cut gzip", folder{"b.sql.gz": whole[:len(whole)-9]}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", StateFail, ReasonTruncated, "b.sql.gz is incomplete", -1, len(whole) - 9},
		{"a whole gzip of half a dump", folder{"b.sql.gz": gzipped(sqlDump(2000)[:9000])}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", StateFail, ReasonTruncated, "", -1, len(gzipped(sqlDump(2000)[:9000]))},
		{"no backup", folder{"b.sql.gz": "an error page of some length, which no program has ever dumped a database to"}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", StateFail, ReasonInvalid, "", -1, 76},
		{"manifest with another digest", folder{"b.sql.gz": whole, "b.sql.gz.sha256": sixtyFour + "  b.sql.gz\n"}, ages{"b.sql.gz": h}, deployment.Backup{Path: "b.sql.gz"}, "{}", StateFail, ReasonMismatch, "manifest", -1, len(whole)},
		{"no rows", folder{"b.sql": sqlDump(0)}, ages{"b.sql": h}, deployment.Backup{Path: "b.sql"}, "{}", StateWarn, ReasonEmpty, "contains no table rows", 1, len(sqlDump(0))},
		{"cut and old", folder{"b.sql.gz": whole[:len(whole)-9]}, ages{"b.sql.gz": 99 * h}, deployment.Backup{Path: "b.sql.gz"}, "{}", StateFail, ReasonTruncated, "older than", -1, len(whole) - 9},

		{"half of the previous one", folder{"b/1.sql": sqlDump(1000), "b/2.sql": sqlDump(400)}, ages{"b/1.sql": 25 * h, "b/2.sql": h}, deployment.Backup{Directory: "b"}, "{}", StateWarn, ReasonThreshold, "the previous one, b/1.sql", 1, len(sqlDump(400))},
		{"slightly smaller than the previous one", folder{"b/1.sql": sqlDump(1000), "b/2.sql": sqlDump(800)}, ages{"b/1.sql": 25 * h, "b/2.sql": h}, deployment.Backup{Directory: "b"}, "{}", StatePass, ReasonNone, "", 1, len(sqlDump(800))},
		{"size check disabled", folder{"b/1.sql": sqlDump(1000), "b/2.sql": sqlDump(400)}, ages{"b/1.sql": 25 * h, "b/2.sql": h}, deployment.Backup{Directory: "b"}, "{smaller: 0}", StatePass, ReasonNone, "", 1, len(sqlDump(400))},

		{"next to an unfinished one", folder{"b/1.sql.gz": whole, "b/2.sql.gz.tmp": "half"}, ages{"b/1.sql.gz": 25 * h, "b/2.sql.gz.tmp": 0}, deployment.Backup{Directory: "b"}, "{}", StatePass, ReasonNone, "b/1.sql.gz", 25, len(whole)},
		{"only one that is being written", folder{"b/2.sql.gz.tmp": "half"}, ages{"b/2.sql.gz.tmp": time.Minute}, deployment.Backup{Directory: "b"}, "{}", StatePending, ReasonInProgress, "b/2.sql.gz.tmp", -1, -1},
		{"only one that was left unfinished", folder{"b/2.sql.gz.tmp": "half"}, ages{"b/2.sql.gz.tmp": 2 * h}, deployment.Backup{Directory: "b"}, "{}", StateFail, ReasonMissing, "has not been written to", -1, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tt.files.write(t)
			aged(t, root, tt.ages)
			r := look(t, newPass(t, nil, deployment.Settings{Root: root, Backup: tt.backup}), backupFileKind(), tt.spec)
			expect(t, r, tt.state, tt.reason, tt.detail)
			hasNot(t, r, "marked-row")
			last, ok := measured(r, BackupLastSuccess, "local")
			if ago := time.Since(time.UnixMilli(int64(last * 1000))).Hours(); tt.reason != ReasonInvalid && tt.last != 0 && (ok != (tt.last >= 0) || ok && (ago < tt.last-0.02 || ago > tt.last+0.02)) {
				t.Errorf("last success %v, %v hours ago; want %v", ok, ago, tt.last)
			}
			if size, ok := measured(r, BackupSize, "local"); ok != (tt.size >= 0) || ok && int(size) != tt.size {
				t.Errorf("size %v %v, want %d", size, ok, tt.size)
			}
		})
	}
}

// The previous backup is judged while a newer one is open for writing; afterwards the newer one is.
func TestBackupFile_WhileNewerIsWritten(t *testing.T) {
	root := folder{"b/1.sql.gz": gzipped(sqlDump(100)), "b/2.sql.gz": "half"}.write(t)
	aged(t, root, map[string]time.Duration{"b/1.sql.gz": 25 * time.Hour, "b/2.sql.gz": time.Minute})
	p := newPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Directory: "b"}})
	path := filepath.Join(root, "b/2.sql.gz")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, look(t, p, backupFileKind(), "{}"), StatePass, ReasonNone, "b/1.sql.gz")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r := look(t, p, backupFileKind(), "{}")
	expect(t, r, StateFail, ReasonInvalid, "b/2.sql.gz")
	if _, ok := measured(r, BackupLastSuccess, "local"); ok {
		t.Error("last success of a backup whose proof was too recent to be kept")
	}
}

// The last success stays that of the previous backup if that one was proven.
func TestBackupFile_KeepsLastSuccess(t *testing.T) {
	root := folder{"b/1.sql.gz": gzipped(sqlDump(100)), "b/2.sql.gz": "half"}.write(t)
	aged(t, root, map[string]time.Duration{"b/1.sql.gz": 25 * time.Hour, "b/2.sql.gz": 30 * time.Hour})
	p := newPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Directory: "b"}})
	p.Now = func() time.Time { return time.Now().Add(time.Minute) } // proofs are kept only of files that have not changed recently
	expect(t, look(t, p, backupFileKind(), "{}"), StatePass, ReasonNone, "b/1.sql.gz")
	aged(t, root, map[string]time.Duration{"b/2.sql.gz": time.Hour})
	r := look(t, p, backupFileKind(), "{}")
	expect(t, r, StateFail, ReasonInvalid, "b/2.sql.gz")
	if last, ok := measured(r, BackupLastSuccess, "local"); !ok || time.Since(time.UnixMilli(int64(last*1000))).Round(time.Hour) != 25*time.Hour {
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
		files  folder
		ages   map[string]time.Duration
		state  State
		reason Reason
		detail string
	}{
		{"another database alone", folder{".env": env, "backups/1.sql": other}, map[string]time.Duration{"backups/1.sql": h}, StateFail, ReasonMismatch, "is of another database"},
		{"unknown database name", folder{"backups/1.sql": other}, map[string]time.Duration{"backups/1.sql": h}, StatePass, "", ""},
		{"another database, newer", folder{".env": env, "backups/o-1.sql": other, "backups/c-1.sql": own}, map[string]time.Duration{"backups/o-1.sql": h, "backups/c-1.sql": 2 * h}, StatePass, "", "c-1.sql: 2h old"},
		{"another database hides a stale one", folder{".env": env, "backups/o-1.sql": other, "backups/c-1.sql": own}, map[string]time.Duration{"backups/o-1.sql": h, "backups/c-1.sql": 50 * h}, StateFail, ReasonStale, "c-1.sql is 2d2h old"},
		{"Redis hides a truncated one", folder{"backups/r-1.rdb.gz": gzipped(redis), "backups/c-1.sql": own[:len(own)/2]}, map[string]time.Duration{"backups/r-1.rdb.gz": h, "backups/c-1.sql": 2 * h}, StateFail, ReasonTruncated, "r-1.rdb.gz, which is newer, is a copy of Redis's memory"},
		{"a broken one is not skipped", folder{"backups/c-1.sql": "pg_dump: error\n", "backups/manual.sql": own}, map[string]time.Duration{"backups/c-1.sql": h, "backups/manual.sql": 2 * h}, StateFail, ReasonInvalid, "deployment.backup.glob"},
		{"restic", folder{"backups/config": "", "backups/keys/a": "", "backups/snapshots/a": "", "backups/index/a": "", "backups/data/a": ""}, nil, StateUnknown, ReasonNotConfigured, "a restic repository"},
		{"in a folder of its own", folder{"backups/catalyst/1.sql": own}, map[string]time.Duration{"backups/catalyst/1.sql": h}, StatePass, "", "catalyst/1.sql"},
		{"no backup names", folder{"backups/a.zip": "", "backups/run.sh": ""}, nil, StateFail, ReasonMissing, "none of its 2 files"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPass(t, tt.files, deployment.Settings{})
			aged(t, p.Deployment.Root, tt.ages)
			r := look(t, p, backupFileKind(), "{}")
			expect(t, r, tt.state, tt.reason, tt.detail)
			if at, ok := measured(r, BackupLastSuccess); ok && r.Reason == ReasonMismatch {
				t.Errorf("a backup of another database counts as a success, at %v", at)
			}
		})
	}
	t.Run("a dangling symlink", func(t *testing.T) {
		p := newPass(t, folder{"backups/run.sh": ""}, deployment.Settings{})
		if err := os.Symlink("gone.sql.gz", filepath.Join(p.Deployment.Root, "backups/latest.sql.gz")); err != nil {
			t.Fatal(err)
		}
		expect(t, look(t, p, backupFileKind(), "{}"), StateFail, ReasonMissing, "latest.sql.gz is a dangling symlink")
	})
}

func TestBackupFile_Encrypted(t *testing.T) {
	const age = "age-encryption.org/v1\n-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	sealed := age + strings.Repeat("x", 16+1000+16)
	root := folder{"b.sql.age": sealed}.write(t)
	aged(t, root, map[string]time.Duration{"b.sql.age": time.Hour})
	p := newPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Path: "b.sql.age"}})
	r := look(t, p, backupFileKind(), "{}")
	expect(t, r, StateUnknown, ReasonNotConfigured, "cannot be verified")
	if !strings.Contains(r.Remedy, "b.sql.age.sha256") {
		t.Errorf("remedy %q", r.Remedy)
	}
	if _, ok := measured(r, BackupLastSuccess, "local"); !ok {
		t.Error("its time was not measured")
	}
	aged(t, root, map[string]time.Duration{"b.sql.age": 99 * time.Hour})
	expect(t, look(t, p, backupFileKind(), "{}"), StateFail, ReasonStale, "older than")
}

func TestBackupFile_WithoutPermission(t *testing.T) {
	root := folder{"b/1.sql": sqlDump(9)}.write(t)
	p := newPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Directory: "b"}})
	if err := os.Chmod(filepath.Join(root, "b"), 0); err != nil {
		t.Fatal(err)
	}
	var r Result
	unprivileged(t, func() { r = look(t, p, backupFileKind(), "{}") })
	expect(t, r, StateUnknown, ReasonPermissionDenied, "")
	if r.Remedy != "permission to read the backups" {
		t.Errorf("remedy %q", r.Remedy)
	}
}

func TestUnproven_ClassifiesErrors(t *testing.T) {
	for want, err := range map[Reason]error{
		ReasonPermissionDenied: fs.ErrPermission, ReasonInProgress: files.ErrChanged, ReasonTimeout: context.DeadlineExceeded, ReasonError: backup.ErrLimit,
	} {
		r := unanswered(unproven(fmt.Errorf("prove b.sql: %w", err)))
		expect(t, r, StateUnknown, want, "b.sql")
		if (r.Remedy != "") != (want == ReasonPermissionDenied) {
			t.Errorf("%v: remedy %q", err, r.Remedy)
		}
	}
}

func TestBackupFile_KeyFollowsFiles(t *testing.T) {
	root := folder{"b/1.sql": sqlDump(9)}.write(t)
	aged(t, root, map[string]time.Duration{"b/1.sql": time.Hour})
	p := newPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Directory: "b"}})
	pr := load(t, backupFileKind(), "{}")
	key := func() string { return pr.(Keyed).Key(NewPass(p.Deps, p.Deployment)) }
	Look(t.Context(), pr, p)
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
	root := folder{"b.sql": sqlDump(1000)}.write(t)
	aged(t, root, map[string]time.Duration{"b.sql": time.Hour})
	p := newPass(t, nil, deployment.Settings{Root: root, Backup: deployment.Backup{Path: "b.sql"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	expect(t, Look(ctx, load(t, backupFileKind(), "{}"), p), StateUnknown, ReasonTimeout, "")
}

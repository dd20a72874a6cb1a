package backup

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func TestSeries(t *testing.T) {
	const h = time.Hour
	dir := tree(t, map[string]time.Duration{
		"catalyst-2026-11-23.dump": 3 * h, "catalyst-2026-11-2.dump": 27 * h,
		"globals-2026-11-23.sql": h, "globals-2026-11-2.sql": 25 * h, "redis.rdb.gz": 2 * h,
	})
	set, err := findIn(t, Finder{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	name := func(f File) string { return filepath.Base(f.Path) }
	if name(set.Newest) != "globals-2026-11-23.sql" || name(set.Before) != "globals-2026-11-2.sql" {
		t.Errorf("newest %s, before %s", name(set.Newest), name(set.Before))
	}
	if len(set.Others) != 2 || name(set.Others[0].Newest) != "redis.rdb.gz" || set.Others[0].Before.Path != "" ||
		name(set.Others[1].Newest) != "catalyst-2026-11-23.dump" || name(set.Others[1].Before) != "catalyst-2026-11-2.dump" {
		t.Errorf("others %+v", set.Others)
	}
}

func TestSeries_Many(t *testing.T) {
	files := map[string]time.Duration{}
	for i := range 20 {
		files[string(rune('a'+i))+".sql"] = time.Duration(i+1) * time.Hour
	}
	set, err := findIn(t, Finder{}, tree(t, files))
	if err != nil || len(set.Others) != maxOthers || filepath.Base(set.Others[maxOthers-1].Newest.Path) != "i.sql" {
		t.Errorf("%d others, %v: %+v", len(set.Others), err, set.Others)
	}
}

// findIn looks in a directory.
func findIn(t *testing.T, f Finder, dir string) (Set, error) {
	t.Helper()
	return f.Find(t.Context(), dir)
}

func TestRepositories(t *testing.T) {
	const h = time.Hour
	type ages = map[string]time.Duration
	for _, tt := range []struct {
		name       string
		files      ages
		deep       bool
		err        error
		repository string
	}{
		{"restic", ages{"config": h, "keys/a": h, "snapshots/a": h, "index/a": h, "data/00/a": h}, false, ErrRepository, "restic"},
		{"restic, in a folder of its own", ages{"r/config": h, "r/keys/a": h, "r/snapshots/a": h, "r/index/a": h, "r/data/00/a": h}, true, ErrRepository, "restic"},
		{"borg", ages{"config": h, "README": h, "index.12": h, "data/0/1": h}, false, ErrRepository, "borg"},
		{"pgBackRest", ages{"archive/main/archive.info": h, "backup/main/backup.info": h, "backup/main/20261123-020000F/x.gz": h}, false, ErrRepository, "pgBackRest"},
		{"WAL-G", ages{"basebackups_005/base_1/part_1.tar.lz4": h, "wal_005/1.lz4": h}, false, ErrRepository, "WAL-G"},
		{"Barman", ages{"main/base/20261123T020000/backup.info": h, "main/wals/1": h}, false, ErrRepository, "Barman"},
		{"a copy of the data directory", ages{"PG_VERSION": h, "base/1/1": h, "global/1": h}, false, ErrRepository, "pg_basebackup (a server's data directory)"},
		{"in parts", ages{"a.sql.gz.aa": h, "a.sql.gz.ab": h}, false, ErrRepository, "split (one backup in several files)"},
		{"in numbered parts, with an older whole one", ages{"a.sql.gz.part-00": h, "old.sql.gz": 30 * h}, false, ErrRepository, "split (one backup in several files)"},
		{"in parts, with a newer whole one", ages{"a.sql.gz.001": 30 * h, "new.sql.gz": h}, false, nil, ""},
		{"only a part of restic's", ages{"config": h, "data/a": h}, false, ErrNone, ""},
		{"no folder of that name", ages{"catalyst/a.sql.gz": h}, false, ErrNone, ""},
		{"folders of any name", ages{"catalyst/daily/a.sql.gz": h}, true, nil, ""},
		{"a hidden folder", ages{".snapshot/a.sql.gz": h}, true, ErrNone, ""},
		{"folders of any name, with one beside them", ages{"old/a.sql.gz": h, "b.sql.gz": 2 * h}, true, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, err := findIn(t, Finder{Deep: tt.deep}, tree(t, tt.files))
			if !errors.Is(err, tt.err) || set.Repository != tt.repository {
				t.Errorf("%v, %q; want %v, %q", err, set.Repository, tt.err, tt.repository)
			}
			if tt.name == "folders of any name, with one beside them" && filepath.Base(set.Newest.Path) != "b.sql.gz" {
				t.Errorf("newest %s", set.Newest.Path)
			}
		})
	}
}

func TestFind_Nothing(t *testing.T) {
	set, err := findIn(t, Finder{}, tree(t, map[string]time.Duration{"latest.sql.gz -> gone.sql.gz": 0, "loop.sql -> loop.sql": 0, "backup.log": 0, "run.sh": 0, ".hidden": 0}))
	if !errors.Is(err, ErrNone) || set.Strange != 2 || set.Dangling == "" {
		t.Errorf("%v, %d strange, dangling %q", err, set.Strange, set.Dangling)
	}
	set, err = findIn(t, Finder{}, tree(t, map[string]time.Duration{"loop.sql -> loop.sql": 0, "a.sql": time.Hour}))
	if err != nil || filepath.Base(set.Newest.Path) != "a.sql" {
		t.Errorf("a link to itself hides the rest: %v, %+v", err, set)
	}
}

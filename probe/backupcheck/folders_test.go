package backupcheck

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// dumped is a plain dump of tables, given as "name rows" pairs. Started is its time of start; empty for none.
func dumped(started string, tables ...any) string {
	var b strings.Builder
	b.WriteString("--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 16.3\n-- Dumped by pg_dump version 16.3\n\n")
	if started != "" {
		fmt.Fprintf(&b, "-- Started on %s\n\n", started)
	}
	for i := 0; i+1 < len(tables); i += 2 {
		fmt.Fprintf(&b, "CREATE TABLE public.%v (id integer);\n\nCOPY public.%v (id) FROM stdin;\n", tables[i], tables[i])
		for n := range tables[i+1].(int) {
			fmt.Fprintln(&b, n)
		}
		b.WriteString("\\.\n\n")
	}
	if started != "" {
		fmt.Fprintf(&b, "-- Completed on %s\n\n", started)
	}
	b.WriteString("--\n-- PostgreSQL database dump complete\n--\n\n")
	return b.String()
}

// TestBackupFolders judges folders as teams keep them: names, dates, rotations, programs and what goes wrong in them.
func TestBackupFolders(t *testing.T) {
	const h = time.Hour
	now := time.Now().UTC()
	day := func(ago int) string { return now.AddDate(0, 0, -ago).Format("2006-01-02") }
	at := func(ago time.Duration) string { return now.Add(-ago).Format("2006-01-02 15:04:05 UTC") }
	good := dumped("", "publishers", 20, "bidders", 10)
	old := dumped("2024-01-05 02:00:00 UTC", "publishers", 20, "bidders", 10)
	tables := probetest.Folder{
		"migrations/001_publishers.up.sql": "CREATE TABLE publishers (id int);", "migrations/002_bidders.up.sql": "CREATE TABLE bidders (id int);",
	}
	type file struct {
		name, text string
		age        time.Duration
	}
	for name, tt := range map[string]struct {
		files  []file
		state  probe.State
		reason probe.Reason
		detail string
	}{
		// Names without a date.
		"weekday":                 {[]file{{"catalyst-monday.sql", good, h}}, probe.StatePass, "", ""},
		"abbreviated weekday":     {[]file{{"sun/catalyst.sql", good, h}}, probe.StatePass, "", ""},
		"latest":                  {[]file{{"latest.sql", good, h}}, probe.StatePass, "", ""},
		"version of eight digits": {[]file{{"catalyst_v20240105.sql", good, h}}, probe.StatePass, "", ""},
		"version with dots":       {[]file{{"catalyst-2.4.0.sql", good, h}}, probe.StatePass, "", ""},
		"version of PostgreSQL":   {[]file{{"pg16.3-catalyst.sql", good, h}}, probe.StatePass, "", ""},
		"week of the year":        {[]file{{"catalyst-2024-W05.sql", good, h}}, probe.StatePass, "", ""},
		"no date at all":          {[]file{{"catalyst-20249999.sql", good, h}}, probe.StatePass, "", ""},
		"random id":               {[]file{{"3f2a2024-0105-4c3d-9e8f-aa0123456789.sql", good, h}}, probe.StatePass, "", ""},
		"counter":                 {[]file{{"catalyst.sql.1.gz", gzipped(good), 30 * h}, {"catalyst.sql.0.gz", gzipped(good), h}}, probe.StatePass, "", ""},
		// Dates.
		"today":                   {[]file{{"catalyst-" + day(0) + ".sql", good, h}}, probe.StatePass, "", ""},
		"yesterday":               {[]file{{"catalyst-" + day(1) + ".sql", good, h}}, probe.StatePass, "", ""},
		"date and a version":      {[]file{{"db_20240105_postgres15.sql", good, h}}, probe.StateWarn, probe.ReasonStale, "by its name"},
		"date as in Germany":      {[]file{{"05.01.2024.sql", good, h}}, probe.StateWarn, probe.ReasonStale, "by its name"},
		"name of a month":         {[]file{{"catalyst_5-Jan-2024.sql", good, h}}, probe.StateWarn, probe.ReasonStale, "by its name"},
		"seconds since 1970":      {[]file{{"catalyst-1704412800.sql", good, h}}, probe.StateWarn, probe.ReasonStale, "by its name"},
		"dated folders":           {[]file{{"2024/01/05/catalyst.sql", good, h}}, probe.StateWarn, probe.ReasonStale, "by its name"},
		"ISO 8601 basic":          {[]file{{"20240105T020000Z.sql", good, h}}, probe.StateWarn, probe.ReasonStale, "by its name"},
		"content and name old":    {[]file{{"catalyst_2024-01-05_0200.sql", old, h}}, probe.StateFail, probe.ReasonStale, "by its content and its name"},
		"content old":             {[]file{{"latest.sql", old, h}}, probe.StateWarn, probe.ReasonStale, "by its content"},
		"content fresh, name old": {[]file{{"catalyst-2024-01-05.sql", dumped(at(2*h), "publishers", 20, "bidders", 10), h}}, probe.StateWarn, probe.ReasonStale, "by its name"},
		"content of yesterday":    {[]file{{"latest.sql", dumped(at(20*h), "publishers", 20, "bidders", 10), h}}, probe.StatePass, "", ""},
		"old by every time":       {[]file{{"catalyst.sql", good, 30 * h}}, probe.StateFail, probe.ReasonStale, "older than"},
		// Tables.
		"another application": {[]file{{"blog.sql", dumped("", "wp_posts", 50, "wp_users", 3), h}}, probe.StateFail, probe.ReasonMismatch, "none of the deployment's tables"},
		"another application next to it": {[]file{{"blog.sql", dumped("", "wp_posts", 50), h}, {"catalyst.sql", good, 2 * h}},
			probe.StatePass, "", "blog.sql, which is newer"},
		"one wanted table is missing": {[]file{{"catalyst.sql", dumped("", "publishers", 20), h}}, probe.StateWarn, probe.ReasonMismatch, "does not contain bidders"},
		"other partitions":            {[]file{{"catalyst.sql", dumped("", "publishers", 20, "bidders_eu", 10), h}}, probe.StatePass, "", ""},
		"rows went to zero": {[]file{{"c_1.sql", good, 25 * h}, {"c_2.sql", dumped("", "publishers", 40, "bidders", 0), h}},
			probe.StateFail, probe.ReasonEmpty, "no rows of bidders"},
		"a table went": {[]file{{"c_1.sql", good, 25 * h}, {"c_2.sql", dumped("", "publishers", 40), h}},
			probe.StateFail, probe.ReasonEmpty, "no rows of bidders"},
		"empty on day one": {[]file{{"c_1.sql", dumped("", "publishers", 0, "bidders", 0), h}}, probe.StateWarn, probe.ReasonEmpty, ""},
		"much smaller":     {[]file{{"c_1.sql", dumped("", "publishers", 900, "bidders", 900), 25 * h}, {"c_2.sql", good, h}}, probe.StateWarn, probe.ReasonThreshold, "far fewer"},
		"schema only":      {[]file{{"c_1.sql", strings.ReplaceAll(dumped(""), "\n\n--\n-- PostgreSQL database dump complete", "\nCREATE TABLE public.publishers (id integer);\n\n--\n-- PostgreSQL database dump complete"), h}}, probe.StateWarn, probe.ReasonEmpty, ""},
		// Unfinished ones.
		"first one is written":        {[]file{{"c.sql.tmp", good[:200], time.Minute}}, probe.StatePending, probe.ReasonInProgress, ""},
		"first one was left":          {[]file{{"c.sql.partial", good[:200], 2 * h}}, probe.StateFail, probe.ReasonTruncated, ""},
		"the next one is written":     {[]file{{"c_1.sql", good, 20 * h}, {"c_2.sql.tmp", good[:200], time.Minute}}, probe.StatePass, "", "c_1.sql"},
		"written next to a stale one": {[]file{{"c_1.sql", good, 30 * h}, {"c_2.sql.tmp", good[:200], time.Minute}}, probe.StateFail, probe.ReasonStale, "c_1.sql"},
		"written next to a cut one":   {[]file{{"c_1.sql", good[:300], 20 * h}, {"c_2.sql.tmp", good[:200], time.Minute}}, probe.StateFail, probe.ReasonTruncated, "c_1.sql"},
		"cut under its last name":     {[]file{{"c_1.sql", good, 20 * h}, {"c_2.sql", good[:300], h}}, probe.StateFail, probe.ReasonTruncated, "c_2.sql"},
		"cut to nothing":              {[]file{{"c_1.sql.gz", "", h}}, probe.StateFail, probe.ReasonEmpty, ""},
		// Other programs.
		"roles next to it": {[]file{{"globals.sql", "--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE app;\n\n--\n-- PostgreSQL database cluster dump complete\n--\n\n", h}, {"c.sql", good, 2 * h}},
			probe.StatePass, "", "globals.sql, which is newer"},
		"pgBackRest": {[]file{{"backup/main/backup.info", "[backup]\n", h}, {"archive/main/archive.info", "", h}}, probe.StateUnknown, probe.ReasonNotConfigured, "pgBackRest"},
		"WAL-G":      {[]file{{"basebackups_005/base_000000010000000000000002_backup_stop_sentinel.json", "{}", h}, {"wal_005/x.lz4", "", h}}, probe.StateUnknown, probe.ReasonNotConfigured, "WAL-G"},
		"Redis":      {[]file{{"dump.rdb.gz", gzipped("REDIS0011\xfa"), h}, {"c.sql", good, 2 * h}}, probe.StatePass, "", "c.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := probetest.Folder{}
			ages := map[string]time.Duration{}
			for name, text := range tables {
				folder[name] = text
			}
			for _, f := range tt.files {
				path := filepath.Join("backups", f.name)
				folder[path], ages[path] = f.text, f.age
			}
			p := probetest.NewPass(t, folder, deployment.Settings{})
			aged(t, p.Deployment.Root, ages)
			probetest.Expect(t, probetest.Look(t, p, FileKind(), "{tables: [publishers, bidders]}"), tt.state, tt.reason, tt.detail)
		})
	}
}

// A wanted table that a migration drops or renames may be missing.
func TestBackupFolders_DroppedTables(t *testing.T) {
	only := dumped("", "publishers", 20)
	for last, state := range map[string]probe.State{
		"ALTER TABLE bidders ADD COLUMN name text;":                     probe.StateWarn,
		"ALTER TABLE bidders RENAME COLUMN a TO b;":                     probe.StateWarn,
		"-- DROP TABLE bidders":                                         probe.StateWarn,
		"DROP TABLE public.bidders;":                                    probe.StatePass,
		"DROP TABLE IF EXISTS \"bidders\";":                             probe.StatePass,
		"ALTER TABLE IF EXISTS ONLY public.bidders RENAME TO partners;": probe.StatePass,
	} {
		p := probetest.NewPass(t, probetest.Folder{
			"migrations/001_a.sql": "CREATE TABLE publishers (id int); CREATE TABLE bidders (id int);", "migrations/002_b.sql": last, "backups/c.sql": only,
		}, deployment.Settings{})
		aged(t, p.Deployment.Root, map[string]time.Duration{"backups/c.sql": time.Hour})
		if got := probetest.Look(t, p, FileKind(), "{tables: [publishers, bidders]}"); got.State != state {
			t.Errorf("%s: %v %s", last, got.State, got.Detail)
		}
	}
}

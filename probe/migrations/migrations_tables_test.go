package migrations

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestMigrations_NetEffect judges what the up migrations leave.
func TestMigrations_NetEffect(t *testing.T) {
	const a, b = "CREATE TABLE publishers (id int);", "CREATE TABLE IF NOT EXISTS public.bidders (id int)"
	for name, tt := range map[string]struct {
		folder probetest.Folder
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"both stay":                   {probetest.Folder{"m/001_a.sql": a, "m/002_b.sql": b}, probe.StatePass, "", ""},
		"dropped later":               {probetest.Folder{"m/001_a.sql": a + b, "m/002_b.sql": `DROP TABLE IF EXISTS "bidders" CASCADE;`}, probe.StateFail, probe.ReasonMissing, "the table bidders is created, then dropped by 002_b.sql"},
		"all dropped":                 {probetest.Folder{"m/001_a.sql": "CREATE TABLE x (id int);CREATE TABLE y (id int);", "m/002_b.sql": "drop table x, y;"}, probe.StateFail, probe.ReasonEmpty, "leave no table"},
		"the schema dropped":          {probetest.Folder{"m/001_a.sql": a, "m/002_b.sql": "DROP SCHEMA public CASCADE;"}, probe.StateFail, probe.ReasonMissing, "dropped by 002_b.sql"},
		"dropped and made again":      {probetest.Folder{"m/001_a.sql": a, "m/002_b.sql": "DROP TABLE publishers;" + a}, probe.StatePass, "", ""},
		"renamed away":                {probetest.Folder{"m/001_a.sql": a + b, "m/002_b.sql": "ALTER TABLE bidders RENAME TO bidders_old;"}, probe.StateWarn, probe.ReasonMissing, "the table bidders is renamed by 002_b.sql"},
		"renamed away and made again": {probetest.Folder{"m/001_a.sql": a, "m/002_b.sql": "ALTER TABLE publishers RENAME TO p_old;" + a}, probe.StatePass, "", ""},
		"temporary":                   {probetest.Folder{"m/001_a.sql": "CREATE TEMP TABLE publishers (id int); CREATE TEMPORARY TABLE x (id int);"}, probe.StateFail, probe.ReasonMissing, "publishers"},
		"all temporary":               {probetest.Folder{"m/001_a.sql": "CREATE TEMP TABLE x (id int);"}, probe.StateFail, probe.ReasonEmpty, "temporary"},
		"a temporary one to fill":     {probetest.Folder{"m/001_a.sql": a, "m/002_b.sql": "CREATE TEMP TABLE fill AS SELECT 1; INSERT INTO publishers SELECT * FROM fill;"}, probe.StatePass, "", ""},
		"rolled back":                 {probetest.Folder{"m/001_a.sql": "BEGIN;\n" + a + "\nROLLBACK;\n"}, probe.StateFail, probe.ReasonEmpty, "ROLLBACK"},
		"rolled back to a savepoint":  {probetest.Folder{"m/001_a.sql": "BEGIN;\nSAVEPOINT s;\n" + a + "\nROLLBACK TO s;\n" + a + "\nCOMMIT;\n"}, probe.StatePass, "", ""},
		"an open quotation":           {probetest.Folder{"m/001_a.sql": a, "m/002_b.sql": "INSERT INTO publishers VALUES ('x);"}, probe.StateFail, probe.ReasonTruncated, "quoted"},
		"a quotation in a comment":    {probetest.Folder{"m/001_a.sql": "-- don't drop\n" + a, "m/002_b.sql": "INSERT INTO publishers VALUES ('it''s'); -- that's all"}, probe.StatePass, "", ""},
		"Alembic, own names":          {probetest.Folder{"m/env.py": "x", "m/versions/init.py": "x"}, probe.StateWarn, probe.ReasonWeak, "1 migrations of Alembic"},
		"renamed":                     {probetest.Folder{"m/001_a.sql": "CREATE TABLE old (id int);", "m/002_b.sql": "ALTER TABLE old RENAME TO new;"}, probe.StatePass, "", ""},
		"swapped":                     {probetest.Folder{"m/001_a.sql": a, "m/002_b.sql": "CREATE TABLE p2 (id int); DROP TABLE publishers; ALTER TABLE p2 RENAME TO publishers;"}, probe.StatePass, "", ""},
		"dropped by the down file":    {probetest.Folder{"m/000001_a.up.sql": a, "m/000001_a.down.sql": "DROP TABLE publishers;"}, probe.StatePass, "", ""},
		"dropped by a numbered down":  {probetest.Folder{"m/001_a.sql": a, "m/001_a.down.sql": "DROP TABLE publishers;"}, probe.StatePass, "", ""},
		"dropped below goose's Down":  {probetest.Folder{"m/001_a.sql": "-- +goose Up\n" + a + "\n-- +goose Down\nDROP TABLE publishers;\n"}, probe.StatePass, "", ""},
		"dropped in a comment":        {probetest.Folder{"m/001_a.sql": a, "m/002_b.sql": "-- DROP TABLE publishers;\nALTER TABLE publishers ADD b int;"}, probe.StatePass, "", ""},
		"a hypertable":                {probetest.Folder{"m/001_a.sql": "CREATE TABLE publishers (t timestamptz);\nSELECT create_hypertable('publishers', 't');"}, probe.StatePass, "", ""},
		"a backfill":                  {probetest.Folder{"m/001_a.sql": a, "m/002_b.sql": "UPDATE publishers SET id = 1 WHERE id IS NULL"}, probe.StatePass, "", ""},
		"others by a function":        {probetest.Folder{"m/001_a.sql": "CREATE TABLE x (id int);", "m/002_b.sql": "DROP TABLE x;", "m/003_c.sql": "SELECT 1; DO $$ BEGIN PERFORM make(); END $$;"}, probe.StatePass, "", ""},
		"goose, nothing up":           {probetest.Folder{"m/001_a.sql": "-- +goose Up\nSELECT 1;\n-- +goose Down\nDROP TABLE publishers;\n"}, probe.StateFail, probe.ReasonEmpty, "no migration creates a table"},
		"Alembic":                     {probetest.Folder{"m/env.py": "x", "m/versions/1a2b3c4d5e6f_init.py": "x", "m/versions/2a2b3c4d5e6f_b.py": "x"}, probe.StateWarn, probe.ReasonWeak, "2 migrations of Alembic"},
		"Django":                      {probetest.Folder{"m/__init__.py": "", "m/0001_initial.py": "x"}, probe.StateWarn, probe.ReasonWeak, "1 migrations of"},
		"Prisma":                      {probetest.Folder{"m/migration_lock.toml": "x", "m/20260101000000_init/migration.sql": a}, probe.StateWarn, probe.ReasonWeak, "Prisma"},
		"Rails":                       {probetest.Folder{"m/20260101000000_create_publishers.rb": "x"}, probe.StateWarn, probe.ReasonWeak, "Rails"},
		"Laravel":                     {probetest.Folder{"m/2026_01_01_000000_create.php": "x"}, probe.StateWarn, probe.ReasonWeak, "Laravel"},
		"nothing":                     {probetest.Folder{"m/README.md": "x"}, probe.StateFail, probe.ReasonEmpty, "contains no migration"},
		"a dump that nobody numbered": {probetest.Folder{"m/schema.sql": a}, probe.StateFail, probe.ReasonEmpty, "contains no migration"},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, tt.folder, deployment.Settings{Migrations: "m"})
			probetest.Expect(t, probetest.Look(t, p, FolderKind(), "{tables: [publishers, bidders]}"), tt.state, tt.reason, tt.detail)
		})
	}
}

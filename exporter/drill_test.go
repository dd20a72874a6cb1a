package exporter

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestDrillRestore restores real dumps into a scratch database. The drill must refuse to use the deployment's own server.
func TestDrillRestore(t *testing.T) {
	server := parts.PostgreSQL(t)
	database, _ := server.Database(t)
	server.ExecIn(t, database, "CREATE TABLE publishers (id int); INSERT INTO publishers SELECT generate_series(1, 500)")
	root := t.TempDir()
	dump := filepath.Join(root, "backups", "latest.dump")
	if err := os.MkdirAll(filepath.Dir(dump), 0o755); err != nil {
		t.Fatal(err)
	}
	pgDump := exec.Command(parts.Need(t, "pg_dump"), "-Fc", "--file="+dump, "--dbname="+server.DSNFor(server.User, server.Password, database))
	if out, err := pgDump.CombinedOutput(); err != nil {
		t.Fatalf("pg_dump: %v %s", err, out)
	}
	hour := time.Now().Add(-time.Hour)
	if err := os.Chtimes(dump, hour, hour); err != nil {
		t.Fatal(err)
	}
	dsn := write(t, root, "dsn", server.DSN()+"\n")
	drill := func(args ...string) (int, string) {
		var out bytes.Buffer
		sys := System{Context: t.Context(), Stdout: &out, Stderr: &out, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
		code := Main(append([]string{"drill", "restore", "--deployment.root=" + root, "--dsn-file=" + dsn, "--by=a@b.c"}, args...), sys)
		if strings.Contains(out.String(), server.Password) {
			t.Errorf("output contains the password: %s", out.String())
		}
		return code, out.String()
	}
	own := strings.TrimSpace(query(t, server.DSN(), "SELECT system_identifier FROM pg_control_system()"))
	if code, out := drill("--live-system-identifier=" + own); code != ExitUsage || !strings.Contains(out, "own") {
		t.Errorf("on the deployment's own server: %d %s", code, out)
	}
	if code, out := drill(); code != ExitUsage || !strings.Contains(out, "--live-system-identifier") {
		t.Errorf("own server unknown: %d %s", code, out)
	}
	if code, out := drill("--live-system-identifier=1"); code != ExitReady || !strings.Contains(out, "written to .catalyst/attestations/") || !strings.Contains(out, "subject:") {
		t.Errorf("intact dump: %d %s", code, out)
	}
	if got := verdicts(t, "--deployment.root="+root, "--item=restore_tested")["restore_tested"]; got != "warn unsigned" {
		t.Errorf("after the drill restore_tested is %q", got)
	}
	if left := query(t, server.DSN(), "SELECT count(*) FROM pg_database WHERE datname LIKE '%drill%'"); strings.TrimSpace(left) != "0" {
		t.Errorf("%s scratch databases remain", left)
	}
	whole, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	cut := write(t, root, "cut.dump", string(whole[:len(whole)-200]))
	if code, out := drill("--live-system-identifier=1", "--backup="+cut); code != ExitFailing {
		t.Errorf("truncated dump: %d %s", code, out)
	}
}

func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	cmd := exec.Command(parts.Need(t, "psql"), "-At", "-d", dsn, "-c", sql)
	cmd.Stderr = io.Discard
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("psql: %v", err)
	}
	return string(out)
}

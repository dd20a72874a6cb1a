package exporter

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	for _, wrong := range []string{"1", "live", "0", "18446744073709551615"} {
		if code, out := drill("--live-system-identifier=" + wrong); code != ExitUsage || !strings.Contains(out, "is not a system identifier") {
			t.Errorf("identifier %s: %d %s", wrong, code, out)
		}
	}
	n, err := strconv.ParseUint(own, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	other := strconv.FormatUint(n-1<<32, 10) // of a server that was made a second earlier
	if code, out := drill("--live-system-identifier=" + other); code != ExitReady || !strings.Contains(out, "written to .catalyst/attestations/") ||
		!strings.Contains(out, "subject:") || !strings.Contains(out, "not compared with the live database") {
		t.Errorf("intact dump: %d %s", code, out)
	}
	if got := verdicts(t, "--deployment.root="+root, "--item=restore_tested")["restore_tested"]; got != "warn weak" {
		t.Errorf("after the drill restore_tested is %q", got)
	}
	whole, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	// The live server can be asked: it is the drill's own, and a wrong identifier does not hide that.
	write(t, root, ".env.production", "DATABASE_URL="+server.DSNFor(server.User, server.Password, database)+"\n")
	if code, out := drill("--live-system-identifier=" + other); code != ExitUsage || !strings.Contains(out, "is not that of the deployment's own server") {
		t.Errorf("wrong identifier: %d %s", code, out)
	}
	if code, out := drill(); code != ExitUsage || !strings.Contains(out, "own server") {
		t.Errorf("the deployment's own server: %d %s", code, out)
	}
	if err := os.Remove(filepath.Join(root, ".env.production")); err != nil {
		t.Fatal(err)
	}
	// What was attested stays so after the backup was deleted.
	if err := os.Remove(dump); err != nil {
		t.Fatal(err)
	}
	if got := verdicts(t, "--deployment.root="+root, "--item=restore_tested")["restore_tested"]; got != "warn weak" {
		t.Errorf("after the backup was deleted restore_tested is %q", got)
	}
	if left := query(t, server.DSN(), "SELECT count(*) FROM pg_database WHERE datname LIKE '%drill%'"); strings.TrimSpace(left) != "0" {
		t.Errorf("%s scratch databases remain", left)
	}
	cut := write(t, root, "cut.dump", string(whole[:len(whole)-200]))
	if code, out := drill("--live-system-identifier="+other, "--backup="+cut); code != ExitFailing {
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

package kinds

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/recorder"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Nothing is written to the checked system. Every kind except the active ones runs on a deployment with all services.
// What it sends is recorded, parsed and compared with Kind.Services and the operations that only read.

// snapshot returns the metadata and digest of everything in a folder.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = fmt.Sprintf("%x", sha256.Sum256(data))
		}
		all[path] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime().UnixNano(), content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// startEverything starts all services and writes the files of a deployment that uses them.
func startEverything(t *testing.T) *recorder.Everything {
	t.Helper()
	e := recorder.Start(t)
	repository := parts.GitRepo(t)
	repository.Commit(t, "begin", map[string]string{"CHANGELOG.md": "# Changelog\n\n## [1.0.0] - 2026-01-01\n\n- x\n", "docker-compose.yml": "services:\n  catalyst:\n    image: x\n    env_file: .env.production\n    environment:\n      JWT_SECRET: " + parts.Secret() + "\n  backup:\n    image: x\n    env_file: .env.production\n",
		"migrations/001_begin.sql": "CREATE TABLE publishers (id int);\n"})
	repository.Write(t, map[string]string{".env.production": "LOG_LEVEL=info\nPBS_ANONYMIZE_IP=true\nDB_MAX_OPEN_CONNS=5\nRATE_LIMIT_REQUESTS=5\nS3_BUCKET=" + probetest.AWSTestBucket + "\nAWS_REGION=" + e.Account.Region +
		"\nAWS_ACCESS_KEY_ID=AKIA" + "TEST\nAWS_SECRET_ACCESS_KEY=" + e.Account.Secret + "\n"})
	root := repository.Dir
	chain, err := attest.OpenChain(filepath.Join(root, ".catalyst", "releases"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []attest.Record{probetest.Planned("1", probetest.CommitOne, e.Image), probetest.Recorded("1", probetest.CommitOne, e.Image), probetest.Planned("2", probetest.CommitTwo, e.Image), probetest.Recorded("2", probetest.CommitTwo, e.Image)} {
		r.By, r.At = "somebody", time.Now()
		if _, err := chain.Append(r, false); err != nil {
			t.Fatal(err)
		}
	}
	e.Settings.Root = root
	return e
}

func TestNothingIsWritten(t *testing.T) {
	e := startEverything(t)
	root := e.Settings.Root
	t.Setenv("TMPDIR", t.TempDir())
	git := recorder.Git(t)
	before := snapshot(t, root)
	for _, k := range All() {
		if k.Active {
			continue // does more than read
		}
		made, _ := probetest.Decode(k, k.Example)
		if pr, ok := made.(probe.Probe); ok {
			checkSent(t, e, k, pr, git)
		}
	}
	if len(e.Docker.Refused) > 0 {
		t.Errorf("sent to the engine: %q", e.Docker.Refused)
	}
	for _, action := range e.Account.Permissions() {
		if _, verb, _ := strings.Cut(action, ":"); !strings.HasPrefix(verb, "Get") && !strings.HasPrefix(verb, "List") {
			t.Errorf("AWS was called with %s", action)
		}
	}
	compareSnapshots(t, before, snapshot(t, root))
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("temporary files remain: %v, %v", left, err)
	}
}

// checkSent runs a probe and checks that it contacts the services that its kind lists, and only reads from them.
func checkSent(t *testing.T, e *recorder.Everything, k probe.Kind, pr probe.Probe, git func() []string) {
	t.Helper()
	s := e.Settings
	if k.Name == "systemd_timer" {
		s.Backup.Timer = "nightly-backup@a.timer"
	}
	p := probetest.NewPass(t, nil, s)
	var sent recorder.Sent
	sent.Listen(p)
	git()
	e.Bus.Calls = nil
	r := probe.Run(t.Context(), pr, p)
	if keyed, ok := pr.(probe.Keyed); ok {
		keyed.Key(probetest.Again(p))
	}
	contacted := map[string]bool{}
	check := func(by recorder.Recorder, verbs []string) {
		for _, verb := range verbs {
			contacted[by.Service.Name] = true
			if !slices.Contains(by.Reads, verb) {
				t.Errorf("%s: %s: %q is sent to %s, which does more than read", place(k.New), k.Name, verb, by.Service.Name)
			}
		}
	}
	all := sent.All()
	for _, by := range recorder.All() {
		name := by.Service.Name
		switch by.Protocol {
		case "git":
			check(by, git())
		case "systemd":
			for _, call := range e.Bus.Calls {
				verb, _, _ := strings.Cut(call, " ")
				check(by, []string{verb})
			}
		}
		for _, text := range all[e.Addresses[name]] {
			contacted[name] = contacted[name] || len(text) > 0
			verbs, err := recorder.Verbs(by.Protocol, text)
			if err != nil {
				t.Errorf("%s: %s: what it sends to %s cannot be parsed: %v", place(k.New), k.Name, name, err)
			}
			check(by, verbs)
		}
		delete(all, e.Addresses[name])
	}
	for address, sent := range all {
		silent := !slices.ContainsFunc(sent, func(text []byte) bool { return len(text) > 0 })
		if silent && strings.Contains(k.Example, address) {
			continue // the spec gives the address, and nothing is sent to it
		}
		t.Errorf("%s: %s: connects to %s, which no service of the settings has", place(k.New), k.Name, address)
	}
	if got, want := slices.Sorted(maps.Keys(contacted)), serviceNames(k); !slices.Equal(got, want) {
		t.Errorf("%s: %s: contacts %q, but Services lists %q: edit Services there; result %v (%s) %s", place(k.New), k.Name,
			got, want, r.State, r.Reason, r.Detail)
	}
}

func compareSnapshots(t *testing.T, before, after map[string]string) {
	t.Helper()
	for path := range after {
		if before[path] != after[path] {
			t.Errorf("written: %s", path)
		}
	}
	for path := range before {
		if after[path] == "" {
			t.Errorf("removed: %s", path)
		}
	}
}

// TestVerbs checks that the recorder detects operations that write.
func TestVerbs(t *testing.T) {
	query := func(kind byte, text string) []byte {
		return []byte("\x00\x00\x00\x08abcd" + probetest.Message(kind, text+"\x00"))
	}
	for _, tt := range []struct {
		service string
		said    []byte
		want    []string
	}{
		{"http", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"), []string{"GET", "POST"}},
		{"aws", []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\nAction=DeleteUser&Version=2010-05"), []string{"DeleteUser"}},
		{"redis", []byte("*1\r\n$4\r\nPING\r\n*3\r\n$6\r\nconfig\r\n$3\r\nset\r\n$1\r\nx\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n"), []string{"PING", "CONFIG SET", "DEL"}},
		{"postgres", query('Q', "delete from x"), []string{"DELETE"}},
		{"postgres", query('P', "\x00insert into x values (1)"), []string{"INSERT"}},
		{"postgres", query('Q', "select 1; drop table x"), []string{"select 1; drop table x"}},
		{"dns", []byte("\x12\x34\x28\x00........"), []string{"opcode 5"}},
	} {
		got, err := recorder.Verbs(tt.service, tt.said)
		if err != nil && tt.service != "aws" || !slices.Equal(got, tt.want) {
			t.Errorf("%s %q: %q, %v; want %q", tt.service, tt.said, got, err, tt.want)
		}
		if verb := got[len(got)-1]; readsOnly(tt.service, verb) {
			t.Errorf("%s: %q counts as reading", tt.service, verb)
		}
	}
}

// readsOnly reports whether any recorder of the protocol allows the operation.
func readsOnly(protocol, verb string) bool {
	return slices.ContainsFunc(recorder.All(), func(r recorder.Recorder) bool {
		return r.Protocol == protocol && slices.Contains(r.Reads, verb)
	})
}

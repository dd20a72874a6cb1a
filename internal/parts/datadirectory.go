// initdb creates PostgreSQL's data directory once per test binary. It is kept in memory and written for each server,
// which takes a third of initdb's time and leaves nothing to clean up at exit.

package parts

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// template is a fresh data directory, held in memory.
type template struct {
	password string
	entries  []templateEntry
}

type templateEntry struct {
	path    string // relative
	mode    fs.FileMode
	content []byte // nil for a directory
}

// onceTemplate holds the template of this test binary, because initdb is slow. It is the only state that outlives a
// test.
var onceTemplate struct {
	sync.Mutex
	made *template
}

func postgresqlTemplate(t testing.TB, uid, gid int, credential *syscall.Credential) *template {
	t.Helper()
	onceTemplate.Lock()
	defer onceTemplate.Unlock()
	if onceTemplate.made != nil {
		return onceTemplate.made
	}
	dir := tempDir(t, uid, gid)
	made := &template{password: Secret()}
	passwordFile := filepath.Join(dir, "password")
	if err := writeAs(passwordFile, []byte(made.password), 0o600, uid, gid); err != nil {
		t.Fatalf("postgresql: %v", err)
	}
	data := filepath.Join(dir, "data")
	command := exec.Command(Need(t, "initdb"), "-D", data, "-U", "postgres", "--pwfile", passwordFile, "--auth=scram-sha-256",
		"--encoding=UTF8", "--no-locale", "--no-sync", "--wal-segsize=1")
	command.Dir = dir
	command.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("postgresql: initdb: %v\n%s", err, output)
	}
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		entry := templateEntry{mode: info.Mode().Perm()}
		if entry.path, err = filepath.Rel(data, path); err != nil {
			return err
		}
		if !d.IsDir() {
			if entry.content, err = os.ReadFile(path); err != nil {
				return err
			}
			entry.content = append([]byte{}, entry.content...) // never nil: nil marks a directory
		}
		made.entries = append(made.entries, entry)
		return nil
	})
	if err != nil {
		t.Fatalf("postgresql: read the data directory: %v", err)
	}
	onceTemplate.made = made
	return made
}

func (t *template) copyTo(dir string, uid, gid int) error {
	for _, entry := range t.entries {
		path := filepath.Join(dir, entry.path)
		if entry.content == nil {
			if err := os.Mkdir(path, entry.mode); err != nil {
				return err
			}
			if err := chown(path, uid, gid); err != nil {
				return err
			}
			continue
		}
		if err := writeAs(path, entry.content, entry.mode, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// writeAs writes a file owned by another user.
func writeAs(path string, content []byte, mode fs.FileMode, uid, gid int) error {
	if err := os.WriteFile(path, content, mode); err != nil {
		return err
	}
	return chown(path, uid, gid)
}

// chown changes the owner if this process runs as root; otherwise it owns everything already.
func chown(path string, uid, gid int) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, uid, gid)
}

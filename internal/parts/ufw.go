// ufw in a network namespace: the real program with the real rules, which affect no one, and with its own copy of the
// machine's files.

package parts

import (
	"os"
	"path/filepath"
	"testing"
)

// UFW is the installed ufw in one namespace, disabled and without rules.
type UFW struct {
	Etc       string // used as /etc: ufw/ufw.conf, ufw/user.rules, ufw/user6.rules, default/ufw
	namespace *Namespace
}

// UFW prepares ufw in the namespace. `ip netns exec` mounts the files of /etc/netns/NAME over those in /etc, so that
// programs in the namespace change only these copies.
func (n *Namespace) UFW(t testing.TB) *UFW {
	t.Helper()
	Need(t, "ufw")
	u := &UFW{Etc: filepath.Join("/etc/netns", n.Name), namespace: n}
	t.Cleanup(func() {
		removeAll(t, u.Etc)
		_ = os.Remove(filepath.Dir(u.Etc)) // fails if another namespace has files there
	})
	for _, name := range []string{"ufw", "default"} {
		if err := os.CopyFS(filepath.Join(u.Etc, name), os.DirFS(filepath.Join("/etc", name))); err != nil {
			t.Fatalf("ufw: %v", err)
		}
	}
	// Before any change, make sure that only the copy is changed.
	mark := "parts-" + Secret()
	WriteFile(t, filepath.Join(u.Etc, "ufw", mark), "", 0o600)
	n.Run(t, "test", "-e", filepath.Join("/etc/ufw", mark))
	u.Run(t, "--force", "reset") // removes the machine's own rules
	return u
}

// Run runs ufw in the namespace, for example Run(t, "allow", "443/tcp") or Run(t, "--force", "enable"), and returns its
// output.
func (u *UFW) Run(t testing.TB, args ...string) string {
	t.Helper()
	return u.namespace.Run(t, "ufw", args...)
}

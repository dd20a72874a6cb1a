// ufw in a network namespace: the real program with the real rules, loaded where they stop nobody, its files beside the
// machine's own and not in them.

package parts

import (
	"os"
	"path/filepath"
	"testing"
)

// UFW is ufw as it is installed, disabled and without rules of its own, in one namespace.
type UFW struct {
	Etc       string // stands for /etc: ufw/ufw.conf, ufw/user.rules, ufw/user6.rules, default/ufw
	namespace *Namespace
}

// UFW prepares ufw in the namespace. `ip netns exec` shows the files of /etc/netns/NAME in place of those in /etc, so that
// what is run there changes only these copies.
func (n *Namespace) UFW(t testing.TB) *UFW {
	t.Helper()
	Need(t, "ufw")
	u := &UFW{Etc: filepath.Join("/etc/netns", n.Name), namespace: n}
	t.Cleanup(func() {
		removeAll(t, u.Etc)
		_ = os.Remove(filepath.Dir(u.Etc)) // unless another namespace has files there
	})
	for _, name := range []string{"ufw", "default"} {
		if err := os.CopyFS(filepath.Join(u.Etc, name), os.DirFS(filepath.Join("/etc", name))); err != nil {
			t.Fatalf("ufw: %v", err)
		}
	}
	// Before anything is changed: is it really the copy that is changed?
	mark := "parts-" + Secret()
	writeFile(t, filepath.Join(u.Etc, "ufw", mark), "", 0o600)
	n.Run(t, "test", "-e", filepath.Join("/etc/ufw", mark))
	u.Run(t, "--force", "reset") // whatever the machine's own rules are
	return u
}

// Run runs ufw in the namespace, say Run(t, "allow", "443/tcp") or Run(t, "--force", "enable"), and returns what it printed.
func (u *UFW) Run(t testing.TB, args ...string) string {
	t.Helper()
	return u.namespace.Run(t, "ufw", args...)
}

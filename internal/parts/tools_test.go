package parts

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestGitRepo(t *testing.T) {
	repo := GitRepo(t)
	first := repo.Commit(t, "First", map[string]string{"a.txt": "a\n", "dir/b.txt": "b\n"})
	second := repo.Commit(t, "Second", map[string]string{"a.txt": "A\n"})
	if first == second || repo.Head(t) != second {
		t.Errorf("commits %s, %s, head %s", first, second, repo.Head(t))
	}
	if got := repo.Git(t, "log", "--reverse", "--format=%s %an %aI", "--name-only"); got !=
		"First Test 2026-01-05T09:00:00+00:00\n\na.txt\ndir/b.txt\nSecond Test 2026-01-05T09:01:00+00:00\n\na.txt" {
		t.Errorf("log:\n%s", got)
	}
	if again := GitRepo(t); again.Commit(t, "First", map[string]string{"a.txt": "a\n", "dir/b.txt": "b\n"}) != first {
		t.Error("the same commit has another hash")
	}
}

func TestChromium(t *testing.T) {
	browser := Chromium(t)
	server := Nginx(t, NginxSite{Files: map[string]string{
		"/page.html":  `<!doctype html><link rel=icon href=data:,><p id=p>before</p><a href=quiet.html>on</a><script>p.textContent = "after " + (40 + 2)</script>`,
		"/quiet.html": `<!doctype html><link rel=icon href=data:,><p>quiet</p>`,
		"/loud.html": `<!doctype html><link rel=icon href=data:,><meta http-equiv=Content-Security-Policy content="style-src 'none'"><p style="color: red">loud</p>
			<img src=missing.png><script>console.log("told"); undefined.thrown</script>`,
	}})
	var group int
	t.Run("driven", func(t *testing.T) {
		devtools := browser.Start(t)
		group = devtools.Pid()
		page := devtools.Page(t)
		page.Open(t, server.URL+"/page.html")
		var text string
		if page.Eval(t, `p.textContent`, &text); text != "after 42" {
			t.Errorf("page: %q", text)
		}
		page.Loads(t, func() { page.Click(t, `document.querySelector("a")`) })
		if page.Eval(t, `document.body.textContent`, &text); text != "quiet" {
			t.Errorf("the link leads to %q", text)
		}
		if wrong := page.Complaints(t); len(wrong) > 0 {
			t.Errorf("of a quiet page: %q", wrong)
		}
		page.Open(t, server.URL+"/loud.html")
		told := strings.Join(page.Complaints(t), "\n")
		for _, want := range []string{"style-src 'none'", "requests " + server.URL + "/missing.png", `"told"`, "thrown", "404"} {
			if !strings.Contains(told, want) {
				t.Errorf("no %q in the complaints:\n%s", want, told)
			}
		}
	})
	Eventually(t, func() error { // its helpers are reaped by others
		if groupAlive(group) {
			return errors.New("the browser is still there")
		}
		return nil
	})
}

func TestNetns(t *testing.T) {
	var name string
	t.Run("inside", func(t *testing.T) {
		ns := Netns(t)
		name = ns.Name
		ns.Run(t, Need(t, "nft"), "add table inet parts")
		if rules := ns.Run(t, Need(t, "nft"), "list ruleset"); !strings.Contains(rules, "table inet parts") {
			t.Errorf("rules inside:\n%s", rules)
		}
		if rules, err := exec.Command(Need(t, "nft"), "list", "ruleset").Output(); err != nil || strings.Contains(string(rules), "table inet parts") {
			t.Errorf("rules outside: %v\n%s", err, rules)
		}
		var listener net.Listener
		err := ns.Do(func() (err error) {
			listener, err = net.Listen("tcp4", "127.0.0.1:0")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		refused(t, listener.Addr().String())
		err = ns.Do(func() error {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err == nil {
				conn.Close()
			}
			return err
		})
		if err != nil {
			t.Errorf("from inside: %v", err)
		}
	})
	if list, err := exec.Command(Need(t, "ip"), "netns", "list").Output(); err != nil || strings.Contains(string(list), name) {
		t.Errorf("left behind: %s, error %v", list, err)
	}
}

func TestUFW(t *testing.T) {
	machine, err := os.ReadFile("/etc/ufw/ufw.conf")
	if err != nil {
		Need(t, "ufw")
		t.Fatal(err)
	}
	var etc string
	t.Run("inside", func(t *testing.T) {
		ns := Netns(t)
		firewall := ns.UFW(t)
		etc = firewall.Etc
		if status := firewall.Run(t, "status"); !strings.Contains(status, "Status: inactive") {
			t.Errorf("status at first: %s", status)
		}
		firewall.Run(t, "allow", "443/tcp")
		firewall.Run(t, "--force", "enable")
		if status := firewall.Run(t, "status", "verbose"); !strings.Contains(status, "Status: active") || !strings.Contains(status, "deny (incoming)") {
			t.Errorf("status: %s", status)
		}
		rules, err := os.ReadFile(filepath.Join(etc, "ufw/user.rules"))
		if err != nil || !strings.Contains(string(rules), "### tuple ### allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in") {
			t.Errorf("error %v, rules:\n%s", err, rules)
		}
		if loaded := ns.Run(t, Need(t, "nft"), "list ruleset"); !strings.Contains(loaded, "tcp dport 443 ") {
			t.Errorf("loaded:\n%s", loaded)
		}
	})
	if after, err := os.ReadFile("/etc/ufw/ufw.conf"); err != nil || string(after) != string(machine) {
		t.Errorf("the machine's ufw was changed: error %v", err)
	}
	if _, err := os.Stat(etc); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

package gitscan

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// zipped returns a ZIP archive of one file.
func zipped(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarred(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))})
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wrapped breaks a text into lines, as base64(1) does.
func wrapped(text string, width int) string {
	var b strings.Builder
	for ; len(text) > width; text = text[width:] {
		b.WriteString(text[:width] + "\n")
	}
	return b.String() + text + "\n"
}

// TestGitSecrets_Attacks hides a token and a secret in use in every part of a repository.
func TestGitSecrets_Attacks(t *testing.T) {
	token, value := fakeToken(), probetest.RandomText(24)
	line := "x: 1\ntoken = \"" + token + "\"\n"
	noise := strings.Repeat("lorem ipsum dolor sit amet, consectetur\n", 50)
	commit := func(files map[string]string) func(*testing.T, *parts.Repository) {
		return func(t *testing.T, r *parts.Repository) { r.Commit(t, "x", files) }
	}
	for name, tt := range map[string]struct {
		make   func(t *testing.T, r *parts.Repository)
		state  probe.State
		detail string
	}{
		"value in a file name":          {commit(map[string]string{"d/" + value + ".txt": ""}), probe.StateFail, "name of d/<secret>.txt"},
		"value in a folder name":        {commit(map[string]string{value + "/a": "1\n"}), probe.StateFail, "name of <secret>/a"},
		"token in a file name":          {commit(map[string]string{"d/" + token: ""}), probe.StateFail, "name of d/<secret>"},
		"value in a name and a content": {commit(map[string]string{value: "x\n" + value + "\n"}), probe.StateFail, "at <secret>:2"},
		"token in a name and a content": {commit(map[string]string{token: line}), probe.StateFail, "at <secret>:2"},
		"renamed": {func(t *testing.T, r *parts.Repository) {
			r.Git(t, "mv", "app.conf", value+".conf")
			r.Commit(t, "x", nil)
			r.Git(t, "mv", value+".conf", "app.conf")
			r.Commit(t, "y", nil)
		}, probe.StateFail, "name of <secret>.conf"},
		"branch":          {func(t *testing.T, r *parts.Repository) { r.Git(t, "branch", "fix/"+value) }, probe.StateFail, "name of refs/heads/fix/<secret>"},
		"branch of token": {func(t *testing.T, r *parts.Repository) { r.Git(t, "branch", token) }, probe.StateFail, "name of refs/heads/<secret>"},
		"tag":             {func(t *testing.T, r *parts.Repository) { r.Git(t, "tag", "v1-"+value) }, probe.StateFail, "name of refs/tags/v1-<secret>"},
		"author's address": {func(t *testing.T, r *parts.Repository) {
			r.Git(t, "commit", "--allow-empty", "--message", "x", "--author", "a <"+value+"@b>")
		}, probe.StateFail, "commit message:"},
		"rules":              {commit(map[string]string{rulesFile: "[extend]\nuseDefault = true\n# " + token + "\n"}), probe.StateFail, rulesFile + ":3"},
		"value in the rules": {commit(map[string]string{rulesFile: "[extend]\nuseDefault = true\n# " + value + "\n"}), probe.StateFail, rulesFile + ":3"},
		"rule of its own":    {commit(map[string]string{rulesFile: "[extend]\nuseDefault = true\n[[rules]]\nid = \"shop-token\"\nregex = '''shop-token-[a-z-]+'''\n"}), probe.StatePass, "no secret"},
		"submodule's URL": {commit(map[string]string{".gitmodules": "[submodule \"x\"]\n\tpath = x\n\turl = https://ci:" + value + "@git.shop.io/x.git\n"}),
			probe.StateFail, ".gitmodules:3"},
		"URL of a remote": {func(t *testing.T, r *parts.Repository) {
			r.Git(t, "remote", "add", "origin", "https://ci:k9"+probetest.RandomText(20)+"@git.shop.io/x.git")
		}, probe.StateWarn, ".git/config:"},
		"value in git's configuration": {func(t *testing.T, r *parts.Repository) { r.Git(t, "config", "x.y", value) }, probe.StateWarn, ".git/config:"},
		"header in git's configuration": {func(t *testing.T, r *parts.Repository) {
			r.Git(t, "config", "http.extraheader", "AUTHORIZATION: basic "+base64.StdEncoding.EncodeToString([]byte("x:k9"+probetest.RandomText(20))))
		}, probe.StateWarn, ".git/config:"},
		"zip":                {commit(map[string]string{"a.zip": zipped(t, "conf/app.env", noise+line)}), probe.StateFail, "a.zip!conf/app.env:52"},
		"value in a jar":     {commit(map[string]string{"lib/a.jar": zipped(t, "x.properties", noise+value)}), probe.StateFail, "lib/a.jar!x.properties:51"},
		"gzip":               {commit(map[string]string{"a.gz": gzipped(t, noise+line)}), probe.StateFail, "a.gz:52"},
		"tar.gz":             {commit(map[string]string{"a.tgz": gzipped(t, tarred(t, "b/c", noise+line))}), probe.StateFail, "a.tgz!b/c:52"},
		"zip in a zip":       {commit(map[string]string{"a.zip": zipped(t, "b.zip", zipped(t, "c", noise+line))}), probe.StateFail, "a.zip!b.zip!c:52"},
		"zip, shown as text": {commit(map[string]string{".gitattributes": "* diff\n", "a.zip": zipped(t, "c", noise+line)}), probe.StateFail, "a.zip!c:52"},
		"broken zip":         {commit(map[string]string{"a.zip": zipped(t, "c", noise+line)[:60]}), probe.StateWarn, "a.zip (archive cannot be read)"},
		"zip bomb":           {commit(map[string]string{"a.zip": zipped(t, "c", strings.Repeat("0", 80<<20))}), probe.StateWarn, "a.zip (archive holds more than 32 MiB, 10000 files or 4 levels)"},
		"xz":                 {commit(map[string]string{"a.xz": "\xfd7zXZ\x00\x00\x04" + strings.Repeat("\x81\xff\x00", 90)}), probe.StateWarn, "a.xz (compressed by xz)"},
		"7z":                 {commit(map[string]string{"a": "7z\xbc\xaf\x27\x1c\x00\x04" + strings.Repeat("\x81\xff\x00", 90)}), probe.StateWarn, "a (compressed by 7-Zip)"},
		"sound zip":          {commit(map[string]string{"a.zip": zipped(t, "c", noise)}), probe.StatePass, "no secret"},
		"sound, edited zip": {func(t *testing.T, r *parts.Repository) {
			r.Commit(t, "x", map[string]string{"a.zip": zipped(t, "c", noise)})
			r.Write(t, map[string]string{"a.zip": zipped(t, "c", noise+"1")})
		}, probe.StatePass, "no secret"},
		"edited zip": {func(t *testing.T, r *parts.Repository) {
			r.Commit(t, "x", map[string]string{"a.zip": zipped(t, "c", noise)})
			r.Write(t, map[string]string{"a.zip": zipped(t, "c", noise+line)})
		}, probe.StateFail, "a.zip!c:52 (not committed)"},
		"text behind Salted__":    {commit(map[string]string{"a": "Salted__\n" + noise + line}), probe.StateFail, "a:53"},
		"text behind a vault":     {commit(map[string]string{"a": "$ANSIBLE_VAULT;1.1;AES256\n3339\n" + noise + line}), probe.StateFail, "a:54"},
		"text behind GITCRYPT":    {commit(map[string]string{"a": "\x00GITCRYPT\x00\n" + noise + line}), probe.StateFail, "a:53"},
		"text behind age armor":   {commit(map[string]string{"a": "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n\x00" + line}), probe.StateFail, "a:5"},
		"value in an image":       {commit(map[string]string{"a.png": "\x89PNG\r\n\x1a\n" + strings.Repeat("\x81\xff\x00\x01\xfe\x02\x90\xc1", 500) + "tEXt" + value + "\x00\x81"}), probe.StateFail, "a.png:"},
		"UTF-16, forced text":     {commit(map[string]string{".gitattributes": "* diff\n", "a": utf16Text(line, true)}), probe.StateFail, "a:2"},
		"UTF-16, odd":             {commit(map[string]string{"a": "\x00" + utf16Text(line, false)}), probe.StateFail, "a:2"},
		"huge line":               {commit(map[string]string{"a": strings.Repeat("lorem ipsum ", 1<<20) + "token = " + token + strings.Repeat(" dolor sit", 1<<18)}), probe.StateFail, "github-pat at a:1"},
		"value in wrapped base64": {commit(map[string]string{"a": wrapped(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 45)+value+noise)), 76)}), probe.StateFail, "a:1"},
		"value in folded base64":  {commit(map[string]string{"a.yml": "data: |\n  " + strings.ReplaceAll(strings.TrimSpace(wrapped(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 40)+value+noise)), 64)), "\n", "\r\n  ")}), probe.StateFail, "a.yml:2"},
		"sound base64":            {commit(map[string]string{"a": wrapped(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 40)+noise)), 76)}), probe.StatePass, ""},
		"sound names": {func(t *testing.T, r *parts.Repository) {
			r.Commit(t, "x", map[string]string{"0123456789abcdef0123456789abcdef01234567.txt": "", "api-key-rotation/token_abcdef0123456789.md": "a\n"})
			r.Git(t, "branch", "fix/secret-key-0123456789abcdef0123456789abcdef01234567")
			r.Git(t, "remote", "add", "origin", "https://git.shop.io/x.git")
		}, probe.StatePass, "no secret"},
	} {
		t.Run(name, func(t *testing.T) {
			r := parts.GitRepo(t)
			r.Commit(t, "begin", map[string]string{"app.conf": "a=1\nb=2\nc=3\n"})
			tt.make(t, r)
			env := filepath.Join(t.TempDir(), "env")
			if err := os.WriteFile(env, []byte("DB_PASSWORD="+value+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir, EnvFile: env})
			for range 2 {
				got := probetest.Look(t, p, SecretsKind(), "{}")
				if got.State != tt.state || !strings.Contains(got.Detail, tt.detail) {
					t.Errorf("%v (%s) %.300s; want %v, %q", got.State, got.Reason, strings.NewReplacer(token, "TOKEN", value, "VALUE").Replace(got.Detail), tt.state, tt.detail)
				}
				probetest.HasNot(t, got, token)
				probetest.HasNot(t, got, value)
				for _, o := range got.Offenders {
					if strings.Contains(o.ID+o.File, value) || strings.Contains(o.ID+o.File, token) {
						t.Error("an offender shows a secret")
					}
				}
				p = probetest.Again(p)
			}
		})
	}
}

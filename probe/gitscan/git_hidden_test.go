package gitscan

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/content"
)

// utf16Text encodes a text in UTF-16 (little endian), with a byte order mark if mark.
func utf16Text(text string, mark bool) string {
	var b []byte
	if mark {
		b = append(b, 0xff, 0xfe)
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

const noise = "\x81\xff\x00\x01\xfe\x02\x90\xc1"

// TestGitSecrets_HidesNothing: neither attributes nor settings nor encodings hide a content.
func TestGitSecrets_HidesNothing(t *testing.T) {
	secret := fakeToken()
	line := "x: 1\ntoken = \"" + secret + "\"\n"
	for name, tt := range map[string]struct {
		files  map[string]string
		set    []string // a setting of the repository
		info   string   // .git/info/attributes
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"-diff":                             {map[string]string{".gitattributes": "* -diff\n", "a b.yml": line}, nil, "", probe.StateFail, probe.ReasonCommitted, "github-pat at a b.yml:2"},
		"binary":                            {map[string]string{".gitattributes": "*.tfstate binary\n", "ä.tfstate": line}, nil, "", probe.StateFail, probe.ReasonCommitted, "ä.tfstate:2"},
		"diff driver":                       {map[string]string{".gitattributes": "* diff=x\n", "a": line}, []string{"diff.x.binary", "true"}, "", probe.StateFail, probe.ReasonCommitted, "a:2"},
		"info":                              {map[string]string{"a": line}, nil, "* -diff\n", probe.StateFail, probe.ReasonCommitted, "a:2"},
		"big files":                         {map[string]string{"a": line}, []string{"core.bigFileThreshold", "1"}, "", probe.StateFail, probe.ReasonCommitted, "a:2"},
		"first commit":                      {map[string]string{"a": line}, []string{"log.showRoot", "false"}, "", probe.StateFail, probe.ReasonCommitted, "a:2"},
		"NUL at the end":                    {map[string]string{"a": line + "\x00"}, nil, "", probe.StateFail, probe.ReasonCommitted, "a:2"},
		"NUL at the head":                   {map[string]string{"a": "\x00" + line}, nil, "", probe.StateFail, probe.ReasonCommitted, "a:2"},
		"UTF-16 with BOM":                   {map[string]string{"a": utf16Text(line, true)}, nil, "", probe.StateFail, probe.ReasonCommitted, "a:2"},
		"UTF-16":                            {map[string]string{"a": utf16Text(line, false)}, nil, "", probe.StateFail, probe.ReasonCommitted, "a:2"},
		"BOM":                               {map[string]string{"a": "\xef\xbb\xbf" + line}, nil, "", probe.StateFail, probe.ReasonCommitted, "a:2"},
		"program":                           {map[string]string{"a": strings.Repeat(noise, 500) + "\n" + line + strings.Repeat(noise, 500)}, nil, "", probe.StateFail, probe.ReasonCommitted, "a:3"},
		"program by its name":               {map[string]string{"a.bin": strings.Repeat(noise, 500) + "\n" + line + strings.Repeat(noise, 500)}, nil, "", probe.StateFail, probe.ReasonCommitted, "a.bin:3"},
		"text behind the magic of an image": {map[string]string{"a": "\x89PNG\r\n\x1a\n\x00" + line}, nil, "", probe.StateFail, probe.ReasonCommitted, "a:4"},

		"image":                      {map[string]string{"a": "\x89PNG\r\n\x1a\n" + strings.Repeat(noise, 500)}, nil, "", probe.StatePass, probe.ReasonNone, "1 version of media files"},
		"git-crypt":                  {map[string]string{"a": content.GitCrypt + strings.Repeat(noise, 500)}, nil, "", probe.StatePass, probe.ReasonNone, "1 version of encrypted files"},
		"age":                        {map[string]string{"a": "age-encryption.org/v1\n-> X25519 x\n" + strings.Repeat(noise, 500)}, nil, "", probe.StatePass, probe.ReasonNone, "1 version of encrypted files"},
		"sops":                       {map[string]string{"a": "password: " + content.SopsMark + "data:" + probetest.RandomText(12) + ",iv:x,type:str]\n"}, nil, "", probe.StatePass, probe.ReasonNone, "1 version of encrypted files"},
		"sound program":              {map[string]string{"a": strings.Repeat(noise, 500) + "hello, world\n"}, nil, "", probe.StatePass, probe.ReasonNone, "printable parts"},
		"sound, binary by attribute": {map[string]string{".gitattributes": "* binary\n", "a": "x: 1\n"}, nil, "", probe.StatePass, probe.ReasonNone, ""},
		"LFS": {map[string]string{"data/a.bin": content.LFSPointer + "v1\noid sha256:" + strings.Repeat("0", 64) + "\nsize 5\n"}, nil, "", probe.StateWarn, probe.ReasonTruncated,
			"data/a.bin (content is in Git LFS)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := parts.GitRepo(t)
			if tt.set != nil {
				r.Git(t, append([]string{"config"}, tt.set...)...)
			}
			if tt.info != "" {
				if err := os.WriteFile(filepath.Join(r.Dir, ".git/info/attributes"), []byte(tt.info), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r.Commit(t, "1", tt.files)
			p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
			got := probetest.Look(t, p, SecretsKind(), "{}")
			probetest.Expect(t, got, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, got, secret)
			probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), tt.state, tt.reason, tt.detail)
			if name == "LFS" {
				probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{accepted_unseen: [data]}"), probe.StatePass, probe.ReasonNone, "")
			}
		})
	}
}

// TestGitSecrets_HiddenVersions: every version of a hidden file is searched, and one secret in all of them is one finding.
func TestGitSecrets_HiddenVersions(t *testing.T) {
	r := parts.GitRepo(t)
	secret := fakeToken()
	r.Commit(t, "0", map[string]string{".gitattributes": "* binary\n", "a": "1\n"})
	first := r.Commit(t, "1", map[string]string{"a": "token = " + secret + "\n"})
	r.Commit(t, "2", map[string]string{"a": "x\ntoken = " + secret + "\n"})
	p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
	probetest.Expect(t, probetest.Look(t, p, SecretsKind(), "{}"), probe.StateFail, probe.ReasonCommitted, "secrets (1): github-pat at a:1 (commit "+first[:12]+")")
	r.Commit(t, "3", map[string]string{"a": "y\nx\ntoken = " + secret + "\n"})
	probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), probe.StateFail, probe.ReasonCommitted, "secrets (1)")
	r.Commit(t, "4", map[string]string{"a": "token = " + fakeToken() + "\n"})
	probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), probe.StateFail, probe.ReasonCommitted, "secrets (2)")
}

// TestGitSecrets_TypeChange: a file that replaces a link is an addition.
func TestGitSecrets_TypeChange(t *testing.T) {
	r := parts.GitRepo(t)
	if err := os.Symlink("elsewhere", filepath.Join(r.Dir, "a")); err != nil {
		t.Fatal(err)
	}
	r.Commit(t, "1", nil)
	if err := os.Remove(filepath.Join(r.Dir, "a")); err != nil {
		t.Fatal(err)
	}
	r.Commit(t, "2", map[string]string{"a": "token = " + fakeToken() + "\n"})
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir}), SecretsKind(), "{}"), probe.StateFail, probe.ReasonCommitted, "a:1")
}

// TestGitSecrets_InUse searches tree and history for the values of the env file.
func TestGitSecrets_InUse(t *testing.T) {
	value := probetest.RandomText(20) + "/x+7"
	for name, tt := range map[string]struct {
		env, text string
		state     probe.State
	}{
		"as it is":      {"DB_PASSWORD=" + value, "Log in with " + value + ".\n", probe.StateFail},
		"of a URL":      {"DATABASE_URL=postgres://u:" + url.QueryEscape(value) + "@db/x", "see " + value + "\n", probe.StateFail},
		"URL-encoded":   {"DB_PASSWORD=" + value, "x=" + url.QueryEscape(value) + "\n", probe.StateFail},
		"base64":        {"DB_PASSWORD=" + value, base64.StdEncoding.EncodeToString([]byte(value)), probe.StateFail},
		"base64, 1":     {"DB_PASSWORD=" + value, base64.StdEncoding.EncodeToString([]byte("u" + value + "!")), probe.StateFail},
		"base64, 2":     {"DB_PASSWORD=" + value, base64.URLEncoding.EncodeToString([]byte("u:" + value + "??")), probe.StateFail},
		"another value": {"DB_PASSWORD=" + value, "Log in with " + probetest.RandomText(24) + ".\n", probe.StatePass},
		"a short value": {"DB_PASSWORD=k7Qz9x2", "Log in with k7Qz9x2.\n", probe.StatePass},
		"a word":        {"DB_PASSWORD=passwordpassword", "the passwordpassword\n", probe.StatePass},
		"a path":        {"TLS_PRIVATE_KEY=/etc/ssl/private/catalyst.key", "mount /etc/ssl/private/catalyst.key\n", probe.StatePass},
		"a name":        {"CACHE_PREFIX_KEY=catalyst:user:profile:cache", "catalyst:user:profile:cache\n", probe.StatePass},
		"no secret":     {"HOST=ads-47-eu-west.shop.io", "ads-47-eu-west.shop.io\n", probe.StatePass},
	} {
		t.Run(name, func(t *testing.T) {
			r := parts.GitRepo(t)
			r.Commit(t, "1", map[string]string{"docs/how.md": "# How\n\n" + tt.text})
			env := filepath.Join(t.TempDir(), "env")
			if err := os.WriteFile(env, []byte(tt.env+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir, EnvFile: env})
			got := probetest.Look(t, p, SecretsKind(), "{}")
			reason, detail := probe.ReasonNone, ""
			if tt.state == probe.StateFail {
				reason, detail = probe.ReasonCommitted, "catalyst-secret-in-use at docs/how.md:3 (commit "
			}
			probetest.Expect(t, got, tt.state, reason, detail)
			probetest.HasNot(t, got, value)
			r.Commit(t, "2", map[string]string{"docs/how.md": "# How\n"}) // the history keeps it
			probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), tt.state, reason, detail)
		})
	}
}

// TestGitSecrets_InUseChanges: a changed value is searched for in all commits, with one more log.
func TestGitSecrets_InUseChanges(t *testing.T) {
	r := parts.GitRepo(t)
	old, fresh := probetest.RandomText(24), probetest.RandomText(24)
	r.Commit(t, "1", map[string]string{"a": old + "\n"})
	r.Commit(t, "2", map[string]string{"a": fresh + "\n"})
	calls := countGit(t)
	dir := t.TempDir()
	p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
	k := probetest.Load(t, SecretsKind(), "{}")
	look := func(value string, logs int, detail string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "env"), []byte("DB_PASSWORD="+value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		next := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir, EnvFile: filepath.Join(dir, "env")})
		next.Kept = p.Kept
		got := probe.Run(t.Context(), k, next)
		if n := len(calls()); n != logs || !strings.Contains(got.Detail, detail) {
			t.Errorf("git log ran %d times, want %d; %s", n, logs, got.Detail)
		}
	}
	look("", 1, "no secret")
	look(old, 1, fmt.Sprintf("%s at a:1", ruleInUse))
	look(old, 0, fmt.Sprintf("%s at a:1", ruleInUse))
	look(fresh, 1, fmt.Sprintf("%s at a:1", ruleInUse))
	look(probetest.RandomText(24), 1, "no secret")
}

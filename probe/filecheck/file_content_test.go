package filecheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// nonRoot asks for the user of an image, as docs/own-checklist.md does.
const nonRoot = `{path: Dockerfile, last: [{line: "(?i)^\\s*(FROM|USER)\\s", matches: "(?i)^\\s*USER\\s+\\S", lacks: "(?i)^\\s*USER\\s+[\"']?(root|0)\\b"}]}`

func TestFileContent_Verdicts(t *testing.T) {
	const pass, fail, unknown = probe.StatePass, probe.StateFail, probe.StateUnknown
	dockerfile := func(text string) probetest.Folder { return probetest.Folder{"Dockerfile": text} }
	utf16 := "\xff\xfe" + strings.Join(strings.Split("debug=false", ""), "\x00") + "\x00"
	for name, test := range map[string]struct {
		folder probetest.Folder
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"file":             {dockerfile("FROM scratch\n"), "{path: Dockerfile}", pass, "", "Dockerfile holds"},
		"no file":          {dockerfile("FROM scratch\n"), "{path: README.md}", fail, probe.ReasonMissing, "README.md: no such file"},
		"file as a folder": {dockerfile("FROM scratch\n"), "{path: Dockerfile/x}", fail, probe.ReasonMissing, "no such file"},
		"folder":           {probetest.Folder{"docs/a": "a"}, "{path: docs}", fail, probe.ReasonInvalid, "not a regular file"},
		"empty":            {dockerfile(""), "{path: Dockerfile}", fail, probe.ReasonEmpty, "Dockerfile is empty"},
		"empty is allowed": {dockerfile(""), "{path: Dockerfile, min_size: 0B}", pass, "", ""},
		"too small":        {dockerfile("x"), "{path: Dockerfile, min_size: 10B}", fail, probe.ReasonThreshold, "smaller than 10B"},
		"too large":        {dockerfile("xxx"), "{path: Dockerfile, max_size: 2B}", fail, probe.ReasonThreshold, "larger than 2B"},

		"absent":              {dockerfile("x"), "{path: '**/*.pem', absent: true}", pass, "", "no such file"},
		"present":             {probetest.Folder{"a/b/key.pem": "x"}, "{path: '**/*.pem', absent: true}", fail, probe.ReasonExposed, "a/b/key.pem must not exist"},
		"present at the root": {probetest.Folder{"key.pem": "x"}, "{path: '**/*.pem', absent: true}", fail, probe.ReasonExposed, "key.pem must not exist"},
		"excepted":            {probetest.Folder{"test/key.pem": "x"}, "{path: '**/*.pem', except: ['test/**'], absent: true}", pass, "", ""},

		"pattern matches nothing": {dockerfile("x"), "{path: '.github/workflows/*.yml'}", fail, probe.ReasonMissing, "no such file"},
		"one of several":          {probetest.Folder{"w/a.yml": "x: 1", "w/b.yml": "y: 1"}, "{path: 'w/*.yml', matches: ['^x:']}", fail, probe.ReasonMissing, "w/b.yml: no line matches ^x:"},
		"all of several":          {probetest.Folder{"w/a.yml": "x: 1", "w/b.yml": "x: 1"}, "{path: 'w/*.yml', matches: ['^x:']}", pass, "", "all 2 files hold"},
		"not in deeper folders":   {probetest.Folder{"w/a.yml": "x: 1", "w/d/b.yml": "y: 1"}, "{path: 'w/*.yml', matches: ['^x:']}", pass, "", ""},

		"line":                 {dockerfile("FROM x\nHEALTHCHECK CMD y\n"), "{path: Dockerfile, matches: ['^HEALTHCHECK CMD']}", pass, "", ""},
		"line commented out":   {dockerfile("FROM x\n# HEALTHCHECK CMD y\n"), "{path: Dockerfile, matches: ['HEALTHCHECK CMD']}", fail, probe.ReasonMissing, "no line matches"},
		"comments count":       {dockerfile("FROM x\n# syntax=y\n"), "{path: Dockerfile, comments: [], matches: ['syntax=']}", pass, "", ""},
		"continued line":       {dockerfile("FROM x\nHEALTHCHECK --interval=5s \\\n  CMD y\n"), "{path: Dockerfile, matches: ['^HEALTHCHECK .*CMD']}", pass, "", ""},
		"forbidden line":       {dockerfile("FROM alpine:latest\n"), "{path: Dockerfile, lacks: [':latest']}", fail, probe.ReasonInvalid, "Dockerfile:1 matches :latest"},
		"forbidden, commented": {dockerfile("# FROM alpine:latest\nFROM alpine:3.20\n"), "{path: Dockerfile, lacks: [':latest']}", pass, "", ""},
		"forbidden, ignored":   {dockerfile("FROM a:latest AS build\nFROM b:1\n"), "{path: Dockerfile, ignore: ['AS build'], lacks: [':latest']}", pass, "", ""},
		"CRLF":                 {dockerfile("FROM x\r\nUSER app\r\n"), "{path: Dockerfile, matches: ['^USER app$']}", pass, "", ""},
		"UTF-16":               {probetest.Folder{"a.ini": utf16}, "{path: a.ini, matches: ['^debug=false$']}", pass, "", ""},
		"binary":               {probetest.Folder{"a.bin": "a\x00b"}, "{path: a.bin, lacks: [secret]}", unknown, probe.ReasonError, "not text"},
		"LFS pointer": {probetest.Folder{"a.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 12\n"}, "{path: a.bin, lacks: [secret]}",
			unknown, probe.ReasonError, "Git LFS pointer"},
		"too large to read": {probetest.Folder{"a.log": strings.Repeat("x", maxFile+1)}, "{path: a.log, lacks: [secret]}", unknown, probe.ReasonError, "larger than 1 MiB"},

		"user":               {dockerfile("FROM a\nUSER root\nRUN x\nUSER app\n"), nonRoot, pass, "", ""},
		"user is root again": {dockerfile("FROM a\nUSER app\nUSER 0:0\n"), nonRoot, fail, probe.ReasonInvalid, "Dockerfile:3"},
		"user of a stage":    {dockerfile("FROM a AS build\nUSER app\nFROM b\n"), nonRoot, fail, probe.ReasonInvalid, "Dockerfile:3"},
		"no user":            {dockerfile("FROM a\n"), nonRoot, fail, probe.ReasonInvalid, "Dockerfile:1"},
		"root2 is no root":   {dockerfile("FROM a\nuser rooty\n"), nonRoot, pass, "", ""},
		"no instruction":     {dockerfile("# nothing\n"), nonRoot, fail, probe.ReasonMissing, "no line matches"},

		"digest":       {dockerfile("abc"), "{path: Dockerfile, sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}", pass, "", ""},
		"other digest": {dockerfile("abd"), "{path: Dockerfile, sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}", fail, probe.ReasonMismatch, "differs from the digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := probetest.Look(t, probetest.NewPass(t, test.folder, deployment.Settings{}), ContentKind(), test.spec)
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			if got.State == fail && test.detail != "no such file" && !strings.HasSuffix(test.detail, ": no such file") && (got.Unnamed || len(got.Offenders) == 0) {
				t.Errorf("offenders: %+v", got.Offenders)
			}
			if test.detail == "Dockerfile:3" && got.Offenders[0].Line != 3 {
				t.Errorf("line of %+v", got.Offenders)
			}
		})
	}
}

func TestFileContent_Values(t *testing.T) {
	const pass, fail = probe.StatePass, probe.StateFail
	workflow := "on: push\njobs:\n  test: {timeout-minutes: 10, permissions: {contents: read}}\n  lint: {timeout-minutes: 5}\n"
	for name, test := range map[string]struct {
		file, text, rule string
		state            probe.State
		reason           probe.Reason
		detail           string
	}{
		"JSON equals":          {"package.json", `{"engines":{"node":"20"}}`, "{at: engines.node, equals: '20'}", pass, "", ""},
		"JSON differs":         {"package.json", `{"engines":{"node":"18"}}`, "{at: engines.node, equals: '20'}", fail, probe.ReasonMismatch, "engines.node is not the value"},
		"text is not a number": {"package.json", `{"version":"1.10"}`, "{at: version, equals: '1.1'}", fail, probe.ReasonMismatch, ""},
		"number":               {"package.json", `{"version":1.0}`, "{at: version, equals: '1'}", pass, "", ""},
		"missing":              {"package.json", `{"engines":{}}`, "{at: engines.node, equals: '20'}", fail, probe.ReasonMissing, "does not set engines.node"},
		"null":                 {"package.json", `{"engines":{"node":null}}`, "{at: engines.node}", fail, probe.ReasonEmpty, "to nothing"},
		"quoted key":           {"package.json", `{"scripts":{"test:unit":"jest"}}`, `{at: 'scripts["test:unit"]', matches: jest}`, pass, "", ""},
		"index":                {"a.json", `{"a":[{"b":1},{"b":2}]}`, "{at: 'a[1].b', at_least: 2}", pass, "", ""},
		"no such index":        {"a.json", `{"a":[{"b":1}]}`, "{at: 'a[1].b', at_least: 2}", fail, probe.ReasonMissing, ""},
		"cut in half":          {"a.json", `{"a":[{"b":1}`, "{at: 'a[0].b'}", fail, probe.ReasonInvalid, "not valid JSON"},
		"two documents":        {"a.json", `{"a":1}{"a":2}`, "{at: a}", fail, probe.ReasonInvalid, "text follows"},
		"mapping as value":     {"a.json", `{"a":{"b":1}}`, "{at: a, equals: '1'}", fail, probe.ReasonInvalid, "not a single value"},
		"mapping exists":       {"a.json", `{"a":{"b":1}}`, "{at: a}", pass, "", ""},
		"every":                {"ci.yml", workflow, "{at: jobs.*.timeout-minutes, at_least: 1, at_most: 30}", pass, "", ""},
		"every, too large":     {"ci.yml", workflow, "{at: jobs.*.timeout-minutes, at_most: 5}", fail, probe.ReasonThreshold, "more than 5"},
		"every, one lacks it":  {"ci.yml", workflow, "{at: jobs.*.permissions.contents, equals: read}", fail, probe.ReasonMissing, "everywhere"},
		"must not be set":      {"ci.yml", workflow, "{at: jobs.*.permissions, absent: true}", fail, probe.ReasonInvalid, "must not be set"},
		"is not set":           {"ci.yml", workflow, "{at: jobs.*.container, absent: true}", pass, "", ""},
		"key on":               {"ci.yml", workflow, "{at: 'on', one_of: [push, pull_request]}", pass, "", ""},
		"broken YAML":          {"ci.yml", "a: [1\nb: 2\n", "{at: a}", fail, probe.ReasonInvalid, "not valid YAML"},
		"one of the documents": {"k8s.yaml", "kind: Service\n---\nkind: Deployment\nspec: {replicas: 3}\n", "{at: spec.replicas, at_least: 2}", pass, "", ""},
		"forbidden value":      {"k8s.yaml", "spec: {image: 'a:latest'}\n", "{at: spec.image, lacks: ':latest$'}", fail, probe.ReasonInvalid, "which it must not"},
		"TOML":                 {"pyproject.toml", "[project]\nrequires-python = \">=3.12\"\n", "{at: project.requires-python, matches: '3\\.1[2-9]'}", pass, "", ""},
		"broken TOML":          {"pyproject.toml", "[project\n", "{at: project}", fail, probe.ReasonInvalid, "not valid TOML"},
		"INI":                  {"app.ini", "top = 1\n[db]\n; ssl = off\nssl = on\n", "{at: db.ssl, equals: 'on'}", pass, "", ""},
		"INI, commented out":   {"app.ini", "[db]\n;ssl = on\n", "{at: db.ssl, equals: 'on'}", fail, probe.ReasonMissing, ""},
		"INI at the top":       {"app.properties", "ssl=on\n", "{at: ssl, equals: 'on'}", pass, "", ""},
		"not a number":         {"a.json", `{"a":"many"}`, "{at: a, at_least: 1}", fail, probe.ReasonInvalid, "not a number"},
		"unknown format":       {"a.txt", "a: 1", "{at: a}", fail, probe.ReasonInvalid, "set format"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := probetest.NewPass(t, probetest.Folder{test.file: test.text}, deployment.Settings{})
			got := probetest.Look(t, p, ContentKind(), "{path: "+test.file+", values: ["+test.rule+"]}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
		})
	}
}

// A value of the file is in no detail.
func TestFileContent_DetailsHaveNoContent(t *testing.T) {
	p := probetest.NewPass(t, probetest.Folder{"a.yml": "key: hidden-value\nother: [hidden-value\n", "b.json": `{"a":"hidden-value"}`}, deployment.Settings{})
	for _, spec := range []string{
		"{path: a.yml, matches: ['^nothing'], lacks: ['^key:'], values: [{at: key}]}",
		"{path: b.json, values: [{at: a, equals: x}, {at: a, at_least: 1}, {at: a, matches: x}, {at: a, lacks: value}]}",
	} {
		got := probetest.Look(t, p, ContentKind(), spec)
		probetest.HasNot(t, got, "hidden-value")
		if got.State != probe.StateFail {
			t.Errorf("%s: %+v", spec, got)
		}
	}
}

func TestFileContent_ModeAndAge(t *testing.T) {
	folder := probetest.Folder{"key": "x"}
	p := probetest.NewPass(t, folder, deployment.Settings{})
	file := p.Deployment.Abs("key")
	set := func(mode os.FileMode, age time.Duration) {
		t.Helper()
		at := p.Time.Add(-age)
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		mode   os.FileMode
		age    time.Duration
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"narrow and new": {0o600, time.Hour, probe.StatePass, "", ""},
		"narrower":       {0o400, time.Hour, probe.StatePass, "", ""},
		"wide":           {0o644, time.Hour, probe.StateFail, probe.ReasonExposed, "mode 0644, more than 0640 allows. Run chmod 0640"},
		"old":            {0o640, 100 * 24 * time.Hour, probe.StateFail, probe.ReasonStale, "more than 90d"},
		"of the future":  {0o640, -time.Hour, probe.StateFail, probe.ReasonInvalid, "future"},
		"clock skew":     {0o640, -time.Minute, probe.StatePass, "", ""},
	} {
		set(test.mode, test.age)
		got := probetest.Look(t, p, ContentKind(), "{path: key, mode: '0640', changed_within: 90d}")
		t.Run(name, func(t *testing.T) { probetest.Expect(t, got, test.state, test.reason, test.detail) })
	}
}

// What cannot be read or listed is unknown, never absent and never a pass.
func TestFileContent_Unreadable(t *testing.T) {
	p := probetest.NewPass(t, probetest.Folder{"closed/key.pem": "x", "secret.txt": "x"}, deployment.Settings{})
	for path, mode := range map[string]os.FileMode{"closed": 0, "secret.txt": 0} {
		if err := os.Chmod(p.Deployment.Abs(path), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(p.Deployment.Abs("closed"), 0o700) })
	probetest.Unprivileged(t, func() {
		for _, spec := range []string{
			"{path: '**/*.pem', absent: true}", "{path: closed/key.pem, absent: true}", "{path: closed/key.pem}", "{path: secret.txt, lacks: [y]}", "{path: 'closed/*'}",
		} {
			got := probetest.Look(t, p, ContentKind(), spec)
			if got.State != probe.StateUnknown || got.Reason != probe.ReasonPermissionDenied || strings.Contains(got.Detail, p.Deployment.Root) {
				t.Errorf("%s: %v (%s) %s", spec, got.State, got.Reason, got.Detail)
			}
		}
	})
}

func TestFileContent_Links(t *testing.T) {
	p := probetest.NewPass(t, probetest.Folder{"a/x.yml": "ok: 1", "b/keep": "x"}, deployment.Settings{})
	for link, to := range map[string]string{"a/dir.yml": "../b", "a/y.yml": "x.yml", "b/none.yml": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(p.Deployment.Root, link)); err != nil {
			t.Fatal(err)
		}
	}
	probetest.Expect(t, probetest.Look(t, p, ContentKind(), "{path: 'a/*.yml', matches: [ok]}"), probe.StatePass, "", "all 2 files hold")
	probetest.Expect(t, probetest.Look(t, p, ContentKind(), "{path: 'b/*.yml'}"), probe.StateFail, probe.ReasonMissing, "b/none.yml")
	probetest.Expect(t, probetest.Look(t, p, ContentKind(), "{path: b/none.yml, absent: true}"), probe.StateFail, probe.ReasonExposed, "")
}

func TestFileContent_Invalid(t *testing.T) {
	for spec, want := range map[string]string{
		"{path: ../x}":                                          "leaves the deployment root",
		"{path: 'a['}":                                          "malformed pattern",
		"{path: a, matches: ['(']}":                             "matches: error parsing regexp",
		"{path: a, absent: true, matches: [x]}":                 "no other rules",
		"{path: a, last: [{line: x}]}":                          "set matches or lacks",
		"{path: a, values: [{at: ''}]}":                         "",
		"{path: a, values: [{at: 'a['}]}":                       "not closed",
		"{path: a, values: [{at: a..b}]}":                       "empty key",
		"{path: a, values: [{at: a.}]}":                         "ends in a dot",
		"{path: a, mode: '9'}":                                  "",
		"{path: a, min_size: 2kB, max_size: 1kB}":               "less than min_size",
		"{path: a, values: [{at: a, at_least: 2, at_most: 1}]}": "less than at_least",
	} {
		_, problems := probetest.Decode(ContentKind(), spec)
		if len(problems) == 0 || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v", spec, problems)
		}
	}
}

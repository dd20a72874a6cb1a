package probe

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/evidence"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/schema"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// shelf is a web server with files; what a handler is given for answers by itself.
type shelf struct{ *httptest.Server }

func newShelf(t *testing.T, files map[string]http.HandlerFunc) *shelf {
	t.Helper()
	s := &shelf{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := files[r.URL.Path]; answer != nil {
			answer(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// page answers with a file, as static servers do, from an hour ago.
func page(content string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		http.ServeContent(w, r, "x", time.Now().Add(-time.Hour), strings.NewReader(content))
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "what the server says")
	}
}

// ofCommit is the deployment's own evidence folder with the tests' report in it.
func ofCommit(commit, action string) folder {
	return folder{".catalyst/evidence/" + commit + "/tests.json": goTest(action)}
}

// TestEvidenceElsewhere: reports are fetched, the newest of the right commit counts, and a place that cannot be looked at is told and never passed over.
func TestEvidenceElsewhere(t *testing.T) {
	const at = "/ci/" + commitA + "/tests.json"
	token := parts.Secret()
	wantsToken := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			status(http.StatusUnauthorized)(w, r)
			return
		}
		page(goTest("pass"))(w, r)
	}
	here := []string{".catalyst/evidence", "URL/ci/{commit}/{report}.json"}
	one := func(path string, change func(*deployment.EvidenceReport)) deployment.Evidence {
		r := deployment.EvidenceReport{Report: "tests", At: "URL" + path}
		if change != nil {
			change(&r)
		}
		return deployment.Evidence{Reports: []deployment.EvidenceReport{r}}
	}
	tests := []struct {
		name     string
		local    folder
		server   map[string]http.HandlerFunc
		evidence deployment.Evidence
		state    State
		reason   Reason
		detail   string
	}{
		{"by commit and report", nil, map[string]http.HandlerFunc{at: page(goTest("pass"))}, deployment.Evidence{Places: here}, StatePass, "", ""},
		{"a test fails", nil, map[string]http.HandlerFunc{at: page(goTest("fail"))}, deployment.Evidence{Places: here}, StateFail, ReasonUnhealthy, ""},
		{"named by its kind", nil, map[string]http.HandlerFunc{at: page(goTest("pass"))}, deployment.Evidence{Places: []string{"URL" + at}}, StatePass, "", ""},
		{"of another kind's name", nil, map[string]http.HandlerFunc{"/lint.json": page(goTest("pass"))}, deployment.Evidence{Places: []string{"URL/lint.json"}}, StateFail, ReasonMissing, "no report of tests"},
		{"of no kind's name", nil, map[string]http.HandlerFunc{"/out": page(goTest("pass"))}, deployment.Evidence{Places: []string{"URL/out"}}, StateUnknown, ReasonInvalid, "does not say what it is a report of"},
		{"of any name", nil, map[string]http.HandlerFunc{"/out-" + commitA[:9]: page(goTest("pass"))}, one("/out-"+commitA[:9], nil), StatePass, "", ""},
		{"whose server says the commit", nil, map[string]http.HandlerFunc{"/out": page(goTest("pass"), "X-Catalyst-Commit", commitA)}, one("/out", nil), StatePass, "", ""},
		{"whose server says another", nil, map[string]http.HandlerFunc{"/out": page(goTest("pass"), "X-Amz-Meta-Commit", commitB)}, one("/out", nil), StateFail, ReasonOutdated, ""},
		{"whose server contradicts the folder", nil, map[string]http.HandlerFunc{at: page(goTest("pass"), "X-Catalyst-Commit", commitB)}, one(at, nil), StateFail, ReasonMismatch, "its server"},
		{"of no commit", nil, map[string]http.HandlerFunc{"/out": page(goTest("pass"))}, one("/out", nil), StateWarn, ReasonWeak, ""},
		{"not there", nil, nil, deployment.Evidence{Places: here}, StateFail, ReasonMissing, "there is no report of tests"},
		{"not there, but here", ofCommit(commitA, "pass"), nil, deployment.Evidence{Places: here}, StatePass, "", ""},
		{"without a credential", nil, map[string]http.HandlerFunc{at: wantsToken}, one(at, nil), StateUnknown, ReasonPermissionDenied, "answers 401"},
		{"with a token", nil, map[string]http.HandlerFunc{at: wantsToken, at + ".meta.yaml": status(404)}, one(at, func(r *deployment.EvidenceReport) { r.BearerToken = secret.New(token + "\n") }), StatePass, "", ""},
		{"with a wrong password", nil, map[string]http.HandlerFunc{at: wantsToken}, one(at, func(r *deployment.EvidenceReport) { r.Username, r.Password = "ci", secret.New(token) }), StateUnknown, ReasonPermissionDenied, ""},
		{"with a token in the query", nil, map[string]http.HandlerFunc{at: status(500)}, one(at+"?private_token="+token, nil), StateUnknown, ReasonUnreachable, at + ": the server answers 500"},

		// A place that cannot be looked at.
		{"unreachable, seen here", ofCommit(commitA, "pass"), map[string]http.HandlerFunc{at: status(503)}, deployment.Evidence{Places: here}, StateWarn, ReasonUnreachable, "could not be looked at: http"},
		{"forbidden, seen here", ofCommit(commitA, "pass"), map[string]http.HandlerFunc{at: status(403)}, deployment.Evidence{Places: here}, StateWarn, ReasonPermissionDenied, "answers 403"},
		{"unreachable, failed here", ofCommit(commitA, "fail"), map[string]http.HandlerFunc{at: status(503)}, deployment.Evidence{Places: here}, StateFail, ReasonUnhealthy, "could not be looked at"},
		{"unreachable, here of another commit", ofCommit(commitB, "pass"), map[string]http.HandlerFunc{at: status(503)}, deployment.Evidence{Places: here}, StateUnknown, ReasonUnreachable, "answers 503"},
		{"unreachable, nothing here", nil, map[string]http.HandlerFunc{at: status(503)}, deployment.Evidence{Places: here}, StateUnknown, ReasonUnreachable, "answers 503"},

		// What answers and is no report.
		{"another host", nil, map[string]http.HandlerFunc{at: status(302, "Location", "http://login.test/?next=x")}, deployment.Evidence{Places: here}, StateUnknown, ReasonMismatch, "redirects to another host"},
		{"elsewhere on the same host", nil, map[string]http.HandlerFunc{at: status(302, "Location", "/moved"), "/moved": page(goTest("pass"))}, deployment.Evidence{Places: here}, StatePass, "", ""},
		{"a page", ofCommit(commitA, "pass"), map[string]http.HandlerFunc{at: status(200, "Content-Type", "text/html")}, deployment.Evidence{Places: here}, StateWarn, ReasonInvalid, "not a report"},
		{"an empty one, newer than a good one", ofCommit(commitA, "pass"), map[string]http.HandlerFunc{at: status(200, "Last-Modified", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), "Content-Length", "0")},
			deployment.Evidence{Places: here}, StateUnknown, ReasonEmpty, ""},
		{"broken off", nil, map[string]http.HandlerFunc{at: status(200, "Content-Length", "5000")}, deployment.Evidence{Places: here}, StateUnknown, ReasonTruncated, ""},
		{"of unknown age", nil, map[string]http.HandlerFunc{"/c/" + commitA + "/coverage.out": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "mode: set\np/x.go:1.1,2.2 9 1\n")
		}},
			deployment.Evidence{Places: []string{"URL/c/{commit}/coverage.out"}}, StateUnknown, ReasonStale, "does not say when"},

		// The record beside it.
		{"a record", nil, map[string]http.HandlerFunc{at: page(goTest("pass")), at + ".meta.yaml": page("exit_code: 1\n")}, deployment.Evidence{Places: here}, StateUnknown, ReasonError, "ended with status 1"},
		{"a record of another commit", nil, map[string]http.HandlerFunc{at: page(goTest("pass")), at + ".meta.yaml": page("commit: " + commitB + "\n")}, deployment.Evidence{Places: here}, StateFail, ReasonMismatch, ""},
		{"a record that is kept back", nil, map[string]http.HandlerFunc{at: page(goTest("pass")), at + ".meta.yaml": status(403)}, deployment.Evidence{Places: here}, StateUnknown, ReasonPermissionDenied, "its record: the server answers 403"},
		{"a page instead of a record", nil, map[string]http.HandlerFunc{at: page(goTest("pass")), at + ".meta.yaml": status(200, "Content-Type", "text/html; charset=utf-8")}, deployment.Evidence{Places: here}, StatePass, "", ""},
		{"a bomb of a record", nil, map[string]http.HandlerFunc{at: page(goTest("pass")), at + ".meta.yaml": page(strings.Repeat("#", 1<<20))}, deployment.Evidence{Places: here}, StateUnknown, ReasonInvalid, "larger than 64 KiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShelf(t, tt.server)
			e := tt.evidence
			e.Places, e.Reports = append([]string(nil), e.Places...), append([]deployment.EvidenceReport(nil), e.Reports...)
			kind := "tests"
			for i := range e.Places {
				e.Places[i] = strings.Replace(e.Places[i], "URL", s.URL, 1)
				if strings.Contains(e.Places[i], "coverage") {
					kind = "coverage"
				}
			}
			for i := range e.Reports {
				e.Reports[i].At = strings.Replace(e.Reports[i].At, "URL", s.URL, 1)
			}
			root := tt.local.write(t)
			plan(t, root, commitA)
			r := look(t, newPass(t, nil, deployment.Settings{Root: root, Evidence: e}), "evidence", "{report: "+kind+"}")
			expect(t, r, tt.state, tt.reason, tt.detail)
			if tt.state == StateUnknown && tt.reason != ReasonError && r.Remedy == "" && tt.reason != ReasonStale && tt.reason != ReasonEmpty && tt.detail != "larger than 64 KiB" {
				t.Errorf("nothing is said that would answer it: %+v", r)
			}
			if text := fmt.Sprint(r); strings.Contains(text, token) || strings.Contains(text, "what the server says") || strings.Contains(text, "private_token") {
				t.Errorf("it tells too much: %s", text)
			}
		})
	}
}

// TestEvidenceNewestElsewhere: whichever place holds it, the newest of the commit decides.
func TestEvidenceNewestElsewhere(t *testing.T) {
	const at = "/" + commitA + "/tests.json"
	for action, want := range map[string]State{"pass": StatePass, "fail": StateFail} {
		earlier := map[string]string{"pass": "fail", "fail": "pass"}[action]
		old := strings.ReplaceAll(goTest(earlier), time.Now().UTC().Format("2006-01-02T15"), time.Now().UTC().Add(-3*time.Hour).Format("2006-01-02T15"))
		s := newShelf(t, map[string]http.HandlerFunc{at: page(goTest(action))})
		root := folder{".catalyst/evidence/" + commitA + "/tests.json": old}.write(t)
		plan(t, root, commitA)
		r := look(t, newPass(t, nil, deployment.Settings{Root: root, Evidence: deployment.Evidence{Places: []string{".catalyst/evidence", s.URL + "/{commit}/tests.json"}}}), "evidence", "{report: tests}")
		if r.State != want {
			t.Errorf("%s is newer: %+v", action, r)
		}
	}
}

// TestEvidenceIsFetchedOnce: within minutes nothing is asked, then only whether it changed; a change is seen.
func TestEvidenceIsFetchedOnce(t *testing.T) {
	for name, tag := range map[string]string{"by its tag": `"v1"`, "by its date": ""} {
		t.Run(name, func(t *testing.T) {
			const at = "/" + commitA + "/tests.json"
			var bodies, unchanged int
			action, modified := "pass", time.Now().Add(-time.Hour)
			s := newShelf(t, map[string]http.HandlerFunc{at: func(w http.ResponseWriter, r *http.Request) {
				if tag != "" {
					w.Header().Set("ETag", tag)
				}
				counted := &statusWriter{ResponseWriter: w}
				http.ServeContent(counted, r, "x", modified, strings.NewReader(goTest(action)))
				if counted.code == http.StatusNotModified {
					unchanged++
				} else {
					bodies++
				}
			}})
			root := t.TempDir()
			plan(t, root, commitA)
			p := newPass(t, nil, deployment.Settings{Root: root, Evidence: deployment.Evidence{Places: []string{s.URL + "/{commit}/tests.json"}}})
			now := time.Now()
			p.Now = func() time.Time { return now }
			check := func(want State, wantBodies, wantUnchanged int) {
				t.Helper()
				if r := look(t, again(p), "evidence", "{report: tests}"); r.State != want || bodies != wantBodies || unchanged != wantUnchanged {
					t.Errorf("%v %s, %d bodies, %d unchanged; want %v, %d, %d", r.State, r.Detail, bodies, unchanged, want, wantBodies, wantUnchanged)
				}
			}
			check(StatePass, 1, 0)
			check(StatePass, 1, 0)
			now = now.Add(evidenceRefetch)
			check(StatePass, 1, 1)
			now = now.Add(evidenceRefetch)
			action, modified = "fail", modified.Add(10*time.Minute)
			if tag != "" {
				tag = `"v2"`
			}
			check(StateFail, 2, 1)
		})
	}
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) { w.code = code; w.ResponseWriter.WriteHeader(code) }

// TestEvidenceTooLate: a server that never answers is unknown after its own patience.
func TestEvidenceTooLate(t *testing.T) {
	done := make(chan struct{})
	s := newShelf(t, map[string]http.HandlerFunc{"/tests.json": func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-done:
		}
	}})
	defer close(done)
	root := t.TempDir()
	plan(t, root, commitA)
	r := look(t, newPass(t, nil, deployment.Settings{Root: root, Evidence: deployment.Evidence{Reports: []deployment.EvidenceReport{
		{Report: "tests", At: s.URL + "/tests.json?x", HTTP: deployment.HTTP{Timeout: schema.Duration(100 * time.Millisecond)}}}}}), "evidence", "{report: tests}")
	expect(t, r, StateUnknown, ReasonTimeout, "no answer in time")
}

// TestEvidenceFiles: files and patterns of files; a folder of this host that may not be read is a place that could not be looked at.
func TestEvidenceFiles(t *testing.T) {
	f := folder{"ci/junit-1.xml": "<testsuite><testcase name='x'/></testsuite>", "ci/" + commitA + "/tests.json": goTest("pass")}
	spec := "{report: tests}"
	with := func(root string, e deployment.Evidence) *Pass {
		return newPass(t, nil, deployment.Settings{Root: root, Evidence: e})
	}
	root := f.write(t)
	plan(t, root, commitA)
	expect(t, look(t, with(root, deployment.Evidence{Places: []string{"ci/*/*.json"}}), "evidence", spec), StatePass, "", "")
	expect(t, look(t, with(root, deployment.Evidence{Reports: []deployment.EvidenceReport{{Report: "tests", At: "ci/junit-*.xml"}}}), "evidence", spec), StateWarn, ReasonWeak, "ci/junit-1.xml")
	expect(t, look(t, with(root, deployment.Evidence{Reports: []deployment.EvidenceReport{{Report: "lint", At: "ci/junit-*.xml"}}}), "evidence", spec), StateFail, ReasonMissing, "")
	expect(t, look(t, with(root, deployment.Evidence{Places: []string{"ci/junit-1.xml"}}), "evidence", spec), StateUnknown, ReasonInvalid, "does not say what")
	if err := os.Chmod(filepath.Join(root, "ci"), 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(filepath.Join(root, "ci"), 0o700) }()
	unprivileged(t, func() {
		for _, place := range []string{"ci", "ci/*/*.json"} {
			expect(t, look(t, with(root, deployment.Evidence{Places: []string{place}}), "evidence", spec), StateUnknown, ReasonPermissionDenied, "")
		}
	})
	// Without a commit there is nothing that {commit} could stand for.
	expect(t, look(t, with(f.write(t), deployment.Evidence{Places: []string{"ci/{commit}"}}), "evidence", spec), StateUnknown, ReasonNotConfigured, "no commit is known")
}

// bucketOf answers lists and objects of a bucket with these keys.
func bucketOf(s *awsServer, objects map[string]string, modified time.Time) {
	s.replies["s3:ListBucket"] = func(r *http.Request, _ url.Values) awsReply {
		q := r.URL.Query()
		var b strings.Builder
		for key, content := range objects {
			rest, ok := strings.CutPrefix(key, q.Get("prefix"))
			if !ok || q.Get("delimiter") != "" && strings.Contains(rest, q.Get("delimiter")) {
				continue
			}
			_, _ = fmt.Fprintf(&b, "<Contents><Key>%s</Key><ETag>&quot;%x&quot;</ETag><Size>%d</Size><LastModified>%s</LastModified></Contents>", html.EscapeString(key), len(content), len(content), modified.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		return awsReply{body: "<ListBucketResult" + awsNS + ">" + b.String() + "<IsTruncated>false</IsTruncated></ListBucketResult>"}
	}
	s.replies["s3:GetObject"] = func(r *http.Request, _ url.Values) awsReply {
		_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		content, ok := objects[key]
		if !ok {
			return awsReply{status: 404, code: "NoSuchKey"}
		}
		return awsReply{body: content, header: map[string]string{"ETag": fmt.Sprintf("%q", fmt.Sprintf("%x", len(content))), "Last-Modified": modified.UTC().Format(http.TimeFormat)}}
	}
}

// TestEvidenceInABucket: reports under the commit's prefix, those beside it, and single objects.
func TestEvidenceInABucket(t *testing.T) {
	const place = "s3://ci-reports/app/evidence"
	ours := "app/evidence/" + commitA + "/tests.json"
	tests := []struct {
		name    string
		local   folder
		objects map[string]string
		change  func(*awsServer, *deployment.Settings)
		state   State
		reason  Reason
		detail  string
	}{
		{"of the commit", nil, map[string]string{ours: goTest("pass"), "app/evidence/" + commitB + "/tests.json": goTest("fail")}, nil, StatePass, "", ""},
		{"of the commit, abbreviated", nil, map[string]string{"app/evidence/" + commitA[:8] + "/tests.json": goTest("fail")}, nil, StateFail, ReasonUnhealthy, "s3://ci-reports/app/evidence/" + commitA[:8]},
		{"of another that begins alike", nil, map[string]string{"app/evidence/" + commitA[:7] + "ffff/tests.json": goTest("pass")}, nil, StateFail, ReasonMissing, ""},
		{"beside the commits", nil, map[string]string{"app/evidence/tests.json": goTest("pass")}, nil, StateWarn, ReasonWeak, ""},
		{"beside the commits, with a record", nil, map[string]string{"app/evidence/tests.json": goTest("pass"), "app/evidence/tests.json.meta.yaml": "commit: " + commitA + "\n"}, nil, StatePass, "", ""},
		{"a record of a crash", nil, map[string]string{ours: goTest("pass"), ours + ".meta.yaml": "exit_code: 137\n"}, nil, StateUnknown, ReasonError, "status 137"},
		{"none", nil, map[string]string{"app/evidence-2/" + commitA + "/tests.json": goTest("pass")}, nil, StateFail, ReasonMissing, ""},
		{"deeper", nil, map[string]string{"app/evidence/" + commitA + "/x/tests.json": goTest("pass")}, nil, StateFail, ReasonMissing, ""},
		{"may not be listed", ofCommit(commitA, "pass"), nil, func(s *awsServer, _ *deployment.Settings) {
			s.say("s3:ListBucket", awsReply{status: 403, code: "AccessDenied"})
		}, StateWarn, ReasonPermissionDenied, "lack s3:ListBucket"},
		{"may not be listed, nothing here", nil, nil, func(s *awsServer, _ *deployment.Settings) {
			s.say("s3:ListBucket", awsReply{status: 403, code: "AccessDenied"})
		}, StateUnknown, ReasonPermissionDenied, "s3://ci-reports"},
		{"may not be read", nil, map[string]string{ours: goTest("pass")}, func(s *awsServer, _ *deployment.Settings) {
			s.say("s3:GetObject", awsReply{status: 403, code: "AccessDenied"})
		}, StateUnknown, ReasonPermissionDenied, "lack s3:GetObject"},
		{"changed since it was listed", nil, map[string]string{ours: goTest("pass")}, func(s *awsServer, _ *deployment.Settings) {
			s.say("s3:GetObject", awsReply{body: goTest("fail"), header: map[string]string{"ETag": `"other"`}})
		}, StateUnknown, ReasonTruncated, ""},
		{"no such bucket", nil, nil, func(s *awsServer, _ *deployment.Settings) {
			s.say("s3:ListBucket", awsReply{status: 404, code: "NoSuchBucket"})
		}, StateUnknown, ReasonMissing, "s3://ci-reports"},
		{"no bucket's name", nil, nil, func(_ *awsServer, d *deployment.Settings) { d.Evidence.Places = []string{"s3://x"} }, StateUnknown, ReasonInvalid, "evidence.places[0]"},
		{"a single object", nil, map[string]string{"junit/" + commitA[:7] + ".json": goTest("pass"), "junit/" + commitA[:7] + ".json.old": goTest("fail")}, func(_ *awsServer, d *deployment.Settings) {
			d.Evidence = deployment.Evidence{Reports: []deployment.EvidenceReport{{Report: "tests", At: "s3://ci-reports/junit/" + commitA[:7] + ".json"}}}
		}, StatePass, "", ""},
		{"without a bucket of backups", nil, map[string]string{ours: goTest("pass")}, func(s *awsServer, d *deployment.Settings) {
			d.AWS.Region = s.region
			s.t.Setenv("AWS_ACCESS_KEY_ID", "AKIA"+"TEST")
			s.t.Setenv("AWS_SECRET_ACCESS_KEY", s.secret)
			d.EnvFile = "none.env"
		}, StatePass, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newAWSServer(t)
			bucketOf(s, tt.objects, time.Now().Add(-time.Hour))
			p := s.pass(func(d *deployment.Settings) {
				d.Evidence.Places = []string{place, ".catalyst/evidence"}
				if tt.change != nil {
					tt.change(s, d)
				}
				if d.EnvFile != "" {
					d.Root, d.EnvFile = t.TempDir(), ""
				}
			})
			for name, text := range tt.local {
				path := filepath.Join(p.Deployment.Root, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			plan(t, p.Deployment.Root, commitA)
			r := look(t, p, "evidence", "{report: tests}")
			expect(t, r, tt.state, tt.reason, tt.detail)
			hasNot(t, r, s.secret)
			if tt.state == StatePass {
				s.mu.Lock()
				asked := len(s.asked)
				s.mu.Unlock()
				expect(t, look(t, again(p), "evidence", "{report: tests}"), tt.state, tt.reason, tt.detail)
				if s.mu.Lock(); len(s.asked) != asked {
					t.Errorf("asked again at once: %v", s.asked[asked:])
				}
				s.mu.Unlock()
			}
		})
	}
}

// TestFetchedIsBounded: no more than allowed is read, however much there is.
func TestFetchedIsBounded(t *testing.T) {
	for size, want := range map[int]error{9: nil, 10: nil, 11: evidence.ErrFetch, 5000: evidence.ErrFetch} {
		l := &lazyBody{left: 10, open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(strings.Repeat("x", size))), nil }}
		data, err := io.ReadAll(l)
		if !errors.Is(err, want) || len(data) > 11 || want == nil && len(data) != size {
			t.Errorf("%d: %d bytes, %v", size, len(data), err)
		}
	}
}

// TestValidatorsOf: a date within the last minute tells no content from the next; a commit is one only when it looks like it.
func TestValidatorsOf(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(age time.Duration) string { return now.Add(-age).Format(http.TimeFormat) }
	for name, tt := range map[string]struct {
		etag, modified, commit string
		conditional, known     bool // asked with the date; told from other content
		wantCommit             string
	}{
		"nothing":       {"", "", "", false, false, ""},
		"a tag":         {`"x"`, "", commitA, false, true, commitA},
		"rested":        {"", at(2 * time.Minute), "main", true, true, ""},
		"just written":  {"", at(time.Minute), strings.ToUpper(commitB), false, false, commitB},
		"ahead of us":   {"", at(-time.Hour), "", false, false, ""},
		"no date":       {`"x"`, "yesterday", "", false, true, ""},
		"both, written": {`"x"`, at(0), "", false, true, ""},
	} {
		h := http.Header{}
		h.Set("ETag", tt.etag)
		h.Set("Last-Modified", tt.modified)
		h.Set("X-Catalyst-Commit", tt.commit)
		v := validatorsOf(h, "http://x", now)
		if (v.modified != "") != tt.conditional || (v.meta.Version.Tag != "") != tt.known || v.meta.Commit != tt.wantCommit || v.etag != tt.etag {
			t.Errorf("%s: %+v", name, v)
		}
	}
	one, two := http.Header{"Etag": {`"x"`}}, http.Header{"Etag": {`"x"`}}
	if validatorsOf(one, "http://x?a", now).meta.Version == validatorsOf(two, "http://x?b", now).meta.Version {
		t.Error("two addresses with one tag are one content")
	}
}

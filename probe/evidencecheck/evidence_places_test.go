package evidencecheck

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
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// shelf is a web server with one handler per path.
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

// page serves a file as static servers do, modified an hour ago.
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

// ofCommit returns a local evidence folder with a test report.
func ofCommit(commit, action string) probetest.Folder {
	return probetest.Folder{".catalyst/evidence/" + commit + "/tests.json": goTest(action)}
}

// TestEvidence_Remote: the newest fetched report for the right commit counts, and unreadable places are always named.
func TestEvidence_Remote(t *testing.T) {
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
		local    probetest.Folder
		server   map[string]http.HandlerFunc
		evidence deployment.Evidence
		state    probe.State
		reason   probe.Reason
		detail   string
	}{
		{"by commit and report", nil, map[string]http.HandlerFunc{at: page(goTest("pass"))}, deployment.Evidence{Places: here}, probe.StatePass, "", ""},
		{"a test fails", nil, map[string]http.HandlerFunc{at: page(goTest("fail"))}, deployment.Evidence{Places: here}, probe.StateFail, probe.ReasonUnhealthy, ""},
		{"named by its kind", nil, map[string]http.HandlerFunc{at: page(goTest("pass"))}, deployment.Evidence{Places: []string{"URL" + at}}, probe.StatePass, "", ""},
		{"named like another kind", nil, map[string]http.HandlerFunc{"/lint.json": page(goTest("pass"))},
			deployment.Evidence{Places: []string{"URL/lint.json"}}, probe.StateFail, probe.ReasonMissing, "no report found for tests"},
		{"name without a kind", nil, map[string]http.HandlerFunc{"/out": page(goTest("pass"))},
			deployment.Evidence{Places: []string{"URL/out"}}, probe.StateUnknown, probe.ReasonInvalid,
			"file name does not match a report kind"},
		{"configured kind, any name", nil, map[string]http.HandlerFunc{"/out-" + commitA[:9]: page(goTest("pass"))},
			one("/out-"+commitA[:9], nil), probe.StatePass, "", ""},
		{"commit from the server", nil, map[string]http.HandlerFunc{"/out": page(goTest("pass"), "X-Catalyst-Commit",
			commitA)}, one("/out", nil), probe.StatePass, "", ""},
		{"another commit from the server", nil, map[string]http.HandlerFunc{"/out": page(goTest("pass"), "X-Amz-Meta-Commit",
			commitB)}, one("/out", nil), probe.StateFail, probe.ReasonOutdated, ""},
		{"server contradicts the folder", nil, map[string]http.HandlerFunc{at: page(goTest("pass"), "X-Catalyst-Commit",
			commitB)}, one(at, nil), probe.StateFail, probe.ReasonMismatch, "its server"},
		{"without a commit", nil, map[string]http.HandlerFunc{"/out": page(goTest("pass"))}, one("/out", nil), probe.StateWarn,
			probe.ReasonWeak, ""},
		{"missing", nil, nil, deployment.Evidence{Places: here}, probe.StateFail, probe.ReasonMissing, "no report found for tests"},
		{"missing, but local", ofCommit(commitA, "pass"), nil, deployment.Evidence{Places: here}, probe.StatePass, "", ""},
		{"without a credential", nil, map[string]http.HandlerFunc{at: wantsToken}, one(at, nil), probe.StateUnknown,
			probe.ReasonPermissionDenied, "returned 401"},
		{"with a token", nil, map[string]http.HandlerFunc{at: wantsToken, at + ".meta.yaml": status(404)}, one(at, func(r *deployment.EvidenceReport) { r.BearerToken = secret.New(token + "\n") }), probe.StatePass, "", ""},
		{"with a wrong password", nil, map[string]http.HandlerFunc{at: wantsToken}, one(at, func(r *deployment.EvidenceReport) { r.Username, r.Password = "ci", secret.New(token) }), probe.StateUnknown, probe.ReasonPermissionDenied, ""},
		{"with a token in the query", nil, map[string]http.HandlerFunc{at: status(500)}, one(at+"?private_token="+token, nil),
			probe.StateUnknown, probe.ReasonUnreachable, at + ": server returned 500"},

		// Unreadable places.
		{"unreachable, passed here", ofCommit(commitA, "pass"), map[string]http.HandlerFunc{at: status(503)},
			deployment.Evidence{Places: here}, probe.StateWarn, probe.ReasonUnreachable, "could not be checked: http"},
		{"forbidden, passed here", ofCommit(commitA, "pass"), map[string]http.HandlerFunc{at: status(403)},
			deployment.Evidence{Places: here}, probe.StateWarn, probe.ReasonPermissionDenied, "returned 403"},
		{"unreachable, failed here", ofCommit(commitA, "fail"), map[string]http.HandlerFunc{at: status(503)},
			deployment.Evidence{Places: here}, probe.StateFail, probe.ReasonUnhealthy, "could not be checked"},
		{"unreachable, here of another commit", ofCommit(commitB, "pass"), map[string]http.HandlerFunc{at: status(503)},
			deployment.Evidence{Places: here}, probe.StateUnknown, probe.ReasonUnreachable, "returned 503"},
		{"unreachable, nothing here", nil, map[string]http.HandlerFunc{at: status(503)}, deployment.Evidence{Places: here},
			probe.StateUnknown, probe.ReasonUnreachable, "returned 503"},

		// Responses that are not a report.
		{"another host", nil, map[string]http.HandlerFunc{at: status(302, "Location", "http://login.test/?next=x")}, deployment.Evidence{Places: here}, probe.StateUnknown, probe.ReasonMismatch, "redirects to another host"},
		{"elsewhere on the same host", nil, map[string]http.HandlerFunc{at: status(302, "Location", "/moved"), "/moved": page(goTest("pass"))}, deployment.Evidence{Places: here}, probe.StatePass, "", ""},
		{"a page", ofCommit(commitA, "pass"), map[string]http.HandlerFunc{at: status(200, "Content-Type", "text/html")}, deployment.Evidence{Places: here}, probe.StateWarn, probe.ReasonInvalid, "unsupported report"},
		{"empty report newer than a good one", ofCommit(commitA, "pass"), map[string]http.HandlerFunc{at: status(200,
			"Last-Modified", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), "Content-Length", "0")},
			deployment.Evidence{Places: here}, probe.StateUnknown, probe.ReasonEmpty, ""},
		{"truncated", nil, map[string]http.HandlerFunc{at: status(200, "Content-Length", "5000")},
			deployment.Evidence{Places: here}, probe.StateUnknown, probe.ReasonTruncated, ""},
		{"of unknown age", nil, map[string]http.HandlerFunc{"/c/" + commitA + "/coverage.out": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "mode: set\np/x.go:1.1,2.2 9 1\n")
		}},
			deployment.Evidence{Places: []string{"URL/c/{commit}/coverage.out"}}, probe.StateUnknown, probe.ReasonStale, "report has no date"},

		// The record beside it.
		{"a record", nil, map[string]http.HandlerFunc{at: page(goTest("pass")), at + ".meta.yaml": page("exit_code: 1\n")}, deployment.Evidence{Places: here}, probe.StateUnknown, probe.ReasonError, "ended with status 1"},
		{"a record of another commit", nil, map[string]http.HandlerFunc{at: page(goTest("pass")), at + ".meta.yaml": page("commit: " + commitB + "\n")}, deployment.Evidence{Places: here}, probe.StateFail, probe.ReasonMismatch, ""},
		{"forbidden record", nil, map[string]http.HandlerFunc{at: page(goTest("pass")), at + ".meta.yaml": status(403)}, deployment.Evidence{Places: here}, probe.StateUnknown, probe.ReasonPermissionDenied, "record file: server returned 403"},
		{"a page instead of a record", nil, map[string]http.HandlerFunc{at: page(goTest("pass")), at + ".meta.yaml": status(200, "Content-Type", "text/html; charset=utf-8")}, deployment.Evidence{Places: here}, probe.StatePass, "", ""},
		{"oversized record", nil, map[string]http.HandlerFunc{at: page(goTest("pass")),
			at + ".meta.yaml": page(strings.Repeat("#", 1<<20))}, deployment.Evidence{Places: here}, probe.StateUnknown, probe.ReasonInvalid,
			"larger than 64 KiB"},
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
			root := tt.local.Write(t)
			plan(t, root, commitA)
			r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root, Evidence: e}), EvidenceKind(), "{report: "+kind+"}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if tt.state == probe.StateUnknown && tt.reason != probe.ReasonError && r.Remedy == "" && tt.reason != probe.ReasonStale && tt.reason != probe.ReasonEmpty && tt.detail != "larger than 64 KiB" {
				t.Errorf("no remedy: %+v", r)
			}
			if text := fmt.Sprint(r); strings.Contains(text, token) || strings.Contains(text, "what the server says") || strings.Contains(text, "private_token") {
				t.Errorf("hidden text shown: %s", text)
			}
		})
	}
}

// TestEvidence_NewestWins: the newest report of the commit counts, local or remote.
func TestEvidence_NewestWins(t *testing.T) {
	const at = "/" + commitA + "/tests.json"
	for action, want := range map[string]probe.State{"pass": probe.StatePass, "fail": probe.StateFail} {
		earlier := map[string]string{"pass": "fail", "fail": "pass"}[action]
		old := strings.ReplaceAll(goTest(earlier), time.Now().UTC().Format("2006-01-02T15"), time.Now().UTC().Add(-3*time.Hour).Format("2006-01-02T15"))
		s := newShelf(t, map[string]http.HandlerFunc{at: page(goTest(action))})
		root := probetest.Folder{".catalyst/evidence/" + commitA + "/tests.json": old}.Write(t)
		plan(t, root, commitA)
		r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root, Evidence: deployment.Evidence{Places: []string{".catalyst/evidence", s.URL + "/{commit}/tests.json"}}}), EvidenceKind(), "{report: tests}")
		if r.State != want {
			t.Errorf("newest is %s: %+v", action, r)
		}
	}
}

// TestEvidence_RemoteCached: within evidenceRefetch no request is sent, then a conditional one. Changes are detected.
func TestEvidence_RemoteCached(t *testing.T) {
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
			p := probetest.NewPass(t, nil, deployment.Settings{Root: root, Evidence: deployment.Evidence{Places: []string{s.URL + "/{commit}/tests.json"}}})
			now := time.Now()
			p.Now = func() time.Time { return now }
			check := func(want probe.State, wantBodies, wantUnchanged int) {
				t.Helper()
				if r := probetest.Look(t, probetest.Again(p), EvidenceKind(), "{report: tests}"); r.State != want || bodies != wantBodies || unchanged != wantUnchanged {
					t.Errorf("%v %s, %d bodies, %d unchanged; want %v, %d, %d", r.State, r.Detail, bodies, unchanged, want, wantBodies, wantUnchanged)
				}
			}
			check(probe.StatePass, 1, 0)
			check(probe.StatePass, 1, 0)
			now = now.Add(evidenceRefetch)
			check(probe.StatePass, 1, 1)
			now = now.Add(evidenceRefetch)
			action, modified = "fail", modified.Add(10*time.Minute)
			if tag != "" {
				tag = `"v2"`
			}
			check(probe.StateFail, 2, 1)
		})
	}
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) { w.code = code; w.ResponseWriter.WriteHeader(code) }

// TestEvidence_RemoteTimeout: a server that never responds is unknown after its own timeout.
func TestEvidence_RemoteTimeout(t *testing.T) {
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
	r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root, Evidence: deployment.Evidence{Reports: []deployment.EvidenceReport{
		{Report: "tests", At: s.URL + "/tests.json?x", HTTP: deployment.HTTP{Timeout: schema.Duration(100 * time.Millisecond)}}}}}), EvidenceKind(), "{report: tests}")
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonTimeout, "no response in time")
}

// TestEvidence_Files: files, patterns, and an unreadable local folder.
func TestEvidence_Files(t *testing.T) {
	f := probetest.Folder{"ci/junit-1.xml": "<testsuite><testcase name='x'/></testsuite>", "ci/" + commitA + "/tests.json": goTest("pass")}
	spec := "{report: tests}"
	with := func(root string, e deployment.Evidence) *probe.Pass {
		return probetest.NewPass(t, nil, deployment.Settings{Root: root, Evidence: e})
	}
	root := f.Write(t)
	plan(t, root, commitA)
	probetest.Expect(t, probetest.Look(t, with(root, deployment.Evidence{Places: []string{"ci/*/*.json"}}), EvidenceKind(), spec), probe.StatePass, "", "")
	probetest.Expect(t, probetest.Look(t, with(root, deployment.Evidence{Reports: []deployment.EvidenceReport{{Report: "tests", At: "ci/junit-*.xml"}}}), EvidenceKind(), spec), probe.StateWarn, probe.ReasonWeak, "ci/junit-1.xml")
	probetest.Expect(t, probetest.Look(t, with(root, deployment.Evidence{Reports: []deployment.EvidenceReport{{Report: "lint", At: "ci/junit-*.xml"}}}), EvidenceKind(), spec), probe.StateFail, probe.ReasonMissing, "")
	probetest.Expect(t, probetest.Look(t, with(root, deployment.Evidence{Places: []string{"ci/junit-1.xml"}}), EvidenceKind(), spec), probe.StateUnknown, probe.ReasonInvalid, "does not match a report kind")
	if err := os.Chmod(filepath.Join(root, "ci"), 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(filepath.Join(root, "ci"), 0o700) }()
	probetest.Unprivileged(t, func() {
		for _, place := range []string{"ci", "ci/*/*.json"} {
			probetest.Expect(t, probetest.Look(t, with(root, deployment.Evidence{Places: []string{place}}), EvidenceKind(), spec), probe.StateUnknown, probe.ReasonPermissionDenied, "")
		}
	})
	// Without a commit {commit} cannot be replaced.
	probetest.Expect(t, probetest.Look(t, with(f.Write(t), deployment.Evidence{Places: []string{"ci/{commit}"}}), EvidenceKind(), spec), probe.StateUnknown, probe.ReasonNotConfigured, "no commit is known")
}

// bucketOf serves a bucket with these objects.
func bucketOf(s *probetest.AWSServer, objects map[string]string, modified time.Time) {
	s.Replies["s3:ListBucket"] = func(r *http.Request, _ url.Values) probetest.AWSReply {
		q := r.URL.Query()
		var b strings.Builder
		for key, content := range objects {
			rest, ok := strings.CutPrefix(key, q.Get("prefix"))
			if !ok || q.Get("delimiter") != "" && strings.Contains(rest, q.Get("delimiter")) {
				continue
			}
			_, _ = fmt.Fprintf(&b, "<Contents><Key>%s</Key><ETag>&quot;%x&quot;</ETag><Size>%d</Size><LastModified>%s</LastModified></Contents>", html.EscapeString(key), len(content), len(content), modified.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		return probetest.AWSReply{Body: "<ListBucketResult" + probetest.AWSNS + ">" + b.String() + "<IsTruncated>false</IsTruncated></ListBucketResult>"}
	}
	s.Replies["s3:GetObject"] = func(r *http.Request, _ url.Values) probetest.AWSReply {
		_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		content, ok := objects[key]
		if !ok {
			return probetest.AWSReply{Status: 404, Code: "NoSuchKey"}
		}
		return probetest.AWSReply{Body: content, Header: map[string]string{"ETag": fmt.Sprintf("%q", fmt.Sprintf("%x", len(content))), "Last-Modified": modified.UTC().Format(http.TimeFormat)}}
	}
}

// TestEvidence_Bucket: reports under the commit's prefix, reports next to it, and single objects.
func TestEvidence_Bucket(t *testing.T) {
	const place = "s3://ci-reports/app/evidence"
	ours := "app/evidence/" + commitA + "/tests.json"
	tests := []struct {
		name    string
		local   probetest.Folder
		objects map[string]string
		change  func(*probetest.AWSServer, *deployment.Settings)
		state   probe.State
		reason  probe.Reason
		detail  string
	}{
		{"of the commit", nil, map[string]string{ours: goTest("pass"), "app/evidence/" + commitB + "/tests.json": goTest("fail")}, nil, probe.StatePass, "", ""},
		{"of the commit, abbreviated", nil, map[string]string{"app/evidence/" + commitA[:8] + "/tests.json": goTest("fail")}, nil, probe.StateFail, probe.ReasonUnhealthy, "s3://ci-reports/app/evidence/" + commitA[:8]},
		{"another commit with the same prefix", nil,
			map[string]string{"app/evidence/" + commitA[:7] + "ffff/tests.json": goTest("pass")}, nil, probe.StateFail, probe.ReasonMissing,
			""},
		{"next to the commits", nil, map[string]string{"app/evidence/tests.json": goTest("pass")}, nil, probe.StateWarn, probe.ReasonWeak,
			""},
		{"next to the commits, with a record", nil, map[string]string{"app/evidence/tests.json": goTest("pass"),
			"app/evidence/tests.json.meta.yaml": "commit: " + commitA + "\n"}, nil, probe.StatePass, "", ""},
		{"a record of a crash", nil, map[string]string{ours: goTest("pass"), ours + ".meta.yaml": "exit_code: 137\n"}, nil, probe.StateUnknown, probe.ReasonError, "status 137"},
		{"none", nil, map[string]string{"app/evidence-2/" + commitA + "/tests.json": goTest("pass")}, nil, probe.StateFail, probe.ReasonMissing, ""},
		{"deeper", nil, map[string]string{"app/evidence/" + commitA + "/x/tests.json": goTest("pass")}, nil, probe.StateFail, probe.ReasonMissing, ""},
		{"list denied", ofCommit(commitA, "pass"), nil, func(s *probetest.AWSServer, _ *deployment.Settings) {
			s.Say("s3:ListBucket", probetest.AWSReply{Status: 403, Code: "AccessDenied"})
		}, probe.StateWarn, probe.ReasonPermissionDenied, "lack s3:ListBucket"},
		{"list denied, nothing local", nil, nil, func(s *probetest.AWSServer, _ *deployment.Settings) {
			s.Say("s3:ListBucket", probetest.AWSReply{Status: 403, Code: "AccessDenied"})
		}, probe.StateUnknown, probe.ReasonPermissionDenied, "s3://ci-reports"},
		{"get denied", nil, map[string]string{ours: goTest("pass")}, func(s *probetest.AWSServer, _ *deployment.Settings) {
			s.Say("s3:GetObject", probetest.AWSReply{Status: 403, Code: "AccessDenied"})
		}, probe.StateUnknown, probe.ReasonPermissionDenied, "lack s3:GetObject"},
		{"changed since it was listed", nil, map[string]string{ours: goTest("pass")}, func(s *probetest.AWSServer, _ *deployment.Settings) {
			s.Say("s3:GetObject", probetest.AWSReply{Body: goTest("fail"), Header: map[string]string{"ETag": `"other"`}})
		}, probe.StateUnknown, probe.ReasonTruncated, ""},
		{"no such bucket", nil, nil, func(s *probetest.AWSServer, _ *deployment.Settings) {
			s.Say("s3:ListBucket", probetest.AWSReply{Status: 404, Code: "NoSuchBucket"})
		}, probe.StateUnknown, probe.ReasonMissing, "s3://ci-reports"},
		{"invalid bucket name", nil, nil, func(_ *probetest.AWSServer,
			d *deployment.Settings) {
			d.Evidence.Places = []string{"s3://x"}
		}, probe.StateUnknown, probe.ReasonInvalid,
			"evidence.places[0]"},
		{"a single object", nil, map[string]string{"junit/" + commitA[:7] + ".json": goTest("pass"), "junit/" + commitA[:7] + ".json.old": goTest("fail")}, func(_ *probetest.AWSServer, d *deployment.Settings) {
			d.Evidence = deployment.Evidence{Reports: []deployment.EvidenceReport{{Report: "tests", At: "s3://ci-reports/junit/" + commitA[:7] + ".json"}}}
		}, probe.StatePass, "", ""},
		{"without a backup bucket", nil, map[string]string{ours: goTest("pass")}, func(s *probetest.AWSServer, d *deployment.Settings) {
			d.AWS.Region = s.Region
			s.T.Setenv("AWS_ACCESS_KEY_ID", "AKIA"+"TEST")
			s.T.Setenv("AWS_SECRET_ACCESS_KEY", s.Secret)
			d.EnvFile = "none.env"
		}, probe.StatePass, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			bucketOf(s, tt.objects, time.Now().Add(-time.Hour))
			p := s.Pass(func(d *deployment.Settings) {
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
			r := probetest.Look(t, p, EvidenceKind(), "{report: tests}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, s.Secret)
			if tt.state == probe.StatePass {
				s.Mu.Lock()
				asked := len(s.Asked)
				s.Mu.Unlock()
				probetest.Expect(t, probetest.Look(t, probetest.Again(p), EvidenceKind(), "{report: tests}"), tt.state, tt.reason, tt.detail)
				if s.Mu.Lock(); len(s.Asked) != asked {
					t.Errorf("requested again at once: %v", s.Asked[asked:])
				}
				s.Mu.Unlock()
			}
		})
	}
}

// TestLazyBody_Bounded: reading stops at the limit.
func TestLazyBody_Bounded(t *testing.T) {
	for size, want := range map[int]error{9: nil, 10: nil, 11: stream.ErrFetch, 5000: stream.ErrFetch} {
		l := &lazyBody{left: 10, open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(strings.Repeat("x", size))), nil }}
		data, err := io.ReadAll(l)
		if !errors.Is(err, want) || len(data) > 11 || want == nil && len(data) != size {
			t.Errorf("%d: %d bytes, %v", size, len(data), err)
		}
	}
}

// TestValidatorsOf: a date within the last minute does not identify a content; an invalid commit is ignored.
func TestValidatorsOf(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(age time.Duration) string { return now.Add(-age).Format(http.TimeFormat) }
	for name, tt := range map[string]struct {
		etag, modified, commit string
		conditional, Known     bool // date used in the request; content has a version
		wantCommit             string
	}{
		"nothing":          {"", "", "", false, false, ""},
		"a tag":            {`"x"`, "", commitA, false, true, commitA},
		"old":              {"", at(2 * time.Minute), "main", true, true, ""},
		"just written":     {"", at(time.Minute), strings.ToUpper(commitB), false, false, commitB},
		"in the future":    {"", at(-time.Hour), "", false, false, ""},
		"no date":          {`"x"`, "yesterday", "", false, true, ""},
		"tag and new date": {`"x"`, at(0), "", false, true, ""},
	} {
		h := http.Header{}
		h.Set("ETag", tt.etag)
		h.Set("Last-Modified", tt.modified)
		h.Set("X-Catalyst-Commit", tt.commit)
		v := validatorsOf(h, "http://x", now)
		if (v.modified != "") != tt.conditional || (v.meta.Version.Tag != "") != tt.Known || v.meta.Commit != tt.wantCommit || v.etag != tt.etag {
			t.Errorf("%s: %+v", name, v)
		}
	}
	one, two := http.Header{"Etag": {`"x"`}}, http.Header{"Etag": {`"x"`}}
	if validatorsOf(one, "http://x?a", now).meta.Version == validatorsOf(two, "http://x?b", now).meta.Version {
		t.Error("same version for two URLs with the same tag")
	}
}

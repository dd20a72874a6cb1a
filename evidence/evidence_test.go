package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/files"
)

func TestNewest(t *testing.T) {
	at := func(age time.Duration) string {
		return fmt.Sprintf(junitAt, now.Add(-age).Format("2006-01-02T15:04:05"))
	}
	const failing = `<testsuite><testcase name="x"><failure/></testcase></testsuite>`
	ours, theirs := "e/"+commit+"/", "e/"+otherCommit+"/"
	for _, tt := range []struct {
		name   string
		files  func(d tree)
		commit string
		want   string // file
		state  State
		reason report.Reason
		detail string
	}{
		{"of the commit, though older", func(d tree) {
			d.write(ours+"tests.xml", at(5*time.Hour), 5*time.Hour)
			d.write(theirs+"tests.xml", at(time.Hour), time.Hour)
		}, commit, ours + "tests.xml", Pass, "", ""},
		{"newest of the commit by its own time", func(d tree) {
			d.write(ours+"tests.xml", at(5*time.Hour), time.Minute)
			d.write(ours+"tests.json", at(time.Hour), 9*time.Hour)
		}, commit, ours + "tests.json", Pass, "", ""},
		{"newest of the commit by the file's time", func(d tree) {
			d.write(ours+"tests.xml", failing, time.Minute)
			d.write(ours+"tests.json", at(time.Hour), 9*time.Hour)
		}, commit, ours + "tests.xml", Fail, report.Unhealthy, ""},
		{"the newest is broken", func(d tree) {
			d.write(ours+"tests.xml", "", time.Minute)
			d.write(ours+"tests.json", at(time.Hour), 9*time.Hour)
		}, commit, ours + "tests.xml", Unknown, report.Empty, "report is empty"},
		{"only of another commit", func(d tree) {
			d.write(theirs+"tests.xml", at(time.Hour), time.Hour)
		}, commit, theirs + "tests.xml", Fail, report.Outdated, "report is of commit 89abcdef0123, not 0123456789ab"},
		{"of another commit and failing", func(d tree) {
			d.write(theirs+"tests.xml", failing, time.Hour)
		}, commit, theirs + "tests.xml", Fail, report.Unhealthy, "not 0123456789ab"},
		{"of no commit rather than another", func(d tree) {
			d.write(theirs+"tests.xml", at(time.Hour), time.Minute)
			d.write("e/tests.xml", at(time.Hour), time.Hour)
		}, commit, "e/tests.xml", Warn, report.Weak, "commit of the report is unknown: store it in a folder named 0123456789ab"},
		{"of the commit by its record", func(d tree) {
			d.write("e/tests.json", at(time.Hour), time.Minute)
			d.write("e/tests.xml", at(2*time.Hour), time.Hour)
			d.write("e/tests.xml.meta.yaml", "commit: "+commit[:8]+"\n", time.Hour)
		}, commit, "e/tests.xml", Pass, "", ""},
		{"by age alone", func(d tree) {
			d.write(ours+"tests.xml", at(5*time.Hour), time.Minute)
			d.write(theirs+"tests.xml", at(time.Hour), time.Hour)
		}, "", theirs + "tests.xml", Warn, report.Weak, "current commit is unknown"},
		{"stale", func(d tree) { d.write(ours+"tests.xml", at(31*24*time.Hour), time.Minute) }, commit, ours + "tests.xml", Fail, report.Stale, "report of 2026-10-20 is older than 30 days"},
		{"none", func(d tree) {}, commit, "", Fail, report.Missing, "no report found for tests"},
		{"a pipe", func(d tree) {
			d.write(ours+"x", "", 0)
			if err := syscall.Mkfifo(d.path(ours+"tests.json"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, commit, ours + "tests.json", Unknown, report.Invalid, "not a regular file"},
		{"a link to itself", func(d tree) {
			d.write(ours+"x", "", 0)
			if err := os.Symlink("tests.json", d.path(ours+"tests.json")); err != nil {
				t.Fatal(err)
			}
		}, commit, ours + "tests.json", Unknown, report.Failed, "too many levels of symbolic links"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newTree(t)
			tt.files(d)
			found, err := Find(Places{Folders: []string{d.path("e")}}, "tests", tt.commit)
			if err != nil {
				t.Fatal(err)
			}
			e := Newest(t.Context(), found, report.Tests, tt.commit, nil)
			want := tt.want
			if want != "" {
				want = d.path(want)
			}
			p := policy
			p.Commit = tt.commit
			v := Judge(e, p)
			if e.Name != want || v.State != tt.state || v.Reason != tt.reason || !strings.Contains(v.Detail, tt.detail) {
				t.Errorf("%s is %s (%s) %s\nwant %s: %s (%s) …%s…", e.Name, v.State, v.Reason, v.Detail, want, tt.state, tt.reason, tt.detail)
			}
		})
	}
}

// TestNewest_ReadsLittle: hundreds of old reports are not read to judge one.
func TestNewest_ReadsLittle(t *testing.T) {
	var cs []Candidate
	opened := 0
	add := func(n int, commit string) {
		for range n {
			cs = append(cs, Candidate{Name: fmt.Sprint("r", len(cs)), Commit: commit, Modified: now, Source: source(func() (string, Meta, error) { opened++; return good, Meta{}, nil })})
		}
	}
	add(1, commit)
	add(500, otherCommit)
	if Newest(t.Context(), cs, report.Coverage, commit, nil); opened != 1 {
		t.Errorf("%d reports were read beside the right one", opened-1)
	}
	opened = 0
	if Newest(t.Context(), cs[1:], report.Coverage, commit, nil); opened != maxOthers {
		t.Errorf("%d reports of another commit were read", opened)
	}
	add(500, "")
	opened = 0
	if Newest(t.Context(), cs[501:], report.Coverage, commit, nil); opened != maxReports {
		t.Errorf("%d reports were read", opened)
	}
}

// source is a Source made of a function.
type source func() (string, Meta, error)

func (s source) Open(context.Context) (io.ReadCloser, Meta, error) {
	text, m, err := s()
	return io.NopCloser(strings.NewReader(text)), m, err
}

// TestPlace: folder, record and report may state the commit, and must agree.
func TestPlace(t *testing.T) {
	own := func(id string) string {
		return sarifReport(`"versionControlProvenance":[{"revisionId":"` + id + `"}],"results":[]`)
	}
	none := sarifReport(`"results":[]`)
	for _, tt := range []struct {
		name, folder, record, text string
		commit                     string
		state                      State
		reason                     report.Reason
		detail                     string
	}{
		{"folder", commit, "", none, commit, Pass, "", ""},
		{"record", "", "commit: " + commit, none, commit, Pass, "", ""},
		{"report", "", "", own(commit), commit, Pass, "", ""},
		{"all, the longest counts", commit[:7], "commit: " + commit[:12], own(commit), commit, Pass, "", ""},
		{"nobody", "", "", none, "", Warn, report.Weak, "commit of the report is unknown"},
		{"folder and report differ", commit, "", own(otherCommit), commit, Fail, report.Mismatch, "its folder states commit 0123456789ab, the report itself states 89abcdef0123"},
		{"folder and record differ", commit, "commit: " + otherCommit, none, commit, Fail, report.Mismatch, "its folder states commit 0123456789ab, its record states 89abcdef0123"},
		{"record and report differ", "", "commit: " + otherCommit, own(commit), otherCommit, Fail, report.Mismatch, "its record states"},
		{"bad record", commit, "comit: x", none, commit, Unknown, report.Invalid, `did you mean \"commit\"`},
		{"no commit in the record", commit, "commit: main", none, commit, Unknown, report.Invalid, "x.meta.yaml:1"},
		{"empty record", commit, " \n", none, commit, Unknown, report.Invalid, "record is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Meta{Modified: now.Add(-time.Hour)}
			if tt.record != "" {
				m.Record = []byte(tt.record)
			}
			e := Read(t.Context(), Candidate{Name: "x", Commit: tt.folder, Source: source(func() (string, Meta, error) { return tt.text, m, nil })}, report.Lint, nil)
			v := Judge(e, policy)
			if e.Commit != tt.commit || v.State != tt.state || v.Reason != tt.reason || !strings.Contains(strings.ReplaceAll(v.Detail, `"`, `\"`), tt.detail) {
				t.Errorf("of %q: %s (%s) %s\nwant %q: %s (%s) …%s…", e.Commit, v.State, v.Reason, v.Detail, tt.commit, tt.state, tt.reason, tt.detail)
			}
		})
	}
}

// TestTaken: the report's own time takes precedence over its record's, and that over the file's.
func TestTaken(t *testing.T) {
	own := fmt.Sprintf(junitAt, "2026-11-01T00:00:00")
	for _, tt := range []struct {
		text, record, want string
	}{
		{own, "time: 2026-11-02T00:00:00Z", "2026-11-01"},
		{"<testsuite/>", "time: 2026-11-02T00:00:00Z", "2026-11-02"},
		{"<testsuite/>", "exit_code: 0", "2026-11-03"},
		{"", "time: 2026-11-02T00:00:00Z", "2026-11-02"},
	} {
		m := Meta{Modified: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC), Record: []byte(tt.record)}
		e := Read(t.Context(), Candidate{Name: "x", Modified: now, Source: source(func() (string, Meta, error) { return tt.text, m, nil })}, report.Tests, nil)
		if got := e.Taken.UTC().Format(time.DateOnly); got != tt.want {
			t.Errorf("%.40q with %q is of %s, want %s", tt.text, tt.record, got, tt.want)
		}
	}
}

// TestSeal: the pipeline's record proves that the file is complete or not.
func TestSeal(t *testing.T) {
	text := govulnHead + govulnOSV + govulnChecking + govulnModule + govulnPackage
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	size := fmt.Sprint(len(text))
	for _, tt := range []struct {
		name, record string
		text         string
		state        State
		reason       report.Reason
		detail       string
	}{
		{"digest and status", "sha256: " + digest + "\nexit_code: 0", text, Pass, "", ""},
		{"size and status", "size: " + size + "\nexit_code: 0", text, Pass, "", ""},
		{"all", "size: " + size + "\nsha256: " + digest + "\nexit_code: 0\ncommand: govulncheck ./...\ntime: 2026-11-20T10:00:00Z\ncommit: " + commit, text, Pass, "", ""},
		{"no status", "sha256: " + digest, text, Unknown, report.Truncated, "the stream has no end"},
		{"no digest", "exit_code: 0", text, Unknown, report.Truncated, "the stream has no end"},
		{"bad status", "sha256: " + digest + "\nexit_code: 137", text + govulnSymbol[:0], Pass, "", ""}, // explained: uncalled ones were found
		{"cut", "sha256: " + digest + "\nexit_code: 0", text[:len(text)-len(govulnPackage)], Unknown, report.Truncated, "size or digest differs from x.meta.yaml"},
		{"cut, by size", "size: " + size + "\nexit_code: 0", text[:len(text)-len(govulnPackage)], Unknown, report.Truncated, "size or digest"},
		{"changed", "sha256: " + digest + "\nexit_code: 0", strings.Replace(text, "stdlib", "stdLib", 1), Unknown, report.Truncated, "size or digest"},
		{"digest right, size wrong", "sha256: " + digest + "\nsize: 5\nexit_code: 0", text, Unknown, report.Truncated, "size or digest"},
		{"cut, with a call", "sha256: " + digest + "\nexit_code: 0", text + govulnSymbol, Fail, report.Threshold, "size or digest"},
		{"malformed behind", "sha256: " + fmt.Sprintf("%x", sha256.Sum256([]byte(text+"x y z"))) + "\nexit_code: 0", text + "x y z", Unknown, report.Invalid, "report is malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Meta{Modified: now.Add(-time.Hour), Record: []byte(tt.record)}
			e := Read(t.Context(), Candidate{Name: "x", Commit: commit, Source: source(func() (string, Meta, error) { return tt.text, m, nil })}, report.Vulnerabilities, nil)
			v := Judge(e, policy)
			if v.State != tt.state || v.Reason != tt.reason || !strings.Contains(v.Detail, tt.detail) {
				t.Errorf("%s (%s) %s", v.State, v.Reason, v.Detail)
			}
			if (e.Seal == SealBroken) != (tt.detail == "size or digest" || strings.HasPrefix(tt.detail, "size or")) {
				t.Errorf("seal %v", e.Seal)
			}
		})
	}
}

// TestSeal_Malformed: size and digest cover all bytes, even if the parser stops early.
func TestSeal_Malformed(t *testing.T) {
	text := `<testsuite><x></testsuite>` + strings.Repeat("rest ", 100_000)
	record := fmt.Sprintf("exit_code: 0\nsize: %d\nsha256: %x\n", len(text), sha256.Sum256([]byte(text)))
	e := Read(t.Context(), Candidate{Name: "x", Commit: commit, Source: source(func() (string, Meta, error) { return text, Meta{Modified: now, Record: []byte(record)}, nil })}, report.Tests, nil)
	if v := Judge(e, policy); e.Seal != SealIntact || v.State != Unknown || v.Reason != report.Invalid {
		t.Errorf("seal %v, %+v", e.Seal, v)
	}
}

// TestRead_SourceErrors: a read error is reported and never passes.
func TestRead_SourceErrors(t *testing.T) {
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	whole := func() (string, Meta, error) { return good, Meta{}, nil }
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		source Source
		state  State
		reason report.Reason
	}{
		{"whole", t.Context(), source(whole), Pass, ""},
		{"too late", late, source(whole), Unknown, report.Timeout},
		{"gone", t.Context(), source(func() (string, Meta, error) { return "", Meta{}, fs.ErrNotExist }), Fail, report.Missing},
		{"forbidden", t.Context(), source(func() (string, Meta, error) { return "", Meta{}, fs.ErrPermission }), Unknown, report.PermissionDenied},
		{"broken off", t.Context(), closing{io.MultiReader(strings.NewReader(good), failing{}), nil}, Unknown, report.Failed},
		{"changed meanwhile", t.Context(), closing{strings.NewReader(good), files.ErrChanged}, Unknown, report.Truncated},
	} {
		e := Read(tt.ctx, Candidate{Name: "x", Commit: commit, Modified: now, Source: tt.source}, report.Coverage, nil)
		if v := Judge(e, policy); v.State != tt.state || v.Reason != tt.reason {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
}

// closing is a source whose Close returns an error.
type closing struct {
	io.Reader
	err error
}

func (c closing) Open(context.Context) (io.ReadCloser, Meta, error) { return c, Meta{}, nil }
func (c closing) Close() error                                      { return c.err }

// TestFile_Changed: a report that is being written does not count as complete.
func TestFile_Changed(t *testing.T) {
	d := newTree(t)
	d.write("coverage.out", good, time.Hour)
	stream, _, err := File(d.path("coverage.out")).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(stream); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(d.path("coverage.out"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString("b.go:1.1,2.2 1 0\n")
	_ = f.Close()
	if err := stream.Close(); !errors.Is(err, files.ErrChanged) {
		t.Errorf("Close() = %v", err)
	}
	d.write("coverage.out.meta.yaml", strings.Repeat("# x\n", maxRecord), 0)
	if _, _, err := File(d.path("coverage.out")).Open(t.Context()); !errors.Is(err, files.ErrTooLarge) {
		t.Errorf("with an endless record: %v", err)
	}
}

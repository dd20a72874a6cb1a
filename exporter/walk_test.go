package exporter

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/thenexusengine/catalyst_exporter/alerts"
)

// What the scripts of releases need beside `run`: a Prometheus that knows one value, comparing what two checks said, whether somebody would be
// paged, and whether a document tells the commands that were run.

// scriptedPrometheus answers every query with one value, or knows nothing.
type scriptedPrometheus struct {
	mu    sync.Mutex
	value string
}

func (s *scriptedPrometheus) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sample := ""
	if s.value != "none" {
		sample = fmt.Sprintf(`{"metric":{},"value":[0,%q]}`, s.value)
	}
	_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, sample)
}

// release is what a script of releases keeps.
type release struct {
	prometheus scriptedPrometheus
	commands   []string // that were run, as documents would write them
}

func setupRelease(env *testscript.Env) error {
	r := &release{}
	server := httptest.NewServer(&r.prometheus)
	env.Defer(server.Close)
	repo, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	env.Setenv("PROMETHEUS", server.URL)
	env.Setenv("REPO", repo)
	env.Setenv("EXAMPLE", filepath.Join(repo, "examples", "deployment"))
	env.Values["release"] = r
	return nil
}

// releaseCommands are the scripts' commands of this file.
func releaseCommands(run func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	of := func(ts *testscript.TestScript) *release { return ts.Value("release").(*release) }
	return map[string]func(*testscript.TestScript, bool, []string){
		// catalyst CODE args… runs the program in the working directory with its catalyst.yml.
		"catalyst": func(ts *testscript.TestScript, neg bool, args []string) {
			if len(args) > 1 {
				line := strings.ReplaceAll(strings.Join(args[1:], " "), ts.Getenv("HOME"), "$HOME") // each signs at home
				of(ts).commands = append(of(ts).commands, line)
			}
			run(ts, neg, append(slices.Clone(args), "--config.file=catalyst.yml", "--deployment.root=."))
		},
		// prometheus VALUE|none sets what Prometheus knows.
		"prometheus": func(ts *testscript.TestScript, _ bool, args []string) {
			p := &of(ts).prometheus
			p.mu.Lock()
			defer p.mu.Unlock()
			p.value = args[0]
		},
		// touched TIME FILE sets when a file was written.
		"touched": func(ts *testscript.TestScript, _ bool, args []string) {
			at, err := time.Parse(time.RFC3339, args[0])
			ts.Check(err)
			ts.Check(os.Chtimes(ts.MkAbs(args[1]), at, at))
		},
		// unchanged FILE FILE ITEM… demands that two checks say the same of items.
		"unchanged": func(ts *testscript.TestScript, neg bool, args []string) {
			before, after := saidOf(ts, args[0]), saidOf(ts, args[1])
			for _, item := range args[2:] {
				if b := before[item]; b == "" || (b == after[item]) == neg {
					ts.Fatalf("%s: %q, then %q", item, b, after[item])
				}
			}
		},
		// pages ITEM… demands that these items, and no other, are such that a drift of them pages, by the metrics in the last output.
		"pages": func(ts *testscript.TestScript, _ bool, args []string) {
			got := paging(ts.ReadFile("stdout"))
			if !slices.Equal(got, args) {
				ts.Fatalf("these page: %v, want %v", got, args)
			}
		},
		// documented FILE demands that every command of a document was run, in the document's order.
		"documented": func(ts *testscript.TestScript, _ bool, args []string) {
			left := of(ts).commands
			told := documented(ts.ReadFile(args[0]), func(name string) string {
				if name == "HOME" {
					return "$HOME"
				}
				return ts.Getenv(name)
			})
			if len(told) < 5 {
				ts.Fatalf("%s tells %d commands only", args[0], len(told))
			}
			for _, want := range told {
				i := slices.Index(left, want)
				if i < 0 {
					ts.Fatalf("%s tells a command that was not run there: %s", args[0], want)
				}
				left = left[i+1:]
			}
		},
	}
}

// saidOf is state, reason and detail of each item in a check's JSON.
func saidOf(ts *testscript.TestScript, file string) map[string]string {
	var checks struct {
		Items []struct{ Item, State, Reason, Detail string }
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &checks))
	said := map[string]string{}
	for _, it := range checks.Items {
		said[it.Item] = it.State + " " + it.Reason + " " + it.Detail
	}
	return said
}

// paging lists the items that the shipped rules would page for, were they good before: those that catalyst:check_may_page selects and that
// catalyst:check_drifted counts as 2.
func paging(metrics string) []string {
	text, err := alerts.Rules("catalyst")
	if err != nil {
		panic(err)
	}
	rules := string(text)
	may := regexp.MustCompile(`catalyst_check_info\{job="catalyst",(severity="\w+"),(scope="\w+")\}`).FindStringSubmatch(rules)
	fails := regexp.MustCompile(`catalyst_check_state\{job="catalyst",(state="fail"),reason!~"([a-z|]+)"\}`).FindStringSubmatch(rules)
	if may == nil || fails == nil {
		panic("the rules that page are written in another way")
	}
	office := strings.Split(fails[2], "|")
	label := func(line, name string) string {
		_, rest, _ := strings.Cut(line, name+`="`)
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	critical, failing := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(metrics) {
		item := label(line, "item")
		switch {
		case strings.HasPrefix(line, "catalyst_check_info{") && strings.Contains(line, may[1]) && strings.Contains(line, may[2]):
			critical[item] = true
		case strings.HasPrefix(line, "catalyst_check_state{") && strings.Contains(line, fails[1]) && !slices.Contains(office, label(line, "reason")):
			failing[item] = true
		case strings.HasPrefix(line, "catalyst_check_waived{") && strings.HasSuffix(strings.TrimSpace(line), " 1"):
			delete(failing, item)
		}
	}
	var items []string
	for item := range failing {
		if critical[item] {
			items = append(items, item)
		}
	}
	slices.Sort(items)
	return items
}

// documented lists the commands of the program in a document's shell blocks, without comments and quotes, variables expanded.
func documented(text string, getenv func(string) string) []string {
	var commands []string
	shell := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			shell = line == "```sh"
			continue
		}
		command, ours := strings.CutPrefix(line, "catalyst_exporter ")
		if !shell || !ours {
			continue
		}
		command, _, _ = strings.Cut(command, " #")
		command = strings.NewReplacer(`"`, "", `'`, "").Replace(strings.TrimSpace(command))
		commands = append(commands, os.Expand(command, getenv))
	}
	return commands
}

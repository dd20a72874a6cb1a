package exporter

import (
	"cmp"
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

// Additional commands for the scripts on releases: a Prometheus with one value, a comparison of two checks, the items that
// would page, and a check that the script ran the commands of a document.

// scriptedPrometheus returns one value for every query, or an empty result.
type scriptedPrometheus struct {
	mu     sync.Mutex
	value  string
	labels string // of the value; "" for none
}

func (s *scriptedPrometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(r.FormValue("query"), `"steps"`) { // the coverage of a window
		_, _ = fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"part":"steps"},"value":[0,"60"]},`+
			`{"metric":{"part":"scrapes"},"value":[0,"200"]},{"metric":{"part":"up"},"value":[0,"200"]}]}}`)
		return
	}
	sample := ""
	if s.value != "none" {
		sample = fmt.Sprintf(`{"metric":%s,"value":[0,%q]}`, cmp.Or(s.labels, "{}"), s.value)
	}
	_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, sample)
}

// releaseScript is the state of a script.
type releaseScript struct {
	prometheus scriptedPrometheus
	commands   []string // commands that were run, as written in documents
}

func setupRelease(env *testscript.Env) error {
	r := &releaseScript{}
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

// releaseCommands returns the script commands of this file.
func releaseCommands(run func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	of := func(ts *testscript.TestScript) *releaseScript { return ts.Value("release").(*releaseScript) }
	return map[string]func(*testscript.TestScript, bool, []string){
		// catalyst CODE args… runs the program in the working directory with its catalyst.yml.
		"catalyst": func(ts *testscript.TestScript, neg bool, args []string) {
			if len(args) > 1 {
				line := strings.ReplaceAll(strings.Join(args[1:], " "), ts.Getenv("HOME"), "$HOME") // each person has their own home folder
				of(ts).commands = append(of(ts).commands, line)
			}
			run(ts, neg, append(slices.Clone(args), "--config.file=catalyst.yml", "--deployment.root=."))
		},
		// prometheus VALUE|none sets the value in Prometheus.
		"prometheus": func(ts *testscript.TestScript, _ bool, args []string) {
			p := &of(ts).prometheus
			p.mu.Lock()
			defer p.mu.Unlock()
			p.value = args[0]
		},
		// touched TIME FILE sets the modification time of a file.
		"touched": func(ts *testscript.TestScript, _ bool, args []string) {
			at, err := time.Parse(time.RFC3339, args[0])
			ts.Check(err)
			ts.Check(os.Chtimes(ts.MkAbs(args[1]), at, at))
		},
		// unchanged FILE FILE ITEM… requires the same verdicts on the items in two checks.
		"unchanged": func(ts *testscript.TestScript, neg bool, args []string) {
			before, after := saidOf(ts, args[0]), saidOf(ts, args[1])
			for _, item := range args[2:] {
				if b := before[item]; b == "" || (b == after[item]) == neg {
					ts.Fatalf("%s: %q, then %q", item, b, after[item])
				}
			}
		},
		// pages ITEM… requires that, according to the metrics in the last output, exactly these items would page if they
		// were good before.
		"pages": func(ts *testscript.TestScript, _ bool, args []string) {
			got := paging(ts.ReadFile("stdout"))
			if !slices.Equal(got, args) {
				ts.Fatalf("paging items %v, want %v", got, args)
			}
		},
		// documented FILE requires that the script ran all commands of a document, in order.
		"documented": func(ts *testscript.TestScript, _ bool, args []string) {
			left := of(ts).commands
			told := documented(ts.ReadFile(args[0]), func(name string) string {
				if name == "HOME" {
					return "$HOME"
				}
				return ts.Getenv(name)
			})
			if len(told) < 5 {
				ts.Fatalf("%s contains only %d commands", args[0], len(told))
			}
			for _, want := range told {
				i := slices.Index(left, want)
				if i < 0 {
					ts.Fatalf("%s: command was not run at this point: %s", args[0], want)
				}
				left = left[i+1:]
			}
		},
	}
}

// saidOf returns state, reason and detail of each item in the JSON of a check.
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

// paging returns the items that the shipped rules would page for if they were good before: those that
// catalyst:check_may_page selects and catalyst:check_drifted counts as 2.
func paging(metrics string) []string {
	text, err := alerts.Rules("catalyst")
	if err != nil {
		panic(err)
	}
	rules := string(text)
	may := regexp.MustCompile(`catalyst_check_info\{job="catalyst",(severity="\w+"),(scope="\w+")\}`).FindStringSubmatch(rules)
	fails := regexp.MustCompile(`catalyst_check_state\{job="catalyst",(state="fail"),reason!~"([a-z|]+)"\}`).FindStringSubmatch(rules)
	if may == nil || fails == nil {
		panic("the expressions of the paging rules have changed")
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

// documented returns the program's commands in a document's shell blocks, without comments and quotes, with expanded variables.
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

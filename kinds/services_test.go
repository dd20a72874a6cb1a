package kinds

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/recorder"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// place returns the file and line of a function, below the module.
func place(f any) string {
	pc := reflect.ValueOf(f).Pointer()
	file, line := runtime.FuncForPC(pc).FileLine(pc)
	if root, err := filepath.Abs(".."); err == nil {
		file = strings.TrimPrefix(file, root+"/")
	}
	return fmt.Sprintf("%s:%d", strings.TrimPrefix(file, "github.com/thenexusengine/catalyst_exporter/"), line)
}

func TestPlace(t *testing.T) {
	k, _ := Find("redis_auth")
	if got := place(k.New); !regexp.MustCompile(`^probe/redis/redis_auth\.go:\d+$`).MatchString(got) {
		t.Error(got)
	}
}

// serviceNames returns the names of a kind's services, sorted.
func serviceNames(k probe.Kind) []string {
	var names []string
	for _, s := range k.Services {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// recorderOf returns the recorder of a service.
func recorderOf(s deployment.Service) (recorder.Recorder, bool) {
	all := recorder.All()
	i := slices.IndexFunc(all, func(r recorder.Recorder) bool { return r.Service.Name == s.Name })
	if i < 0 {
		return recorder.Recorder{}, false
	}
	return all[i], true
}

// protocolOf returns the protocol of a kind's first service, or "" if the kind uses no network.
func protocolOf(k probe.Kind) string {
	if len(k.Services) == 0 {
		return ""
	}
	r, known := recorderOf(k.Services[0])
	if !known || r.Faults == "" {
		return ""
	}
	return r.Protocol
}

// Every service is complete: its settings exist, tests have a recorder for it, and a kind talks to it.
func TestServices_Complete(t *testing.T) {
	table := place(deployment.Services)
	used, seen := map[string]bool{}, map[string]bool{}
	for _, k := range All() {
		for _, s := range k.Services {
			used[s.Name] = true
			if !slices.ContainsFunc(deployment.Services(), func(d deployment.Service) bool { return d.Name == s.Name }) {
				t.Errorf("%s: service %s is not in the table: add it to Services in %s", place(k.New), s.Name, table)
			}
		}
	}
	settings := schema.JSON(deployment.Settings{})
	for _, s := range deployment.Services() {
		if seen[s.Name] {
			t.Errorf("%s: two services are named %s", table, s.Name)
		}
		seen[s.Name] = true
		if len(s.Settings) == 0 {
			t.Errorf("%s: service %s has no settings: the first one locates it", table, s.Name)
		}
		for _, path := range s.Settings {
			if !resolves(settings, path) {
				t.Errorf("%s: %s of service %s does not exist: add it to Settings in deployment/settings.go", table, path, s.Name)
			}
		}
		if _, known := recorderOf(s); !known {
			t.Errorf("%s: service %s has no recorder: add it to All", place(recorder.All), s.Name)
		}
		if !used[s.Name] {
			t.Errorf("%s: no kind talks to %s: remove the service, or list it in Services of its kind", table, s.Name)
		}
	}
}

// resolves reports whether a path such as deployment.redis.address exists in the JSON Schema of the settings.
func resolves(settings map[string]any, path string) bool {
	rest, ours := strings.CutPrefix(path, "deployment.")
	if !ours {
		return false
	}
	for part := range strings.SplitSeq(rest, ".") {
		properties, _ := settings["properties"].(map[string]any)
		next, ok := properties[part].(map[string]any)
		if !ok {
			return false
		}
		settings = next
	}
	return true
}

// Every setting that the source names exists: remedies are followed by people.
func TestServices_SourceNamesSettings(t *testing.T) {
	settings := schema.JSON(deployment.Settings{})
	table := literalsOf(t, "../deployment/services.go")
	alone := regexp.MustCompile(`^deployment(\.[a-z_]+)+$`)
	files := token.NewFileSet()
	calls, literals := 0, 0
	err := filepath.WalkDir("../probe", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && alone.MatchString(text) {
					literals++
					if !resolves(settings, text) {
						t.Errorf("%s: there is no setting %s", files.Position(n.Pos()), text)
					}
				}
			case *ast.CallExpr:
				service, setting, ok := settingCall(n)
				if !ok {
					return true
				}
				calls++
				if !slices.ContainsFunc(table[service], func(s string) bool { return strings.HasSuffix(s, "."+setting) }) {
					t.Errorf("%s: %s has no setting %s: add it in deployment/services.go", files.Position(n.Pos()), service, setting)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || calls < 50 || literals < 20 {
		t.Fatalf("%d calls, %d literals, %v", calls, literals, err)
	}
}

// literalsOf returns the strings in the value of each variable of a file.
func literalsOf(t *testing.T, name string) map[string][]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		ast.Inspect(spec, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				all[spec.Names[0].Name] = append(all[spec.Names[0].Name], text)
			}
			return true
		})
		return false
	})
	return all
}

// settingCall returns the parts of a call such as deployment.RedisService.Setting("address").
func settingCall(call *ast.CallExpr) (service, setting string, ok bool) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Setting" || len(call.Args) != 1 {
		return "", "", false
	}
	on, ok := method.X.(*ast.SelectorExpr)
	if !ok {
		return "", "", false
	}
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return on.Sel.Name, "not a literal", true
	}
	setting, _ = strconv.Unquote(literal.Value)
	return on.Sel.Name, setting, true
}

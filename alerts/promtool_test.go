// Prometheus' own tool judges the rules: their form, and the scenarios in *.test.yml.

package alerts

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// toolLimit bounds one call of promtool or amtool.
const toolLimit = 2 * time.Minute

// rulesFile is what the scenarios call the rules.
const rulesFile = "catalyst.rules.yml"

func TestRulesHaveValidForm(t *testing.T) {
	promtool := parts.Need(t, "promtool")
	for _, job := range []string{"", "readiness", `a "quoted" \ job`, "ünï code: {{x}} #"} {
		content, err := Rules(job)
		if err != nil {
			t.Fatalf("job %q: %v", job, err)
		}
		dir := t.TempDir()
		write(t, filepath.Join(dir, rulesFile), string(content))
		output, err := runTool(t.Context(), dir, promtool, "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
		if err != nil || !strings.Contains(output, "SUCCESS: 32 rules found") {
			t.Errorf("job %q: %v\n%s", job, err, output)
		}
	}
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	promtool := parts.Need(t, "promtool")
	for _, s := range shippedScenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			defer core()()
			if output, err := s.run(t.Context(), t.TempDir(), promtool, rules); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
}

// TestShippedScenarioFiles runs the files as they lie here: what a user can do with promtool alone.
func TestShippedScenarioFiles(t *testing.T) {
	output, err := runTool(t.Context(), ".", parts.Need(t, "promtool"), "test", "rules", "drift.test.yml")
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// cores hands out as many tickets as there are cores, to tests that compute.
var cores = make(chan struct{}, runtime.GOMAXPROCS(0))

// core waits for a core and returns what gives it back.
func core() (release func()) {
	cores <- struct{}{}
	return func() { <-cores }
}

// alertNames are the alerts of the rules, and how many rules each has.
func alertNames() map[string]int {
	names := map[string]int{}
	for line := range strings.Lines(rules) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "- alert: "); ok {
			names[name]++
		}
	}
	return names
}

// TestContractOfAlerts keeps the names and severities others route and silence by.
func TestContractOfAlerts(t *testing.T) {
	var got []string
	for _, r := range parsed(t).alerts() {
		got = append(got, r.Alert+" "+r.Labels["severity"])
		if len(r.Labels) != 1 {
			t.Errorf("%s: labels %v: severity alone, the rest comes from the series", r.Alert, r.Labels)
		}
	}
	slices.Sort(got)
	want := []string{
		"CatalystAttestationExpiring warning", "CatalystBackupStale critical", "CatalystCertificateExpiring critical",
		"CatalystCertificateExpiring warning", "CatalystCheckDrifted critical", "CatalystCheckDrifted warning",
		"CatalystCheckFailing warning", "CatalystCheckSkipped warning", "CatalystCheckSlow info", "CatalystCheckUnknown warning",
		"CatalystCheckVanished warning", "CatalystChecksUnknown critical", "CatalystConfigReloadFailed warning", "CatalystExporterDown critical",
		"CatalystExporterDown warning", "CatalystMassDrift critical", "CatalystNotConfigured info", "CatalystNotReady info",
		"CatalystPostDeploymentOverdue warning", "CatalystReplicasDisagree warning", "CatalystRulesVanished warning", "CatalystSuccessCriterionMissed warning",
		"CatalystVerdictChangedByUpgrade warning", "CatalystWaiverExpiring warning", "CatalystWatchdog info",
	}
	if !slices.Equal(got, want) {
		t.Errorf("alerts\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// rule is one rule of the file.
type rule struct {
	Record        string `yaml:",omitempty"`
	Alert         string `yaml:",omitempty"`
	Expr          string
	For           string            `yaml:",omitempty"`
	KeepFiringFor string            `yaml:"keep_firing_for,omitempty"`
	Labels        map[string]string `yaml:",omitempty"`
	Annotations   map[string]string `yaml:",omitempty"`
}

func (r rule) name() string { return r.Record + r.Alert }

// ruleFile is the rule file, as far as the tests look at it.
type ruleFile struct {
	Groups []struct {
		Name, Interval string
		Rules          []rule
	}
}

func parsed(t testing.TB) ruleFile {
	t.Helper()
	var f ruleFile
	if err := yaml.Unmarshal([]byte(rules), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f ruleFile) all() []rule {
	var all []rule
	for _, g := range f.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func (f ruleFile) alerts() []rule {
	return slices.DeleteFunc(f.all(), func(r rule) bool { return r.Alert == "" })
}

// runTool runs a program and returns what it printed.
func runTool(ctx context.Context, dir, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, toolLimit)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = dir
	// promtool keeps its series in a temporary directory, which a killed one would leave behind.
	// It lives too short for its garbage to matter.
	command.Env = append(os.Environ(), "TMPDIR="+dir, "GOGC=400")
	output, err := command.CombinedOutput()
	return string(output), err
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

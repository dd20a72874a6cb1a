package alertmanager

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// generatedRoute writes a random route, with a receiver of its own, and its children.
func generatedRoute(r *rand.Rand, w *strings.Builder, indent string, depth int, receivers *int) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	fmt.Fprintf(w, "receiver: r%d\n", *receivers)
	*receivers++
	if depth > 0 {
		label := pick("severity", "team", "alertname", "none")
		value := pick("critical", "page", "a", "Disk", "", "critical|page", "crit", "a.*", ".+", ".*", "[a-p]+", "a,b", `a\"b`, "^critical$")
		switch r.IntN(6) {
		case 0:
			fmt.Fprintf(w, "%smatch: {%s: '%s'}\n", indent, label, value)
		case 1:
			fmt.Fprintf(w, "%smatch_re: {%s: '%s'}\n", indent, label, value)
		case 2:
			fmt.Fprintf(w, "%smatchers: ['%s%s\"%s\"', 'team%s\"a\"']\n", indent, label, pick("=", "!=", "=~", "!~"), value, pick("=", "!="))
		case 3:
			fmt.Fprintf(w, "%smatchers: ['{%s%s\"%s\",team%s\"a\",}']\n", indent, label, pick("=", "!=", "=~", "!~"), value, pick("=", "!=", "=~"))
		case 4:
			fmt.Fprintf(w, "%smatchers: ['%s %s %s']\n", indent, label, pick("=", "!=", "=~"), pick("critical", "page", "a", "Disk", ""))
		}
		if r.IntN(4) > 0 {
			fmt.Fprintf(w, "%scontinue: true\n", indent)
		}
	}
	if children := r.IntN(4-depth) + 1 - min(depth, 1); depth < 3 && children > 0 {
		fmt.Fprintf(w, "%sroutes:\n", indent)
		for range children {
			fmt.Fprintf(w, "%s- ", indent)
			generatedRoute(r, w, indent+"  ", depth+1, receivers)
		}
	}
}

// Random trees end where amtool says.
func TestRoute_WalksAsAmtool(t *testing.T) {
	amtool := parts.Need(t, "amtool")
	r := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // reproducible on purpose
	trees := 200
	if testing.Short() {
		trees = 30
	}
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	several := 0
	for range trees {
		var text strings.Builder
		count := 0
		text.WriteString("route:\n  ")
		generatedRoute(r, &text, "  ", 0, &count)
		text.WriteString("receivers:\n")
		for i := range count {
			fmt.Fprintf(&text, "- name: r%d\n", i)
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		am := Parse("file", []byte(text.String()))
		if len(am.Problems) > 0 {
			t.Fatalf("%v in\n%s", am.Problems, &text)
		}
		labels := map[string]string{"severity": []string{"critical", "page", "a"}[r.IntN(3)], "alertname": []string{"Disk", "a,b"}[r.IntN(2)]}
		if r.IntN(2) == 0 {
			labels["team"] = []string{"a", "b", `a"b`}[r.IntN(3)]
		}
		args := []string{"config", "routes", "test", "--config.file=" + file}
		for label, value := range labels {
			args = append(args, fmt.Sprintf("%s=%q", label, value))
		}
		out, err := exec.CommandContext(t.Context(), amtool, args...).Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var ends []string
		for _, end := range am.Root.Match(labels) {
			ends = append(ends, end.Receiver)
		}
		if len(ends) > 1 {
			several++
		}
		line, _ := bufio.NewReader(bytes.NewReader(out)).ReadString('\n')
		if got := strings.Join(ends, ","); got != strings.TrimSpace(line) {
			t.Fatalf("%v: we say %s, amtool says %s\n%s", labels, got, line, &text)
		}
	}
	if several < trees/10 {
		t.Errorf("only %d of %d trees send the alert to several receivers: the test shows too little", several, trees)
	}
}

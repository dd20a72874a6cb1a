package documents

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
)

// prose returns a text of that many words.
func prose(words int) string {
	return strings.TrimSpace(strings.Repeat("Restore the primary from its backup.\n", words/6) + strings.Repeat("word ", words%6))
}

func TestDocumentJudgement(t *testing.T) {
	dr := document{Document: "disaster_recovery_plan", Words: 20, Objectives: [][]string{{"RTO", "recovery time objective"}, {"RPO", "recovery point objective"}}}
	runbook := document{Document: "runbook", Words: 20, Procedures: 2}
	plain := document{Document: "runbook", Words: 20}
	steps := "\n\n## One\n\n1. Look.\n2. Restart.\n\n## Two\n\n```sh\ndocker compose restart\n```\n"
	for name, tt := range map[string]struct {
		spec   document
		text   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"enough words":      {plain, prose(20), probe.StatePass, probe.ReasonNone, "20 words"},
		"too few words":     {plain, prose(19), probe.StateFail, probe.ReasonEmpty, "19 words"},
		"empty":             {plain, "", probe.StateFail, probe.ReasonEmpty, "no text"},
		"blank lines":       {plain, "\n \n\t\n", probe.StateFail, probe.ReasonEmpty, "no text"},
		"only headings":     {plain, strings.Repeat("# A heading of many words\n\n", 20), probe.StateFail, probe.ReasonEmpty, "no text"},
		"only code":         {plain, "# A\n\n```\n" + prose(60) + "\n```\n", probe.StateFail, probe.ReasonEmpty, "no text"},
		"only a comment":    {plain, "# A\n\n<!-- " + prose(60) + " -->\n", probe.StateFail, probe.ReasonEmpty, "no text"},
		"only numbers":      {plain, strings.Repeat("12 ", 60), probe.StateFail, probe.ReasonEmpty, "no text"},
		"only front matter": {plain, "---\n" + prose(60) + "\n---\n", probe.StateFail, probe.ReasonEmpty, "no text"},
		"template":          {plain, "# Plan\n\nTBD\n\n## Restore\n\nTODO\n", probe.StateFail, probe.ReasonPlaceholder, "the first at line 3"},
		"long template":     {plain, prose(40) + "\n\n- Team: [your team]\n- " + prose(30), probe.StateFail, probe.ReasonPlaceholder, "1 of 3"},
		"one blank of five": {plain, strings.Repeat(prose(12)+"\n\n", 4) + "Owner: TBD\n", probe.StateWarn, probe.ReasonPlaceholder, "the first at line 13"},
		"one blank of four": {plain, strings.Repeat(prose(12)+"\n\n", 3) + "Owner: TBD\n", probe.StateFail, probe.ReasonPlaceholder, "the first at line 10"},
		"blank heading":     {plain, strings.Repeat(prose(12)+"\n\n", 5) + "## Todo: restore\n", probe.StateWarn, probe.ReasonPlaceholder, "line 16"},
		"blank in code":     {plain, prose(20) + "\n\n```\nTODO\n```\n\n`TODO` and <!-- TODO --> seen\n", probe.StatePass, probe.ReasonNone, ""},
		"conflict": {plain,
			prose(40) + "\n\n<<<<<<< HEAD\n" + prose(6) + "\n=======\n" + prose(6) + "\n>>>>>>> other\n", probe.StateFail,
			probe.ReasonInvalid, "file:9: unresolved merge conflict"},
		"no conflict":       {plain, prose(40) + "\n\n    <<<<<<< HEAD\n\n=======\n", probe.StatePass, probe.ReasonNone, ""},
		"no steps required": {plain, prose(20) + steps, probe.StatePass, probe.ReasonNone, "2 sections with steps"},
		"two sections":      {runbook, prose(20) + steps, probe.StatePass, probe.ReasonNone, "2 sections with steps"},
		"one section":       {runbook, prose(20) + "\n\n# One\n\n1. Look.\n2. Restart.\n", probe.StateWarn, probe.ReasonWeak, "has 1 section"},
		"no section":        {runbook, prose(20), probe.StateFail, probe.ReasonMissing, "no section with steps"},
		"steps, no heading": {runbook, prose(20) + "\n\n1. Look.\n2. Restart.\n", probe.StateFail, probe.ReasonMissing, "no section with steps"},
		"lists of one step": {runbook, prose(20) + "\n\n# One\n\n1. Look.\n\n# Two\n\n1. Look.\n", probe.StateFail,
			probe.ReasonMissing, "no section"},
		"one with a command": {runbook, prose(20) + "\n\n# One\n\n1. Run `make up`.\n\n# Two\n\n- run `make up`\n", probe.StatePass, probe.ReasonNone, ""},
		"table of commands":  {runbook, prose(20) + "\n\n# One\n\n|Symptom|Do|\n|-|-|\n|down|`make up`|\n\n# Two\n\n    make up\n", probe.StatePass, probe.ReasonNone, ""},
		"contents":           {runbook, prose(20) + "\n\n# Contents\n\n1. [One](#one)\n2. [Two](#two)\n", probe.StateFail, probe.ReasonMissing, "no section"},
		"bullets of prose":   {runbook, prose(20) + "\n\n# One\n\n- be calm\n- be quick\n", probe.StateFail, probe.ReasonMissing, "no section"},
		"commented commands": {runbook, prose(20) + "\n\n# One\n\n```\n# nothing\n```\n\n# Two\n\n```\n// nothing\n```\n", probe.StateFail, probe.ReasonMissing, "no section"},
		"diagrams":           {runbook, prose(20) + "\n\n# One\n\n```mermaid\ngraph TD\n```\n", probe.StateFail, probe.ReasonMissing, "no section"},
		"unfinished steps": {runbook, strings.Repeat(prose(12)+"\n\n", 9) + "# One\n\n1. TODO\n2. TODO\n", probe.StateFail,
			probe.ReasonMissing, "no section"},

		"objectives":             {dr, prose(20) + "\n\n- RTO: 4 hours\n- RPO: 15 min\n", probe.StatePass, probe.ReasonNone, ""},
		"objectives by words":    {dr, prose(20) + "\n\nThe recovery-time  objective is one hour, the Recovery Point Objective half an hour.\n", probe.StatePass, probe.ReasonNone, ""},
		"objectives combined":    {dr, prose(20) + "\n\nRTO/RPO: 4h\n", probe.StatePass, probe.ReasonNone, ""},
		"objectives in a table":  {dr, prose(20) + "\n\n|Scenario|RTO|RPO|\n|-|-|-|\n|disk|4h|1h|\n", probe.StatePass, probe.ReasonNone, ""},
		"objectives in headings": {dr, prose(20) + "\n\n## RTO\n\n### Database\n\nfour hours\n\n## RPO\n\nzero\n", probe.StatePass, probe.ReasonNone, ""},
		"objective below a list": {dr, prose(20) + "\n\nOur RTO and RPO:\n\n- database 4h\n", probe.StatePass, probe.ReasonNone, ""},
		"undecided table": {dr,
			prose(20) + "\n\n|Scenario|RTO|RPO|\n|-|-|-|\n|disk|TBD|TBD|\n\n# More\n\n" + strings.Repeat(prose(12)+"\n\n", 9),
			probe.StateFail, probe.ReasonPlaceholder, "file:8 mentions RTO but leaves its value open"},
		"template's hours": {dr, strings.Repeat(prose(12)+"\n\n", 9) + "- RTO: XX hours\n- RPO: 1h\n", probe.StateFail,
			probe.ReasonPlaceholder, "mentions RTO but leaves its value open"},
		"ISO 8601":    {dr, prose(20) + "\n\n- RTO: PT4H\n- RPO: P1DT12H\n", probe.StatePass, probe.ReasonNone, ""},
		"clock":       {dr, prose(20) + "\n\n- RTO: 04:00\n- RPO = 0:15\n", probe.StatePass, probe.ReasonNone, ""},
		"German":      {dr, prose(20) + "\n\n- RTO: vier Stunden\n- RPO: eine Stunde\n", probe.StatePass, probe.ReasonNone, ""},
		"French":      {dr, prose(20) + "\n\n- RTO : quatre heures\n- RPO : 15 minutes\n", probe.StatePass, probe.ReasonNone, ""},
		"Polish":      {dr, prose(20) + "\n\n- RTO: cztery godziny\n- RPO: jedna godzina\n", probe.StatePass, probe.ReasonNone, ""},
		"no loss":     {dr, prose(20) + "\n\n- RTO: 4h\n- RPO: no data loss\n", probe.StatePass, probe.ReasonNone, ""},
		"as soon":     {dr, prose(20) + "\n\n- RTO: as soon as possible\n- RPO: 1h\n", probe.StateWarn, probe.ReasonWeak, "mentions RTO without"},
		"immediately": {dr, prose(20) + "\n\nRPO: 1h\n\n# X\n\nThe RTO matters. Immediately call the lead.\n", probe.StateWarn, probe.ReasonWeak, "mentions RTO without"},
		"a second":    {dr, prose(20) + "\n\n- RPO: 1h\n\n# X\n\nThe RTO and a second person.\n", probe.StateWarn, probe.ReasonWeak, "mentions RTO without"},
		"time of day": {dr, prose(20) + "\n\n- RPO: 1h\n\n# X\n\nThe RTO is agreed; backups begin at 02:00.\n", probe.StateWarn, probe.ReasonWeak, "mentions RTO without"},
		"no RPO":      {dr, prose(20) + "\n\nRTO: 4 hours\n", probe.StateFail, probe.ReasonMissing, "RPO or recovery point objective"},
		"neither":     {dr, prose(20), probe.StateFail, probe.ReasonMissing, "RTO or"},
		"only inside other words": {dr, prose(20) + "\n\nThe airport: 4 hours, torpor: 4h, RTOX 3h\n", probe.StateFail,
			probe.ReasonMissing, "RTO or"},
		"only in code": {dr, prose(20) + "\n\n```\nRTO: 4h RPO: 4h\n```\n", probe.StateFail, probe.ReasonMissing, "RTO or"},
		"without a time": {dr, prose(20) + "\n\nWe have an RTO.\n\n## Points\n\nRPO: 4h\n", probe.StateWarn, probe.ReasonWeak,
			"file:6 mentions RTO without a time"},
		"time of another heading": {dr, prose(20) + "\n\n## RTO\n\nshort\n\n## RPO\n\n4h\n", probe.StateWarn, probe.ReasonWeak,
			"mentions RTO without a time"},
		"undecided": {dr, strings.Repeat(prose(12)+"\n\n", 9) + "- RTO: TBD, RPO: 4h\n", probe.StateFail,
			probe.ReasonPlaceholder, "file:28 mentions RTO but leaves its value open"},
		"decided later": {dr, strings.Repeat(prose(12)+"\n\n", 9) + "- RTO: TBD, RPO: 4h\n\n# Later\n\nRTO 1h\n",
			probe.StateWarn, probe.ReasonPlaceholder, "line 28"},
	} {
		t.Run(name, func(t *testing.T) {
			probetest.Expect(t, probe.ValidateResult(tt.spec.judge(documentFrom(t, tt.text), "file")), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestDocumentFiles(t *testing.T) {
	good := "# Runbook\n\n" + prose(60) + "\n\n## One\n\n1. Look.\n2. Run `docker compose restart`.\n\n## Two\n\n1. Look.\n2. Restart.\n"
	const spec = "{document: runbook, procedures: 2}"
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{"docs/ops/RUNBOOK.md": good}, deployment.Settings{}), DocumentKind(), spec), probe.StatePass, probe.ReasonNone, "docs/ops/RUNBOOK.md has")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{"README.md": good}, deployment.Settings{}), DocumentKind(), spec), probe.StateFail, probe.ReasonMissing, "deployment.documents.runbook")
	configured := deployment.Settings{Documents: deployment.Documents{Runbook: "oncall.md", DisasterRecovery: "absent.md"}}
	p := probetest.NewPass(t, probetest.Folder{"oncall.md": good, "RUNBOOK.md": ""}, configured)
	probetest.Expect(t, probetest.Look(t, p, DocumentKind(), spec), probe.StatePass, probe.ReasonNone, "oncall.md has")
	probetest.Expect(t, probetest.Look(t, p, DocumentKind(), "{document: disaster_recovery_plan}"), probe.StateFail, probe.ReasonMissing, "absent.md")
	probetest.Expect(t, probetest.Look(t, p, DocumentKind(), "{path: RUNBOOK.md}"), probe.StateFail, probe.ReasonEmpty, "RUNBOOK.md")
	probetest.Expect(t, probetest.Look(t, p, DocumentKind(), "{path: ../nothing.md}"), probe.StateFail, probe.ReasonMissing, "nothing.md")

	for name, tt := range map[string]struct {
		make   func(path string) error
		reason probe.Reason
		detail string
	}{
		"binary":    {func(path string) error { return os.WriteFile(path, []byte("%PDF-1.7\n\xe2\xe3\xcf\xd3"), 0o600) }, probe.ReasonInvalid, "not UTF-8 text"},
		"html":      {func(path string) error { return os.WriteFile(path, []byte("<!doctype html><p>404"), 0o600) }, probe.ReasonInvalid, "an HTML page"},
		"oversized": {func(path string) error { return os.WriteFile(path, make([]byte, markdown.MaxDocument+1), 0o600) }, probe.ReasonInvalid, "larger than"},
		"fifo":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, probe.ReasonInvalid, "named pipe"},
		"directory": {func(path string) error { return os.Mkdir(path, 0o700) }, probe.ReasonInvalid, "directory"},
		"loop":      {func(path string) error { return os.Symlink("RUNBOOK.md", path) }, probe.ReasonInvalid, "symbolic links"},
		"dangling":  {func(path string) error { return os.Symlink("nowhere.md", path) }, probe.ReasonMissing, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, nil, deployment.Settings{Documents: deployment.Documents{Runbook: "RUNBOOK.md"}})
			if err := tt.make(filepath.Join(p.Deployment.Root, "RUNBOOK.md")); err != nil {
				t.Fatal(err)
			}
			probetest.Expect(t, probetest.Look(t, p, DocumentKind(), spec), probe.StateFail, tt.reason, tt.detail)
		})
	}
}

func TestDocument_PermissionDenied(t *testing.T) {
	open := func(p *probe.Pass) {
		t.Helper()
		for dir := p.Deployment.Root; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := probetest.NewPass(t, probetest.Folder{"RUNBOOK.md": "text"}, deployment.Settings{})
	open(p)
	if err := os.Chmod(filepath.Join(p.Deployment.Root, "RUNBOOK.md"), 0); err != nil {
		t.Fatal(err)
	}
	parts.AsNobody(t, func() {
		r := probetest.Look(t, p, DocumentKind(), "{document: runbook}")
		probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, "RUNBOOK.md cannot be read")
		if r.Remedy == "" {
			t.Error("no remedy")
		}
	})

	p = probetest.NewPass(t, probetest.Folder{"docs/RUNBOOK.md": "text"}, deployment.Settings{})
	open(p)
	docs := filepath.Join(p.Deployment.Root, "docs")
	if err := os.Chmod(docs, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(docs, 0o700) })
	parts.AsNobody(t, func() {
		fresh := probetest.Again(p)
		probetest.Expect(t, probetest.Look(t, fresh, DocumentKind(), "{document: runbook}"), probe.StateUnknown, probe.ReasonPermissionDenied, "cannot be listed: docs")
	})
}

func TestDocumentSpec(t *testing.T) {
	k := DocumentKind()
	for spec, want := range map[string]string{
		"{}":                                      "either document or path",
		"{document: runbook, path: a.md}":         "either document or path",
		"{document: manual}":                      "not one of",
		"{path: a.md, words: 0}":                  "words",
		"{path: a.md, objectives: [[]]}":          "objectives[0]",
		"{path: a.md, objectives: [[a], [' -']]}": "objectives[1]",
	} {
		if _, problems := probetest.Decode(k, spec); len(problems) == 0 || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v, want %q", spec, problems, want)
		}
	}
}

// FuzzDocument judges whatever is read as Markdown.
func FuzzDocument(f *testing.F) {
	f.Add("# Recovery\n\nRTO: 4 hours\n\n1. Restore the dump\n")
	f.Add("RTO | RPO\n---|---\n4h | 15 min\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := markdown.Parse([]byte(text))
		if err != nil {
			return
		}
		r := (&document{Words: 1, Procedures: 1, Objectives: [][]string{{"RTO"}}}).judge(m, "file")
		if probe.ValidateResult(r).Reason == probe.ReasonError {
			t.Errorf("%+v", r)
		}
	})
}

// documentFrom is a Markdown text as it is read.
func documentFrom(t *testing.T, text string) *markdown.Document {
	t.Helper()
	m, err := markdown.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return m
}

// TestRunbook_NamesDeployment: a runbook names a service, an alert or a command of its deployment.
func TestRunbook_NamesDeployment(t *testing.T) {
	compose := "services:\n  bidder: {image: shop/bidder:1}\n  app: {image: shop/thing:1}\n  db: {image: 'postgres:16', container_name: shop-db}\n"
	for name, tt := range map[string]struct {
		steps string
		files probetest.Folder
		state probe.State
	}{
		"nothing":               {"1. Look at it.\n2. Fix it.\n", nil, probe.StateWarn},
		"another deployment":    {"1. `kubectl rollout restart deploy/frontend`\n2. Wait.\n", nil, probe.StateWarn},
		"inside a word":         {"1. Tell the outbidders.\n2. Wait.\n", nil, probe.StateWarn},
		"an ordinary word":      {"1. Open the app.\n2. Wait.\n", nil, probe.StateWarn},
		"an ordinary name":      {"1. Run `docker restart app`.\n2. Wait.\n", nil, probe.StatePass},
		"a service":             {"1. Restart the bidder.\n2. Wait.\n", nil, probe.StatePass},
		"a container":           {"1. Restart shop-db.\n2. Wait.\n", nil, probe.StatePass},
		"a program":             {"1. Check PostgreSQL.\n2. Wait.\n", nil, probe.StatePass},
		"compose":               {"1. `docker compose up -d`\n2. Wait.\n", nil, probe.StatePass},
		"a shipped alert":       {"1. Wait for CatalystExporterDown to resolve.\n2. Wait.\n", nil, probe.StatePass},
		"an alert":              {"1. Wait for BidErrors.\n2. Wait.\n", probetest.Folder{"prometheus/rules.yml": "groups:\n- rules:\n  - alert: BidErrors\n"}, probe.StatePass},
		"an alert of others":    {"1. Wait for BidErrors.\n2. Wait.\n", nil, probe.StateWarn},
		"a script":              {"1. `./scripts/heal.sh`\n2. Wait.\n", probetest.Folder{"scripts/heal.sh": "true\n"}, probe.StatePass},
		"a script that is gone": {"1. `./scripts/heal.sh`\n2. Wait.\n", nil, probe.StateWarn},
		"a target":              {"1. `make restart`\n2. Wait.\n", probetest.Folder{"Makefile": "restart:\n"}, probe.StatePass},
	} {
		t.Run(name, func(t *testing.T) {
			folder := probetest.Folder{"compose.yaml": compose, "RUNBOOK.md": "# Runbook\n\n" + prose(60) + "\n\n## One\n\n" + tt.steps + "\n## Two\n\n1. Look.\n2. Wait.\n"}
			for file, text := range tt.files {
				folder[file] = text
			}
			reason := probe.ReasonNone
			if tt.state == probe.StateWarn {
				reason = probe.ReasonWeak
			}
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, folder, deployment.Settings{}), DocumentKind(), "{document: runbook, procedures: 2}"), tt.state, reason, "")
		})
	}
	bare := probetest.Folder{"RUNBOOK.md": "# Runbook\n\n" + prose(60) + "\n\n## One\n\n1. Run `systemctl restart bidder`.\n\n## Two\n\n1. Look.\n2. Wait.\n"}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, bare, deployment.Settings{}), DocumentKind(), "{document: runbook, procedures: 2}"), probe.StatePass, probe.ReasonNone, "")
}

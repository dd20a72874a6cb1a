package documents

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestContacts_Verdicts(t *testing.T) {
	const head = "| Role | Contact | Escalation |\n|---|---|---|\n"
	for name, tt := range map[string]struct {
		wanted []string
		table  string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"filled":             {nil, head + "| DevOps Lead | +49 30 901820 | CTO |\n| AWS Support | Create ticket | Critical priority |\n", probe.StatePass, probe.ReasonNone, "each of the 2 roles at file:3"},
		"no rows":            {nil, head, probe.StateFail, probe.ReasonEmpty, "file:3 has no rows"},
		"empty rows":         {nil, head + "| | | |\n| - | | |\n", probe.StateFail, probe.ReasonEmpty, "no rows"},
		"contact TBD":        {nil, head + "| DevOps Lead | TBD | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "file:5: the contact is a placeholder"},
		"escalation tbd":     {nil, head + "| DevOps Lead | +49 30 901820 | *tbd* |\n", probe.StateFail, probe.ReasonPlaceholder, "file:5: the escalation is a placeholder"},
		"no contact":         {nil, head + "| DevOps Lead | | CTO |\n", probe.StateFail, probe.ReasonMissing, "file:5: no contact"},
		"no escalation":      {nil, head + "| DevOps Lead | +49 30 901820 |\n", probe.StateFail, probe.ReasonMissing, "file:5: no escalation"},
		"dashes":             {nil, head + "| DevOps Lead | — | CTO |\n", probe.StateFail, probe.ReasonMissing, "no contact"},
		"not applicable":     {nil, head + "| DevOps Lead | +49 30 901820 | n/a |\n", probe.StateFail, probe.ReasonMissing, "no escalation"},
		"question mark":      {nil, head + "| DevOps Lead | ? | CTO |\n", probe.StateFail, probe.ReasonMissing, "no contact"},
		"bracket":            {nil, head + "| DevOps Lead | [Name] | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "contact"},
		"the word contact":   {nil, head + "| DevOps Lead | Phone | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "contact"},
		"zeros":              {nil, head + "| DevOps Lead | 000-000-0000 | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "contact"},
		"letters":            {nil, head + "| DevOps Lead | +1-555-xxx-xxxx | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "contact"},
		"blank line":         {nil, head + "| DevOps Lead | ________ | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "contact"},
		"to be filled in":    {nil, head + "| DevOps Lead | _fill in_ | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "file:5: the contact"},
		"your name":          {nil, head + "| DevOps Lead | Your Name Here | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "file:5: the contact"},
		"manager's name":     {nil, head + "| DevOps Lead | +49 30 901820 | Manager Name |\n", probe.StateFail, probe.ReasonPlaceholder, "file:5: the escalation"},
		"placeholder name":   {nil, "| Role | Name | Phone | Escalation |\n|-|-|-|-|\n| Ops | TBD | +49 30 901820 | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "file:5: the name is a placeholder"},
		"no name":            {nil, "| Role | Name | Phone | Escalation |\n|-|-|-|-|\n| Ops | | +49 30 901820 | CTO |\n", probe.StatePass, probe.ReasonNone, ""},
		"own company":        {nil, head + "| DevOps Lead | ops@yourcompany.com | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "contact"},
		"example domain":     {nil, head + "| DevOps Lead | ops@example.com | CTO |\n", probe.StateWarn, probe.ReasonPlaceholder, "file:5: the contact uses an example domain"},
		"no role":            {nil, head + "| | +49 30 901820 | CTO |\n", probe.StateWarn, probe.ReasonMissing, "file:5: no role"},
		"gravest first":      {nil, head + "| A | ops@example.com | CTO |\n| B | | CTO |\n", probe.StateFail, probe.ReasonMissing, "file:6: no contact"},
		"wanted, found":      {[]string{"On-Call Engineer", "dba"}, head + "| oncall engineer (primary) | +49 30 901820 | CTO |\n| DBA | +49 30 901820 | CTO |\n", probe.StatePass, probe.ReasonNone, ""},
		"wanted, absent":     {[]string{"Security Team"}, head + "| DevOps Lead | +49 30 901820 | CTO |\n", probe.StateFail, probe.ReasonMissing, "the role Security Team is not in the table"},
		"wanted, told":       {[]string{"DevOps Lead"}, head + "| devops lead | TBD | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "DevOps Lead (file:5): the contact"},
		"other order":        {nil, "| Escalation path | **Role** | Primary contact |\n|-|-|-|\n| CTO | Ops | +49 30 901820 |\n", probe.StatePass, probe.ReasonNone, ""},
		"other order, empty": {nil, "| Escalation path | Role | Primary contact |\n|-|-|-|\n|  | Ops | +49 30 901820 |\n", probe.StateFail, probe.ReasonMissing, "no escalation"},
		"other words":        {nil, "| TEAM | PHONE | ESCALATE TO |\n|-|-|-|\n| Ops | +49 30 901820 | CTO |\n", probe.StatePass, probe.ReasonNone, ""},
		"vacant":             {nil, head + "| DevOps Lead | Vacant since May | CTO |\n", probe.StateFail, probe.ReasonMissing, "no contact"},
		"hiring":             {nil, head + "| DevOps Lead | we are hiring | CTO |\n", probe.StateFail, probe.ReasonMissing, "no contact"},
		"nobody yet":         {nil, head + "| DevOps Lead | +49 30 901820 | nobody yet |\n", probe.StateFail, probe.ReasonMissing, "no escalation"},
		"open position":      {nil, head + "| DevOps Lead | +49 30 901820 | open position |\n", probe.StateFail, probe.ReasonMissing, "no escalation"},
		"German vacancy":     {nil, head + "| DevOps Lead | unbesetzt | CTO |\n", probe.StateFail, probe.ReasonMissing, "no contact"},
		"vacant by name":     {nil, "| Role | Name | Phone | Escalation |\n|-|-|-|-|\n| Ops | vacant | +49 30 901820 | CTO |\n", probe.StateFail, probe.ReasonMissing, "the role is vacant"},
		"no-reply":           {nil, head + "| DevOps Lead | noreply@shop.io | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "nobody can be reached"},
		"reserved domain":    {nil, head + "| DevOps Lead | ops@shop.invalid | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "nobody can be reached"},
		"number of films":    {nil, head + "| DevOps Lead | +1 212 555-0142 | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "nobody can be reached"},
		"digits in order":    {nil, head + "| DevOps Lead | 123-456-7890 | CTO |\n", probe.StateFail, probe.ReasonPlaceholder, "nobody can be reached"},
		"same person":        {nil, head + "| DevOps Lead | Ana Cruz, ana@shop.io | ana@shop.io |\n", probe.StateWarn, probe.ReasonReused, "the contact itself"},
		"same name":          {nil, head + "| DevOps Lead | Ana Cruz | **Ana Cruz** |\n", probe.StateWarn, probe.ReasonReused, "the contact itself"},
		"same and another":   {nil, head + "| DevOps Lead | ana@shop.io | ana@shop.io, then +49 30 901821 |\n", probe.StatePass, probe.ReasonNone, ""},
		"a rota twice":       {nil, head + "| DevOps Lead | PagerDuty rota | PagerDuty rota |\n", probe.StatePass, probe.ReasonNone, ""},
		"vacuum cleaner":     {nil, head + "| DevOps Lead | Vacantia GmbH, +49 30 901820 | CTO |\n", probe.StatePass, probe.ReasonNone, ""},
		"after other tables": {nil, "| Port | Use |\n|-|-|\n| 80 | TBD |\n\n" + head + "| Ops | +49 30 901820 | CTO |\n", probe.StatePass, probe.ReasonNone, "file:7"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, at, _ := contactTable(documentFrom(t, "# Contacts\n\n"+tt.table), "file")
			if at == "" {
				t.Fatal("table not found")
			}
			probetest.Expect(t, probe.ValidateResult((&contacts{Wanted: tt.wanted}).judge(rows, at)), tt.state, tt.reason, tt.detail)
		})
	}
}

// TestContacts_PlaceholdersAreNoPerson: two equal placeholders are not reported as one person too.
func TestContacts_PlaceholdersAreNoPerson(t *testing.T) {
	r := (&contacts{}).judge([]contactRole{{Role: "DevOps Lead", Contact: "TBD", Escalation: "TBD"}}, "file:3")
	probetest.Expect(t, r, probe.StateFail, probe.ReasonPlaceholder, "the escalation is a placeholder")
	if strings.Contains(r.Detail, "itself") {
		t.Error(r.Detail)
	}
}

func TestContacts_Documents(t *testing.T) {
	const good = "# Contacts\n\n| Role | Contact | Escalation |\n|---|---|---|\n| Ops | +49 30 901820 | CTO |\n"
	open := strings.Replace(good, "+49 30 901820", "TBD", 1)
	for name, tt := range map[string]struct {
		files  probetest.Folder
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"no document":            {nil, "{}", probe.StateFail, probe.ReasonMissing, "RUNBOOK.md"},
		"no table":               {probetest.Folder{"RUNBOOK.md": "# Contacts\n\nRole, Contact, Escalation\n"}, "{}", probe.StateFail, probe.ReasonMissing, "no document contains a table"},
		"no escalation":          {probetest.Folder{"RUNBOOK.md": "| Role | Contact |\n|-|-|\n| Ops | Ann |\n"}, "{}", probe.StateFail, probe.ReasonMissing, "RUNBOOK.md:1 has no escalation column"},
		"only in a code block":   {probetest.Folder{"RUNBOOK.md": "```\n" + good + "```\n"}, "{}", probe.StateFail, probe.ReasonMissing, "no document contains a table"},
		"checklist":              {probetest.Folder{"production-checklist.md": good}, "{}", probe.StatePass, probe.ReasonNone, "production-checklist.md:3"},
		"runbook":                {probetest.Folder{"docs/RUNBOOK.md": good, "checklist.md": "text"}, "{}", probe.StatePass, probe.ReasonNone, "docs/RUNBOOK.md:3"},
		"recovery plan":          {probetest.Folder{"DISASTER-RECOVERY.md": good}, "{}", probe.StatePass, probe.ReasonNone, "DISASTER-RECOVERY.md:3"},
		"the checklist decides":  {probetest.Folder{"checklist.md": open, "RUNBOOK.md": good}, "{}", probe.StateFail, probe.ReasonPlaceholder, "checklist.md:5"},
		"the configuration wins": {probetest.Folder{"checklist.md": open}, "{roles: [{role: Ops, contact: Ann, escalation: CTO}]}", probe.StatePass, probe.ReasonNone, "the configuration"},
		"configured, no contact": {nil, "{roles: [{role: Ops, contact: Ann, escalation: CTO}, {role: Ops, escalation: CTO}]}", probe.StateFail, probe.ReasonMissing, "role 2 of the configuration: no contact"},
		"configured, not wanted": {nil, "{wanted: [Security], roles: [{role: Ops, contact: Ann, escalation: CTO}]}", probe.StateFail, probe.ReasonMissing, "the role Security"},
		"an unreadable document": {probetest.Folder{"checklist.md": "\xff\xfe", "RUNBOOK.md": good}, "{}", probe.StateFail, probe.ReasonInvalid, "checklist.md, which may contain the contacts"},
	} {
		t.Run(name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, tt.files, deployment.Settings{}), ContactsKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			for _, private := range []string{"Ann", "901820", "CTO"} {
				if strings.Contains(r.Detail, private) {
					t.Errorf("the detail %q contains %s", r.Detail, private)
				}
			}
		})
	}
	p := probetest.NewPass(t, probetest.Folder{"RUNBOOK.md": good}, deployment.Settings{})
	if err := os.Symlink("nothing.md", filepath.Join(p.Deployment.Root, "checklist.md")); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, p, ContactsKind(), "{}"), probe.StatePass, probe.ReasonNone, "RUNBOOK.md")
	p = probetest.NewPass(t, probetest.Folder{"RUNBOOK.md": good}, deployment.Settings{Documents: deployment.Documents{Checklist: "lost.md"}})
	probetest.Expect(t, probetest.Look(t, p, ContactsKind(), "{}"), probe.StateFail, probe.ReasonMissing, "lost.md")
	p = probetest.NewPass(t, nil, deployment.Settings{})
	if err := syscall.Mkfifo(filepath.Join(p.Deployment.Root, "checklist.md"), 0o600); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, p, ContactsKind(), "{}"), probe.StateFail, probe.ReasonInvalid, "named pipe")

	k := ContactsKind()
	if _, problems := probetest.Decode(k, "{wanted: ['--']}"); len(problems) == 0 {
		t.Error("a wanted role without a name loads")
	}
}

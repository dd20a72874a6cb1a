package probe

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

func TestContacts_Verdicts(t *testing.T) {
	const head = "| Role | Contact | Escalation |\n|---|---|---|\n"
	for name, tt := range map[string]struct {
		wanted []string
		table  string
		state  State
		reason Reason
		detail string
	}{
		"filled":             {nil, head + "| DevOps Lead | +49 30 901820 | CTO |\n| AWS Support | Create ticket | Critical priority |\n", StatePass, ReasonNone, "each of the 2 roles at file:3"},
		"no rows":            {nil, head, StateFail, ReasonEmpty, "file:3 has no rows"},
		"empty rows":         {nil, head + "| | | |\n| - | | |\n", StateFail, ReasonEmpty, "no rows"},
		"contact TBD":        {nil, head + "| DevOps Lead | TBD | CTO |\n", StateFail, ReasonPlaceholder, "file:5: the contact is a placeholder"},
		"escalation tbd":     {nil, head + "| DevOps Lead | +49 30 901820 | *tbd* |\n", StateFail, ReasonPlaceholder, "file:5: the escalation is a placeholder"},
		"no contact":         {nil, head + "| DevOps Lead | | CTO |\n", StateFail, ReasonMissing, "file:5: no contact"},
		"no escalation":      {nil, head + "| DevOps Lead | +49 30 901820 |\n", StateFail, ReasonMissing, "file:5: no escalation"},
		"dashes":             {nil, head + "| DevOps Lead | — | CTO |\n", StateFail, ReasonMissing, "no contact"},
		"not applicable":     {nil, head + "| DevOps Lead | +49 30 901820 | n/a |\n", StateFail, ReasonMissing, "no escalation"},
		"question mark":      {nil, head + "| DevOps Lead | ? | CTO |\n", StateFail, ReasonMissing, "no contact"},
		"bracket":            {nil, head + "| DevOps Lead | [Name] | CTO |\n", StateFail, ReasonPlaceholder, "contact"},
		"the word contact":   {nil, head + "| DevOps Lead | Phone | CTO |\n", StateFail, ReasonPlaceholder, "contact"},
		"zeros":              {nil, head + "| DevOps Lead | 000-000-0000 | CTO |\n", StateFail, ReasonPlaceholder, "contact"},
		"letters":            {nil, head + "| DevOps Lead | +1-555-xxx-xxxx | CTO |\n", StateFail, ReasonPlaceholder, "contact"},
		"blank line":         {nil, head + "| DevOps Lead | ________ | CTO |\n", StateFail, ReasonPlaceholder, "contact"},
		"to be filled in":    {nil, head + "| DevOps Lead | _fill in_ | CTO |\n", StateFail, ReasonPlaceholder, "file:5: the contact"},
		"your name":          {nil, head + "| DevOps Lead | Your Name Here | CTO |\n", StateFail, ReasonPlaceholder, "file:5: the contact"},
		"manager's name":     {nil, head + "| DevOps Lead | +49 30 901820 | Manager Name |\n", StateFail, ReasonPlaceholder, "file:5: the escalation"},
		"placeholder name":   {nil, "| Role | Name | Phone | Escalation |\n|-|-|-|-|\n| Ops | TBD | +49 30 901820 | CTO |\n", StateFail, ReasonPlaceholder, "file:5: the name is a placeholder"},
		"no name":            {nil, "| Role | Name | Phone | Escalation |\n|-|-|-|-|\n| Ops | | +49 30 901820 | CTO |\n", StatePass, ReasonNone, ""},
		"own company":        {nil, head + "| DevOps Lead | ops@yourcompany.com | CTO |\n", StateFail, ReasonPlaceholder, "contact"},
		"example domain":     {nil, head + "| DevOps Lead | ops@example.com | CTO |\n", StateWarn, ReasonPlaceholder, "file:5: the contact uses an example domain"},
		"no role":            {nil, head + "| | +49 30 901820 | CTO |\n", StateWarn, ReasonMissing, "file:5: no role"},
		"gravest first":      {nil, head + "| A | ops@example.com | CTO |\n| B | | CTO |\n", StateFail, ReasonMissing, "file:6: no contact"},
		"wanted, found":      {[]string{"On-Call Engineer", "dba"}, head + "| oncall engineer (primary) | +49 30 901820 | CTO |\n| DBA | +49 30 901820 | CTO |\n", StatePass, ReasonNone, ""},
		"wanted, absent":     {[]string{"Security Team"}, head + "| DevOps Lead | +49 30 901820 | CTO |\n", StateFail, ReasonMissing, "the role Security Team is not in the table"},
		"wanted, told":       {[]string{"DevOps Lead"}, head + "| devops lead | TBD | CTO |\n", StateFail, ReasonPlaceholder, "DevOps Lead (file:5): the contact"},
		"other order":        {nil, "| Escalation path | **Role** | Primary contact |\n|-|-|-|\n| CTO | Ops | +49 30 901820 |\n", StatePass, ReasonNone, ""},
		"other order, empty": {nil, "| Escalation path | Role | Primary contact |\n|-|-|-|\n|  | Ops | +49 30 901820 |\n", StateFail, ReasonMissing, "no escalation"},
		"other words":        {nil, "| TEAM | PHONE | ESCALATE TO |\n|-|-|-|\n| Ops | +49 30 901820 | CTO |\n", StatePass, ReasonNone, ""},
		"after other tables": {nil, "| Port | Use |\n|-|-|\n| 80 | TBD |\n\n" + head + "| Ops | +49 30 901820 | CTO |\n", StatePass, ReasonNone, "file:7"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, at, _ := contactTable(documentFrom(t, "# Contacts\n\n"+tt.table), "file")
			if at == "" {
				t.Fatal("table not found")
			}
			expect(t, sound((&contacts{Wanted: tt.wanted}).judge(rows, at)), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestContacts_Documents(t *testing.T) {
	const good = "# Contacts\n\n| Role | Contact | Escalation |\n|---|---|---|\n| Ops | +49 30 901820 | CTO |\n"
	open := strings.Replace(good, "+49 30 901820", "TBD", 1)
	for name, tt := range map[string]struct {
		files  folder
		spec   string
		state  State
		reason Reason
		detail string
	}{
		"no document":            {nil, "{}", StateFail, ReasonMissing, "RUNBOOK.md"},
		"no table":               {folder{"RUNBOOK.md": "# Contacts\n\nRole, Contact, Escalation\n"}, "{}", StateFail, ReasonMissing, "no document contains a table"},
		"no escalation":          {folder{"RUNBOOK.md": "| Role | Contact |\n|-|-|\n| Ops | Ann |\n"}, "{}", StateFail, ReasonMissing, "RUNBOOK.md:1 has no escalation column"},
		"only in a code block":   {folder{"RUNBOOK.md": "```\n" + good + "```\n"}, "{}", StateFail, ReasonMissing, "no document contains a table"},
		"checklist":              {folder{"production-checklist.md": good}, "{}", StatePass, ReasonNone, "production-checklist.md:3"},
		"runbook":                {folder{"docs/RUNBOOK.md": good, "checklist.md": "text"}, "{}", StatePass, ReasonNone, "docs/RUNBOOK.md:3"},
		"recovery plan":          {folder{"DISASTER-RECOVERY.md": good}, "{}", StatePass, ReasonNone, "DISASTER-RECOVERY.md:3"},
		"the checklist decides":  {folder{"checklist.md": open, "RUNBOOK.md": good}, "{}", StateFail, ReasonPlaceholder, "checklist.md:5"},
		"the configuration wins": {folder{"checklist.md": open}, "{roles: [{role: Ops, contact: Ann, escalation: CTO}]}", StatePass, ReasonNone, "the configuration"},
		"configured, no contact": {nil, "{roles: [{role: Ops, contact: Ann, escalation: CTO}, {role: Ops, escalation: CTO}]}", StateFail, ReasonMissing, "role 2 of the configuration: no contact"},
		"configured, not wanted": {nil, "{wanted: [Security], roles: [{role: Ops, contact: Ann, escalation: CTO}]}", StateFail, ReasonMissing, "the role Security"},
		"an unreadable document": {folder{"checklist.md": "\xff\xfe", "RUNBOOK.md": good}, "{}", StateFail, ReasonInvalid, "checklist.md, which may contain the contacts"},
	} {
		t.Run(name, func(t *testing.T) {
			r := look(t, newPass(t, tt.files, deployment.Settings{}), contactsKind(), tt.spec)
			expect(t, r, tt.state, tt.reason, tt.detail)
			for _, private := range []string{"Ann", "901820", "CTO"} {
				if strings.Contains(r.Detail, private) {
					t.Errorf("the detail %q contains %s", r.Detail, private)
				}
			}
		})
	}
	p := newPass(t, folder{"RUNBOOK.md": good}, deployment.Settings{})
	if err := os.Symlink("nothing.md", filepath.Join(p.Deployment.Root, "checklist.md")); err != nil {
		t.Fatal(err)
	}
	expect(t, look(t, p, contactsKind(), "{}"), StatePass, ReasonNone, "RUNBOOK.md")
	p = newPass(t, folder{"RUNBOOK.md": good}, deployment.Settings{Documents: deployment.Documents{Checklist: "lost.md"}})
	expect(t, look(t, p, contactsKind(), "{}"), StateFail, ReasonMissing, "lost.md")
	p = newPass(t, nil, deployment.Settings{})
	if err := syscall.Mkfifo(filepath.Join(p.Deployment.Root, "checklist.md"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, look(t, p, contactsKind(), "{}"), StateFail, ReasonInvalid, "named pipe")

	k := contactsKind()
	if _, problems := decode(k, "{wanted: ['--']}"); len(problems) == 0 {
		t.Error("a wanted role without a name loads")
	}
}

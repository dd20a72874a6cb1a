package documents

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// contacts: who is called in an emergency, and who next?
//
// The first table with the columns Role, Contact and Escalation counts: of the team's checklist document, else of its
// runbook, else of its disaster recovery plan. The configuration may hold the table itself instead. Messages name the
// lines of a document, and of its roles only those that the rule requires.

func ContactsKind() probe.Kind {
	return probe.Kind{
		Name:       "contacts",
		Question:   "Does every role have a contact and an escalation?",
		Example:    "{wanted: [DevOps Lead, On-Call Engineer]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the tables of the team's checklist document, runbook and disaster recovery plan",
		Permission: "read permission",
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*contacts).breakages(view) },
		New:        func() any { return &contacts{} },
	}
}

type contacts struct {
	Wanted []string      `yaml:"wanted" doc:"roles that the table must contain, among others; case and punctuation are ignored"`
	Roles  []contactRole `yaml:"roles" doc:"the table itself, when it is in no document"`
}

// contactRole is a row of the table.
type contactRole struct {
	Role       string `yaml:"role" required:"true" doc:"what the person or team is responsible for"`
	Contact    string `yaml:"contact" doc:"how they are reached"`
	Escalation string `yaml:"escalation" doc:"who or what comes next when they do not respond"`

	name string // of the person with the role, when the table has a column for it
	at   string // where it was read, for messages
}

func (c *contacts) Validate() []error {
	for i, w := range c.Wanted {
		if plainWord(w) == "" {
			return []error{fmt.Errorf("wanted[%d]: role name is empty", i)}
		}
	}
	return nil
}

func (c *contacts) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if ctx.Err() != nil {
		return probe.Result{}, ctx.Err()
	}
	if len(c.Roles) > 0 {
		rows := make([]contactRole, len(c.Roles))
		for i, r := range c.Roles {
			r.at = fmt.Sprintf("role %d of the configuration", i+1)
			rows[i] = r
		}
		return c.judge(rows, "the configuration"), nil
	}
	documents, almost := 0, ""
	var unread error
	for _, fact := range []string{find.FactChecklist, find.FactRunbook, find.FactRecovery} {
		place := p.View.Place(fact)
		if place.Path() == "" {
			if err := probe.OtherFormat(p, place, "deployment.documents.checklist"); err != nil && unread == nil {
				unread = err
			}
			continue
		}
		file := p.Deployment.Rel(place.Path())
		m, err := markdown.Read(p, place.Path())
		if errors.Is(err, fs.ErrNotExist) && place.How != find.Configured {
			continue // removed since it was found, or a dangling symlink
		}
		if err != nil {
			return markdown.Unreadable(file+", which may contain the contacts, cannot be read", err)
		}
		documents++
		rows, at, near := contactTable(m, file)
		if at != "" {
			return c.judge(rows, at), nil
		}
		if almost == "" {
			almost = near
		}
	}
	switch {
	case unread != nil:
		return probe.Result{}, unread
	case documents == 0:
		return probe.NotFound(p, p.View.Place(find.FactChecklist),
			"checklist document, RUNBOOK.md or DISASTER-RECOVERY.md with a table of contacts", "deployment.documents.checklist")
	case almost != "":
		return probe.Failed(probe.ReasonMissing,
			"the table at %s has no escalation column. Name its columns Role, Contact and Escalation", almost), nil
	}
	return probe.Failed(probe.ReasonMissing, "no document contains a table with the columns Role, Contact and Escalation. "+
		"Add it to the checklist document or the runbook"), nil
}

// contactTable finds the table of contacts. at is its position, "" when there is none; near is then the position of
// a table that only lacks the escalation.
func contactTable(m *markdown.Document, file string) (rows []contactRole, at, near string) {
	for _, t := range m.Tables {
		role, contact, escalation := columnOf(t.Header, "role", "team", "function"), columnOf(t.Header, "contact", "phone", "reach"), columnOf(t.Header, "escalat")
		name := columnOf(t.Header, "name", "person")
		where := fmt.Sprintf("%s:%d", file, t.Line)
		if role < 0 || contact < 0 || escalation < 0 {
			if role >= 0 && contact >= 0 && near == "" {
				near = where
			}
			continue
		}
		for _, r := range t.Rows {
			if strings.Trim(strings.Join(r.Cells, ""), " -") != "" {
				rows = append(rows, contactRole{Role: cellOf(r, role), Contact: cellOf(r, contact), Escalation: cellOf(r, escalation), name: cellOf(r, name), at: fmt.Sprintf("%s:%d", file, r.Line)})
			}
		}
		return rows, where, ""
	}
	return nil, "", near
}

// columnOf returns the first column whose heading contains one of the words, earlier words first; -1 for none.
func columnOf(header []string, words ...string) int {
	for _, word := range words {
		for i, h := range header {
			if strings.Contains(strings.ToLower(h), word) {
				return i
			}
		}
	}
	return -1
}

func cellOf(r markdown.Row, column int) string {
	if column >= 0 && column < len(r.Cells) {
		return r.Cells[column]
	}
	return ""
}

// plainWord returns a role in a form that is common to its spellings.
func plainWord(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// judge judges the rows of the table at a position.
func (c *contacts) judge(rows []contactRole, at string) probe.Result {
	if len(rows) == 0 {
		return probe.Failed(probe.ReasonEmpty, "the contact table at %s has no rows", at)
	}
	var f probe.ResultBuilder
	for _, r := range rows {
		who := r.at
		for _, w := range c.Wanted {
			if strings.Contains(plainWord(r.Role), plainWord(w)) {
				who = fmt.Sprintf("%s (%s)", w, r.at)
			}
		}
		if isUnassigned(r.Role) {
			f.Warn(probe.ReasonMissing, "%s: no role", who)
		}
		if isPlaceholder(r.name) { // a missing name is the team's choice
			f.Fail(probe.ReasonPlaceholder, "%s: the name is a placeholder", who)
		}
		if r.name != "" && isUnassigned(r.name) {
			f.Fail(probe.ReasonMissing, "%s: the role is vacant", who)
		}
		judgeContact(&f, who, "contact", r.Contact)
		if isRole(r.Contact, r.Role) {
			f.Warn(probe.ReasonWeak, "%s: the contact is the role itself. Name a person, a number or a channel", who)
		}
		judgeContact(&f, who, "escalation", r.Escalation)
		if samePerson(r.Contact, r.Escalation) && !isPlaceholder(r.Escalation) {
			f.Warn(probe.ReasonReused, "%s: the escalation is the contact itself. Name somebody else, or a rota", who)
		}
	}
	for _, w := range c.Wanted {
		found := false
		for _, r := range rows {
			found = found || strings.Contains(plainWord(r.Role), plainWord(w))
		}
		if !found {
			f.Fail(probe.ReasonMissing, "%s: the role %s is not in the table", at, w)
		}
	}
	return f.Result("each of the %d roles at %s has a contact and an escalation", len(rows), at)
}

func isPlaceholder(text string) bool {
	return markdown.IsBlank(text) || contactPlaceholder.MatchString(text)
}

func judgeContact(f *probe.ResultBuilder, who, what, text string) {
	switch {
	case isPlaceholder(text):
		f.Fail(probe.ReasonPlaceholder, "%s: the %s is a placeholder", who, what)
	case isUnassigned(text):
		f.Fail(probe.ReasonMissing, "%s: no %s", who, what)
	case unreachable.MatchString(text):
		f.Fail(probe.ReasonPlaceholder, "%s: nobody can be reached at the %s", who, what)
	case bareMailbox.MatchString(text) && !reachable.MatchString(text):
		f.Warn(probe.ReasonInvalid, "%s: the mail address of the %s has no domain", who, what)
	case namesNobody(text):
		f.Warn(probe.ReasonWeak, "%s: the %s names neither a person nor a number, an address or a channel", who, what)
	case secretvalue.HasPlaceholderDomain(text):
		f.Warn(probe.ReasonPlaceholder, "%s: the %s uses an example domain", who, what)
	}
}

// rota matches a contact behind which different people stand.
var rota = lazyregexp.New(`(?i)\b(?:rota|roster|rotation|on[- ]?call|pagerduty|opsgenie|victorops|splunk on-call|team|group|channel|hotline|desk|noc|soc|24/7|schicht|bereitschaft|` +
	`astreinte|guardia|wacht)\b|#[a-z]`)

// samePerson reports whether an escalation leads to the contact again: the same text, or the same address or number in both.
func samePerson(contact, escalation string) bool {
	if isUnassigned(contact) || rota.MatchString(contact) || rota.MatchString(escalation) {
		return false
	}
	if plainWord(contact) == plainWord(escalation) {
		return true
	}
	others := reachable.FindAllString(escalation, -1)
	if len(others) == 0 {
		return false
	}
	own := map[string]bool{}
	for _, address := range reachable.FindAllString(contact, -1) {
		own[plainWord(address)] = true
	}
	for _, address := range others {
		if !own[plainWord(address)] {
			return false // somebody else can be reached, too
		}
	}
	return true
}

// bareMailbox matches a mail address at a name without a dot.
var bareMailbox = lazyregexp.New(`(?:^|[\s,;(<])[\w.+-]+@[\w-]+(?:$|[\s,;)>])`)

// reachable matches mail addresses and telephone numbers.
var reachable = lazyregexp.New(`[\w.+-]+@[\w-]+\.[\w.-]*\w|\+?\d[\d ()/-]{5,}\d`)

package format

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/challenge"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// The formats of the command challenge. Breakages are named by key and file; values of the deployment are never part of them.

// challengeJSON is the output of `challenge --format=json`. The names are API.
type challengeJSON struct {
	Noticed    int                 `json:"noticed"`
	Unnoticed  int                 `json:"unnoticed"`
	Blinded    int                 `json:"blinded"`
	Outside    int                 `json:"outside"`
	Challenged int                 `json:"challenged"` // items
	Items      []challengeItemJSON `json:"items"`
}

type challengeItemJSON struct {
	Category      string         `json:"category"`
	Item          string         `json:"item"`
	State         string         `json:"state,omitempty"` // of the unbroken copy
	NotChallenged string         `json:"not_challenged,omitempty"`
	Breakages     []breakageJSON `json:"breakages"`
}

type breakageJSON struct {
	Probe  string `json:"probe"`
	Name   string `json:"name"`
	File   string `json:"file"`
	Result string `json:"result"`
	State  string `json:"state,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// EncodeChallenge returns a challenge as JSON.
func EncodeChallenge(r *challenge.Report) ([]byte, error) {
	out := challengeJSON{
		Noticed: r.Count(challenge.Noticed), Unnoticed: r.Count(challenge.Unnoticed), Blinded: r.Count(challenge.Blinded),
		Outside: r.Count(challenge.Outside), Challenged: r.Challenged(), Items: []challengeItemJSON{},
	}
	for _, it := range r.Items {
		item := challengeItemJSON{Category: it.Category, Item: it.Name, NotChallenged: phrase.Printable(it.NotChallenged), Breakages: []breakageJSON{}}
		if it.NotChallenged == "" {
			item.State = it.State.String()
		}
		for _, b := range it.Breakages {
			broken := breakageJSON{Probe: b.Probe, Name: phrase.Printable(b.Name), File: phrase.Printable(b.File), Result: b.Result, Reason: string(b.Reason)}
			if b.Result != challenge.Outside {
				broken.State = b.State.String()
			}
			item.Breakages = append(item.Breakages, broken)
		}
		out.Items = append(out.Items, item)
	}
	data, err := json.MarshalIndent(out, "", "  ")
	return append(data, '\n'), err
}

// EncodeChallengeJUnit returns a challenge as JUnit XML: a suite per item, a case per breakage. One that is unnoticed is a
// failure, one that blinded its item an error.
func EncodeChallengeJUnit(r *challenge.Report) ([]byte, error) {
	all := JunitSuites{Name: "challenge"}
	for _, it := range r.Items {
		s := junitSuite{Name: it.ID(), Timestamp: r.Time.UTC().Format("2006-01-02T15:04:05")}
		if it.NotChallenged != "" {
			s.Cases = append(s.Cases, junitCase{Name: "not challenged", ClassName: it.ID(), Skipped: &junitSkip{phrase.Printable(it.NotChallenged)}})
			s.Skipped++
		}
		for _, b := range it.Breakages {
			c := junitCase{Name: phrase.Printable(b.Name + " (" + b.File + ")"), ClassName: it.ID() + "." + b.Probe}
			what := b.Probe + ": " + afterwards(b)
			switch b.Result {
			case challenge.Unnoticed:
				c.Failure = &junitTrouble{Message: what, Type: b.Result}
				s.Failures++
			case challenge.Blinded:
				c.Error = &junitTrouble{Message: what, Type: b.Result}
				s.Errors++
			case challenge.Outside:
				c.Skipped = &junitSkip{"outside the root"}
				s.Skipped++
			}
			s.Cases = append(s.Cases, c)
		}
		s.Tests = len(s.Cases)
		all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
		all.Suites = append(all.Suites, s)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	return append([]byte(xml.Header), append(data, '\n')...), err
}

// afterwards describes the item's verdict on a broken copy.
func afterwards(b challenge.Broken) string {
	text := "the item is " + b.State.String()
	if b.Reason != "" {
		text += " (" + string(b.Reason) + ")"
	}
	return text
}

// WriteChallenge writes a challenge for people: the items that were challenged with what they did not notice, then the others.
func (t Table) WriteChallenge(b *bytes.Buffer, r *challenge.Report) {
	width := 0
	for _, it := range r.Items {
		width = max(width, len(it.ID()))
	}
	for _, it := range r.Items {
		if it.NotChallenged == "" {
			t.challengedItem(b, &it, width)
		}
	}
	if r.Challenged() < len(r.Items) {
		t.notChallenged(b, r)
	}
	var turnless []string
	for _, it := range r.Items {
		if it.NotChallenged == "" && it.Count(challenge.Noticed) == 0 {
			turnless = append(turnless, it.ID())
		}
	}
	if len(turnless) > 0 {
		t.entry(b, "No breakage turned", turnless)
	}
	fmt.Fprintf(b, "%s of %s: %s\n", phrase.Count(total(r), "breakage"), phrase.Count(r.Challenged(), "item"), resultCounts(r.Count))
}

// notChallenged lists the items of which nothing was broken, by reason.
func (t Table) notChallenged(b *bytes.Buffer, r *challenge.Report) {
	var reasons []string
	items := map[string][]string{}
	for _, it := range r.Items {
		if it.NotChallenged == "" {
			continue
		}
		if items[it.NotChallenged] == nil {
			reasons = append(reasons, it.NotChallenged)
		}
		items[it.NotChallenged] = append(items[it.NotChallenged], it.ID())
	}
	if r.Challenged() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(t.paint("1", "Not challenged") + "\n")
	for _, reason := range reasons {
		t.entry(b, phrase.Printable(reason), items[reason])
	}
	b.WriteByte('\n')
}

func total(r *challenge.Report) int {
	return r.Count(challenge.Noticed) + r.Count(challenge.Unnoticed) + r.Count(challenge.Blinded) + r.Count(challenge.Outside)
}

// resultCounts lists the results with their numbers; those of 0 only for noticed and unnoticed.
func resultCounts(count func(string) int) string {
	var parts []string
	for _, result := range []string{challenge.Noticed, challenge.Unnoticed, challenge.Blinded, challenge.Outside} {
		if n := count(result); n > 0 || result == challenge.Noticed || result == challenge.Unnoticed {
			parts = append(parts, fmt.Sprintf("%d %s", n, result))
		}
	}
	return strings.Join(parts, ", ")
}

func (t Table) challengedItem(b *bytes.Buffer, it *challenge.Item, width int) {
	mark, colour := "✓", "32"
	switch {
	case it.Count(challenge.Unnoticed) > 0:
		mark, colour = "✗", "31"
	case it.Count(challenge.Noticed) < len(it.Breakages):
		mark, colour = "?", "33"
	}
	fmt.Fprintf(b, "%s %-*s  %s\n", t.paint(colour, mark), width, it.ID(), resultCounts(it.Count))
	for _, broken := range it.Breakages {
		if broken.Result == challenge.Noticed {
			continue
		}
		text := broken.Result + ": " + broken.Probe + ": " + broken.Name + " (" + broken.File + ")"
		if broken.Result != challenge.Outside {
			text += ": " + afterwards(broken)
		}
		t.Paragraph(b, 4, "", phrase.Printable(text))
	}
}

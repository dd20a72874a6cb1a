package ledger

import (
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// What the file says about a time. Nothing is said about a time in which nobody watched.

// Span is a time in which the verdict on an item did not change.
type Span struct {
	From, To time.Time
	Verdict  // State is empty where nothing was observed
}

// Watched reports whether the item was observed.
func (s Span) Watched() bool { return s.State != "" && s.State != Gone }

// Sums are the times of a history.
type Sums struct {
	NotReady time.Duration // not ok and not waived
	Watched  time.Duration // the rest of the time is unknown
}

// SumSince adds up spans, as far as they are after a time.
func SumSince(spans []Span, from time.Time) (s Sums) {
	for _, span := range spans {
		took := max(span.To.Sub(later(span.From, from)), 0)
		if span.Watched() {
			s.Watched += took
		}
		if span.NotReady() {
			s.NotReady += took
		}
	}
	return s
}

// History returns the verdicts on an item between two times, without a break: what was not observed is a span without a
// state.
func (l *Ledger) History(item string, from, to time.Time) []Span {
	return l.Histories(from, to)[item]
}

// Histories returns the history of every item.
func (l *Ledger) Histories(from, to time.Time) map[string][]Span {
	c := l.content()
	from, to = from.UTC(), to.UTC()
	if len(c.entries) == 0 || !from.Before(to) {
		return nil
	}
	all := map[string][]Span{}
	var gaps []Span
	for _, e := range c.entries {
		at := time.Unix(e.Time, 0).UTC()
		switch e.Kind {
		case kindGap:
			gaps = append(gaps, Span{From: time.Unix(e.From, 0).UTC(), To: at})
		case kindChange, kindBase:
			if e.From > 0 {
				at = time.Unix(e.From, 0).UTC()
			}
			spans := all[e.Item]
			if n := len(spans); n > 0 {
				at = later(at, spans[n-1].From)
				spans[n-1].To = at
			}
			all[e.Item] = append(spans, Span{From: at, Verdict: e.verdict()})
		}
	}
	for item, spans := range all {
		spans[len(spans)-1].To = later(c.seen, spans[len(spans)-1].From)
		all[item] = clip(carve(spans, gaps), item, from, to)
	}
	return all
}

// carve cuts the gaps out of spans.
func carve(spans, gaps []Span) []Span {
	for _, g := range gaps {
		var left []Span
		for _, s := range spans {
			if !s.To.After(g.From) || !s.From.Before(g.To) {
				left = append(left, s)
				continue
			}
			if s.From.Before(g.From) {
				left = append(left, Span{s.From, g.From, s.Verdict})
			}
			if s.To.After(g.To) {
				left = append(left, Span{g.To, s.To, s.Verdict})
			}
		}
		spans = left
	}
	return spans
}

// clip limits spans to a time, and fills what is missing with spans without a state.
func clip(spans []Span, item string, from, to time.Time) []Span {
	var out []Span
	at := from
	add := func(s Span) {
		switch n := len(out); {
		case !s.From.Before(s.To):
		case n > 0 && out[n-1].Verdict == s.Verdict && out[n-1].To.Equal(s.From):
			out[n-1].To = s.To
		default:
			out = append(out, s)
		}
	}
	for _, s := range spans {
		s.From, s.To = later(s.From, at), earlier(s.To, to)
		if !s.From.Before(s.To) {
			continue
		}
		add(Span{at, s.From, Verdict{Item: item}})
		add(s)
		at = s.To
	}
	add(Span{at, to, Verdict{Item: item}})
	return out
}

// At returns the verdicts at a time, sorted by item; none if nobody watched then.
func (l *Ledger) At(t time.Time) []Verdict {
	c := l.content()
	t = t.Truncate(time.Second).UTC()
	if t.After(c.seen.Add(MaxGap)) {
		return nil
	}
	state := map[string]Verdict{}
	for _, e := range c.entries {
		begins := e.Time
		if e.From > 0 {
			begins = e.From
		}
		switch {
		case e.Kind == kindGap && t.Unix() > e.From && t.Unix() < e.Time:
			return nil
		case e.Kind != kindChange && e.Kind != kindBase || begins > t.Unix():
		case e.State == Gone:
			delete(state, e.Item)
		default:
			state[e.Item] = e.verdict()
		}
	}
	var all []Verdict
	for _, v := range state {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b Verdict) int { return byItem(entry{Item: a.Item}, entry{Item: b.Item}) })
	return all
}

// Watched returns the first and the last time that the file knows about; zero for none.
func (l *Ledger) Watched() (first, last time.Time) {
	c := l.content()
	for _, e := range c.entries {
		at := time.Unix(e.Time, 0).UTC()
		if e.From > 0 && e.Kind == kindBase {
			at = time.Unix(e.From, 0).UTC()
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first, c.seen
}

// content reads the file.
func (l *Ledger) content() content {
	if l == nil {
		return content{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f, _, err := files.Open(l.path)
	if err != nil {
		return content{}
	}
	defer func() { _ = f.Close() }()
	data, _, err := l.read(f)
	if err != nil {
		return content{}
	}
	c := parse(data)
	if l.file != nil {
		c.seen = l.seen // newer than what was written
	}
	return c
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

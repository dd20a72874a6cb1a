package probe

// Verdict is the first-stage result of one item, as a Derived probe receives it.
type Verdict struct {
	Category, Item, Title string
	Severity              string // critical, warning or info
	Scope                 string // standing or release
	Required              bool
	Waived                bool
	State                 State
	Reason                Reason
	Detail                string
}

// Verdicts is the input of a Derived probe: the first-stage items in checklist order.
type Verdicts struct {
	Items []Verdict
	Pass  *Pass
}

// Find returns the verdict of an item.
func (v Verdicts) Find(category, item string) (Verdict, bool) {
	for _, it := range v.Items {
		if it.Category == category && it.Item == item {
			return it, true
		}
	}
	return Verdict{}, false
}

package probe

// Verdict is what is known of one item, as the second stage sees it.
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

// Verdicts is what a Derived judges from: the items of the first stage in the order of the checklist.
type Verdicts struct {
	Items []Verdict
	Pass  *Pass
}

// Find returns the verdict on an item.
func (v Verdicts) Find(category, item string) (Verdict, bool) {
	for _, it := range v.Items {
		if it.Category == category && it.Item == item {
			return it, true
		}
	}
	return Verdict{}, false
}

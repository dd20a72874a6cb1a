package dashboards

import "strconv"

// The display of states: a word, a colour and a number each. Colours stay distinguishable with red or green colour
// blindness (tested), and the word is always shown.

// state is an item's state, or no data.
type state struct {
	word   string
	code   int // higher is worse; the drawn value
	colour string
}

const (
	colourNoData  = "#2F3640"
	colourSkip    = "#C7D0D9"
	colourPass    = "#007A5E"
	colourWarn    = "#FFD92F"
	colourPending = "#8AB8FF"
	colourUnknown = "#7A3E9D"
	colourFail    = "#D55E00"
	// colourNeutral is for values without a verdict.
	colourNeutral = "#6E7B8B"
)

const noData = "no data"

// states in the order of their codes: the index is the code.
func states() []state {
	return []state{
		{noData, 0, colourNoData}, {"skip", 1, colourSkip}, {"pass", 2, colourPass}, {"warn", 3, colourWarn},
		{"pending", 4, colourPending}, {"unknown", 5, colourUnknown}, {"fail", 6, colourFail},
	}
}

// words maps numbers to words, and everything else to "no data".
func words(of ...state) []mapping {
	options := map[string]result{}
	for i, s := range of {
		options[strconv.Itoa(s.code)] = result{s.word, s.colour, i}
	}
	all := []mapping{nothing()}
	if len(options) > 0 {
		all = append(all, mapping{"value", options})
	}
	return all
}

// nothing maps null and NaN to their own word and colour.
func nothing() mapping {
	return mapping{"special", special{"null+nan", result{noData, colourNoData, 99}}}
}

// steps gives each state its own threshold, so that its colour does not depend on the mapping only. Values below the
// first are "no data".
func steps(of ...state) thresholds {
	t := thresholds{Mode: "absolute", Steps: []step{{colourNoData, nil}}}
	for _, s := range of {
		if s.word != noData {
			t.Steps = append(t.Steps, step{s.colour, number(float64(s.code))})
		}
	}
	return t
}

// yesOrNo returns the states of 0 and 1.
func yesOrNo(no, yes string) []state {
	return []state{{no, 0, colourFail}, {yes, 1, colourPass}}
}

// counted colours a count: zero, and more. Below zero is "no data".
func counted(none, some string) thresholds {
	return thresholds{Mode: "absolute", Steps: []step{{colourNoData, nil}, {none, number(0)}, {some, number(1)}}}
}

func number(f float64) *float64 { return &f }

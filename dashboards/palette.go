package dashboards

import "strconv"

// This file is what a state looks like: one word, one colour and one number each. The colours keep their distance for people
// who see no red or no green (the test measures it); the word is always there too.

// state is one state of an item, or that there is nothing to show.
type state struct {
	word   string
	code   int // the larger the worse: what the board draws
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
	// colourNeutral is for measures that are neither good nor bad by themselves.
	colourNeutral = "#6E7B8B"
)

const noData = "no data"

// states in the order of their codes: the place in the list is the code.
func states() []state {
	return []state{
		{noData, 0, colourNoData}, {"skip", 1, colourSkip}, {"pass", 2, colourPass}, {"warn", 3, colourWarn},
		{"pending", 4, colourPending}, {"unknown", 5, colourUnknown}, {"fail", 6, colourFail},
	}
}

// words maps numbers to words, and whatever is no number to "no data".
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

// nothing maps null and NaN to a word and a colour of their own.
func nothing() mapping {
	return mapping{"special", special{"null+nan", result{noData, colourNoData, 99}}}
}

// steps gives each state a threshold of its own, so that its colour does not hang on the mapping alone. What is below the
// first is "no data".
func steps(of ...state) thresholds {
	t := thresholds{Mode: "absolute", Steps: []step{{colourNoData, nil}}}
	for _, s := range of {
		if s.word != noData {
			t.Steps = append(t.Steps, step{s.colour, number(float64(s.code))})
		}
	}
	return t
}

// yesOrNo are the two words of a 0 and a 1.
func yesOrNo(no, yes string) []state {
	return []state{{no, 0, colourFail}, {yes, 1, colourPass}}
}

// counted colours a count: none, and some. Below none is "no data".
func counted(none, some string) thresholds {
	return thresholds{Mode: "absolute", Steps: []step{{colourNoData, nil}, {none, number(0)}, {some, number(1)}}}
}

func number(f float64) *float64 { return &f }

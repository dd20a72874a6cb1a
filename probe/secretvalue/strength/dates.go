package strength

import "strings"

const (
	firstYear = 1900
	lastYear  = 2049
	dayBits   = 8.6 // a day and a month
	yearBits  = 7.2 // from firstYear to lastYear
	shortBits = 6.6 // a year of two digits
	markBits  = 2   // a separator
)

// addDates offers the date that begins at start: a year, four to eight digits, or three numbers with separators. The year
// is first or last. A date is not part of a longer number: any number contains one.
func (v *guess) addDates(start int) {
	length := v.digits(start)
	if length == 0 || start > 0 && v.digits(start-1) > 0 {
		return
	}
	end := start + length
	if length == 4 && isYear(v.runes[start:end]) {
		v.relax(start, end, yearBits)
	}
	v.addDigits(start, end)
	v.addSeparated(start, end)
}

// digits returns the number of digits from a place on.
func (v *guess) digits(start int) int {
	end := start
	for end < len(v.runes) && v.runes[end] >= '0' && v.runes[end] <= '9' {
		end++
	}
	return end - start
}

// addDigits offers a date without separators: 1972, 120572, 12051972, 5121972.
func (v *guess) addDigits(start, end int) {
	text := v.runes[start:end]
	if len(text) > 8 {
		return
	}
	for _, year := range []int{2, 4} {
		if rest := len(text) - year; rest >= 2 && rest <= 4 &&
			(isYear(text[:year]) && isDay(text[year:]) || isYear(text[rest:]) && isDay(text[:rest])) {
			v.relax(start, end, dayBits+bitsOfYear(text[:year]))
		}
	}
}

// addSeparated offers a date such as 12.5.1972 or 1972-05-12, whose first number ends before the separator.
func (v *guess) addSeparated(start, separator int) {
	if separator >= len(v.runes) || !strings.ContainsRune(` -/\_.`, v.runes[separator]) {
		return
	}
	again := separator + 1 + v.digits(separator+1)
	if again >= len(v.runes) || v.runes[again] != v.runes[separator] {
		return
	}
	end := again + 1 + v.digits(again+1)
	a, b, c := v.runes[start:separator], v.runes[separator+1:again], v.runes[again+1:end]
	switch {
	case isYear(a) && isDayAndMonth(b, c):
		v.relax(start, end, dayBits+bitsOfYear(a)+markBits)
	case isYear(c) && isDayAndMonth(a, b):
		v.relax(start, end, dayBits+bitsOfYear(c)+markBits)
	}
}

func bitsOfYear(year []rune) float64 {
	if len(year) == 2 {
		return shortBits
	}
	return yearBits
}

// isYear reports whether two digits, or four in the expected range, are a year.
func isYear(text []rune) bool {
	return len(text) == 2 || len(text) == 4 && number(text) >= firstYear && number(text) <= lastYear
}

// isDay reports whether two to four digits are a day and a month: 51, 125, 1205.
func isDay(text []rune) bool {
	return isDayAndMonth(text[:1], text[1:]) || isDayAndMonth(text[:2], text[2:])
}

func isDayAndMonth(a, b []rune) bool {
	if len(a) < 1 || len(a) > 2 || len(b) < 1 || len(b) > 2 {
		return false
	}
	x, y := number(a), number(b)
	return x >= 1 && y >= 1 && (x <= 31 && y <= 12 || x <= 12 && y <= 31)
}

func number(text []rune) int {
	n := 0
	for _, r := range text {
		n = 10*n + int(r-'0')
	}
	return n
}

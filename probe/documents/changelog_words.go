package documents

import (
	"slices"
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// A change that could stand in any release has only words such as these. One other word makes it a change, and so does the
// number of a ticket.

const (
	// genericWords name a change without what was changed. One of them must be there.
	genericWords = " fix fixes fixed fixing bug bugs bugfix bugfixes issue issues problem problems change changes changed update updates updated updating improve improves " +
		"improved improvement improvements improving enhance enhanced enhancement enhancements tweak tweaks tweaked cleanup cleanups stuff things maintenance housekeeping refactoring " +
		"refactored optimization optimizations optimisation optimisations feature features functionality "
	// genericFillers stand around them.
	genericFillers = " a an the this that our we us you your it its is are be been was were has have in on of for to with and or by as at more other some several various many multiple " +
		"lots lot bunch few all always constantly regularly here there new now under hood usual add added adding adds make made makes making better great exciting awesome release version " +
		"update contains contain includes include app application experience minor small little misc miscellaneous general internal code performance stability reliability usability user "
)

var (
	ticketNumber = lazyregexp.New(`#\d+|\b[A-Z][A-Z0-9]+-\d+\b`)
	// aboutElsewhere matches the address or the commit that a text refers to.
	aboutElsewhere = lazyregexp.New(`https?://\S+|\b[0-9a-f]{7,40}\b`)
	// pointsElsewhere matches a change that only says where changes are listed.
	pointsElsewhere = lazyregexp.New(`(?i)^[^\pL\d]*(?:(?:see|check|full changelog|compare|diff|details|all changes|more)\b)?[^\pL\d]*(?:the |at |on |here|in )*` +
		`(?:(?:git |commits?|commit |release |github |gitlab )*(?:log|history|notes|commits?|releases?)(?: page)?)?(?: for (?:more |further |all |the )*(?:details|information|changes))?[^\pL\d]*$|` +
		`^[^\pL\d]*(?:initial|first) commit[^\pL\d]*$|^[^\pL\d]*(?:diverses )?mises? à jour(?: (?:diverses|mineures|de maintenance))?[^\pL\d]*$`)
	// aboutTodo matches a list of tasks, which is no blank.
	aboutTodo = lazyregexp.New(`(?i)\bto-?dos?[ -](?:lists?|pages?|apps?|items?|entr(?:y|ies)|boards?|comments?|views?|widgets?)\b`)
)

// isGeneric reports whether a change could stand in any release, or only refers to a list of changes.
func isGeneric(text string) bool {
	if ticketNumber.MatchString(text) {
		return false
	}
	rest := aboutElsewhere.ReplaceAllString(text, "")
	if pointsElsewhere.MatchString(rest) {
		return true
	}
	words := strings.FieldsFunc(strings.ToLower(rest), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	is := func(words, word string) bool { return strings.Contains(words, " "+word+" ") }
	return slices.ContainsFunc(words, func(word string) bool { return is(genericWords, word) }) &&
		!slices.ContainsFunc(words, func(word string) bool { return !is(genericWords, word) && !is(genericFillers, word) })
}

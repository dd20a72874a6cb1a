// Package timespan reads durations as people write them: "4 hours", "PT4H", "04:00 h", "four hours", "vier Stunden".
package timespan

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// units are the beginnings of units in English, German, French, Spanish, Portuguese, Italian, Dutch, Swedish, Danish,
// Polish, Czech, Russian and Turkish. Longer ones come first.
func units() []struct {
	length time.Duration
	names  string
} {
	return []struct {
		length time.Duration
		names  string
	}{
		{7 * day, `weeks?|wochen?|semaines?|semanas?|settiman[ae]|weken|week|veck(?:a|or)|uger?|tygodni[ea]?|tydz\pL*|týdn\pL*|недел\pL*|hafta`},
		{day, `days?|tage?n?|jours?|d[ií]as?|giorn[io]|dag(?:en|ar|e)?|dni|dzień|dn[íyů]|дн(?:я|ей)|день|сут(?:ки|ок)|doba|dob[ęy]|etmaal|dygn|døgn|gün|d`},
		{time.Hour, `hours?|hrs?|stunden?|std|heures?|horas?|or[ae]|uur|uren|timm(?:e|ar)|tim(?:e|er)|godzin[aey]?|hodin[aey]?|час(?:а|ов)?|saat|h`},
		{time.Minute, `minutes?|mins?|minuten?|minutos?|minut[io]|minut(?:er|ter|y|ów|u|a)?|минут[аы]?|dakika|min|m`},
		{time.Second, `seconds?|secs?|sekunden?|secondes?|segundos?|second[io]|seconden|sekunder|sekund[ay]?|секунд[аы]?|saniye|s`},
	}
}

// numbers are words for numbers in the same languages.
func numbers() map[float64]string {
	return map[float64]string{
		0.5: `half an?|halbe[rn]?|media|meia|mezz[ao]|een half|en halv|pół|půl|пол|yarım|demi[- ]?`,
		1:   `an?|one|eine[rmn]?|une?|una?|uma?|uno?|een|één|ett|jedn[aąeouy]|jeden|один|одн[аоу]|bir`,
		2:   `two|zwei|deux|dos|dois|duas|due|twee|två|to|dwie|dwa|dvě|dva|два|две|iki`,
		3:   `three|drei|trois|tres|três|tre|drie|trzy|tři|три|üç`,
		4:   `four|vier|quatre|cuatro|quatro|quattro|fyra|fire|cztery|čtyři|четыре|dört`,
		5:   `five|fünf|cinq|cinco|cinque|vijf|fem|pięć|pět|пять|beş`,
		6:   `six|sechs|seis|sei|zes|sex|seks|sześć|šest|шесть|altı`,
		8:   `eight|acht|huit|ocho|oito|otto|åtta|otte|osiem|osm|восемь|sekiz`,
		10:  `ten|zehn|dix|diez|dez|dieci|tien|tio|ti|dziesięć|deset|десять|on`,
		12:  `twelve|zwölf|douze|doce|doze|dodici|twaalf|tolv|dwanaście|dvanáct|двенадцать|on iki`,
		15:  `fifteen|fünfzehn|quinze|quince|quindici|vijftien|femton|femten|piętnaście|patnáct|пятнадцать|on beş`,
		24:  `twenty[- ]four|vierundzwanzig|vingt-quatre|veinticuatro|vinte e quatro|ventiquattro|vierentwintig|tjugofyra|fireogtyve`,
		30:  `thirty|dreißig|dreissig|trente|treinta|trinta|trenta|dertig|trettio|tredive|trzydzieści|třicet|тридцать|otuz`,
		48:  `forty[- ]eight|achtundvierzig|quarante-huit`,
		60:  `sixty|sechzig|soixante|sesenta|sessenta|sessanta|zestig|sextio`,
	}
}

// Reader finds durations. The zero value is not usable; see New.
type Reader struct {
	units   []unit
	numbers []number
	iso     *regexp.Regexp
	clock   *regexp.Regexp
}

type unit struct {
	length time.Duration
	match  *regexp.Regexp // a number in digits and the unit
	names  string
}

type number struct {
	value float64
	match []*regexp.Regexp // by unit
}

// New returns a reader.
func New() *Reader {
	const before, after = `(?i)(?:^|[^\pL\pN.,:])`, `(?:$|[^\pL\pN])`
	r := &Reader{
		iso:   regexp.MustCompile(`(?:^|[^\pL\pN])P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?(?:$|[^\pL\pN])`),
		clock: regexp.MustCompile(`(?i)(?:^|[^\pL\pN:])(\d{1,3}):([0-5]\d)(?::([0-5]\d))?(?: ?(?:h|hours?|hrs?|std|uur|hh:mm(?::ss)?))?(?:$|[^\pL\pN:])`),
	}
	for _, u := range units() {
		r.units = append(r.units, unit{u.length, regexp.MustCompile(before + `(\d+(?:[.,]\d+)?)[ -]?(?:` + u.names + `)` + after), u.names})
	}
	for value, words := range numbers() {
		n := number{value: value}
		for _, u := range r.units {
			names := regexp.MustCompile(`\|[dhms]$`).ReplaceAllString(u.names, "") // "a m" is no minute
			n.match = append(n.match, regexp.MustCompile(before+`(?:`+words+`)[ -](?:`+names+`)`+after))
		}
		r.numbers = append(r.numbers, n)
	}
	slices.SortFunc(r.numbers, func(a, b number) int { return cmp.Compare(a.value, b.value) })
	return r
}

// Longest returns the longest duration in a text; zero for none. "1 h 30 min" counts as its longest part.
func (r *Reader) Longest(text string) time.Duration {
	var longest time.Duration
	add := func(count float64, length time.Duration) {
		longest = max(longest, time.Duration(count*float64(length)))
	}
	for i, u := range r.units {
		for _, m := range u.match.FindAllStringSubmatch(text, -1) {
			if n, err := strconv.ParseFloat(strings.Replace(m[1], ",", ".", 1), 64); err == nil && n < 1e5 {
				add(n, u.length)
			}
		}
		for _, n := range r.numbers {
			if n.match[i].MatchString(text) {
				add(n.value, u.length)
				text = n.match[i].ReplaceAllString(text, " ") // "half an hour" is not "an hour" too
			}
		}
	}
	for _, m := range r.iso.FindAllStringSubmatch(text, -1) {
		var sum time.Duration
		for i, length := range []time.Duration{7 * day, day, time.Hour, time.Minute, time.Second} {
			n, _ := strconv.Atoi(m[i+1]) // empty is zero
			sum += time.Duration(min(n, 1e5)) * length
		}
		add(1, sum)
	}
	for _, m := range r.clock.FindAllStringSubmatch(text, -1) {
		hours, _ := strconv.Atoi(m[1])
		minutes, _ := strconv.Atoi(m[2])
		add(1, time.Duration(hours)*time.Hour+time.Duration(minutes)*time.Minute)
	}
	if d, err := time.ParseDuration(strings.TrimSpace(text)); err == nil {
		add(1, d)
	}
	return longest
}

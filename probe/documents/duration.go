package documents

import (
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Durations in documents, in the languages of our users.

// timeSpan matches a duration: a number with its unit, one in words, ISO 8601 (PT4H), or hours and minutes (04:00 h). A number
// in words is apart from its unit: "and" is not "an" and "d". "Immediately", "as soon as possible" and "a second" name no time,
// nor does a unit without a number.
var timeSpan = lazyregexp.New(`(?i)(?:^|[^\pL\pN])(?:` +
	`\d+(?:[.,]\d+)?[ -]?(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|(?:business|working) days?|weeks?|` + unitsAbroad + `)` +
	`|(?:` + numbersEnglish + `|half an?|quarter of an)[ -](?:minutes?|hours?|days?|(?:business|working) days?|weeks?)` +
	`|(?:two|three|four|five|six|eight|ten|twelve|fifteen|twenty|thirty|forty|sixty|ninety)[ -]seconds` +
	`|(?:` + numbersAbroad + `)[ -](?:` + unitsAbroad + `)` +
	`|halbstunde|demi-(?:heure|journée)|mezz'ora|media hora|meia hora` +
	`|P(?:\d+[YMWD])*T(?:\d+(?:\.\d+)?[HMS])+|P(?:\d+[YMWD])+|\d{1,3}:\d{2}(?::\d{2})? ?(?:h|hours?|hrs?|std|uur|hh:mm(?::ss)?)` +
	`)(?:$|[^\pL\pN])|\d ?(?:時間|分|日|小时|小時|分钟|分鐘|天|시간|일)`)

// clockSpan matches hours and minutes without a unit right after the name of an objective.
var clockSpan = lazyregexp.New(`^[\s:=|≤<~–-]*(?:is |of |at most |max(?:imum)?\.? |up to )?\d{1,3}:\d{2}(?::\d{2})?(?:$|[^\pL\pN:])`)

// zeroSpan matches an objective without any loss or delay, right after its name.
var zeroSpan = lazyregexp.New(`(?i)^[^.!?]{0,40}?(?:^|[^\pL\pN])(?:zero|none|no data loss|0|null|nul|cero|keine?)(?:$|[^\pL\pN:.,])`)

const numbersEnglish = `an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|eighteen|twenty|thirty|forty|forty-five|sixty|ninety|seventy-two`

// unitsAbroad are the units in German, French, Spanish, Portuguese, Italian, Dutch, Swedish, Danish, Polish, Czech, Russian
// and Turkish.
const unitsAbroad = `sekunden?|minuten?|stunden?|std|tagen?|tage?|wochen?|secondes?|heures?|jours?|semaines?|segundos?|minutos?|horas?|d[ií]as?|` +
	`secondi|minuti|or[ae]|giorn[io]|seconden|uur|uren|dag(?:en|ar|e)?|timm(?:e|ar)|tim(?:e|er)|sekunder|minut(?:er|ter|y|ów|u|a)?|godzin[ay]?|dni|dzień|` +
	`hodin[ay]?|dn[íyů]|час(?:а|ов)?|минут[аы]?|дн(?:я|ей)|день|сут(?:ки|ок)|doba|dob[ęy]|etmaal|dygn|døgn|saat|dakika|gün`

// numbersAbroad are numbers in words in the same languages.
const numbersAbroad = `eine[rmn]?|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|zwölf|fünfzehn|zwanzig|vierundzwanzig|dreißig|dreissig|achtundvierzig|halbe[rn]?|` +
	`une?|deux|trois|quatre|cinq|sept|huit|dix|douze|quinze|vingt|vingt-quatre|trente|quarante-huit|` +
	`una?|dos|tres|cuatro|cinco|seis|siete|ocho|diez|doce|veinte|veinticuatro|treinta|` +
	`uma?|dois|duas|três|quatro|sete|oito|dez|doze|vinte|vinte e quatro|trinta|` +
	`uno?|due|tre|quattro|cinque|sei|sette|otto|dieci|dodici|quindici|venti|ventiquattro|trenta|` +
	`een|één|twee|drie|vijf|zes|zeven|acht|negen|tien|twaalf|vijftien|twintig|vierentwintig|dertig|` +
	`ett|två|fyra|fem|sex|sju|åtta|tio|tolv|femton|tjugo|tjugofyra|trettio|fire|seks|syv|otte|ti|femten|tyve|fireogtyve|` +
	`jedn[aąeo]|jeden|dwie|dwa|trzy|cztery|pięć|sześć|osiem|dziesięć|dwanaście|piętnaście|dwadzieścia|trzydzieści|` +
	`jedn[auy]|dvě|dva|tři|čtyři|pět|šest|osm|deset|dvanáct|patnáct|dvacet|třicet|` +
	`один|одн[аоу]|одного|два|две|двух|три|трех|трёх|четыре|четырех|четырёх|пять|шесть|восемь|десять|двенадцать|пятнадцать|двадцать|тридцать|` +
	`bir|iki|üç|dört|beş|altı|sekiz|on|on iki|on beş|yirmi|otuz|yarım`

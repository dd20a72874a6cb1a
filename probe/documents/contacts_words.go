package documents

import (
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// What a cell of the table of contacts says: an address, a name, or that there is nobody.

// unreachable matches addresses and numbers that reach nobody: no-reply mailboxes, reserved domains (RFC 2606), numbers of
// films (area code 555, 555-0100 to 555-0199), zeros and digits in order.
var unreachable = lazyregexp.New(`(?i)\b(?:no-?reply|do-?not-?reply)[\w.+-]*@|@(?:[\w-]+\.)*(?:invalid|localhost|localdomain|test)(?:$|[^\w.-])|` +
	`\b555[ .-]?01\d\d\b|\b555[ .-]?555[ .-]?5555\b|\b\(?123\)?[ .-]?456[ .-]?7890\b|\b0?123456789?\b|^\W*555[ .-]?1234\W*$|^\+?\W*(?:1[ .()-]*){7,}$|^\+?\W*(?:9[ .()-]*){7,}$|` +
	`(?:^|[^\d+ ]|^\+?1[ .-]) *\(?555\)?[ .-]\d{3}[ .-]\d{4}\b|(?:^|[^\d])\+?\d{0,4}[ ()/-]*(?:0[ ()/.-]*){6,}(?:$|\D)`)

// isUnassigned reports whether a cell names nobody: it is empty, only punctuation, or a word for it.
func isUnassigned(text string) bool {
	switch plainWord(text) {
	case "", "na", "none", "nobody", "noone", "unknown", "notassigned", "unassigned", "vacant", "vacancy", "null", "nil", "open", "openposition", "openrole", "opening",
		"positionopen", "hiring", "recruiting", "tobehired", "tohire", "tobeassigned", "tobenamed", "tobeappointed", "notapplicable", "notyet", "notyetassigned",
		"pending", "empty", "missing", "leftthecompany", "hasleft", "nolongerhere", "retired", "parentalleave", "onleave", "test", "abc", "foo", "bar", "asdf",
		"niemand", "unbesetzt", "offen", "vakant", "keiner", "keine", "personne", "vacante", "vacant·e", "nadie", "ninguno", "ninguém", "vago", "nessuno", "vacatur",
		"geen", "ingen", "obsazujese", "nikdo", "nikt", "brak", "wakat", "никто", "нет", "вакансия", "вакантно", "kimse", "yok", "boş",
		"未定", "不明", "不在", "未設定", "未指定", "なし", "無し", "無", "无", "暂无", "空缺", "待定", "待补充", "미정", "없음", "공석", "notset", "notdefined", "undefined", "nochoffen", "unbekannt", "inconnu", "desconocido":
		return true
	}
	return vacancy.MatchString(text) || departed.MatchString(text)
}

// departed matches anywhere in a cell that the person is gone.
var departed = lazyregexp.New(`(?i)\b(?:(?:has |who )?left (?:the )?(?:company|team|us|in (?:\pL+ )?\d{4})|(?:not|never) (?:yet )?(?:set up|configured|created|staffed|activated)|wird nachbesetzt|(?:en cours de recrutement|recrutement en cours)|no longer (?:here|with us|employed|in the team)|ex[- ]employee|former employee|retired|` +
	`on (?:(?:parental|maternity|paternity|sick|long[- ]term) )?leave|on sabbatical|in elternzeit|in mutterschutz|langzeiterkrankt|en congé|de baja por|met verlof|` +
	`ausgeschieden|nicht mehr (?:da|im unternehmen)|a quitté|ya no trabaja|uit dienst)\b`)

// vacancy matches cells that say that nobody has the role.
var vacancy = lazyregexp.New(`(?i)^\W*(?:(?:position |role |post |seat |currently |still |temporarily )*(?:vacant|empty|unfilled|unstaffed|unassigned)\b|we(?:'re| are) hiring|` +
	`(?:currently |still )?(?:no ?body|no one)\W*$|(?:no ?body|no one|not) (?:yet|assigned|available|for now|at the moment)\b|(?:open|vacant) (?:position|role|post|req)\b|to be (?:hired|assigned|appointed|named|determined|decided)\b|` +
	`(?:hiring|recruiting|recruitment|searching|looking for|wird gesucht|gesucht|nachbesetzung|en recrutement|se busca|wordt gezocht)\b|n\. ?n\.?\W*$|nn\W*$|nomen nescio|(?:zu besetzen|noch offen|nicht besetzt|stelle (?:offen|vakant|unbesetzt))\b|poste (?:vacant|à pourvoir)\b|(?:puesto )?(?:vacante|por asignar|sin asignar)\b|` +
	`à (?:pourvoir|définir|compléter|désigner|préciser|nommer)|non (?:défini|attribué|assigné)|(?:por|a) (?:definir|determinar|completar|designar|nombrar)|sin definir|` +
	`da (?:definire|assegnare|nominare|decidere)|nog (?:in te vullen|te bepalen|te benoemen|niet)|(?:noch )?zu (?:benennen|bestimmen|klären|ergänzen)|` +
	`wird noch|folgt(?: noch)?\W*$|do (?:ustalenia|uzupełnienia|obsadzenia)|nie (?:ustalono|przypisano)|не (?:назначен|определ|указан)|уточняется|будет (?:назначен|определ)|` +
	`belirlenecek|atanmadı|bude (?:doplněno|určeno)|neurčeno|ska utses|ej utsedd|skal (?:utpekes|udpeges))`)

// contactPlaceholder matches what templates contain in place of a contact: as the whole cell a word for it or a number of
// only zeros or x, and anywhere a mailbox at "your company".
var contactPlaceholder = lazyregexp.New(`(?i)^[\W_]*(?:(?:(?:your|manager|lead|team|full|first|last) )?name(?: here)?|your [a-z -]+|fill (?:me |this )?in|(?:phone|phone number|e-?mail|e-?mail address|contact|person|number)(?: here)?|(?:@|slack |github )?(?:user-?name|user|handle)|@(?:todo|tbd|tba|fixme|someone|name|me|oncall-name)|(?:the )?(?:responsible|right|contact) person|#?(?:your-)?channel(?:[ -]name)?|(?:some|any)(?:one|body)|whoever [\w -]+|ask(?: around| (?:some|any)(?:one|body))?|later|soon|xx?|changeme|placeholder|\+?[0x][0x .()-]{5,}|\S*x{3,}[x -]*)[\W_]*$|@(?:your|my)-?(?:company|domain|org|team)|\b(?:john|jane)[ .]doe\b|\b(?:max|erika)[ .]muster(?:mann|frau)\b`)

// tool matches the tools by which people are paged or written to, and tickets of a provider.
var tool = lazyregexp.New(`(?i)\b(?:slack|teams|discord|telegram|signal|whatsapp|matrix|mattermost|rocket\.?chat|zulip|zoom|webex|xmatters|grafana|incident\.io|rootly|firehydrant|squadcast|` +
	`zenduty|better ?stack|better ?uptime|jira|servicenow|freshservice|pager|beeper|ticket|support case|portal|console|ext(?:ension)?|durchwahl|nebenstelle|poste|anexo|e-?mail|phone)\b`)

// pointing matches a cell that begins by sending the reader elsewhere.
var pointing = lazyregexp.New(`(?i)^\W*(?:(?:see|ask|check|cf|refer to|look (?:at|in|up)|siehe|frag|voir|véase|vedi|zie|same as|as above|idem|ditto|dito)\b)`)

// minNumber is how many digits an internal telephone number has.
const minNumber = 3

// namesNobody reports whether a cell has neither an address, a number, a channel or a tool nor a word that may be a name. Names
// begin with a capital, or are in a script without capitals.
func namesNobody(text string) bool {
	digits := 0
	for _, r := range text {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	switch {
	case reachable.MatchString(text), rota.MatchString(text), tool.MatchString(text), digits >= minNumber,
		strings.Contains(text, "://"), handle.MatchString(text):
		return false
	case pointing.MatchString(text):
		return true
	}
	return strings.IndexFunc(text, func(r rune) bool { return unicode.IsUpper(r) || unicode.IsTitle(r) || unicode.Is(unicode.Lo, r) }) < 0
}

// handle matches a channel or a user of a chat, and a mail address that is spelled out.
var handle = lazyregexp.New(`(?:^|[\s(])[@#][\pL\d][\w.-]|\w(?: ?[(\[]at[)\]] ?| at )[\w-]+(?:\.| ?[(\[]dot[)\]] ?| dot )\w`)

// isRole reports whether a contact only repeats the role.
func isRole(contact, role string) bool {
	contact = strings.TrimPrefix(plainWord(contact), "the")
	return contact != "" && contact == plainWord(role) && !rota.MatchString(role)
}

package migrations

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// What the text of a migration is, without a parser of SQL: dialects differ too much. A text counts as SQL if any line of it
// begins with a word of the language, and as truncated only where nothing else can explain an open parenthesis.

// sqlVerb matches the start of a statement in PostgreSQL, MySQL or SQLite, of a psql command or of a template.
var sqlVerb = lazyregexp.New(`(?i)^(?:(?:ALTER|ANALYZE|BEGIN|CALL|CLUSTER|COMMENT|COMMIT|COPY|CREATE|DECLARE|DELETE|DELIMITER|DO|DROP|` +
	`END|EXEC(?:UTE)?|GRANT|IF|IMPORT|INSERT|LOCK|MERGE|PERFORM|PRAGMA|REASSIGN|REFRESH|REINDEX|RENAME|REPLACE|REVOKE|ROLLBACK|` +
	`SAVEPOINT|SECURITY|SELECT|SET|SHOW|START|TRUNCATE|UPDATE|USE|VACUUM|VALUES|WITH|GO)\b|\\|/\*!|\{\{|\$\{)`)

// opaque matches what may hold parentheses of its own or is not SQL: function bodies, data of COPY, other delimiters,
// escapes and block comments.
var opaque = lazyregexp.New(`\$\w*\$|(?i:\bDELIMITER\b|\bFROM\s+STDIN\b)|\\|/\*`)

// quoted matches a quoted text or name, and a comment on one line.
var quoted = lazyregexp.New("(?m)'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|--[^\n]*|^\\s*#[^\n]*")

// tableWord matches what a statement that makes or changes tables contains. Statements that run others count too.
var tableWord = lazyregexp.New(`(?i)\b(?:TABLE|VIEW|INTO|DO|CALL|EXEC|EXECUTE|IMPORT|PERFORM)\b|hypertable|\\|\{\{|\$\{`)

// undone matches a transaction that ends with a rollback at the end of the text.
var undone = lazyregexp.New(`(?is)(?:^|;)\s*(?:BEGIN|START\s+TRANSACTION)\b.*;\s*ROLLBACK(?:\s+(?:TRANSACTION|WORK))?\s*;?\s*$`)

// statementsOf judges a text that is more than comments.
func statementsOf(sql string) migrationContent {
	if up := upPart(sql); strings.TrimSpace(up) != "" {
		sql = up
	}
	plain := quoted.ReplaceAllString(sql, " ")
	found := strings.Contains(plain, "/*")
	for part := range strings.FieldsFuncSeq(plain, func(r rune) bool { return r == ';' || r == '\n' }) {
		found = found || sqlVerb.MatchString(strings.TrimSpace(strings.TrimPrefix(part, "\uFEFF")))
	}
	switch {
	case !found:
		return migrationGarbage
	case !opaque.MatchString(sql) && (strings.Count(plain, "(") > strings.Count(plain, ")") || strings.Contains(plain, "'")):
		return migrationUnclosed
	case undone.MatchString(plain):
		return migrationUndone
	case !tableWord.MatchString(plain):
		return migrationTableless
	}
	return migrationStatements
}

// makesNoTable reports whether every up migration was read and none of them makes or changes a table.
func makesNoTable(used []File) bool {
	seen := false
	for _, file := range used {
		if file.down {
			continue
		}
		if file.err != nil || file.content != migrationTableless && file.content != migrationEmpty {
			return false
		}
		seen = seen || file.content == migrationTableless
	}
	return seen
}

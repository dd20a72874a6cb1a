package migrations

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// How migration tools name and number their files, and what counts as a statement in a file.

// Naming styles, as shown to users.
const (
	StyleMigrate  = "golang-migrate" // 000001_name.up.sql and 000001_name.down.sql
	StyleFlyway   = "flyway"         // V1__name.sql, V1.1__name.sql, U1__name.sql reverts, R__name.sql is repeatable
	styleNumbered = "numbered"       // 001_name.sql, 20240101120000_name.sql; goose, dbmate, sql-migrate, psql in a loop
)

// Name is a parsed file name. Names with control characters do not parse.
type Name struct {
	file       string
	Style      string
	number     []string // digits without leading zeros; several parts for 1.1
	text       string   // the number as written
	down       bool
	repeatable bool // without number
}

var (
	migrateName    = lazyregexp.New(`^(\d{1,20})_([^[:cntrl:]]*)\.(up|down)\.sql$`)
	flywayName     = lazyregexp.New(`^([VU])(\d{1,20}(?:[._]\d{1,20}){0,5})__[^[:cntrl:]]+\.sql$`)
	repeatableName = lazyregexp.New(`^R__[^[:cntrl:]]+\.sql$`)
	revertName     = lazyregexp.New(`(?i)[._-](?:down|undo|rollback|revert)\.(?:sql|go)$`)
	numberedName   = lazyregexp.New(`^(\d{1,20})[-_][^[:cntrl:]]+\.(?:sql|go)$`)
)

func parseMigrationName(file string) (Name, bool) {
	name := Name{file: file}
	digits := ""
	if m := migrateName.FindStringSubmatch(file); m != nil {
		name.Style, name.text, digits, name.down = StyleMigrate, m[1], m[1], m[3] == "down"
	} else if m := flywayName.FindStringSubmatch(file); m != nil {
		name.Style, name.text, digits, name.down = StyleFlyway, m[1]+m[2], strings.ReplaceAll(m[2], "_", "."), m[1] == "U"
	} else if repeatableName.MatchString(file) {
		name.Style, name.repeatable = StyleFlyway, true
	} else if m := numberedName.FindStringSubmatch(file); m != nil && !strings.HasSuffix(file, "_test.go") {
		name.Style, name.text, digits, name.down = styleNumbered, m[1], m[1], revertName.MatchString(file)
	} else {
		return name, false
	}
	name.number = NumberParts(digits)
	return name, true
}

// NumberParts splits a number such as 001 or 1.02 into canonical parts: without leading zeros, and 1.0 becomes 1.
func NumberParts(digits string) []string {
	var number []string
	for part := range strings.SplitSeq(digits, ".") {
		part = strings.TrimLeft(part, "0")
		if part == "" {
			part = "0"
		}
		number = append(number, part)
	}
	for len(number) > 1 && number[len(number)-1] == "0" {
		number = number[:len(number)-1]
	}
	return number
}

// CompareNumbers orders numbers as returned by NumberParts.
func CompareNumbers(a, b []string) int {
	return slices.CompareFunc(a, b, func(x, y string) int { return cmp.Or(len(x)-len(y), strings.Compare(x, y)) })
}

// key is the canonical form of the number.
func (n Name) key() string { return strings.Join(n.number, ".") }

// StyleOf returns the style that most files use.
func StyleOf(found []File) string {
	count := map[string]int{}
	for _, f := range found {
		count[f.Style]++
	}
	best := styleNumbered
	for _, style := range []string{StyleMigrate, StyleFlyway} {
		if count[style] > count[best] {
			best = style
		}
	}
	return best
}

// Version is a number with its files; files that revert are not counted.
type Version struct {
	Number []string
	Text   string
	Files  []string
}

// VersionsOf returns the versions in ascending order.
func VersionsOf(used []File) []Version {
	byKey := map[string]*Version{}
	for _, f := range used {
		if f.down || f.repeatable {
			continue
		}
		v := byKey[f.key()]
		if v == nil {
			v = &Version{Number: f.number, Text: f.text}
			byKey[f.key()] = v
		}
		v.Files = append(v.Files, f.file)
	}
	versions := make([]Version, 0, len(byKey))
	for _, v := range byKey {
		versions = append(versions, *v)
	}
	slices.SortFunc(versions, func(a, b Version) int { return CompareNumbers(a.Number, b.Number) })
	return versions
}

// gaps lists the missing numbers. A number of ten digits or more is a timestamp, where gaps are normal. Where all
// numbers are multiples of ten (a hundred, a thousand), that is the step.
func gaps(versions []Version, from int) []string {
	var numbers []int
	width := 0
	for _, v := range versions {
		if len(v.Number[0]) < 10 {
			n, _ := strconv.Atoi(v.Number[0]) // nine digits fit
			numbers = append(numbers, n)
			if width == 0 {
				width = len(strings.TrimLeft(strings.FieldsFunc(v.Text, func(r rune) bool { return r == '.' || r == '_' })[0], "V"))
			}
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	step := 1
	for _, s := range []int{10, 100, 1000} {
		if !slices.ContainsFunc(numbers, func(n int) bool { return n%s != 0 }) {
			step = s
		}
	}
	write := func(n int) string { return fmt.Sprintf("%0*d", width, n) }
	before := from - step
	if from == 0 && numbers[0] > 0 {
		before = 0
	}
	var missing []string
	for _, n := range numbers {
		switch first, last := before+step, n-step; {
		case n <= before: // a minor number of the same major, or older than the squash
			continue
		case first == last:
			missing = append(missing, write(first)+" is missing")
		case first < last:
			missing = append(missing, write(first)+" to "+write(last)+" are missing")
		}
		before = n
	}
	return missing
}

// Markers of the tools that keep both directions in one file: goose, sql-migrate, dbmate.
var (
	upMarker   = lazyregexp.New(`(?im)^[ \t]*--[ \t]*(?:\+goose|\+migrate|migrate:)[ \t]*up\b.*$`)
	downMarker = lazyregexp.New(`(?im)^[ \t]*--[ \t]*(?:\+goose|\+migrate|migrate:)[ \t]*down\b.*$`)
	// Transaction control alone changes nothing.
	transactionWord = lazyregexp.New(`(?i)^(?:begin|commit|end|start\s+transaction)` +
		`(?:[\s,]+(?:work|transaction|tran|isolation|level|read|write|only|uncommitted|committed|repeatable|serializable|and|no|chain))*\s*(?:;|$)`)
)

// hasStatement reports whether the up direction has more than comments and transaction control.
func hasStatement(sql string) bool {
	sql = strings.TrimPrefix(sql, "\uFEFF")
	if up := upMarker.FindStringIndex(sql); up != nil {
		sql = sql[up[1]:]
		if down := downMarker.FindStringIndex(sql); down != nil {
			sql = sql[:down[0]]
		}
	}
	for {
		sql = strings.TrimLeft(sql, "; \t\r\n\f\v")
		switch {
		case sql == "":
			return false
		case strings.HasPrefix(sql, "--"), strings.HasPrefix(sql, "#"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*!"): // MySQL executes these
			return true
		case strings.HasPrefix(sql, "/*"):
			sql = sql[commentEnd(sql):]
		default:
			control := transactionWord.FindString(sql)
			if control == "" {
				return true
			}
			sql = sql[len(control):]
		}
	}
}

// commentEnd returns the length of the comment at the start of sql. PostgreSQL allows nested comments.
func commentEnd(sql string) int {
	depth := 0
	for i := 0; i+1 < len(sql); i++ {
		switch sql[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			if depth--; depth == 0 {
				return i + 2
			}
			i++
		}
	}
	return len(sql)
}

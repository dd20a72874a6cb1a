// Backups of other database systems. They are recognised by their first bytes, so that they are reported by name instead
// of as damage, and never as a PostgreSQL backup.

package dump

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// engines maps database systems to patterns of the beginnings of their backups.
var engines = [...]struct {
	name string
	head *lazyregexp.Regexp
}{
	{"MariaDB", lazyregexp.New(`(?m)^(?:/\*M?!999999\\- enable the sandbox mode \*/ *$|-- MariaDB dump |-- Server version\t.*MariaDB)`)},
	{"MySQL", lazyregexp.New(`(?m)^(?:(?:--|#) MySQL dump |-- Dump created by mydumper|(?:--|#) phpMyAdmin SQL Dump|` +
		`/\*!40\d{3} SET |-- MySQL Administrator dump |-- (?:Adminer|HeidiSQL) .*MySQL)`)},
	{"MySQL (xbstream)", lazyregexp.New(`\AXBSTCK0[1-9]`)},
	{"SQLite", lazyregexp.New(`\A(?:SQLite format 3\x00|(?:--[^\n]*\n)*PRAGMA foreign_keys ?= ?O(?:FF|N);)`)},
	{"MongoDB", lazyregexp.New(`\Am♁`)},
	{"SQL Server", lazyregexp.New(`\A(?:TAPE\x00\x00|\x{FEFF}?USE \[[^\]\n]+\]\r?\nGO\b)`)},
	{"Oracle", lazyregexp.New(`(?s)\A.{0,4}EXPORT:V\d`)},
	{"H2", lazyregexp.New(`\A-- H2 [0-9]`)},
}

// engineOf returns the database system whose backup begins like that; "" for none.
func engineOf(head []byte) string {
	for _, e := range engines {
		if e.head.Match(head) {
			return e.name
		}
	}
	return ""
}

// otherEngine is the fault of such a backup.
func otherEngine(engine string) error {
	article := "a"
	if strings.ContainsAny(engine[:1], "AEIOUH") {
		article = "an"
	}
	return broken(Opaque, "is %s %s backup, and only PostgreSQL backups are read", article, engine)
}

package dump

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/dumptest"
)

func TestStatedTime(t *testing.T) {
	for comment, want := range map[string]string{
		"-- Started on 2024-01-05 02:00:00 UTC":      "2024-01-05T02:00:00Z",
		"-- Completed on 2024-01-05 02:00:00 CET":    "2024-01-05T14:00:00Z",
		"-- Started on 2024-01-05T02:00:00Z":         "2024-01-05T02:00:00Z",
		"-- Started on 2024-01-05 02:00:00+02:00":    "2024-01-05T00:00:00Z",
		"-- Started on 2024-01-05 02:00:00":          "2024-01-05T14:00:00Z",
		"-- Started on 2024-13-05 02:00:00":          "",
		"-- Started on 2024-02-30 02:00:00":          "",
		"-- Dumped from database version 16.1":       "",
		"-- Name: x; Started on 2024-01-05 02:00:00": "",
	} {
		got := statedTime(comment)
		if shown := got.Format(time.RFC3339); got.IsZero() != (want == "") || want != "" && shown != want {
			t.Errorf("%s: %s, want %q", comment, shown, want)
		}
	}
}

// The time of a real dump has its latest reading: at most 26 hours ahead of the clock.
func TestProof_Dumped(t *testing.T) {
	c := dumptest.HardDatabase(t)
	for name, args := range map[string][]string{
		"custom": {"-Fc"}, "tar": {"-Ft"}, "directory": {"-Fd", "-f", dumptest.File}, "verbose SQL": {"--verbose"},
	} {
		proof, err := Prove(t.Context(), strings.NewReader(string(c.Dump(t, "pg_dump", args...))), -1)
		if err != nil || !proof.Whole {
			t.Fatalf("%s: %+v %v", name, proof, err)
		}
		if ahead := time.Until(proof.Dumped); ahead < -15*time.Hour || ahead > 27*time.Hour {
			t.Errorf("%s: dumped %v", name, proof.Dumped)
		}
	}
}

func TestEngineOf(t *testing.T) {
	for head, want := range map[string]string{
		"-- MySQL dump 10.13  Distrib 8.0.36":                           "MySQL",
		"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10": "MariaDB",
		"-- phpMyAdmin SQL Dump\n-- version 5":                          "MySQL",
		"SQLite format 3\x00":                                           "SQLite",
		"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;":                  "SQLite",
		"\x6d\xe2\x99\x81":                                              "MongoDB",
		"XBSTCK01":                                                      "MySQL (xbstream)",
		"\x03\x00\x01EXPORT:V11.02.00":                                  "Oracle",
		"TAPE\x00\x00\x03\x8c":                                          "SQL Server",
		"TAPES are fine":                                                "",
		"select 'MySQL dump'":                                           "",
		"pg_dump: error: connection to server failed":                   "",
	} {
		if got := engineOf([]byte(head)); got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}

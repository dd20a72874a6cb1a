package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestSQLQuery runs statements on a real server as a role that may only read.
func TestSQLQuery(t *testing.T) {
	server := parts.PostgreSQL(t)
	reader, mark := parts.Secret(), parts.Secret()
	server.Exec(t, "create role reader login password '"+reader+"'", "create table jobs (id int, state text, late bool)",
		"insert into jobs values (1, '"+mark+"', true), (2, '"+mark+"', false)", "create table closed (id int)", "create sequence numbers",
		"grant select on jobs to reader", "grant all on sequence numbers to reader",
		"create function effect() returns int language sql as 'select nextval(''numbers'')::int'",
		"create function steady() returns int stable language plpgsql as 'begin perform nextval(''numbers''); return 1; end'",
		"create function reads() returns bigint stable language sql as 'select count(*) from jobs'",
		"create function audited() returns trigger language plpgsql as 'begin return new; end'",
		`create function "Effect Ä"() returns int language sql as 'select 1'`, "create schema other",
		"create function other.count_jobs() returns int language sql as 'select 1'", "create function of_row(jobs) returns int language sql as 'select 1'",
		"create function tells(int, int) returns int language sql as 'select 1 from (select pg_notify(''a'', ''b'')) x'",
		"create operator public.%#% (function = tells, leftarg = int, rightarg = int)",
		"grant execute on function pg_read_file(text) to reader", "grant execute on function lo_export(oid, text) to reader",
		"grant usage on schema other to reader")
	settings := probetest.PostgresSettings(server.Addr(), "reader", reader)
	first := probetest.NewPass(t, nil, settings)
	for name, test := range map[string]struct {
		query, rule string
		state       probe.State
		reason      probe.Reason
		detail      string
	}{
		"count":                  {"select count(*) from jobs", "equals: '2'", probe.StatePass, "", "as required"},
		"bound":                  {"SELECT count(*) FROM jobs WHERE late;", "at_most: 1", probe.StatePass, "", ""},
		"decimal":                {"select avg(id) from jobs", "equals: '1.5'", probe.StatePass, "", ""},
		"boolean":                {"select bool_or(late) from jobs", "equals: 'true'", probe.StatePass, "", ""},
		"text":                   {"select state from jobs where id = 1", "matches: '^[0-9A-Za-z]+$'", probe.StatePass, "", ""},
		"with":                   {"/* a /* b */ ; */ with j as (select * from jobs) -- c;\nselect count(*) from j", "at_least: 2", probe.StatePass, "", ""},
		"show":                   {"show standard_conforming_strings", "equals: 'on'", probe.StatePass, "", ""},
		"values":                 {"values (1)", "equals: '1'", probe.StatePass, "", ""},
		"reports only":           {"select pg_database_size(current_database())", "at_least: 1", probe.StatePass, "", ""},
		"stable function":        {"select reads()", "equals: '2'", probe.StatePass, "", ""},
		"name in a text":         {"select 'pg_notify(;' || $a$effect($a$", "matches: 'effect'", probe.StatePass, "", ""},
		"table like a trigger's": {"select count(*) from public.jobs where 'audited' <> ''", "equals: '2'", probe.StatePass, "", ""},
		"search path":            {"select current_setting('search_path')", "matches: 'public'", probe.StatePass, "", ""},
		"read only":              {"select current_setting('transaction_read_only')", "equals: 'on'", probe.StatePass, "", ""},

		"too many":       {"select count(*) from jobs", "at_most: 1", probe.StateFail, probe.ReasonThreshold, "more than 1"},
		"too few":        {"select count(*) from jobs", "at_least: 3", probe.StateFail, probe.ReasonThreshold, "less than 3"},
		"other value":    {"select state from jobs where id = 1", "equals: done", probe.StateFail, probe.ReasonMismatch, "not the value"},
		"does not match": {"select state from jobs where id = 1", "matches: '^done$'", probe.StateFail, probe.ReasonMismatch, "does not match"},
		"not a number":   {"select state || 'x' from jobs where id = 1", "at_least: 1", probe.StateFail, probe.ReasonInvalid, "not a number"},
		"not finite":     {"select 'NaN'::float8", "at_least: 1", probe.StateFail, probe.ReasonInvalid, ""},
		"NULL":           {"select max(id) from jobs where id > 9", "at_most: 5", probe.StateFail, probe.ReasonEmpty, "NULL"},
		"no row":         {"select id from jobs where id > 9", "at_most: 5", probe.StateFail, probe.ReasonMissing, "no row"},

		"two rows":            {"select id from jobs", "at_most: 5", probe.StateUnknown, probe.ReasonInvalid, "more than one row"},
		"rows without end":    {"with recursive r as (select 1 as n union all select n from r) select n from r", "at_most: 5", probe.StateUnknown, probe.ReasonInvalid, "more than one row"},
		"two columns":         {"select id, late from jobs where id = 1", "at_most: 5", probe.StateUnknown, probe.ReasonInvalid, "2 columns"},
		"two columns, no row": {"select id, late from jobs where id = 9", "at_most: 5", probe.StateUnknown, probe.ReasonInvalid, "2 columns"},
		"syntax":              {"select from where", "at_most: 5", probe.StateUnknown, probe.ReasonInvalid, "42601"},
		"no such table":       {"select count(*) from " + "gone", "at_most: 5", probe.StateUnknown, probe.ReasonInvalid, "42P01"},
		"division by zero":    {"select 1 / 0", "at_most: 5", probe.StateUnknown, probe.ReasonInvalid, "22012"},
		"quotes the value":    {"select state::int from jobs where id = 1", "at_most: 5", probe.StateUnknown, probe.ReasonInvalid, "22P02"},
		"no privilege":        {"select count(*) from closed", "at_most: 5", probe.StateUnknown, probe.ReasonPermissionDenied, "lacks a privilege"},
		"too large a value":   {"select repeat('x', 3000000)", "matches: x", probe.StateUnknown, probe.ReasonInvalid, ""},

		"nextval":             {"select nextval('numbers')", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "not run: nextval"},
		"in another schema":   {"select pg_catalog . nextval /* */ ('numbers')", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "not run: nextval"},
		"quoted":              {`select "pg_catalog"."nextval"('numbers')`, "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "not run: nextval"},
		"own function":        {"select effect()", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "not run: effect"},
		"own, other letters":  {`select "Effect Ä"()`, "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "not run: Effect"},
		"of a row":            {"select j.of_row from jobs j where id = 1", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "not run: of_row"},
		"by an operator":      {"select 1 %#% 2", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "not run: tells"},
		"writes, says stable": {"select steady()", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "read-only"},
		"notify":              {"select pg_notify('a', 'b') is null", "equals: 'false'", probe.StateUnknown, probe.ReasonInvalid, "not run: pg_notify"},
		"terminate":           {"select count(pg_terminate_backend(pid)) from pg_stat_activity", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "not run: pg_terminate_backend"},
		"read a file":         {"select length(pg_read_file('PG_VERSION'))", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "not run: pg_read_file"},
		"write a file":        {"select lo_export(1, '/tmp/x')", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "not run: lo_export"},
		"set a setting":       {"select set_config('transaction_read_only', 'off', false)", "equals: 'off'", probe.StateUnknown, probe.ReasonInvalid, "not run: set_config"},
		"lock":                {"select pg_advisory_lock(1) is null", "equals: 'false'", probe.StateUnknown, probe.ReasonInvalid, "not run: pg_advisory_lock"},
		"text that is run":    {"select query_to_xml('select 1', true, true, '')::text", "matches: .", probe.StateUnknown, probe.ReasonInvalid, "not run: query_to_xml"},
		"sleep":               {"select pg_sleep(100) is null", "equals: 'false'", probe.StateUnknown, probe.ReasonInvalid, "not run: pg_sleep"},
		"delete":              {"with gone as (delete from jobs returning 1) select count(*) from gone", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "read-only"},
		"select for update":   {"select id from jobs where id = 1 for update", "at_least: 0", probe.StateUnknown, probe.ReasonInvalid, "read-only"},
	} {
		t.Run(name, func(t *testing.T) {
			got := probetest.Look(t, probetest.Again(first), QueryKind(), "{query: \""+strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(test.query)+"\", "+test.rule+"}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, mark)
			probetest.HasNot(t, got, reader)
		})
	}
	// A role that may write is stopped by the transaction.
	server.Exec(t, "grant all on jobs to reader")
	for _, query := range []string{"with gone as (delete from jobs returning 1) select count(*) from gone", "select id from jobs where id = 1 for update", "select 1 into made"} {
		got := probetest.Look(t, probetest.Again(first), QueryKind(), "{query: '"+query+"', at_least: 0}")
		probetest.Expect(t, got, probe.StateUnknown, probe.ReasonInvalid, "read-only")
	}
	probetest.Expect(t, probetest.Look(t, probetest.Again(first), QueryKind(), "{query: 'select count(*) from jobs', equals: '2'}"), probe.StatePass, "", "")
	slow := settings
	slow.Database.Timeout = probetest.Patience(probe.ReasonTimeout)
	got := probetest.Look(t, probetest.NewPass(t, nil, slow), QueryKind(), "{query: 'select count(*) from generate_series(1, 100000000000)', at_least: 0}")
	probetest.Expect(t, got, probe.StateUnknown, probe.ReasonTimeout, "")
	parts.Eventually(t, func() error {
		if left := server.Connections(t, first.Agent); left != 0 {
			return fmt.Errorf("%d connections are left", left)
		}
		return nil
	})
}

// TestSQLQuery_OtherSessions calls a function that connects to a server by itself.
func TestSQLQuery_OtherSessions(t *testing.T) {
	server := parts.PostgreSQL(t)
	password := parts.Secret()
	server.Exec(t, "create role reader login password '"+password+"'", "create extension dblink", "create table jobs (id int)", "grant all on jobs to reader")
	settings := probetest.PostgresSettings(server.Addr(), "reader", password)
	query := "select dblink_exec('host=127.0.0.1 port=" + server.Addr()[strings.LastIndex(server.Addr(), ":")+1:] + " user=reader password=" + password + " dbname=postgres', 'insert into jobs values (1)')"
	got := probetest.Look(t, probetest.NewPass(t, nil, settings), QueryKind(), `{query: "`+query+`", matches: INSERT}`)
	probetest.Expect(t, got, probe.StateUnknown, probe.ReasonInvalid, "not run: dblink_exec")
	probetest.HasNot(t, got, password)
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, settings), QueryKind(), "{query: 'select count(*) from jobs', equals: '0'}"), probe.StatePass, "", "")
}

// TestSQLQuery_OverPrivileged runs nothing as a role with power over files, programs or other sessions.
func TestSQLQuery_OverPrivileged(t *testing.T) {
	server := parts.PostgreSQL(t)
	password := parts.Secret()
	login := func(name, rest string) string {
		return "create role " + name + " login password '" + password + "' " + rest
	}
	server.Exec(t, "create table ran (id int)", "create function shadow(name, oid, text) returns bool stable language sql as 'select false'",
		"create schema shadows", "create function shadows.pg_has_role(name, oid, text) returns bool stable language sql as 'select false'",
		"create role boss superuser", login("plain", ""), login("monitor", ""), "grant pg_monitor, pg_read_all_data to monitor",
		login("super", "superuser"), login("signals", ""), "grant pg_signal_backend to signals",
		login("writes", ""), "grant pg_write_all_data to writes", login("files", ""), "grant pg_write_server_files to files",
		login("reads_files", ""), "grant pg_read_server_files to reads_files", login("runs", ""), "grant pg_execute_server_program to runs",
		"create role team", "create role inner_team", "grant pg_execute_server_program to inner_team", "grant inner_team to team",
		login("inherits", ""), "grant team to inherits", login("by_set_role", "noinherit"), "grant team to by_set_role",
		login("becomes_boss", "noinherit"), "grant boss to becomes_boss", login("replicates", "replication"),
		login("shadowed", ""), "grant pg_signal_backend to shadowed", "grant usage on schema shadows to shadowed",
		"alter role shadowed set search_path = shadows, pg_catalog")
	for name, powers := range map[string]string{
		"plain": "", "monitor": "", "super": "superuser", "signals": "pg_signal_backend", "writes": "pg_write_all_data", "files": "pg_write_server_files",
		"reads_files": "pg_read_server_files", "runs": "pg_execute_server_program", "inherits": "pg_execute_server_program",
		"by_set_role": "pg_execute_server_program", "becomes_boss": "superuser", "replicates": "REPLICATION", "shadowed": "pg_signal_backend",
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, nil, probetest.PostgresSettings(server.Addr(), name, password))
			got := probetest.Look(t, p, QueryKind(), "{query: 'select 1', equals: '1'}")
			if powers == "" {
				probetest.Expect(t, got, probe.StatePass, "", "")
				return
			}
			probetest.Expect(t, got, probe.StateUnknown, probe.ReasonOverPrivileged, "not run: the role has or can take the powers of")
			probetest.Expect(t, got, probe.StateUnknown, probe.ReasonOverPrivileged, powers)
			if got.Remedy != "deployment.database.user" {
				t.Errorf("remedy %q", got.Remedy)
			}
		})
	}
}

func TestSQLQuery_Faults(t *testing.T) {
	t.Parallel()
	password := parts.Secret()
	for _, f := range probetest.PortFaults(t) {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
			if f.Reason == probe.ReasonTimeout || f.Name == "HTTP" || f.Name == "drips" {
				ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
			}
			defer cancel()
			p := probetest.NewPass(t, nil, probetest.PostgresSettings(f.Address, "reader", password))
			got := probe.Run(ctx, probetest.Load(t, QueryKind(), "{query: 'select 1', equals: '1'}"), p)
			if got.State != probe.StateUnknown {
				t.Errorf("%+v", got)
			}
			probetest.HasNot(t, got, password)
			probetest.HasNot(t, got, "mark")
		})
	}
}

func TestSQLQuery_Refused(t *testing.T) {
	for query, want := range map[string]string{
		"select 1; select 2":       "more than one statement",
		"select 1; -- end\n;":      "more than one statement",
		"copy jobs to program 'x'": "only SELECT",
		"delete from jobs":         "only SELECT",
		"set role boss":            "only SELECT",
		"call x()":                 "only SELECT",
		"do $$ begin end $$":       "only SELECT",
		"explain analyze select 1": "only SELECT",
		"(delete from jobs)":       "only SELECT",
		"notify a":                 "only SELECT",
		"-- select 1":              "no statement",
		"/* select 1":              "not closed",
		"select 'a":                "not closed",
		"select E'a\\'; delete from jobs; --' || 'b' ; select 2": "more than one statement",
		"select $a$ x":                                "not closed",
		"select $1":                                   "parameters",
		`select U&"\0070g_notify"('a', 'b')`:          "Unicode",
		"select \x00 1":                               "",
		"select " + strings.Repeat("a", 64) + "()":    "63 bytes",
		"select '" + strings.Repeat("a", 20000) + "'": "16 KiB",
	} {
		s := &sqlQuery{Query: query, Equals: new("1")}
		errs := s.Validate()
		if len(errs) == 0 || !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), want) }) {
			t.Errorf("%q: %v; want %q", query, errs, want)
		}
	}
	if _, problems := probetest.Decode(QueryKind(), "{query: select 1}"); len(problems) == 0 {
		t.Error("a statement without a rule loads")
	}
}

// FuzzStatement finds statements on which the scanner does not end, or loses its place.
func FuzzStatement(f *testing.F) {
	for _, seed := range []string{"select f(1)", "select \"a\"\"b\" . c /* /* */ */ ( $x$ y $x$ )", "select E'\\'' || 'a''b'", "$", "u&'", "-- x\r;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := parseStatement(text)
		if err == nil && words.first == "" {
			t.Errorf("%q: no first word", text)
		}
	})
}

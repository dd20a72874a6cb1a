package dsn

import "testing"

func TestParse(t *testing.T) {
	for text, want := range map[string]struct {
		scheme, host, path, user string
		port                     int
		ok                       bool
	}{
		"postgres://app@db:5433/shop":               {"postgres", "db", "shop", "app", 5433, true},
		"postgresql://db/shop?user=app&port=5434":   {"postgres", "db", "shop", "app", 5434, true},
		"jdbc:postgresql://db:5432/shop":            {"postgres", "db", "shop", "", 5432, true},
		"postgres://app@one:1,two:2/shop":           {"postgres", "one", "shop", "app", 1, true},
		"host=db port=5432 user='a b' dbname=shop":  {"postgres", "db", "shop", "a b", 5432, true},
		"postgres:///shop?host=/var/run/postgresql": {"postgres", "/var/run/postgresql", "shop", "", 0, true},
		"host=db user='unclosed":                    {"postgres", "", "", "", 0, false},
		"db:5432":                                   {"postgres", "", "", "", 0, false},
		"redis://cache:6380/1":                      {"redis", "cache", "1", "", 6380, true},
		"unix:///run/redis.sock":                    {"redis", "/run/redis.sock", "", "", 0, true},
		"mysql://db/shop":                           {"redis", "", "", "", 0, false},
	} {
		p, ok := Parse(text, want.scheme)
		if ok != want.ok || ok && (p.Host != want.host || p.Path != want.path || p.User != want.user || p.Port != want.port) {
			t.Errorf("%s: %+v, %v; want %+v", text, p, ok, want)
		}
	}
}

func TestParts_Session(t *testing.T) {
	for text, want := range map[string][2]string{
		"postgres://db/shop":                                      {"", ""},
		"postgres://db/shop?search_path=app&role=reader":          {"app", "reader"},
		"jdbc:postgresql://db/shop?currentSchema=app":             {"app", ""},
		"postgres://db/shop?options=-c%20search_path%3Dapp":       {"app", ""},
		"postgres://db/shop?options=--search-path%3Dapp":          {"app", ""},
		`host=db options='-csearch_path=app -c role=reader'`:      {"app", "reader"},
		"postgres://db/shop?options=-c%20statement_timeout%3D100": {"", ""},
	} {
		p, ok := Parse(text, "postgres")
		if path, role := p.Session(); !ok || path != want[0] || role != want[1] {
			t.Errorf("%s: %q, %q", text, path, role)
		}
	}
}

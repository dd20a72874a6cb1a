package deployment

import (
	"net/url"
	"strconv"
	"strings"
)

// Connection strings of databases: URLs, also those of JDBC and with several hosts, and PostgreSQL's keyword form
// (host=db port=5432 user=app).

// parseDSN parses a connection string of the scheme. It is not ok for other text.
func parseDSN(text, scheme string) (p urlParts, ok bool) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "jdbc:")
	if !strings.Contains(text, "://") {
		if scheme != "postgres" {
			return p, false
		}
		return parseKeywords(text)
	}
	text = firstHost(text)
	u, err := url.Parse(text)
	if err != nil || !strings.HasPrefix(u.Scheme, scheme) && !(scheme == "redis" && u.Scheme == "unix") {
		return p, false
	}
	p = urlParts{scheme: u.Scheme, host: u.Hostname(), path: strings.Trim(u.Path, "/"), user: u.User.Username(), query: u.Query()}
	p.port, _ = strconv.Atoi(u.Port())
	if password, ok := u.User.Password(); ok {
		p.password = &password
	}
	if scheme == "redis" && (u.Scheme == "unix" || strings.HasSuffix(u.Scheme, "socket")) {
		p.host, p.path = u.Path, ""
	}
	if scheme == "postgres" {
		p.fromQuery()
	}
	return p, true
}

// firstHost removes all but the first of several hosts from a URL (postgres://a:5432,b:5432/app).
func firstHost(text string) string {
	scheme, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	at := strings.LastIndex(authority, "@") + 1
	first, _, several := strings.Cut(authority[at:], ",")
	if !several {
		return text
	}
	return scheme + "://" + authority[:at] + first + tail
}

// fromQuery takes what libpq and JDBC accept as parameters of the URL.
func (p *urlParts) fromQuery() {
	for key, to := range map[string]*string{"host": &p.host, "user": &p.user, "dbname": &p.path} {
		if v := p.query.Get(key); v != "" && *to == "" {
			*to, _, _ = strings.Cut(v, ",")
		}
	}
	if port, err := strconv.Atoi(p.query.Get("port")); err == nil && p.port == 0 {
		p.port = port
	}
	if v, ok := p.query["password"]; ok && p.password == nil {
		p.password = &v[0]
	}
}

// parseKeywords parses PostgreSQL's keyword form. Values with blanks are in single quotes; a backslash escapes.
func parseKeywords(text string) (p urlParts, ok bool) {
	query := url.Values{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		key, rest, found := strings.Cut(text, "=")
		key = strings.TrimSpace(key)
		if !found || key == "" || strings.ContainsAny(key, " '\\/:@") {
			return p, false
		}
		var value strings.Builder
		rest = strings.TrimLeft(rest, " ")
		quoted := strings.HasPrefix(rest, "'")
		i := 0
		if quoted {
			i = 1
		}
		closed := !quoted
		for ; i < len(rest); i++ {
			if quoted && rest[i] == '\'' || !quoted && rest[i] == ' ' {
				closed = true
				i++
				break
			}
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
			}
			value.WriteByte(rest[i])
		}
		if !closed {
			return p, false
		}
		query.Set(key, value.String())
		text = rest[i:]
	}
	if len(query) == 0 {
		return p, false
	}
	p = urlParts{scheme: "postgres", query: query}
	p.fromQuery()
	return p, true
}

// sessionOf returns the search path and the role that a connection URL sets, also in its options (-c search_path=app).
func sessionOf(query url.Values) (searchPath, role string) {
	set := func(key, value string) {
		switch strings.ToLower(strings.ReplaceAll(key, "-", "_")) {
		case "search_path", "currentschema": // JDBC's name
			searchPath = value
		case "role":
			role = value
		}
	}
	words := strings.Fields(strings.ReplaceAll(query.Get("options"), `\ `, "\x00"))
	for i, word := range words {
		word = strings.ReplaceAll(word, "\x00", " ")
		switch {
		case word == "-c" && i+1 < len(words):
			key, value, _ := strings.Cut(strings.ReplaceAll(words[i+1], "\x00", " "), "=")
			set(key, value)
		case strings.HasPrefix(word, "-c"), strings.HasPrefix(word, "--"):
			key, value, _ := strings.Cut(word[2:], "=")
			set(key, value)
		}
	}
	for _, key := range []string{"search_path", "currentSchema", "role"} {
		if v := query.Get(key); v != "" {
			set(key, v)
		}
	}
	return searchPath, role
}

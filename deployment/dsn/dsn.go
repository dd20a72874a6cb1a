// Package dsn parses connection strings: URLs, also those of JDBC and with several hosts, and PostgreSQL's keyword form.
package dsn

import (
	"net/url"
	"strconv"
	"strings"
)

// Parts are the parts of a connection string.
type Parts struct {
	Scheme, Host, Path, User string
	Port                     int // 0 if not stated
	Password                 *string
	Query                    url.Values
	Others                   []Server // further hosts, tried in turn
}

// Server is one of several hosts.
type Server struct {
	Host string
	Port int // 0 if not stated
}

// Parse parses a connection string of the scheme. It is not ok for other text.
func Parse(text, scheme string) (p Parts, ok bool) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "jdbc:")
	if !strings.Contains(text, "://") {
		if scheme != "postgres" {
			return p, false
		}
		return parseKeywords(text)
	}
	text, others := firstHost(text)
	u, err := url.Parse(text)
	if err != nil || !strings.HasPrefix(u.Scheme, scheme) && !(scheme == "redis" && u.Scheme == "unix") {
		return p, false
	}
	p = Parts{Scheme: u.Scheme, Host: u.Hostname(), Path: strings.Trim(u.Path, "/"), User: u.User.Username(), Query: u.Query(), Others: others}
	p.Port, _ = strconv.Atoi(u.Port())
	if password, ok := u.User.Password(); ok {
		p.Password = &password
	}
	if scheme == "redis" && (u.Scheme == "unix" || strings.HasSuffix(u.Scheme, "socket")) {
		p.Host, p.Path = u.Path, ""
	}
	if scheme == "postgres" {
		p.fromQuery()
	}
	return p, true
}

// firstHost removes all but the first of several hosts from a URL (postgres://a:5432,b:5432/app), and returns the others.
func firstHost(text string) (first string, others []Server) {
	scheme, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	at := strings.LastIndex(authority, "@") + 1
	first, rest, several := strings.Cut(authority[at:], ",")
	if !several {
		return text, nil
	}
	for host := range strings.SplitSeq(rest, ",") {
		if u, err := url.Parse("//" + host); err == nil && u.Hostname() != "" {
			port, _ := strconv.Atoi(u.Port())
			others = append(others, Server{u.Hostname(), port})
		}
	}
	return scheme + "://" + authority[:at] + first + tail, others
}

// fromQuery takes what libpq and JDBC accept as parameters of the URL.
func (p *Parts) fromQuery() {
	if hosts := strings.Split(p.Query.Get("host"), ","); p.Host == "" {
		ports := strings.Split(p.Query.Get("port"), ",")
		for i, host := range hosts[1:] {
			port, _ := strconv.Atoi(ports[min(i+1, len(ports)-1)]) // one port stands for all hosts
			p.Others = append(p.Others, Server{host, port})
		}
	}
	for key, to := range map[string]*string{"host": &p.Host, "user": &p.User, "dbname": &p.Path} {
		if v := p.Query.Get(key); v != "" && *to == "" {
			*to, _, _ = strings.Cut(v, ",")
		}
	}
	first, _, _ := strings.Cut(p.Query.Get("port"), ",")
	if port, err := strconv.Atoi(first); err == nil && p.Port == 0 {
		p.Port = port
	}
	if v, ok := p.Query["password"]; ok && p.Password == nil {
		p.Password = &v[0]
	}
}

// parseKeywords parses PostgreSQL's keyword form. Values with blanks are in single quotes; a backslash escapes.
func parseKeywords(text string) (p Parts, ok bool) {
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
	p = Parts{Scheme: "postgres", Query: query}
	p.fromQuery()
	return p, true
}

// Session returns the search path and the role that a connection string sets, also in its options (-c search_path=app).
func (p Parts) Session() (searchPath, role string) {
	set := func(key, value string) {
		switch strings.ToLower(strings.ReplaceAll(key, "-", "_")) {
		case "search_path", "currentschema": // JDBC's name
			searchPath = value
		case "role":
			role = value
		}
	}
	words := strings.Fields(strings.ReplaceAll(p.Query.Get("options"), `\ `, "\x00"))
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
		if v := p.Query.Get(key); v != "" {
			set(key, v)
		}
	}
	return searchPath, role
}

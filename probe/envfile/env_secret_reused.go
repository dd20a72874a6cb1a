package envfile

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Where else the value of a secret is: in the template of the env file, or as another secret, which is then only as safe as
// this one.

// SecretOthers are other places with the same value, "" for none, and the names that an attacker tries.
type SecretOthers struct {
	twin     string // another secret
	template string // file and line in the template of the env file
	names    string // each after a blank; "": the strength is not estimated
}

// others finds duplicates of the values: in the template and, if the rule requires it, in other secrets of the env
// files.
func (s *Secret) others(view *deployment.View, all []deployment.Value) ([]SecretOthers, error) {
	found := make([]SecretOthers, len(all))
	for i, v := range all {
		if !v.Set || v.Text.Empty() {
			continue
		}
		found[i].template = inTemplate(view, v.Text)
		if i > 0 || !s.Alone && !s.Apart {
			continue
		}
		envs, err := view.EnvFiles()
		if err != nil && view.Blocked() == "" {
			return nil, err
		}
		found[i].twin = s.twin(envs, v)
	}
	return found, nil
}

// twin returns the name of another secret of the env files with the same value: a variable or the password in a URL. Names
// of the same purpose (DB_PASSWORD, PGPASSWORD, DATABASE_URL) are spellings of one secret.
func (s *Secret) twin(envs []*env.File, v deployment.Value) string {
	mine := append([]string{v.Key}, s.Key...)
	for _, env := range envs {
		for _, e := range env.Entries {
			if e.Key == v.Key || sharePurpose(e.Key, mine) {
				continue
			}
			if secretvalue.HoldsSecret(e.Key) && e.Text.Equal(v.Text) {
				return e.Key
			}
			text := e.Text.Reveal()
			if password := passwordInURL(text); password != "" && secret.New(password).Equal(v.Text) && !sharePurpose(schemeOf(text), mine) {
				return inURL + e.Key
			}
		}
	}
	return ""
}

// passwordInURL returns the decoded password of a URL, "" for none.
func passwordInURL(text string) string {
	m := secretvalue.URLPassword.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	if plain, err := url.PathUnescape(m[1]); err == nil {
		return plain
	}
	return m[1]
}

// schemeOf returns the scheme of a URL without its driver: postgresql of postgresql+asyncpg.
func schemeOf(text string) string {
	scheme, _, _ := strings.Cut(text, "://")
	scheme, _, _ = strings.Cut(scheme, "+")
	return scheme
}

// inTemplate returns file and line of a secret in the env file's template, or "". An unreadable template is reported by
// env_file.
func inTemplate(view *deployment.View, text secret.Text) string {
	template, err := view.Template()
	if err != nil {
		return ""
	}
	for _, e := range template.Entries {
		if secretvalue.HoldsSecret(e.Key) && len(e.Text.Reveal()) >= secretvalue.MinSecret && e.Text.Equal(text) {
			return fmt.Sprintf("%s:%d", template.Name, e.Line)
		}
	}
	return ""
}

// sharePurpose reports whether the names of two secrets share a word that describes their purpose.
func sharePurpose(key string, others []string) bool {
	mine := purposes(key)
	isRefresh := strings.Contains(strings.ToUpper(key), "REFRESH") // access and refresh tokens need separate secrets
	if strings.Contains(strings.ToUpper(others[0]), "REFRESH") != isRefresh {
		return false
	}
	return slices.ContainsFunc(others, func(other string) bool {
		return slices.ContainsFunc(purposes(other), func(word string) bool { return slices.Contains(mine, word) })
	})
}

// tokenSecret matches other names of the secret that signs tokens: TOKEN_SECRET, AUTH_SECRET, ACCESS_TOKEN_SECRET_KEY.
var tokenSecret = lazyregexp.New(`(?i)(^|_)(ACCESS_)?(TOKEN|AUTH)_SECRET(_KEY)?$`)

// purposes returns the words of a name that describe what the secret protects.
func purposes(key string) []string {
	var found []string
	if tokenSecret.MatchString(key) {
		found = append(found, "jwt")
	}
	for _, word := range strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return r == '_' || r == '-' || r == '.' || r == ' ' }) {
		word = strings.TrimSuffix(word, "password")
		switch word {
		case "", "passwd", "pass", "secret", "token", "key", "auth", "user", "admin", "root", "default", "app", "api", "prod", "production", "pbs", "catalyst", "tne",
			"url", "uri", "dsn", "the", "in":
		case "database", "postgres", "postgresql", "pg", "psql", "sql", "pgbouncer", "mysql", "mariadb":
			found = append(found, "db")
		case "rediss", "valkey":
			found = append(found, "redis")
		default:
			found = append(found, word)
		}
	}
	return found
}

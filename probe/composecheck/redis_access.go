package composecheck

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/shell"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// redisAccess is who may log in to a server.
type redisAccess struct {
	openAt    *source.Origin     // what admits clients without a password; nil when they need one
	passwords []deployment.Value // in cleartext
	digests   []string           // SHA-256 of further passwords, in hexadecimal
}

// refuses reports whether no account has the password, and where the first password stands.
func (a redisAccess) refuses(password secret.Text) (source.Origin, bool) {
	sum := sha256.Sum256([]byte(password.Reveal()))
	if len(a.passwords) == 0 || slices.Contains(a.digests, hex.EncodeToString(sum[:])) {
		return source.Origin{}, false
	}
	isKnown := slices.ContainsFunc(a.passwords, func(v deployment.Value) bool { return v.Text.Equal(password) })
	return a.passwords[0].Origin, !isKnown
}

// redisUser is an account of the server. Rules apply in their order, as in "user app on >password ~* +@all".
type redisUser struct {
	name           string
	on, open, acts bool // acts: it may run commands
	passwords      []deployment.Value
	digests        []string
	at             source.Origin
	why            string // why a rule cannot be read
}

// access returns who may log in according to the directives. why says what keeps it from being known, "" for nothing.
func (r *redisReader) access() (access redisAccess, why string, err error) {
	// A server without directives admits everybody as the default user.
	usual := redisUser{name: "default", on: true, open: true, acts: true, at: r.configAt}
	users := []redisUser{usual}
	fromFile, byUser := false, false // byUser: "user default" wins over requirepass, in any order
	for _, d := range r.directives {
		switch {
		case d.why != "":
			why = d.why
		case d.name == "requirepass" && byUser:
		case d.name == "requirepass":
			if err := r.requirePass(&users[0], d); err != nil {
				return access, "", err
			}
			why = users[0].why // a later password replaces what could not be read before
		case d.name == "user" && len(d.args) > 0:
			u := redisUser{name: d.args[0].Text, at: d.at}
			for _, rule := range d.args[1:] {
				u.apply(rule)
			}
			if at := slices.IndexFunc(users, func(other redisUser) bool { return other.name == u.name }); at >= 0 {
				users[at] = u
			} else {
				users = append(users, u)
			}
			byUser = byUser || u.name == "default"
		case d.name == "aclfile" && len(d.args) == 1 && d.args[0].Text != "":
			fromFile = true
			if users, err = r.aclFile(d, usual); err != nil {
				return access, "", err
			}
			if users == nil {
				return access, "the ACL file of service " + r.service + " is not among the deployment's files", nil
			}
		}
	}
	if fromFile {
		why = ""
	}
	for _, u := range users {
		switch {
		case !u.on:
		case u.why != "":
			why = u.why
		case u.open && u.acts:
			at := u.at
			access.openAt = &at
		}
		if u.on {
			access.passwords, access.digests = append(access.passwords, u.passwords...), append(access.digests, u.digests...)
		}
	}
	if access.openAt != nil && (why == "" || fromFile) {
		return access, "", nil
	}
	return access, why, nil
}

// requirePass sets the password of the default user.
func (r *redisReader) requirePass(u *redisUser, d redisDirective) error {
	u.passwords, u.digests, u.open, u.why, u.at = nil, nil, true, "", d.at
	if len(d.args) != 1 || strings.HasPrefix(d.args[0].Text, "--") || d.args[0].Text == "" && !d.args[0].Unknown {
		return nil // an unset variable leaves no word
	}
	u.open = false
	v, err := r.value(d, d.args[0])
	switch {
	case err != nil:
		return err
	case v.Ref.Kind == deployment.RefCommand:
		u.why = "service " + r.service + "'s password is computed by its command"
	case v.Ref.Kind != "":
		u.why = "service " + r.service + "'s password is stored in: " + v.Ref.Kind
	case !v.Set || v.Text.Empty():
		u.open, u.at = true, v.Origin
	default:
		u.passwords = []deployment.Value{v}
	}
	return nil
}

// value returns the value of an argument: of the command, or of a line in a file.
func (r *redisReader) value(d redisDirective, w shell.Word) (deployment.Value, error) {
	if d.at == r.at {
		v, err := r.view.FromWord(r.model, r.service, "requirepass", w)
		if v.Key == "requirepass" && v.Origin.File == "" {
			v.Origin = r.at
		}
		return v, err
	}
	return deployment.Written("requirepass", w.Text, d.at), nil
}

// aclFile returns the users of an ACL file, the default user first; nil when the file cannot be read here. Without a line
// for the default user it stays open, whatever requirepass says.
func (r *redisReader) aclFile(d redisDirective, usual redisUser) ([]redisUser, error) {
	file, err := r.view.FileIn(r.model, r.service, d.args[0].Text, "the ACL file of service "+r.service, d.at)
	if err != nil || !file.Set {
		return nil, err
	}
	usual.at = file.Origin
	users := []redisUser{usual}
	n := 0
	for line := range strings.Lines(file.Text.Reveal()) {
		n++
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "user" {
			continue
		}
		u := redisUser{name: words[1], at: file.Origin}
		u.at.Line = n
		for _, rule := range words[2:] {
			u.apply(shell.Word{Text: rule})
		}
		if u.name == "default" {
			users[0] = u
		} else {
			users = append(users, u)
		}
	}
	return users, nil
}

// apply applies one rule of an ACL.
func (u *redisUser) apply(rule shell.Word) {
	text := rule.Text
	switch {
	case rule.Unknown:
		u.why = "a rule of the Redis user " + u.name + " cannot be evaluated"
	case text == "on" || text == "off":
		u.on = text == "on"
	case text == "nopass":
		u.open, u.passwords, u.digests = true, nil, nil
	case text == "resetpass":
		u.open, u.passwords, u.digests = false, nil, nil
	case text == "reset":
		*u = redisUser{name: u.name, at: u.at}
	case text == "allcommands" || strings.HasPrefix(text, "+"):
		u.acts = true
	case text == "nocommands" || text == "-@all":
		u.acts = false
	case strings.HasPrefix(text, ">"):
		v := deployment.Written("the password of the Redis user "+u.name, text[1:], u.at)
		if v.Ref.Kind != "" {
			u.why = "the password of the Redis user " + u.name + " is stored in: " + v.Ref.Kind
		}
		u.open, u.passwords = false, append(u.passwords, v)
	case strings.HasPrefix(text, "#"):
		u.open, u.digests = false, append(u.digests, strings.ToLower(text[1:]))
	}
}

package deployment

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/dsn"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Where the address and the credentials of a server stand: the configuration, a URL, single variables.

// urlParts are the parts of a URL in the environment.
type urlParts struct {
	dsn.Parts
	value Value
}

// urlOf parses the first of keys that is set as a URL of the scheme (including postgresql and rediss). An invalid URL
// counts as unset: other checks report it. at says where it is set.
func (v *View) urlOf(scheme string, keys ...string) (urlParts, string, error) {
	value, err := v.Own(keys...)
	if err != nil || !value.Set {
		return urlParts{}, "", v.lookedUp(err)
	}
	p, ok := dsn.Parse(value.Text.Reveal(), scheme)
	if !ok {
		return urlParts{}, "", nil
	}
	return urlParts{p, value}, value.Key + " at " + value.Origin.String(), nil
}

// lookedUp drops the error of a deployment without compose file and env file, where nothing is set.
func (v *View) lookedUp(err error) error {
	if _, none := v.Compose(); errors.Is(none, compose.ErrNoFile) && v.Place(find.FactEnvFile).Path() == "" {
		return nil
	}
	return err
}

// setting returns the configured text, else the URL's, else that of the first key that is set. at says where it is set.
func (v *View) setting(configured, ofURL, urlAt string, keys ...string) (text, at string, err error) {
	if configured != "" {
		return configured, "configured", nil
	}
	if ofURL != "" {
		return ofURL, urlAt, nil
	}
	value, err := v.Value(keys...)
	if err != nil || value.Text.Empty() {
		return "", "", v.lookedUp(err)
	}
	return value.Text.Reveal(), value.Key + " at " + value.Origin.String(), nil
}

func (v *View) port(configured, ofURL, standard int, keys ...string) (int, error) {
	if configured != 0 || ofURL != 0 {
		return cmp.Or(configured, ofURL), nil
	}
	text, at, err := v.setting("", "", "", keys...)
	if err != nil || text == "" {
		return standard, err
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("%s is not a port", at)
	}
	return port, nil
}

// password returns the configured password, else the file's, the URL's, or that of the first key that is set.
func (v *View) password(configured secret.Text, file string, u urlParts, at, setting string, keys ...string) (Value, error) {
	switch {
	case !configured.Empty():
		return Value{Key: "deployment." + setting + ".password", Text: configured, Set: true}, nil
	case file != "":
		key := "deployment." + setting + ".password_file"
		return v.fromFile(key, v.Deployment.Abs(file), source.Origin{File: key})
	case u.Password != nil:
		value := u.value
		value.Text = secret.New(*u.Password)
		return value, nil
	}
	value, err := v.Value(keys...)
	if err != nil {
		return value, v.lookedUp(err)
	}
	return value, nil
}

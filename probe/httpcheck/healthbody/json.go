package healthbody

import (
	"encoding/json"
	"errors"
	"strings"
)

// object is a JSON object with all its members. A map would keep only the last of a duplicate key, and hide the others.
type object []member

type member struct {
	key   string
	value any
}

// get returns the first value of a key, which is in lower case.
func (o object) get(key string) (any, bool) {
	for _, m := range o {
		if strings.ToLower(m.key) == key {
			return m.value, true
		}
	}
	return nil, false
}

var errNotJSON = errors.New("not JSON")

// decodeJSON decodes one JSON document, with objects as object.
func decodeJSON(text string) (any, error) {
	if !json.Valid([]byte(text)) { // bounds the depth, too
		return nil, errNotJSON
	}
	return decodeValue(json.NewDecoder(strings.NewReader(text)))
}

func decodeValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeValue(d)
			if err != nil {
				return nil, err
			}
			name, _ := key.(string)
			o = append(o, member{name, value})
		}
		_, err = d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := decodeValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = d.Token()
		return list, err
	}
	return token, nil
}

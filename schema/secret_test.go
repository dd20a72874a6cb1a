package schema_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/schema"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// vault contains secrets in every supported form.
type vault struct {
	Password secret.Text            `yaml:"password" required:"true" doc:"the password"`
	Token    *secret.Text           `yaml:"token" pattern:"^t-"`
	Keys     []secret.Text          `yaml:"keys" max:"2"`
	Users    map[string]secret.Text `yaml:"users"`
	Mode     secret.Text            `yaml:"mode" enum:"open-sesame,closed"`
}

func TestSecret_Decode(t *testing.T) {
	var v vault
	if got := problems(t, "password: 0123\ntoken: t-1\nkeys: [a, b]\nusers: {eu: c}\nmode: closed\n", &v); got != "" {
		t.Fatal(got)
	}
	if v.Password.Reveal() != "0123" || v.Token.Reveal() != "t-1" || v.Keys[1].Reveal() != "b" || v.Users["eu"].Reveal() != "c" || v.Mode.Reveal() != "closed" {
		t.Errorf("%q %q %q %q", v.Password.Reveal(), v.Token.Reveal(), v.Keys[1].Reveal(), v.Users["eu"].Reveal())
	}
	text, err := json.Marshal(schema.JSON(v))
	if want := `"password":{"description":"the password","minLength":1,"type":"string"}`; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
}

func TestSecret_NoNearestWord(t *testing.T) {
	// The nearest word would reveal the value.
	if got := problems(t, "password: a\nmode: closd\n", &vault{}); got != "f.yaml:2:7: mode: text is not one of open-sesame, closed" {
		t.Error(got)
	}
}

func TestSecret_NeverQuoted(t *testing.T) {
	const mark = "mark-4711"
	for _, text := range []string{
		"password: %s\ntoken: %[1]s\nkeys: [[%[1]s], {x: %[1]s}, 1]\nusers: {eu: [%[1]s], us: {x: %[1]s}}\nmode: %[1]s\n",
		"password: [%s]\nkeys: %[1]s\nusers: %[1]s\nmode: open-%[1]s\n",
		"password: \"%s\\q\"\n", "password: '%s\n", "password: *%s\n", "password: !%s\n", "password: %%%s\n", "password: @%s\n", "password: a: %s\n", "password: |%s\n",
		"password: ${%s\n", "password: ${%s}\n", "password: \"%s\\0\"\n", "password: &%s\n", "password: !!binary %s\n", "password: [%s\n", "password: {%s, \n", "\tpassword: %s\n",
	} {
		n, err := schema.Parse("f.yaml", fmt.Appendf(nil, text, mark))
		var ps schema.Problems
		if err != nil {
			ps = err.(schema.Problems)
		} else {
			ps = append(schema.Expand("f.yaml", n, lookup), schema.Decode("f.yaml", n, &vault{})...)
		}
		if len(ps) == 0 {
			t.Errorf("no problem in %s", text)
		}
		if strings.Contains(ps.Error(), mark) {
			t.Errorf("%s reveals the secret:\n%s", text, ps.Error())
		}
	}
}

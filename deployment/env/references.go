package env

import (
	"strings"

	"github.com/compose-spec/compose-go/v2/template"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// managerSchemes are the prefixes of references to secret managers and of values that a tool decrypts when it deploys.
const managerSchemes = `vault:|vault\+[a-z0-9]*:|op://|sm://|gsm://|kv://|bws://|akeyless:|conjur:|ref\+|secretsmanager:|ssm:|secretref:|arn:aws[a-z-]*:(?:secretsmanager|ssm|kms):|` +
	`@Microsoft\.KeyVault\(|ENC\[[A-Za-z0-9_]+,|ENC\(|\{cipher\}|projects/[^/]+/secrets/|` +
	`[a-z0-9+.-]*(?:vault|secret|ssm|kms|gcpsm|gcp-sm|aws-sm|awssm|azure-kv|doppler|infisical|bitwarden|1password|keeper|berglas|chamber)[a-z0-9+.-]*://`

var managerReference = lazyregexp.New(`^(?:` + managerSchemes + `)(.)`)

// ManagerScheme returns the prefix of a reference to a secret manager or of an encrypted value; "" for other texts.
func ManagerScheme(text string) string {
	if m := managerReference.FindStringSubmatchIndex(text); m != nil {
		return text[:m[2]]
	}
	return ""
}

// maxReferences limits the references of one text.
const maxReferences = 1000

// maxDefaults limits the nesting of defaults; more than two levels are rare.
const maxDefaults = 10

// Reference is one reference to a variable.
type Reference struct {
	Name     string
	Operator byte // 0, '-', '+', '?'
}

// References returns the variables that a text refers to, including those in defaults.
func References(text string) []Reference {
	found := references(text, 0)
	return found[:min(len(found), maxReferences)]
}

func references(text string, depth int) []Reference {
	if depth > maxDefaults || !strings.Contains(text, "$") {
		return nil
	}
	var found []Reference
	for _, m := range template.DefaultPattern.FindAllString(text, -1) {
		switch {
		case m == "$$" || m == "${":
			continue
		case m[1] != '{':
			found = append(found, Reference{Name: m[1:]})
			continue
		}
		inner, rest := strings.TrimSuffix(m[2:], "}"), ""
		if end := closingBrace(m); end >= 0 {
			inner, rest = m[2:end], m[end+1:]
		}
		name, operator := inner, byte(0)
		if at := strings.IndexAny(inner, ":-+?"); at >= 0 {
			name = inner[:at]
			tail := strings.TrimPrefix(inner[at:], ":")
			if tail != "" {
				operator = tail[0]
				if operator != '?' {
					rest = tail[1:] + " " + rest
				}
			}
		}
		found = append(found, Reference{name, operator})
		found = append(found, references(rest, depth+1)...)
	}
	return found
}

package probe

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
)

// By which rules secrets are found: gitleaks' own, or the repository's .gitleaks.toml, read as gitleaks reads it. The library's own way to
// load them keeps state in the process (it stops extending after the second time, silently and with no rules), so that files are merged here
// before it translates them.

const (
	rulesFile   = ".gitleaks.toml"
	ignoreFile  = ".gitleaksignore"
	maxDecoding = 5 // how often a text is decoded (base64, hexadecimal, percent): gitleaks' own default
	maxExtended = 2 // how many files of rules may stand on each other, as in gitleaks
)

// newDetector makes gitleaks' detector of a .gitleaks.toml; nil text for gitleaks' own rules. Read gives the file that the text extends.
func newDetector(text []byte, read func(name string) ([]byte, error)) (d *detect.Detector, err error) {
	defer func() {
		if recover() != nil { // the library panics at a pattern that is none; the cause quotes it
			d, err = nil, errors.New("a pattern in it is no regular expression")
		}
	}()
	if text == nil {
		text = []byte(config.DefaultConfig)
	}
	rules, err := decodeRules(text)
	if err != nil {
		return nil, err
	}
	whole, err := extendRules(rules, read, maxExtended)
	if err != nil {
		return nil, err
	}
	if len(whole.Rules) == 0 {
		return nil, errors.New("it holds no rules: add `[extend]` with `useDefault = true` for gitleaks' own")
	}
	whole.Extend = config.Extend{}
	translated, err := whole.Translate()
	if err != nil {
		return nil, errors.New("gitleaks does not take it: a rule or allow-list in it is not as it must be")
	}
	translated.Path = rulesFile
	d = detect.NewDetector(translated)
	d.MaxDecodeDepth = maxDecoding
	d.Redact = 100 // what is found leaves the library without the secret
	return d, nil
}

// decodeRules reads TOML as gitleaks does.
func decodeRules(text []byte) (config.ViperConfig, error) {
	var rules config.ViperConfig
	v := viper.New()
	v.SetConfigType("toml")
	if v.ReadConfig(bytes.NewReader(text)) != nil || v.Unmarshal(&rules) != nil {
		return rules, errors.New("it is no TOML that gitleaks would take") // the library's error quotes the file
	}
	return rules, nil
}

// extendRules puts rules on top of those that they extend.
func extendRules(rules config.ViperConfig, read func(name string) ([]byte, error), depth int) (config.ViperConfig, error) {
	e := rules.Extend
	if depth == 0 || !e.UseDefault && e.Path == "" {
		return rules, nil
	}
	if e.UseDefault && e.Path != "" {
		return rules, errors.New("it sets both extend.useDefault and extend.path")
	}
	text := []byte(config.DefaultConfig)
	if e.Path != "" {
		if !filepath.IsLocal(e.Path) {
			return rules, errors.New("its extend.path leads out of the repository")
		}
		var err error
		if text, err = read(e.Path); err != nil {
			return rules, errors.New("the file of its extend.path cannot be read")
		}
	}
	base, err := decodeRules(text)
	if err == nil {
		base, err = extendRules(base, read, depth-1)
	}
	if err != nil {
		return rules, err
	}
	kept := base.Rules[:0]
	for _, r := range base.Rules {
		if !slices.Contains(e.DisabledRules, r.ID) {
			kept = append(kept, r)
		}
	}
	base.Rules = kept
	for _, r := range rules.Rules {
		same := -1
		for i := range base.Rules {
			if base.Rules[i].ID == r.ID {
				same = i
			}
		}
		if same < 0 {
			base.Rules = append(base.Rules, r)
			continue
		}
		// What the upper rule says counts, lists are joined.
		b := &base.Rules[same]
		b.Description = cmp.Or(r.Description, b.Description)
		b.Entropy = cmp.Or(r.Entropy, b.Entropy)
		b.SecretGroup = cmp.Or(r.SecretGroup, b.SecretGroup)
		b.Regex = cmp.Or(r.Regex, b.Regex)
		b.Path = cmp.Or(r.Path, b.Path)
		b.Tags = append(b.Tags, r.Tags...)
		b.Keywords = append(b.Keywords, r.Keywords...)
		b.Allowlists = append(b.Allowlists, r.Allowlists...)
		if r.AllowList != nil {
			b.Allowlists = append(b.Allowlists, r.AllowList)
		}
	}
	for _, side := range []*config.ViperConfig{&base, &rules} { // the old spelling of one list
		//lint:ignore SA1019 repositories still write it
		if side.AllowList != nil {
			side.Allowlists = append(side.Allowlists, side.AllowList) //lint:ignore SA1019 as above
			side.AllowList = nil                                      //lint:ignore SA1019 as above
		}
	}
	base.Allowlists = append(base.Allowlists, rules.Allowlists...)
	base.MinVersion = rules.MinVersion
	return base, nil
}

// knownSecrets are findings that somebody has looked at and lets stand.
type knownSecrets struct {
	ignored  map[string]bool // .gitleaksignore: "commit:file:rule:line" or "file:rule:line"
	baseline map[foundAt]bool
}

// foundAt is a place of a gitleaks report. Commit, file and place name the very bytes, so that nothing else needs comparing and no secret is
// read from the report.
type foundAt struct {
	RuleID, Commit, File                       string
	StartLine, EndLine, StartColumn, EndColumn int
}

func (k knownSecrets) has(at foundAt) bool {
	short := fmt.Sprintf("%s:%s:%d", at.File, at.RuleID, at.StartLine)
	return k.ignored[short] || k.ignored[at.Commit+":"+short] || k.baseline[at]
}

// parseIgnored reads a .gitleaksignore.
func parseIgnored(text []byte) map[string]bool {
	ignored := map[string]bool{}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "#") {
			ignored[strings.ReplaceAll(line, `\`, "/")] = true
		}
	}
	return ignored
}

// parseBaseline reads a report that gitleaks wrote in JSON.
func parseBaseline(text []byte) (map[foundAt]bool, error) {
	var all []foundAt
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, errors.New("it is no report of gitleaks in JSON")
	}
	baseline := make(map[foundAt]bool, len(all))
	for _, at := range all {
		if at.RuleID == "" {
			return nil, errors.New("it is no report of gitleaks in JSON: a finding names no rule")
		}
		baseline[at] = true
	}
	return baseline, nil
}

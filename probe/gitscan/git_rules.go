package gitscan

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

// Rules for secrets: gitleaks' defaults or the repository's .gitleaks.toml, read as gitleaks reads it. The library's
// own loader keeps state in the process (after the second load it stops extending, silently and without rules), so
// files are merged here before the library translates them.

const (
	rulesFile   = ".gitleaks.toml"
	ignoreFile  = ".gitleaksignore"
	maxDecoding = 5 // decoding depth (base64, hexadecimal, percent): gitleaks' default
	maxExtended = 2 // maximum depth of extended rule files, as in gitleaks
)

// newConfig reads gitleaks' rules from a .gitleaks.toml, or its default rules when text is nil. read returns the file that
// the text extends.
func newConfig(text []byte, read func(name string) ([]byte, error)) (translated config.Config, err error) {
	none := config.Config{}
	defer func() {
		if recover() != nil { // the library panics at an invalid pattern; the cause quotes it
			translated, err = none, errors.New("invalid regular expression")
		}
	}()
	if text == nil {
		text = []byte(config.DefaultConfig)
	}
	rules, err := decodeRules(text)
	if err != nil {
		return none, err
	}
	whole, err := extendRules(rules, read, maxExtended)
	if err != nil {
		return none, err
	}
	if len(whole.Rules) == 0 {
		return none, errors.New("no rules. Add `[extend]` with `useDefault = true` for gitleaks' default rules")
	}
	whole.Extend = config.Extend{DisabledRules: rules.Extend.DisabledRules}
	if err := addPasswordRules(&whole); err != nil {
		return none, err
	}
	whole.Extend = config.Extend{}
	translated, err = whole.Translate()
	if err != nil {
		return none, errors.New("invalid rule or allow-list")
	}
	translated.Path = rulesFile
	return translated, nil
}

// newDetectors compiles rules as newConfig reads them.
func newDetectors(text []byte, read func(name string) ([]byte, error)) (*detectors, error) {
	rules, err := newConfig(text, read)
	if err != nil {
		return nil, err
	}
	d := &detectors{detect.NewDetector(rules), detect.NewDetector(rules)}
	d.decoder.MaxDecodeDepth = maxDecoding
	for _, one := range []*detect.Detector{d.plain, d.decoder} {
		one.IgnoreGitleaksAllow = true // evaluated, and counted, by search
	}
	return d, nil
}

// decodeRules parses TOML as gitleaks does.
func decodeRules(text []byte) (config.ViperConfig, error) {
	var rules config.ViperConfig
	v := viper.New()
	v.SetConfigType("toml")
	if v.ReadConfig(bytes.NewReader(text)) != nil || v.Unmarshal(&rules) != nil {
		return rules, errors.New("invalid gitleaks TOML") // the library's error quotes the file
	}
	return rules, nil
}

// extendRules merges rules into those that they extend.
func extendRules(rules config.ViperConfig, read func(name string) ([]byte, error), depth int) (config.ViperConfig, error) {
	e := rules.Extend
	if depth == 0 || !e.UseDefault && e.Path == "" {
		return rules, nil
	}
	if e.UseDefault && e.Path != "" {
		return rules, errors.New("extend.useDefault and extend.path are both set")
	}
	text := []byte(config.DefaultConfig)
	if e.Path != "" {
		if !filepath.IsLocal(e.Path) {
			return rules, errors.New("extend.path is outside the repository")
		}
		var err error
		if text, err = read(e.Path); err != nil {
			return rules, errors.New("file at extend.path cannot be read")
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
		// The extending rule takes precedence; lists are joined.
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
	for _, side := range []*config.ViperConfig{&base, &rules} { // deprecated singular form
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

// knownSecrets are reviewed and accepted findings.
type knownSecrets struct {
	ignored  map[string]bool // .gitleaksignore: "commit:file:rule:line" or "file:rule:line"
	baseline map[foundAt]bool
}

// foundAt is the location of a finding in a gitleaks report. Commit, file and position identify the exact bytes, so no
// secret is read from the report.
type foundAt struct {
	RuleID, Commit, File                       string
	StartLine, EndLine, StartColumn, EndColumn int
}

// has reports whether a finding is accepted. Its file may be listed as it is shown to people.
func (k knownSecrets) has(at foundAt, shown string) bool {
	for _, file := range []string{at.File, shown} {
		short := fmt.Sprintf("%s:%s:%d", file, at.RuleID, at.StartLine)
		if k.ignored[short] || k.ignored[at.Commit+":"+short] {
			return true
		}
	}
	return k.baseline[at]
}

// parseIgnored parses a .gitleaksignore.
func parseIgnored(text []byte) map[string]bool {
	ignored := map[string]bool{}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "#") {
			ignored[strings.ReplaceAll(line, `\`, "/")] = true
		}
	}
	return ignored
}

// parseBaseline parses a gitleaks JSON report.
func parseBaseline(text []byte) (map[foundAt]bool, error) {
	var all []foundAt
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, errors.New("invalid gitleaks JSON report")
	}
	baseline := make(map[foundAt]bool, len(all))
	for _, at := range all {
		if at.RuleID == "" {
			return nil, errors.New("invalid gitleaks JSON report: finding without a rule")
		}
		baseline[at] = true
	}
	return baseline, nil
}

package gitscan

import (
	"context"
	"fmt"
	"strings"

	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
)

// How much a repository's own .gitleaks.toml switches off. Its rules and allow-lists are honoured, so their effect is
// measured: specimens of secrets that the default rules find are put into each tracked file's name and searched for with
// the repository's rules. Whatever way it is written, a file that accepts everything finds none of them.

const (
	// maxMeasured bounds the files whose names are tried.
	maxMeasured = 500
	// specimenFile is a name that no allow-list of a single folder takes.
	specimenFile = "settings/production.conf"
)

// switchedOff counts the default rules and the tracked files in which the repository's rules find nothing.
type switchedOff struct {
	rules, of    int
	files, among int
	all          bool // no specimen is found in any file
}

// specimens are texts with a secret of a well-known form each, made up here so that no scanner finds them in the program.
func specimens() string {
	letters := "q7Rk2Xv9Tz4Lm8Wp3Bn6Hs1DfY5Jc0GaUeK"
	return strings.Join([]string{
		`github = "gh` + `p_` + letters + `Q"`,
		`slack = "xox` + `b-2847561938475-2847561938475-` + letters[:24] + `"`,
		`gitlab = "gl` + `pat-` + letters[:20] + `"`,
		"-----BEGIN RSA " + "PRIVATE KEY-----\n" + strings.Repeat(letters+letters[:29]+"\n", 4) + "-----END RSA " + "PRIVATE KEY-----",
	}, "\n")
}

// measureRules compares the repository's rules with the default ones.
func measureRules(ctx context.Context, rules ruleSet, tracked []trackedFile) (switchedOff, error) {
	if !rules.own {
		return switchedOff{}, nil
	}
	defaults, err := newDetectors(nil, nil)
	if err != nil {
		return switchedOff{}, err
	}
	standard := defaults.decoder
	compiled, err := rules.detectors()
	if err != nil {
		return switchedOff{}, err
	}
	own := compiled.decoder
	off := switchedOff{all: true}
	for id, rule := range standard.Config.Rules {
		if strings.HasPrefix(id, rulePrefix) {
			continue
		}
		off.of++
		if kept, ok := own.Config.Rules[id]; !ok || !sameRule(kept, rule) {
			off.rules++
		}
	}
	text := specimens()
	finds := func(d *detect.Detector, file string) bool {
		//lint:ignore SA1019 the v8 detector requires it
		return len(d.DetectContext(ctx, detect.Fragment{FilePath: file, Raw: text})) > 0
	}
	names := []string{specimenFile}
	step := max(1, len(tracked)/maxMeasured)
	for i := 0; i < len(tracked); i += step {
		names = append(names, tracked[i].path)
	}
	for i, name := range names {
		if ctx.Err() != nil {
			return switchedOff{}, ctx.Err()
		}
		if i > 0 && !finds(standard, name) {
			continue // images and lock files, by the default rules
		}
		found := finds(own, name)
		off.all = off.all && !found
		if i > 0 {
			off.among++
			if !found {
				off.files++
			}
		}
	}
	return off, nil
}

func sameRule(a, b config.Rule) bool {
	return (a.Regex == nil) == (b.Regex == nil) && (a.Regex == nil || a.Regex.String() == b.Regex.String()) &&
		(a.Path == nil) == (b.Path == nil) && (a.Path == nil || a.Path.String() == b.Path.String())
}

// note describes what is off; "" for nothing.
func (o switchedOff) note() string {
	if o.rules == 0 && o.files == 0 {
		return ""
	}
	return fmt.Sprintf("%s switches off %d of %d default rules, and all rules in %d of %d checked files", rulesFile, o.rules, o.of, o.files, o.among)
}

// warning describes why a pass would mean nothing; "" if it does.
func (o switchedOff) warning() string {
	switch {
	case o.of > 0 && o.rules == o.of:
		return rulesFile + " does not extend the default rules. Add `[extend]` with `useDefault = true`"
	case o.all && o.of > 0:
		return "the allow-lists of " + rulesFile + " accept every secret in every file. Limit them to single paths or findings"
	}
	return ""
}

package deployment

// Where reports of tests and scans are kept: here, on a web server, or in a bucket. Whoever has to log in says so with a report of its own; an
// address holds no credential, so that it can be shown.

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Evidence says where reports of tests and scans are kept.
type Evidence struct {
	Places  []string         `yaml:"places" doc:"folders of evidence, files, patterns of files, https:// URLs, s3:// prefixes; a file or URL is of what its name says (tests.json). {commit} stands for the commit asked for, in a URL {report} for what is asked for. .catalyst/evidence when not set"`
	Reports []EvidenceReport `yaml:"reports" doc:"single reports of any name, beside the places"`
}

// EvidenceReport is a report of any name, and what is needed to fetch it.
type EvidenceReport struct {
	Report      string      `yaml:"report" required:"true" enum:"tests,coverage,lint,security,vulnerabilities,load,secrets" doc:"what it is of"`
	At          string      `yaml:"at" required:"true" doc:"file, pattern of files, https:// URL, or s3:// object; {commit} stands for the commit asked for"`
	BearerToken secret.Text `yaml:"bearer_token" doc:"token to fetch a URL with, e.g. ${CI_TOKEN}"`
	Password    secret.Text `yaml:"password" doc:"password of basic authentication, e.g. ${CI_PASSWORD}"`
	HTTP        `inline:"true"`
}

// Remote reports whether a place is to be fetched, and by which scheme: s3, https or http.
func Remote(place string) (scheme string, ok bool) {
	scheme, _, ok = strings.Cut(place, "://")
	return scheme, ok
}

// Validate implements schema.Validator.
func (e Evidence) Validate() []error {
	var errs []error
	for i, p := range e.Places {
		if err := validPlace(p); err != nil {
			errs = append(errs, fmt.Errorf("places[%d]: %w", i, err))
		}
	}
	return errs
}

// Validate implements schema.Validator.
func (r EvidenceReport) Validate() []error {
	var errs []error
	if err := validPlace(r.At); err != nil {
		errs = append(errs, fmt.Errorf("at: %w", err))
	}
	scheme, _ := Remote(r.At)
	credential := !r.BearerToken.Empty() || !r.Password.Empty() || r.BearerTokenFile != "" || r.PasswordFile != ""
	switch {
	case credential && scheme != "https" && scheme != "http":
		errs = append(errs, errors.New("credentials are for a URL alone: s3:// is asked with those of deployment.aws"))
	case (!r.Password.Empty() || r.PasswordFile != "") && r.Username == "":
		errs = append(errs, errors.New("a password needs a username"))
	}
	return errs
}

// validPlace refuses what could be read nowhere. No error quotes the place: a token may have been expanded into it.
func validPlace(place string) error {
	if place == "" {
		return errors.New("is empty: name a folder, file, URL or s3:// prefix")
	}
	scheme, ok := Remote(place)
	if !ok {
		return nil
	}
	if !slices.Contains([]string{"s3", "https", "http"}, scheme) {
		return errors.New("is of no scheme that is read: https://, http:// or s3://")
	}
	u, err := url.Parse(strings.NewReplacer("{commit}", "c", "{report}", "r").Replace(place))
	switch {
	case err != nil || u.Host == "":
		return errors.New("is no " + scheme + ":// address")
	case u.User != nil:
		return errors.New("must not hold a user or password: use username and password, or bearer_token, under reports")
	}
	return nil
}

// EvidencePlaces are the places where reports are looked for: absolute paths and patterns, and addresses as they are configured.
func (d *Deployment) EvidencePlaces() []string {
	if len(d.Evidence.Places) == 0 {
		return []string{d.state("", "evidence")}
	}
	places := make([]string, len(d.Evidence.Places))
	for i, p := range d.Evidence.Places {
		places[i] = d.evidencePlace(p)
	}
	return places
}

// EvidenceReports are the single reports, their paths absolute.
func (d *Deployment) EvidenceReports() []EvidenceReport {
	reports := slices.Clone(d.Evidence.Reports)
	for i := range reports {
		reports[i].At = d.evidencePlace(reports[i].At)
	}
	return reports
}

func (d *Deployment) evidencePlace(place string) string {
	if _, remote := Remote(place); remote {
		return place
	}
	return d.Abs(place)
}

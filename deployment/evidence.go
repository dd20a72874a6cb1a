package deployment

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Configures where reports of tests and scans are stored: locally, on a web server, or in a bucket. A source that needs
// credentials has its own entry under reports. An address never holds a credential, so it can be shown.

// Evidence lists the sources of reports of tests and scans.
type Evidence struct {
	Places  []string         `yaml:"places" doc:"folders, files, file patterns, https:// URLs or s3:// prefixes of reports; the name of a file or URL says which report it is (tests.json). {commit} is replaced by the commit, and {report} in a URL by the report's name. .catalyst/evidence when not set"`
	Reports []EvidenceReport `yaml:"reports" doc:"single reports of any name, in addition to places"`
}

// EvidenceReport is a report of any name, with the settings to fetch it.
type EvidenceReport struct {
	Report      string      `yaml:"report" required:"true" enum:"tests,coverage,lint,security,vulnerabilities,load,secrets,sbom" doc:"which report it is"`
	Name        string      `yaml:"name" pattern:"^[a-z0-9][a-z0-9_-]*$" doc:"which of several reports of a kind, e.g. e2e"`
	At          string      `yaml:"at" required:"true" doc:"file, file pattern, https:// URL, or s3:// object; {commit} is replaced by the commit"`
	BearerToken secret.Text `yaml:"bearer_token" doc:"bearer token for a URL, e.g. ${CI_TOKEN}"`
	Password    secret.Text `yaml:"password" doc:"password for basic authentication, e.g. ${CI_PASSWORD}"`
	HTTP        `inline:"true"`
}

// Remote reports whether a place must be fetched, and its scheme: s3, https or http.
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
		errs = append(errs, errors.New("credentials apply only to URLs: s3:// uses those of deployment.aws"))
	case (!r.Password.Empty() || r.PasswordFile != "") && r.Username == "":
		errs = append(errs, errors.New("password is set without username"))
	}
	return errs
}

// validPlace rejects a place that cannot be read. Errors never quote the place: an expanded variable may have put a
// token into it.
func validPlace(place string) error {
	if place == "" {
		return errors.New("is empty: name a folder, file, URL or s3:// prefix")
	}
	scheme, ok := Remote(place)
	if !ok {
		return nil
	}
	if !slices.Contains([]string{"s3", "https", "http"}, scheme) {
		return errors.New("unsupported scheme: use https://, http:// or s3://")
	}
	u, err := url.Parse(strings.NewReplacer("{commit}", "c", "{report}", "r").Replace(place))
	switch {
	case err != nil || u.Host == "":
		return errors.New("invalid " + scheme + ":// address")
	case u.User != nil:
		return errors.New("must not contain a user or password: use username and password, or bearer_token, under reports")
	}
	return nil
}

// EvidencePlaces returns where reports are searched: absolute paths and patterns, and addresses as configured.
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

// EvidenceReports returns the single reports with absolute paths.
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

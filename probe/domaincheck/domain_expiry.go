// Package domaincheck checks the registration of domains.
package domaincheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// domain_expiry: is the registration of a domain valid for long enough?
//
// The registry's RDAP server (RFC 9082, 9083) is asked. It must be named: the exporter calls no third party by itself. A
// registry need not publish the expiry, so everything but one clear date is unknown, and only a registered domain fails.

// ExpiryKind is the kind domain_expiry.
func ExpiryKind() probe.Kind {
	return probe.Kind{
		Name:       "domain_expiry",
		Question:   "Is the registration of the domain valid for long enough?",
		Example:    `{domain: shop.example, server: "https://rdap.registry.example:443/"}`,
		Layer:      probe.LayerLive,
		Reads:      "one GET request to the RDAP server of the registry",
		Permission: "network access to it",
		MaxAge:     6 * time.Hour,
		Timeout:    15 * time.Second,
		New: func() any {
			return &domainExpiry{Warn: schema.Duration(45 * 24 * time.Hour), Fail: schema.Duration(14 * 24 * time.Hour)}
		},
	}
}

type domainExpiry struct {
	Domain string          `yaml:"domain" required:"true" doc:"registered domain, e.g. shop.example; names in other scripts as xn--…"`
	Server string          `yaml:"server" required:"true" doc:"base URL of the RDAP server of the registry, from the bootstrap file of IANA for the top-level domain. Redirects to other hosts are not followed"`
	Warn   schema.Duration `yaml:"warn" min:"0s" default:"45d" doc:"remaining time below which the domain is a warning"`
	Fail   schema.Duration `yaml:"fail" min:"0s" default:"14d" doc:"remaining time below which it fails"`
}

var domainName = lazyregexp.New(`^(?i)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$`)

// Validate reports faults of the parameters when the checklist is loaded.
func (s *domainExpiry) Validate() []error {
	var errs []error
	if len(s.Domain) > 253 || !domainName.MatchString(s.Domain) {
		errs = append(errs, fmt.Errorf("domain: %q is not a domain name", s.Domain))
	}
	u, err := url.Parse(s.Server)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
		errs = append(errs, errors.New("server: expected an http or https URL without a user and a query"))
	}
	if s.Fail > s.Warn {
		errs = append(errs, errors.New("fail must not be longer than warn"))
	}
	return errs
}

func (s *domainExpiry) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	w, err := httpclient.For(p, "rdap", deployment.HTTP{})
	if err != nil {
		return probe.Result{}, err
	}
	target := strings.TrimRight(s.Server, "/") + "/domain/" + strings.ToLower(s.Domain)
	r, err := w.Do(ctx, http.MethodGet, target, http.Header{"Accept": {"application/rdap+json, application/json"}}, nil)
	if err != nil {
		at := deployment.Address{URL: s.Server, Configured: true}
		return httpclient.JudgeError("the RDAP server", err, at, "network access to the server of the checklist", false)
	}
	if err := s.refused(r); err != nil {
		return probe.Result{}, err
	}
	return s.judge(r.Body, p.Now())
}

// refused is the error for a response without a registration.
func (s *domainExpiry) refused(r httpclient.Response) error {
	if err := httpclient.Rejected("the RDAP server", r, "an RDAP server that needs no credentials"); err != nil {
		return err
	}
	switch {
	case r.Status == http.StatusOK:
		return nil
	case r.Status == http.StatusNotFound:
		return probe.Needs("server, of the registry that has the domain",
			probe.Unknownf(probe.ReasonMissing, "the RDAP server knows no domain %s: it is not registered there, or another server is in charge", s.Domain))
	case r.Status >= 300 && r.Status < 400:
		return probe.Needs("server, with the target of the redirect",
			probe.Unknownf(probe.ReasonNotConfigured, "the RDAP server redirects to another server, which is not called"))
	case r.Status >= 500:
		return probe.Unknownf(probe.ReasonUnhealthy, "the RDAP server returned %d", r.Status)
	}
	return probe.Unknownf(probe.ReasonInvalid, "the RDAP server returned %d", r.Status)
}

// registration is a domain object of RFC 9083, as far as it is judged.
type registration struct {
	Class  string   `json:"objectClassName"`
	Name   string   `json:"ldhName"`
	Status []string `json:"status"`
	Events []struct {
		Action string `json:"eventAction"`
		Date   string `json:"eventDate"`
	} `json:"events"`
}

// maxRegistration is longer than any registration: a later date stands for none.
const maxRegistration = 100 * 366 * 24 * time.Hour

// judge evaluates the response.
func (s *domainExpiry) judge(body []byte, now time.Time) (probe.Result, error) {
	var found registration
	if err := json.Unmarshal(body, &found); err != nil {
		return probe.Result{}, probe.Unknownf(probe.ReasonInvalid, "the response of the RDAP server is not valid JSON of RDAP")
	}
	if found.Class != "domain" || !strings.EqualFold(strings.TrimSuffix(found.Name, "."), s.Domain) {
		return probe.Result{}, probe.Unknownf(probe.ReasonInvalid, "the response of the RDAP server is not about the domain %s", s.Domain)
	}
	var f probe.ResultBuilder
	has := func(status string) bool {
		return slices.ContainsFunc(found.Status, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), status) })
	}
	for _, status := range []string{"redemption period", "pending delete"} {
		if has(status) {
			f.Fail(probe.ReasonExpired, "the registration of %s has ended: its status is %s", s.Domain, status)
		}
	}
	for _, status := range []string{"server hold", "client hold"} {
		if has(status) {
			f.Fail(probe.ReasonNotPublished, "%s is not in the DNS: its status is %s", s.Domain, status)
		}
	}
	if has("auto renew period") { // the registry moved the date, and takes it back unless the registrar's customer pays
		f.Warn(probe.ReasonExpiring, "%s was renewed by the registry only (auto renew period): check that the registrar has renewed it", s.Domain)
	}
	end, err := found.expiration()
	if err == nil && end.Sub(now) > maxRegistration {
		err = probe.Unknownf(probe.ReasonInvalid, "is implausible")
	}
	if err != nil {
		if f.Worst.State == probe.StateFail {
			return f.Result(""), nil
		}
		return probe.Result{}, probe.Needs("an attestation of the expiry", probe.Unknown(probe.ReasonOf(err), fmt.Errorf("the expiry of %s %w", s.Domain, err)))
	}
	left, day := end.Sub(now), end.UTC().Format(time.DateOnly)
	switch {
	case left <= 0:
		f.Fail(probe.ReasonExpired, "the registration of %s expired on %s", s.Domain, day)
	case left < s.Fail.Std():
		f.Fail(probe.ReasonExpiring, "the registration of %s expires on %s, in less than %s. Renew it", s.Domain, day, s.Fail)
	case left < s.Warn.Std():
		f.Warn(probe.ReasonExpiring, "the registration of %s expires on %s, in less than %s. Renew it", s.Domain, day, s.Warn)
	}
	return f.Result("the registration of %s is valid until %s", s.Domain, day), nil
}

// expiration returns the date of the event. Its error continues "the expiry of … ".
func (r registration) expiration() (time.Time, error) {
	var end time.Time
	for _, event := range r.Events {
		if !strings.EqualFold(strings.TrimSpace(event.Action), "expiration") { // not "registrar expiration", which may be later
			continue
		}
		at, err := parseDate(event.Date)
		switch {
		case err != nil:
			return end, probe.Unknownf(probe.ReasonInvalid, "is not a date in the response of the RDAP server")
		case !end.IsZero() && !at.Equal(end):
			return end, probe.Unknownf(probe.ReasonInvalid, "is ambiguous: the RDAP server returned several dates")
		}
		end = at
	}
	if end.IsZero() {
		return end, probe.Unknownf(probe.ReasonMissing, "is not published by the RDAP server")
	}
	return end, nil
}

// parseDate reads a date of RFC 3339. Some registries leave out the zone, or the time: the earliest moment counts.
func parseDate(text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.Add(-14 * time.Hour), nil // the zone furthest to the east
		}
	}
	return time.Time{}, errors.New("not a date")
}

package httpcheck

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/valuerule"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// http_response: does a URL return what it should: status, redirect, headers, cookies, body?
//
// One request without credentials. A redirect is the response, so that a rule about it sees it; with follow, redirects to the same
// host are followed. Every value of a header must hold, because browsers and proxies differ in which of two they take.

// ResponseKind is the kind http_response.
func ResponseKind() probe.Kind {
	return probe.Kind{
		Name:       "http_response",
		Services:   []deployment.Service{deployment.PublicService},
		Question:   "Does the URL return the status, headers and content that it should?",
		Example:    `{path: /, headers: [{name: Strict-Transport-Security, matches: "max-age=[1-9][0-9]{7}"}]}`,
		Layer:      probe.LayerLive,
		Reads:      "one request to the URL, by default on the public site (deployment.public.url)",
		Permission: "network access to it",
		MaxAge:     time.Minute,
		Timeout:    10 * time.Second,
		New:        func() any { return &httpResponse{Method: http.MethodGet} },
	}
}

type httpResponse struct {
	Path      string            `yaml:"path" pattern:"^/" doc:"path on the public site; set either path or url"`
	Scheme    string            `yaml:"scheme" enum:"http,https" doc:"scheme of a path, instead of that of the public site; with its default port"`
	URL       string            `yaml:"url" doc:"any http or https URL, without a user"`
	Method    string            `yaml:"method" default:"GET" enum:"GET,HEAD,OPTIONS" doc:"method of the request"`
	Send      map[string]string `yaml:"send" doc:"headers of the request, e.g. {Origin: https://elsewhere.example}; no credentials"`
	Follow    bool              `yaml:"follow" default:"false" doc:"follow redirects to the same host"`
	Status    []int             `yaml:"status" doc:"accepted status codes; default: 200 to 299, or 300 to 399 with redirects_to"`
	Redirects string            `yaml:"redirects_to" doc:"what the target of the redirect starts with; {host} is the requested host, e.g. https://{host}/"`
	Headers   []headerRule      `yaml:"headers" doc:"rules about headers of the response"`
	Cookies   []string          `yaml:"cookies" enum:"secure,http_only,same_site" doc:"attributes that every cookie of the response must have"`
	Matches   []string          `yaml:"matches" doc:"regular expressions (RE2) that the body must match"`
	Lacks     []string          `yaml:"lacks" doc:"regular expressions that the body must not match"`
	Values    []valuerule.Rule  `yaml:"values" doc:"rules about single values of a JSON body"`
	Within    *schema.Duration  `yaml:"within" min:"10ms" doc:"maximum time until the end of the body"`
}

// headerRule is a rule about one header.
type headerRule struct {
	Name    string `yaml:"name" required:"true" doc:"name of the header"`
	Absent  bool   `yaml:"absent" default:"false" doc:"the header must not be there"`
	Matches string `yaml:"matches" doc:"regular expression that each of its values must match, in any case of letters"`
	Lacks   string `yaml:"lacks" doc:"regular expression that none of its values may match, in any case of letters; alone, it also holds without the header"`
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *httpResponse) Validate() []error {
	var errs []error
	if (s.Path == "") == (s.URL == "") {
		errs = append(errs, errors.New("set either path or url"))
	}
	if u, err := url.Parse(s.URL); s.URL != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https") {
		errs = append(errs, errors.New("url: expected an http or https URL without a user"))
	}
	if s.Scheme != "" && s.URL != "" {
		errs = append(errs, errors.New("scheme: is for path"))
	}
	if s.Redirects != "" && s.Follow {
		errs = append(errs, errors.New("redirects_to: a redirect that is followed is not seen"))
	}
	for name := range s.Send {
		if slices.Contains([]string{"Authorization", "Cookie", "Proxy-Authorization", "Host"}, http.CanonicalHeaderKey(name)) {
			errs = append(errs, fmt.Errorf("send: %s is not sent", http.CanonicalHeaderKey(name)))
		}
	}
	patterns := slices.Concat(s.Matches, s.Lacks)
	for _, rule := range s.Headers {
		patterns = append(patterns, rule.Matches, rule.Lacks)
		if rule.Absent && rule.Matches+rule.Lacks != "" {
			errs = append(errs, fmt.Errorf("headers: %s: a header that must not be there has no other rules", rule.Name))
		}
	}
	for _, pattern := range patterns {
		if _, err := regexp.Compile(pattern); err != nil {
			errs = append(errs, err)
		}
	}
	for _, rule := range s.Values {
		errs = append(errs, rule.Validate()...)
	}
	if s.Method == http.MethodHead && len(s.Matches)+len(s.Lacks)+len(s.Values) > 0 {
		errs = append(errs, errors.New("method: a response to HEAD has no body"))
	}
	return errs
}

func (s *httpResponse) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	header := http.Header{}
	for name, value := range s.Send {
		header.Set(name, value)
	}
	r, result, err := s.fetch(ctx, p, header)
	if err != nil || result.State != 0 {
		return result, err
	}
	return s.judge(r), nil
}

// fetch makes the request. The result is set when there is no response to judge.
func (s *httpResponse) fetch(ctx context.Context, p *probe.Pass, header http.Header) (httpclient.Response, probe.Result, error) {
	at, target, err := s.target(p)
	if err != nil {
		return httpclient.Response{}, probe.Result{}, err
	}
	w, err := httpclient.For(p, "public", deployment.HTTP{CAFile: p.Deployment.TLS.CAFile})
	if err != nil {
		return httpclient.Response{}, probe.Result{}, err
	}
	if !s.Follow {
		w = w.Unfollowed()
	}
	r, err := w.Do(visit(ctx, p, at), s.Method, target, header, nil)
	if err != nil {
		setting := deployment.PublicService.Setting("url")
		if s.URL != "" {
			setting = "network access to the url of the checklist"
		}
		result, err := httpclient.JudgeError(s.what(), err, at, setting, false)
		return r, result, err
	}
	return r, probe.Result{}, nil
}

// target returns the URL to request.
func (s *httpResponse) target(p *probe.Pass) (deployment.Address, string, error) {
	if s.URL != "" { // the checklist names it
		return deployment.Address{URL: s.URL, Configured: true}, s.URL, nil
	}
	at, err := publicAddress(p)
	if err != nil {
		return at, "", err
	}
	u, err := url.Parse(at.URL)
	if err != nil {
		return at, "", err
	}
	if s.Scheme != "" && s.Scheme != u.Scheme {
		u.Scheme, u.Host = s.Scheme, u.Hostname()
		if strings.Contains(u.Host, ":") {
			u.Host = "[" + u.Host + "]"
		}
	}
	return at, u.String() + s.Path, nil
}

// what names the request in details, without a query.
func (s *httpResponse) what() string {
	name, _, _ := strings.Cut(s.Path+s.URL, "?")
	if s.Scheme != "" {
		name = s.Scheme + " " + name
	}
	if s.Method != http.MethodGet {
		name = s.Method + " " + name
	}
	return name
}

// judge evaluates a response.
func (s *httpResponse) judge(r httpclient.Response) probe.Result {
	var f probe.ResultBuilder
	what := s.what()
	s.judgeStatus(&f, what, r)
	for _, rule := range s.Headers {
		rule.judge(&f, what, r.Header)
	}
	s.judgeCookies(&f, what, r.Header)
	for _, pattern := range s.Matches {
		if !regexp.MustCompile(pattern).Match(r.Body) {
			f.Fail(probe.ReasonMissing, "%s: the body does not match %s", what, pattern)
		}
	}
	for _, pattern := range s.Lacks {
		if regexp.MustCompile(pattern).Match(r.Body) {
			f.Fail(probe.ReasonExposed, "%s: the body matches %s, which it must not", what, pattern)
		}
	}
	if len(s.Values) > 0 {
		root, err := valuerule.Parse("json", r.Body)
		if err != nil {
			f.Fail(probe.ReasonInvalid, "%s: the body is %v", what, err)
		}
		for _, rule := range s.Values {
			if err == nil {
				rule.Judge(&f, what, root)
			}
		}
	}
	if s.Within != nil && r.Took > s.Within.Std() {
		f.Fail(probe.ReasonThreshold, "%s took longer than %s", what, s.Within)
	}
	if len(s.Cookies) > 0 && len(r.Header.Values("Set-Cookie")) == 0 {
		return f.Result("%s returned %d, as required; it sets no cookie", what, r.Status)
	}
	return f.Result("%s returned %d, as required", what, r.Status)
}

func (s *httpResponse) judgeStatus(f *probe.ResultBuilder, what string, r httpclient.Response) {
	accepted := r.Status >= 200 && r.Status < 300
	switch {
	case len(s.Status) > 0:
		accepted = slices.Contains(s.Status, r.Status)
	case s.Redirects != "":
		accepted = r.Status >= 300 && r.Status < 400
	}
	switch {
	case !accepted && r.Status >= 500:
		f.Fail(probe.ReasonUnhealthy, "%s returned %d", what, r.Status)
		return
	case !accepted:
		f.Fail(probe.ReasonMismatch, "%s returned %d, which is not an expected status", what, r.Status)
		return
	case s.Redirects == "":
		return
	}
	to, err := r.URL.Parse(r.Header.Get("Location"))
	wanted := strings.ReplaceAll(s.Redirects, "{host}", r.URL.Hostname())
	if r.Header.Get("Location") == "" || err != nil || !startsWith(to.String(), wanted) {
		f.Fail(probe.ReasonMismatch, "%s redirects to another target than %s", what, s.Redirects)
	}
}

// startsWith compares a URL with its beginning. The beginning of a host name is not enough: https://shop is not https://shop.evil.
func startsWith(target, wanted string) bool {
	rest, ok := strings.CutPrefix(target, wanted)
	inHost := strings.Count(wanted, "/") < 3
	return ok && (!inHost || rest == "" || strings.ContainsAny(rest[:1], "/?#:"))
}

func (h headerRule) judge(f *probe.ResultBuilder, what string, header http.Header) {
	values := header.Values(h.Name)
	switch {
	case h.Absent && len(values) > 0:
		f.Fail(probe.ReasonExposed, "%s: header %s must not be there", what, h.Name)
		return
	case h.Absent, len(values) == 0 && h.Matches == "" && h.Lacks != "":
		return
	case len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) == "" }):
		f.Fail(probe.ReasonMissing, "%s: header %s is missing or empty", what, h.Name)
		return
	}
	holds := func(pattern string) func(string) bool { return regexp.MustCompile("(?i)" + pattern).MatchString }
	if h.Matches != "" && slices.ContainsFunc(values, func(v string) bool { return !holds(h.Matches)(v) }) {
		f.Fail(probe.ReasonMismatch, "%s: header %s does not match %s", what, h.Name, h.Matches)
	}
	if h.Lacks != "" && slices.ContainsFunc(values, holds(h.Lacks)) {
		f.Fail(probe.ReasonInvalid, "%s: header %s matches %s, which it must not", what, h.Name, h.Lacks)
	}
}

func (s *httpResponse) judgeCookies(f *probe.ResultBuilder, what string, header http.Header) {
	if len(s.Cookies) == 0 {
		return
	}
	lines := header.Values("Set-Cookie")
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			f.Fail(probe.ReasonInvalid, "%s: a cookie cannot be parsed", what)
			continue
		}
		has := map[string]bool{"secure": c.Secure, "http_only": c.HttpOnly, "same_site": c.SameSite == http.SameSiteLaxMode || c.SameSite == http.SameSiteStrictMode}
		for _, attribute := range s.Cookies {
			if !has[attribute] {
				f.Fail(probe.ReasonMissing, "%s: a cookie lacks the attribute %s", what, attribute)
			}
		}
	}
}

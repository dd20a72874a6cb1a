package httpcheck

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dnscheck"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// web_page: is a document published for the public?
//
// Status 200 is not enough: error pages, single-page shells and login pages return it too. The visible text is checked
// and compared with the response for a path that does not exist.

func WebPageKind() probe.Kind {
	return probe.Kind{
		Name:       "web_page",
		Services:   []deployment.Service{deployment.PublicService},
		Question:   "Is the document published on the deployment's own site, with text on its subject?",
		Example:    "{path: /privacy, mentions: [privacy]}",
		Layer:      probe.LayerLive,
		Reads:      "GET on the public site (deployment.public.url), and one path that does not exist",
		Permission: "network access to it",
		MaxAge:     time.Minute,
		Timeout:    15 * time.Second,
		New:        func() any { return &webPage{Words: 200} },
	}
}

type webPage struct {
	Path     string   `yaml:"path" required:"true" pattern:"^/" doc:"path on the public site"`
	Mentions []string `yaml:"mentions" required:"true" doc:"words that the text must contain, case-insensitive"`
	Words    int      `yaml:"words" default:"200" min:"1" doc:"minimum number of words of text"`
}

// noSuchPath is a path that no site has.
const noSuchPath = "/catalyst-exporter-asks-for-a-page-that-does-not-exist"

func (s *webPage) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	setting := deployment.PublicService.Setting("url")
	at, err := publicAddress(p)
	if err != nil {
		return probe.Result{}, err
	}
	w, err := httpclient.For(p, "public", deployment.HTTP{CAFile: p.Deployment.TLS.CAFile})
	if err != nil {
		return probe.Result{}, err
	}
	ctx = visit(ctx, p, at)
	page, err := w.Get(ctx, at.URL+s.Path)
	if err != nil {
		return httpclient.JudgeError(s.Path, err, at, setting, true)
	}
	if r := s.judge(page); r.State != probe.StatePass {
		return r, nil
	}
	control, err := probe.Once(ctx, p, controlKey{at.URL}, func(ctx context.Context) (httpclient.Response, error) { return w.Get(ctx, at.URL+noSuchPath) })
	if err != nil {
		return httpclient.JudgeError("the control request", err, at, setting, false)
	}
	if control.Status == 200 && alike(textOf(control.Body), textOf(page.Body)) {
		return probe.Failed(probe.ReasonNotPublished, "%s returns the same page as a path that does not exist", s.Path), nil
	}
	return s.judge(page), nil
}

type controlKey struct{ url string }

// publicAddress returns the public URL: configured, or of the first public host in the deployment's files.
func publicAddress(p *probe.Pass) (deployment.Address, error) {
	if u := p.Deployment.Public.URL; u != "" {
		return deployment.Address{URL: strings.TrimRight(u, "/"), Configured: true}, nil
	}
	hosts, err := dnscheck.PublicHosts(p)
	if err != nil {
		return deployment.Address{}, probe.Needs(deployment.PublicService.Setting("url"), err)
	}
	return deployment.Address{URL: "https://" + hosts[0], Configured: len(p.Deployment.Public.Hosts) > 0}, nil
}

// visit returns the context for requests to the public site. An address that only the deployment's files give is
// checked before it is called.
func visit(ctx context.Context, p *probe.Pass, at deployment.Address) context.Context {
	if at.Configured {
		return ctx
	}
	return reach.Given(ctx, p)
}

var (
	errorPage = regexp.MustCompile(`(?i)\b(404|page not found|not found|does(n['’]t| not) exist|page (is )?unavailable|error 5\d\d|internal server error|bad gateway|under construction|coming soon)\b`)
	loginPath = regexp.MustCompile(`(?i)/(log-?in|sign-?in|auth|sso|oauth2?|account/login)(/|$|\?)`)
)

// judge checks the page itself.
func (s *webPage) judge(a httpclient.Response) probe.Result {
	switch {
	case a.OffSite != "":
		return probe.Failed(probe.ReasonNotPublished, "%s redirects to another site", s.Path)
	case a.Status != 200:
		return probe.Failed(probe.ReasonNotPublished, "%s returned %d", s.Path, a.Status)
	case loginPath.MatchString(a.URL.Path) && !loginPath.MatchString(s.Path):
		return probe.Failed(probe.ReasonNotPublished, "%s redirects to a login page", s.Path)
	}
	t := textOf(a.Body)
	switch {
	case t.password:
		return probe.Failed(probe.ReasonNotPublished, "%s shows a login form", s.Path)
	case errorPage.MatchString(t.heading):
		return probe.Failed(probe.ReasonNotPublished, "%s returned 200 with an error page", s.Path)
	case len(t.words) < s.Words && t.script:
		return probe.Failed(probe.ReasonNotPublished, "%s is a script shell with %d words of text, expected at least %d", s.Path, len(t.words), s.Words)
	case len(t.words) < s.Words:
		return probe.Failed(probe.ReasonNotPublished, "%s has %d words of text, expected at least %d", s.Path, len(t.words), s.Words)
	}
	all := strings.ToLower(strings.Join(t.words, " "))
	for _, m := range s.Mentions {
		if !strings.Contains(all, strings.ToLower(m)) {
			return probe.Failed(probe.ReasonMismatch, "%s does not mention %q", s.Path, m)
		}
	}
	if n := len(markdown.DocumentBlank.FindAllStringIndex(strings.Join(t.words, " "), maxBlanks)); n > 0 {
		return probe.Failed(probe.ReasonPlaceholder, "%s has %s in its text, such as TBD, TODO, lorem ipsum or [COMPANY NAME]", s.Path, phrase.Count(n, "placeholder"))
	}
	return probe.Passed("%s is published: %d words", s.Path, len(t.words))
}

// maxBlanks bounds the count of placeholders.
const maxBlanks = 100

// pageText is the visible text of a page.
type pageText struct {
	heading  string // title and first-level headings
	words    []string
	password bool // the page has a password field
	script   bool
}

// maxTokens bounds the work on one page.
const maxTokens = 200_000

// textOf reads an HTML or plain text page.
func textOf(body []byte) pageText {
	var t pageText
	z := html.NewTokenizer(bytes.NewReader(body))
	hidden, heading := "", false
	for range maxTokens {
		switch z.Next() {
		case html.ErrorToken: // the end, or the rest is not markup
			return t
		case html.TextToken:
			fields := strings.Fields(string(z.Text()))
			if heading {
				t.heading += " " + strings.Join(fields, " ")
			}
			if hidden == "" {
				t.words = append(t.words, fields...)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, attributes := z.TagName()
			switch tag := string(name); tag {
			case "script", "style", "noscript", "template", "nav", "svg", "head", "footer":
				t.script = t.script || tag == "script"
				if hidden == "" && tag != "head" {
					hidden = tag
				}
			case "title", "h1":
				heading = true
				if tag == "title" && hidden == "" {
					hidden = tag
				}
			case "input":
				for attributes {
					var key, value []byte
					key, value, attributes = z.TagAttr()
					t.password = t.password || string(key) == "type" && strings.EqualFold(string(value), "password")
				}
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if string(name) == hidden {
				hidden = ""
			}
			if string(name) == "title" || string(name) == "h1" {
				heading = false
			}
		}
	}
	return t
}

// alike reports whether two pages differ only in a few words (a date, the requested path).
func alike(a, b pageText) bool {
	count := map[string]int{}
	for _, w := range a.words {
		count[w]++
	}
	shared := 0
	for _, w := range b.words {
		if count[w] > 0 {
			count[w]--
			shared++
		}
	}
	longer := max(len(a.words), len(b.words))
	return longer > 0 && float64(shared) >= 0.95*float64(longer)
}

func (s *webPage) Validate() []error {
	if len(s.Mentions) == 0 {
		return []error{errors.New("mentions: at least one word is required")}
	}
	return nil
}

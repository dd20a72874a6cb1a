package httpcheck

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dnscheck"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/httpcheck/pagetext"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// web_page: is a document published for the public?
//
// Status 200 is not enough: error pages, single-page shells and login pages return it too. The visible text is checked
// and compared with the responses for two paths that do not exist, which show how much the site's own error page varies.

func WebPageKind() probe.Kind {
	return probe.Kind{
		Name:       "web_page",
		Services:   []deployment.Service{deployment.PublicService},
		Question:   "Is the document published on the deployment's own site, with text on its subject?",
		Example:    "{path: /privacy, mentions: [privacy]}",
		Layer:      probe.LayerLive,
		Reads:      "GET on the public site (deployment.public.url), and two paths that do not exist",
		Permission: "network access to it",
		MaxAge:     time.Minute,
		Timeout:    15 * time.Second,
		New:        func() any { return &webPage{Words: 200} },
	}
}

type webPage struct {
	Path     string   `yaml:"path" required:"true" pattern:"^/" doc:"path on the public site"`
	Mentions []string `yaml:"mentions" required:"true" doc:"words that the text and its title, a heading or the path must contain, case-insensitive; privacy and terms also in other languages"`
	Words    int      `yaml:"words" default:"200" min:"1" doc:"minimum number of words of text"`
	Hosts    []string `yaml:"hosts" doc:"other hosts that may publish the document, e.g. app.termly.io"`
}

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
	page, elsewhere, err := s.fetch(ctx, p, w, at)
	var dns *net.DNSError
	switch {
	case err != nil && elsewhere != "" && errors.As(err, &dns) && dns.IsNotFound:
		return probe.Failed(probe.ReasonNotPublished, "%s redirects to another site, %s, which does not exist", s.Path, elsewhere), nil
	case err != nil && elsewhere != "":
		return httpclient.JudgeError(s.Path+" on another site", err, at, "network access to "+elsewhere, false)
	case err != nil:
		return httpclient.JudgeError(s.Path, err, at, setting, true)
	}
	r, text := s.judge(page)
	if r.State != probe.StatePass && r.State != probe.StateWarn {
		return r, nil
	}
	if r.State == probe.StatePass && elsewhere != "" {
		return probe.Warned(probe.ReasonMismatch, "%s redirects to another host, %s. If the document belongs there, add the host to hosts", s.Path, elsewhere), nil
	}
	if page.URL.Host != hostOf(at.URL) || len(text.Words) == 0 { // on an accepted host, whose error pages are its own
		return r, nil
	}
	soft, err := softNotFound(ctx, p, w, at.URL, s.Path, text)
	if err != nil {
		return httpclient.JudgeError("the control request", err, at, setting, false)
	}
	if soft {
		return probe.Failed(probe.ReasonNotPublished, "%s returns the same page as a path that does not exist", s.Path), nil
	}
	return r, nil
}

// maxHosts bounds the redirects from host to host.
const maxHosts = 3

// fetch requests the document, also from other hosts. elsewhere is the host that it was found at, unless it is accepted.
func (s *webPage) fetch(ctx context.Context, p *probe.Pass, w *httpclient.Client, at deployment.Address) (page httpclient.Response, elsewhere string, err error) {
	target := at.URL + s.Path
	for range maxHosts {
		page, err = w.Get(ctx, target)
		if errors.Is(err, fault.ErrTooLong) && pagetext.IsPDF(page.Body) { // its beginning shows enough
			err = nil
		}
		next := page.Header.Get("Location")
		if err == nil && page.OffSite == "" {
			next = refreshOf(page)
		}
		if err != nil || next == "" {
			return page, elsewhere, err
		}
		to, parseErr := page.URL.Parse(next)
		if parseErr != nil || to.Scheme != "http" && to.Scheme != "https" || to.Scheme == "http" && page.URL.Scheme == "https" {
			return page, elsewhere, nil
		}
		if to.Host != page.URL.Host { // the site gives the address
			ctx = reach.Given(ctx, p)
		}
		target = to.String()
		if !s.accepts(p, at, to.Hostname()) {
			elsewhere = to.Hostname()
		}
	}
	return page, elsewhere, nil
}

// refreshOf returns the URL that a page continues with by itself, "" for none.
func refreshOf(page httpclient.Response) string {
	if page.Status != 200 || pagetext.IsPDF(page.Body) {
		return ""
	}
	next := pagetext.RefreshOf(page.Header.Get("Refresh"))
	if next == "" && !isPlain(page.Header) {
		next = readPage(page).Refresh
	}
	if to, err := page.URL.Parse(next); err != nil || to.Host == page.URL.Host && to.Path == page.URL.Path {
		return "" // it reloads itself
	}
	return next
}

// accepts reports whether a host may publish the document: configured, public, or the site's own with or without www.
func (s *webPage) accepts(p *probe.Pass, at deployment.Address, host string) bool {
	bare := func(name string) string { return strings.TrimPrefix(strings.ToLower(name), "www.") }
	known := append([]string{hostOf(at.URL)}, s.Hosts...)
	if hosts, err := dnscheck.PublicHosts(p); err == nil {
		known = append(known, hosts...)
	}
	return slices.ContainsFunc(known, func(k string) bool {
		if name, _, err := net.SplitHostPort(k); err == nil {
			k = name
		}
		return bare(k) == bare(host)
	})
}

// hostOf returns the host of a URL, with its port.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Host
}

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
	// errorPage matches a heading of an error page; errorTitle one that is only clear as a title or main heading.
	errorPage = lazyregexp.New(`(?i)\b(404|error 5\d\d|internal server error|bad gateway)\b|` +
		`^\W*((page|file|document|content) )?(not found|unavailable|does(n['’]t| not) exist)\W*$|\bnothing (to see |was found )?here\b|` +
		`\bpage\b.{0,30}\b(not (be )?found|does(n['’]t| not) exist|no longer (exists|available)|unavailable|is missing|has moved)|\b(can(['’]t|not)|could(n['’]t| not)) (be found|find)\b|` +
		`\bseite\b.{0,30}(nicht|fehlt)|\bpage\b.{0,30}\b(introuvable|n['’]existe|n['’]est|n['’]a pas)|\bpágina\b.{0,30}\bno\b|\bno\b.{0,30}\bpágina\b|\bpagina\b.{0,20}\b(non|niet|nu)\b|` +
		`página não|\bsidan\b.{0,20}\b(inte|saknas)\b|\bsiden\b.{0,20}\b(ikke|mangler)\b|\bsivua?\b.{0,20}\b(ei|löydy)\b|\bstron[ay]\b.{0,20}\bnie\b|\bstránka\b.{0,20}\bne|` +
		`oldal\b.{0,20}\bnem\b|sayfa.{0,20}(bulunamadı|yok)|страниц.{0,20}(не |удал)|сторінк.{0,20}(не |видал)|страница.{0,20}(не |няма)|σελίδα.{0,20}δεν|ページ.{0,10}(見つかりません|ありません|存在しません)|` +
		`页面?.{0,8}(不存在|未找到|找不到)|(找不到|未找到).{0,8}页|找不到.{0,6}頁|頁面.{0,8}(不存在|找不到)|페이지.{0,10}(없습니다|찾을)|الصفحة.{0,20}(غير|لم)|הדף.{0,10}(לא|אינו)|ไม่พบ|` +
		`không (tìm thấy|tồn tại)|halaman.{0,12}tidak|tidak ditemukan`)
	errorTitle = lazyregexp.New(`(?i)\b(410|not found|does(n['’]t| not) exist|page (is )?unavailable|` +
		`nicht gefunden|introuvable|no encontrad[ao]|non trovat[ao]|` +
		`niet gevonden|não encontrad[ao]|hittades inte|ikke fundet|ikke funnet|ei löytynyt|nie znaleziono|nenalezena|nem található|bulunamadı)`)
	// noSite matches what a registrar or a web server shows where there is no site.
	noSite = lazyregexp.New(`(?i)^\W*(index of|directory listing (for|of)) ?/|\b(this|the|your|buy this) (domain|website)( name)? (is|may be|has been) (parked|for sale|registered|expired|suspended)\b|` +
		`\bbuy this domain\b|\b[\w-]+\.[a-z]{2,} is (parked|for sale)\b|\bdomain (is )?(parked|for sale)\b|\bparked (free|domain)\b|\bdomain (ist |steht )?(geparkt|zu verkaufen|zum verkauf)|` +
		`domaine est (à vendre|en vente)|dominio (está )?(en venta|aparcado)|dominio in vendita|\bwelcome to (nginx|openresty|caddy)\b|\bapache2? .{0,20}default page\b|\baccount (has been )?suspended\b`)
	unfinished = lazyregexp.New(`(?i)\b(under construction|coming soon|demnächst|bientôt|próximamente|prossimamente|binnenkort|em breve)\b`)
	loginPath  = lazyregexp.New(`(?i)/(log-?in|log_in|sign-?in|sign_in|auth|authorize|sso|saml2?|oauth2?|account/login|anmelden|connexion|iniciar-sesion|accedi|wp-login\.php)(/|$|\?|\.)`)
	errorPath  = lazyregexp.New(`(?i)/(404|410|500|error|errors|not-?found|not_found|page-not-found)(/|$|\.)`)
	startPath  = lazyregexp.New(`(?i)^/?([a-z]{2}([-_][a-z]{2})?/?)?((index|default|home)(\.[a-z]+)?/?)?$`)
)

var (
	// blockedTitle matches a title or main heading of what a site shows in place of a page.
	blockedTitle = lazyregexp.New(`(?i)^\W*(oops|4\d\d\b|50\d\b|error\b|forbidden|unauthorized|access denied|just a moment|attention required|checking your browser|` +
		`are you a robot|something went wrong|service (temporarily )?unavailable|temporarily unavailable|zugriff verweigert|accès refusé|acceso denegado)|` +
		`\b(down for|under|scheduled) maintenance\b|\bwartungs(arbeiten|modus)\b|\bwe('ll| will) be (right )?back\b|\b(403 forbidden|401 unauthorized)\b`)
	loginTitle = lazyregexp.New(`(?i)^\W*(please )?(log ?in|sign ?in|sign up|login|anmelden|einloggen|se connecter|iniciar sesión|accedi)\b`)
	draftTitle = lazyregexp.New(`(?i)(\b|_)(draft|entwurf|brouillon|borrador|bozza|concept version|work in progress)(\b|_)`)
	// otherDocument matches titles of other pages that mention legal documents.
	otherDocument = lazyregexp.New(`(?i)\b(imprint|impressum|legal notice|mentions légales|aviso legal|about us|über uns|à propos|contact( us)?|kontakt|careers|` +
		`press|blog|news|faq|pricing|sitemap|welcome|willkommen|bienvenue|home ?page|startseite)\b`)
	// blankName matches a name that a template leaves to be filled in.
	blankName = lazyregexp.New(`\bY(our|OUR) (C(ompany|OMPANY)|B(usiness|USINESS)|O(rganization|RGANIZATION)|W(ebsite|EBSITE)|D(omain|OMAIN))( N(ame|AME))?\b|` +
		`(?i:[@/.]your-?(company|domain|website|site|business)\.(com|net|org)\b)`)
)

// maxHeading is the most words of a heading that announces a document instead of being part of one.
const maxHeading = 8

// maxOpening is how many words of a text without headings are taken for its title.
const maxOpening = 40

// judge checks the page itself, and returns its text.
func (s *webPage) judge(a httpclient.Response) (probe.Result, pagetext.Text) {
	unpublished := func(format string, args ...any) (probe.Result, pagetext.Text) {
		return probe.Failed(probe.ReasonNotPublished, format, append([]any{s.Path}, args...)...), pagetext.Text{}
	}
	path := a.URL.Path
	switch {
	case a.OffSite != "":
		return unpublished("%s redirects to another site")
	case a.Status != 200:
		return unpublished("%s returned %d", a.Status)
	case loginPath.MatchString(path) && !loginPath.MatchString(s.Path):
		return unpublished("%s redirects to a login page")
	case startPath.MatchString(path) && !startPath.MatchString(s.Path):
		return unpublished("%s redirects to the start page")
	case errorPath.MatchString(path) && !errorPath.MatchString(s.Path):
		return unpublished("%s redirects to an error page")
	case pagetext.IsPDF(a.Body):
		return s.judgePDF(a), pagetext.Text{}
	}
	body := pagetext.Decode(a.Body, a.Header)
	if kind := otherContent(body, a.Header.Get("Content-Type")); kind != "" {
		return unpublished("%s returned %s instead of a document", kind)
	}
	t := readPage(a)
	n := t.Count()
	switch {
	case t.Password, t.Login && n < s.Words, slices.ContainsFunc(t.Top, loginTitle.MatchString):
		return unpublished("%s shows a login form")
	case slices.ContainsFunc(t.Headings, isErrorHeading), slices.ContainsFunc(t.Top, errorTitle.MatchString), slices.ContainsFunc(t.Top, blockedTitle.MatchString):
		return unpublished("%s returned 200 with an error page")
	case slices.ContainsFunc(t.Top, noSite.MatchString), noSite.MatchString(strings.Join(t.Words[:min(len(t.Words), maxOpening)], " ")):
		return unpublished("%s shows the page of a parked domain or of a fresh web server")
	case n < s.Words && t.Script:
		return unpublished("%s is a script shell with %d words of text, expected at least %d", n, s.Words)
	case n < s.Words:
		return unpublished("%s has %d words of text, expected at least %d", n, s.Words)
	}
	text := strings.Join(t.Words, " ")
	about := strings.Join(t.Headings, "\n")
	if strings.TrimSpace(about) == "" { // plain text begins with its title
		about = strings.Join(t.Words[:min(len(t.Words), maxOpening)], " ")
	}
	for _, m := range s.Mentions {
		switch {
		case !mentions(text, m):
			return probe.Failed(probe.ReasonMismatch, "%s does not mention %q", s.Path, m), t
		case mentions(about, m):
		case !mentions(pathWords(path), m):
			return probe.Failed(probe.ReasonMismatch, "%s has %q in neither its title, a heading nor its path", s.Path, m), t
		case path == s.Path && slices.ContainsFunc(t.Top, func(title string) bool { return isOtherDocument(title, m) }):
			return probe.Failed(probe.ReasonMismatch, "%s has the title of another document, not of one on %q", s.Path, m), t
		case path == s.Path && t.Main:
			return probe.Warned(probe.ReasonMismatch, "%s has %q in neither its title nor a heading. Give the document a heading with that word", s.Path, m), t
		}
	}
	return s.judgeText(a, t, text)
}

// isOtherDocument reports whether a title is that of a document on another subject than the wanted word.
func isOtherDocument(title, wanted string) bool {
	if otherDocument.MatchString(title) {
		return true
	}
	for line := range strings.Lines(documentWords) {
		name, _, listed := strings.Cut(line, ":")
		if listed && !strings.HasPrefix(name, "#") && !strings.EqualFold(name, wanted) && mentions(title, name) {
			return true
		}
	}
	return false
}

// readPage returns the text that a response shows.
func readPage(a httpclient.Response) pagetext.Text {
	body := pagetext.Decode(a.Body, a.Header)
	if isPlain(a.Header) && !isHTML(body) {
		return pagetext.Plain(body)
	}
	return pagetext.Read(body)
}

func isPlain(h http.Header) bool {
	kind := h.Get("Content-Type")
	return strings.HasPrefix(kind, "text/plain") || strings.HasPrefix(kind, "text/markdown")
}

func isHTML(body []byte) bool {
	start := strings.ToLower(string(bytes.TrimSpace(body[:min(len(body), 256)])))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

// notShown tells how a browser treats a page that it does not show as one, "" if it does.
func notShown(a httpclient.Response) string {
	switch kind := a.Header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "text/plain") && isHTML(a.Body):
		return "text/plain, so that browsers show the source text of the page"
	case strings.HasPrefix(kind, "application/octet-stream"), strings.HasPrefix(strings.ToLower(a.Header.Get("Content-Disposition")), "attachment"):
		return "a download"
	}
	return ""
}

// judgePDF checks a PDF.
func (s *webPage) judgePDF(a httpclient.Response) probe.Result {
	t := pagetext.ReadPDF(a.Body)
	words := len(strings.Fields(t.Text))
	const letters = 5 // of a word, on average
	if n := max(words, t.Glyphs/letters); n < s.Words {
		return probe.Failed(probe.ReasonNotPublished, "%s is a PDF with %d words of text, expected at least %d", s.Path, n, s.Words)
	}
	for _, m := range s.Mentions {
		if !mentions(t.Text, m) && !mentions(pathWords(a.URL.Path), m) {
			return probe.Failed(probe.ReasonMismatch, "%s is a PDF that does not mention %q in its readable text", s.Path, m)
		}
	}
	return probe.Passed("%s is published as a PDF", s.Path)
}

// isErrorHeading reports whether a heading is that of an error page or announces a page.
func isErrorHeading(heading string) bool {
	return errorPage.MatchString(heading) || len(strings.Fields(heading)) <= maxHeading && unfinished.MatchString(heading)
}

// pathWords returns a path as text.
func pathWords(path string) string {
	return path + " " + strings.NewReplacer("-", " ", "_", " ", "/", " ", ".", " ").Replace(path)
}

// blanks counts the placeholders of a text. "Coming soon" inside a sentence announces something else.
func blanks(text string) int {
	n := len(blankName.FindAllStringIndex(text, maxBlanks))
	for _, at := range markdown.DocumentBlank.FindAllStringIndex(text, maxBlanks) {
		before := text[strings.LastIndexAny(text[:at[0]], ".!?:;")+1 : at[0]]
		const least = 3 // words before it in the sentence
		if !strings.EqualFold(text[at[0]:at[1]], "coming soon") || len(strings.Fields(before)) < least {
			n++
		}
	}
	return n
}

// maxBlanks bounds the count of placeholders.
const maxBlanks = 100

func (s *webPage) Validate() []error {
	if len(s.Mentions) == 0 {
		return []error{errors.New("mentions: at least one word is required")}
	}
	return nil
}

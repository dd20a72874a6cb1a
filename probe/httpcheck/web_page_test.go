package httpcheck

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// document returns a page with a title and a text of some hundred words.
func document(title, body string) string {
	return "<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1>" + body + "</body></html>"
}

// varied returns a sentence so many times, each with another end.
func varied(sentence string, n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(strings.TrimRight(sentence, ". ") + " in case " + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ". ")
	}
	return text.String()
}

func policyText() string {
	return "<p>" + varied("We keep the privacy of our users and tell them what we do with their data. ", 30) + "</p>"
}

func inUTF16(text string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

func pdf(content string) string {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write([]byte(content))
	_ = z.Close()
	return "%PDF-1.7\n1 0 obj\n<< /Length 1 /Filter /FlateDecode >>\nstream\n" + packed.String() + "\nendstream\nendobj\n%%EOF"
}

func TestWebPage_Contents(t *testing.T) {
	german := "<p>" + varied("Wir nehmen den Datenschutz ernst und sagen, was mit den Daten geschieht. ", 30) + "</p>"
	links := strings.Repeat(`<a href="/privacy">privacy policy of our site</a> `, 5)
	other := "<p>" + varied("We sell the best shoes in town and we send them to you by bike. ", 30) + "</p>"
	form := `<form><input type="password" name="p"></form>`
	for name, tt := range map[string]struct {
		body, kind string // kind: content type
		state      probe.State
		reason     probe.Reason
		detail     string
	}{
		"a policy":                  {body: document("Privacy policy", policyText()), state: probe.StatePass},
		"in German":                 {body: document("Datenschutzerklärung", german), state: probe.StatePass},
		"log-in box in the header":  {body: document("Privacy", "<header>"+form+"</header>"+policyText()), state: probe.StatePass},
		"log-in box in a modal":     {body: document("Privacy", `<div class="modal fade">`+form+"</div>"+policyText()), state: probe.StatePass},
		"log-in form":               {body: document("Privacy", "<main>"+form+"</main>"+policyText()), state: probe.StateFail, reason: probe.ReasonNotPublished, detail: "login form"},
		"coming soon in a sentence": {body: document("Privacy", policyText()+"<p>A new version is coming soon.</p>"), state: probe.StatePass},
		"coming soon":               {body: document("Privacy policy: coming soon", policyText()), state: probe.StateFail, reason: probe.ReasonNotPublished, detail: "error page"},
		"error page in German":      {body: document("Seite nicht gefunden", policyText()), state: probe.StateFail, reason: probe.ReasonNotPublished, detail: "error page"},
		"UTF-16":                    {body: inUTF16(document("Privacy", policyText())), state: probe.StatePass},
		"Latin-1":                   {body: strings.ReplaceAll(document("Datenschutzerkl\xe4rung", german), "ä", "\xe4"), kind: "text/html; charset=iso-8859-1", state: probe.StatePass},
		"hidden text":               {body: document("Privacy", `<div style="display: none">`+policyText()+"</div>"), state: probe.StateFail, reason: probe.ReasonNotPublished, detail: "words"},
		"hidden by an attribute":    {body: document("Privacy", "<div hidden>"+policyText()+"</div>"), state: probe.StateFail, reason: probe.ReasonNotPublished},
		"hidden by a style sheet":   {body: document("Privacy", "<style>@media print{.b{display:none}} .a, p.x{color:red;display:none}</style><div class='a'>"+policyText()+"</div>"), state: probe.StateFail, reason: probe.ReasonNotPublished},
		"hidden in print only":      {body: document("Privacy", "<style>@media print{.b{display:none}}</style><div class='b'>"+policyText()+"</div>"), state: probe.StatePass},
		"a closed dialog":           {body: document("Privacy", "<dialog>"+policyText()+"</dialog>"), state: probe.StateFail, reason: probe.ReasonNotPublished},
		"only in a link box":        {body: document("Shoes", other+links), state: probe.StateFail, reason: probe.ReasonMismatch, detail: "does not mention"},
		"JSON":                      {body: `{"privacy":"` + varied("privacy is a right of the user. ", 60) + `"}`, state: probe.StateFail, reason: probe.ReasonNotPublished, detail: "JSON"},
		"an image":                  {body: "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00privacy of the ", 300), state: probe.StateFail, reason: probe.ReasonNotPublished, detail: "binary"},
		"word salad":                {body: document("Privacy", "<p>"+strings.Repeat("privacy banana lamp quick seven tree. ", 60)), state: probe.StateFail, reason: probe.ReasonNotPublished, detail: "without sentences"},
		"keywords":                  {body: document("Privacy", "<p>"+strings.Repeat("the privacy of you and us data policy ", 60)), state: probe.StateFail, reason: probe.ReasonNotPublished, detail: "without sentences"},
		"Japanese":                  {body: document("プライバシーポリシー", "<p>"+strings.ReplaceAll(varied("当社は利用者のプライバシーを尊重し、個人情報を適切に取り扱います", 30), ".", "。")), state: probe.StatePass},
		"PDF":                       {body: pdf("BT /F1 12 Tf (" + varied("We keep your privacy and your data safe. ", 40) + ") Tj ET"), kind: "application/pdf", state: probe.StatePass},
		"PDF of glyphs":             {body: pdf("BT [<" + strings.Repeat("0012003400560078", 400) + ">] TJ ET"), kind: "application/pdf", state: probe.StatePass},
		"scanned PDF":               {body: pdf("q 1 0 0 1 0 0 cm /Im1 Do Q"), kind: "application/pdf", state: probe.StateFail, reason: probe.ReasonNotPublished, detail: "PDF with 0 words"},
	} {
		t.Run(name, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/privacy": func(w http.ResponseWriter, r *http.Request) {
				if tt.kind != "" {
					w.Header().Set("Content-Type", tt.kind)
				}
				_, _ = w.Write([]byte(tt.body))
			}})
			p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{URL: s.URL}})
			probetest.Expect(t, probetest.Look(t, p, WebPageKind(), "{path: /privacy, mentions: [privacy]}"), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestWebPage_Redirects(t *testing.T) {
	good := document("Privacy", policyText())
	other := probetest.Site(t, map[string]http.HandlerFunc{
		"/doc": probetest.Says(200, good), "/login": probetest.Says(200, good), "/short": probetest.Says(200, document("Privacy", "soon")),
		"/back": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/doc", http.StatusFound) },
	})
	// The other site by another name of the same host: a default port would be needed without it.
	away := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	port := other.URL[strings.LastIndex(other.URL, ":")+1:]
	pages := map[string]http.HandlerFunc{"/": probetest.Says(200, good), "/login": probetest.Says(200, good), "/de/": probetest.Says(200, good), "/404": probetest.Says(200, good),
		"/legal/datenschutz": probetest.Says(200, document("Rechtliches", "<p>"+varied("Wir nehmen den Datenschutz ernst und sagen, was mit den Daten geschieht. ", 30)))}
	for from, to := range map[string]string{"/to-start": "/", "/to-language": "/de/", "/to-login": "/login?next=/privacy", "/to-error": "/404", "/to-german": "/legal/datenschutz",
		"/to-doc": away + "/doc", "/to-back": away + "/back", "/to-away-login": away + "/login", "/to-short": away + "/short", "/to-gone": away + "/gone"} {
		pages[from] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	s := probetest.Site(t, pages)
	compose := probetest.Folder{"docker-compose.yml": "services: {legal: {image: x, ports: ['" + port + ":80']}}"}
	for _, tt := range []struct {
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"{path: /to-start, mentions: [privacy]}", probe.StateFail, probe.ReasonNotPublished, "start page"},
		{"{path: /to-language, mentions: [privacy]}", probe.StateFail, probe.ReasonNotPublished, "start page"},
		{"{path: /to-login, mentions: [privacy]}", probe.StateFail, probe.ReasonNotPublished, "login page"},
		{"{path: /to-error, mentions: [privacy]}", probe.StateFail, probe.ReasonNotPublished, "error page"},
		{"{path: /to-german, mentions: [privacy]}", probe.StatePass, "", ""},
		{"{path: /to-doc, mentions: [privacy]}", probe.StateWarn, probe.ReasonMismatch, "add the host to hosts"},
		{"{path: /to-doc, mentions: [privacy], hosts: [localhost]}", probe.StatePass, "", ""},
		{"{path: /to-back, mentions: [privacy], hosts: [localhost]}", probe.StatePass, "", ""},
		{"{path: /to-doc, mentions: [privacy], hosts: [other.test]}", probe.StateWarn, probe.ReasonMismatch, "localhost"},
		{"{path: /to-away-login, mentions: [privacy], hosts: [localhost]}", probe.StateFail, probe.ReasonNotPublished, "login page"},
		{"{path: /to-short, mentions: [privacy]}", probe.StateFail, probe.ReasonNotPublished, "words"},
		{"{path: /to-gone, mentions: [privacy]}", probe.StateFail, probe.ReasonNotPublished, "404"},
	} {
		t.Run(tt.spec, func(t *testing.T) {
			p := probetest.NewPass(t, compose, deployment.Settings{Public: deployment.Public{URL: s.URL}})
			probetest.Expect(t, probetest.Look(t, p, WebPageKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
	p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{URL: s.URL}}) // the port is not published
	r := probetest.Look(t, p, WebPageKind(), "{path: /to-doc, mentions: [privacy]}")
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonNotConfigured, "no compose service publishes")
	if r.Remedy == "" {
		t.Error("no remedy")
	}
}

// TestWebPage_SoftNotFound learns from two controls how much the site's own error page varies.
func TestWebPage_SoftNotFound(t *testing.T) {
	n := 0
	varying := func(share int) http.HandlerFunc { // every nth word differs between requests
		return func(w http.ResponseWriter, r *http.Request) {
			n++
			var words []string
			for i := range 400 {
				switch {
				case i%share == 0:
					words = append(words, fmt.Sprintf("item%dx%d", n, i))
				default:
					words = append(words, []string{"we", "keep", "the", "privacy", "of", "our", "users."}[i%7])
				}
			}
			_, _ = w.Write([]byte(document("Privacy", strings.Join(words, " "))))
		}
	}
	for name, tt := range map[string]struct {
		all, page http.HandlerFunc
		state     probe.State
	}{
		"varies by a tenth":  {varying(10), varying(10), probe.StateFail},
		"varies by a fifth":  {varying(5), varying(5), probe.StateFail},
		"a page of its own":  {varying(5), probetest.Says(200, document("Privacy", policyText())), probe.StatePass},
		"answers every path": {probetest.Says(200, document("Privacy", policyText())), probetest.Says(200, document("Privacy", policyText())), probe.StateFail},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/legal/privacy" {
					tt.page(w, r)
					return
				}
				tt.all(w, r)
			}))
			defer s.Close()
			p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{URL: s.URL}})
			r := probetest.Look(t, p, WebPageKind(), "{path: /legal/privacy, mentions: [privacy]}")
			reason := probe.ReasonNone
			if tt.state == probe.StateFail {
				reason = probe.ReasonNotPublished
			}
			probetest.Expect(t, r, tt.state, reason, "")
		})
	}
}

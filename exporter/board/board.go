// Package board renders the page that shows every verdict of a deployment.
package board

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The board is a single page with inline CSS and no other resources: it works from a jump host, on paper and without
// scripts. Its content security policy allows only this CSS, by digest.

//go:embed board.html
var boardHTML string

//go:embed overview.html
var overviewHTML string

//go:embed parts.html
var partsHTML string

//go:embed board.css
var boardCSS string

// refreshAfter is how often a browser loads the page again, in seconds.
const refreshAfter = "60"

// Write sends the page. If it returns an error, nothing was written.
func (page *Page) Write(w http.ResponseWriter) error {
	again := ""
	if page.Still != "" {
		again = page.Again + "&refresh=" + refreshAfter
	}
	return write(w, "board", boardHTML, page.Time, page, again)
}

// write renders a template. A browser loads the URL again some time later, unless it is "".
func write(w http.ResponseWriter, name, text string, now time.Time, data any, again string) error {
	var b bytes.Buffer
	page, err := templates(now).New(name).Parse(text)
	if err == nil {
		err = page.Execute(&b, data)
	}
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(boardCSS))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
	if again != "" {
		h.Set("Refresh", refreshAfter+"; url="+again)
	}
	_, _ = w.Write(b.Bytes()) // fails only if the client disconnected
	return nil
}

// templates are the parts of all pages. Times are shown relative to now.
func templates(now time.Time) *template.Template {
	return template.Must(template.New("parts").Funcs(template.FuncMap{
		"mark":     func(s probe.State) string { m, _ := format.Sign(s); return m },
		"rfc":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"human":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"ago":      func(t time.Time) string { return Relative(t, now) },
		"code":     InCode,
		"sentence": firstSentence,
		"lastDay":  checklist.LastDay,
	}).Parse(partsHTML))
}

// InCode renders text in backquotes as code.
func InCode(text string) template.HTML {
	parts := strings.Split(text, "`")
	var b strings.Builder
	for i, part := range parts {
		part = template.HTMLEscapeString(part)
		switch {
		case i%2 == 0:
			b.WriteString(part)
		case i == len(parts)-1: // unmatched backquote
			b.WriteString("`" + part)
		default:
			b.WriteString("<code>" + part + "</code>")
		}
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped
}

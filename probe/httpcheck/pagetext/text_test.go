package pagetext

import (
	"net/http"
	"strings"
	"testing"
)

// TestRead_Hidden checks what a reader sees of a text: nothing of the broken forms, all of the sound ones.
func TestRead_Hidden(t *testing.T) {
	for name, page := range map[string]string{
		"attribute":                 `<div hidden>TEXT</div>`,
		"aria-hidden":               `<div aria-hidden="true">TEXT</div>`,
		"closed modal":              `<button data-bs-target="#m">Read</button><div class="modal fade" id="m">TEXT</div>`,
		"closed dialog":             `<dialog>TEXT</dialog>`,
		"important":                 `<style>#a{display:none !important}</style><div id="a" style="display:block">TEXT</div>`,
		"descendant selector":       `<style>.a .b{display:none}</style><div class="a"><p><i class="b">TEXT</i></p></div>`,
		"child selector":            `<style>.a > .b{display:none}</style><div class="a"><i class="b">TEXT</i></div>`,
		"element selector":          `<style>article{visibility:hidden}</style><article>TEXT</article>`,
		"attribute selector":        `<style>[data-x="y"]{display:none}</style><p data-x="y">TEXT</p>`,
		"on a screen":               `<style>@media screen{.a{display:none}}</style><p class="a">TEXT</p>`,
		"white":                     `<p style="color:#fff">TEXT</p>`,
		"white on white":            `<style>body{background:white}.a p{color:rgb(255,255,255)}</style><div class="a"><p>TEXT</p></div>`,
		"navy on navy":              `<p style="color:navy;background:navy">TEXT</p>`,
		"transparent":               `<p style="color:rgba(0,0,0,0)">TEXT</p>`,
		"faint":                     `<p style="opacity:0">TEXT</p>`,
		"tiny":                      `<div style="font-size:1px"><p>TEXT</p></div>`,
		"no height":                 `<div style="max-height:0;overflow:hidden">TEXT</div>`,
		"far to the left":           `<style>.a{position:absolute;left:-9999px}</style><p class="a">TEXT</p>`,
		"moved away":                `<p style="transform:translateX(-9999px)">TEXT</p>`,
		"clipped":                   `<p style="clip-path:inset(100%)">TEXT</p>`,
		"consent wall":              `<div class="cmp-wall"><p>TEXT</p><button>Accept all</button></div>`,
		"noscript":                  `<noscript>TEXT</noscript>`,
		"hidden class on all sizes": `<p class="hidden md:hidden">TEXT</p>`,
	} {
		if got := Read([]byte(strings.ReplaceAll(page, "TEXT", "personal data"))); strings.Contains(strings.Join(got.Words, " "), "personal data") {
			t.Errorf("%s: %q is read as visible", name, page)
		}
	}
	for name, page := range map[string]string{
		"in print":                    `<style>@media print{p{display:none}}</style><p>TEXT</p>`,
		"on small screens":            `<style>@media (max-width:600px){.a{display:none}}</style><p class="a">TEXT</p>`,
		"overridden":                  `<style>.a{display:none}.a{display:block}</style><p class="a">TEXT</p>`,
		"of more weight":              `<style>div.a{display:block}.a{display:none}</style><div class="a">TEXT</div>`,
		"not a child":                 `<style>.a > .b{display:none}</style><div class="a"><p><i class="b">TEXT</i></p></div>`,
		"on hover":                    `<style>.a:hover{display:none}</style><p class="a">TEXT</p>`,
		"in a comment":                `<style>/* .a{display:none} */</style><p class="a">TEXT</p>`,
		"hidden on small screens":     `<p class="hidden md:block">TEXT</p><p class="d-none d-md-block">TEXT</p>`,
		"accordion by id":             `<button aria-controls="a">More</button><p>x</p><div id="a" hidden>TEXT</div>`,
		"accordion of Bootstrap":      `<h2><button data-bs-target="#a">More</button></h2><p>x</p><div id="a" class="accordion-collapse collapse">TEXT</div>`,
		"accordion by place":          `<style>.panel{max-height:0;overflow:hidden}</style><button class="accordion">More</button><div class="panel">TEXT</div>`,
		"details":                     `<details><summary>More</summary>TEXT</details>`,
		"found in the page":           `<div hidden="until-found">TEXT</div>`,
		"open modal":                  `<div class="modal show">TEXT</div>`,
		"white on black":              `<body style="background:#000;color:#fff"><p>TEXT</p>`,
		"white on black by attribute": `<body bgcolor="#000000" text="#ffffff"><p>TEXT</p>`,
		"white on a picture":          `<div style="background:url(a.png);color:white">TEXT</div>`,
		"white on a linked sheet":     `<link rel="stylesheet" href="a.css"><div class="dark" style="color:#fff">TEXT</div>`,
		"white in a dark scheme":      `<style>:root{color-scheme:dark;color:#fff}</style><p>TEXT</p>`,
		"white by a variable":         `<style>p{color:var(--fg)}</style><p>TEXT</p>`,
		"gap of inline blocks":        `<div style="font-size:0"><p style="font-size:16px">TEXT</p></div>`,
		"fades in":                    `<div style="opacity:0;transform:translateY(20px)">TEXT</div>`,
		"cloaked":                     `<style>[v-cloak]{display:none}</style><div v-cloak>TEXT</div>`,
		"visible in hidden":           `<div style="visibility:hidden"><p style="visibility:visible">TEXT</p></div>`,
		"a section on consent":        `<section id="cookie-policy">TEXT</section>`,
	} {
		if got := Read([]byte(strings.ReplaceAll(page, "TEXT", "personal data"))); !strings.Contains(strings.Join(got.Words, " "), "personal data") {
			t.Errorf("%s: %q is read as hidden", name, page)
		}
	}
}

func TestRead_Refresh(t *testing.T) {
	for page, want := range map[string]string{
		`<meta http-equiv="refresh" content="0; url='/a'">`:                                 "/a",
		`<meta http-equiv="Refresh" content="15;URL=/a">`:                                   "/a",
		`<meta http-equiv="refresh" content="300; url=/a">`:                                 "",
		`<script>window.location.href = "/a"</script>`:                                      "/a",
		`<script>var x = 1; location.replace('/a');</script>`:                               "/a",
		`<script>document.location="/a"</script>`:                                           "/a",
		`<script>(function(){ location.assign("/a") })()</script>`:                          "/a",
		`<script>setTimeout(() => { window.location = "/a" }, 100)</script>`:                "/a",
		`<script>setTimeout("location.href='/a'", 0)</script>`:                              "/a",
		`<script>window.onload = function () { location = "/a"; }</script>`:                 "/a",
		`<body onload="location='/a'">`:                                                     "/a",
		`<script>if (old) { location.href = "/a" }</script>`:                                "",
		`<script>if (old) location.href = "/a"</script>`:                                    "",
		`<script>(function(){ if (ok) return; location.href = "/a" })()</script>`:           "",
		`<script>b.onclick = function () { location.href = "/a" }</script>`:                 "",
		`<script>$("#b").click(function () { location.href = "/a" })</script>`:              "",
		`<script>b.addEventListener("click", () => { location.href = "/a" })</script>`:      "",
		`<script>function home() { location.href = "/a" }</script>`:                         "",
		`<script>// location.href = "/a"` + "\n" + `/* location.href = "/a" */</script>`:    "",
		`<script>location.href = "/" + language + "/privacy"</script>`:                      "",
		`<script type="application/json">{"x": "location.href='/a'"}</script>`:              "",
		`<script>window.addEventListener("load", function () { location = "/a" })</script>`: "/a",
	} {
		if got := Read([]byte(page)).Refresh; got != want {
			t.Errorf("%s: %q, want %q", page, got, want)
		}
	}
}

func TestDecode(t *testing.T) {
	const russian, japanese = "\xcf\xee\xeb\xe8\xf2\xe8\xea\xe0", "\x8c\xc2\x90\x6c\x8f\xee\x95\xf1"
	for name, tt := range map[string]struct{ body, kind, encoding, want string }{
		"stated in the header": {body: russian, kind: "text/html; charset=windows-1251", want: "Политика"},
		"stated in the page":   {body: `<meta charset="shift_jis">` + japanese, want: `<meta charset="shift_jis">個人情報`},
		"UTF-16":               {body: "\xff\xfeA\x00\xe4\x00", want: "Aä"},
		"UTF-8":                {body: "\ufeffDatenschutzerklärung", kind: "text/html", want: "Datenschutzerklärung"},
		"brotli":               {body: "\x0b\x03\x80privacy\x03", encoding: "br", want: "privacy"},
	} {
		if got := string(Decode([]byte(tt.body), http.Header{"Content-Type": {tt.kind}, "Content-Encoding": {tt.encoding}})); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestText_Repeated(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "We keep data. You read it.": 0, "We keep data. We keep data! We keep data.": 6, "Item 1: keep. Item 2: keep.": 3,
		"We keep data. You read it. We keep data. You read it.":                            6,
		"We keep all of your data for Alpha only. We keep all of your data for Beta only.": 3,
		"We keep all of your data for Alpha only. They never sell any of it.":              0,
		"資料を保存します。第三者に渡しません。資料を保存します。第三者に渡しません。":                                           8,
	} {
		if got, _ := (Text{Words: strings.Fields(text)}).Repeated(); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestText_Repeated_MostRepeatedSentence(t *testing.T) {
	words := strings.Fields("We keep data. You read it. We keep data. You read it. We keep data.")
	if all, most := (Text{Words: words}).Repeated(); all != 9 || most != 6 {
		t.Errorf("%d repeated words, %d of one sentence, want 9 and 6", all, most)
	}
}

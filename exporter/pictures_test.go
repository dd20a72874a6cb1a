package exporter

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	nethtml "golang.org/x/net/html"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// The pictures of the README, made from the example deployment. `make pictures` makes them again; without -update, the test
// compares today's page and table with what the pictures show, so that no picture outlives a change unnoticed.

const pictures = "../docs/pictures"

// pictured copies the example deployment to a folder "shop" and returns a configuration that isolates it from this machine's
// firewall, and the time at which the pictures are made: the day after its last backup.
func pictured(t *testing.T) (config string, now time.Time) {
	t.Helper()
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock") // whatever this machine runs
	now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "shop"), os.DirFS("../examples/deployment")); err != nil {
		t.Fatal(err)
	}
	for path := range filesBelow(t, filepath.Join(dir, "shop")) {
		if err := os.Chmod(path, 0o644); err != nil { // whatever the umask of the clone
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-time.Hour), now.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	return write(t, dir, "catalyst.yml", "targets:\n  shop:\n    root: shop\n    environment: production\n    firewall: {host_root: host}\n"+
		"overrides: {security/firewall_rules: {probes: {listening_ports: {enabled: false, reason: not for a picture}}}}\n"), now
}

// TestPictures_ShowTheBoard compares the head of the board and its style with the text next to its pictures.
func TestPictures_ShowTheBoard(t *testing.T) {
	config, now := pictured(t)
	r := serveAt(t, func() time.Time { return now }, "--config.file="+config)
	status, page := r.get(t, "/?target=shop")
	if status != 200 {
		t.Fatalf("%d %s", status, page)
	}
	shows := outline(t, page)
	for _, want := range []string{"12 required items fail, 28 have no verdict", "All 75 items", "What to fix", "PostgreSQL password changed", "style sha256-"} {
		if !strings.Contains(shows, want) {
			t.Errorf("the outline does not contain %q", want)
		}
	}
	text := filepath.Join(pictures, "board.txt")
	if !*update {
		if old, err := os.ReadFile(text); err != nil || string(old) != shows {
			t.Errorf("the pictures of the board are old, run make pictures: %v\n%s", err, firstDifference(string(old), shows))
		}
		return
	}
	b := &boardSeen{Page: parts.Chromium(t).Start(t).Page(t), url: withoutRefresh(t, r.url)}
	for _, scheme := range []string{"light", "dark"} {
		b.emulate(t, 1200, 800, "screen", scheme)
		b.Open(t, b.url+"/?target=shop")
		var shot struct{ Data string }
		b.Call(t, "Page.captureScreenshot", map[string]any{}, &shot)
		data, err := base64.StdEncoding.DecodeString(shot.Data)
		if err != nil {
			t.Fatal(err)
		}
		write(t, pictures, "board-"+scheme+".png", string(smaller(t, data)))
	}
	write(t, pictures, "board.txt", shows)
}

// outline lists the elements of a page above its list of items, one per line with classes and own text, and its style's digest.
func outline(t *testing.T, page string) string {
	t.Helper()
	document, err := nethtml.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var walk func(n *nethtml.Node, depth int)
	walk = func(n *nethtml.Node, depth int) {
		indent := strings.Repeat(" ", depth)
		switch {
		case n.Type == nethtml.TextNode:
			if text := strings.Join(strings.Fields(n.Data), " "); text != "" {
				fmt.Fprintf(&b, "%s%s\n", indent, text)
			}
			return
		case n.Type != nethtml.ElementNode || n.Data == "head" && n.Parent != nil:
		case n.Data == "nav", n.Data == "main", n.Data == "footer", n.Data == "details":
			return // below the picture, or closed
		default:
			class := ""
			for _, a := range n.Attr {
				if a.Key == "class" {
					class = "." + strings.ReplaceAll(a.Val, " ", ".")
				}
			}
			fmt.Fprintf(&b, "%s<%s%s>\n", indent, n.Data, class)
			if n.Data == "style" {
				fmt.Fprintf(&b, "%s style sha256-%x\n", indent, sha256.Sum256([]byte(n.FirstChild.Data)))
				return
			}
		}
		for child := range n.ChildNodes() {
			walk(child, depth+1)
		}
	}
	walk(document, 0)
	return b.String()
}

// smaller encodes a screenshot with its 256 most frequent colours: text on a plain background needs no more.
func smaller(t *testing.T, data []byte) []byte {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	frequent := map[color.Color]int{}
	size := picture.Bounds()
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			frequent[picture.At(x, y)]++
		}
	}
	var palette color.Palette
	for c := range frequent {
		palette = append(palette, c)
	}
	slices.SortFunc(palette, func(a, b color.Color) int { return frequent[b] - frequent[a] })
	palette = palette[:min(len(palette), 256)]
	few, known := image.NewPaletted(size, palette), map[color.Color]uint8{}
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			c := picture.At(x, y)
			i, ok := known[c]
			if !ok {
				i = uint8(palette.Index(c)) //nolint:gosec // below 256
				known[c] = i
			}
			few.SetColorIndex(x, y, i)
		}
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, few); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestPictures_ShowTheTable compares the table of check on a terminal with the picture of it.
func TestPictures_ShowTheTable(t *testing.T) {
	config, now := pictured(t)
	var out, errs bytes.Buffer
	sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Terminal: true, Columns: 100,
		Getenv: func(string) (string, bool) { return "", false }, Now: func() time.Time { return now }}
	args := []string{"check", "--category=security"}
	if code := Main(append(args, "--target=shop", "--config.file="+config), sys); code != ExitFailing {
		t.Fatalf("%d: %s", code, errs.String())
	}
	_, table, _ := strings.Cut(out.String(), "\033[1mSecurity") // after the progress
	shows := terminalPicture("$ catalyst_exporter "+strings.Join(args, " "), "\033[1mSecurity"+table)
	for _, want := range []string{">✗<", ">✓<", ">fail (placeholder)<", ">not ready<"} {
		if !strings.Contains(shows, want) {
			t.Errorf("the picture does not contain %q:\n%s", want, shows)
		}
	}
	if *update {
		write(t, pictures, "check.svg", shows)
		return
	}
	if old, err := os.ReadFile(filepath.Join(pictures, "check.svg")); err != nil || string(old) != shows {
		t.Errorf("the picture of the table is old, run make pictures: %v\n%s", err, firstDifference(string(old), shows))
	}
}

// terminalPicture draws what a command printed on a terminal as SVG. The characters have fixed positions, whatever the font.
func terminalPicture(command, output string) string {
	const across, down, margin = 8, 18, 16
	colours := map[string]string{"31": "#ff8a84", "32": "#56d38a", "33": "#e3b341", "35": "#cda4ff", "36": "#6cc7e6", "90": "#9da7b3"}
	escape := regexp.MustCompile(`\x1b\[(1?);?([0-9]*)m`)
	lines := append([]string{command, ""}, strings.Split(strings.TrimRight(output, "\n"), "\n")...)
	var text strings.Builder
	columns := 0
	for row, line := range lines {
		column, style := 0, ""
		draw := func(part string) {
			body := strings.TrimLeft(part, " ")
			at := column + len(part) - len(body)
			column += len([]rune(part))
			if body = strings.TrimRight(body, " "); body != "" {
				fmt.Fprintf(&text, "<text x=\"%d\" y=\"%d\" textLength=\"%d\"%s>%s</text>\n",
					margin+at*across, margin+(row+1)*down, len([]rune(body))*across, style, html.EscapeString(body))
			}
		}
		for {
			at := escape.FindStringSubmatchIndex(line)
			if at == nil {
				break
			}
			draw(line[:at[0]])
			style = ""
			if line[at[2]:at[3]] != "" {
				style = ` font-weight="bold"`
			}
			if code := colours[line[at[4]:at[5]]]; code != "" {
				style += fmt.Sprintf(" fill=%q", code)
			}
			line = line[at[1]:]
		}
		draw(line)
		columns = max(columns, column)
	}
	width, height := 2*margin+columns*across, 2*margin+(len(lines)+1)*down
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" "+
		"font-size=\"13\" fill=\"#e6edf3\" xml:space=\"preserve\">\n<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"#0d1117\"/>\n%s</svg>\n", width, height, width, text.String())
}

// The board as JSON: generated, whole, and made of what Grafana documents.

package dashboards

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated JSON anew")

func TestBoardIsGenerated(t *testing.T) {
	for file, build := range map[string]func() dashboard{"catalyst-readiness.json": readiness, "catalyst-fleet.json": fleet} {
		made, err := encode(build())
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, made, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		shipped := readinessJSON
		if file == "catalyst-fleet.json" {
			shipped = fleetJSON
		}
		if !bytes.Equal(made, shipped) {
			t.Errorf("%s is not what the code makes: go test ./dashboards -run Generated -update", file)
		}
	}
}

// boards decodes everything that ships.
func boards(t testing.TB) []dashboard {
	t.Helper()
	content, err := Fleet("")
	if err != nil {
		t.Fatal(err)
	}
	return []dashboard{board(t), decode(t, content)}
}

// TestBoardsImport: an import asks for the data source that the variable then has, and names every kind of panel.
func TestBoardsImport(t *testing.T) {
	for _, d := range boards(t) {
		if len(d.Inputs) != 1 || d.Inputs[0].Type != "datasource" || d.Inputs[0].PluginID != "prometheus" {
			t.Errorf("%s: inputs %+v", d.UID, d.Inputs)
			continue
		}
		if v := d.Templating.List[0]; v.Name != "datasource" || v.Current.Value != "${"+d.Inputs[0].Name+"}" {
			t.Errorf("%s: the data source of the import is not used: %+v", d.UID, v.Current)
		}
		named := map[string]bool{}
		for _, r := range d.Requires {
			if r.Name == "" || named[r.Type+r.ID] {
				t.Errorf("%s: requirement %+v has no name, or is there twice", d.UID, r)
			}
			named[r.Type+r.ID] = true
		}
		if !named["grafanagrafana"] || !named["datasourceprometheus"] {
			t.Errorf("%s: requirements %v", d.UID, named)
		}
		for _, p := range d.Panels {
			if p.Type != "row" && !named["panel"+p.Type] {
				t.Errorf("%s: panel type %s is not required", d.UID, p.Type)
			}
		}
	}
}

// TestBoards_KnowNoHost: no variable, link or query names a host of the author's.
func TestBoards_KnowNoHost(t *testing.T) {
	for _, d := range boards(t) {
		content, err := encode(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`https?://[^"#]*`).FindAllString(string(content), -1) {
			if !strings.HasPrefix(m, "https://github.com/thenexusengine/catalyst_exporter/") && !strings.HasPrefix(m, "http://${") {
				t.Errorf("%s: %s", d.UID, m)
			}
		}
		if strings.Contains(string(content), "localhost") {
			t.Errorf("%s names localhost", d.UID)
		}
	}
}

// printed is the board as it is printed for a job.
func printed(t testing.TB, job string) []byte {
	t.Helper()
	content, err := Readiness(job)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestBoardTakesTheJob: the job it opens with, and nothing else, is another.
func TestBoardTakesTheJob(t *testing.T) {
	const job = `read"iness`
	got, shipped := decode(t, printed(t, job)), board(t)
	found := false
	for i, v := range got.Templating.List {
		if v.Name != "job" {
			continue
		}
		found = true
		if fmt.Sprint(v.Current.Text, v.Current.Value) != fmt.Sprint([]string{job}, []string{job}) {
			t.Errorf("the board opens with %v", v.Current)
		}
		got.Templating.List[i].Current = shipped.Templating.List[i].Current
	}
	if !found || !reflect.DeepEqual(got, shipped) {
		t.Error("more than the job is another, or there is no job")
	}
	for job, want := range map[string]string{"a\nb": "contains the unprintable character U+000A", "\xff": "not valid UTF-8"} {
		if _, err := Readiness(job); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("job %q: error %v, want %q", job, err, want)
		}
	}
}

// board decodes what ships.
func board(t testing.TB) dashboard {
	t.Helper()
	return decode(t, printed(t, ""))
}

func decode(t testing.TB, content []byte) dashboard {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var d dashboard
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBoardsNames(t *testing.T) {
	d := board(t)
	if d.UID != "catalyst-readiness" {
		t.Errorf("uid %q: links and provisioning hang on catalyst-readiness", d.UID)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`).MatchString(d.UID) {
		t.Errorf("uid %q: Grafana takes up to 40 letters, digits, - and _", d.UID)
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
	}
	if want := []string{"datasource", "job", "environment", "deployment", "category", "exporter"}; !slices.Equal(names, want) {
		t.Errorf("variables %q, want %q", names, want)
	}
	for _, v := range d.Templating.List {
		if v.Label == "" || v.Description == "" {
			t.Errorf("variable %s lacks label or description", v.Name)
		}
	}
}

func TestBoardsPanels(t *testing.T) {
	for _, d := range boards(t) {
		t.Run(d.UID, func(t *testing.T) { panelsAreWhole(t, d) })
	}
}

func panelsAreWhole(t *testing.T, d dashboard) {
	ids, titles, covered := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q: id %d is not its own", p.Title, p.ID)
		}
		ids[p.ID] = true
		if titles[p.Title] || p.Title == "" {
			t.Errorf("panel %d: title %q is not its own", p.ID, p.Title)
		}
		titles[p.Title] = true
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > 24 {
			t.Errorf("panel %q: outside of the 24 columns: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := covered[[2]int{x, y}]; other != "" {
					t.Fatalf("panels %q and %q overlap", p.Title, other)
				}
				covered[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" {
			t.Errorf("panel %q has no description", p.Title)
		}
		if p.FieldConfig == nil || p.FieldConfig.Defaults.Unit == "" {
			t.Errorf("panel %q has no unit", p.Title)
		}
		if len(p.Targets) == 0 {
			t.Errorf("panel %q asks nothing", p.Title)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if refs[q.RefID] || q.RefID == "" {
				t.Errorf("panel %q: two questions are called %q", p.Title, q.RefID)
			}
			refs[q.RefID] = true
			overTime := p.Type == "timeseries" || p.Type == "state-timeline"
			if q.Instant == overTime || q.Range != overTime {
				t.Errorf("panel %q asks %s for the wrong time: what is current is asked for now, what is a history over a range", p.Title, q.RefID)
			}
			if (p.Type == "table") != (q.Format == "table") {
				t.Errorf("panel %q: format %s", p.Title, q.Format)
			}
		}
	}
}

// TestBoardKnowsNoDatasource: every data source is the variable.
func TestBoardKnowsNoDatasource(t *testing.T) {
	var tree any
	if err := json.Unmarshal(printed(t, ""), &tree); err != nil {
		t.Fatal(err)
	}
	found := 0
	walk(tree, func(key string, value any) {
		if key != "datasource" {
			return
		}
		found++
		if got := fmt.Sprint(value); got != "map[type:prometheus uid:${datasource}]" {
			t.Errorf("a data source of its own: %v", got)
		}
	})
	if found < 20 {
		t.Errorf("only %d data sources found", found)
	}
}

func walk(tree any, visit func(key string, value any)) {
	switch v := tree.(type) {
	case map[string]any:
		for k, child := range v {
			visit(k, child)
			walk(child, visit)
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}

// TestTimelineHasRoom: 25 rows of at least 18 pixels on a panel that leaves room for others. A unit of height is 30 pixels
// and 8 between.
func TestTimelineHasRoom(t *testing.T) {
	for _, p := range board(t).Panels {
		if p.Type != "state-timeline" {
			continue
		}
		const heading, legend = 40, 260 // the legend of so many series takes several lines
		if room := (p.GridPos.H*38 - 8 - heading - legend) / 25; room < 18 || p.GridPos.H > 24 {
			t.Errorf("%s: %d pixels per row of 25, height %d", p.Title, room, p.GridPos.H)
		}
		if p.GridPos.W != 24 {
			t.Errorf("%s: %d columns wide", p.Title, p.GridPos.W)
		}
		if len(p.FieldConfig.Defaults.Thresholds.Steps) != len(states()) {
			t.Errorf("%s: %d thresholds for %d states", p.Title, len(p.FieldConfig.Defaults.Thresholds.Steps), len(states()))
		}
		return
	}
	t.Error("no state timeline")
}

// TestBoardsLinks: every link into the repository leads to a file that exists, and to an anchor in it; one made of an item's
// name stands in the column that holds it, for which the tests of alerts demand a section per item. What else a link is made
// of has a variable.
func TestBoardsLinks(t *testing.T) {
	text := string(printed(t, ""))
	for _, part := range []string{runbookURL + "#${__value.text}", `"url": "http://${exporter}/"`, `"url": "` + runbookURL + `"`, `"http://${__value.text}/"`} {
		if !strings.Contains(text, part) {
			t.Errorf("no link %s", part)
		}
	}
	for _, m := range regexp.MustCompile(`"https://github.com/thenexusengine/catalyst_exporter/blob/main/([^"#]*)#?([^"]*)"`).FindAllStringSubmatch(text, -1) {
		document, err := os.ReadFile("../" + m[1])
		if err != nil {
			t.Error(err)
		}
		if anchor := m[2]; anchor != "" && anchor != "${__value.text}" && !regexp.MustCompile(`(?mi)^#+ `+regexp.QuoteMeta(anchor)+`$`).Match(document) {
			t.Errorf("no section %s in %s", anchor, m[1])
		}
	}
	for _, p := range board(t).Panels {
		if p.FieldConfig == nil {
			continue
		}
		for _, o := range p.FieldConfig.Overrides {
			content, err := json.Marshal(o.Properties)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(content), "#${__value.text}") && (o.Matcher.ID != "byName" || o.Matcher.Options != "Item") {
				t.Errorf("%s: a link to an item's section stands in %v", p.Title, o.Matcher.Options)
			}
		}
	}
	for _, m := range regexp.MustCompile(`\$\{?([A-Za-z_]+)\}?`).FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(board(t).Templating.List, func(v variable) bool { return v.Name == m[1] }) && !slices.Contains([]string{"__data", "__value", "__range", "__all", "DS_PROMETHEUS"}, m[1]) {
			t.Errorf("no variable %s", m[1])
		}
	}
}

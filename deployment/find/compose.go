package find

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
)

// Selects the deployment's compose files among those found.

// ComposeFiles selects files as Compose does, preferring the directory of the env file: one main file by Compose's own
// order of names, and one override file in the same directory. If neither exists, a docker-compose.prod*.yml is
// selected.
func (p *Folders) ComposeFiles(configured []string, env Place) Place {
	place := Place{Fact: FactCompose, How: Default}
	main, override := cli.DefaultFileNames, cli.DefaultOverrideFileNames
	hits := p.hits(func(name string, dir bool) int {
		if i := slices.Index(main, name); i >= 0 {
			return i
		}
		stem, isYAML := strings.CutSuffix(strings.TrimSuffix(name, ".yaml"), ".yml")
		isYAML = isYAML || strings.HasSuffix(name, ".yaml")
		_, a := strings.CutPrefix(stem, "docker-compose.")
		_, b := strings.CutPrefix(stem, "compose.")
		_, c := strings.CutPrefix(stem, "docker-compose-")
		switch {
		case dir || !isYAML || !a && !b && !c || IsTemplate(name):
			return -1
		case slices.Contains(override, name):
			return 20
		case strings.Contains(stem, "prod"):
			return 10
		}
		return 30
	})
	near := ""
	if env.Path() != "" {
		near = filepath.Dir(env.Path())
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		isNear := func(h hit) int {
			if h.rank < 20 && filepath.Dir(h.path) == near {
				return 0
			}
			return 1
		}
		return isNear(a) - isNear(b)
	})
	for _, h := range hits {
		place.Others = append(place.Others, h.path)
	}
	if len(configured) > 0 {
		place.How, place.Paths = Configured, configured
	} else if i := slices.IndexFunc(hits, func(h hit) bool { return h.rank < 20 }); i >= 0 {
		place.How = Found
		place.Paths = []string{hits[i].path}
		if hits[i].rank < 10 {
			for _, name := range override {
				path := filepath.Join(filepath.Dir(hits[i].path), name)
				if slices.Contains(place.Others, path) {
					place.Paths = append(place.Paths, path)
					break
				}
			}
		}
	}
	place.Others = slices.DeleteFunc(place.Others, func(o string) bool { return slices.Contains(place.Paths, o) })
	return place
}

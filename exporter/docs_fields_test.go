package exporter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Tables of settings, from the JSON Schema of the structs that they are decoded into: so the reference, editors and the decoder say the same.

func configurationPage(p *page) error {
	p.start("Configuration", `No configuration is needed: `+"`--deployment.root`"+` alone is enough, and `+"`config discover`"+` tells what was found there and what it implies. The
file of `+"`--config.file`"+` is YAML and read strictly: `+"`config check`"+` names everything that is wrong with it at once, with line and nearest right word.
`+"`config schema`"+` prints its JSON Schema for editors. In `+"`deployment:` and `targets:`, `${NAME}`"+` stands for a variable of the exporter's environment and
`+"`${env.KEY}`"+` for a value of the deployment's env file.`)
	p.fields(schema.JSON(Config{}), "")
	for _, s := range []struct {
		title, intro string
		of           any
	}{
		{"deployment, and each of targets", "One deployment. Paths are relative to its root.", deployment.Settings{}},
		{"each of overrides", "Changes an item of the checklist for this configuration. The key is the item, or category/item.", checklist.Override{}},
		{"each of waivers", "Lets an item be as it is for a while. It stays visible everywhere, with the reason and who allows it.", checklist.WaiverDocument{}},
		{"A checklist file", "What `checklist:` names. How to write one: [own-checklist.md](own-checklist.md).", checklist.Document{}},
	} {
		p.f("\n## %s\n\n%s\n", strings.ToUpper(s.title[:1])+s.title[1:], s.intro)
		p.fields(schema.JSON(s.of), "")
	}
	return nil
}

// fields writes the table of a schema's settings; what lies deeper is written with dots.
func (p *page) fields(object map[string]any, prefix string) {
	rows := fieldRows(object, prefix)
	if len(rows) == 0 {
		p.f("\nIt has no parameters of its own.\n")
		return
	}
	p.table([]string{"Setting", "Type", "Default", "What it is"}, rows)
}

func fieldRows(object map[string]any, prefix string) [][]string {
	properties, _ := object["properties"].(map[string]any)
	required, _ := object["required"].([]any)
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		f, ok := properties[name].(map[string]any)
		if !ok {
			continue
		}
		fallback := ""
		if v, ok := f["default"]; ok {
			data, err := json.Marshal(v)
			if err != nil {
				panic(err)
			}
			fallback = strings.Trim(string(data), `"`)
		}
		if slices.Contains(required, any(name)) {
			fallback = "required"
		} else {
			fallback = code(fallback)
		}
		about, _ := f["description"].(string)
		rows = append(rows, []string{code(prefix + name), typeOf(f), fallback, about})
		rows = append(rows, deeper(f, prefix+name)...)
	}
	return rows
}

// deeper lists the settings inside of a setting: of a mapping, of each entry of a list, of each value of a mapping with free keys.
func deeper(f map[string]any, path string) [][]string {
	rows := fieldRows(f, path+".")
	if items, ok := f["items"].(map[string]any); ok {
		rows = append(rows, fieldRows(items, path+"[].")...)
	}
	if values, ok := f["additionalProperties"].(map[string]any); ok {
		rows = append(rows, fieldRows(values, path+".NAME.")...)
	}
	return rows
}

func typeOf(f map[string]any) string {
	if words, ok := f["enum"].([]any); ok {
		var all []string
		for _, w := range words {
			all = append(all, code(fmt.Sprint(w)))
		}
		return strings.Join(all, ", ")
	}
	if pattern, ok := f["pattern"].(string); ok && strings.Contains(pattern, "(w|d|h|m|s|ms|us|ns)") {
		return "duration"
	}
	switch f["type"] {
	case "object":
		return "mapping"
	case "array":
		items, _ := f["items"].(map[string]any)
		return "list of " + typeOf(items)
	case "integer":
		return "whole number" + bounds(f)
	case "number":
		return "number" + bounds(f)
	case "string":
		return "text"
	case "boolean":
		return "true or false"
	}
	if either, ok := f["anyOf"].([]any); ok {
		var all []string
		for _, e := range either {
			if m, ok := e.(map[string]any); ok && !slices.Contains(all, typeOf(m)) {
				all = append(all, typeOf(m))
			}
		}
		slices.Reverse(all)
		return strings.Join(all, " or ")
	}
	return "YAML"
}

func bounds(f map[string]any) string {
	least, hasLeast := f["minimum"]
	most, hasMost := f["maximum"]
	switch {
	case hasLeast && hasMost:
		return fmt.Sprintf(", %v to %v", least, most)
	case hasLeast:
		return fmt.Sprintf(", at least %v", least)
	case hasMost:
		return fmt.Sprintf(", at most %v", most)
	}
	return ""
}

package exporter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Tables of settings, generated from the JSON Schemas of the structs that settings are decoded into, so that the reference
// agrees with editors and the decoder.

func configurationPage(p *page) error {
	p.start("Configuration", `The configuration file is optional: `+"`--deployment.root`"+` is enough, and `+"`config discover`"+` prints what was found there and what it implies.
The file of `+"`--config.file`"+` is strict YAML: `+"`config check`"+` reports all errors at once, with line numbers and suggestions. `+"`config schema`"+`
prints its JSON Schema for editors. In `+"`deployment:` and `targets:`, `${NAME}`"+` is a variable of the exporter's environment and `+"`${env.KEY}`"+`
a value from the deployment's env file.`)
	p.fields(schema.JSON(config.File{}), "")
	for _, s := range []struct {
		title, intro string
		of           any
	}{
		{"deployment, and each entry of targets", "One deployment. Paths are relative to its root.", deployment.Settings{}},
		{"each entry of overrides", "Changes an item of the checklist for this configuration. The key is the item, or category/item.", checklist.Override{}},
		{"each entry of waivers", "Allows an item to fail until a date. A waived item stays visible everywhere, with the reason and the person who waived it.", checklist.WaiverDocument{}},
		{"A checklist file", "The file that `checklist:` refers to. To write one, see [own-checklist.md](own-checklist.md).", checklist.Document{}},
		{"A fragment", "A file that `include:` of a checklist or of another fragment refers to.", checklist.Fragment{}},
	} {
		p.f("\n## %s\n\n%s\n", strings.ToUpper(s.title[:1])+s.title[1:], s.intro)
		p.fields(schema.JSON(s.of), "")
	}
	return nil
}

// fields writes the table of a schema's settings. Nested settings are written with dots.
func (p *page) fields(object map[string]any, prefix string) {
	rows := fieldRows(object, prefix)
	if len(rows) == 0 {
		p.f("\nThis kind has no parameters.\n")
		return
	}
	p.table([]string{"Setting", "Type", "Default", "Meaning"}, rows)
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

// deeper lists the nested settings of a mapping, of the entries of a list, and of the values of a mapping with free keys.
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

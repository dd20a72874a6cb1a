package exporter

import (
	"maps"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/kinds"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// JSON Schemas of the configuration file and the checklist file, for completion and help in editors. Loading decodes
// some parts of these files late (settings after variable expansion, each probe by its kind), so their schemas are
// assembled here. Loading also checks what a schema cannot express, such as references to items.

// configJSON returns the schema of the configuration file.
func configJSON() map[string]any {
	root := schema.JSON(config.File{})
	root["title"] = "Configuration of catalyst_exporter"
	settings := schema.JSON(deployment.Settings{})
	override := schema.JSON(checklist.Override{})
	override["if"] = map[string]any{"properties": map[string]any{"enabled": map[string]any{"const": false}}, "required": []any{"enabled"}}
	override["then"] = map[string]any{"required": []any{"reason"}}
	root["$defs"] = map[string]any{"deployment": part(withVariables(settings)), "override": part(override), "waiver": part(schema.JSON(checklist.WaiverDocument{}))}
	properties := object(root, "properties")
	object(properties, "deployment")["$ref"] = "#/$defs/deployment"
	object(properties, "targets")["additionalProperties"] = map[string]any{"$ref": "#/$defs/deployment", "required": []any{"root"}}
	object(properties, "overrides")["additionalProperties"] = map[string]any{"$ref": "#/$defs/override"}
	for _, form := range object(properties, "waivers")["anyOf"].([]any) { // a list, or a mapping with one
		list := form.(map[string]any)
		if list["type"] == "object" {
			list = object(list, "properties", "accepted")
		}
		list["items"] = map[string]any{"$ref": "#/$defs/waiver"}
	}
	root["not"] = map[string]any{"required": []any{"deployment", "targets"}}
	return root
}

// checklistJSON returns the schema of a checklist file, with the parameters of every probe kind.
func checklistJSON() map[string]any {
	return withProbes(schema.JSON(checklist.Document{}), "Checklist of catalyst_exporter")
}

// fragmentJSON returns the schema of a file that a checklist includes.
func fragmentJSON() map[string]any {
	return withProbes(schema.JSON(checklist.Fragment{}), "Fragment of a checklist of catalyst_exporter")
}

func withProbes(root map[string]any, title string) map[string]any {
	root["title"] = title
	some := func(field string) any {
		return map[string]any{"required": []any{field}, "properties": map[string]any{field: map[string]any{"minItems": 1}}}
	}
	root["anyOf"] = []any{some("categories"), some("include")}
	categories := object(root, "properties", "categories", "items")
	object(categories, "properties", "items", "items", "properties", "probes")["items"] = map[string]any{"$ref": "#/$defs/probe"}
	root["$defs"] = map[string]any{"probe": kindJSON()}
	return root
}

// kindJSON returns the schema of a probe: exactly one kind with its parameters, and the settings common to all probes.
func kindJSON() map[string]any {
	of := withVariables(part(schema.JSON(checklist.ProbeDocument{})))
	properties := object(of, "properties")
	var one []any
	for _, k := range kinds.All() {
		spec := withVariables(part(specJSON(k))) // ${param.NAME}
		spec["description"] = k.Question + " For example: " + k.Name + ": " + k.Example
		properties[k.Name] = spec
		one = append(one, map[string]any{"required": []any{k.Name}})
	}
	of["oneOf"] = one // exactly one kind
	return of
}

// specJSON returns the schema of a kind's parameters in a checklist.
func specJSON(k probe.Kind) map[string]any {
	of := schema.JSON(k.New())
	if required, ok := of["required"].([]any); ok && k.OwnItem {
		of["required"] = slices.DeleteFunc(required, func(name any) bool { return name == "item" })
	}
	return of
}

// part turns a root schema into a subschema.
func part(of map[string]any) map[string]any {
	delete(of, "$schema")
	delete(of, "title")
	return of
}

// object returns the nested schema at a path, which must exist.
func object(of map[string]any, path ...string) map[string]any {
	for _, key := range path {
		of = of[key].(map[string]any)
	}
	return of
}

// withVariables makes a schema also accept ${…} for every value, regardless of its type.
func withVariables(of map[string]any) map[string]any {
	for _, key := range []string{"properties", "$defs"} {
		for name, inner := range inside(of[key]) {
			inside(of[key])[name] = withVariables(inside(inner))
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner := inside(of[key]); inner != nil {
			of[key] = withVariables(inner)
		}
	}
	if either, ok := of["anyOf"].([]any); ok {
		for i := range either {
			either[i] = withVariables(inside(either[i]))
		}
		return of
	}
	_, words := of["enum"]
	_, form := of["pattern"]
	switch of["type"] {
	case "integer", "number", "boolean":
	case "string":
		if !words && !form {
			return of
		}
	default:
		return of
	}
	typed, out := maps.Clone(of), map[string]any{}
	for _, key := range []string{"description", "default", "examples"} { // editors show these only outside of anyOf
		if about, ok := typed[key]; ok {
			out[key] = about
			delete(typed, key)
		}
	}
	out["anyOf"] = []any{typed, map[string]any{"type": "string", "pattern": `\$\{[^}]+\}`}}
	return out
}

// inside returns the value as a schema, or nil if it is not a schema.
func inside(value any) map[string]any {
	of, _ := value.(map[string]any)
	return of
}

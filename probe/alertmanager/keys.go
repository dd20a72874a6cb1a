package alertmanager

import (
	"maps"
	"slices"
	"strings"
)

// FileField is a setting that names a file.
type FileField struct {
	Key string
	Field
}

// KeyFiles returns all settings that name a file, in the order of the configuration.
func (am *Config) KeyFiles() []FileField {
	var all []FileField
	of := func(f Fields) {
		for _, key := range slices.Sorted(maps.Keys(f)) {
			if strings.HasSuffix(key, "_file") && f[key].Value != "" {
				all = append(all, FileField{key, f[key]})
			}
		}
	}
	of(am.Global)
	for _, r := range am.Receivers {
		for _, i := range r.Integrations {
			of(i.Fields)
		}
	}
	return all
}

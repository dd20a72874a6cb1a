package server

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"net/http"
)

// describedAt is the path of the metrics in the embedded document.
const describedAt = "/metrics"

//go:embed openapi.json
var description []byte

// openAPI serves the OpenAPI document of this server, with the paths at which it serves.
func (s *server) openAPI(w http.ResponseWriter, _ *http.Request) {
	document, err := describe(s.options.RoutePrefix, s.options.TelemetryPath)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document)
}

// describe returns the document for a route prefix and a path of the metrics.
func describe(prefix, metrics string) ([]byte, error) {
	if prefix == "" && metrics == describedAt {
		return description, nil
	}
	var document map[string]any
	if err := json.Unmarshal(description, &document); err != nil {
		return nil, err
	}
	document["servers"] = []any{map[string]any{"url": cmp.Or(prefix, "/")}}
	if paths, ok := document["paths"].(map[string]any); ok {
		operations := paths[describedAt]
		delete(paths, describedAt)
		paths[metrics] = operations
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(document)
	return b.Bytes(), err
}

package server

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestOpenAPI_DescribesRoutes checks that every route is described, and nothing else.
func TestOpenAPI_DescribesRoutes(t *testing.T) {
	var document struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(description, &document); err != nil {
		t.Fatal(err)
	}
	for _, r := range (&server{options: Options{TelemetryPath: describedAt}}).routes() {
		path, method := strings.TrimSuffix(r.path, "{$}"), strings.ToLower(r.method)
		if document.Paths[path][method] == nil {
			t.Errorf("%s %s is not described: add it to operations in exporter/openapi_test.go", r.method, path)
		}
		delete(document.Paths[path], method)
	}
	for path, rest := range document.Paths {
		for method := range rest {
			t.Errorf("%s %s is described but not served", method, path)
		}
	}
}

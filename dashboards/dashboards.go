// Package dashboards contains the Grafana dashboards embedded in the binary: one deployment, and all of them. They are
// defined in Go and generated as catalyst-readiness.json and catalyst-fleet.json. It imports nothing of the project.
package dashboards

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

//go:embed catalyst-readiness.json
var readinessJSON []byte

//go:embed catalyst-fleet.json
var fleetJSON []byte

// Readiness returns the dashboard catalyst-readiness as JSON for Grafana 9 to 13. Data source and scrape job are
// variables; its uid is stable. It opens with the series of the given job, or of every job when it is "". A job name
// with control characters or invalid UTF-8 is an error.
func Readiness(job string) ([]byte, error) { return of(job, readinessJSON, readiness) }

// Fleet returns the dashboard catalyst-fleet: every deployment, worst first. It takes the job as Readiness does.
func Fleet(job string) ([]byte, error) { return of(job, fleetJSON, fleet) }

func of(job string, embedded []byte, build func() dashboard) ([]byte, error) {
	if job == "" {
		return slices.Clone(embedded), nil
	}
	if !utf8.ValidString(job) {
		return nil, errors.New("job name is not valid UTF-8: use the job_name of the scrape configuration")
	}
	for _, r := range job {
		if !unicode.IsPrint(r) {
			return nil, fmt.Errorf("job name %q contains the unprintable character %U: use the job_name of the scrape configuration", job, r)
		}
	}
	board := build()
	for i := range board.Templating.List {
		if v := &board.Templating.List[i]; v.Name == "job" {
			v.Current = current{Text: []string{job}, Value: []string{job}}
		}
	}
	return encode(board)
}

func encode(board dashboard) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(board)
	return buffer.Bytes(), err
}

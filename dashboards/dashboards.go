// Package dashboards holds the Grafana board that ships inside the binary. It is written in Go, where one can read it, and kept as
// catalyst-readiness.json beside it, where Grafana can. It imports nothing of the project.
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

// Readiness returns the board catalyst-readiness, JSON for Grafana 9 to 13. Its data source and the scrape job are variables, its
// uid is stable. It opens with the series of the given job; of every job that has some where it is "". A name that no scrape job
// can have (control characters, broken UTF-8) is an error.
func Readiness(job string) ([]byte, error) {
	if job == "" {
		return slices.Clone(readinessJSON), nil
	}
	if !utf8.ValidString(job) {
		return nil, errors.New("job name is not valid UTF-8: give the job_name of the scrape configuration")
	}
	for _, r := range job {
		if !unicode.IsPrint(r) {
			return nil, fmt.Errorf("job name %q holds %U, which cannot be printed: give the job_name of the scrape configuration", job, r)
		}
	}
	board := readiness()
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

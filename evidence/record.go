package evidence

import (
	"fmt"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Record is what the pipeline writes next to a report after the tool has ended, in the file with MetaSuffix. It holds
// facts that the report itself lacks. All fields are optional. The YAML is parsed strictly.
type Record struct {
	Commit   string    `yaml:"commit" doc:"the checked commit, whole or at least 7 digits" pattern:"^[0-9a-f]{7,64}$" example:"4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192"`
	Time     time.Time `yaml:"time" doc:"when the tool ended" example:"2026-11-20T10:00:00Z"`
	Command  string    `yaml:"command" doc:"the command, for information only" example:"govulncheck -format json ./..."`
	ExitCode *int      `yaml:"exit_code" doc:"exit status of the tool" example:"0"`
	Size     *int64    `yaml:"size" doc:"size of the report in bytes" min:"0" example:"48213"`
	Dirty    bool      `yaml:"dirty" doc:"the working tree had changes that are not committed" example:"true"`
	Target   string    `yaml:"target" doc:"of a load test: URL or host name that received the requests" example:"https://staging.example.org"`
	SHA256   string    `yaml:"sha256" doc:"SHA-256 digest of the report" pattern:"^[0-9a-f]{64}$"`
}

// maxRecord is the maximum size of a record, which has a few lines.
const maxRecord = 64 << 10

// ParseRecord parses a record; name is for errors.
func ParseRecord(name string, data []byte) (Record, error) {
	var rec Record
	if len(data) > maxRecord {
		return rec, fmt.Errorf("%s: larger than %d KiB", name, maxRecord>>10)
	}
	root, err := schema.Parse(name, data)
	if err != nil {
		return rec, err
	}
	if err := schema.Decode(name, root, &rec).Err(); err != nil {
		return Record{}, err
	}
	if rec == (Record{}) {
		return rec, fmt.Errorf("%s: record is empty", name)
	}
	return rec, nil
}

// seal compares the recorded size and digest with those of the file.
func (rec *Record) seal(size int64, digest string) Seal {
	switch {
	case rec.Size != nil && *rec.Size != size, rec.SHA256 != "" && rec.SHA256 != digest:
		return SealBroken
	case rec.Size != nil || rec.SHA256 != "":
		return SealIntact
	}
	return Unsealed
}

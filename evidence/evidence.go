package evidence

import "time"

// Evidence is a report and what is known about it from outside: what is judged.
type Evidence struct {
	Report Report
	Name   string // where it lies, for people; "" when there is none
	Err    error  // why it could not be read; Report is then empty

	Commit   string // the report is of, "" when nothing says so
	Conflict string // why Commit is in doubt: two places name different ones
	Taken    time.Time

	Exit *int // status the tool ended with, where the pipeline recorded it
	Seal Seal
}

// Seal says whether the file is the one the pipeline recorded.
type Seal int

// The seals.
const (
	Unsealed   Seal = iota // neither size nor digest was recorded
	SealIntact             // what was recorded is what was read
	SealBroken             // it is not
)

// MetaSuffix is added to a report's file name for the file in which the pipeline records what the report itself cannot say.
const MetaSuffix = ".meta.yaml"

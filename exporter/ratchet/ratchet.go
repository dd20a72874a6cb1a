// Package ratchet compares a report with an earlier one, so that a pipeline can fail only on what became worse.
package ratchet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Baseline is what an earlier `check --format=json` printed.
type Baseline struct {
	Time            time.Time
	ChecklistDigest string
	items           map[string]item // by category/item
}

// item is one entry of the output's items.
type item struct {
	Category string          `json:"category"`
	Name     string          `json:"item"`
	State    *probe.State    `json:"state"`
	Reason   probe.Reason    `json:"reason"`
	Waiver   json.RawMessage `json:"waiver"`
	Probes   []struct {
		Probe     string       `json:"probe"`
		State     *probe.State `json:"state"`
		Reason    probe.Reason `json:"reason"`
		Offenders []struct {
			ID   string `json:"id"`
			File string `json:"file"`
		} `json:"offenders"`
	} `json:"probes"`
}

func (i item) id() string { return i.Category + "/" + i.Name }

func (i item) waived() bool { return len(i.Waiver) > 0 && !bytes.Equal(i.Waiver, []byte("null")) }

// Read parses the output of `check --format=json`. Output that is cut off, that lists no items or that lists an item twice is
// refused: compared with it, old faults would be new, or new ones old.
func Read(data []byte) (*Baseline, error) {
	var file struct {
		Time            time.Time `json:"time"`
		ChecklistDigest string    `json:"checklist_digest"`
		Items           []item    `json:"items"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&file); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("the JSON ends too early")
		}
		return nil, fmt.Errorf("not the output of check --format=json: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the JSON document")
	}
	if len(file.Items) == 0 || file.Time.IsZero() {
		return nil, errors.New("not the output of check --format=json: it has no time or no items")
	}
	b := &Baseline{Time: file.Time, ChecklistDigest: file.ChecklistDigest, items: make(map[string]item, len(file.Items))}
	for _, it := range file.Items {
		id := it.id()
		if it.Category == "" || it.Name == "" || it.State == nil {
			return nil, fmt.Errorf("not the output of check --format=json: item %q has no category, name or state", id)
		}
		if _, twice := b.items[id]; twice {
			return nil, fmt.Errorf("item %q occurs twice", id)
		}
		b.items[id] = it
	}
	return b, nil
}

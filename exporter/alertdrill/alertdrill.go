// Package alertdrill sends an alert through the real Alertmanager, to see whether it reaches somebody.
//
// Alertmanager counts requests that a receiver accepted. That says that something was sent, perhaps another alert; it does not
// say that somebody read it. Only a person who repeats the alert's code knows that.
package alertdrill

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

// AlertName is the name of the alert.
const AlertName = "CatalystDrill"

// CodeLabel is the label with the code that a person repeats.
const CodeLabel = "drill"

const (
	poll = time.Second
	// ends is when Alertmanager resolves the alert by itself, if the drill was killed before it could.
	ends = 15 * time.Minute
	// resolving is the time for the request that resolves the alert, also after an interruption.
	resolving = 10 * time.Second
)

// Drill is a drill at one Alertmanager.
type Drill struct {
	Client *httpclient.Client
	URL    string // of Alertmanager
	Labels map[string]string
	Note   string // description of the alert
	Wait   time.Duration
}

// Outcome is what was seen.
type Outcome struct {
	Receivers []string // where Alertmanager routed the alert
	Sent      bool     // a receiver accepted a request after the alert was fired
	Failed    bool     // a request failed
}

// NewCode returns a code for an alert.
func NewCode() string {
	data := make([]byte, 8)
	_, _ = rand.Read(data) // never fails
	return hex.EncodeToString(data)
}

// Digest returns what a claim holds of a code, so that the claim does not give it away.
func Digest(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

// Receivers lists the receivers of Alertmanager's configuration, sorted.
func (d *Drill) Receivers(ctx context.Context) ([]string, error) {
	var all []struct {
		Name string `json:"name"`
	}
	if err := d.get(ctx, "/api/v2/receivers", &all); err != nil {
		return nil, err
	}
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names, nil
}

// Run fires the alert, waits until a receiver accepted a request, and resolves the alert.
func (d *Drill) Run(ctx context.Context) (out Outcome, err error) {
	before, err := d.requests(ctx)
	if err != nil {
		return out, err
	}
	began := time.Now()
	defer func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolving)
		defer cancel()
		if failed := d.post(late, began, time.Now()); failed != nil && err == nil {
			err = fmt.Errorf("resolve the alert: %w", failed)
		}
	}()
	if err := d.post(ctx, began, began.Add(ends)); err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.Wait)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	seen := 0
	for {
		select {
		case <-ctx.Done():
			if context.Cause(ctx) == context.DeadlineExceeded {
				return out, nil
			}
			return out, ctx.Err()
		case <-tick.C:
		}
		if len(out.Receivers) == 0 {
			out.Receivers = d.routed(ctx)
		}
		now, err := d.requests(ctx)
		if err != nil {
			continue // at the end of the time, nothing was seen
		}
		out.Failed = now.failed > before.failed
		// A failure is counted after its request, so that one reading may take it for a success.
		if now.total-now.failed > before.total-before.failed {
			seen++
		} else {
			seen = 0
		}
		if out.Sent = seen > 1; out.Sent && len(out.Receivers) > 0 {
			return out, nil
		}
	}
}

// requests counts the requests of all integrations to their receivers.
type requests struct{ total, failed float64 }

func (d *Drill) requests(ctx context.Context) (n requests, err error) {
	resp, err := d.Client.Get(ctx, d.URL+"/metrics")
	if err != nil {
		return n, err
	}
	if resp.Status != http.StatusOK {
		return n, fmt.Errorf("%s/metrics returned %d", d.URL, resp.Status)
	}
	found := false
	for line := range strings.Lines(string(resp.Body)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), "{")
		_, value, labelled := strings.Cut(rest, "} ")
		if !ok || !labelled {
			continue
		}
		count, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch name {
		case "alertmanager_notification_requests_total":
			n.total, found = n.total+count, true
		case "alertmanager_notification_requests_failed_total":
			n.failed += count
		}
	}
	if !found {
		return n, fmt.Errorf("%s/metrics has no alertmanager_notification_requests_total: Alertmanager 0.22 or newer is required", d.URL)
	}
	return n, nil
}

// routed returns where the alert was routed; nil while Alertmanager does not list it.
func (d *Drill) routed(ctx context.Context) (names []string) {
	var alerts []struct {
		Receivers []struct {
			Name string `json:"name"`
		} `json:"receivers"`
	}
	filter := url.Values{"filter": {fmt.Sprintf("%s=%q", CodeLabel, d.Labels[CodeLabel])}}
	if err := d.get(ctx, "/api/v2/alerts?"+filter.Encode(), &alerts); err != nil {
		return nil
	}
	for _, a := range alerts {
		for _, r := range a.Receivers {
			names = append(names, r.Name)
		}
	}
	return names
}

func (d *Drill) get(ctx context.Context, path string, into any) error {
	resp, err := d.Client.Get(ctx, d.URL+path)
	if err != nil {
		return err
	}
	if resp.Status != http.StatusOK {
		return fmt.Errorf("%s returned %d", d.URL, resp.Status)
	}
	if err := json.NewDecoder(bytes.NewReader(resp.Body)).Decode(into); err != nil {
		return fmt.Errorf("%s returned invalid JSON", d.URL)
	}
	return nil
}

func (d *Drill) post(ctx context.Context, starts, ends time.Time) error {
	body, err := json.Marshal([]map[string]any{{
		"labels": d.Labels, "startsAt": starts.UTC(), "endsAt": ends.UTC(),
		"annotations": map[string]string{"summary": "Drill: this alert tests that alerts reach you.", "description": d.Note},
	}})
	if err != nil {
		return err
	}
	resp, err := d.Client.Do(ctx, http.MethodPost, d.URL+"/api/v2/alerts", http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return err
	}
	if resp.Status != http.StatusOK {
		return fmt.Errorf("%s/api/v2/alerts returned %d", d.URL, resp.Status)
	}
	return nil
}

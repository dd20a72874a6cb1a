// Who is told: a server that hears what PagerDuty and Slack would.

package alerts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// receiver stands for PagerDuty and for Slack.
type receiver struct {
	mu    sync.Mutex
	pages map[string][]pageEvent // by deployment
	slack []slackMessage
	bad   []string // what it did not understand
	keys  map[string]string
}

type pageEvent struct {
	RoutingKey  string `json:"routing_key"`
	EventAction string `json:"event_action"`
	DedupKey    string `json:"dedup_key"`
	Payload     struct {
		Summary, Severity, Component string
		CustomDetails                map[string]string `json:"custom_details"`
	}
	Links []struct{ Href, Text string }
}

type slackMessage struct {
	Attachments []struct{ Title, Text, Color string }
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
	switch {
	case err != nil:
	case request.URL.Path == "/pagerduty":
		var e pageEvent
		if err = json.Unmarshal(body, &e); err == nil {
			if e.EventAction == "trigger" {
				r.keys[e.DedupKey] = e.Payload.Component
			}
			r.pages[r.keys[e.DedupKey]] = append(r.pages[r.keys[e.DedupKey]], e)
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"status":"success"}`)
		}
	case request.URL.Path == "/slack":
		var m slackMessage
		if err = json.Unmarshal(body, &m); err == nil {
			r.slack = append(r.slack, m)
			fmt.Fprint(w, "ok")
		}
	default:
		err = errors.New(request.URL.Path)
	}
	if err != nil {
		r.bad = append(r.bad, err.Error())
		w.WriteHeader(http.StatusBadRequest)
	}
}

// pagesOf returns what PagerDuty heard of a deployment: how many triggers, how many resolves, the first trigger.
func (r *receiver) pagesOf(deployment string) (triggers, resolves int, first pageEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.pages[deployment] {
		switch e.EventAction {
		case "trigger":
			if triggers++; triggers == 1 {
				first = e
			}
		case "resolve":
			resolves++
		}
	}
	return triggers, resolves, first
}

// told returns Slack's messages that hold all the words.
func (r *receiver) told(words ...string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, m := range r.slack {
		for _, a := range m.Attachments {
			text := a.Title + "\n" + a.Text
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
				all = append(all, text)
			}
		}
	}
	return all
}

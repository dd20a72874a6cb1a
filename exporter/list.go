package exporter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
)

// listJSON is the output of `list --format=json`. The names are API.
type listJSON struct {
	Items []listItemJSON `json:"items"`
}

type listItemJSON struct {
	Category string          `json:"category"`
	Item     string          `json:"item"`
	Title    string          `json:"title"`
	Severity string          `json:"severity"`
	Owner    string          `json:"owner"`
	Due      *time.Time      `json:"due"`
	Required bool            `json:"required"`
	Scope    string          `json:"scope"`
	Fix      string          `json:"fix"`
	Probes   []listProbeJSON `json:"probes"`
}

type listProbeJSON struct {
	Probe string `json:"probe"`
	Kind  string `json:"kind"`
}

func (a *app) listCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var format string
	c := k.Command("list", "List the items of the checklist and their probes, without running them.")
	c.Flag("format", "Output format: table or json.").Default("table").EnumVar(&format, "table", "json")
	add(c, func(context.Context) (int, error) {
		s, err := a.source().Load(collector.NewLimits())
		if err != nil {
			return 0, err
		}
		defer s.Close()
		out, err := renderList(s.Checklist, format)
		if err != nil {
			return 0, err
		}
		_, err = a.Stdout.Write(out)
		return ExitReady, err
	})
}

func renderList(list *checklist.Checklist, format string) ([]byte, error) {
	if format == "json" {
		out := listJSON{Items: []listItemJSON{}}
		for _, it := range list.Items() {
			li := listItemJSON{it.Category, it.Name, it.Title, it.Severity, it.Owner, nil, it.Required, it.Scope, it.Fix, nil}
			if !it.Due.IsZero() {
				li.Due = &it.Due
			}
			for _, pr := range it.Probes {
				li.Probes = append(li.Probes, listProbeJSON{pr.Name, pr.Kind.Name})
			}
			out.Items = append(out.Items, li)
		}
		data, err := json.MarshalIndent(out, "", "  ")
		return append(data, '\n'), err
	}
	var b bytes.Buffer
	width := 0
	for _, it := range list.Items() {
		width = max(width, len(it.Name))
	}
	for _, cat := range list.Categories {
		fmt.Fprintf(&b, "%s (%s)\n", cat.Title, cat.Name)
		for _, it := range cat.Items {
			var probes []string
			for _, pr := range it.Probes {
				probes = append(probes, pr.Name)
			}
			weight := it.Severity + ", " + it.Scope
			if !it.Required {
				weight += ", optional"
			}
			if it.Owner != "" {
				weight += ", " + it.Owner
			}
			if !it.Due.IsZero() {
				weight += ", due " + checklist.LastDay(it.Due)
			}
			fmt.Fprintf(&b, "  %-*s  %-28s  %s\n", width, it.Name, weight, strings.Join(probes, ", "))
		}
	}
	fmt.Fprintf(&b, "%d items\n", len(list.Items()))
	return b.Bytes(), nil
}

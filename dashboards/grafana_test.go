// What a person sees of the board: Grafana's part, as far as the tests play it.

package dashboards

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// asker asks Prometheus, in the place of Grafana.
type asker struct{ url string }

type series struct {
	labels map[string]string
	value  float64
}

// ask answers a target as a panel gets it: the instant, or the last point of a range (none where the range ends earlier).
func (a asker) ask(q target, environment string) ([]series, error) {
	expr := strings.NewReplacer("$job", "catalyst", "$environment", environment, "$deployment", ".*", "$category", ".*", "$__range", "1h").Replace(q.Expr)
	end := time.Now()
	query := url.Values{"query": {expr}, "time": {stamp(end)}}
	path := "/api/v1/query?"
	if q.Range {
		query = url.Values{"query": {expr}, "start": {stamp(end.Add(-time.Minute))}, "end": {stamp(end)}, "step": {"15"}}
		path = "/api/v1/query_range?"
	}
	response, err := http.Get(a.url + path + query.Encode())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string
				Value  []any
				Values [][]any
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s\n%s", answer.Error, expr)
	}
	var all []series
	for _, r := range answer.Data.Result {
		point := r.Value
		if q.Range {
			point = r.Values[len(r.Values)-1]
			if at := point[0].(float64); at < float64(end.Unix())-7 {
				continue
			}
		}
		value, err := strconv.ParseFloat(point[1].(string), 64)
		if err != nil {
			return nil, err
		}
		all = append(all, series{r.Metric, value})
	}
	return all, nil
}

func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// shown is what a person sees of one value.
type shown struct{ text, colour string }

// show applies mappings and thresholds as Grafana does: a mapping wins over the thresholds, null and NaN are for the special
// mapping, and null below the first threshold has the first colour.
func show(t testing.TB, f fieldDefaults, value *float64) shown {
	t.Helper()
	content, err := json.Marshal(f.Mappings)
	if err != nil {
		t.Fatal(err)
	}
	var mappings []struct {
		Type    string
		Options json.RawMessage
	}
	if err := json.Unmarshal(content, &mappings); err != nil {
		t.Fatal(err)
	}
	empty := value == nil || math.IsNaN(*value)
	for _, m := range mappings {
		var one special
		var values map[string]result
		switch {
		case m.Type == "special" && empty:
			if err := json.Unmarshal(m.Options, &one); err != nil {
				t.Fatal(err)
			}
			return shown{one.Result.Text, one.Result.Color}
		case m.Type == "value" && !empty:
			if err := json.Unmarshal(m.Options, &values); err != nil {
				t.Fatal(err)
			}
			if r, ok := values[strconv.FormatFloat(*value, 'g', -1, 64)]; ok {
				return shown{r.Text, r.Color}
			}
		}
	}
	s := shown{text: f.NoValue, colour: f.Thresholds.Steps[0].Color}
	if empty {
		return s
	}
	s.text = strconv.FormatFloat(*value, 'g', -1, 64)
	for _, step := range f.Thresholds.Steps {
		if step.Value == nil || *value >= *step.Value {
			s.colour = step.Color
		}
	}
	return s
}

// healthy tells whether anything of it says that all is well.
func healthy(s shown) bool {
	return s.colour == colourPass || slices.Contains([]string{"pass", "ready", "up", "loaded"}, s.text)
}

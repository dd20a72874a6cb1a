package checklist

import (
	"errors"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Checklist documents as users write them; Load converts them to a Checklist. The doc tags document the fields; the
// JSON Schema and the reference documentation are generated from them.

// Document is a checklist file.
type Document struct {
	Checklist  string                       `yaml:"checklist" required:"true" doc:"name of the checklist, shown on the dashboard and in reports"`
	Extends    string                       `yaml:"extends" enum:"catalyst" doc:"base checklist: items of the same category and name are replaced, others are added; default: none"`
	Include    []string                     `yaml:"include" doc:"fragments whose categories are added, relative to this file and inside its folder"`
	Parameters map[string]ParameterDocument `yaml:"parameters" doc:"values that the configuration sets, and that the probes refer to as ${param.NAME}"`
	Gates      map[string]GateDocument      `yaml:"gates" doc:"release gates by name; the command line knows pre and post"`
	Categories []CategoryDocument           `yaml:"categories" doc:"groups of items, in the order shown; required without include"`
}

// Validate refuses a file without any item.
func (d *Document) Validate() []error { return hasItems(d.Categories, d.Include) }

func hasItems(categories []CategoryDocument, include []string) []error {
	if len(categories) == 0 && len(include) == 0 {
		return []error{schema.FieldError{Field: "categories", Err: errors.New("required, but empty")}}
	}
	return nil
}

// controlForm is the form of a control's id: it is data in tables and JSON, not a text.
var controlForm = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9 ._:()/-]{0,63}$`)

// checkControls requires ids.
func checkControls(controls []string) []error {
	var errs []error
	for _, id := range controls {
		if !controlForm.MatchString(id) {
			errs = append(errs, schema.FieldError{Field: "controls", Err: errors.New("must be ids of at most 64 letters, digits and . _ : ( ) / -")})
		}
	}
	return errs
}

// Validate checks the controls; schema.Decode calls it.
func (d *ItemDocument) Validate() []error { return checkControls(d.Controls) }

// Validate checks the controls; schema.Decode calls it.
func (d *Override) Validate() []error { return checkControls(d.Controls) }

// GateDocument lists the items of a gate.
type GateDocument struct {
	Categories []string `yaml:"categories" doc:"categories whose items all belong to the gate"`
	Items      []string `yaml:"items" doc:"single items of the gate, as item or category/item"`
}

// CategoryDocument is a group of items.
type CategoryDocument struct {
	Category string         `yaml:"category" required:"true" pattern:"^[a-z][a-z0-9_]*$" doc:"value of the category label"`
	Title    string         `yaml:"title" doc:"heading shown to users"`
	Owner    string         `yaml:"owner" pattern:"^[A-Za-z0-9]([A-Za-z0-9 ._@-]{0,62}[A-Za-z0-9])?$" doc:"owner of the items that name none"`
	Due      string         `yaml:"due" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"due date of the items that name none"`
	Items    []ItemDocument `yaml:"items" required:"true" doc:"the items, in the order shown"`
}

// ItemDocument is one line of the checklist.
type ItemDocument struct {
	Item     string         `yaml:"item" required:"true" pattern:"^[a-z][a-z0-9_]*$" doc:"value of the item label"`
	Title    string         `yaml:"title" required:"true" doc:"the line as shown to users"`
	Severity string         `yaml:"severity" enum:"critical,warning,info" default:"warning" doc:"critical pages, warning opens a ticket, info informs"`
	Owner    string         `yaml:"owner" pattern:"^[A-Za-z0-9]([A-Za-z0-9 ._@-]{0,62}[A-Za-z0-9])?$" doc:"team or person that it belongs to, shown with the verdict; alertmanager --owners routes its alerts; default: the owner of the category"`
	Due      string         `yaml:"due" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"last day, YYYY-MM-DD in UTC, on which a failure may be unresolved: until then it opens a ticket instead of a page, whatever the severity; verdicts, readiness and gates do not change; default: the date of the category"`
	Scope    string         `yaml:"scope" enum:"standing,release" default:"standing" doc:"standing must hold at all times and decides readiness; release is about one release and decides gates"`
	Required *bool          `yaml:"required" default:"true" doc:"whether readiness and gates depend on it; an optional item that is not configured is skipped"`
	Freeze   string         `yaml:"freeze" pattern:"^(record|([0-9]+(w|d|h|m|s))+)$" doc:"for release items: when the verdict becomes final. record: when the release is recorded; a duration: this long after that"`
	After    string         `yaml:"after" enum:"record" doc:"for release items. record: the item is about the release in force and runs only once one is recorded; default: it is about the planned release as soon as there is one"`
	Controls []string       `yaml:"controls" doc:"ids of the controls of a standard that the item is evidence for, e.g. CC7.2; in JSON, in statements about gates, and the report of check --format=controls"`
	Needs    []string       `yaml:"needs" doc:"prerequisites, as item or category/item: while one of them fails or is unknown, and this item could not be checked over the network, it is blocked and does not alert"`
	Fix      string         `yaml:"fix" required:"true" doc:"how to make it pass"`
	Probes   []*schema.Node `yaml:"probes" required:"true" doc:"the probes that decide whether it holds; each is one kind of probe with its parameters"`
}

// ProbeDocument are the fields of a probe in addition to its kind.
type ProbeDocument struct {
	Name      string           `yaml:"name" pattern:"^[a-z][a-z0-9_]*$" doc:"value of the probe label; default: the kind; two probes of one kind in an item need names"`
	MaxAge    *schema.Duration `yaml:"max_age" min:"0s" doc:"how long a verdict is reused before the next run"`
	MaxStale  *schema.Duration `yaml:"max_stale" min:"0s" doc:"how long a verdict stands while later runs do not finish"`
	Timeout   *schema.Duration `yaml:"timeout" min:"10ms" doc:"time limit of one run"`
	Essential bool             `yaml:"essential" default:"false" doc:"the item cannot pass without this probe: while it is not checked (skip or unknown), the item is unknown, unless another probe fails"`
	Enabled   *bool            `yaml:"enabled" doc:"enables or disables the probe; active kinds are off unless this is true"`
	Reason    string           `yaml:"reason" doc:"why it is disabled"`
}

// Override changes an item of the checklist for one deployment.
type Override struct {
	Severity string                   `yaml:"severity" enum:"critical,warning,info" doc:"replaces the item's severity"`
	Owner    string                   `yaml:"owner" pattern:"^[A-Za-z0-9]([A-Za-z0-9 ._@-]{0,62}[A-Za-z0-9])?$" doc:"replaces the item's owner"`
	Controls []string                 `yaml:"controls" doc:"replaces the item's controls"`
	Due      string                   `yaml:"due" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"replaces the item's due date"`
	Required *bool                    `yaml:"required" doc:"replaces whether the item is required"`
	Enabled  *bool                    `yaml:"enabled" doc:"false disables the item; it stays visible as skipped, and a disabled required item without a waiver blocks readiness"`
	Reason   string                   `yaml:"reason" doc:"why the item is disabled or not required; needed when enabled is false"`
	MaxAge   *schema.Duration         `yaml:"max_age" min:"0s" doc:"replaces the max_age of all its probes"`
	Probes   map[string]ProbeOverride `yaml:"probes" doc:"changes to single probes, by name"`
}

// ProbeOverride changes one probe of an item.
type ProbeOverride struct {
	Essential *bool            `yaml:"essential" doc:"replaces whether the item cannot pass without this probe"`
	Enabled   *bool            `yaml:"enabled" doc:"enables or disables the probe; active probes are off unless this is true"`
	Reason    string           `yaml:"reason" doc:"why it is disabled; required when enabled is false"`
	MaxAge    *schema.Duration `yaml:"max_age" min:"0s" doc:"how long a verdict is reused before the next run"`
	MaxStale  *schema.Duration `yaml:"max_stale" min:"0s" doc:"how long a verdict stands while later runs do not finish"`
	Timeout   *schema.Duration `yaml:"timeout" min:"10ms" doc:"time limit of one run"`
	With      *schema.Node     `yaml:"with" doc:"parameters that replace those of the checklist"`
}

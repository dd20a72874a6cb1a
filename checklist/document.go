package checklist

import "github.com/thenexusengine/catalyst_exporter/schema"

// These are the documents as people write them; Load turns them into a Checklist. What a field means is said in its doc tag, which the
// JSON Schema and the reference documentation are made of.

// Document is a checklist file.
type Document struct {
	Checklist  string                  `yaml:"checklist" required:"true" doc:"name of the checklist, shown on the board and in reports"`
	Extends    string                  `yaml:"extends" enum:"catalyst" doc:"checklist that this one adds to: an item of the same category and name replaces, any other is added; without it the document stands alone"`
	Gates      map[string]GateDocument `yaml:"gates" doc:"points that a release passes, by name; pre and post are known to the command line"`
	Categories []CategoryDocument      `yaml:"categories" required:"true" doc:"groups of items, in the order shown"`
}

// GateDocument lists what a gate waits for.
type GateDocument struct {
	Categories []string `yaml:"categories" doc:"categories all of whose items the gate waits for"`
	Items      []string `yaml:"items" doc:"single items the gate waits for, as item or category/item"`
}

// CategoryDocument is a group of items.
type CategoryDocument struct {
	Category string         `yaml:"category" required:"true" pattern:"^[a-z][a-z0-9_]*$" doc:"value of the category label"`
	Title    string         `yaml:"title" doc:"heading for people"`
	Items    []ItemDocument `yaml:"items" required:"true" doc:"the items, in the order shown"`
}

// ItemDocument is one line of the checklist.
type ItemDocument struct {
	Item     string         `yaml:"item" required:"true" pattern:"^[a-z][a-z0-9_]*$" doc:"value of the item label"`
	Title    string         `yaml:"title" required:"true" doc:"the line as people know it"`
	Severity string         `yaml:"severity" enum:"critical,warning,info" default:"warning" doc:"critical pages, warning opens a ticket, info informs"`
	Scope    string         `yaml:"scope" enum:"standing,release" default:"standing" doc:"standing must hold every day and decides readiness; release speaks of one release and decides gates"`
	Required *bool          `yaml:"required" default:"true" doc:"whether readiness or a gate waits for it; an optional item that is not configured is skipped"`
	Freeze   string         `yaml:"freeze" pattern:"^(record|([0-9]+(w|d|h|m|s))+)$" doc:"of a release item: when its verdict is final and not asked again. record: when the release is recorded; a duration: so long after that"`
	After    string         `yaml:"after" enum:"record" doc:"of a release item. record: it speaks of the release in force and is asked only once one is recorded; without it, it speaks of the planned release as soon as there is one"`
	Fix      string         `yaml:"fix" required:"true" doc:"what a person does to make it pass"`
	Probes   []*schema.Node `yaml:"probes" required:"true" doc:"the looks that tell whether it holds; each names one kind of probe and its parameters"`
}

// ProbeDocument is what a probe may have beside its kind.
type ProbeDocument struct {
	Name     string           `yaml:"name" pattern:"^[a-z][a-z0-9_]*$" doc:"value of the probe label; the kind when not given; two probes of one kind in an item need names"`
	MaxAge   *schema.Duration `yaml:"max_age" min:"0s" doc:"how long a verdict is reused before the next look"`
	MaxStale *schema.Duration `yaml:"max_stale" min:"0s" doc:"how long a verdict stands while later looks do not end"`
	Timeout  *schema.Duration `yaml:"timeout" min:"10ms" doc:"time limit of one look"`
	Enabled  *bool            `yaml:"enabled" doc:"switch the probe on or off; active kinds are off unless this is true"`
	Reason   string           `yaml:"reason" doc:"why it is switched off"`
}

// Override changes an item of the checklist for one deployment.
type Override struct {
	Severity string                   `yaml:"severity" enum:"critical,warning,info" doc:"replaces the item's severity"`
	Required *bool                    `yaml:"required" doc:"replaces whether the item is required"`
	Enabled  *bool                    `yaml:"enabled" doc:"false switches the item off; it stays visible as skipped, and a required one keeps the deployment from being ready unless it is waived"`
	Reason   string                   `yaml:"reason" doc:"why the item is switched off; required then"`
	MaxAge   *schema.Duration         `yaml:"max_age" min:"0s" doc:"replaces max_age of all its probes"`
	Probes   map[string]ProbeOverride `yaml:"probes" doc:"changes to single probes, by name"`
}

// ProbeOverride changes one probe of an item.
type ProbeOverride struct {
	Enabled  *bool            `yaml:"enabled" doc:"switch the probe on or off; active probes are off unless this is true"`
	Reason   string           `yaml:"reason" doc:"why it is switched off; required then"`
	MaxAge   *schema.Duration `yaml:"max_age" min:"0s" doc:"how long a verdict is reused before the next look"`
	MaxStale *schema.Duration `yaml:"max_stale" min:"0s" doc:"how long a verdict stands while later looks do not end"`
	Timeout  *schema.Duration `yaml:"timeout" min:"10ms" doc:"time limit of one look"`
	With     *schema.Node     `yaml:"with" doc:"parameters of the probe that replace those of the checklist"`
}

// WaiverDocument lets an item be as it is for a while.
type WaiverDocument struct {
	Item    string `yaml:"item" required:"true" doc:"the item, as item or category/item"`
	Reason  string `yaml:"reason" required:"true" doc:"why it may be as it is; shown everywhere the item is"`
	By      string `yaml:"by" required:"true" doc:"who allows it"`
	Expires string `yaml:"expires" required:"true" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"last day on which it counts, YYYY-MM-DD in UTC"`
}

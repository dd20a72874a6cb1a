package dashboards

// The part of Grafana's dashboard JSON that is used: fields documented and read by Grafana 9 to 13. Fields unknown to
// one of them are not used, with one exception: table cells are coloured by displayMode in 9 and by cellOptions since
// 10, so both are written.

// schemaVersion is that of Grafana 9.0; newer versions migrate the dashboard when loading it.
const schemaVersion = 36

type dashboard struct {
	Inputs        []input       `json:"__inputs"`
	Requires      []requirement `json:"__requires"`
	UID           string        `json:"uid"`
	Title         string        `json:"title"`
	Description   string        `json:"description"`
	Tags          []string      `json:"tags"`
	Editable      bool          `json:"editable"`
	GraphTooltip  int           `json:"graphTooltip"` // 1: the crosshair is shared by all panels
	SchemaVersion int           `json:"schemaVersion"`
	Version       int           `json:"version"`
	Timezone      string        `json:"timezone"` // "": the viewer's
	Refresh       string        `json:"refresh"`
	Time          timeRange     `json:"time"`
	Timepicker    struct{}      `json:"timepicker"`
	Links         []link        `json:"links"`
	Annotations   annotationSet `json:"annotations"`
	Templating    templating    `json:"templating"`
	Panels        []panel       `json:"panels"`
}

// input is asked for when the dashboard is imported, and put in the place of ${NAME}.
type input struct {
	Name        string `json:"name"`
	Label       string `json:"label"`
	Description string `json:"description"`
	Type        string `json:"type"` // datasource
	PluginID    string `json:"pluginId"`
	PluginName  string `json:"pluginName"`
}

// requirement is a part of Grafana that the dashboard uses.
type requirement struct {
	Type    string `json:"type"` // grafana, datasource or panel
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// link is a link at the top of the dashboard.
type link struct {
	Type        string   `json:"type"` // link
	Title       string   `json:"title"`
	URL         string   `json:"url"`
	Tooltip     string   `json:"tooltip"`
	Icon        string   `json:"icon"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	TargetBlank bool     `json:"targetBlank"`
}

// dataLink is a link on a value.
type dataLink struct {
	Title       string `json:"title"`
	URL         string `json:"url"`
	TargetBlank bool   `json:"targetBlank"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type annotationSet struct {
	List []annotation `json:"list"`
}

type annotation struct {
	Name            string     `json:"name"`
	Datasource      datasource `json:"datasource"`
	Enable          bool       `json:"enable"`
	Hide            bool       `json:"hide"`
	BuiltIn         int        `json:"builtIn,omitempty"`
	Type            string     `json:"type,omitempty"`
	IconColor       string     `json:"iconColor"`
	Expr            string     `json:"expr,omitempty"`
	Step            string     `json:"step,omitempty"`
	TitleFormat     string     `json:"titleFormat,omitempty"`
	TextFormat      string     `json:"textFormat,omitempty"`
	TagKeys         string     `json:"tagKeys,omitempty"`
	UseValueForTime bool       `json:"useValueForTime,omitempty"`
}

type templating struct {
	List []variable `json:"list"`
}

type variable struct {
	Name        string      `json:"name"`
	Label       string      `json:"label"`
	Description string      `json:"description"`
	Type        string      `json:"type"` // datasource, query or textbox
	Datasource  *datasource `json:"datasource,omitempty"`
	Definition  string      `json:"definition,omitempty"`
	Query       any         `json:"query"`
	Regex       string      `json:"regex"`
	Refresh     int         `json:"refresh"` // 1: on load, 2: when the time range changes
	Sort        int         `json:"sort"`
	Multi       bool        `json:"multi"`
	IncludeAll  bool        `json:"includeAll"`
	AllValue    string      `json:"allValue,omitempty"`
	Current     current     `json:"current"`
	Options     []current   `json:"options"`
	Hide        int         `json:"hide"`
	SkipURLSync bool        `json:"skipUrlSync"`
}

type current struct {
	Selected bool `json:"selected"`
	Text     any  `json:"text"`
	Value    any  `json:"value"`
}

type variableQuery struct {
	Query string `json:"query"`
	RefID string `json:"refId"`
}

type panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description,omitempty"`
	GridPos         gridPos          `json:"gridPos"`
	Collapsed       *bool            `json:"collapsed,omitempty"` // of rows
	Panels          []panel          `json:"panels,omitempty"`
	Datasource      *datasource      `json:"datasource,omitempty"`
	Targets         []target         `json:"targets,omitempty"`
	FieldConfig     *fieldConfig     `json:"fieldConfig,omitempty"`
	Options         map[string]any   `json:"options,omitempty"`
	Transformations []transformation `json:"transformations,omitempty"`
	Interval        string           `json:"interval,omitempty"`
}

type gridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type target struct {
	Datasource   datasource `json:"datasource"`
	RefID        string     `json:"refId"`
	Expr         string     `json:"expr"`
	LegendFormat string     `json:"legendFormat"`
	Instant      bool       `json:"instant"`
	Range        bool       `json:"range"`
	Format       string     `json:"format"` // time_series or table
	EditorMode   string     `json:"editorMode"`
}

type fieldConfig struct {
	Defaults  fieldDefaults `json:"defaults"`
	Overrides []override    `json:"overrides"`
}

type fieldDefaults struct {
	Unit       string         `json:"unit"`
	Decimals   *int           `json:"decimals,omitempty"`
	Min        *float64       `json:"min,omitempty"`
	NoValue    string         `json:"noValue"`
	Color      map[string]any `json:"color"`
	Mappings   []mapping      `json:"mappings"`
	Thresholds thresholds     `json:"thresholds"`
	Custom     map[string]any `json:"custom,omitempty"`
	Links      []dataLink     `json:"links,omitempty"`
}

type thresholds struct {
	Mode  string `json:"mode"` // absolute
	Steps []step `json:"steps"`
}

// step colours values from Value on; the first step's Value is null and covers everything below the second.
type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// mapping assigns values a word and a colour: type value maps each key, type special maps null and NaN.
type mapping struct {
	Type    string `json:"type"`
	Options any    `json:"options"`
}

type result struct {
	Text  string `json:"text"`
	Color string `json:"color"`
	Index int    `json:"index"`
}

type special struct {
	Match  string `json:"match"` // null+nan
	Result result `json:"result"`
}

type override struct {
	Matcher    matcher    `json:"matcher"`
	Properties []property `json:"properties"`
}

type matcher struct {
	ID      string `json:"id"`
	Options any    `json:"options"`
}

type property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

type transformation struct {
	ID      string         `json:"id"`
	Options map[string]any `json:"options"`
}

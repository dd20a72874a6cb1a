package dashboards

// The dashboard: its panels and their order.

// Addresses linked from the dashboard.
const (
	runbookURL  = "https://github.com/thenexusengine/catalyst_exporter/blob/main/docs/runbook.md"
	exporterURL = "http://${exporter}/"
)

// readiness returns the dashboard catalyst-readiness.
func readiness() dashboard {
	b := dashboard{
		UID: "catalyst-readiness", Title: "Catalyst: production readiness",
		Description: "State of a deployment's checklist: verdicts, what to fix, history. Drift needs the recording rules.",
		Tags:        []string{"catalyst", "readiness"}, Editable: true, GraphTooltip: 1, SchemaVersion: schemaVersion, Version: 1,
		Refresh: "1m", Time: timeRange{"now-24h", "now"},
		Links: []link{
			{Type: "link", Title: "Exporter's page", URL: exporterURL, Tooltip: "Details and how to fix, from the exporter itself", Icon: "external link", Tags: []string{}, TargetBlank: true},
			{Type: "link", Title: "All deployments", URL: fleetURL, Tooltip: "Every deployment, worst first", Icon: "dashboard", Tags: []string{}},
			{Type: "link", Title: "Runbook", URL: runbookURL, Tooltip: "What to do about an alert or an item", Icon: "doc", Tags: []string{}, TargetBlank: true},
		},
		Annotations: annotationSet{annotations()},
		Templating:  templating{variables()},
		Panels:      panels(),
	}
	b.Inputs, b.Requires = inputs(), requirements(b.Panels)
	return b
}

func annotations() []annotation {
	source := datasource{"prometheus", "${datasource}"}
	return []annotation{
		{
			Name: "Drift", Datasource: source, Enable: true, IconColor: colourFail, Step: "1m",
			Expr:        `ALERTS{alertname=~"CatalystCheckDrifted|CatalystMassDrift",alertstate="firing",` + where + `}`,
			TitleFormat: "{{alertname}} {{item}}", TextFormat: "{{deployment}} {{environment}} {{category}}", TagKeys: "severity",
		},
		{
			Name: "Releases", Datasource: source, Enable: true, IconColor: colourPending, Step: "1m",
			Expr:        `max by (` + byDeployment + `, phase) (catalyst_release_timestamp_seconds{` + where + `}) * 1000`,
			TitleFormat: "release {{phase}}", TextFormat: "{{deployment}} {{environment}}", TagKeys: "phase", UseValueForTime: true,
		},
	}
}

func variables() []variable {
	info := func(label string) string { return `label_values(catalyst_check_info{` + label + `)` }
	exporter := `label_values(catalyst_exporter_build_info{job=~"$job"}, instance)`
	return append(shared(),
		choice("deployment", "Deployment", "Name of the deployment.", info(`job=~"$job",environment=~"$environment"}, deployment`), ".*"),
		choice("category", "Category", "Category of the checklist.", info(where+`}, category`), ".*"),
		variable{
			Name: "exporter", Label: "Exporter", Description: "Exporter whose page the links open, by its address in Prometheus.",
			Type: "query", Datasource: &datasource{"prometheus", "${datasource}"}, Definition: exporter,
			Query: variableQuery{exporter, "Variable-exporter"}, Refresh: 2, Sort: 1, Options: []current{}, Current: current{Text: "", Value: ""},
		})
}

// shared are the variables of both dashboards.
func shared() []variable {
	return []variable{
		{
			Name: "datasource", Label: "Data source", Description: "Prometheus with the exporter's series.", Type: "datasource",
			Query: "prometheus", Refresh: 1, Options: []current{}, Current: current{Text: "${" + sourceInput + "}", Value: "${" + sourceInput + "}"},
		},
		choice("job", "Job", "Scrape jobs of the exporter.", `label_values({__name__=~"catalyst_check_info|catalyst_exporter_build_info"}, job)`, ""),
		// All also selects a deployment without the label.
		choice("environment", "Environment", "Environment of the deployment.", `label_values(catalyst_check_info{job=~"$job"}, environment)`, ".*"),
	}
}

// choice is a variable with the values of a label, several at once.
func choice(name, label, description, ask, allValue string) variable {
	return variable{
		Name: name, Label: label, Description: description, Type: "query", Datasource: &datasource{"prometheus", "${datasource}"},
		Definition: ask, Query: variableQuery{ask, "Variable-" + name}, Refresh: 2, Sort: 1, Multi: true, IncludeAll: true,
		AllValue: allValue, Current: current{Text: []string{"All"}, Value: []string{"$__all"}}, Options: []current{},
	}
}

func panels() []panel {
	b := &builder{}
	b.row("Verdict")
	verdicts(b)
	b.row("What to fix, worst first")
	b.add(24, 14, whatToFix())
	b.row("What was not good, over time")
	b.add(24, 22, timeline("State of items", "One line per item that was fail, unknown, pending or warn at some time. Gaps are shown as no data and never interpolated.",
		states(), over("A", history(), "{{category}}/{{item}} {{deployment}} {{environment}}")))
	b.row("Evidence and deadlines")
	deadlines(b)
	b.row("Success criteria")
	criteria(b)
	b.row("The exporter itself")
	exporter(b)
	return b.panels
}

func verdicts(b *builder) {
	ready := yesOrNo("not ready", "ready")
	b.add(5, 5, verdict("Ready", "Whether every required standing item holds or is waived; one tile per deployment.", ready,
		now("A", `min by (`+byDeployment+`) (catalyst_ready{`+where+`})`, "{{deployment}} {{environment}}")))
	b.add(5, 5, verdict("Gates", "Whether a release may be deployed (pre) and whether the deployment succeeded (post).", ready,
		now("A", `min by (`+byDeployment+`, gate) (catalyst_gate_ready{`+where+`})`, "{{gate}} {{deployment}} {{environment}}")))
	s := states()
	skip, pass, warn, pending, unknown, fail := s[1], s[2], s[3], s[4], s[5], s[6]
	b.add(2, 5, tally("fail", "Items that fail.", pass.colour, fail.colour, count(fail)))
	b.add(2, 5, tally("unknown", "Items without a verdict.", pass.colour, unknown.colour, count(unknown)))
	b.add(2, 5, tally("pending", "Items whose window is still open.", skip.colour, pending.colour, count(pending)))
	b.add(2, 5, tally("warn", "Items that hold weakly.", pass.colour, warn.colour, count(warn)))
	b.add(2, 5, tally("pass", "Items that hold.", skip.colour, pass.colour, count(pass)))
	b.add(2, 5, tally("skip", "Skipped items: disabled, optional and not configured, or about a release when there is none.", skip.colour, skip.colour, count(skip)))
	b.add(2, 5, tally("drifted", "Items that were good and fail now. Needs the recording rules; no data without them.", pass.colour, fail.colour, drifted()))
	b.add(16, 7, verdict("Categories", "Whether every required item of the category holds or is waived.", ready,
		now("A", `min by (`+byDeployment+`, category) (catalyst_category_ready{`+whereCategory+`})`, "{{category}} {{deployment}} {{environment}}")))
	b.add(8, 7, table("Releases", "Planned release and last recorded release.",
		[]override{column("When", property{"unit", "dateTimeAsIso"})}, []transformation{
			{"merge", map[string]any{}},
			only([2]string{"phase", "Phase"}, [2]string{"version", "Version"}, [2]string{"commit", "Commit"}, [2]string{"Value #B", "When"},
				[2]string{"deployment", "Deployment"}, [2]string{"environment", "Environment"}),
		},
		rows("A", `max by (`+byDeployment+`, phase, version, commit) (catalyst_release_info{`+where+`})`),
		rows("B", `1000 * max by (`+byDeployment+`, phase) (catalyst_release_timestamp_seconds{`+where+`})`)))
}

func whatToFix() panel {
	s := states()
	item := []property{
		width(220),
		links(
			dataLink{"How to fix ${__value.text}", runbookURL + "#${__value.text}", true},
			dataLink{"The exporter's page", exporterURL + "#${__data.fields.Category}-${__value.text}", true},
		),
	}
	return table("What to fix", "Items that fail, are unknown, pending or weak, sorted by state and severity. Each item links to the runbook.",
		[]override{
			column("State", append(coloured(s[3], s[4], s[5], s[6]), width(100))...),
			column("Item", item...),
			column("Not good since", property{"unit", "dateTimeAsIso"}, width(180)),
			column("Waived", property{"mappings", []mapping{nothing(), {"value", map[string]result{"0": {"no", "text", 0}, "1": {"waived", "text", 1}}}}}, width(80)),
			column("Severity", width(90)), column("Reason", width(140)),
		},
		merged("Value #A", [2]string{"state", "State"}, [2]string{"reason", "Reason"}, [2]string{"severity", "Severity"}, [2]string{"category", "Category"},
			[2]string{"item", "Item"}, [2]string{"title", "Title"}, [2]string{"required", "Required"}, [2]string{"Value #C", "Not good since"},
			[2]string{"Value #D", "Waived"}, [2]string{"deployment", "Deployment"}, [2]string{"environment", "Environment"}),
		rows("A", toFix()), rows("B", ofUnwell(about())),
		rows("C", ofUnwell(`1000 * max by (`+byItem+`) (catalyst:check_last_good_timestamp_seconds{`+whereCategory+`})`)),
		rows("D", ofUnwell(`max by (`+byItem+`) (catalyst_check_waived{`+whereCategory+`})`)))
}

func deadlines(b *builder) {
	over := thresholds{Mode: "absolute", Steps: []step{{colourFail, nil}, {colourNeutral, number(0)}}}
	name := func(what string) string { return what + " {{item}} {{deployment}} {{environment}}" }
	b.add(12, 12, bars("Age of evidence and backups", "Age of reports and backups, oldest first. The item's verdict decides whether that is too old.", "s", neutral(),
		now("A", age("catalyst_evidence_timestamp_seconds"), name("evidence")),
		now("B", age("catalyst_backup_last_success_timestamp_seconds"), name("backup"))))
	b.add(12, 12, bars("Time left", "Time until a certificate, an attestation or a waiver expires, shortest first. Expired ones have the colour of fail.", "s", over,
		now("A", left("catalyst_tls_certificate_not_after_timestamp_seconds"), name("certificate")),
		now("B", left("catalyst_attestation_expiry_timestamp_seconds"), name("attestation")),
		now("C", left("catalyst_waiver_expiry_timestamp_seconds"), name("waiver"))))
}

func criteria(b *builder) {
	s := states()
	b.add(10, 10, table("Criteria against thresholds", "Measured value, threshold and verdict.",
		[]override{column("State", append(numbered(s...), width(100))...), column("Value", property{"decimals", 4}), column("Threshold", property{"decimals", 4})},
		merged("Value #C", [2]string{"item", "Criterion"}, [2]string{"Value #A", "Value"}, [2]string{"Value #B", "Threshold"},
			[2]string{"Value #C", "State"}, [2]string{"deployment", "Deployment"}, [2]string{"environment", "Environment"}),
		rows("A", `max by (`+byItem+`) (catalyst_criterion_value{`+whereCategory+`})`),
		rows("B", `max by (`+byItem+`) (catalyst_criterion_threshold{`+whereCategory+`})`),
		rows("C", worst(byItem)+` and on (`+byItem+`) catalyst_criterion_value{`+whereCategory+`}`)))
	p := lines("Criteria over time", "Values as lines, thresholds dashed, each in the unit of its criterion.", "none",
		over("A", criterion("catalyst_criterion_value"), "{{item}} {{deployment}} {{environment}}"),
		over("B", criterion("catalyst_criterion_threshold"), "{{item}} threshold {{deployment}} {{environment}}"))
	p.FieldConfig.Overrides = []override{{matcher{"byFrameRefID", "B"}, []property{{"custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{8, 8}}}}}}
	b.add(14, 10, p)
}

// exporter shows the exporters of the chosen deployments. With several deployments their own series have no deployment:
// the instance connects them.
func exporter(b *builder) {
	scraped := func(metric string) string { return metric + `{` + where + `}` }
	self := func(metric string) string { return metric + `{job=~"$job"} and on (instance) ` + scraped("up") }
	b.add(6, 6, verdict("Scraped", "Whether Prometheus reaches each replica.", yesOrNo("down", "up"),
		now("A", `min by (instance) (`+scraped("up")+`)`, "{{instance}}")))
	b.add(6, 6, verdict("Configuration", "Whether the configuration on disk is the one in use.", yesOrNo("old", "loaded"),
		now("A", `min by (instance) (`+self("catalyst_config_last_reload_successful")+`)`, "{{instance}}")))
	b.add(12, 6, table("Versions", "Running versions; the instance links to its page.",
		[]override{column("Instance", links(dataLink{"The exporter's page", "http://${__value.text}/", true}))},
		[]transformation{only([2]string{"instance", "Instance"}, [2]string{"version", "Version"}, [2]string{"revision", "Revision"}, [2]string{"goversion", "Go"})},
		rows("A", `max by (instance, version, revision, goversion) (`+self("catalyst_exporter_build_info")+`)`)))
	b.add(8, 8, bars("Slowest checks", "Duration of the last runs.", "s", neutral(),
		now("A", `topk(10, max by (`+byItem+`) (catalyst_check_duration_seconds{`+whereCategory+`}))`, "{{item}} {{deployment}} {{environment}}")))
	b.add(8, 8, bars("Oldest runs", "Time since an item's last run. Expensive probes are reused for their max_age.", "s", neutral(),
		now("A", `topk(10, time() - max by (`+byItem+`) (catalyst_check_last_run_timestamp_seconds{`+whereCategory+`}))`, "{{item}} {{deployment}} {{environment}}")))
	b.add(8, 8, lines("Scrapes", "Duration of scrapes.", "s",
		over("A", `max by (instance) (`+scraped("scrape_duration_seconds")+`)`, "{{instance}}")))
	b.add(24, 6, lines("Memory", "Resident memory of the exporter.", "bytes",
		over("A", `max by (instance) (`+self("process_resident_memory_bytes")+`)`, "{{instance}}")))
}

package checklist

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

const unfilledChecklist = `
checklist: Web
categories:
  - category: web
    title: Web
    items:
      - item: certificate
        title: Certificate
        severity: warning
        fix: Renew it.
        probes:
          - certificate_file: {path: certs/catalyst-replace-me.pem}
          - env_file: {}
      - item: rows
        title: Rows
        severity: warning
        fix: Process them.
        probes:
          - sql_query: {query: select count(*) from CATALYST_REPLACE_ME, at_most: 0}
      - item: nested
        title: Nested
        severity: warning
        fix: Add it.
        probes:
          - postgres_indexes: {indexes: [{table: orders, leading: [catalyst_replace_me]}]}
      - item: filled
        title: Filled
        severity: warning
        fix: Replace it.
        probes:
          - file_content: {path: app.conf, lacks: [replace-me]}
`

// A placeholder of a draft never passes: the probe is unknown, and config check names the parameter and the line.
func TestUnfilled_IsUnknownAndNamed(t *testing.T) {
	c, err := Load(own(unfilledChecklist), Changes{})
	if err != nil {
		t.Fatal(err)
	}
	warnings := c.PlaceholderWarnings()
	for i, want := range []string{
		"web/certificate stays unknown: parameter path of certificate_file is a placeholder. Replace catalyst-replace-me in own.yaml:12",
		"web/rows stays unknown: parameter query of sql_query", "web/nested stays unknown: parameter indexes.leading of postgres_indexes",
	} {
		if len(warnings) != 3 || !strings.HasPrefix(warnings[i], want) {
			t.Errorf("warning %d: %q, want %q", i, warnings, want)
		}
	}
	p := probetest.NewPass(t, probetest.Folder{}, deployment.Settings{})
	for _, name := range []string{"certificate", "nested"} {
		pr := c.Find(name)[0].Probes[0]
		probetest.Expect(t, probe.Run(t.Context(), pr.Look, p), probe.StateUnknown, probe.ReasonPlaceholder, "Replace catalyst-replace-me in own.yaml")
		if pr.Kind.Breakages != nil {
			t.Errorf("%s would be challenged", name)
		}
	}
	c, err = Load(own(unfilledChecklist), changes(t, "overrides: {certificate: {probes: {certificate_file: {with: {path: certs/web.pem}}}}}"))
	if err != nil {
		t.Fatal(err)
	}
	if pr := c.Find("certificate")[0].Probes[0]; pr.Kind.Breakages == nil || len(c.PlaceholderWarnings()) != 2 {
		t.Errorf("overridden: %q", c.PlaceholderWarnings())
	}
}

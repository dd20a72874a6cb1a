package checklist

import (
	"strings"
	"testing"
)

// A claim without `item` is about the item of its probe, also after an override, and two items never share one claim.
func TestLoad_OwnItem(t *testing.T) {
	const text = `
checklist: Ours
categories:
  - category: people
    items:
      - {item: first, title: First, fix: attest, probes: [{attestation: {}}]}
      - {item: second, title: Second, fix: attest, probes: [{attestation: }]}
      - {item: third, title: Third, fix: attest, probes: [{attestation: {max_age: 30d}}]}
      - {item: other, title: Other, fix: attest, probes: [{attestation: {item: people/first}}]}
      - {item: owner, title: Owner, fix: sign, scope: release, probes: [{sign_off: {role: owner}}]}
      - {item: cloud, title: Cloud, fix: attest, probes: [{external_firewall: {}}]}
`
	c, err := Load(own(text), changes(t, "overrides: {third: {probes: {attestation: {with: {max_age: 60d}}}}}"))
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	for name, want := range map[string]string{
		"first": "item: people/first", "second": "item: people/second", "third": "item: people/third", "other": "item: people/first",
		"owner": "item: people/owner", "cloud": "item: people/cloud",
	} {
		pr := c.Find(name)[0].Probes[0]
		if !strings.Contains(pr.Settings, want) {
			t.Errorf("%s: settings %q, want %q", name, pr.Settings, want)
		}
		digests[name] = pr.Digest
	}
	if settings := c.Find("third")[0].Probes[0].Settings; !strings.Contains(settings, "60d") {
		t.Errorf("overridden: %q", settings)
	}
	if digests["first"] == digests["second"] || digests["first"] != digests["other"] {
		t.Errorf("digests: %v", digests)
	}
	for spec, want := range map[string]string{"[]": "attestation", "{item: }": "item", "{itm: a/b}": "itm", "people/first": "attestation"} {
		if _, err := Load(own(strings.Replace(text, "{attestation: {}}", "{attestation: "+spec+"}", 1)), Changes{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("attestation: %s: %v", spec, err)
		}
	}
}

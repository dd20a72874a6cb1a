package documents

import "testing"

func TestNamesNobody(t *testing.T) {
	for _, text := range []string{"call me", "see wiki", "See Confluence", "same as above", "Ditto", "ask HR", "the intern", "+49", "12", "ann at work", "whoever is there"} {
		if !namesNobody(text) {
			t.Errorf("%q is taken for a contact", text)
		}
	}
	for _, text := range []string{"Ann Miller", "Ánna", "山田 太郎", "ext. 4412", "4711", "@ann-miller", "#ops", "ops@shop.io", "ann (at) shop-north (dot) io", "ann at shop-north.io",
		"https://pager.shop.io", "create ticket", "the platform channel", "pagerduty", "see #incidents", "ask in #ops", "slack: ops", "+49 30 90182233"} {
		if namesNobody(text) {
			t.Errorf("%q is taken for nobody", text)
		}
	}
	for text, want := range map[string]bool{"DevOps Lead": true, "the devops lead": true, "DevOps Lead: Ann": false, "CTO": false, "": false} {
		if isRole(text, "DevOps Lead") != want {
			t.Errorf("%q is the role: %v", text, !want)
		}
	}
	for text, want := range map[string]bool{"0800 000 0000": true, "+49 000 000000": true, "(555) 123-4567": true, "+90 555 123 4567": false, "+49 30 9018 2233": false, "0800 100 2000": false} {
		if unreachable.MatchString(text) != want {
			t.Errorf("%q reaches nobody: %v", text, !want)
		}
	}
}

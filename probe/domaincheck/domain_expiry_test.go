package domaincheck

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestMain(m *testing.M) { parts.Main(m) }

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// expires is a domain object whose expiry is in days.
func expires(days int, status ...string) string {
	return object(status, fmt.Sprintf(`{"eventAction":"expiration","eventDate":%q}`, now.AddDate(0, 0, days).Format(time.RFC3339)))
}

func object(status []string, events ...string) string {
	quoted := make([]string, len(status))
	for i, s := range status {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	events = append([]string{`{"eventAction":"registration","eventDate":"2001-01-01T00:00:00Z"}`, `{"eventAction":"registrar expiration","eventDate":"2036-01-01T00:00:00Z"}`}, events...)
	return `{"objectClassName":"domain","ldhName":"SHOP.Catalyst-test.net","status":[` + strings.Join(quoted, ",") + `],"events":[` + strings.Join(events, ",") + `]}`
}

func TestDomainExpiry(t *testing.T) {
	mark := parts.Secret()
	event := func(date string) string { return `{"eventAction":"expiration","eventDate":"` + date + `"}` }
	for name, test := range map[string]struct {
		code   int
		body   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"long valid":             {200, expires(300, "active"), probe.StatePass, "", "valid until 2027-03-28"},
		"exactly the limit":      {200, expires(45), probe.StatePass, "", ""},
		"twice the same":         {200, object(nil, event("2027-01-01T00:00:00Z"), event("2027-01-01T01:00:00+01:00")), probe.StatePass, "", ""},
		"without a zone":         {200, object(nil, event("2027-01-01T00:00:00")), probe.StatePass, "", "2026-12-31"},
		"date only":              {200, object(nil, event("2027-01-01")), probe.StatePass, "", ""},
		"expires soon":           {200, expires(44), probe.StateWarn, probe.ReasonExpiring, "in less than 45d"},
		"auto renew period":      {200, expires(360, "Auto Renew Period"), probe.StateWarn, probe.ReasonExpiring, "renewed by the registry only"},
		"expires very soon":      {200, expires(13), probe.StateFail, probe.ReasonExpiring, "in less than 2w"},
		"expires today":          {200, object(nil, event("2026-06-01")), probe.StateFail, probe.ReasonExpired, ""},
		"expired":                {200, expires(-1), probe.StateFail, probe.ReasonExpired, "expired on 2026-05-31"},
		"redemption":             {200, expires(300, "redemption period"), probe.StateFail, probe.ReasonExpired, "redemption period"},
		"pending delete":         {200, object([]string{"pending delete"}), probe.StateFail, probe.ReasonExpired, "pending delete"},
		"on hold":                {200, expires(300, "client hold"), probe.StateFail, probe.ReasonNotPublished, "client hold"},
		"no expiry":              {200, object([]string{"active"}), probe.StateUnknown, probe.ReasonMissing, "not published"},
		"no events":              {200, `{"objectClassName":"domain","ldhName":"shop.catalyst-test.net"}`, probe.StateUnknown, probe.ReasonMissing, "not published"},
		"several dates":          {200, object(nil, event("2027-01-01T00:00:00Z"), event("2028-01-01T00:00:00Z")), probe.StateUnknown, probe.ReasonInvalid, "ambiguous"},
		"not a date":             {200, object(nil, event(mark)), probe.StateUnknown, probe.ReasonInvalid, "not a date"},
		"one is not a date":      {200, object(nil, event("2027-01-01T00:00:00Z"), event(mark)), probe.StateUnknown, probe.ReasonInvalid, "not a date"},
		"never":                  {200, object(nil, event("9999-12-31T00:00:00Z")), probe.StateUnknown, probe.ReasonInvalid, "implausible"},
		"another domain":         {200, strings.ReplaceAll(expires(300), "SHOP.Catalyst", "other"+mark), probe.StateUnknown, probe.ReasonInvalid, "not about"},
		"not a domain":           {200, strings.ReplaceAll(expires(300), `"domain"`, `"entity"`), probe.StateUnknown, probe.ReasonInvalid, "not about"},
		"cut":                    {200, expires(300)[:150], probe.StateUnknown, probe.ReasonInvalid, "not valid JSON"},
		"HTML":                   {200, "<html>" + mark, probe.StateUnknown, probe.ReasonInvalid, "not valid JSON"},
		"list":                   {200, "[]", probe.StateUnknown, probe.ReasonInvalid, ""},
		"error with status 200":  {200, `{"errorCode":404,"title":"` + mark + `"}`, probe.StateUnknown, probe.ReasonInvalid, "not about"},
		"not found":              {404, expires(300), probe.StateUnknown, probe.ReasonMissing, "knows no domain"},
		"too many requests":      {429, expires(300), probe.StateUnknown, probe.ReasonThreshold, "429"},
		"denied":                 {403, expires(300), probe.StateUnknown, probe.ReasonPermissionDenied, "403"},
		"server error":           {503, expires(300), probe.StateUnknown, probe.ReasonUnhealthy, "503"},
		"bad request":            {400, expires(300), probe.StateUnknown, probe.ReasonInvalid, "400"},
		"accepted, not the case": {202, expires(300), probe.StateUnknown, probe.ReasonInvalid, "202"},
	} {
		t.Run(name, func(t *testing.T) {
			site := probetest.Site(t, map[string]http.HandlerFunc{"/v1/domain/shop.catalyst-test.net": probetest.Says(test.code, test.body)})
			got := look(t, t.Context(), site.URL+"/v1/")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, mark)
		})
	}
}

func look(t *testing.T, ctx context.Context, server string) probe.Result {
	t.Helper()
	p := probetest.NewPass(t, nil, deployment.Settings{})
	p.Now = func() time.Time { return now }
	return probe.Run(ctx, probetest.Load(t, ExpiryKind(), "{domain: Shop.catalyst-test.net, server: '"+server+"'}"), p)
}

func TestDomainExpiry_Redirects(t *testing.T) {
	site := probetest.Site(t, map[string]http.HandlerFunc{
		"/metadata/domain/shop.catalyst-test.net": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
		"/moved/domain/shop.catalyst-test.net": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/v2", http.StatusMovedPermanently) },
		"/v2":                                  probetest.Says(200, expires(300)),
	})
	got := look(t, t.Context(), site.URL+"/metadata")
	probetest.Expect(t, got, probe.StateUnknown, probe.ReasonNotConfigured, "redirects to another server")
	probetest.HasNot(t, got, "169.254")
	probetest.Expect(t, look(t, t.Context(), site.URL+"/moved"), probe.StatePass, "", "")
}

func TestDomainExpiry_Faults(t *testing.T) {
	t.Parallel()
	for _, fault := range probetest.Faults(t) {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
			if fault.Reason == probe.ReasonTimeout {
				ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
			}
			defer cancel()
			got := look(t, ctx, "http://"+fault.Address)
			if got.State != probe.StateUnknown || got.Reason != fault.Reason && fault.Name != "TLS port" {
				t.Errorf("got %v (%s) %q; want unknown (%s)", got.State, got.Reason, got.Detail, fault.Reason)
			}
			probetest.HasNot(t, got, "mark")
		})
	}
}

func TestDomainExpiry_Refused(t *testing.T) {
	for _, rest := range []string{
		"", "domain: a.test", "server: 'https://a.test/'", "domain: test, server: 'https://a.test/'", "domain: 'a.test/../ip', server: 'https://a.test/'",
		"domain: 'ä.test', server: 'https://a.test/'", "domain: a.test, server: a.test", "domain: a.test, server: 'https://u:p@a.test/'",
		"domain: a.test, server: 'https://a.test/?q=1'", "domain: a.test, server: 'file:///etc/passwd'", "domain: a.test, server: 'https://a.test/', warn: 1d, fail: 2d",
	} {
		if _, problems := probetest.Decode(ExpiryKind(), "{"+rest+"}"); len(problems) == 0 {
			t.Errorf("%s loads", rest)
		}
	}
}

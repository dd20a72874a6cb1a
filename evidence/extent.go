package evidence

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

// How much a report proves: suppressed findings, and the extent of a load test. Too little is weak.

// orDefault returns a limit, or its default where it is not set.
func orDefault[T comparable](limit, normal T) T {
	var zero T
	if limit == zero {
		return normal
	}
	return limit
}

// minSuppressed findings are allowed whatever the number of files.
const minSuppressed = 5

// suppressions returns the problem of more suppressed findings than allowed.
func suppressions(r *report.Report, p Policy) []problem {
	n, most := r.Counts.Suppressed, defaultMaxSuppressed
	if p.MaxSuppressed != nil {
		most = *p.MaxSuppressed
	}
	if r.Format == report.Gosec && r.Counts.Audited > 0 {
		share := orDefault(p.MaxSuppressedShare, defaultSuppressed)
		most = min(most, max(minSuppressed, int(share*float64(r.Counts.Audited))))
		if p.MaxSuppressed != nil {
			most = *p.MaxSuppressed
		}
	}
	if n <= most {
		return nil
	}
	return []problem{{Warn, report.Weak, fmt.Sprintf("%s suppressed, at most %d are allowed: fix them, or raise max_suppressed", report.Count(n, "finding"), most)}}
}

// extentOfLoad returns the problems of a load test that was too small, or of another host.
func extentOfLoad(e Evidence, p Policy) []problem {
	var ps []problem
	weak := func(format string, args ...any) {
		ps = append(ps, problem{Warn, report.Weak, fmt.Sprintf(format, args...)})
	}
	if n, least := e.Report.Counts.Requests, orDefault(p.MinRequests, defaultMinRequests); n > 0 && n < least {
		weak("%d requests were sent, at least %d are required", n, least)
	}
	if seconds, ok := e.Report.Measures[report.LoadSeconds]; ok {
		if least := orDefault(p.MinDuration, defaultMinDuration); seconds < least.Seconds() {
			weak("the test took %.3g s, at least %v is required", seconds, least)
		}
	}
	host := e.Target
	switch {
	case host == "" && len(p.Hosts) > 0:
		weak("target of the test is unknown: record it as target next to the report")
	case host == "":
	case len(p.Hosts) > 0 && !slices.ContainsFunc(p.Hosts, func(h string) bool { return strings.EqualFold(hostOf(h), host) }):
		ps = append(ps, problem{Fail, report.Mismatch, fmt.Sprintf("the test was of host %s, expected %s", report.Name(host), strings.Join(p.Hosts, " or "))})
	case len(p.Hosts) == 0 && isLoopback(host):
		weak("the test was of host %s, the machine that ran it: test a deployment", report.Name(host))
	}
	return ps
}

// hostOf returns the host name of a URL or of host:port, in lower case.
func hostOf(target string) string {
	if strings.Contains(target, "://") {
		u, err := url.Parse(target)
		if err != nil {
			return strings.ToLower(target)
		}
		return strings.ToLower(u.Hostname())
	}
	target, _, _ = strings.Cut(target, "/")
	if host, _, err := net.SplitHostPort(target); err == nil {
		target = host
	}
	return strings.ToLower(target)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// minShare is the share of a report's files that must be in the commit, and of the commit's sources that must be in a
// coverage report. Generated files are in no commit, and tools omit files that nothing loads.
const minShare = 0.5

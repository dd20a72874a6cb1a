package httpclient

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// cacheHit matches the word that caches put into a header for a response that they had stored.
var cacheHit = lazyregexp.New(`(?i)\b(tcp_|mem_|ims_|refresh_)*(hit|stale|revalidated|updating)\b`)

var (
	cacheHeader    = lazyregexp.New(`^x-varnish$|cache$|cache-(status|hits?|result|info)$|^x-(proxy-cache|srcache|nc)`)
	cacheStatusHit = lazyregexp.New(`(?i);\s*hit\b`)
)

// Cached returns the header that marks a response as stored by a cache, "" for none.
func Cached(h http.Header) string {
	if age, err := strconv.Atoi(strings.TrimSpace(h.Get("Age"))); err == nil && age > 0 {
		return "Age"
	}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		small := strings.ToLower(name)
		if !cacheHeader.MatchString(small) {
			continue
		}
		for _, value := range h[name] {
			hit := cacheHit.MatchString(value)
			switch {
			case small == "cache-status": // RFC 9211; fwd=stale was asked again
				hit = cacheStatusHit.MatchString(value)
			case strings.HasSuffix(small, "hits"):
				hit = strings.ContainsAny(value, "123456789")
			case small == "x-varnish": // the second number is that of the stored response
				hit = len(strings.Fields(value)) > 1
			}
			if hit {
				return name
			}
		}
	}
	return ""
}

package httpcheck

import (
	"net/http"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestHTTPHealth_Keys holds bodies whose keys have several words, or report a flaw next to a good status.
func TestHTTPHealth_Keys(t *testing.T) {
	for _, tt := range []struct {
		body  string
		state probe.State
	}{
		{`OK - database: connected, redis: connected`, probe.StatePass},
		{`OK - database: connected, redis: disconnected`, probe.StateFail},
		{`{"status":"ok","database":{"status":"ok","pool":{"max":10,"in_use":10,"exhausted":true}},"redis":"ok"}`, probe.StateWarn},
		{`{"status":"ok","database":{"connected":true,"writable":false},"redis":"ok"}`, probe.StateFail},
		{`{"status":"ok","database":{"status":"ok","read_only":true},"redis":"ok"}`, probe.StateFail},
		{`{"status":"ok","database":{"status":"ok"},"redis":{"status":"ok","role":"replica","master_link_status":"down"}}`, probe.StateWarn},
		{`{"status":"ok","database":"ok","redis":"ok","maintenance":true}`, probe.StateFail},
		{`{"code":500,"message":"success","data":{"database":"ok","redis":"ok"}}`, probe.StateFail},
		{`{"status":"ok","database":1,"redis":1}`, probe.StatePass},
		{`{"status":"ok","database":"✓","redis":"✗"}`, probe.StateFail},
		{`{"status":"ok","database":"✓","redis":"✓"}`, probe.StatePass},
		{`{"status":"ok","unhealthy_components":["redis"],"database":"ok","redis":"ok"}`, probe.StateFail},
		{`{"status":"ok","down":["redis"],"database":"ok","redis":"ok"}`, probe.StateFail},
		{`{"status":"ok","down":[],"unhealthy":[],"database":"ok","redis":"ok"}`, probe.StatePass},
		{`{"status":"ok","database":"ok","redis":"ok","summary":{"total":5,"healthy":3,"unhealthy":2}}`, probe.StateWarn},
		{`{"status":"ok","database":{"up":1,"total":3},"redis":"ok"}`, probe.StateFail},
		{`{"status":"ok","database":"ok","redis":"ok","overall":"degraded"}`, probe.StateFail},
		{`{"status":"ok","database":"ok","redis":"ok?"}`, probe.StateWarn},
		{`{"status":"ok","isHealthy":false,"database":"ok","redis":"ok"}`, probe.StateFail},
		{`{"status":"ok","database":{"isConnected":false},"redis":"ok"}`, probe.StateFail},
		{`{"status":"ok","database":{"isConnected":true},"redis":{"isHealthy":true}}`, probe.StatePass},
		{`{"status":"ok","dbConnected":false,"redisConnected":true}`, probe.StateFail},
		{`{"status":"ok","db_connected":true,"redis_connected":true}`, probe.StatePass},
		{`{"status":"ok","db_ok":true,"redis_ok":false}`, probe.StateFail},
		{`{"status":"ok","database_status":"ok","redis_status":"error"}`, probe.StateFail},
		{`{"status":"ok","database_status":"ok","redis_status":"ok"}`, probe.StatePass},
		{`{"status":"ok","database":{"ssl":true},"redis":{"status":"ok"}}`, probe.StateFail},
		{`{"status":"ok","database":{"mode":"active","type":"postgres"},"redis":{"status":"ok"}}`, probe.StateFail},
		{`{"status":"ok","database":{"primary":true,"replica":true},"redis":{"status":"ok","ssl":false}}`, probe.StatePass},
		{`status=ok database=ok redis=ok`, probe.StatePass},
		{`status=ok database=ok redis=down`, probe.StateFail},
		{`status=ok database=ok redis=no`, probe.StateFail},
		{`OK database:ok;redis:no`, probe.StateFail},
		{`{"status":"ok","databaseStatus":"UP","redisStatus":"UP","http_status":200,"last_status":"down"}`, probe.StatePass},
		{`{"status":"ok","databaseStatus":"UP","redisStatus":"DOWN"}`, probe.StateFail},
		{`{"overall_status":"degraded","database":"ok","redis":"ok"}`, probe.StateFail},
		{`{"overallHealth":"unhealthy","database":"ok","redis":"ok"}`, probe.StateFail},
		{`{"allHealthy":false,"database":"ok","redis":"ok"}`, probe.StateFail},
		{`{"status":"ok","readOnly":false,"maintenance":false,"database":"ok","redis":"ok","stale":false}`, probe.StatePass},
		{`{"status":"ok","database":{"up":1,"total":3},"redis":"ok"}`, probe.StateFail},
		{`{"status":"ok","database":{"up":3,"total":3},"redis":"ok"}`, probe.StatePass},
		{`{"status":"ok","database":{"status":"ok","connections":{"active":1,"idle":2,"total":3,"max":10}},"redis":{"status":"ok","timeout":"5s","in_recovery":false}}`, probe.StatePass},
		{`{"status":"ok","env":"production","features":{"beta":false,"maintenance":false},"database":"ok","redis":"ok"}`, probe.StatePass},
		{`{"status":"ok","database":"ok","redis":"ok","kafka":{"isConnected":false}}`, probe.StateWarn},
		{`{"status":"ok","database":"ok","redis":{"status":"ok","used_memory_pct":100,"full":true}}`, probe.StateFail},
		{`{"status":"ok","database":"ok","redis":"ok","success":false}`, probe.StateFail},
		{`{"Status":"OK","Database":"OK","Redis":"Error: WRONGPASS"}`, probe.StateFail},
		{`{"status":"ok","database":"ok","redis":"ok","queue":"online 0/3"}`, probe.StateWarn},
		{`{"status":"ok","database":"ok","redis":"ok","disk":"up but read-only"}`, probe.StateWarn},
		{`{"status":"ok","database":"ok","redis":"ok","motd":"free beer is available"}`, probe.StatePass},
	} {
		t.Run("", func(t *testing.T) {
			server := probetest.Site(t, map[string]http.HandlerFunc{"*": probetest.Says(200, tt.body)})
			got := probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(server.URL)), HealthKind(), "{paths: [/health], components: [database, redis]}")
			if got.State != tt.state {
				t.Errorf("got %v %q, want %v: %s", got.State, got.Detail, tt.state, tt.body)
			}
		})
	}
}

package healthbody

import (
	"slices"
	"testing"
)

func TestReport_Figures(t *testing.T) {
	for body, want := range map[string]struct{ troubles, exceeded, unlimited []string }{
		`{"status":"ok","migrations":"pending"}`:                       {troubles: []string{"migrations"}},
		`{"status":"ok","migrations":"3 pending"}`:                     {troubles: []string{"migrations"}},
		`{"status":"ok","schema":"not applied"}`:                       {troubles: []string{"schema"}},
		`{"status":"ok","migrations":{"pending":3}}`:                   {troubles: []string{"migrations.pending"}},
		`{"status":"ok","pendingMigrations":["005_users"]}`:            {troubles: []string{"pending_migrations"}},
		`{"status":"ok","migrations":{"applied":false}}`:               {troubles: []string{"migrations.applied"}},
		`{"status":"ok","migrations":{"up_to_date":false}}`:            {troubles: []string{"migrations.up_to_date"}},
		`{"status":"ok","queue":"full"}`:                               {troubles: []string{"queue"}},
		`{"status":"ok","checks":{"disk":"full"}}`:                     {troubles: []string{"disk"}},
		`{"status":"ok","connections":"exhausted"}`:                    {troubles: []string{"connections"}},
		`{"status":"ok","replication":"lagging"}`:                      {troubles: []string{"replication"}},
		`{"status":"ok","migrations":"applied"}`:                       {},
		`{"status":"ok","migrations":"0 pending"}`:                     {},
		`{"status":"ok","migrations":"no pending migrations"}`:         {},
		`{"status":"ok","migrations":{"pending":0,"applied":41}}`:      {},
		`{"status":"ok","queue":"empty","backup":"full","tls":"full"}`: {},
		`{"status":"ok","last_migration":"failed"}`:                    {},
		`{"status":"ok","queue":"drained after it was full at noon"}`:  {},
		`{"status":"ok","latency_ms":30000,"max_latency_ms":500}`:      {exceeded: []string{"latency_ms"}},
		`{"status":"ok","replicationLag":99,"replicationLagLimit":10}`: {exceeded: []string{"replication_lag"}},
		`{"status":"ok","disk":{"used":"97%","limit":"90%"}}`:          {exceeded: []string{"disk.used"}},
		`{"status":"ok","checks":{"lag":{"value":70,"threshold":60}}}`: {exceeded: []string{"lag.value"}},
		`{"status":"ok","diskSpace":{"free":5,"threshold":10}}`:        {exceeded: []string{"diskspace.free"}},
		`{"status":"ok","latency_ms":30,"max_latency_ms":500}`:         {},
		`{"status":"ok","lag_seconds":90,"max_lag_ms":500}`:            {unlimited: []string{"lag_seconds"}},
		`{"status":"ok","diskSpace":{"free":50,"threshold":10}}`:       {},
		`{"status":"ok","latency":{"avg":9,"max":30}}`:                 {unlimited: []string{"latency.avg"}},
		`{"status":"ok","latency_ms":30000}`:                           {unlimited: []string{"latency_ms"}},
		`{"status":"ok","replication_lag":99999}`:                      {unlimited: []string{"replication_lag"}},
		`{"status":"ok","disk":"97%"}`:                                 {unlimited: []string{"disk"}},
		`{"status":"ok","uptime":99,"version":3,"diskTotal":9}`:        {},
		`{"status":"ok","memory":{"total":9,"free":3}}`:                {},
		`{"status":"ok","<b>queue</b>":"full"}`:                        {troubles: []string{"b_queue_b"}},
	} {
		r, _, ok := Parse(body)
		if !ok || !slices.Equal(unique(r.troubles), want.troubles) || !slices.Equal(unique(r.exceeded), want.exceeded) || !slices.Equal(r.Unlimited(), want.unlimited) {
			t.Errorf("%s: troubles %v, exceeded %v, unlimited %v; want %v", body, r.troubles, r.exceeded, r.unlimited, want)
		}
	}
}

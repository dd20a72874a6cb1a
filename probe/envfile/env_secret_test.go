package envfile

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestSharePurpose(t *testing.T) {
	for key, want := range map[string]bool{
		"PGPASSWORD": true, "POSTGRES_PASSWORD": true, "DATABASE_PASSWORD": true, "APP_DB_PASSWORD": true, "REDIS_PASSWORD": false, "GRAFANA_ADMIN_PASSWORD": false, "JWT_SECRET": false,
	} {
		if got := sharePurpose(key, []string{"DB_PASSWORD"}); got != want {
			t.Errorf("%s for the database: %v", key, got)
		}
	}
}

// The estimate of a secret's strength takes up to a second, so it is made once per change of the value.
func TestEnvSecret_JudgedOncePerChange(t *testing.T) {
	p := probetest.NewPass(t, probetest.Folder{".env.production": "K=" + strings.Repeat("4@8([<6931!|70$5+7%2z", 2)}, deployment.Settings{})
	s := &Secret{Key: []string{"K"}, MinLength: 16}
	took := func() time.Duration {
		start := time.Now()
		if r, err := s.Probe(t.Context(), p); err != nil || r.State != probe.StatePass {
			t.Fatal(r, err)
		}
		return time.Since(start)
	}
	if first, second := took(), took(); second > first/5 {
		t.Errorf("first %v, then %v", first, second)
	}
}

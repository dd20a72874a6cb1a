package envfile

import "testing"

func TestSharePurpose(t *testing.T) {
	for key, want := range map[string]bool{
		"PGPASSWORD": true, "POSTGRES_PASSWORD": true, "DATABASE_PASSWORD": true, "APP_DB_PASSWORD": true, "REDIS_PASSWORD": false, "GRAFANA_ADMIN_PASSWORD": false, "JWT_SECRET": false,
	} {
		if got := sharePurpose(key, []string{"DB_PASSWORD"}); got != want {
			t.Errorf("%s for the database: %v", key, got)
		}
	}
}

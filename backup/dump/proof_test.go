package dump

import "testing"

func TestAside(t *testing.T) {
	for _, tt := range []struct {
		name     string
		proof    Proof
		database string
		aside    bool
	}{
		{"of the database", Proof{Whole: true, Format: Custom, Database: "app"}, "app", false},
		{"of another", Proof{Whole: true, Format: Custom, Database: "other"}, "app", true},
		{"of another, but which is ours is not known", Proof{Whole: true, Format: Custom, Database: "other"}, "", false},
		{"it does not say", Proof{Whole: true, Format: SQL}, "app", false},
		{"a cluster with it", Proof{Whole: true, Format: Cluster, Connects: []string{"app", "other"}, Tables: []Table{{Name: "t"}}}, "app", false},
		{"a cluster without it", Proof{Whole: true, Format: Cluster, Connects: []string{"other"}, Tables: []Table{{Name: "t"}}}, "app", true},
		{"roles alone", Proof{Whole: true, Format: Cluster, NoData: true}, "", true},
		{"roles alone, cut", Proof{Format: Cluster, Reason: Truncated}, "", false},
		{"Redis", prove(t, []byte("REDIS0011\xfa\tredis-ver")), "", true},
		{"text", prove(t, []byte("pg_dump: error: no connection\n")), "app", false},
	} {
		if got := tt.proof.Aside(tt.database); (got != "") != tt.aside {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

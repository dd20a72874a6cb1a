package backup

import "testing"

func TestNamed(t *testing.T) {
	for name, want := range map[string][2]bool{
		"app.sql.gz":        {true, true},
		"app.dump":          {true, true},
		"app.sql.gz.tmp":    {true, false},
		"app.sql.gz.part":   {true, false},
		"app.sql.gz~":       {true, false},
		"app.sql.gz.sha256": {false, true},
		".app.sql.gz":       {false, true},
		"backup.log":        {false, true},
		"":                  {false, true},
	} {
		if like, finished := Named(name); like != want[0] || finished != want[1] {
			t.Errorf("%s: %v %v, want %v", name, like, finished, want)
		}
	}
}

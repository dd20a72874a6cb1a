package backupcheck

import (
	"testing"
	"time"
)

func TestDateInName(t *testing.T) {
	const dayEnd = "2024-01-06T12:00:00Z" // of 5 January 2024, where it ends last
	for name, want := range map[string]string{
		"daily_20240105.sql.gz":                   dayEnd,
		"/srv/2019-01-01/backups/2024-01-05.dump": dayEnd,
		"b/2024/01/05/catalyst.dump":              dayEnd,
		"b/2024-01-05/catalyst.dump":              dayEnd,
		"catalyst_2024_01_05.sql":                 dayEnd,
		"catalyst.2024.01.05.sql":                 dayEnd,
		"catalyst-20240105-1.sql":                 dayEnd,
		"catalyst-2024010502.sql":                 dayEnd,
		"05-01-2024.sql":                          "2024-05-02T12:00:00Z", // or 1 May
		"13.01.2024.sql":                          "2024-01-14T12:00:00Z",
		"25012024.sql":                            "2024-01-26T12:00:00Z",
		"db-05Jan2024.dump":                       dayEnd,
		"db-2024-Jan-05.dump":                     dayEnd,
		"db-january-5-2024.dump":                  dayEnd,
		"20240105020000.sql.gz":                   "2024-01-05T14:00:00Z",
		"db_20240105240000.sql":                   dayEnd,                 // the end of the day
		"db_20240104T235960Z.sql":                 "2024-01-05T00:00:00Z", // a leap second
		"db_20240229.sql":                         "2024-03-01T12:00:00Z",
		"db_20230229.sql":                         "", // no leap year
		"db_2024-01-05T02:00:00Z.sql":             "2024-01-05T02:00:00Z",
		"db_2024-01-05T02-30.sql":                 "2024-01-05T14:30:00Z",
		"db_20240105T020000+0200.sql":             "2024-01-05T00:00:00Z",
		"db-1704420000.dump":                      "2024-01-05T02:00:00Z",
		"db-1704420000123.dump":                   "2024-01-05T02:00:00Z",
		"20230101/db_20240105.sql":                dayEnd,
		"latest.sql.gz":                           "",
		"monday.sql.gz":                           "",
		"week1.sql":                               "",
		"catalyst-v20240105.sql":                  "",
		"catalyst-v2024.01.05.sql":                "",
		"catalyst-1.20240105.sql":                 "",
		"catalyst-16.4.sql":                       "",
		"catalyst-20241399.sql":                   "",
		"catalyst-20240230.sql":                   "",
		"catalyst_2024.sql":                       "",
		"1234567890123456.sql":                    "",
		"pg16-1.4.0.dump":                         "",
	} {
		got, dated := dateInName(name)
		if shown := got.UTC().Format(time.RFC3339); dated != (want != "") || dated && shown != want {
			t.Errorf("%s: %v %s, want %q", name, dated, shown, want)
		}
	}
}

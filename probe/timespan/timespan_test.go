package timespan

import (
	"testing"
	"time"
)

func TestLongest(t *testing.T) {
	r := New()
	for text, want := range map[string]time.Duration{
		"4 hours": 4 * time.Hour, "4h": 4 * time.Hour, "15 min": 15 * time.Minute, "PT4H": 4 * time.Hour, "P1DT12H": 36 * time.Hour, "P1W": 7 * day, "04:00 h": 4 * time.Hour, "00:15": 15 * time.Minute,
		"four hours": 4 * time.Hour, "vier Stunden": 4 * time.Hour, "eine Stunde": time.Hour, "cuatro horas": 4 * time.Hour, "quatre heures": 4 * time.Hour, "quattro ore": 4 * time.Hour,
		"vier uur": 4 * time.Hour, "fyra timmar": 4 * time.Hour, "fire timer": 4 * time.Hour, "cztery godziny": 4 * time.Hour, "čtyři hodiny": 4 * time.Hour, "четыре часа": 4 * time.Hour,
		"dört saat": 4 * time.Hour, "quatro horas": 4 * time.Hour, "half an hour": 30 * time.Minute, "1,5 Stunden": 90 * time.Minute, "15 minutes for orders, 24 hours for logs": 24 * time.Hour,
		"one day": day, "2 weeks": 14 * day, "2m30s": 150 * time.Second, "1h30m": 90 * time.Minute,
		"as soon as possible": 0, "": 0, "by 8 am": 0, "second best": 0, "version 1.5": 0, "a must": 0,
	} {
		if got := r.Longest(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

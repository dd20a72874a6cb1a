// Real dumps by the installed pg_dump, and by newer versions from testdata. The databases contain names, rows and
// function bodies that look like the dump's own lines.

package dump

import (
	"bytes"
	"context"
	"testing"
)

func prove(t testing.TB, data []byte) Proof {
	t.Helper()
	p, err := Prove(context.Background(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rowsOf(p Proof) map[string]int64 {
	rows := make(map[string]int64)
	for _, t := range p.Tables {
		rows[t.Schema+"."+t.Name] += t.Rows
	}
	return rows
}

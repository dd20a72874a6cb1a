package files

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestLister_LimitsAllDirectories(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := Lister{Limit: 5}
	seen := 0
	visit := func(string) error { seen++; return nil }
	if err := l.List(t.Context(), dir, visit); err != nil || seen != 3 {
		t.Fatalf("%d names, %v", seen, err)
	}
	if err := l.List(t.Context(), dir, visit); !errors.Is(err, ErrTooMany) || seen != 5 {
		t.Errorf("%d names, %v", seen, err)
	}
	l = Lister{Limit: 5}
	if err := l.List(t.Context(), dir, func(string) error { seen++; return fs.SkipAll }); err != nil || seen != 6 {
		t.Errorf("SkipAll: %d names, %v", seen, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.List(cancelled, dir, visit); !errors.Is(err, context.Canceled) || seen != 6 {
		t.Errorf("cancelled: %d names, %v", seen, err)
	}
}

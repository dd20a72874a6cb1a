package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ErrTooMany is the error of a Lister over its limit.
var ErrTooMany = errors.New("too many names")

const batch = 1000 // names read at once

// Lister lists directories in batches, so that a directory with a million files does not fill the memory. The limit
// applies to all its directories together.
type Lister struct {
	Limit int
	names int
}

// List calls visit for each name in dir, in the order of the file system. fs.SkipAll ends it early.
func (l *Lister) List(ctx context.Context, dir string, visit func(name string) error) error {
	d, err := OpenDir(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	for {
		names, err := d.Readdirnames(batch)
		for _, name := range names {
			if l.names++; l.names > l.Limit {
				return fmt.Errorf("%s: %w (%d)", dir, ErrTooMany, l.Limit)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := visit(name); err == fs.SkipAll {
				return nil
			} else if err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

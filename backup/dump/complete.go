// Whether a dump in several files is complete, after all have been read.

package dump

import "strconv"

// verdict judges the bundle after all its files have been read.
func (b *bundle) verdict() error {
	if b.broken != nil {
		return b.broken
	}
	complete := b.dumps
	for _, dir := range b.order {
		g := b.groups[dir]
		if g.toc == nil {
			if len(g.parts) > 0 || len(g.blobs) > 0 {
				return broken(Truncated, "has the data of a dump, but not its table of contents (toc.dat)")
			}
			continue
		}
		if err := b.complete(g); err != nil {
			return err
		}
		complete++
	}
	switch {
	case complete > 0:
		return nil
	case b.engine != "":
		b.run.proof.Engine = b.engine
		return otherEngine(b.engine)
	case b.opaque != nil:
		return b.opaque
	case b.base == baseAll:
		b.run.proof.Format = BaseBackup
		return broken(Opaque,
			"is a copy of a server's data directory, whose pages are not read: add a file with its SHA-256 next to it")
	}
	return notOne("contains no dump")
}

// complete compares one dump's files with its table of contents.
func (b *bundle) complete(g *group) error {
	proof := &b.run.proof
	if len(b.order) == 1 && b.dumps == 0 {
		if proof.Format = Directory; g.restore {
			proof.Format = Tar
		}
		proof.Dumped = later(proof.Dumped, g.toc.dumped)
		proof.Version, proof.Database = "1."+strconv.Itoa(g.toc.version), g.toc.database
	}
	missing := 0
	for _, e := range g.toc.entries {
		count, ok := g.parts[e.file]
		if !ok && e.blobs {
			// The tar format lists a file here that it does not write. The list covers all large objects, or those of this
			// group.
			if _, ok = g.parts["blobs.toc"]; !ok {
				_, ok = g.parts["blobs_"+strconv.Itoa(e.id)+".toc"]
			}
		}
		if !ok {
			missing++
			continue
		}
		if e.blobs {
			continue
		}
		rows, err := count.rows(e.copied)
		if err != nil {
			return err
		}
		b.run.tables.add(e.table, rows)
	}
	if missing > 0 {
		return broken(Truncated, "lacks %d of the %d data files of its table of contents", missing, len(g.toc.entries))
	}
	for _, seen := range g.blobs {
		if !seen {
			missing++
		}
	}
	if missing > 0 {
		return broken(Truncated, "lacks %d large objects of its list", missing)
	}
	return nil
}

package collector

import (
	"io/fs"

	"github.com/thenexusengine/catalyst_exporter/checklist/paper"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// unmatched counts the items of the team's own document that no probe covers. Only a configured one is asked about: one that was merely found
// may be somebody else's. The parse of an unchanged file is reused.
func (c *Collector) unmatched(pass *probe.Pass) *int {
	if c.deploy.Documents.Checklist == "" {
		return nil
	}
	path := pass.View.Place(deployment.FactChecklist).Path()
	n, err := files.Load(pass.Files, path, "unmatched items", paper.MaxSize, func(data []byte, _ fs.FileInfo) (int, error) {
		d := paper.Parse(data)
		d.Match(c.list)
		return len(d.Unmatched()), nil
	})
	if err != nil {
		return nil
	}
	return &n
}

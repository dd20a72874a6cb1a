package config

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/attest/waiver"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Waivers is the setting `waivers`: a list, or a mapping with the list and whether waivers need an approval.
type Waivers struct {
	RequireApproval bool           `yaml:"require_approval" default:"false" doc:"only waivers that were requested and approved with signed claims are in force, not those listed here"`
	Accepted        []*schema.Node `yaml:"accepted" doc:"items that are allowed to fail until a date"`
}

// UnmarshalNode implements schema.Unmarshaler.
func (w *Waivers) UnmarshalNode(file, path string, n *schema.Node) schema.Problems {
	*w = Waivers{}
	if n.Kind == yaml.MappingNode {
		return schema.DecodeAt(file, path, n, w)
	}
	return schema.DecodeAt(file, path, n, &w.Accepted)
}

// JSONSchema implements schema.Described.
func (w Waivers) JSONSchema() map[string]any {
	list := schema.JSON(w)
	properties, _ := list["properties"].(map[string]any)
	return map[string]any{"anyOf": []any{properties["accepted"], list}}
}

// Signers reads the allowed signers of a deployment; nil if none are configured.
func (c *Config) Signers(d *deployment.Deployment) (*attest.Signers, error) {
	if c.allowedSigners == "" {
		return nil, nil
	}
	signers, err := attest.LoadSigners(d.Abs(c.allowedSigners), time.UTC)
	if signers == nil {
		return nil, fmt.Errorf("attestations.allowed_signers: %w", err)
	}
	return signers, nil // invalid lines list nobody
}

// Requested returns the waivers that people requested for a deployment. What cannot be read waives nothing; the log says so.
func (s Source) requested(c *Config, d *deployment.Deployment, name string) []waiver.Waiver {
	if s.Draft {
		return nil
	}
	claims, err := attest.Load(d.AttestationsDir())
	if err == nil && !waiver.Any(claims) {
		return nil
	}
	signers, errSigners := c.Signers(d)
	if err == nil {
		err = errSigners
	}
	if err != nil {
		s.Log.Warn("requested waivers cannot be read: none is in force", "deployment", name, "err", err)
		return nil
	}
	return waiver.Judge(claims, signers, name, s.Now())
}

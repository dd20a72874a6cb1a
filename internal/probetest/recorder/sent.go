package recorder

import (
	"bytes"
	"context"
	"net"
	"sync"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Sent records what is sent to each address.
type Sent struct {
	mu  sync.Mutex
	all map[string][]*bytes.Buffer // by address, one for each connection
}

// Listen makes a pass record what it sends.
func (s *Sent) Listen(p *probe.Pass) {
	dial := p.Dial
	p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		s.mu.Lock()
		written := &bytes.Buffer{}
		if s.all == nil {
			s.all = map[string][]*bytes.Buffer{}
		}
		s.all[address] = append(s.all[address], written)
		s.mu.Unlock()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &recorded{Conn: conn, s: s, written: written}, nil
	}
}

type recorded struct {
	net.Conn
	s       *Sent
	written *bytes.Buffer
}

func (c *recorded) Write(data []byte) (int, error) {
	c.s.mu.Lock()
	c.written.Write(data)
	c.s.mu.Unlock()
	return c.Conn.Write(data)
}

// All returns what was sent, by address, one entry for each connection.
func (s *Sent) All() map[string][][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string][][]byte{}
	for address, connections := range s.all {
		for _, c := range connections {
			all[address] = append(all[address], bytes.Clone(c.Bytes()))
		}
	}
	return all
}

package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
)

// The servers that network probes connect to. They run in the benchmark's process, so that no program pays for them.

// world is a set of an HTTP, a DNS and a TLS server on loopback.
type world struct {
	http, dns, tls string // host:port
	stops          []func()
}

func (w *world) stop() {
	for _, stop := range w.stops {
		stop()
	}
}

// newWorld starts the servers; the TLS server presents the certificate of the deployment in root.
func newWorld(root string) (*world, error) {
	w := &world{}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.http = web.Addr().String()
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(rw, `{"status":"healthy","checks":{"database":{"status":"healthy"}}}`)
	})}
	go func() { _ = server.Serve(web) }()
	w.stops = append(w.stops, func() { _ = server.Close() })

	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		w.stop()
		return nil, err
	}
	w.dns = packets.LocalAddr().String()
	names := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(answerName)}
	go func() { _ = names.ActivateAndServe() }()
	w.stops = append(w.stops, func() { _ = packets.Close() })

	pair, err := tls.LoadX509KeyPair(filepath.Join(root, "ssl/server.crt"), filepath.Join(root, "ssl/server.key"))
	if err != nil {
		w.stop()
		return nil, err
	}
	secure, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		w.stop()
		return nil, err
	}
	w.tls = secure.Addr().String()
	go func() {
		for {
			c, err := secure.Accept()
			if err != nil {
				return
			}
			go func() {
				if t, ok := c.(*tls.Conn); ok {
					_ = t.Handshake()
				}
				_, _ = c.Read(make([]byte, 1)) // until the client closes the connection
				_ = c.Close()
			}()
		}
	}()
	w.stops = append(w.stops, func() { _ = secure.Close() })
	return w, nil
}

// answerName returns 127.0.0.1 for every A query and an empty response for other types.
func answerName(rw dns.ResponseWriter, q *dns.Msg) {
	m := (&dns.Msg{}).SetReply(q)
	if q.Question[0].Qtype == dns.TypeA {
		m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(127, 0, 0, 1)})
	}
	_ = rw.WriteMsg(m)
}

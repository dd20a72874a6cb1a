package parts

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"strconv"
)

// The responses of a faulty server in its own protocol, so that they are parsed as far as possible.

// words returns the start of a fault's response and what it repeats; first is what the client sent.
func (s *FaultyServer) words(fault Fault, first []byte) (begin, more []byte) {
	noise := make([]byte, 2048)
	chance := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // deterministic in every run
	for i := range noise {
		noise[i] = byte(chance.Uint32())
	}
	noise[0] = 0xfe // invalid as a first byte in every protocol
	if fault == StallTLS {
		if s.protocol == Postgres {
			return []byte("S"), nil // accepts TLS and sends nothing more
		}
		return []byte{22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3}, nil // the beginning of a ServerHello
	}
	if fault == Garbage {
		return noise, nil
	}
	switch s.protocol {
	case HTTP, AWS:
		return s.httpWords(fault, noise)
	case RESP:
		switch fault {
		case Drip, Endless:
			return []byte("+"), []byte("P")
		case Nonsense:
			return []byte("$1048570\r\nshort\r\n"), nil
		}
	case Postgres:
		const asked = "R\x00\x00\x00\x08\x00\x00\x00\x03R\x00\x00\x00\x08\x00\x00\x00\x00" // requests the password in clear text, then accepts it
		switch fault {
		case Drip:
			return []byte(asked + "E\x00\x00\x0f\xff"), []byte("x")
		case Endless:
			return []byte(asked + "E\x3f\xff\xff\xff"), []byte("x")
		case Nonsense:
			return []byte("R\x00\x00\x00\x08\x00\x00\x00\x63"), nil // an unknown authentication method
		}
	case TLSAlone:
		switch fault {
		case Drip, Endless:
			return []byte{22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff}, []byte{22, 3, 3, 0x40, 0}
		case Nonsense:
			return []byte{22, 3, 3, 0, 4, 2, 0, 0, 0}, nil
		}
	case DBus:
		switch fault {
		case Drip, Endless:
			return []byte("DATA "), []byte("6")
		case Nonsense:
			return []byte("OK\r\nOK x\r\nERROR\r\n"), nil
		}
	case DNS: // over TCP
		switch fault {
		case Drip, Endless:
			return []byte{0xff, 0xff}, []byte{0}
		case Nonsense:
			return []byte{0, 3, 1, 2, 3}, nil
		}
	}
	return noise, nil
}

func (s *FaultyServer) httpWords(fault Fault, noise []byte) (begin, more []byte) {
	format, opening, filling := "application/json", "[{\"", "a"
	if s.protocol == AWS {
		format, opening, filling = "application/xml", "<?xml version=\"1.0\"?><ListBucketResult><Name>x</Name>", "<Contents><Key>a</Key></Contents>"
	}
	head := func(header string) []byte {
		return []byte("HTTP/1.1 200 OK\r\nContent-Type: " + format + "\r\n" + header + "\r\n")
	}
	switch fault {
	case Drip, Endless:
		return append(head(""), opening...), []byte(filling)
	case Nonsense:
		return append(head("Content-Length: 2048\r\n"), noise...), nil
	case Bomb:
		return append(head("Content-Encoding: gzip\r\nContent-Length: "+strconv.Itoa(len(s.bomb))+"\r\n"), s.bomb...), nil
	case RedirectLoop:
		return []byte("HTTP/1.1 302 Found\r\nLocation: ?again\r\nContent-Length: 0\r\n\r\n"), nil
	}
	return noise, nil
}

// zeros is 1 GiB of zeros, compressed: concatenated small archives are a valid archive.
func zeros() []byte {
	var one bytes.Buffer
	w := gzip.NewWriter(&one)
	_, _ = w.Write(make([]byte, 8<<20))
	_ = w.Close()
	return bytes.Repeat(one.Bytes(), 128)
}

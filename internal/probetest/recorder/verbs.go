package recorder

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Verbs returns the operations in what was sent in a protocol, or an error if it cannot be parsed.
func Verbs(protocol string, sent []byte) ([]string, error) {
	switch protocol {
	case "http", "docker", "aws":
		return httpVerbs(protocol, sent)
	case "redis":
		return redisVerbs(sent)
	case "postgres":
		return postgresVerbs(sent)
	case "dns":
		return dnsVerbs(sent)
	case "tls":
		if len(sent) == 0 || sent[0] != 22 {
			return nil, errors.New("no handshake")
		}
		return []string{"handshake"}, nil
	}
	return nil, nil // systemd and git record their own calls
}

func httpVerbs(protocol string, sent []byte) (all []string, _ error) {
	action := regexp.MustCompile(`(?:^|&)Action=(\w+)`) // IAM and STS take reading calls as POST too
	in := bufio.NewReader(bytes.NewReader(sent))
	for {
		r, err := http.ReadRequest(in)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return all, err
		}
		verb := r.Method
		if named := action.FindSubmatch(body); protocol == "aws" && r.Method == http.MethodPost && named != nil {
			verb = string(named[1])
		}
		all = append(all, verb)
	}
}

func redisVerbs(sent []byte) (all []string, _ error) {
	words := strings.Split(strings.TrimSuffix(string(sent), "\r\n"), "\r\n")
	for len(words) > 0 && words[0] != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(words[0], "*"))
		if err != nil || len(words) < 1+2*n || n < 1 {
			return all, fmt.Errorf("invalid command: %q", words[0])
		}
		verb := strings.ToUpper(words[2])
		if n > 1 && slices.Contains([]string{"CONFIG", "CLIENT", "ACL"}, verb) {
			verb += " " + strings.ToUpper(words[4])
		}
		all = append(all, verb)
		words = words[1+2*n:]
	}
	return all, nil
}

func postgresVerbs(sent []byte) (all []string, _ error) {
	for len(sent) >= 4 && sent[0] == 0 { // the TLS request and the startup message have no type
		sent = sent[binary.BigEndian.Uint32(sent):]
	}
	for len(sent) >= 5 {
		n := int(binary.BigEndian.Uint32(sent[1:])) + 1
		if n > len(sent) {
			return all, fmt.Errorf("a message of %d bytes is truncated", n)
		}
		body := sent[5:n]
		switch sent[0] {
		case 'Q':
			all = append(all, sqlVerb(string(body)))
		case 'P':
			_, body, _ = bytes.Cut(body, []byte{0})
			all = append(all, sqlVerb(string(body)))
		}
		sent = sent[n:]
	}
	return all, nil
}

func dnsVerbs(sent []byte) ([]string, error) {
	if len(sent) > 4 && sent[0] == 0 { // over TCP
		sent = sent[2:]
	}
	if len(sent) < 12 {
		return nil, errors.New("no question")
	}
	return []string{fmt.Sprintf("opcode %d", sent[2]>>3&15)}, nil
}

// sqlVerb returns a statement's first word, or the whole text of several statements.
func sqlVerb(text string) string {
	text, _, _ = strings.Cut(text, "\x00")
	if strings.Contains(strings.TrimRight(text, "; \n"), ";") {
		return text
	}
	if fields := strings.Fields(text); len(fields) > 0 {
		return strings.ToUpper(fields[0])
	}
	return ""
}

package attest

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/attest/pattern"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The allowed_signers file of ssh-keygen(1), section ALLOWED SIGNERS: the owner, purpose and validity of keys.
//
// It is parsed like ssh-keygen does, with these differences, each of which is stricter or follows the manual page:
//     - every invalid line is reported with its number, and the valid ones apply; ssh-keygen stops at the first invalid
//     line that it needs;
//     - invalid dates (20260230) are rejected; the C library carries them over into March;
//     - a date without Z is local time as in the manual page; ssh-keygen 9.2 reads summer dates as standard time, which
//     is an hour off: write Z;
//     - RSA keys with less than 2048 bits, DSA keys and certificates with critical options are rejected.

const (
	maxSigners = 1 << 20 // bytes of an allowed_signers file: several thousand keys
	minRSA     = 2048    // bits
)

// Signers are the people of an allowed_signers file. The zero value and an empty file trust nobody.
type Signers struct {
	file    string
	entries []signer
}

// signer is one line.
type signer struct {
	line          int
	principals    string // pattern list
	key           ssh.PublicKey
	authority     bool   // the key signs certificates, not claims
	namespaces    string // pattern list; "" means any
	after, before time.Time
}

// LoadSigners reads an allowed_signers file; dates without Z are in the zone local. The error is a read error or
// schema.Problems. In the latter case the valid lines apply, so that a caller can continue with less trust, never with
// more.
func LoadSigners(path string, local *time.Location) (*Signers, error) {
	data, _, err := files.Read(path, maxSigners)
	if err != nil {
		return nil, err
	}
	s, problems := ParseSigners(path, data, local)
	return s, problems.Err()
}

// ParseSigners parses the text of an allowed_signers file; file is its name in messages. The result is never nil.
func ParseSigners(file string, data []byte, local *time.Location) (*Signers, schema.Problems) {
	s := &Signers{file: file}
	var problems schema.Problems
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.Trim(line, " \t\r")
		if line == "" || line[0] == '#' {
			continue
		}
		e, err := parseSigner(line, local)
		if err != nil {
			problems = append(problems, schema.Problem{File: file, Line: i + 1, Message: err.Error()})
			continue
		}
		e.line = i + 1
		s.entries = append(s.entries, e)
	}
	return s, problems
}

// Len returns the number of lines with a key.
func (s *Signers) Len() int { return len(s.entries) }

// isKeyType reports whether a key of this type may sign.
func isKeyType(s string) bool {
	switch s {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSA:
		return true
	}
	return false
}

// strongKey rejects keys that can be forged today.
func strongKey(key ssh.PublicKey) error {
	if !isKeyType(key.Type()) {
		return fmt.Errorf("keys of type %s are not accepted: use ed25519, ecdsa or rsa", key.Type())
	}
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < minRSA {
			return fmt.Errorf("RSA key has %d bits, at least %d are required", r.N.BitLen(), minRSA)
		}
	}
	return nil
}

// validity is the line that trusts a key, and the end of its validity; zero for none.
type validity struct {
	place string
	until time.Time
}

// Trusts returns nil if the file lists the key for the principal and the namespace at the time at. The error says which
// of them does not match, for the line with the nearest match. Of several lines the one that is valid longest counts.
func (s *Signers) Trusts(key ssh.PublicKey, principal, namespace string, at time.Time) (validity, error) {
	const (
		otherPrincipal = iota + 1
		otherNamespace
		otherTime
	)
	nearest, why := 0, fmt.Errorf("key %s is not in %s", fingerprint(key), s.file)
	var best validity
	miss := func(step int, format string, args ...any) {
		if step > nearest {
			nearest, why = step, fmt.Errorf(format, args...)
		}
	}
	for _, e := range s.entries {
		if !e.holds(key) {
			continue
		}
		place := fmt.Sprintf("%s:%d", s.file, e.line)
		switch {
		case !pattern.Match(e.principals, principal):
			miss(otherPrincipal, "key %s is listed at %s, but not for %s", fingerprint(key), place, principal)
		case e.namespaces != "" && !pattern.Match(e.namespaces, namespace):
			miss(otherNamespace, "the key at %s may not sign in the namespace %s", place, namespace)
		case !e.after.IsZero() && at.Before(e.after):
			miss(otherTime, "key at %s was not yet valid at %s: it is valid from %s", place, stamp(at), stamp(e.after))
		case !e.before.IsZero() && at.After(e.before):
			miss(otherTime, "key at %s was no longer valid at %s: it was valid until %s", place, stamp(at), stamp(e.before))
		default:
			err := checkCertificate(key, principal, at)
			switch {
			case err != nil:
				miss(otherTime, "%s: %w", place, err)
			case e.before.IsZero():
				return validity{place: place}, nil
			case e.before.After(best.until):
				best = validity{place, e.before}
			}
		}
	}
	if !best.until.IsZero() {
		return best, nil
	}
	return validity{}, why
}

// holds reports whether the line is for this key: the key itself, or the authority of its certificate.
func (e *signer) holds(key ssh.PublicKey) bool {
	if !e.authority {
		return sameKey(e.key, key)
	}
	cert, ok := key.(*ssh.Certificate)
	return ok && sameKey(e.key, cert.SignatureKey)
}

// checkCertificate checks a certificate whose authority is trusted; all other keys are accepted.
func checkCertificate(key ssh.PublicKey, principal string, at time.Time) error {
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return nil
	}
	if cert.CertType != ssh.UserCert {
		return errors.New("certificate is not a user certificate")
	}
	if len(cert.ValidPrincipals) == 0 { // would be valid for everybody
		return errors.New("certificate has no principal")
	}
	if cert.Signature == nil || cert.Signature.Format == ssh.KeyAlgoRSA {
		return errors.New("certificate is signed with SHA-1")
	}
	if err := strongKey(cert.Key); err != nil {
		return fmt.Errorf("certificate's key: %w", err)
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return at }}
	if err := checker.CheckCert(principal, cert); err != nil {
		return fmt.Errorf("certificate is not valid for %s at %s: %s", principal, stamp(at), strings.TrimPrefix(err.Error(),
			"ssh: "))
	}
	return nil
}

// plainKey returns the signing key: for a certificate, its subject key.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// fingerprint returns "SHA256:…" as ssh-keygen -l prints it.
func fingerprint(key ssh.PublicKey) string { return ssh.FingerprintSHA256(plainKey(key)) }

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// stamp formats a time for display.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

package attest

// The result of checking a claim's signature.
//
// A key's validity is checked at the time stated by the claim, as git does for commits: a claim stays valid after its
// key is retired, and a key that had expired at that time is rejected. The time is the signer's own statement: whoever has
// a retired key can date a claim back. So once the key's validity has ended, its claims are weak. They still expire, and
// a claim from the future is rejected (Judge). The remedy against a stolen key is to remove its line from allowed_signers, which invalidates everything it
// signed.
//
// Signature files are parsed more strictly than by ssh-keygen (nothing around the armor, canonical base64, no unused
// fields), so that a signature has exactly one file form and no bit of it can change unnoticed.

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
)

// Trust is the trust in a signature.
type Trust int

// The zero value means no signature.
const (
	Unsigned  Trust = iota
	Unchecked       // made by Seal.Key over these bytes, but without allowed signers the owner of the key is unknown
	Refused         // invalid, or not for this person; Seal.Detail says why
	Trusted         // valid, and the key is listed for the person, the namespace and the time of the claim
)

// Seal is the result of checking a claim's signature.
type Seal struct {
	Trust  Trust
	Key    string   // fingerprint of the signing key, "SHA256:…"; "" if it cannot be read
	Detail string   // why the signature is rejected
	valid  validity // of a trusted key
}

// Check checks the signature of data, the exact bytes of a claim's file: is it a signature over these bytes, in our
// namespace, by a key that signers list for the person by at the time at. A nil armored means no signature; nil signers
// means not configured.
func Check(data, armored []byte, by string, at time.Time, signers *Signers) Seal {
	if armored == nil {
		return Seal{}
	}
	sig, err := verify(data, armored)
	seal := Seal{Trust: Unchecked}
	if sig != nil {
		seal.Key = fingerprint(sig.PublicKey)
	}
	if err == nil && signers != nil {
		seal.Trust = Trusted
		seal.valid, err = signers.Trusts(sig.PublicKey, by, Namespace, at)
	}
	if err != nil {
		seal.Trust, seal.Detail = Refused, err.Error()
	}
	return seal
}

var (
	errSignature = errors.New("signature does not match the text: one of them was changed")
	errRewritten = errors.New("git changed the line endings of the signed text: add \"* -text\" to .catalyst/.gitattributes and check out the file again")
)

// verify parses an armored signature and checks it over data. The signature is returned whenever it could be parsed.
func verify(data, armored []byte) (*sshsig.Signature, error) {
	sig, err := unarmor(armored)
	if err != nil {
		return nil, fmt.Errorf("invalid signature: %w", err)
	}
	if sig.Namespace != Namespace {
		// The namespace is untrusted text: do not show it.
		return sig, fmt.Errorf("signed in another namespace: sign with ssh-keygen -Y sign -n %s", Namespace)
	}
	if err := strongKey(plainKey(sig.PublicKey)); err != nil {
		return sig, err
	}
	hold := func(text []byte) bool {
		return sshsig.Verify(bytes.NewReader(text), sig, sig.PublicKey, sig.HashAlgorithm, Namespace) == nil
	}
	switch {
	case hold(data):
		return sig, nil
	case hold(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))):
		return sig, errRewritten
	}
	return sig, errSignature
}

const (
	armorBegin = "-----BEGIN " + sshsig.PEMType + "-----"
	armorEnd   = "-----END " + sshsig.PEMType + "-----"
)

// unarmor parses only the form that ssh-keygen writes, with any line length.
func unarmor(armored []byte) (*sshsig.Signature, error) {
	text := strings.Trim(string(armored), "\r\n")
	if text == "" {
		return nil, errors.New("file is empty")
	}
	body, begins := strings.CutPrefix(text, armorBegin)
	body, ends := strings.CutSuffix(body, armorEnd)
	if !begins || !ends {
		return nil, fmt.Errorf("file is not a single block from %q to %q", armorBegin, armorEnd)
	}
	// Strict rejects padding bits; it ignores line ends.
	blob, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, errors.New("text is not base64")
	}
	sig, err := sshsig.ParseSignature(blob)
	if err != nil {
		return nil, fmt.Errorf("not an SSH signature: %w", err)
	}
	if !bytes.Equal(sig.Marshal(), blob) {
		return nil, errors.New("unexpected data after the signature")
	}
	if len(sig.Signature.Rest) > 0 && !strings.HasPrefix(sig.Signature.Format, "sk-") {
		return nil, errors.New("unexpected data after the signature")
	}
	return sig, nil
}

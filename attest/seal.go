package attest

// Rules of this file: what became of a claim's signature.
//
// When is a key's validity judged? At the time the claim itself states, as git judges a commit: a key that was good when its owner vouched stays
// good for that claim after it was retired, and one listed as over by then does not. The time is the signer's own word: whoever holds a retired key
// can date a claim back into its days. Such a claim still lapses after its own time, and a claim from the future is refused (Judge), so the
// remedy against a stolen key is to take its line out of allowed_signers, which ends all it ever signed.
//
// A signature file is read more strictly than ssh-keygen does (nothing around the armor, canonical base64, no unused fields), so that there is one
// signature file for one signature and no bit of it can change unnoticed.

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
)

// Trust is how far a signature is to be believed.
type Trust int

// The zero value is no signature at all.
const (
	Unsigned  Trust = iota
	Unchecked       // made by Seal.Key over these bytes, but no allowed signers are configured to say whose key that is
	Refused         // does not hold, or not for this person; Seal.Detail says why
	Trusted         // holds, and the key is listed for the person, the namespace and the time of the claim
)

// Seal is what was found out about one claim's signature.
type Seal struct {
	Trust  Trust
	Key    string // fingerprint of the key that made it, "SHA256:…"; "" where there is none to be read
	Detail string // why it is refused
}

// Check looks at the signature of data, the exact bytes of a claim's file: is it one, over these bytes, in our namespace, by a key that signers
// lists for the person by at the time at. A nil armored is no signature, nil signers are not configured.
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
		err = signers.Trusts(sig.PublicKey, by, Namespace, at)
	}
	if err != nil {
		seal.Trust, seal.Detail = Refused, err.Error()
	}
	return seal
}

var (
	errSignature = errors.New("the signature does not belong to this text: one of them was changed")
	errRewritten = errors.New("the signature belongs to this text with other line ends: git rewrote them; put \"* -text\" into .catalyst/.gitattributes and check the file out again")
)

// verify reads an armored signature and checks it over data. The signature is returned whenever it could be read.
func verify(data, armored []byte) (*sshsig.Signature, error) {
	sig, err := unarmor(armored)
	if err != nil {
		return nil, fmt.Errorf("the signature cannot be read: %w", err)
	}
	if sig.Namespace != Namespace {
		// The namespace is somebody's text: not shown.
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

// unarmor reads the one form ssh-keygen writes, of whatever line length.
func unarmor(armored []byte) (*sshsig.Signature, error) {
	text := strings.Trim(string(armored), "\r\n")
	if text == "" {
		return nil, errors.New("the file is empty")
	}
	body, begins := strings.CutPrefix(text, armorBegin)
	body, ends := strings.CutSuffix(body, armorEnd)
	if !begins || !ends {
		return nil, fmt.Errorf("it is not one block from %q to %q", armorBegin, armorEnd)
	}
	// Strict refuses padding bits; line ends it leaves out by itself.
	blob, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, errors.New("its text is not base64")
	}
	sig, err := sshsig.ParseSignature(blob)
	if err != nil {
		return nil, fmt.Errorf("it is not an SSH signature: %w", err)
	}
	if !bytes.Equal(sig.Marshal(), blob) {
		return nil, errors.New("it holds more than a signature")
	}
	if len(sig.Signature.Rest) > 0 && !strings.HasPrefix(sig.Signature.Format, "sk-") {
		return nil, errors.New("it holds more than a signature")
	}
	return sig, nil
}

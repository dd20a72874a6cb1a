package statement

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// DSSE v1: the signature is over the payload's type and the payload, so that it is of no use for another type.

// payloadType is the media type of in-toto statements.
const payloadType = "application/vnd.in-toto+json"

type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     string      `json:"payload"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

// encoding returns what is signed: DSSE's pre-authentication encoding.
func encoding(payload []byte) []byte {
	var b bytes.Buffer
	b.WriteString("DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " ")
	b.Write(payload)
	return b.Bytes()
}

// Sign returns the envelope of a statement. The key must be an ed25519 key.
func (s Statement) Sign(key ssh.Signer) ([]byte, error) {
	public, err := rawKey(key.PublicKey())
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	signed, err := key.Sign(rand.Reader, encoding(payload))
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if !ed25519.Verify(public, encoding(payload), signed.Blob) {
		return nil, errors.New("sign: the key or its agent created an invalid signature")
	}
	text := base64.StdEncoding.EncodeToString
	data, err := json.MarshalIndent(envelope{payloadType, text(payload), []signature{{ssh.FingerprintSHA256(key.PublicKey()), text(signed.Blob)}}}, "", "  ")
	return append(data, '\n'), err
}

// Open returns the statement of an envelope that the key signed.
func Open(data []byte, key ed25519.PublicKey) (*Statement, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("not a DSSE envelope: %w", err)
	}
	payload, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil || e.PayloadType != payloadType || len(e.Signatures) == 0 {
		return nil, errors.New("not a DSSE envelope of an in-toto statement")
	}
	for _, s := range e.Signatures {
		sig, err := base64.StdEncoding.DecodeString(s.Sig)
		if err != nil || !ed25519.Verify(key, encoding(payload), sig) {
			continue
		}
		var made Statement
		if err := json.Unmarshal(payload, &made); err != nil {
			return nil, fmt.Errorf("signed, but not a statement about a gate: %w", err)
		}
		return &made, nil
	}
	return nil, errors.New("no signature of the envelope was made with the key, or the envelope was changed")
}

// ParseKey parses a public key: PEM as openssl writes it, or the line of an OpenSSH .pub file.
func ParseKey(data []byte) (ed25519.PublicKey, error) {
	if block, _ := pem.Decode(data); block != nil {
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if public, ok := key.(ed25519.PublicKey); ok && err == nil {
			return public, nil
		}
		return nil, errors.New("not an ed25519 public key")
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil, errors.New("not a public key in PEM or OpenSSH format")
	}
	return rawKey(key)
}

func rawKey(key ssh.PublicKey) (ed25519.PublicKey, error) {
	if holder, ok := key.(ssh.CryptoPublicKey); ok && key.Type() == ssh.KeyAlgoED25519 {
		if public, ok := holder.CryptoPublicKey().(ed25519.PublicKey); ok {
			return public, nil
		}
	}
	return nil, fmt.Errorf("keys of type %s cannot sign statements: use an ed25519 key", key.Type())
}

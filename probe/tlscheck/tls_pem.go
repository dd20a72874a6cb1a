package tlscheck

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Reading certificates and keys from PEM files, as servers do. Only the public half of a private key is kept.

const (
	maxPEM          = 1 << 20
	maxCertificates = 20 // of one chain; real chains have up to five
)

// Errors of PEM files in addition to read errors.
var (
	errEmptyPEM     = errors.New("is empty")
	errNoPEM        = errors.New("is not a PEM file: convert it with `openssl x509 -inform der` or `openssl pkcs12`")
	errDamagedPEM   = errors.New("has a truncated or damaged PEM block")
	errEncryptedKey = errors.New("is encrypted")
)

// loadChain reads a chain of certificates.
func loadChain(p *probe.Pass, path string) ([]*x509.Certificate, error) {
	return files.Load(p.Files, path, "certificates", maxPEM, func(data []byte, _ fs.FileInfo) ([]*x509.Certificate, error) { return parseChain(data) })
}

func parseChain(data []byte) ([]*x509.Certificate, error) {
	blocks, err := pemBlocks(data)
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for _, b := range blocks {
		if b.Type != "CERTIFICATE" && b.Type != "X509 CERTIFICATE" {
			continue // a key or parameters in the same file
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("has an invalid certificate at position %d", len(chain)+1)
		}
		if chain = append(chain, c); len(chain) > maxCertificates {
			return nil, fmt.Errorf("has more than %d certificates", maxCertificates)
		}
	}
	if len(chain) == 0 {
		return nil, errors.New("contains no certificate")
	}
	return chain, nil
}

// publicKey is the public half of a private key.
type publicKey struct {
	key  crypto.PublicKey
	mode fs.FileMode
}

// loadKey reads a private key.
func loadKey(p *probe.Pass, path string) (publicKey, error) {
	return files.Load(p.Files, path, "private key", maxPEM, func(data []byte, info fs.FileInfo) (publicKey, error) {
		key, err := parseKey(data)
		return publicKey{key, info.Mode()}, err
	})
}

// parseKey returns the public half of the first private key in a file.
func parseKey(data []byte) (crypto.PublicKey, error) {
	blocks, err := pemBlocks(data)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		if !strings.HasSuffix(b.Type, "PRIVATE KEY") {
			continue
		}
		if b.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, errEncryptedKey
		}
		var private any
		switch b.Type {
		case "PRIVATE KEY":
			private, err = x509.ParsePKCS8PrivateKey(b.Bytes)
		case "RSA PRIVATE KEY":
			private, err = x509.ParsePKCS1PrivateKey(b.Bytes)
		case "EC PRIVATE KEY":
			private, err = x509.ParseECPrivateKey(b.Bytes)
		default:
			return nil, errors.New("contains a private key that is not for TLS")
		}
		signer, ok := private.(crypto.Signer)
		if err != nil || !ok {
			return nil, errors.New("contains an invalid private key") // the library's error may quote it
		}
		return signer.Public(), nil
	}
	return nil, errors.New("contains no private key")
}

// pemBlocks splits a file. Text between the blocks is allowed, an incomplete block is not.
func pemBlocks(data []byte) ([]*pem.Block, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errEmptyPEM
	}
	begun := bytes.Count(data, []byte("-----BEGIN "))
	if begun == 0 {
		return nil, errNoPEM
	}
	var blocks []*pem.Block
	for {
		b, rest := pem.Decode(data)
		if b == nil {
			break
		}
		blocks, data = append(blocks, b), rest
	}
	if len(blocks) != begun {
		return nil, errDamagedPEM
	}
	return blocks, nil
}

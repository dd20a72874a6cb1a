package attest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// How a claim is signed: with a private key file or through the agent, in the format of ssh-keygen -Y sign. Encrypted
// private keys are never decrypted here and no passphrase is requested: use the agent for them.

// Namespace is the signature namespace of claims, so that a signature of a git commit or a file is not valid for a
// claim:
//
//	ssh-keygen -Y verify -f allowed_signers -I PRINCIPAL -n catalyst-attestation@thenexusengine.github.com -s CLAIM.yaml.sig < CLAIM.yaml
const Namespace = "catalyst-attestation@thenexusengine.github.com"

const (
	maxKeyFile = 64 << 10
	// agentPatience is the timeout for an agent: a person may have to confirm or touch a key.
	agentPatience = 2 * time.Minute
)

// Sign signs data, the bytes of a claim's file, and returns the armored signature. RSA keys sign with SHA-512. The
// signature is verified, because old agents return SHA-1 regardless of the request.
func Sign(data []byte, signer ssh.Signer) ([]byte, error) {
	if err := strongKey(plainKey(signer.PublicKey())); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	sig, err := sshsig.Sign(bytes.NewReader(data), signer, sshsig.HashSHA512, Namespace)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	armored := sshsig.Armor(sig)
	if _, err := verify(data, armored); err != nil {
		return nil, fmt.Errorf("sign: the key or its agent created an invalid signature: %w", err)
	}
	return armored, nil
}

// Signer is a private key ready to sign. The caller must close it.
type Signer struct {
	ssh.AlgorithmSigner // RSA keys must be requested to use SHA-512
	close               func() error
}

// Close ends the connection to the agent, if there is one.
func (s *Signer) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// OpenSigner opens the key that with identifies:
//
//	agent        the only key of the agent
//	SHA256:…     the agent's key with this fingerprint
//	a file       a private key; or a public or encrypted private key whose private key is in the agent
//
// socket is the agent's (SSH_AUTH_SOCK); "" means no agent. Cancelling ctx ends pending requests.
func OpenSigner(ctx context.Context, with, socket string) (*Signer, error) {
	if with == "agent" || strings.HasPrefix(with, "SHA256:") {
		return fromAgent(ctx, socket, strings.TrimPrefix(with, "agent"))
	}
	data, info, err := files.Read(with, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	if key, _, _, _, err := ssh.ParseAuthorizedKey(data); err == nil {
		return fromAgent(ctx, socket, ssh.FingerprintSHA256(key))
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("signing key %s is readable by others (mode %04o): run chmod 600, or create a new key", with,
			info.Mode().Perm())
	}
	key, err := ssh.ParsePrivateKey(data)
	var encrypted *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &encrypted):
		return encryptedKey(ctx, with, socket, encrypted.PublicKey)
	case err != nil: // the parser's error may contain parts of the file
		return nil, fmt.Errorf("signing key %s: not a private or public SSH key", with)
	}
	algorithms, ok := key.(ssh.AlgorithmSigner)
	if !ok {
		return nil, fmt.Errorf("signing key %s: keys of type %s cannot sign claims", with, key.PublicKey().Type())
	}
	return &Signer{AlgorithmSigner: algorithms}, nil
}

// encryptedKey finds the agent's key for an encrypted key file.
func encryptedKey(ctx context.Context, path, socket string, key ssh.PublicKey) (*Signer, error) {
	hint := fmt.Errorf("signing key %s is encrypted: run ssh-add %s, then sign again", path, path)
	if key == nil || socket == "" {
		return nil, hint
	}
	s, err := fromAgent(ctx, socket, ssh.FingerprintSHA256(key))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", hint, err)
	}
	return s, nil
}

// fromAgent returns the agent's key with the fingerprint, or its only key without one.
func fromAgent(ctx context.Context, socket, fingerprint string) (*Signer, error) {
	if socket == "" {
		return nil,
			errors.New("ssh agent is not running (SSH_AUTH_SOCK is not set): start it and ssh-add the key, or sign with a key file")
	}
	ctx, cancel := context.WithTimeout(ctx, agentPatience)
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("ssh agent: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	end := func() error {
		stop()
		cancel()
		if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
	signer, err := pick(conn, fingerprint)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		_ = end()
		return nil, fmt.Errorf("ssh agent: %w", err)
	}
	algorithms, ok := signer.(ssh.AlgorithmSigner)
	if !ok { // all of x/crypto's signers implement it
		_ = end()
		return nil, fmt.Errorf("ssh agent: keys of type %s cannot sign claims", signer.PublicKey().Type())
	}
	return &Signer{algorithms, end}, nil
}

// pick selects one of the agent's keys.
func pick(conn io.ReadWriter, fingerprint string) (ssh.Signer, error) {
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return nil, err
	}
	var have []string
	for _, s := range signers {
		print := ssh.FingerprintSHA256(s.PublicKey())
		if print == fingerprint {
			return s, nil
		}
		have = append(have, print)
	}
	switch {
	case len(have) == 0:
		return nil, errors.New("no key is loaded: ssh-add the signing key")
	case fingerprint != "":
		return nil, fmt.Errorf("key %s is not loaded: ssh-add it", fingerprint)
	case len(have) > 1:
		return nil, fmt.Errorf("%d keys are loaded: specify one of %s, or its .pub file", len(have), strings.Join(have, ", "))
	}
	return signers[0], nil
}

package attest

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// keyring serves an agent with the keys until the test ends.
func keyring(t *testing.T, keys ...key) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: k.private}); err != nil {
			t.Fatal(err)
		}
	}
	return serve(t, func(conn net.Conn) { _ = agent.ServeAgent(ring, conn) })
}

// serve listens on a socket; every connection is handled and closed before the test ends.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			handle(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return socket
}

func TestOpenSigner(t *testing.T) {
	k, other, rsa := newKey(t, "ed25519"), newKey(t, "ed25519"), newKey(t, "rsa")
	plain, encrypted := k.write(t, ""), k.write(t, parts.Secret())
	open := k.write(t, "")
	if err := os.Chmod(open, 0o640); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none")
	writeFile(t, none, "no key, but a word of mine", 0o600)
	fingerprint := ssh.FingerprintSHA256(k.PublicKey())
	tests := []struct {
		name, with string
		agent      []key // nil: no agent
		key        key   // the signing key; k when zero
		err        string
	}{
		{name: "private key", with: plain},
		{name: "public key, other half in the agent", with: plain + ".pub", agent: []key{other, k}},
		{name: "public key, not in the agent", with: plain + ".pub", agent: []key{other}, err: "key " + fingerprint},
		{name: "RSA key", with: rsa.write(t, ""), key: rsa},
		{name: "RSA in the agent", with: "agent", agent: []key{rsa}, key: rsa},
		{name: "public key, no agent", with: plain + ".pub", err: "SSH_AUTH_SOCK is not set"},
		{name: "encrypted, in the agent", with: encrypted, agent: []key{other, k}},
		{name: "encrypted, no agent", with: encrypted, err: "is encrypted: run ssh-add " + encrypted},
		{name: "encrypted, not in the agent", with: encrypted, agent: []key{other}, err: "is encrypted: run ssh-add " + encrypted},
		{name: "others may read it", with: open, err: "is readable by others (mode 0640)"},
		{name: "no key", with: none, err: "not a private or public SSH key"},
		{name: "no file", with: none + "-at-all", err: "no such file"},
		{name: "no regular file", with: t.TempDir(), err: "not a regular file"},
		{name: "agent", with: "agent", agent: []key{k}},
		{name: "agent with many keys", with: "agent", agent: []key{k, other}, err: "2 keys are loaded: specify one of SHA256:"},
		{name: "agent without keys", with: "agent", agent: []key{}, err: "no key is loaded"},
		{name: "no agent", with: "agent", err: "SSH_AUTH_SOCK is not set"},
		{name: "fingerprint", with: fingerprint, agent: []key{other, k}},
		{name: "other fingerprint", with: fingerprint + "x", agent: []key{k}, err: "is not loaded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			socket := ""
			if tt.agent != nil {
				socket = keyring(t, tt.agent...)
			}
			s, err := OpenSigner(t.Context(), tt.with, socket)
			want(t, err, tt.err)
			if err != nil {
				if strings.Contains(err.Error(), "word of mine") {
					t.Error("error contains the file's content")
				}
				return
			}
			signed := k
			if tt.key.private != nil {
				signed = tt.key
			}
			armored, err := Sign([]byte("text"), s)
			if err != nil {
				t.Fatal(err)
			}
			if seal := Check([]byte("text"), armored, person, noon, allow(t, "%s %s", person, signed.line())); seal.Trust != Trusted {
				t.Errorf("the signature is %+v", seal)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSign_RealAgent: with OpenSSH's own agent and RSA, which must use SHA-512.
func TestSign_RealAgent(t *testing.T) {
	program, add := parts.Need(t, "ssh-agent"), parts.Need(t, "ssh-add")
	socket := filepath.Join(t.TempDir(), "agent")
	command := exec.Command(program, "-D", "-a", socket)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	k := newKey(t, "rsa")
	path := k.write(t, "")
	parts.Eventually(t, func() error {
		adding := exec.Command(add, "-q", path)
		adding.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
		return adding.Run()
	})
	s, err := OpenSigner(t.Context(), path+".pub", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { want(t, s.Close(), "") }()
	a := made(t, simple("restore_tested"))
	if err := a.Sign(s); err != nil {
		t.Fatal(err)
	}
	if seal := a.Seal(allow(t, "%s %s", person, k.line())); seal.Trust != Trusted {
		t.Errorf("the signature is %+v", seal)
	}
	if err := keygenVerify(t, a.Data, a.Signature, person+" "+k.line()+"\n", person, Namespace, noon); err != nil {
		t.Errorf("ssh-keygen says %v", err)
	}
}

func TestAgent_Hangs(t *testing.T) {
	socket := serve(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := OpenSigner(ctx, "agent", socket)
	want(t, err, "ssh agent: context deadline exceeded")
}

func TestAgent_Gone(t *testing.T) {
	_, err := OpenSigner(t.Context(), "agent", filepath.Join(t.TempDir(), "agent"))
	want(t, err, "ssh agent: dial unix")
}

// sha1Signer returns SHA-1 signatures regardless of the request, as old agents do.
type sha1Signer struct{ ssh.AlgorithmSigner }

func (s sha1Signer) SignWithAlgorithm(r io.Reader, data []byte, _ string) (*ssh.Signature, error) {
	return s.AlgorithmSigner.SignWithAlgorithm(r, data, ssh.KeyAlgoRSA)
}

// forgetful signs different data.
type forgetful struct{ ssh.AlgorithmSigner }

func (s forgetful) Sign(r io.Reader, _ []byte) (*ssh.Signature, error) {
	return s.AlgorithmSigner.Sign(r, nil)
}

func TestSign_RejectsBadSignature(t *testing.T) {
	strong := newKey(t, "rsa")
	tests := []struct {
		name   string
		signer ssh.Signer
		err    string
	}{
		{"short RSA", newKey(t, "rsa1024"), "has 1024 bits"},
		{"SHA-1", sha1Signer{strong}, "created an invalid signature"},
		{"another text", forgetful{newKey(t, "ed25519")}, "created an invalid signature"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			armored, err := Sign([]byte("text"), tt.signer)
			want(t, err, tt.err)
			if armored != nil {
				t.Error("returned the invalid signature")
			}
		})
	}
}

// agentWithCertificate serves an agent that holds the key and its certificate.
func agentWithCertificate(t *testing.T, k key, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: k.private, Certificate: public.(*ssh.Certificate)}); err != nil {
		t.Fatal(err)
	}
	return serve(t, func(conn net.Conn) { _ = agent.ServeAgent(ring, conn) })
}

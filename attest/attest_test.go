package attest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		appendForever(os.Getenv(childVariable))
	}
	parts.Main(m)
}

// noon is the reference time of the tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const person = "one@example.com"

// key is a private key made for one test.
type key struct {
	private any
	ssh.AlgorithmSigner
}

func newKey(t testing.TB, kind string) key {
	t.Helper()
	var private any
	var err error
	switch kind {
	case "ed25519":
		_, k, e := ed25519.GenerateKey(rand.Reader)
		private, err = &k, e
	case "ecdsa":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "rsa1024":
		private, err = rsa.GenerateKey(rand.Reader, 1024)
	default:
		t.Fatalf("no such kind of key: %s", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key{private, signer.(ssh.AlgorithmSigner)}
}

// line is "TYPE BASE64".
func (k key) line() string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(k.PublicKey())), "\n")
}

// write writes the private key to a file, encrypted if there is a passphrase, and the public key next to it.
func (k key) write(t testing.TB, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(k.private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(k.private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	writeFile(t, path, string(pem.EncodeToMemory(block)), 0o600)
	writeFile(t, path+".pub", k.line()+"\n", 0o644)
	return path
}

func writeFile(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// allow is the Signers of the lines.
func allow(t testing.TB, format string, args ...any) *Signers {
	t.Helper()
	s, problems := ParseSigners("allowed_signers", fmt.Appendf(nil, format, args...), time.UTC)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return s
}

// want fails the test unless err holds the text; "" is no error.
func want(t testing.TB, err error, text string) {
	t.Helper()
	switch {
	case text == "" && err != nil:
		t.Errorf("unexpected error: %v", err)
	case text != "" && err == nil:
		t.Errorf("no error, want %q", text)
	case text != "" && !strings.Contains(err.Error(), text):
		t.Errorf("error %q, want %q", err, text)
	}
}

// pathError is the error of reading another user's file.
var pathError = fs.PathError{Op: "open", Path: "y.yaml", Err: fs.ErrPermission}

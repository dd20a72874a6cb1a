package attest

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// keygen verifies with the real ssh-keygen at the time at.
func keygenVerify(t *testing.T, data, armored []byte, allowed, by, namespace string, at time.Time) error {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "allowed"), allowed, 0o644)
	writeFile(t, filepath.Join(dir, "sig"), string(armored), 0o644)
	command := exec.Command(parts.Need(t, "ssh-keygen"), "-Y", "verify", "-f", filepath.Join(dir, "allowed"), "-I", by, "-n", namespace,
		"-s", filepath.Join(dir, "sig"), "-Overify-time="+at.UTC().Format("20060102150405Z"))
	command.Stdin = bytes.NewReader(data)
	return command.Run()
}

// keygenSign signs with the real ssh-keygen.
func keygenSign(t *testing.T, data []byte, k key, namespace string, options ...string) []byte {
	t.Helper()
	path := k.write(t, "")
	command := exec.Command(parts.Need(t, "ssh-keygen"), append([]string{"-Y", "sign", "-n", namespace, "-f", path}, options...)...)
	command.Stdin = bytes.NewReader(data)
	armored, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return armored
}

// TestCheck_AgreesWithKeygen: ssh-keygen verifies our signatures and we verify its signatures, and both reject the same
// ones.
func TestCheck_AgreesWithKeygen(t *testing.T) {
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		k, other := newKey(t, kind), newKey(t, kind)
		data := []byte("item: backup/restore_tested\nby: one@example.com\n")
		ours, err := Sign(data, k)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere, err := sshsig.Sign(bytes.NewReader(data), k, sshsig.HashSHA512, "git")
		if err != nil {
			t.Fatal(err)
		}
		makers := []struct {
			name                   string
			armored, inOtherSpaces []byte
		}{
			{"ours", ours, sshsig.Armor(elsewhere)},
			{"ssh-keygen's", keygenSign(t, data, k, Namespace), keygenSign(t, data, k, "git")},
			{"ssh-keygen's with SHA-256", keygenSign(t, data, k, Namespace, "-O", "hashalg=sha256"), keygenSign(t, data, k, "git")},
		}
		flipped := bytes.Clone(data)
		flipped[7] ^= 1
		for _, maker := range makers {
			flippedSig := bytes.Clone(maker.armored)
			middle := len(flippedSig) / 2
			if flippedSig[middle] == '\n' {
				middle++
			}
			flippedSig[middle] = map[bool]byte{true: 'B', false: 'A'}[flippedSig[middle] == 'A']
			tests := []struct {
				name          string
				data, armored []byte
				allowed       string
				detail        string // of a refusal
			}{
				{"good", data, maker.armored, person + " " + k.line(), ""},
				{"in the namespace", data, maker.armored, person + ` namespaces="` + Namespace + `" ` + k.line(), ""},
				{"in its time", data, maker.armored, person + ` valid-after="20261123120000Z",valid-before="20261123120001Z" ` + k.line(), ""},
				{"one bit of the text", flipped, maker.armored, person + " " + k.line(), "signature does not match the text"},
				{"a character of the signature", data, flippedSig, person + " " + k.line(), ""},
				{"other namespace", data, maker.inOtherSpaces, person + " " + k.line(), "signed in another namespace"},
				{"listed for another namespace", data, maker.armored, person + ` namespaces="git" ` + k.line(), "may not sign in the namespace"},
				{"not listed", data, maker.armored, person + " " + other.line(), "is not in allowed_signers"},
				{"listed for another", data, maker.armored, "two@example.com " + k.line(), "but not for " + person},
				{"over", data, maker.armored, person + ` valid-before="20261123115959Z" ` + k.line(), "no longer valid"},
				{"not yet", data, maker.armored, person + ` valid-after="20261123120001Z" ` + k.line(), "not yet valid"},
			}
			for _, tt := range tests {
				t.Run(kind+", "+maker.name+", "+tt.name, func(t *testing.T) {
					good := strings.HasPrefix(tt.name, "good") || strings.HasPrefix(tt.name, "in ")
					if err := keygenVerify(t, tt.data, tt.armored, tt.allowed+"\n", person, Namespace, noon); (err == nil) != good {
						t.Errorf("ssh-keygen says %v", err)
					}
					seal := Check(tt.data, tt.armored, person, noon, allow(t, "%s\n", tt.allowed))
					if trusted := seal.Trust == Trusted; trusted != good || !good && seal.Trust != Refused {
						t.Errorf("we say %+v", seal)
					}
					if !strings.Contains(seal.Detail, tt.detail) {
						t.Errorf("detail %q, want %q", seal.Detail, tt.detail)
					}
				})
			}
		}
	}
}

// TestCheck_Certificates: a key certified by an authority.
func TestCheck_Certificates(t *testing.T) {
	authority, user := newKey(t, "ed25519"), newKey(t, "ed25519")
	ca, path := authority.write(t, ""), user.write(t, "")
	keygen := parts.Need(t, "ssh-keygen")
	if out, err := exec.Command(keygen, "-s", ca, "-I", "id", "-n", person, "-V", "20261101:20261201", path+".pub").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data := []byte("text")
	command := exec.Command(keygen, "-Y", "sign", "-n", Namespace, "-f", path+"-cert.pub")
	command.Env = append(command.Environ(), "SSH_AUTH_SOCK="+agentWithCertificate(t, user, path+"-cert.pub"))
	command.Stdin = bytes.NewReader(data)
	armored, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, allowed, by string
		at                time.Time
		detail            string
	}{
		{"good", "*@example.com cert-authority " + authority.line(), person, noon, ""},
		{"listed as a key", "*@example.com " + authority.line(), person, noon, "is not in"},
		{"the bare key is listed", "*@example.com " + user.line(), person, noon, "is not in"},
		{"authority for others", "*@example.org cert-authority " + authority.line(), person, noon, "but not for"},
		{"for another person", "*@example.com cert-authority " + authority.line(), "two@example.com", noon, "is not valid for two@example.com"},
		{"over", "*@example.com cert-authority " + authority.line(), person, noon.AddDate(0, 1, 0), "expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := keygenVerify(t, data, armored, tt.allowed+"\n", tt.by, Namespace, tt.at)
			seal := Check(data, armored, tt.by, tt.at, allow(t, "%s\n", tt.allowed))
			if good := tt.detail == ""; (err == nil) != good || (seal.Trust == Trusted) != good || !strings.Contains(seal.Detail, tt.detail) {
				t.Errorf("ssh-keygen says %v, we say %+v", err, seal)
			}
		})
	}
}

// TestCheck_EveryBit: every changed bit of a claim or its signature file is detected.
func TestCheck_EveryBit(t *testing.T) {
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		k := newKey(t, kind)
		signers := allow(t, "%s %s", person, k.line())
		data := []byte("item: restore_tested\nby: one@example.com\n")
		armored, err := Sign(data, k)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(data) * 8 {
			changed := bytes.Clone(data)
			changed[i/8] ^= 1 << (i % 8)
			if seal := Check(changed, armored, person, noon, signers); seal.Trust != Refused {
				t.Errorf("%s: bit %d of the claim: %+v", kind, i, seal)
			}
		}
		for i := range len(armored) * 8 {
			changed := bytes.Clone(armored)
			changed[i/8] ^= 1 << (i % 8)
			if seal := Check(data, changed, person, noon, signers); seal.Trust != Refused || seal.Detail == "" {
				t.Errorf("%s: bit %d of the signature: %+v", kind, i, seal)
			}
		}
	}
}

func TestCheck_Forms(t *testing.T) {
	k := newKey(t, "ed25519")
	data := []byte("item: restore_tested\nby: one@example.com\n")
	armored, err := Sign(data, k)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := sshsig.Unarmor(armored)
	if err != nil {
		t.Fatal(err)
	}
	rest := *sig
	rest.Signature = &ssh.Signature{Format: sig.Signature.Format, Blob: sig.Signature.Blob, Rest: []byte("more")}
	reserved := ssh.Marshal(struct { // the wire format, with a field that must be empty
		Magic                                     [6]byte
		Version                                   uint32
		Key, Namespace, Reserved, Hash, Signature string
	}{[6]byte([]byte("SSHSIG")), 1, string(sig.PublicKey.Marshal()), Namespace, "hidden", "sha512", string(ssh.Marshal(sig.Signature))})
	weak := newKey(t, "rsa1024")
	weakSig, err := sshsig.Sign(bytes.NewReader(data), weak, sshsig.HashSHA512, Namespace)
	if err != nil {
		t.Fatal(err)
	}
	one := "-----BEGIN SSH SIGNATURE-----\n" + base64.StdEncoding.EncodeToString(sig.Marshal()) + "\n-----END SSH SIGNATURE-----"
	fingerprint := ssh.FingerprintSHA256(k.PublicKey())
	signers := allow(t, "%s %s", person, k.line())
	tests := []struct {
		name    string
		data    string
		armored []byte
		signers *Signers
		seal    Seal
	}{
		{"none", string(data), nil, signers, Seal{Trust: Unsigned}},
		{"trusted", string(data), armored, signers, Seal{Trust: Trusted, Key: fingerprint, Detail: ""}},
		{"no signers configured", string(data), armored, nil, Seal{Trust: Unchecked, Key: fingerprint, Detail: ""}},
		{"no signers configured, changed", string(data) + "x", armored, nil, Seal{Trust: Refused, Key: fingerprint, Detail: "one of them was changed"}},
		{"nobody listed", string(data), armored, allow(t, ""), Seal{Trust: Refused, Key: fingerprint, Detail: "is not in"}},
		{"line ends of git", strings.ReplaceAll(string(data), "\n", "\r\n"), armored, signers, Seal{Trust: Refused, Key: fingerprint, Detail: `add "* -text"`}},
		{"line ends of git, and changed", strings.ReplaceAll(string(data), "\n", "\r\n") + "x", armored, signers, Seal{Trust: Refused, Key: fingerprint, Detail: "one of them was changed"}},
		{"armor on one line", string(data), []byte(one), signers, Seal{Trust: Trusted, Key: fingerprint, Detail: ""}},
		{"armor with CRLF", string(data), bytes.ReplaceAll(armored, []byte("\n"), []byte("\r\n")), signers, Seal{Trust: Trusted, Key: fingerprint, Detail: ""}},
		{"empty file", string(data), []byte{}, signers, Seal{Trust: Refused, Key: "", Detail: "file is empty"}},
		{"text before", string(data), append([]byte("x\n"), armored...), signers, Seal{Trust: Refused, Key: "", Detail: "not a single block"}},
		{"text after", string(data), append(bytes.Clone(armored), "x\n"...), signers, Seal{Trust: Refused, Key: "", Detail: "not a single block"}},
		{"cut", string(data), armored[:len(armored)/2], signers, Seal{Trust: Refused, Key: "", Detail: "not a single block"}},
		{"two", string(data), append(bytes.Clone(armored), armored...), signers, Seal{Trust: Refused, Key: "", Detail: "not base64"}},
		{"nothing inside", string(data), []byte(armorBegin + "\n" + armorEnd), signers, Seal{Trust: Refused, Key: "", Detail: "not an SSH signature"}},
		{"something inside", string(data), []byte(armorBegin + "\nAAAA\n" + armorEnd), signers, Seal{Trust: Refused, Key: "", Detail: "not an SSH signature"}},
		{"unused bytes", string(data), sshsig.Armor(&rest), signers, Seal{Trust: Refused, Key: "", Detail: "unexpected data after the signature"}},
		{"text in a reserved field", string(data), pem.EncodeToMemory(&pem.Block{Type: sshsig.PEMType, Bytes: reserved}), signers, Seal{Trust: Refused, Key: "", Detail: "unexpected data after the signature"}},
		{"short RSA, though listed nowhere", string(data), sshsig.Armor(weakSig), nil, Seal{Trust: Refused, Key: ssh.FingerprintSHA256(weak.PublicKey()), Detail: "has 1024 bits"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Check([]byte(tt.data), tt.armored, person, noon, tt.signers)
			if got.Trust != tt.seal.Trust || got.Key != tt.seal.Key || !strings.Contains(got.Detail, tt.seal.Detail) || (got.Detail == "") != (tt.seal.Detail == "") {
				t.Errorf("got %+v, want %+v", got, tt.seal)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	k := newKey(f, "ed25519")
	data := []byte("item: restore_tested\n")
	armored, err := Sign(data, k)
	if err != nil {
		f.Fatal(err)
	}
	signers := allow(f, "%s %s", person, k.line())
	text := strings.TrimSpace(string(armored))
	f.Add(text)
	f.Add("")
	f.Add(armorBegin + "\nU1NIU0lHAAAAAQ==\n" + armorEnd)
	f.Fuzz(func(t *testing.T, sig string) {
		seal := Check(data, []byte(sig), person, noon, signers)
		same := strings.NewReplacer("\n", "", "\r", "").Replace(sig) == strings.ReplaceAll(text, "\n", "")
		if seal.Trust == Trusted && !same {
			t.Errorf("%q: %+v", sig, seal)
		}
		if seal.Trust != Trusted && (seal.Trust != Refused || seal.Detail == "") {
			t.Errorf("%q: %+v", sig, seal)
		}
	})
}

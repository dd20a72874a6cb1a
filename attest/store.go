package attest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// How claims are stored: each in one file NAME.yaml with its signature NAME.yaml.sig, never rewritten. A fault of one
// claim never hides another claim.

const (
	sigSuffix    = ".sig"
	maxSignature = 16 << 10 // fits an RSA-16384 signature by a certificate
	maxFiles     = 10_000   // entries of a directory
)

// Attestation is a stored claim.
type Attestation struct {
	Name      string // file name; its order is time, then item
	Claim     Claim  // if Err is set, the valid parts
	Data      []byte // the file's bytes, which are signed
	Signature []byte // armored; nil for none
	Err       error  // why it is ignored: schema.Problems of an invalid file, or a read error
}

// New creates the file of a claim, still unsigned and unwritten. Times are truncated to seconds and written in UTC; the
// basis is sorted and its digest computed.
func New(c Claim) (*Attestation, error) {
	c.At = c.At.UTC().Truncate(time.Second)
	if !c.Until.IsZero() {
		c.Until.Time = c.Until.UTC().Truncate(time.Second)
	}
	waived, open := c.Basis.Waived, c.Basis.Open
	c.Basis = BasisOf(c.Basis.Items)
	c.Basis.Waived, c.Basis.Open = waived, open
	data := Marshal(c)
	if len(data) > maxClaim {
		return nil, fmt.Errorf("claim size is %d bytes, limit is %d: shorten its note", len(data), maxClaim)
	}
	again, err := Parse("claim", data)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(Marshal(again), data) {
		return nil, errors.New("claim contains text that is not UTF-8")
	}
	name := fmt.Sprintf("%s-%s-%s.yaml", c.At.Format("20060102T150405Z"), strings.ReplaceAll(c.Item, "/", "."), digest(data)[:8])
	return &Attestation{Name: name, Claim: c, Data: data}, nil
}

// Sign signs the claim.
func (a *Attestation) Sign(signer ssh.Signer) (err error) {
	a.Signature, err = Sign(a.Data, signer)
	return err
}

// Seal checks the signature, see Check.
func (a *Attestation) Seal(signers *Signers) Seal {
	return Check(a.Data, a.Signature, a.Claim.By, a.Claim.At, signers)
}

// Write writes the claim and its signature to dir, which it creates if missing, and returns the claim's path. The
// signature is written first, so that the claim is never visible without it. An existing claim stays unchanged: the same
// claim within one second is one, another one is fs.ErrExist.
func (a *Attestation) Write(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, a.Name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil && a.isAt(path) {
			return path, nil
		}
		if err == nil {
			err = &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
		}
		return "", err
	}
	if a.Signature != nil {
		// Not exclusive: a signature without claim is left from an interrupted write.
		if err := files.WriteAtomic(path+sigSuffix, a.Signature, 0o644, false); err != nil {
			return "", fmt.Errorf("write signature: %w", err)
		}
	}
	if err := files.WriteAtomic(path, a.Data, 0o644, true); err != nil && (!errors.Is(err, fs.ErrExist) || !a.isAt(path)) {
		return "", fmt.Errorf("write claim: %w", err)
	}
	return path, nil
}

// isAt reports whether a file is this claim, signed if this one is.
func (a *Attestation) isAt(path string) bool {
	data, _, err := files.Read(path, maxClaim)
	_, errSignature := os.Lstat(path + sigSuffix)
	return err == nil && bytes.Equal(data, a.Data) && (a.Signature == nil || errSignature == nil)
}

// Load reads every claim in dir, sorted by name; invalid ones have Err set. A missing dir has none. The error is for
// reading the directory itself: then nothing is known.
func Load(dir string) ([]*Attestation, error) {
	names, err := listDir(dir)
	if err != nil {
		return nil, err
	}
	var out []*Attestation
	for _, name := range names {
		claim, isSignature := strings.CutSuffix(name, sigSuffix)
		switch {
		case isYAML(name):
			out = append(out, load(dir, name))
		case isSignature && isYAML(claim) && !slices.Contains(names, claim):
			out = append(out, &Attestation{Name: name,
				Err: fmt.Errorf("%s: signature without its claim %s: attest again, or remove it", name, claim)})
		}
	}
	return out, nil
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

func load(dir, name string) *Attestation {
	a := &Attestation{Name: name}
	if a.Data, _, a.Err = files.Read(filepath.Join(dir, name), maxClaim); a.Err != nil {
		return a
	}
	a.Claim, a.Err = Parse(name, a.Data)
	signature, _, err := files.Read(filepath.Join(dir, name+sigSuffix), maxSignature)
	switch {
	case err == nil:
		a.Signature = signature
	case !errors.Is(err, fs.ErrNotExist):
		a.Err = errors.Join(a.Err, err)
	}
	return a
}

// listDir returns the sorted names in dir, without temporary files, which begin with a dot.
func listDir(dir string) ([]string, error) {
	d, err := files.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(maxFiles + 1)
	if len(names) > maxFiles {
		return nil, fmt.Errorf("%s: more than %d files: move old ones away", dir, maxFiles)
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, ".") })
	slices.Sort(names)
	return names, nil
}

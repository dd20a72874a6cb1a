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

// Rules of this file: where claims are kept. One file each, NAME.yaml with its signature NAME.yaml.sig beside it, never rewritten; what is wrong with
// one of them never hides another.

const (
	sigSuffix    = ".sig"
	maxSignature = 16 << 10 // an RSA-16384 signature by a certificate fits
	maxFiles     = 10_000   // entries of a directory
)

// Attestation is a claim as it lies on disk.
type Attestation struct {
	Name      string // file name; sorts by time, then item
	Claim     Claim  // with Err, what could be read
	Data      []byte // the file's bytes, which the signature is made over
	Signature []byte // armored; nil is none
	Err       error  // why it counts for nothing: schema.Problems of a file that is no claim, or an error of reading
}

// New makes the file of a claim, still unsigned and unwritten. Times are cut to seconds and written in UTC, the basis is sorted and digested.
func New(c Claim) (*Attestation, error) {
	c.At = c.At.UTC().Truncate(time.Second)
	if !c.Until.IsZero() {
		c.Until.Time = c.Until.UTC().Truncate(time.Second)
	}
	c.Basis = BasisOf(c.Basis.Items)
	data := Marshal(c)
	if len(data) > maxClaim {
		return nil, fmt.Errorf("the claim takes %d bytes, more than %d: shorten its note", len(data), maxClaim)
	}
	again, err := Parse("claim", data)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(Marshal(again), data) {
		return nil, errors.New("the claim holds text that is not UTF-8")
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

// Write puts the claim and its signature into dir, made where it is missing, and returns the claim's path. The signature goes first, so that no
// reader and no crash ever shows the claim without it. A claim that is there already is fs.ErrExist and stays as it is.
func (a *Attestation) Write(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, a.Name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
		}
		return "", err
	}
	if a.Signature != nil {
		// Not exclusive: one that is there without its claim was left by a write that was cut off.
		if err := files.WriteAtomic(path+sigSuffix, a.Signature, 0o644, false); err != nil {
			return "", fmt.Errorf("write signature: %w", err)
		}
	}
	if err := files.WriteAtomic(path, a.Data, 0o644, true); err != nil {
		return "", fmt.Errorf("write claim: %w", err)
	}
	return path, nil
}

// Load reads every claim in dir, sorted by name; those that are wrong carry their Err. A dir that is not there holds none. The error is of reading
// the directory itself: then nothing is known.
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
			out = append(out, &Attestation{Name: name, Err: fmt.Errorf("%s: a signature without its claim %s: attest again, or remove it", name, claim)})
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

// listDir returns the names in dir, sorted, without those that begin with a dot: files in the making.
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

package attest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Release records can be signed as claims are: NNNN.yaml.sig is a signature by the person who wrote NNNN.yaml. Each record
// contains the digest of the one before, so the signature of the newest record by a person protects all before it, and only
// that one is checked. Frozen verdicts, which the exporter appends itself, are not signed.

// The kinds of faults of signatures.
const (
	RecordUnsigned  ProblemKind = "unsigned"  // its signature is missing, but required or usual in this chain
	RecordUntrusted ProblemKind = "untrusted" // its signature is invalid, or not by a key of the person who wrote it
)

// SignWith sets the key that signs the records that Append writes.
func (c *Chain) SignWith(signer ssh.Signer) { c.signer = signer }

// Signed reports whether there is a signature of any record: then the newest one needs one too.
func (c *Chain) Signed() bool { return c.signed }

// Verify checks the signature of the newest record by a person. Nil signers are not configured: then only a change of the
// record is detected.
func (c *Chain) Verify(signers *Signers, required bool) {
	var newest *Record
	for i := range c.Records {
		if c.Records[i].Phase != PhaseFrozen {
			newest = &c.Records[i]
		}
	}
	if newest == nil || !required && !c.signed {
		return
	}
	path, sum := filepath.Join(c.dir, fileName(newest.Number)), c.sums[newest.Number]
	tell := func(kind ProblemKind, err error, format string, args ...any) {
		c.problem(kind, newest.Number, sum, err, format, args...)
	}
	armored, _, err := files.Read(path+sigSuffix, maxSignature)
	if errors.Is(err, fs.ErrNotExist) {
		tell(RecordUnsigned, nil, "the signature %s is missing; restore it from a copy, or let %s sign it: ssh-keygen -Y sign -n %s -f KEY %s",
			fileName(newest.Number)+sigSuffix, newest.By, Namespace, fileName(newest.Number))
		return
	}
	var data []byte
	if err == nil {
		data, _, err = files.Read(path, maxRecord)
	}
	if err == nil && digest(data) != sum {
		err = errors.New("file was changed while it was read")
	}
	if err != nil {
		tell(RecordUnreadable, err, "signature cannot be checked: %v", err)
	} else if seal := Check(data, armored, newest.By, newest.At, signers); seal.Trust == Refused {
		tell(RecordUntrusted, nil, "invalid signature: %s", seal.Detail)
	}
	// No record can acknowledge this: it would be a newer one by a person, which needs a signature of its own.
}

// sign writes the signature of a record that is about to be written, so that the record is never visible without it.
func (c *Chain) sign(name string, data []byte) error {
	if c.signer == nil { // a signature that is already there is left from an interrupted write
		_ = os.Remove(filepath.Join(c.dir, name+sigSuffix))
		return nil
	}
	armored, err := Sign(data, c.signer)
	if err == nil {
		err = files.WriteAtomic(filepath.Join(c.dir, name+sigSuffix), armored, 0o644, false)
	}
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	c.signed = true
	return nil
}

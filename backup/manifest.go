// Manifests: a file beside a backup that names its SHA-256, and perhaps its size. It vouches for what cannot be read through, and where the
// backup was read it must agree.

package backup

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Manifest is what such a file says of one backup.
type Manifest struct {
	SHA256   string    // lower-case hex
	Size     int64     // -1: not told
	Modified time.Time // of the manifest itself; zero when not known
}

// ErrNoDigest says that a manifest names no SHA-256 of the backup.
var ErrNoDigest = errors.New("names no SHA-256 of the backup")

// sidecars are the endings of manifests, and of whatever else lies beside a backup and is none.
var sidecars = [...]string{".sha256", ".sha256sum", ".manifest", ".manifest.json"}

// lists are files that hold the digests of a whole directory.
var lists = [...]string{"SHA256SUMS", "sha256sums.txt"}

// maxManifest bounds a manifest's size: that of a list of some thousand files.
const maxManifest = 1 << 20

// ParseManifest reads one of
//
//	3a7bd3e2…  name                        sha256sum; several lines, of which the name's counts, or a digest alone
//	SHA256 (name) = 3a7bd3e2…              sha256sum --tag, BSD
//	sha256: 3a7bd3e2…                      with size: 12345 on another line; = for : and any case
//	{"sha256": "3a7bd3e2…", "size": 12345} JSON
//
// for the backup of the given file name. The error is ErrNoDigest.
func ParseManifest(data []byte, name string) (Manifest, error) {
	m := Manifest{Size: -1}
	data = bytes.TrimPrefix(bytes.TrimSpace(data), []byte("\ufeff"))
	if bytes.HasPrefix(data, []byte("{")) {
		var fields struct {
			SHA256 string
			Size   *int64
		}
		if err := json.Unmarshal(data, &fields); err != nil || !m.digest(fields.SHA256) {
			return Manifest{}, ErrNoDigest
		}
		if fields.Size != nil {
			m.Size = *fields.Size
		}
		return m, nil
	}
	for line := range bytes.Lines(data) {
		m.line(strings.TrimSpace(string(line)), name)
	}
	if m.SHA256 == "" {
		return Manifest{}, ErrNoDigest
	}
	return m, nil
}

func (m *Manifest) line(line, name string) {
	if rest, ok := strings.CutPrefix(line, "SHA256 ("); ok {
		if file, digest, ok := strings.Cut(rest, ") = "); ok && filepath.Base(file) == name {
			m.digest(digest)
		}
		return
	}
	if i := strings.IndexAny(line, ":="); i > 0 {
		value := strings.TrimSpace(line[i+1:])
		switch strings.ToLower(strings.TrimSpace(line[:i])) {
		case "sha256", "sha-256":
			m.digest(value)
			return
		case "size", "bytes":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
				m.Size = n
			}
			return
		}
	}
	digest, file, named := strings.Cut(line, " ")
	// A star stands for "binary" in front of the name.
	if !named || filepath.Base(strings.TrimPrefix(strings.TrimSpace(file), "*")) == name {
		m.digest(digest)
	}
}

// digest takes the text when it is a SHA-256.
func (m *Manifest) digest(text string) bool {
	text = strings.ToLower(text)
	if raw, err := hex.DecodeString(text); err != nil || len(raw) != 32 {
		return false
	}
	m.SHA256 = text
	return true
}

// ManifestOf looks for the manifest of the backup at path, beside it: NAME.sha256, NAME.sha256sum, NAME.manifest, NAME.manifest.json, then
// SHA256SUMS and sha256sums.txt. The error is fs.ErrNotExist where there is none, ErrNoDigest where it says nothing of this backup.
func ManifestOf(path string) (Manifest, error) {
	dir, name := filepath.Split(path)
	var places []string
	for _, ending := range sidecars {
		places = append(places, path+ending)
	}
	for _, list := range lists {
		places = append(places, dir+list)
	}
	for _, place := range places {
		data, info, err := files.Read(place, maxManifest)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var m Manifest
		if err == nil {
			m, err = ParseManifest(data, name)
			m.Modified = info.ModTime()
		}
		if err != nil {
			return Manifest{}, fmt.Errorf("manifest %s: %w", place, err)
		}
		return m, nil
	}
	return Manifest{}, fmt.Errorf("manifest of %s: %w", path, fs.ErrNotExist)
}

// Against holds a proof against a manifest. What was seen to be broken stays so. What was not read to its end cannot be compared.
func (p Proof) Against(m Manifest) Proof {
	if p.SHA256 == "" || !p.Whole && p.Reason != Opaque {
		return p
	}
	switch {
	case m.Size >= 0 && m.Size != p.Bytes:
		p.Whole, p.Reason = false, Mismatch
		p.Detail = fmt.Sprintf("is %d bytes long, its manifest says %d", p.Bytes, m.Size)
	case m.SHA256 != p.SHA256:
		p.Whole, p.Reason = false, Mismatch
		p.Detail = "has another SHA-256 than its manifest says"
	default:
		p.Whole, p.ByManifest, p.Reason, p.Detail = true, true, "", ""
	}
	return p
}

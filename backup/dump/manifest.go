// Manifests: files next to a backup with its SHA-256 and optionally its size. A manifest verifies content that cannot
// be read, and must match a backup that was read.

package dump

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Manifest is the content of a manifest for one backup.
type Manifest struct {
	SHA256   string    // lower-case hex
	Size     int64     // -1 when not given
	Modified time.Time // of the manifest file; zero when unknown
}

// ErrNoDigest is returned for a manifest without a SHA-256 of the backup.
var ErrNoDigest = errors.New("contains no SHA-256 of the backup")

// sidecars are the endings of manifests and other files that accompany a backup.
var sidecars = [...]string{".sha256", ".sha256sum", ".manifest", ".manifest.json"}

// lists are files with the digests of a whole directory.
var lists = [...]string{"SHA256SUMS", "sha256sums.txt"}

// maxManifest limits a manifest's size: a list of several thousand files.
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
	// A star before the name means binary mode.
	if !named || filepath.Base(strings.TrimPrefix(strings.TrimSpace(file), "*")) == name {
		m.digest(digest)
	}
}

// digest sets the digest if the text is a SHA-256.
func (m *Manifest) digest(text string) bool {
	text = strings.ToLower(text)
	if raw, err := hex.DecodeString(text); err != nil || len(raw) != 32 {
		return false
	}
	m.SHA256 = text
	return true
}

// ManifestOf finds the manifest of the backup at path: NAME.sha256, NAME.sha256sum, NAME.manifest, NAME.manifest.json,
// then SHA256SUMS and sha256sums.txt. The error is fs.ErrNotExist when there is none, ErrNoDigest when it does not
// contain this backup.
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

// Against compares a proof with a manifest. Damage that was found stays. A backup that was not read to its end cannot
// be compared.
func (p Proof) Against(m Manifest) Proof {
	if p.SHA256 == "" || !p.Whole && p.Reason != Opaque {
		return p
	}
	switch {
	case m.Size >= 0 && m.Size != p.Bytes:
		p.Whole, p.Reason = false, Mismatch
		p.Detail = fmt.Sprintf("is %d bytes long, but its manifest states %d", p.Bytes, m.Size)
	case m.SHA256 != p.SHA256:
		p.Whole, p.Reason = false, Mismatch
		p.Detail = "has a SHA-256 that differs from its manifest"
	default:
		p.Whole, p.ByManifest, p.Reason, p.Detail = true, true, "", ""
	}
	return p
}

// IsManifest reports whether a file of that name is a manifest.
func IsManifest(name string) bool {
	return slices.Contains(lists[:], name) ||
		slices.ContainsFunc(sidecars[:], func(ending string) bool { return strings.HasSuffix(name, ending) })
}

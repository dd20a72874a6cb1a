package lz4

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/pierrec/lz4/v4"

	"github.com/thenexusengine/catalyst_exporter/internal/dumptest"
)

// TestLZ4 compares the reader with a library's writer, with every option that changes the frame.
func TestLZ4(t *testing.T) {
	text := []byte(strings.Repeat("a line that repeats, and one that does not: ", 9000))
	noise := make([]byte, 300_000)
	_, _ = rand.Read(noise)
	overlap := bytes.Repeat([]byte("ab"), 100_000)
	for _, content := range [][]byte{nil, []byte("x"), text, noise, overlap, append(bytes.Clone(text), noise...)} {
		for _, options := range [][]lz4.Option{
			{lz4.BlockSizeOption(lz4.Block64Kb)},
			{lz4.BlockSizeOption(lz4.Block256Kb), lz4.ChecksumOption(false)},
			{lz4.BlockSizeOption(lz4.Block1Mb), lz4.ConcurrencyOption(2)},
			{lz4.BlockSizeOption(lz4.Block4Mb), lz4.SizeOption(uint64(len(content))), lz4.CompressionLevelOption(lz4.Level9)},
		} {
			var b bytes.Buffer
			w := lz4.NewWriter(&b)
			if err := w.Apply(options...); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(content); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			frame := b.Bytes()
			skippable := append([]byte("\x53\x2a\x4d\x18\x03\x00\x00\x00abc"), frame...)
			for name, data := range map[string][]byte{"once": frame, "behind a skippable frame": skippable} {
				if got, err := unLZ4(data); err != nil || !bytes.Equal(got, content) {
					t.Fatalf("%s: %d bytes of %d, %v", name, len(got), len(content), err)
				}
			}
			if got, err := unLZ4(append(bytes.Clone(frame), frame...)); err != nil || len(got) != 2*len(content) {
				t.Fatalf("twice: %d bytes of %d, %v", len(got), 2*len(content), err)
			}
			for cut := 1; cut < len(frame); cut += 1 + len(frame)/23 {
				if got, err := unLZ4(frame[:cut]); err != io.ErrUnexpectedEOF {
					t.Fatalf("cut at %d of %d: %d bytes, %v", cut, len(frame), len(got), err)
				}
			}
		}
	}
}

func unLZ4(data []byte) ([]byte, error) {
	z := &Reader{}
	z.Reset(bytes.NewReader(data))
	return io.ReadAll(z)
}

func TestLZ4_Damage(t *testing.T) {
	frame := dumptest.Compress(t, "lz4", []byte(strings.Repeat("to be compressed, ", 40)))
	for i := range frame {
		bad := bytes.Clone(frame)
		bad[i] ^= 0x10
		if _, err := unLZ4(bad); err == nil {
			t.Errorf("byte %d changed: no error", i)
		}
	}
	for name, block := range map[string]string{
		"literals that are not there":   "\x50abc",
		"a match before the beginning":  "\x10a\x02\x00\x00",
		"a match of no distance":        "\x10a\x00\x00\x00",
		"a distance of one byte":        "\x10a\x01",
		"a length without end":          "\xf0\xff\xff",
		"a match without last literals": "\x10a\x01\x00",
		"nothing":                       "",
		"more than a block may hold":    "\x1fa\x01\x00\xff\xff\xff\xff\xff\x00\x00",
	} {
		if out, err := decodeBlock(nil, []byte(block), 1000); err == nil {
			t.Errorf("%s: %q", name, out)
		}
	}
	// The library sums the content of a block, the format's description (and lz4 -BX) the block itself: so by hand.
	block := []byte("\x40abcd")
	summed := binary.LittleEndian.AppendUint32(append([]byte("\x04\x22\x4d\x18\x70\x40"), byte(xxh32Of([]byte("\x70\x40"))>>8)), uint32(len(block)))
	summed = binary.LittleEndian.AppendUint32(append(summed, block...), xxh32Of(block))
	summed = append(summed, 0, 0, 0, 0)
	if out, err := unLZ4(summed); err != nil || string(out) != "abcd" {
		t.Errorf("%q, %v", out, err)
	}
	summed[len(summed)-5]++
	if out, err := unLZ4(summed); err == nil {
		t.Errorf("%q with a block's checksum that is wrong", out)
	}
	if out, err := decodeBlock([]byte("ab"), []byte("\x12c\x03\x00\x10d"), 100); err != nil || string(out) != "abcabcabcd" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestXXH32 checks the sums given by the algorithm's documentation and library.
func TestXXH32(t *testing.T) {
	for text, want := range map[string]uint32{
		"": 0x02cc5d05, "a": 0x550d7456, "abc": 0x32d153ff, "Nobody inspects the spammish repetition": 0xe2293b2f,
	} {
		x := newXXH32()
		for i := range len(text) {
			x.write([]byte(text[i : i+1]))
		}
		if got := xxh32Of([]byte(text)); got != want || x.value() != want {
			t.Errorf("%q: %08x, byte by byte %08x, want %08x", text, got, x.value(), want)
		}
	}
}

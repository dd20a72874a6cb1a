package gitscan

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
)

// Reads contents that `git log` does not print, as they are stored: git's attributes, settings and filters have no say in
// it.

// maxBlob is the maximum size of a content that is read at once; larger ones are reported.
const maxBlob = maxEdited

// searchBlobs searches the contents of binary changes, oldest first, each once.
func (s *secretScan) searchBlobs(ctx context.Context, g gitrepo.Repository, changes []binaryChange) error {
	slices.Reverse(changes) // git log lists the newest first
	var wanted []binaryChange
	var names strings.Builder
	seen := map[string]bool{}
	for _, c := range changes {
		if !seen[c.blob] && strings.Trim(c.blob, "0") != "" {
			seen[c.blob] = true
			wanted = append(wanted, c)
			names.WriteString(c.blob + "\n")
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	_, err := g.Run(ctx, names.String(), func(r io.Reader) error {
		in := bufio.NewReaderSize(r, 64<<10)
		for _, c := range wanted {
			if err := s.searchBlob(ctx, in, c); err != nil {
				return err
			}
		}
		return nil
	}, "cat-file", "--batch")
	return err
}

// searchBlob reads one content in the output of `git cat-file --batch`.
func (s *secretScan) searchBlob(ctx context.Context, in *bufio.Reader, c binaryChange) error {
	header, err := in.ReadString('\n') // NAME blob SIZE
	if err != nil {
		return err
	}
	fields := strings.Fields(header)
	if len(fields) == 2 && fields[1] == "missing" {
		s.unseen[c.file] = "not in this clone"
		return nil
	}
	if len(fields) != 3 {
		return fmt.Errorf("%w: unexpected object", errDiff)
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return fmt.Errorf("%w: unexpected object", errDiff)
	}
	if fields[1] != "blob" || size > maxBlob {
		if head, _ := in.Peek(int(min(size, 512))); size > maxBlob && !isMedia(head) && !isEncrypted(head) {
			s.unseen[c.file] = fmt.Sprintf("larger than %d MiB", maxBlob>>20)
		}
		_, err := io.CopyN(io.Discard, in, size+1)
		return err
	}
	content := make([]byte, size+1)
	if _, err := io.ReadFull(in, content); err != nil {
		return err
	}
	return s.searchContent(ctx, c.commit, c.file, content[:size])
}

// searchContent searches a whole content.
func (s *secretScan) searchContent(ctx context.Context, commit, file string, content []byte) error {
	text, kind := contentOf(content)
	switch kind {
	case contentMedia:
		s.media++
		return nil
	case contentEncrypted:
		s.encrypted++
		return nil
	case contentBinary:
		s.binaries++
	}
	s.whole = true
	defer func() { s.whole = false }()
	for line := 1; ; {
		part, rest := text, ""
		if len(text) > maxAddition {
			part, rest = text[:maxAddition], text[maxAddition-overlap:]
		}
		err := s.search(ctx, addition{commit: commit, file: file, line: line, text: part, raw: kind == contentBinary})
		if err != nil && !errors.Is(err, errTooManySecrets) || rest == "" {
			return err
		}
		line += strings.Count(text[:maxAddition-overlap], "\n")
		text = rest
	}
}

// The release records and the claims of a case, made as the commands make them.

package cases

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/exporter"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// history is what the head lines key, stranger, plan, record, rollback, cancel and attest of a case say, in their order.
type history []event

// event is one such line: `WHAT: AGE WORD WORD="several words" …`. Keys have no age.
type event struct {
	what  string
	age   time.Duration
	words []string
}

// head takes a head line and reports whether it is one of the history.
func (h *history) head(key, value string) (bool, error) {
	if !slices.Contains([]string{"key", "stranger", "plan", "record", "rollback", "cancel", "attest"}, key) {
		return false, nil
	}
	e := event{what: key}
	words, err := splitWords(value)
	if err == nil && len(words) == 0 {
		err = errors.New("nothing follows")
	}
	if err == nil && key != "key" && key != "stranger" {
		var age schema.Duration
		age, err = schema.ParseDuration(words[0])
		e.age, words = age.Std(), words[1:]
	}
	if err != nil {
		return true, fmt.Errorf("invalid %s: %q: %w", key, value, err)
	}
	e.words = words
	*h = append(*h, e)
	return true, nil
}

// splitWords splits at spaces outside double quotes.
func splitWords(text string) ([]string, error) {
	quoted := false
	words := strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
	if quoted {
		return nil, errors.New("a quotation mark is missing")
	}
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], `"`, "")
	}
	return words, nil
}

// make carries out the history in a deployment.
func (h history) make(ctx context.Context, t testing.TB, root string, now time.Time, fill *strings.Replacer) error {
	keys := t.TempDir()
	for _, e := range h {
		words := make([]string, len(e.words))
		for i, word := range e.words {
			words[i] = fill.Replace(word)
		}
		var err error
		switch at := now.Add(-e.age); e.what {
		case "key", "stranger":
			err = writeKey(keys, root, words[0], e.what == "key")
		case "attest":
			err = attestAt(ctx, root, keys, words, at)
		default:
			err = appendAt(root, e.what, words, at)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.what, err)
		}
	}
	return nil
}

// writeKey makes an SSH key of a person. A stranger's is not in allowed_signers.
func writeKey(keys, root, who string, allowed bool) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(keys, who), pem.EncodeToMemory(block), 0o600); err != nil || !allowed {
		return err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(root, "allowed_signers"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s %s", who, ssh.MarshalAuthorizedKey(key))
	return errors.Join(err, file.Close())
}

// attestAt runs the command attest at a time; signed-by=WHO signs with a key of the case.
func attestAt(ctx context.Context, root, keys string, words []string, at time.Time) error {
	args := []string{"attest", "--deployment.root=" + root}
	if config := filepath.Join(root, "catalyst.yml"); exists(config) {
		args = append(args, "--config.file="+config)
	}
	for _, word := range words {
		if who, ok := strings.CutPrefix(word, "signed-by="); ok {
			word = "--sign-with=" + filepath.Join(keys, who)
		} else if file, ok := strings.CutPrefix(word, "--subject="); ok {
			word = "--subject=" + filepath.Join(root, file)
		}
		args = append(args, word)
	}
	var out bytes.Buffer
	if code := exporter.Main(args, exporter.System{
		Context: ctx, Stdout: &out, Stderr: &out, Now: func() time.Time { return at },
		Getenv: func(string) (string, bool) { return "", false },
	}); code != 0 {
		return fmt.Errorf("exit status %d: %s", code, out.String())
	}
	return nil
}

// appendAt appends a release record. The command deploy record would judge the whole checklist first: a case states the
// verdicts of the gate itself.
func appendAt(root, what string, words []string, at time.Time) error {
	r := attest.Record{At: at, By: "ann@example.org", Phase: map[string]attest.Phase{
		"plan": attest.PhasePlanned, "record": attest.PhaseRecorded, "rollback": attest.PhaseRolledBack, "cancel": attest.PhaseCancelled,
	}[what]}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "version":
			r.Release.Version = value
		case "commit":
			r.Release.Commit = value
		case "by":
			r.By = value
		case "note":
			r.Note = value
		case "issue":
			r.Issues = append(r.Issues, value)
		case "image":
			r.Images = append(r.Images, value)
		case "unplanned":
			r.Unplanned = true
		case "backup": // AGE,SIZE
			age, size, _ := strings.Cut(value, ",")
			var old schema.Duration
			if old, err = schema.ParseDuration(age); err == nil {
				r.Backup = attest.Backup{Path: "backups/catalyst.dump", SHA256: strings.Repeat("ab", 32), Finished: at.Add(-old.Std())}
				r.Backup.Size, err = strconv.ParseInt(size, 10, 64)
			}
		case "backup-file": // a file of the case as it is now
			r.Backup, err = backupOf(root, value, at)
		case "gate": // CATEGORY/ITEM,STATE[,REASON]
			verdict := strings.SplitN(value+",,", ",", 4)
			r.Gate = append(r.Gate, attest.Verdict{Item: verdict[0], State: verdict[1], Reason: attest.Reason(verdict[2])})
		default:
			err = fmt.Errorf("unknown word %q", word)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", word, err)
		}
	}
	chain, err := attest.OpenChain(filepath.Join(root, ".catalyst", "releases"), nil)
	if err != nil {
		return err
	}
	if p := chain.Planned(); what == "record" && p != nil && r.Release.Version == "" && r.Release.Commit == "" {
		r.Release = p.Release
	}
	_, err = chain.Append(r, false)
	return err
}

// backupOf describes a backup of the case as deploy record does, an hour before a time.
func backupOf(root, name string, at time.Time) (attest.Backup, error) {
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return attest.Backup{}, err
	}
	sum := sha256.Sum256(content)
	return attest.Backup{Path: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), Finished: at.Add(-time.Hour)}, nil
}

func TestHistory_Invalid(t *testing.T) {
	for line, want := range map[string]string{
		"plan: ":                   "nothing follows",
		"record: soon version=1":   "invalid record",
		`attest: 1h --note="a b c`: "a quotation mark is missing",
	} {
		_, err := readCase("x.txtar", []byte("item: a/b\nwant: pass\nwhy: w\n"+line+"\n-- x --\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", line, err, want)
		}
	}
}

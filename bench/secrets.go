package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"time"
)

// The search for secrets in the complete history of a repository, compared with gitleaks, and a repeated search without changes.

const (
	commits     = 200
	plantedEach = 20 // one secret per this number of commits
)

func (b *bench) measureSecrets() error {
	if !b.has("gitleaks") {
		return nil
	}
	root, err := b.writeDeployment("secrets")
	if err != nil {
		return err
	}
	if err := b.writeRepository(root); err != nil {
		return err
	}
	checks := []check{{probe: "git_secrets: {}"}}
	config, err := b.writeChecklist("secrets-ours", root, checks, "0s", false)
	if err != nil {
		return err
	}
	report := b.path("secrets-gitleaks", "report.json")
	var ours, theirs, found, leaks, took, itsTook []float64
	for range max(3, b.rounds/2) {
		mine, err := b.once(b.dir, b.tools["catalyst_exporter"].path, "check", "--config.file="+config, "--format=prometheus")
		if err != nil {
			return err
		}
		its, err := b.once(b.dir, b.tools["gitleaks"].path, "git", "--no-banner", "--log-level=error", "--exit-code=0", "--report-path="+report, root)
		if err != nil {
			return err
		}
		n, err := sample(string(mine.output), "catalyst_secret_findings{")
		if err != nil {
			return err
		}
		text, err := os.ReadFile(report)
		if err != nil {
			return fmt.Errorf("gitleaks: %w: %s", err, tail(its.output))
		}
		var findings []json.RawMessage
		if err := json.Unmarshal(text, &findings); err != nil {
			return err
		}
		ours, theirs = append(ours, mine.cpu.Seconds()), append(theirs, its.cpu.Seconds())
		took, itsTook = append(took, mine.took.Seconds()), append(itsTook, its.took.Seconds())
		found, leaks = append(found, n), append(leaks, float64(len(findings)))
	}
	again, err := b.secretsAgain(config, len(ours))
	if err != nil {
		return err
	}
	b.rows = append(b.rows,
		row{work: "secrets in 200 commits: CPU", unit: second, ours: ours, peer: "gitleaks", theirs: theirs, goal: 1},
		row{work: "secrets in 200 commits: time", unit: second, ours: took, peer: "gitleaks", theirs: itsTook},
		row{work: "secrets in 200 commits: findings (equal is 1)", unit: number, ours: found, peer: "gitleaks", theirs: leaks, goal: 1},
		row{work: "secrets in an unchanged repository: CPU", unit: second, ours: again, peer: "gitleaks", theirs: theirs, goal: 0.02})
	return nil
}

// secretsAgain returns the CPU seconds of later runs in a process that completed the first one, including git.
func (b *bench) secretsAgain(config string, rounds int) ([]float64, error) {
	c, err := b.contend("/metrics?collect[]=part00", "catalyst_exporter", "--config.file="+config, "--web.listen-address=ADDRESS", "--log.level=error")
	if err != nil {
		return nil, err
	}
	defer c.stop()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		body, _, err := c.scrape()
		if err != nil {
			return nil, err
		}
		if _, err := sample(string(body), "catalyst_secret_findings{"); err == nil {
			break
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("first run did not finish: %s", tail(body))
		}
	}
	all := func() (time.Duration, error) {
		own, err := c.cpu()
		if err != nil {
			return 0, err
		}
		git, err := c.children()
		return own + git, err
	}
	const runs = 10
	var costs []float64
	for range rounds {
		before, err := all()
		if err != nil {
			return nil, err
		}
		for range runs {
			if _, _, err := c.scrape(); err != nil {
				return nil, err
			}
		}
		after, err := all()
		if err != nil {
			return nil, err
		}
		costs = append(costs, (after-before).Seconds()/runs)
	}
	return costs, nil
}

// sample returns the first sample whose line starts with prefix.
func sample(page, prefix string) (float64, error) {
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, prefix) {
			var v float64
			_, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v)
			return v, err
		}
	}
	return 0, fmt.Errorf("sample %s not found: %s", prefix, tail([]byte(page)))
}

// writeRepository creates a history of commits that change files of generated source code. Some files contain a secret.
func (b *bench) writeRepository(root string) error {
	random := rand.New(rand.NewPCG(1, 2)) // the same history each time, except for the secrets
	var stream strings.Builder
	for n := range commits {
		fmt.Fprintf(&stream, "commit refs/heads/main\nmark :%d\ncommitter Bench <bench@example.com> %d +0000\ndata 4\nwork\n", n+1, 1_700_000_000+n*3600)
		for f := range 4 {
			text := source(random)
			if n%plantedEach == 0 && f == 0 {
				text += "const accessKey = \"" + "AK" + "IA" + letters(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") + "\"\n"
			}
			fmt.Fprintf(&stream, "M 100644 inline src/file%02d.go\ndata %d\n%s\n", random.IntN(40), len(text), text)
		}
	}
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=main", root}, {"-C", root, "fast-import", "--quiet"}} {
		cmd := exec.CommandContext(b.ctx, "git", args...)
		cmd.Stdin = strings.NewReader(stream.String())
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, tail(text))
		}
	}
	return nil
}

func letters(n int, alphabet string) string {
	var s strings.Builder
	for range n {
		s.WriteByte(alphabet[rand.IntN(len(alphabet))])
	}
	return s.String()
}

// source returns a file of generated code.
func source(random *rand.Rand) string {
	words := []string{"bid", "auction", "publisher", "token", "request", "key", "config", "price", "user", "secret", "handler", "timeout", "password", "limit"}
	word := func() string { return words[random.IntN(len(words))] }
	var s strings.Builder
	s.WriteString("package exchange\n\n")
	for range 120 {
		fmt.Fprintf(&s, "\t%s%d := %s.%s(%s, %q) // %s of the %s\n", word(), random.IntN(100), word(), word(), word(), word()+" "+word(), word(), word())
	}
	return s.String()
}

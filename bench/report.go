package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// writeReport writes bench/README.md and the pictures. What stands in README.md is made here, and nowhere by hand.
func (b *bench) writeReport(began time.Time) error {
	var out bytes.Buffer
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(&out, format+"\n", args...) }
	say("# Side by side\n\nMade by `make bench` (`go run -C bench .`); not written by hand.\n")
	say("%s", whatIsMeasured)
	say("## Results\n")
	for _, line := range b.surroundings(began) {
		say("- %s", line)
	}
	say("\nEvery figure is the least – **the middle** – the greatest of its rounds. A ratio is ours divided by the peer's, of the same round; the middle one is held against the goal.\n")
	say("| work | ours | beside | the peer's | ratio | goal | |\n| --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range b.rows {
		peer, theirs := "–", "–"
		if r.peer != "" {
			peer, theirs = r.peer, bold(r.unit, spreadOf(r.theirs))
		}
		say("| %s | %s | %s | %s | %s | %s | %s |", r.work, bold(r.unit, spreadOf(r.ours)), peer, theirs, r.shownRatio(), r.shownGoal(), r.met())
	}
	for _, p := range peers() {
		if t := b.tools[p.name]; t.missing != "" {
			say("\n%s %s could not be had and is left out: `%s`", p.name, p.version, strings.ReplaceAll(t.missing, b.dir, "…"))
		}
	}
	if b.sustained < 10*time.Minute {
		say("\nThe thousand targets were scraped for %v only; `--sustained=10m` is what the goal speaks of.", b.sustained)
	}
	if len(b.curves) > 0 {
		say("\n## How it grows\n\n![CPU per scrape by the number of items](growth-cpu.svg)\n\n![Peak memory by the number of items](growth-memory.svg)")
		cpu := picture("CPU per scrape", second, b.curves, func(p point) float64 { return p.cpu })
		memory := picture("Peak memory", byteSum, b.curves, func(p point) float64 { return p.memory })
		for name, text := range map[string]string{"growth-cpu.svg": cpu, "growth-memory.svg": memory} {
			if err := os.WriteFile(filepath.Join(b.source, "bench", name), []byte(text), 0o644); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(b.source, "bench", "README.md"), out.Bytes(), 0o644)
}

func bold(u unit, s spread) string {
	return u.show(s.min) + " – **" + u.show(s.median) + "** – " + u.show(s.max)
}

// surroundings tells on what the run was made.
func (b *bench) surroundings(began time.Time) []string {
	var name unix.Utsname
	_ = unix.Uname(&name)
	load, _ := os.ReadFile("/proc/loadavg")
	versions := []string{}
	for _, p := range peers() {
		if b.has(p.name) {
			versions = append(versions, p.name+" "+p.version)
		}
	}
	return []string{
		fmt.Sprintf("%s, in %v, %d rounds", began.UTC().Format(time.DateOnly), time.Since(began).Round(time.Second), b.rounds),
		fmt.Sprintf("%s; %d processors for the program; Linux %s; load at the end %s", processor(), runtime.GOMAXPROCS(0), unix.ByteSliceToString(name.Release[:]), strings.TrimSpace(string(load))),
		fmt.Sprintf("%s, for ours and for the peers: %s", runtime.Version(), strings.Join(versions, ", ")),
	}
}

// processor is the name the kernel gives it.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

const whatIsMeasured = `## What is measured, and how

The command builds the exporter, a floor program ([floor/](floor/main.go)) and released peers at pinned versions, makes a deployment in a temporary
folder, and lets all of them look at it in turns, each round in another order, so that other work on the machine falls on all alike. CPU is the
process's own clock (for what is started anew each time: the kernel's account, children included), memory what the kernel says is resident now and was
at its highest. Scrapes come one after the other over one kept connection unless something else is said. Every contender is asked first whether all its
checks hold; a run in which one does not ends there.

**What is equal.** 46 local checks, the same to everybody: 34 settings of an env file, the env file itself, the compose file four times, nginx, a
certificate, documents, migrations. Peers get each as a regular expression in the same file, goss as ` + "`file: contents`" + `, the script as ` + "`grep -E`" + `, the floor
in Go, reading each file once per scrape. The growth rows repeat these 46 under other names. The row with certificate and ports gives goss
` + "`openssl x509 -checkend`" + ` as a command, since it cannot read certificates, and three ` + "`port`" + ` checks; ours has both anyway, plus one item that asks the kernel for all
listening sockets and firewall rules.

**What differs.** Ours parses what it looks at, as Compose and nginx do, and judges it (a secret's strength, a chain up to its root, limits of every
service); a peer finds a pattern. Ours does not read a file again whose device, inode, size, modification and change time are as before; goss and the script
read each file for each check. Ours emits seven series per item; goss a few counters for all tests together; the floor the same as ours, without
measured values. Ours does not compress for a client on its own machine, as the bench is. Beside goss and in the growth rows, ours is asked for a target's page, which like goss's holds no series of its own process; beside the
floor and node_exporter for ` + "`/metrics`" + `, which like theirs does. In the network rows the servers run in the bench's own process; ours asks for A and AAAA where
blackbox_exporter asks for A, keeps its HTTP connection where blackbox_exporter makes a new one each time, and compares the certificate with the one on disk.
The secrets rows compare one whole scan from the command line; a repository that has not changed is looked at again by a serving process, with
max_age 0, while gitleaks has no such thing and scans it all. Memory beside node_exporter is of processes started afresh in each round, after 45 scrapes
and three seconds of rest.
`

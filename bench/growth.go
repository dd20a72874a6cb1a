package main

import (
	"fmt"
	"time"
)

// Cost by number of items: the 46 checks once, ten times and a hundred times.

// curve is one line of a chart.
type curve struct {
	name   string
	points []point
}

type point struct {
	items       int
	cpu, memory float64 // medians: seconds per scrape, peak bytes
}

func (b *bench) measureGrowth() error {
	root, err := b.writeDeployment("growth")
	if err != nil {
		return err
	}
	time.Sleep(rest)
	names := []string{"catalyst_exporter", "floor"}
	if b.has("goss") {
		names = append(names, "goss")
	}
	counts := []int{46, 460, 4600}
	cpu, memory := map[string][][]float64{}, map[string][][]float64{}
	for _, name := range names {
		cpu[name], memory[name] = make([][]float64, len(counts)), make([][]float64, len(counts))
	}
	for round := range max(3, b.rounds/2) {
		for i, n := range counts {
			for _, name := range names {
				c, most, err := b.growthOf(name, root, itemsOf(n), round)
				if err != nil {
					return fmt.Errorf("%s with %d items: %w", name, n, err)
				}
				cpu[name][i], memory[name][i] = append(cpu[name][i], c), append(memory[name][i], most)
			}
		}
	}
	for _, name := range names {
		c := curve{name: name}
		for i, n := range counts {
			c.points = append(c.points, point{n, median(cpu[name][i]), median(memory[name][i])})
		}
		b.curves = append(b.curves, c)
	}
	mine := "catalyst_exporter"
	for i, times := range []float64{10, 100} {
		work := fmt.Sprintf("%d items", counts[i+1])
		b.rows = append(b.rows,
			row{work: work + ": CPU per scrape", unit: second, ours: cpu[mine][i+1], peer: "46 items", theirs: cpu[mine][0], goal: times},
			row{work: work + ": memory, peak", unit: byteSum, ours: memory[mine][i+1], peer: "46 items", theirs: memory[mine][0], goal: times})
	}
	for i, n := range counts {
		if b.has("goss") {
			goalCPU, goalMemory := 0.0, 0.0
			if i == len(counts)-1 {
				goalCPU, goalMemory = 0.25, 0.5
			}
			b.rows = append(b.rows,
				row{work: fmt.Sprintf("%d items: CPU per scrape", n), unit: second, ours: cpu[mine][i], peer: "goss", theirs: cpu["goss"][i], goal: goalCPU},
				row{work: fmt.Sprintf("%d items: memory, peak", n), unit: byteSum, ours: memory[mine][i], peer: "goss", theirs: memory["goss"][i], goal: goalMemory})
		}
	}
	return nil
}

// growthOf starts a contender and returns its CPU seconds per scrape and its peak memory in bytes.
func (b *bench) growthOf(name, root string, checks []check, round int) (cpu, peak float64, err error) {
	folder := fmt.Sprintf("growth-%s-%d-%d", name, len(checks), round)
	var c *contender
	switch name {
	case "goss":
		c, err = b.goss(folder, root, checks, "", "1ns")
	case "floor":
		c, err = b.floor(folder, root, checks)
	default:
		c, err = b.oursAlone(folder, root, checks, "0s")
	}
	if err != nil {
		return 0, 0, err
	}
	defer c.stop()
	scrapes := max(5, 2000/len(checks))
	if _, err := c.costOf(2); err != nil {
		return 0, 0, err
	}
	cost, err := c.costOf(scrapes)
	if err != nil {
		return 0, 0, err
	}
	m, err := c.memory()
	return cost.cpu, m.peak, err
}

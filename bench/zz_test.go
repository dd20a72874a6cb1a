package main

import ("testing";"os";"context")

func TestKeep(t *testing.T) {
	b := &bench{ctx: context.Background(), dir: os.Getenv("KEEP"), out: os.Stdout}
	if b.dir == "" { t.Skip() }
	root, err := b.writeDeployment("dep")
	if err != nil { t.Fatal(err) }
	for n, age := range map[string]string{"live": "0s", "cached": "24h"} {
		if _, err := b.writeChecklist(n, root, localChecks(), age); err != nil { t.Fatal(err) }
		if _, err := b.writeChecklist(n+"4600", root, itemsOf(4600), age); err != nil { t.Fatal(err) }
	}
}

package nft

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestSetsWritten: a set that a rule writes is one that changes, whatever its own flags say.
func TestSetsWritten(t *testing.T) {
	table := Table{unix.NFPROTO_INET, "f"}
	named := expressionSeed("dynset", attribute(unix.NFTA_DYNSET_SET_NAME, []byte("s\x00")))
	other := expressionSeed("dynset", attribute(unix.NFTA_DYNSET_SET_NAME, []byte("t\x00")))
	unread := expressionSeed("dynset", attribute(unix.NFTA_DYNSET_TIMEOUT, []byte{1}))
	for name, tt := range map[string]struct {
		written []byte
		want    bool
	}{"it": {named, true}, "another": {other, false}, "one that cannot be told": {unread, true}} {
		rs := emptyRules(unix.NF_INET_LOCAL_IN, false)
		rs.sets[Name{table, "s"}] = &nftSet{}
		if err := rs.addRule(ruleSeed(tt.written)); err != nil {
			t.Fatal(err)
		}
		if got := rs.sets[Name{table, "s"}].changing; got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

package pattern

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		list, name string
		want       bool
	}{
		{"a@example.com", "a@example.com", true}, {"a@example.com", "A@example.com", false}, {"*", "", true}, {"?", "", false},
		{"*@example.com", "a@example.com", true}, {"*@example.com", "a@example.com.evil", false}, {"a*c*e", "abcde", true}, {"a*c*e", "abcd", false},
		{"b,a?", "ab", true}, {"*,!a*", "ab", false}, {"!a*,*", "ab", false}, {"!a*", "b", false}, {"a**", "a", true},
	} {
		if got := Match(tt.list, tt.name); got != tt.want {
			t.Errorf("Match(%q, %q) = %v", tt.list, tt.name, got)
		}
	}
}

func TestMatch_OnePattern(t *testing.T) {
	tests := []struct {
		pattern, text string
		matches       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"?", "", false}, {"a*b", "ab", true}, {"a*b", "axxb", true}, {"a*b", "axbx", false},
		{"*a*a*", "xaxa", true}, {"*a*a*", "xa", false}, {"**", "abc", true}, {"a?c", "abc", true}, {"a?c", "ac", false}, {"abc", "ab", false},
		{"*ab", "aab", true}, {"*.example.com", "example.com", false},
	}
	for _, tt := range tests {
		if got := match(tt.pattern, tt.text); got != tt.matches {
			t.Errorf("match(%q, %q) = %v", tt.pattern, tt.text, got)
		}
	}
	// A pattern with exponential cost in a naive matcher.
	if match(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 1000)) {
		t.Error("matches without a b")
	}
}

package content

import "testing"

func TestNewLines(t *testing.T) {
	for _, tt := range []struct{ text, before, want string }{
		{"a\nb\n", "a\nb\n", "\n\n"},
		{"a\nc\nb", "b\na\n", "\nc\n\n"},
		{"a\r\n", "a\n", "\n"},
		{"a\n", "", "a\n"},
	} {
		if got := NewLines(tt.text, tt.before); got != tt.want {
			t.Errorf("%q after %q: %q, want %q", tt.text, tt.before, got, tt.want)
		}
	}
}

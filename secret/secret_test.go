package secret

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestText_NeverPrinted(t *testing.T) {
	const mark = "mark-4711"
	type holder struct {
		Password Text
		Pointer  *Text
		List     []Text
		hidden   Text
	}
	s := New(mark)
	h := holder{Password: s, Pointer: &s, List: []Text{s}, hidden: s}

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", &s)
		fmt.Fprintf(&out, verb+"\n", h)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "secret", s, "holder", h)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "secret", s, "holder", h)
	if b, err := json.Marshal(h); err != nil {
		t.Fatal(err)
	} else {
		out.Write(b)
	}
	if b, err := xml.Marshal(s); err != nil {
		t.Fatal(err)
	} else {
		out.Write(b)
	}
	for _, form := range []string{mark, fmt.Sprintf("%x", mark), fmt.Sprintf("%X", mark), fmt.Sprint([]byte(mark))} {
		if strings.Contains(out.String(), form) {
			t.Errorf("secret appears as %q in:\n%s", form, out.String())
		}
	}
	if !strings.Contains(out.String(), Mask) {
		t.Errorf("no mask in:\n%s", out.String())
	}
	if got := s.Reveal(); got != mark {
		t.Errorf("Reveal() = %q", got)
	}
	if !s.Equal(New(mark)) || s.Equal(New("other")) || New("").Empty() == false || s.Empty() || s.Len() != len(mark) {
		t.Error("Equal, Empty or Len is wrong")
	}
}

func TestText_Decode(t *testing.T) {
	var got struct{ Password Text }
	if err := json.Unmarshal([]byte(`{"Password":"mark-4712"}`), &got); err != nil || got.Password.Reveal() != "mark-4712" || !got.Password.Secret() {
		t.Errorf("got %q, %v", got.Password.Reveal(), err)
	}
}

package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestDockerLogTail(t *testing.T) {
	d := newDocker(t)
	d.run(t, "plain", client.ContainerCreateOptions{}, "say=one", "complain=two", "say=three", "write=/tmp/done=1")
	d.run(t, "terminal", client.ContainerCreateOptions{Config: &container.Config{Tty: true}}, "say=one", "complain=two", "say=three", "write=/tmp/done=1")
	d.run(t, "unread", client.ContainerCreateOptions{HostConfig: &container.HostConfig{LogConfig: container.LogConfig{Type: "none"}}}, "say=one")
	p := d.pass(t, nil, deployment.Settings{})
	project, err := dockerProjectOf(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engineFor(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"plain", "terminal"} {
		c := project.of(service)[0]
		parts.Eventually(t, func() error {
			text, cut, err := e.logTail(t.Context(), c, time.Now().Add(-time.Hour), 1000)
			if whole := strings.Contains(string(text), "one") && strings.Contains(string(text), "two") && strings.Contains(string(text), "three"); err == nil && (cut || !whole || bytes.ContainsRune(text, 0)) {
				err = fmt.Errorf("%s: %q, cut: %v", service, text, cut)
			}
			return err
		})
		text, cut, err := e.logTail(t.Context(), c, time.Now().Add(-time.Hour), 4)
		if len(text) != 4 || !cut || err != nil {
			t.Errorf("%s, cut: %q %v %v", service, text, cut, err)
		}
		text, _, err = e.logTail(t.Context(), c, time.Now().Add(time.Hour), 1000)
		if len(text) != 0 || err != nil {
			t.Errorf("%s, of the future: %q %v", service, text, err)
		}
	}
	if _, _, err := e.logTail(t.Context(), project.of("unread")[0], time.Now().Add(-time.Hour), 100); err == nil {
		t.Error("a log that cannot be read was read")
	}
}

func FuzzDemux(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'})
	f.Add([]byte{2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 'h', 'i'})
	f.Add([]byte("plain text of a terminal"))
	f.Fuzz(func(t *testing.T, data []byte) {
		end := &logEnd{most: 16}
		err := demux(end, bytes.NewReader(data))
		if len(end.text()) > 16 {
			t.Errorf("%d bytes are kept", len(end.data))
		}
		if err == nil && len(data) > 0 && len(data) < 8 {
			t.Error("a frame without its head was taken")
		}
	})
}

func TestDemux(t *testing.T) {
	frame := func(stream byte, text string) string {
		return string([]byte{stream, 0, 0, 0, 0, 0, 0, byte(len(text))}) + text
	}
	for name, tt := range map[string]struct {
		in, want string
		err      error
	}{
		"both":         {frame(1, "a\n") + frame(2, "b\n"), "a\nb\n", nil},
		"nothing":      {"", "", nil},
		"cut":          {frame(1, "abcdef")[:10], "ab", io.EOF},
		"cut head":     {frame(1, "")[:5], "", io.ErrUnexpectedEOF},
		"a terminal's": {"some text as it is", "", errFrames},
		"engine error": {frame(3, "x"), "", errFrames},
	} {
		var out bytes.Buffer
		if err := demux(&out, strings.NewReader(tt.in)); !errors.Is(err, tt.err) || out.String() != tt.want {
			t.Errorf("%s: %q %v", name, out.String(), err)
		}
	}
}

package releasecheck

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
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

func TestDockerLog(t *testing.T) {
	d := dockertest.NewDocker(t)
	d.RunService(t, "plain", client.ContainerCreateOptions{}, "say=one", "complain=two", "say=three", "write=/tmp/done=1")
	d.RunService(t, "terminal", client.ContainerCreateOptions{Config: &container.Config{Tty: true}}, "say=one", "complain=two", "say=three", "write=/tmp/done=1")
	d.RunService(t, "unread", client.ContainerCreateOptions{HostConfig: &container.HostConfig{LogConfig: container.LogConfig{Type: "none"}}}, "say=one")
	p := d.Pass(t, nil, deployment.Settings{})
	project, err := dockerclient.ProjectOf(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	e, err := dockerclient.For(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"plain", "terminal"} {
		c := project.ContainersOf(service)[0]
		parts.Eventually(t, func() error {
			var text bytes.Buffer
			err := e.Log(t.Context(), c, time.Now().Add(-time.Hour), &text)
			if whole := strings.Contains(text.String(), "one") && strings.Contains(text.String(), "two") && strings.Contains(text.String(), "three"); err == nil && (!whole || bytes.ContainsRune(text.Bytes(), 0)) {
				err = fmt.Errorf("%s: %q", service, text.String())
			}
			return err
		})
		var text bytes.Buffer
		if err := e.Log(t.Context(), c, time.Now().Add(time.Hour), &text); text.Len() != 0 || err != nil {
			t.Errorf("%s, since a future time: %q %v", service, text.String(), err)
		}
	}
	if err := e.Log(t.Context(), project.ContainersOf("unread")[0], time.Now().Add(-time.Hour), io.Discard); err == nil {
		t.Error("no error for the log driver none")
	}
}

func FuzzDemux(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'})
	f.Add([]byte{2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 'h', 'i'})
	f.Add([]byte("plain text of a terminal"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var text bytes.Buffer
		err := dockerclient.Demux(&text, bytes.NewReader(data))
		if text.Len() > len(data) {
			t.Errorf("%d bytes became %d", len(data), text.Len())
		}
		if err == nil && len(data) > 0 && len(data) < 8 {
			t.Error("truncated frame header accepted")
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
		"both streams":     {frame(1, "a\n") + frame(2, "b\n"), "a\nb\n", nil},
		"empty":            {"", "", nil},
		"truncated frame":  {frame(1, "abcdef")[:10], "ab", io.EOF},
		"truncated header": {frame(1, "")[:5], "", io.ErrUnexpectedEOF},
		"terminal output":  {"some text as it is", "", dockerclient.ErrFrames},
		"engine error":     {frame(3, "x"), "", dockerclient.ErrFrames},
	} {
		var out bytes.Buffer
		if err := dockerclient.Demux(&out, strings.NewReader(tt.in)); !errors.Is(err, tt.err) || out.String() != tt.want {
			t.Errorf("%s: %q %v", name, out.String(), err)
		}
	}
}

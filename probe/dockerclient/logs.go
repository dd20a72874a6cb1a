package dockerclient

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// maxLogRead bounds the bytes read from a log.
const maxLogRead = 256 << 20

// ErrLogTooLong is wrapped when a log exceeds maxLogRead.
var ErrLogTooLong = errors.New("larger than 256 MiB")

// Log copies a container's stdout and stderr since a time. They may contain anything: check them, never show them. On
// ErrLogTooLong the first maxLogRead bytes were copied.
func (e *Engine) Log(ctx context.Context, c *Container, since time.Time, to io.Writer) error {
	at := strconv.FormatInt(since.Unix(), 10) + "." + fmt.Sprintf("%09d", since.Nanosecond())
	stream, err := e.api.ContainerLogs(ctx, c.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Since: at})
	if err != nil {
		return e.requestError(ctx, "read a log", err)
	}
	defer func() { _ = stream.Close() }()
	limited := &io.LimitedReader{R: stream, N: maxLogRead}
	if c.Config.Tty {
		_, err = io.Copy(to, limited)
	} else {
		err = Demux(to, limited)
	}
	switch {
	case ctx.Err() != nil:
		return probe.Needs(deployment.DockerService.Setting("host"), probe.Unknown(probe.ReasonTimeout, fmt.Errorf("timeout while reading the log of container %s",
			c.Name)))
	case limited.N <= 0:
		return probe.Unknown(probe.ReasonInvalid, fmt.Errorf("log of container %s is %w", c.Name, ErrLogTooLong))
	case err != nil:
		return probe.Unknownf(probe.ReasonError, "log stream of container %s ended early", c.Name)
	}
	return nil
}

var ErrFrames = errors.New("invalid log frame")

// Demux decodes the multiplexed log of a container without a terminal: each frame is a stream number, three zero bytes
// and a four-byte length.
func Demux(to io.Writer, from io.Reader) error {
	in := bufio.NewReader(from)
	var head [8]byte
	for {
		switch _, err := io.ReadFull(in, head[:]); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case head[0] > 2 || head[1]|head[2]|head[3] != 0:
			return ErrFrames
		}
		if _, err := io.CopyN(to, in, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			return err
		}
	}
}

package probe

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
)

// maxLogRead bounds what is read of a log to find its end.
const maxLogRead = 256 << 20

// errLogTooLong is behind the error of a log that was read up to the limit.
var errLogTooLong = errors.New("longer than is read")

// log writes what a container has written since a time, to both outputs. It may hold anything: it is judged, never shown. What is behind
// errLogTooLong was written up to there.
func (e *engine) log(ctx context.Context, c *dockerContainer, since time.Time, to io.Writer) error {
	at := strconv.FormatInt(since.Unix(), 10) + "." + fmt.Sprintf("%09d", since.Nanosecond())
	stream, err := e.api.ContainerLogs(ctx, c.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Since: at})
	if err != nil {
		return e.unasked(ctx, "read a log", err)
	}
	defer func() { _ = stream.Close() }()
	limited := &io.LimitedReader{R: stream, N: maxLogRead}
	if c.Config.Tty {
		_, err = io.Copy(to, limited)
	} else {
		err = demux(to, limited)
	}
	switch {
	case ctx.Err() != nil:
		return Needs(dockerSetting, Unknown(ReasonTimeout, fmt.Errorf("the log of container %s is not read in time", c.Name)))
	case limited.N <= 0:
		return Unknown(ReasonInvalid, fmt.Errorf("the log of container %s is %w", c.Name, errLogTooLong))
	case err != nil:
		return Unknownf(ReasonError, "the log of container %s breaks off", c.Name)
	}
	return nil
}

var errFrames = errors.New("not the frames that a log comes in")

// demux joins the frames that a container without a terminal has its outputs sent in: a stream's number, three zeros, the length in four bytes.
func demux(to io.Writer, from io.Reader) error {
	in := bufio.NewReader(from)
	var head [8]byte
	for {
		switch _, err := io.ReadFull(in, head[:]); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case head[0] > 2 || head[1]|head[2]|head[3] != 0:
			return errFrames
		}
		if _, err := io.CopyN(to, in, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			return err
		}
	}
}

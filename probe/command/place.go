package command

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// place is where programs are.
type place struct {
	directory string // of --probe.command-directory
	root      bool   // the exporter runs as root
	owner     uint32 // who must own the directory and its programs: root
}

// open opens a program for its start. Each element of the directory's path is opened without following links, and checked
// by its descriptor, so that nothing can be exchanged between the check and the start.
func (at place) open(name string) (*os.File, error) {
	switch {
	case at.directory == "":
		return nil, probe.Needs("--probe.command-directory", probe.Unknown(probe.ReasonNotConfigured,
			errors.New("no directory of commands is configured")))
	case at.root:
		return nil, probe.Needs("an exporter that does not run as root", probe.Unknown(probe.ReasonOverPrivileged,
			errors.New("the exporter runs as root and starts no commands")))
	case !filepath.IsAbs(at.directory):
		return nil, refused("the directory of commands", "is not an absolute path")
	case name != filepath.Base(name) || name == "." || name == "..":
		return nil, refused("the program", "is not a name in the directory")
	}
	dir, err := at.openDirectory()
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(dir) }()
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, unopened(name, err)
	}
	file := os.NewFile(uintptr(fd), name)
	if err := at.checkProgram(name, fd); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func (at place) openDirectory() (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Open("/", flags, 0)
	if err != nil {
		return -1, unopened("/", err)
	}
	shown := "/"
	elements := strings.Split(strings.Trim(filepath.Clean(at.directory), "/"), "/")
	for i, element := range elements {
		if element == "" {
			continue // the root itself
		}
		next, err := unix.Openat(fd, element, flags, 0)
		_ = unix.Close(fd)
		shown = filepath.Join(shown, element)
		if err != nil {
			return -1, unopened(shown, err)
		}
		fd = next
		if err := at.checkDirectory(shown, fd, i == len(elements)-1); err != nil {
			_ = unix.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// checkDirectory requires that only the owner can exchange what is in a directory. Above the last one, the sticky bit
// protects it as well.
func (at place) checkDirectory(shown string, fd int, last bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return unopened(shown, err)
	}
	switch {
	case st.Uid != 0 && st.Uid != at.owner:
		return refused(shown, "is not owned by root")
	case st.Mode&0o022 != 0 && (last || st.Mode&unix.S_ISVTX == 0):
		return refused(shown, "is writable by others than root. Run chmod go-w on it")
	}
	return nil
}

func (at place) checkProgram(name string, fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return unopened(name, err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return refused(name, "is not a regular file")
	case st.Uid != at.owner:
		return refused(name, "is not owned by root")
	case st.Mode&0o022 != 0:
		return refused(name, "is writable by others than root. Run chmod go-w on it")
	case st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0:
		return refused(name, "has the setuid or setgid bit. Remove it")
	}
	if n, err := unix.Fgetxattr(fd, "security.capability", nil); err == nil && n > 0 {
		return refused(name, "has file capabilities. Remove them with setcap -r")
	}
	return nil
}

// unopened classifies the error of opening a part of the path.
func unopened(shown string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT):
		return probe.Unknownf(probe.ReasonNotConfigured, "%s does not exist", shown)
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return refused(shown, "is a link, or not what it should be")
	case errors.Is(err, unix.EACCES):
		return refused(shown, "cannot be read by the exporter's user")
	}
	return probe.Unknownf(probe.ReasonError, "%s cannot be opened", shown)
}

package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Unreadable classifies the error of reading a required file: one that does not exist or is not a regular file fails,
// one without read permission is unknown. What is the display name.
func Unreadable(what string, err error) (Result, error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Failed(ReasonMissing, "%s: %v", what, err), nil
	case errors.Is(err, fs.ErrPermission):
		return Result{}, Needs("permission to read the deployment's files", Unknown(ReasonPermissionDenied, fmt.Errorf("%s: %w", what, err)))
	case errors.Is(err, files.ErrNotRegular), errors.Is(err, files.ErrTooLarge), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG):
		return Failed(ReasonInvalid, "%s: %v", what, err), nil
	}
	unknown := Unknown(ReasonOf(err), fmt.Errorf("%s: %w", what, err))
	var told *NotCheckedError
	if errors.As(err, &told) && told.Remedy != "" {
		unknown = Needs(told.Remedy, unknown)
	}
	return Result{}, unknown
}

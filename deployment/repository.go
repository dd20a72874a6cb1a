package deployment

import (
	"errors"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/git"
)

// ErrNoRepository is returned when the deployment is not in a git repository.
var ErrNoRepository = errors.New("the deployment is not in a git repository")

// Head returns the checked-out commit in hexadecimal; "" in a repository without commits. The error is ErrNoRepository
// or a read error.
func (v *View) Head() (string, error) {
	place := v.Place(find.FactRepository).Path()
	if place == "" {
		return "", ErrNoRepository
	}
	return git.Head(place)
}

// Git returns the paths of the deployment's git repository. The error is ErrNoRepository or a read error.
func (v *View) Git() (git.Repository, error) {
	place := v.Place(find.FactRepository).Path()
	if place == "" {
		return git.Repository{}, ErrNoRepository
	}
	return git.Find(place)
}

package probe

import (
	"errors"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// notFound judges that a file was looked for in the deployment's folders and none is there; see unseen. Setting is where its path can be told.
func notFound(p *Pass, place deployment.Place, what, setting string) (Result, error) {
	if err := unseen(p, place, what); err != nil {
		return Result{}, err
	}
	return Failed(ReasonMissing, "no %s in the deployment's folder, deployment/, deploy/ or docs/: write it, or tell where it is with %s", what, setting), nil
}

// unseen is the error of what was not found while folders could not be listed that may hold it; nil when all were.
func unseen(p *Pass, place deployment.Place, what string) error {
	if len(place.Unseen) == 0 {
		return nil
	}
	shown := make([]string, len(place.Unseen))
	for i, dir := range place.Unseen {
		shown[i] = p.Deployment.Rel(dir)
	}
	return Needs("permission to list the deployment's folders", Unknownf(ReasonPermissionDenied, "%s may lie in a folder that cannot be listed: %s", what, someOf(shown)))
}

// notRead judges the error of reading a document; see unreadable.
func notRead(what string, err error) (Result, error) {
	if errors.Is(err, errNotText) {
		return Failed(ReasonInvalid, "%s: %v", what, err), nil
	}
	return unreadable(what, err)
}

package probe

import (
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// NotFound is the result for a file that was searched for in the deployment's folders and not found; see unseen.
// Setting is the setting for its path.
func NotFound(p *Pass, place find.Place, what, setting string) (Result, error) {
	if err := Unlisted(p, place, what); err != nil {
		return Result{}, err
	}
	if err := OtherFormat(p, place, setting); err != nil {
		return Result{}, err
	}
	if sought := find.Sought(place.Fact); sought != "" {
		return Failed(ReasonMissing, "no %s found: %s. Add it, or set its path with %s", what, sought, setting), nil
	}
	return Failed(ReasonMissing, "no %s found in the deployment's folder, deployment/, deploy/ or docs/: add it, or set its path with %s", what, setting), nil
}

// Absent is the error of a probe that has nothing to check because no file was found; it says which one would be read.
func Absent(p *Pass, place find.Place, what, setting string) error {
	if err := Unlisted(p, place, what); err != nil {
		return err
	}
	if err := OtherFormat(p, place, setting); err != nil {
		return err
	}
	return Skip(setting, "%s not found: %s", what, find.Sought(place.Fact))
}

// OtherFormat is the error for a document that is there in a format that is not read; nil for none.
func OtherFormat(p *Pass, place find.Place, setting string) error {
	if len(place.OtherFormats) == 0 {
		return nil
	}
	return Needs(setting, Unknownf(ReasonNotConfigured, "%s was not checked: its format is not read. Convert it, or set %s to a file that can be read",
		p.Deployment.Rel(place.OtherFormats[0]), setting))
}

// Unlisted is the error for a file that was not found while some folders could not be listed; nil when all were listed.
func Unlisted(p *Pass, place find.Place, what string) error {
	if len(place.Unseen) == 0 {
		return nil
	}
	shown := make([]string, len(place.Unseen))
	for i, dir := range place.Unseen {
		shown[i] = p.Deployment.Rel(dir)
	}
	return Needs("permission to list the deployment's folders", Unknownf(ReasonPermissionDenied, "%s may be in a folder that cannot be listed: %s", what, phrase.List(shown)))
}

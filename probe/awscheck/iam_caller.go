package awscheck

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The identity that calls AWS and the identity that uploads. They differ if the exporter has its own credentials. STS
// returns the owner of credentials without any permission, so the deployment's keys are used only for that call.

// identify finds the caller and reads the uploading identity: the named user or role, else the owner of the keys in the
// deployment's environment, else the caller, which may be wrong if the exporter has its own credentials.
func (a *awsAccount) identify(ctx context.Context, named string) (identity, error) {
	id, known, err := a.callerOf(ctx, "the caller")
	if err != nil {
		return identity{}, err
	}
	caller := id.caller
	switch role, isRole := strings.CutPrefix(named, "role/"); {
	case isRole && id.partition != "":
		id.kind, id.name = "role", role[strings.LastIndex(role, "/")+1:]
	case named != "" && id.partition != "":
		id.kind, id.name = "user", strings.TrimPrefix(named, "user/")
	case !a.place.uploader.keyID.Empty():
		keys := a.place.uploader
		id, known, err = a.callerOf(ctx, "the keys in the deployment's environment", func(o *sts.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider(keys.keyID.Reveal(), keys.key.Reveal(), keys.token.Reveal())
		})
		if err != nil {
			return identity{}, err
		}
		if !known {
			return identity{}, probe.Needs(deployment.AWSService.Setting("user"), probe.Unknownf(probe.ReasonNotConfigured,
				"keys in the deployment's environment belong to neither a user nor a role. Set the uploading identity in %s",
				deployment.AWSService.Setting("user")))
		}
		id.caller = caller
	case !known:
		return identity{}, probe.Needs(deployment.AWSService.Setting("user"), probe.Unknownf(probe.ReasonNotConfigured,
			"credentials belong to neither a user nor a role. Set the uploading identity in %s", deployment.AWSService.Setting("user")))
	default:
		id.assumed = a.place.hasOwnCredentials
	}
	switch id.kind {
	case "user":
		err = a.readUser(ctx, &id)
	case "role":
		err = a.readRole(ctx, &id)
	}
	return id, err
}

// whoIs returns the owner of the current or other credentials. known is false for an owner that is neither user nor
// role.
func (a *awsAccount) callerOf(ctx context.Context, whose string, with ...func(*sts.Options)) (id identity, known bool, err error) {
	out, err := a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, with...)
	if err != nil {
		return identity{}, false, a.callError("sts:GetCallerIdentity", whose, awsFaultOf(ctx, err))
	}
	id, known = parseCaller(aws.ToString(out.Arn))
	return id, known, nil
}

// parseCaller parses an ARN of sts:GetCallerIdentity.
func parseCaller(arn string) (identity, bool) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[1] == "" {
		return identity{}, false
	}
	id := identity{partition: part[1], caller: part[5]}
	kind, rest, _ := strings.Cut(part[5], "/")
	switch {
	case part[2] == "iam" && part[5] == "root":
		id.kind = "root"
	case part[2] == "iam" && kind == "user" && rest != "":
		id.kind, id.name = "user", rest[strings.LastIndex(rest, "/")+1:]
	case part[2] == "sts" && kind == "assumed-role" && rest != "":
		id.kind = "role"
		id.name, _, _ = strings.Cut(rest, "/")
	default:
		return id, false
	}
	return id, id.kind == "root" || id.name != ""
}

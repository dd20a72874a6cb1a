package awscheck

import (
	"context"
	"fmt"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// iam_user: can the uploading identity write to the bucket and little more, with rotated keys?
//
// The uploading identity is the one in deployment.aws.user, else the owner of the keys in the deployment's environment,
// else the role or user in use. An exporter with its own read-only credentials, as recommended, is not mistaken for it.
//
// Only policies of the identity are read. Those of the bucket belong to its owner and need another permission.

func IAMUserKind() probe.Kind {
	return probe.Kind{
		Name:     "iam_user",
		Services: []deployment.Service{deployment.AWSService},
		Question: "Can the uploading user or role write to the bucket and little more, and are its keys recent?",
		Example:  "{key_age: 90d}",
		Layer:    probe.LayerLive,
		Reads: "the uploading identity in IAM (deployment.aws.user, else the owner of the keys in the deployment's " +
			"environment, else the caller, which is wrong if the exporter has its own credentials): policies (attached, " +
			"inline, of groups, boundary) and key ages",
		Permission: "the iam:Get… and iam:List… actions of examples/iam-policy.json",
		MaxAge:     15 * time.Minute,
		Timeout:    30 * time.Second,
		Alone:      true,
		New:        func() any { return &iamUser{KeyAge: schema.Duration(90 * 24 * time.Hour)} },
	}
}

type iamUser struct {
	KeyAge  schema.Duration `yaml:"key_age" min:"1d" default:"90d" doc:"age at which an active key becomes stale"`
	Allowed []string        `yaml:"allowed_actions" doc:"actions that the identity may have beyond the bucket, e.g. [ssm:*, logs:PutLogEvents] for the role of an instance"`
}

var iamAction = lazyregexp.New(`^[a-z0-9-]+:[A-Za-z0-9*?]+$`)

func (s *iamUser) Validate() []error {
	var all []error
	for _, a := range s.Allowed {
		if !iamAction.MatchString(a) {
			all = append(all, fmt.Errorf("allowed_actions: %q is not an action such as ssm:GetParameter or ssm:*", a))
		}
	}
	return all
}

func (s *iamUser) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	a, err := awsFor(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	id, err := a.identify(ctx, p.Deployment.AWS.User)
	if err != nil {
		if class := awsClassOf(err); a.place.compatible && (class == awsUnsupported || class == awsNotAWS || class == awsMissing || class == awsOther) {
			return probe.Result{}, probe.Needs("overrides: disable the probe, or attest the item", probe.Unknownf(probe.ReasonNotConfigured,
				"endpoint in %s does not implement the IAM API", deployment.AWSService.Setting("endpoint")))
		}
		return probe.Result{}, err
	}
	return id.judge(a.place.bucket, a.place.prefix, s, p.Time), nil
}

// judge evaluates an identity that uploads to bucket, below prefix.
func (id identity) judge(bucket, prefix string, s *iamUser, now time.Time) probe.Result {
	asked := ""
	if id.kind == "user" && id.caller != "user/"+id.name || id.kind == "root" {
		asked = ", checked as " + id.caller
	}
	if id.missing {
		return probe.Failed(probe.ReasonMissing, "%s does not exist%s", id.String(), asked)
	}
	if id.kind == "root" {
		return probe.Warned(probe.ReasonOverPrivileged, "credentials belong to the account root (%s). Create a user for the backups",
			id.caller)
	}
	may := allowed(id.policies, "s3:putobject", "arn:"+id.partition+":s3:::"+bucket+"/"+prefix+"*")
	if id.boundary != nil {
		may = min(may, allowed([]iamPolicy{*id.boundary}, "s3:putobject", "arn:"+id.partition+":s3:::"+bucket+"/"+prefix+"*"))
	}
	if id.assumed {
		if may == grantNone {
			return probe.Result{State: probe.StateUnknown, Reason: probe.ReasonNotConfigured, Remedy: deployment.AWSService.Setting("user"),
				Detail: fmt.Sprintf("the exporter's own credentials (%s) do not allow uploads to bucket %s: uploading identity "+
					"is unknown", id.String(), bucket)}
		}
		asked = ", assumed to be the uploading identity because the exporter uses its credentials. If another one " +
			"uploads, set " + deployment.AWSService.Setting("user")
	}
	var f probe.ResultBuilder
	switch may {
	case grantNone:
		f.Fail(probe.ReasonMissing, "no policy of %s allows s3:PutObject on bucket %s. If another identity uploads, set %s",
			id.String(), bucket, deployment.AWSService.Setting("user"))
	case grantConditional:
		f.Warn(probe.ReasonWeak, "%s can upload to bucket %s only under conditions, which are not evaluated", id.String(), bucket)
	}
	id.judgeExcess(&f, bucket, lower(s.Allowed))
	if id.kind == "user" {
		id.judgeKeys(&f, s.KeyAge.Std(), now)
	}
	r := f.Result("%s can upload to bucket %s%s", id.String(), bucket, asked)
	if id.assumed && r.State != probe.StatePass {
		r.Detail += asked
	}
	return r
}

// judgeExcess evaluates the permissions beyond the bucket.
func (id identity) judgeExcess(f *probe.ResultBuilder, bucket string, allowed []string) {
	admin, conditional := id.administrator(allowed)
	switch {
	case admin != "" && conditional:
		f.Warn(probe.ReasonOverPrivileged, "%s may be able to become an administrator: %s under conditions, which are not evaluated", id.String(), admin)
	case admin != "":
		f.Fail(probe.ReasonOverPrivileged, "%s is equivalent to an administrator: %s. Remove the permission", id.String(), admin)
	default:
		if over := id.beyond(bucket, allowed); over != "" {
			f.Warn(probe.ReasonOverPrivileged, "%s has more permissions than backups need: %s. Remove them, or add the actions to allowed_actions",
				id.String(), over)
		}
	}
	if id.caller == "root" {
		f.Warn(probe.ReasonOverPrivileged, "the exporter uses credentials of the account root. Create a user or role that may only read")
	}
}

// judgeKeys evaluates the access keys of a user.
func (id identity) judgeKeys(f *probe.ResultBuilder, keyAge time.Duration, now time.Time) {
	active, old := 0, 0
	var oldest time.Duration
	for _, key := range id.keys {
		if !key.active {
			continue
		}
		active++
		switch age := now.Sub(key.created); {
		case key.created.IsZero():
			f.Add(probe.Result{State: probe.StateUnknown, Reason: probe.ReasonInvalid,
				Detail: "IAM returned no creation date for a key of " + id.String()})
		case age < -clockSkew:
			f.Add(probe.Result{State: probe.StateUnknown, Reason: probe.ReasonInvalid,
				Detail: "a key of " + id.String() + " is dated in the future: the clock of this host or of the service is wrong"})
		case age > keyAge:
			old++
			oldest = max(oldest, age)
		}
	}
	switch {
	case active == 0:
		f.Fail(probe.ReasonMissing, "%s has no active access key and cannot upload. If a role uploads, unset %s", id.String(),
			deployment.AWSService.Setting("user"))
	case old > 0:
		f.Warn(probe.ReasonStale, "%d of %d active keys of %s are older than %v, the oldest %d days. Replace and delete old keys",
			old, active, id.String(), schema.Duration(keyAge), int(oldest.Hours()/24))
	}
}

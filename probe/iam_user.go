package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// iam_user: can the uploading identity write to the bucket and little more, with rotated keys?
//
// The uploading identity is the one in deployment.aws.user, else the owner of the keys in the deployment's environment,
// else the role or user in use. An exporter with its own read-only credentials, as recommended, is not mistaken for it.
//
// Only policies of the identity are read. Those of the bucket belong to its owner and need another permission.

func iamUserKind() Kind {
	return Kind{
		Name:     "iam_user",
		Question: "Can the uploading user or role write to the bucket and little more, and are its keys recent?",
		Example:  "{key_age: 90d}",
		Layer:    LayerLive,
		Reads: "the uploading identity in IAM (deployment.aws.user, else the owner of the keys in the deployment's " +
			"environment, else the caller, which is wrong if the exporter has its own credentials): policies (attached, " +
			"inline, of groups, boundary) and key ages; needs the iam:Get… and iam:List… actions of examples/iam-policy.json",
		MaxAge:  15 * time.Minute,
		Timeout: 30 * time.Second,
		Alone:   true,
		New:     func() any { return &iamUser{KeyAge: schema.Duration(90 * 24 * time.Hour)} },
	}
}

type iamUser struct {
	KeyAge schema.Duration `yaml:"key_age" min:"1d" default:"90d" doc:"age at which an active key becomes stale"`
}

func (s *iamUser) Probe(ctx context.Context, p *Pass) (Result, error) {
	a, err := awsFor(ctx, p)
	if err != nil {
		return Result{}, err
	}
	id, err := a.identify(ctx, p.Deployment.AWS.User)
	if err != nil {
		if class := awsClassOf(err); a.place.compatible && (class == awsUnsupported || class == awsUnintelligible || class == awsMissing || class == awsOther) {
			return Result{}, Needs("overrides: disable the probe, or attest the item", Unknownf(ReasonNotConfigured,
				"endpoint in %s does not implement the IAM API", awsEndpointSetting))
		}
		return Result{}, err
	}
	return id.judge(a.place.bucket, a.place.prefix, s.KeyAge.Std(), p.Time), nil
}

// judge evaluates an identity that uploads to bucket, below prefix.
func (id identity) judge(bucket, prefix string, keyAge time.Duration, now time.Time) Result {
	asked := ""
	if id.kind == "user" && id.caller != "user/"+id.name || id.kind == "root" {
		asked = ", checked as " + id.caller
	}
	if id.missing {
		return Failed(ReasonMissing, "%s does not exist%s", id.shown(), asked)
	}
	if id.kind == "root" {
		return Warned(ReasonOverPrivileged, "credentials belong to the account root (%s). Create a user for the backups",
			id.caller)
	}
	may := allowed(id.policies, "s3:putobject", "arn:"+id.partition+":s3:::"+bucket+"/"+prefix+"*")
	if id.boundary != nil {
		may = min(may, allowed([]iamPolicy{*id.boundary}, "s3:putobject", "arn:"+id.partition+":s3:::"+bucket+"/"+prefix+"*"))
	}
	if id.assumed {
		if may == grantNone {
			return Result{State: StateUnknown, Reason: ReasonNotConfigured, Remedy: awsUserSetting,
				Detail: fmt.Sprintf("the exporter's own credentials (%s) do not allow uploads to bucket %s: uploading identity "+
					"is unknown", id.shown(), bucket)}
		}
		asked = ", assumed to be the uploading identity because the exporter uses its credentials. If another one " +
			"uploads, set " + awsUserSetting
	}
	var f Findings
	switch may {
	case grantNone:
		f.Fail(ReasonMissing, "no policy of %s allows s3:PutObject on bucket %s. If another identity uploads, set %s",
			id.shown(), bucket, awsUserSetting)
	case grantConditional:
		f.Warn(ReasonWeak, "%s can upload to bucket %s only under conditions, which are not evaluated", id.shown(), bucket)
	}
	if over := broad(id.policies, id.partition); over != "" && (id.boundary == nil || broad([]iamPolicy{*id.boundary}, id.partition) != "") {
		f.Warn(ReasonOverPrivileged, "%s has more permissions than backups need: %s", id.shown(), over)
	}
	if id.kind == "user" {
		id.judgeKeys(&f, keyAge, now)
	}
	r := f.Result("%s can upload to bucket %s%s", id.shown(), bucket, asked)
	if id.assumed && r.State != StatePass {
		r.Detail += asked
	}
	return r
}

// judgeKeys evaluates the access keys of a user.
func (id identity) judgeKeys(f *Findings, keyAge time.Duration, now time.Time) {
	active, old := 0, 0
	var oldest time.Duration
	for _, key := range id.keys {
		if !key.active {
			continue
		}
		active++
		switch age := now.Sub(key.created); {
		case key.created.IsZero():
			f.Add(Result{State: StateUnknown, Reason: ReasonInvalid,
				Detail: "IAM returned no creation date for a key of " + id.shown()})
		case age > keyAge:
			old++
			oldest = max(oldest, age)
		}
	}
	switch {
	case active == 0:
		f.Fail(ReasonMissing, "%s has no active access key and cannot upload. If a role uploads, unset %s", id.shown(),
			awsUserSetting)
	case old > 0:
		f.Warn(ReasonStale, "%d of %d active keys of %s are older than %v, the oldest %d days. Replace and delete old keys",
			old, active, id.shown(), schema.Duration(keyAge), int(oldest.Hours()/24))
	}
}

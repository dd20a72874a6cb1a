package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// iam_user: may the identity that uploads write to the bucket, and not much more, with keys that are changed?
//
// Who uploads is who deployment.aws.user names, else whose keys the deployment's environment holds, else the role or user in use. An exporter with
// credentials of its own, which may only read as they should, is not taken for the one that uploads and blamed for it.
//
// Its own policies are read, not the bucket's: those belong to the bucket's owner and would need another permission.

func iamUserKind() Kind {
	return Kind{
		Name:     "iam_user",
		Question: "May the user or role that uploads write to the bucket, not much more, and are its keys young?",
		Example:  "{key_age: 90d}",
		Layer:    LayerLive,
		Reads:    "who uploads (deployment.aws.user, else whose keys the deployment's environment holds, else the caller, which is the wrong one where the exporter has credentials of its own and nothing says who uploads) in IAM: policies (attached, inline, of groups, boundary) and ages of keys; needs the iam:Get… and iam:List… actions of examples/iam-policy.json",
		MaxAge:   15 * time.Minute,
		Timeout:  30 * time.Second,
		Alone:    true,
		New:      func() any { return &iamUser{KeyAge: schema.Duration(90 * 24 * time.Hour)} },
	}
}

type iamUser struct {
	KeyAge schema.Duration `yaml:"key_age" min:"1d" default:"90d" doc:"age from which an active key is stale"`
}

func (s *iamUser) Probe(ctx context.Context, p *Pass) (Result, error) {
	a, err := awsFor(ctx, p)
	if err != nil {
		return Result{}, err
	}
	id, err := a.identify(ctx, p.Deployment.AWS.User)
	if err != nil {
		if class := awsClassOf(err); a.place.compatible && (class == awsUnsupported || class == awsUnintelligible || class == awsMissing || class == awsOther) {
			return Result{}, Needs("overrides: disable the probe, or attest the item", Unknownf(ReasonNotConfigured, "the service at %s has no IAM that can be asked", awsEndpointSetting))
		}
		return Result{}, err
	}
	return id.judge(a.place.bucket, a.place.prefix, s.KeyAge.Std(), p.Time), nil
}

// judge judges an identity that uploads to bucket, below prefix.
func (id identity) judge(bucket, prefix string, keyAge time.Duration, now time.Time) Result {
	asked := ""
	if id.kind == "user" && id.caller != "user/"+id.name || id.kind == "root" {
		asked = ", asked as " + id.caller
	}
	if id.missing {
		return Failed(ReasonMissing, "there is no %s%s", id.shown(), asked)
	}
	if id.kind == "root" {
		return Warned(ReasonOverPrivileged, "the credentials in use are the account's root's: make a user for the backups (%s)", id.caller)
	}
	may := allowed(id.policies, "s3:putobject", "arn:"+id.partition+":s3:::"+bucket+"/"+prefix+"*")
	if id.boundary != nil {
		may = min(may, allowed([]iamPolicy{*id.boundary}, "s3:putobject", "arn:"+id.partition+":s3:::"+bucket+"/"+prefix+"*"))
	}
	if id.assumed {
		if may == grantNone {
			return Result{State: StateUnknown, Reason: ReasonNotConfigured, Remedy: awsUserSetting,
				Detail: fmt.Sprintf("the exporter asks with credentials of its own, those of %s, which may not put objects into bucket %s: who uploads is not known", id.shown(), bucket)}
		}
		asked = ", taken for the one that uploads since the exporter asks with its credentials: name another in " + awsUserSetting
	}
	var f Findings
	switch may {
	case grantNone:
		f.Fail(ReasonMissing, "no policy of %s lets it put objects into bucket %s (s3:PutObject); if another one uploads, name it in %s", id.shown(), bucket, awsUserSetting)
	case grantConditional:
		f.Warn(ReasonWeak, "%s may put objects into bucket %s only under conditions, which cannot be judged from here", id.shown(), bucket)
	}
	if over := broad(id.policies, id.partition); over != "" && (id.boundary == nil || broad([]iamPolicy{*id.boundary}, id.partition) != "") {
		f.Warn(ReasonOverPrivileged, "%s may do more than backups need: %s", id.shown(), over)
	}
	if id.kind == "user" {
		id.judgeKeys(&f, keyAge, now)
	}
	r := f.Result("%s may put objects into bucket %s%s", id.shown(), bucket, asked)
	if id.assumed && r.State != StatePass {
		r.Detail += asked
	}
	return r
}

// judgeKeys judges the keys of a user.
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
			f.Add(Result{State: StateUnknown, Reason: ReasonInvalid, Detail: "IAM does not tell the age of a key of " + id.shown()})
		case age > keyAge:
			old++
			oldest = max(oldest, age)
		}
	}
	switch {
	case active == 0:
		f.Fail(ReasonMissing, "%s has no active access key, so that nothing can upload as it; if a role does, leave %s unset", id.shown(), awsUserSetting)
	case old > 0:
		f.Warn(ReasonStale, "%d of %d active keys of %s are older than %v, the oldest %d days: make a new one and delete it", old, active, id.shown(), schema.Duration(keyAge), int(oldest.Hours()/24))
	}
}

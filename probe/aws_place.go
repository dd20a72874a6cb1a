package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Where the backups' bucket is: what deployment.aws says, else what the deployment's own environment tells its backup service. Credentials found
// there are handed to the AWS client and nowhere else.

const (
	awsBucketSetting   = "deployment.aws.bucket"
	awsRegionSetting   = "deployment.aws.region"
	awsEndpointSetting = "deployment.aws.endpoint"
	awsProfileSetting  = "deployment.aws.profile"
	awsUserSetting     = "deployment.aws.user"
	awsRoleSetting     = "deployment.aws.role"
	awsCredentials     = "AWS credentials (deployment.aws.profile, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the host)"
)

// awsPlace is a bucket and how to get to it.
type awsPlace struct {
	bucket, prefix string
	region         string  // "": the SDK's own sources, else the bucket's own
	endpoint       string  // "": AWS
	compatible     bool    // the endpoint is an S3-compatible service and not AWS
	awsKeys                // those of the deployment's environment, when the exporter has none of its own
	own            bool    // the exporter has credentials of its own: a profile, a role to assume, variables
	uploader       awsKeys // those of the deployment's environment, when they are not what the exporter asks with
}

// awsKeys are credentials of AWS.
type awsKeys struct{ keyID, key, token secret.Text }

var (
	// awsBucketName is wider than what AWS creates today: old buckets and S3-compatible services have other names.
	awsBucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$`)
	awsRegionName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,40}$`)
)

// awsPlaceOf finds the bucket of the backups. Without any it is a Skip.
func awsPlaceOf(p *Pass) (awsPlace, error) {
	conf := p.Deployment.AWS
	a := awsPlace{bucket: conf.Bucket, prefix: conf.Prefix}
	var problem error
	look := lookAWS(p, &problem)
	if a.bucket == "" {
		a.bucket = look(awsBucketSetting, "S3_BUCKET", "BACKUP_S3_BUCKET", "S3_BACKUP_BUCKET", "AWS_S3_BUCKET", "AWS_BUCKET", "BACKUP_BUCKET").Reveal()
		if a.prefix == "" && a.bucket != "" {
			a.prefix = look("deployment.aws.prefix", "S3_PREFIX", "BACKUP_S3_PREFIX", "S3_BACKUP_PREFIX", "AWS_S3_PREFIX").Reveal()
		}
	}
	if problem != nil {
		return awsPlace{}, problem
	}
	if a.bucket == "" {
		return awsPlace{}, Skip(awsBucketSetting, "no bucket for backups is configured: neither deployment.aws.bucket nor S3_BUCKET in the deployment's environment")
	}
	if rest, ok := strings.CutPrefix(a.bucket, "s3://"); ok {
		bucket, prefix, _ := strings.Cut(rest, "/")
		a.bucket = bucket
		if a.prefix == "" {
			a.prefix = prefix
		}
	}
	switch {
	case isBlankWord(a.bucket):
		return awsPlace{}, Needs(awsBucketSetting, Unknownf(ReasonPlaceholder, "the name of the bucket is a placeholder"))
	case !awsBucketName.MatchString(a.bucket):
		return awsPlace{}, Needs(awsBucketSetting, Unknownf(ReasonInvalid, "the configured bucket is not a valid bucket name"))
	}
	return awsPlaceIn(p, a)
}

// lookAWS returns awsValue that keeps the first error in problem.
func lookAWS(p *Pass, problem *error) func(setting string, keys ...string) secret.Text {
	return func(setting string, keys ...string) secret.Text {
		v, err := awsValue(p, setting, keys...)
		if err != nil && *problem == nil {
			*problem = err
		}
		return v
	}
}

// awsPlaceIn finds how to get to a bucket.
func awsPlaceIn(p *Pass, a awsPlace) (awsPlace, error) {
	conf := p.Deployment.AWS
	a.region, a.endpoint = conf.Region, conf.Endpoint
	var problem error
	look := lookAWS(p, &problem)
	if a.region == "" {
		a.region = look(awsRegionSetting, "AWS_REGION", "AWS_DEFAULT_REGION", "S3_REGION").Reveal()
	}
	if a.endpoint == "" {
		a.endpoint = look(awsEndpointSetting, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT", "S3_ENDPOINT_URL").Reveal()
		for _, key := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
			if a.endpoint == "" {
				a.endpoint = p.Getenv(key)
			}
		}
	}
	apart := conf.Profile != "" || ownAWSCredentials(p)
	a.own = apart || conf.Role != ""
	if problem != nil {
		return awsPlace{}, problem
	}
	keys := awsKeys{look(awsCredentials, "AWS_ACCESS_KEY_ID"), look(awsCredentials, "AWS_SECRET_ACCESS_KEY"), look(awsCredentials, "AWS_SESSION_TOKEN")}
	if !apart {
		a.awsKeys = keys
	}
	if a.own && problem == nil && !keys.keyID.Empty() && !keys.key.Empty() && !isPlaceholder(keys.keyID.Reveal()) && !isPlaceholder(keys.key.Reveal()) {
		a.uploader = keys
	}
	if problem != nil && !apart {
		return awsPlace{}, problem
	}
	if a.region != "" && !awsRegionName.MatchString(a.region) {
		return awsPlace{}, Needs(awsRegionSetting, Unknownf(ReasonInvalid, "the configured AWS region is not the name of one"))
	}
	if a.endpoint != "" {
		if !strings.Contains(a.endpoint, "://") {
			a.endpoint = "https://" + a.endpoint
		}
		u, err := url.Parse(a.endpoint)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			return awsPlace{}, Needs(awsEndpointSetting, Unknownf(ReasonInvalid, "the configured endpoint is not an http:// or https:// URL without user and password"))
		}
		host := strings.ToLower(u.Hostname())
		a.compatible = !strings.HasSuffix(host, ".amazonaws.com") && !strings.HasSuffix(host, ".amazonaws.com.cn")
	}
	return a, nil
}

// ownAWSCredentials tells whether the exporter was given credentials of its own, which go before those of the deployment: they may be narrower.
func ownAWSCredentials(p *Pass) bool {
	for _, key := range []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		if p.Getenv(key) != "" {
			return true
		}
	}
	return false
}

// awsValue is a value of the deployment's environment, empty when nobody sets it. Setting is what can be configured instead.
func awsValue(p *Pass, setting string, keys ...string) (secret.Text, error) {
	v, err := p.View.Value(keys...)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return secret.Text{}, nil // no env file: nothing is set
	case err != nil:
		return secret.Text{}, Needs(setting, Unknown(blockedOr(err), fmt.Errorf("%s cannot be looked up: %w", keys[0], err)))
	case v.Ref.Kind != "":
		return secret.Text{}, Needs(setting, Unknownf(ReasonNotConfigured, "%s is kept elsewhere (%s): it is not known here", v.Key, v.Ref.Kind))
	case len(v.Unset) > 0:
		return secret.Text{}, Needs(setting, Unknownf(ReasonPlaceholder, "%s at %s refers to %s, which has no value", v.Key, v.Origin, strings.Join(v.Unset, ", ")))
	}
	return v.Text, nil
}

// blockedOr is blocked for files that are there and cannot be understood.
func blockedOr(err error) Reason {
	var compose *deployment.ComposeError
	var env *deployment.EnvError
	if errors.As(err, &compose) || errors.As(err, &env) {
		return ReasonBlocked
	}
	return reasonOf(err)
}

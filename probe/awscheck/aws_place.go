package awscheck

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Where the backups' bucket is: as deployment.aws says, otherwise as the deployment's own environment tells its backup
// service. Credentials found there are passed to the AWS client only.

const (
	awsCredentials = "AWS credentials (deployment.aws.profile, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the host)"
)

// awsPlace is a bucket and how to access it.
type awsPlace struct {
	bucket, prefix    string
	region            string  // "" for the one from the SDK's own sources, then the bucket's own
	endpoint          string  // "" for AWS
	compatible        bool    // the endpoint is an S3-compatible service and not AWS
	given             bool    // only the deployment's files give the endpoint
	awsKeys                   // of the deployment's environment, when the exporter has none of its own
	hasOwnCredentials bool    // the exporter has credentials of its own: a profile, a role to assume, variables
	uploader          awsKeys // of the deployment's environment, when the exporter uses others
}

// awsKeys are AWS credentials.
type awsKeys struct{ keyID, key, token secret.Text }

var (
	// BucketName accepts more than AWS allows today: old buckets and S3-compatible services have other names.
	BucketName    = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$`)
	awsRegionName = lazyregexp.New(`^[a-z0-9][a-z0-9-]{1,40}$`)
)

// awsPlaceOf finds the bucket of the backups. Without one the error is a Skip.
func awsPlaceOf(p *probe.Pass) (awsPlace, error) {
	conf := p.Deployment.AWS
	a := awsPlace{bucket: conf.Bucket, prefix: conf.Prefix}
	var problem error
	look := awsLookup(p, &problem)
	if a.bucket == "" {
		a.bucket = look(deployment.AWSService.Setting("bucket"), "S3_BUCKET", "BACKUP_S3_BUCKET", "S3_BACKUP_BUCKET", "AWS_S3_BUCKET", "AWS_BUCKET", "BACKUP_BUCKET").Reveal()
		if a.prefix == "" && a.bucket != "" {
			a.prefix = look(deployment.AWSService.Setting("prefix"), "S3_PREFIX", "BACKUP_S3_PREFIX", "S3_BACKUP_PREFIX", "AWS_S3_PREFIX").Reveal()
		}
	}
	if problem != nil {
		return awsPlace{}, problem
	}
	if a.bucket == "" {
		return awsPlace{}, probe.Skip(deployment.AWSService.Setting("bucket"),
			"no bucket for backups is configured: deployment.aws.bucket and S3_BUCKET in the deployment's environment are unset")
	}
	if rest, ok := strings.CutPrefix(a.bucket, "s3://"); ok {
		bucket, prefix, _ := strings.Cut(rest, "/")
		a.bucket = bucket
		if a.prefix == "" {
			a.prefix = prefix
		}
	}
	switch {
	case secretvalue.IsBlankWord(a.bucket):
		return awsPlace{}, probe.Needs(deployment.AWSService.Setting("bucket"), probe.Unknownf(probe.ReasonPlaceholder, "the bucket name is a placeholder"))
	case !BucketName.MatchString(a.bucket):
		return awsPlace{}, probe.Needs(deployment.AWSService.Setting("bucket"), probe.Unknownf(probe.ReasonInvalid, "the configured bucket name is invalid"))
	}
	return awsPlaceIn(p, a)
}

// awsLookup returns a function like awsValue that keeps the first error in problem.
func awsLookup(p *probe.Pass, problem *error) func(setting string, keys ...string) secret.Text {
	return func(setting string, keys ...string) secret.Text {
		v, err := awsValue(p, setting, keys...)
		if err != nil && *problem == nil {
			*problem = err
		}
		return v
	}
}

// awsPlaceIn finds how to access a bucket.
func awsPlaceIn(p *probe.Pass, a awsPlace) (awsPlace, error) {
	conf := p.Deployment.AWS
	a.region, a.endpoint = conf.Region, conf.Endpoint
	var problem error
	look := awsLookup(p, &problem)
	if a.region == "" {
		a.region = look(deployment.AWSService.Setting("region"), "AWS_REGION", "AWS_DEFAULT_REGION", "S3_REGION").Reveal()
	}
	if a.endpoint == "" {
		a.endpoint = look(deployment.AWSService.Setting("endpoint"), "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT", "S3_ENDPOINT_URL").Reveal()
		a.given = a.endpoint != ""
		for _, key := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
			if a.endpoint == "" {
				a.endpoint = p.Getenv(key)
			}
		}
	}
	if problem != nil {
		return awsPlace{}, problem
	}
	if err := a.checkEndpoint(); err != nil {
		return awsPlace{}, err
	}
	if a.region != "" && !awsRegionName.MatchString(a.region) {
		return awsPlace{}, probe.Needs(deployment.AWSService.Setting("region"), probe.Unknownf(probe.ReasonInvalid, "the configured AWS region is invalid"))
	}
	keys := awsKeys{look(awsCredentials, "AWS_ACCESS_KEY_ID"), look(awsCredentials, "AWS_SECRET_ACCESS_KEY"), look(awsCredentials, "AWS_SESSION_TOKEN")}
	complete := problem == nil && !keys.keyID.Empty() && !keys.key.Empty()
	apart := conf.Profile != "" || hasOwnAWSCredentials(p)
	if a.given && a.compatible {
		if problem == nil && !complete {
			problem = reach.KeepCredential("an AWS credential of the exporter", deployment.AWSService.Setting("endpoint"))
		}
		apart = false // whoever gives the address gives the credentials
	}
	a.hasOwnCredentials = apart || conf.Role != ""
	if !apart {
		a.awsKeys = keys
	}
	if a.hasOwnCredentials && complete && !secretvalue.IsPlaceholder(keys.keyID.Reveal()) && !secretvalue.IsPlaceholder(keys.key.Reveal()) {
		a.uploader = keys
	}
	if problem != nil && !apart {
		return awsPlace{}, problem
	}
	return a, nil
}

// awsHost matches AWS's own names of S3. Other names below amazonaws.com may belong to anybody's server.
var awsHost = lazyregexp.New(`^s3([.-](dualstack|fips|accelerate|[a-z]{2}(-[a-z]+)+-[0-9]))*\.amazonaws\.com(\.cn)?$`)

// checkEndpoint completes the endpoint and reports whose it is.
func (a *awsPlace) checkEndpoint() error {
	if a.endpoint == "" {
		return nil
	}
	if !strings.Contains(a.endpoint, "://") {
		a.endpoint = "https://" + a.endpoint
	}
	u, err := url.Parse(a.endpoint)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return probe.Needs(deployment.AWSService.Setting("endpoint"), probe.Unknownf(probe.ReasonInvalid,
			"the configured endpoint must be an http:// or https:// URL without user and password"))
	}
	host := strings.ToLower(u.Hostname())
	a.compatible = !strings.HasSuffix(host, ".amazonaws.com") && !strings.HasSuffix(host, ".amazonaws.com.cn")
	if a.given {
		a.compatible = !awsHost.MatchString(host)
	}
	return nil
}

// hasOwnAWSCredentials reports whether the exporter was given credentials of its own. They take precedence over the
// deployment's, since they may be narrower.
func hasOwnAWSCredentials(p *probe.Pass) bool {
	for _, key := range []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		if p.Getenv(key) != "" {
			return true
		}
	}
	return false
}

// awsValue returns a value of the deployment's environment, empty when unset. setting is what can be configured
// instead.
func awsValue(p *probe.Pass, setting string, keys ...string) (secret.Text, error) {
	v, err := p.View.Value(keys...)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return secret.Text{}, nil // no env file: nothing is set
	case err != nil:
		return secret.Text{}, probe.Needs(setting, probe.Unknown(blockedOr(err), fmt.Errorf("%s cannot be determined: %w", keys[0], err)))
	case v.Ref.Kind != "":
		return secret.Text{}, probe.Needs(setting,
			probe.Unknownf(probe.ReasonNotConfigured, "%s is stored elsewhere (%s) and not known here", v.Key, v.Ref.Kind))
	case len(v.Unset) > 0:
		return secret.Text{}, probe.Needs(setting, probe.Unknownf(probe.ReasonPlaceholder, "%s at %s refers to %s, which is unset",
			v.Key, v.Origin, strings.Join(v.Unset, ", ")))
	}
	return v.Text, nil
}

// blockedOr returns blocked for files that exist but cannot be parsed.
func blockedOr(err error) probe.Reason {
	var compose *compose.Error
	var env *env.Error
	if errors.As(err, &compose) || errors.As(err, &env) {
		return probe.ReasonBlocked
	}
	return probe.ReasonOf(err)
}

package awscheck

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// s3_bucket: does the backup bucket exist, and does it keep overwritten objects?
//
// Each setting needs its own permission. A missing permission makes that setting unknown; the others are still checked.

func S3BucketKind() probe.Kind {
	return probe.Kind{
		Name:       "s3_bucket",
		Services:   []deployment.Service{deployment.AWSService},
		Question:   "Does the backup bucket exist, with versioning, public access blocked and a lifecycle rule?",
		Example:    "{}",
		Layer:      probe.LayerLive,
		Reads:      "the bucket's settings (deployment.aws)",
		Permission: "s3:ListBucket, s3:GetBucketVersioning, s3:GetBucketPublicAccessBlock and s3:GetLifecycleConfiguration",
		MaxAge:     10 * time.Minute,
		Timeout:    awsTimeout,
		Alone:      true,
		New:        func() any { return &s3Bucket{} },
	}
}

type s3Bucket struct {
	Retention schema.Duration `yaml:"retention" min:"1d" doc:"how long backups must be kept; BACKUP_RETENTION_DAYS of the deployment's environment, else 7d, when not set"`
}

// bucketFacts are the settings found, each with its error.
type bucketFacts struct {
	name       string
	compatible bool // not AWS itself

	headErr       error
	versioning    string // "" for never enabled
	versioningErr error
	block         []string // public access settings that are off
	blockKnown    bool     // the service reported them
	blockErr      error
	lifecycle     lifecycle
	retention     time.Duration
	retentionOf   string // where it is set
	rulesErr      error
}

func (s *s3Bucket) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	a, err := awsFor(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	bucket := &a.place.bucket
	f := bucketFacts{name: *bucket, compatible: a.place.compatible}
	// Versioning goes first: its errors have a body with the cause, errors of HEAD have none.
	versioning, err := onBucket(ctx, a, "s3:GetBucketVersioning", func(at func(*s3.Options)) (*s3.GetBucketVersioningOutput, error) {
		return a.s3.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: bucket}, at)
	})
	if f.versioningErr = err; err == nil {
		f.versioning = string(versioning.Status)
	} else if r, fatal := a.fatal(err); fatal {
		return r, outcome(r, err)
	}
	_, f.headErr = onBucket(ctx, a, "s3:ListBucket", func(at func(*s3.Options)) (*s3.HeadBucketOutput, error) {
		return a.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket}, at)
	})
	if awsCode(f.headErr, "NotFound", "NoSuchBucket") {
		return probe.Failed(probe.ReasonMissing, "bucket %s does not exist", *bucket), nil
	}
	block, err := onBucket(ctx, a, "s3:GetBucketPublicAccessBlock", func(at func(*s3.Options)) (*s3.GetPublicAccessBlockOutput, error) {
		return a.s3.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: bucket}, at)
	})
	switch {
	case err == nil:
		f.block, f.blockKnown = unblocked(block.PublicAccessBlockConfiguration), block.PublicAccessBlockConfiguration != nil
	case awsCode(err, "NoSuchPublicAccessBlockConfiguration"):
		f.block, f.blockKnown = unblocked(nil), true
	default:
		f.blockErr = err
	}
	rules, err := onBucket(ctx, a, "s3:GetLifecycleConfiguration", func(at func(*s3.Options)) (*s3.GetBucketLifecycleConfigurationOutput, error) {
		return a.s3.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: bucket}, at)
	})
	switch {
	case err == nil:
		f.retention, f.retentionOf = s.retention(p)
		f.lifecycle = lifecycleOf(rules.Rules, a.place.prefix, f.retention, p.Time)
	case !awsCode(err, "NoSuchLifecycleConfiguration"):
		f.rulesErr = err
	}
	return f.judge(), nil
}

// fatal reports whether an error applies to all requests to the bucket.
func (a *awsAccount) fatal(err error) (probe.Result, bool) {
	if r, err := a.bucketMissing(err); err == nil {
		return r, true
	}
	class := awsClassOf(err)
	return probe.Result{}, class != awsDenied && class != awsUnsupported
}

// outcome drops the error when there is a verdict.
func outcome(r probe.Result, err error) error {
	if r.State != 0 {
		return nil
	}
	return err
}

// unblocked lists the public access settings that are off.
func unblocked(c *types.PublicAccessBlockConfiguration) []string {
	if c == nil {
		c = &types.PublicAccessBlockConfiguration{}
	}
	var open []string
	for _, b := range []struct {
		name string
		on   *bool
	}{{"BlockPublicAcls", c.BlockPublicAcls}, {"IgnorePublicAcls", c.IgnorePublicAcls}, {"BlockPublicPolicy", c.BlockPublicPolicy}, {"RestrictPublicBuckets", c.RestrictPublicBuckets}} {
		if !aws.ToBool(b.on) {
			open = append(open, b.name)
		}
	}
	return open
}

// judge checks the settings. Beyond versioning, a setting that a service other than AWS does not support or disclose is
// reported in the detail only.
func (b bucketFacts) judge() probe.Result {
	var f probe.ResultBuilder
	var told []string
	if b.headErr != nil {
		f.Add(probe.NotChecked(b.headErr))
	}
	switch {
	case b.versioningErr != nil:
		f.Add(probe.NotChecked(b.versioningErr))
	case b.versioning != string(types.BucketVersioningStatusEnabled):
		f.Fail(probe.ReasonMissing, "versioning of bucket %s is %s: overwritten or deleted backups are lost", b.name, offOr(b.versioning))
	}
	foreign := func(err error) bool {
		class := awsClassOf(err)
		return b.compatible && (class == awsUnsupported || class == awsDenied || class == awsNotAWS)
	}
	switch {
	case b.blockErr != nil && foreign(b.blockErr), b.blockErr == nil && !b.blockKnown && b.compatible:
		told = append(told, "the service does not report whether public access is blocked")
	case b.blockErr != nil:
		f.Add(probe.NotChecked(b.blockErr))
	case len(b.block) > 0:
		f.Warn(probe.ReasonExposed, "public access to bucket %s is not fully blocked: %s", b.name, strings.Join(b.block, ", "))
	}
	switch {
	case b.rulesErr != nil && foreign(b.rulesErr):
		told = append(told, "the service does not report whether old backups expire")
	case b.rulesErr != nil:
		f.Add(probe.NotChecked(b.rulesErr))
	default:
		b.judgeLifecycle(&f)
	}
	detail := "bucket " + b.name + " exists, with versioning"
	if len(told) > 0 {
		return f.Result("%s (%s)", detail, strings.Join(told, "; "))
	}
	return f.Result("%s, public access blocked and a lifecycle rule", detail)
}

// offOr returns the word for a bucket's disabled versioning.
func offOr(status string) string {
	if status == "" {
		return "off"
	}
	return phrase.Known(strings.ToLower(status), "suspended")
}

package probe

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// s3_bucket: is the backups' bucket there, and does it keep what is overwritten?
//
// Each question needs a permission of its own. One that is missing leaves that question open and the others answered.

func s3BucketKind() Kind {
	return Kind{
		Name:     "s3_bucket",
		Question: "Does the bucket of the backups exist, with versioning, closed to the public, and with a lifecycle rule?",
		Example:  "{}",
		Layer:    LayerLive,
		Reads:    "the bucket's settings (deployment.aws); needs s3:ListBucket, s3:GetBucketVersioning, s3:GetBucketPublicAccessBlock and s3:GetLifecycleConfiguration",
		MaxAge:   10 * time.Minute,
		Timeout:  awsTimeout,
		Alone:    true,
		New:      func() any { return &s3Bucket{} },
	}
}

type s3Bucket struct{}

// bucketFacts is what was found; an error beside each thing that could not be asked.
type bucketFacts struct {
	name       string
	compatible bool // not AWS itself

	headErr       error
	versioning    string // "" for never enabled
	versioningErr error
	block         []string // the kinds of public access that are not blocked
	blockKnown    bool     // the service has said something of them
	blockErr      error
	rules         int // lifecycle rules that are enabled
	rulesErr      error
}

func (s *s3Bucket) Probe(ctx context.Context, p *Pass) (Result, error) {
	a, err := awsFor(ctx, p)
	if err != nil {
		return Result{}, err
	}
	bucket := &a.place.bucket
	f := bucketFacts{name: *bucket, compatible: a.place.compatible}
	// Versioning goes first: its errors have a body that says why, which HEAD's have not.
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
		return Failed(ReasonMissing, "there is no bucket %s", *bucket), nil
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
		for _, rule := range rules.Rules {
			if rule.Status == types.ExpirationStatusEnabled {
				f.rules++
			}
		}
	case !awsCode(err, "NoSuchLifecycleConfiguration"):
		f.rulesErr = err
	}
	return f.judge(), nil
}

// fatal tells whether an error stands for all that could be asked of a bucket.
func (a *awsAccount) fatal(err error) (Result, bool) {
	if r, err := a.noBucket(err); err == nil {
		return r, true
	}
	class := awsClassOf(err)
	return Result{}, class != awsDenied && class != awsUnsupported
}

// outcome drops the error of what has been judged.
func outcome(r Result, err error) error {
	if r.State != 0 {
		return nil
	}
	return err
}

// unblocked names the kinds of public access that a configuration does not block.
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

// judge judges what was found. What a service that is not AWS does not know or does not let be asked beyond versioning is told.
func (b bucketFacts) judge() Result {
	var f Findings
	var told []string
	if b.headErr != nil {
		f.Add(unanswered(b.headErr))
	}
	switch {
	case b.versioningErr != nil:
		f.Add(unanswered(b.versioningErr))
	case b.versioning != string(types.BucketVersioningStatusEnabled):
		f.Fail(ReasonMissing, "versioning of bucket %s is %s: a backup that is overwritten or deleted is lost", b.name, offOr(b.versioning))
	}
	foreign := func(err error) bool {
		class := awsClassOf(err)
		return b.compatible && (class == awsUnsupported || class == awsDenied || class == awsUnintelligible)
	}
	switch {
	case b.blockErr != nil && foreign(b.blockErr), b.blockErr == nil && !b.blockKnown && b.compatible:
		told = append(told, "the service does not say whether public access is blocked")
	case b.blockErr != nil:
		f.Add(unanswered(b.blockErr))
	case len(b.block) > 0:
		f.Warn(ReasonExposed, "public access to bucket %s is not fully blocked: %s", b.name, strings.Join(b.block, ", "))
	}
	switch {
	case b.rulesErr != nil && foreign(b.rulesErr):
		told = append(told, "the service does not say whether old backups expire")
	case b.rulesErr != nil:
		f.Add(unanswered(b.rulesErr))
	case b.rules == 0:
		f.Warn(ReasonMissing, "bucket %s has no lifecycle rule that is enabled: old versions stay for ever", b.name)
	}
	detail := "bucket " + b.name + " is there, with versioning"
	if len(told) > 0 {
		return f.Result("%s (%s)", detail, strings.Join(told, "; "))
	}
	return f.Result("%s, closed to the public, with a lifecycle rule", detail)
}

// offOr is the word for a bucket's versioning that is not enabled.
func offOr(status string) string {
	if status == "" {
		return "off"
	}
	return known(strings.ToLower(status), "suspended")
}

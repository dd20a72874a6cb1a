package awscheck

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// s3_encryption: does the bucket encrypt new objects? Some S3-compatible services return 200 with an empty body: that
// is not encryption.

func S3EncryptionKind() probe.Kind {
	return probe.Kind{
		Name:       "s3_encryption",
		Services:   []deployment.Service{deployment.AWSService},
		Question:   "Does the backup bucket encrypt by default?",
		Example:    "{}",
		Layer:      probe.LayerLive,
		Reads:      "the bucket's settings (deployment.aws)",
		Permission: "s3:GetEncryptionConfiguration",
		MaxAge:     10 * time.Minute,
		Timeout:    awsTimeout,
		Alone:      true,
		New:        func() any { return &s3Encryption{} },
	}
}

type s3Encryption struct{}

func (s *s3Encryption) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	a, err := awsFor(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	out, err := onBucket(ctx, a, "s3:GetEncryptionConfiguration", func(at func(*s3.Options)) (*s3.GetBucketEncryptionOutput, error) {
		return a.s3.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &a.place.bucket}, at)
	})
	switch {
	case awsCode(err, "ServerSideEncryptionConfigurationNotFoundError"):
		return probe.Failed(probe.ReasonMissing, "bucket %s has no default encryption", a.place.bucket), nil
	case err != nil:
		return a.bucketMissing(err)
	}
	return judgeEncryption(a.place.bucket, out.ServerSideEncryptionConfiguration), nil
}

// judgeEncryption checks a bucket's default encryption.
func judgeEncryption(bucket string, c *types.ServerSideEncryptionConfiguration) probe.Result {
	if c == nil || len(c.Rules) == 0 {
		return probe.Failed(probe.ReasonEmpty, "the service returned no default encryption rule for bucket %s", bucket)
	}
	for _, rule := range c.Rules {
		if rule.ApplyServerSideEncryptionByDefault == nil {
			continue
		}
		if algorithm := string(rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm); encrypts(algorithm) {
			return probe.Passed("bucket %s encrypts by default with %s", bucket, algorithm)
		}
	}
	return probe.Failed(probe.ReasonMissing, "no default encryption rule of bucket %s names AES256, aws:kms or aws:kms:dsse", bucket)
}

// encrypts reports whether the algorithm is one of S3's server-side encryption.
func encrypts(algorithm string) bool {
	switch types.ServerSideEncryption(algorithm) {
	case types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse:
		return true
	}
	return false
}

package awscheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/backupcheck"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// s3_object: was the newest backup uploaded completely and encrypted?
//
// The newest object under the prefix with the name of a finished backup is checked. S3 lists by name, not by time, so
// the whole list is needed: a prefix with more objects than are listed is unknown, never judged by a part.

// maxS3Pages bounds a listing: 50 pages of 1000 names.
const maxS3Pages = 50

// clockSkew is how far the service's clock may be ahead of this host's, as everywhere.
const clockSkew = 5 * time.Minute

func S3ObjectKind() probe.Kind {
	return probe.Kind{
		Name:       "s3_object",
		Services:   []deployment.Service{deployment.AWSService},
		Question:   "Is the newest backup in the bucket fresh, encrypted and as large as the one on this host?",
		Example:    "{fresh: 26h}",
		Layer:      probe.LayerLive,
		Reads:      "the bucket's list under deployment.aws.prefix, the newest object's properties, and the local backups' names (deployment.backup)",
		Permission: "s3:ListBucket and s3:GetObject",
		Values:     []*probe.Value{backupcheck.LastSuccess, backupcheck.Size},
		MaxAge:     5 * time.Minute,
		Timeout:    30 * time.Second,
		Alone:      true,
		New:        func() any { return &s3ObjectSpec{Smaller: 0.5} },
	}
}

type s3ObjectSpec struct {
	Smaller float64         `yaml:"smaller" min:"0" max:"1" default:"0.5" doc:"a backup smaller than this share of the previous one is suspicious; 0 disables the check"`
	Prefix  string          `yaml:"prefix" doc:"key or prefix of the backups; default: deployment.aws.prefix"`
	Fresh   schema.Duration `yaml:"fresh" min:"1m" doc:"greatest age of the newest object; default: deployment.backup.max_age"`
}

// s3Backup is the newest backup in the bucket.
type s3Backup struct {
	Key       string
	Size      int64
	Modified  time.Time
	Encrypted string // the algorithm; "" for none
	Before    string // key of the backup of the same series before it; "" for none
	BeforeOf  int64  // its size
}

// localBackup is the newest local backup older than the one in the bucket; the name is empty when there is none.
type localBackup struct {
	Name string
	Size int64
}

func (s *s3ObjectSpec) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	a, err := awsFor(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	prefix := s.Prefix
	if prefix == "" {
		prefix = a.place.prefix
	}
	where := "s3://" + a.place.bucket + "/" + prefix
	newest, others, err := a.newest(ctx, prefix)
	switch {
	case err != nil:
		return a.bucketMissing(err)
	case newest.Key == "" && others > 0:
		return probe.Failed(probe.ReasonMissing, "none of the %d objects under %s is named like a finished backup", others, where), nil
	case newest.Key == "":
		return probe.Failed(probe.ReasonMissing, "no objects under %s: no backup has been uploaded", where), nil
	}
	samples := []probe.Sample{backupcheck.LastSuccess.Of(phrase.Seconds(newest.Modified), "s3"), backupcheck.Size.Of(float64(newest.Size), "s3")}
	head, err := onBucket(ctx, a, "s3:GetObject", func(at func(*s3.Options)) (*s3.HeadObjectOutput, error) {
		return a.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &a.place.bucket, Key: &newest.Key}, at)
	})
	if err == nil {
		newest.Encrypted = string(head.ServerSideEncryption)
		if newest.Encrypted == "" && aws.ToString(head.SSECustomerAlgorithm) == "AES256" {
			newest.Encrypted = "AES256"
		}
	}
	limit := s.Fresh.Std()
	if limit == 0 {
		limit = p.Deployment.Backup.MaxAge.Std()
	}
	if limit == 0 {
		limit = 26 * time.Hour
	}
	local, localErr := localBefore(ctx, p, newest.Modified)
	return judgeS3Backup(newest, err, local, localErr, s3Terms{limit, s.Smaller, p.Time}).With(samples...), nil
}

// newest lists the objects under the prefix and returns the newest finished backup and the number of other objects.
func (a *awsAccount) newest(ctx context.Context, prefix string) (newest s3Backup, others int, err error) {
	last := map[string][2]s3Backup{} // the two newest of each series
	err = a.List(ctx, prefix, "", deployment.AWSService.Setting("prefix"), func(o types.Object) {
		name := path.Base(aws.ToString(o.Key))
		if !backup.LooksLike(name) || backup.Unfinished(name) || o.LastModified == nil || o.Size == nil {
			others++
			return
		}
		b := s3Backup{Key: *o.Key, Size: *o.Size, Modified: *o.LastModified}
		if newest.Key == "" || b.Modified.After(newest.Modified) {
			newest = b
		}
		switch two := last[seriesOf(b.Key)]; {
		case two[0].Key == "" || b.Modified.After(two[0].Modified):
			last[seriesOf(b.Key)] = [2]s3Backup{b, two[0]}
		case two[1].Key == "" || b.Modified.After(two[1].Modified):
			last[seriesOf(b.Key)] = [2]s3Backup{two[0], b}
		}
	})
	if err != nil {
		return s3Backup{}, 0, err
	}
	if two := last[seriesOf(newest.Key)]; two[0].Key == newest.Key {
		newest.Before, newest.BeforeOf = two[1].Key, two[1].Size
	}
	return newest, others, nil
}

var changing = lazyregexp.New(`(?i)\b(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?\b|\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b|[0-9]+`)

// seriesOf returns what the keys of one series of backups have in common: all but numbers and dates.
func seriesOf(key string) string {
	return changing.ReplaceAllString(strings.ReplaceAll(key, "_", "-"), "0")
}

// List visits every object under a prefix; with a delimiter, only those without it in the rest of their name. Too many
// objects are an error, which names the setting to narrow the list.
func (a *awsAccount) List(ctx context.Context, prefix, delimiter, setting string, visit func(types.Object)) error {
	in := &s3.ListObjectsV2Input{Bucket: &a.place.bucket, Prefix: &prefix}
	if delimiter != "" {
		in.Delimiter = &delimiter
	}
	for page := 0; ; page++ {
		if page == maxS3Pages {
			return probe.Needs(setting, probe.Unknownf(probe.ReasonError, "more than %d objects under s3://%s/%s: name a narrower prefix", maxS3Pages*1000, a.place.bucket, prefix))
		}
		out, err := onBucket(ctx, a, "s3:ListBucket", func(at func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
			return a.s3.ListObjectsV2(ctx, in, at)
		})
		if err != nil {
			return err
		}
		for _, o := range out.Contents {
			visit(o)
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		next := aws.ToString(out.NextContinuationToken)
		if next == "" || next == aws.ToString(in.ContinuationToken) {
			return probe.Needs(deployment.AWSService.Setting("endpoint"), probe.Unknownf(probe.ReasonInvalid, "the service truncated the list of bucket %s", a.place.bucket))
		}
		in.ContinuationToken = &next
	}
}

// localBefore finds the newest backup on this host finished before a time. Backups in a container, backups without a
// size and backups at an unknown place are not compared.
func localBefore(ctx context.Context, p *probe.Pass, before time.Time) (localBackup, error) {
	_, set, err := backupcheck.FindBackups(ctx, p)
	var unanswered *probe.NotCheckedError
	switch {
	case errors.As(err, &unanswered) && (unanswered.Skip || unanswered.Reason == probe.ReasonBlocked),
		errors.Is(err, fs.ErrNotExist), errors.Is(err, backup.ErrNone), errors.Is(err, backup.ErrUnfinished), errors.Is(err, backup.ErrRepository):
		return localBackup{}, nil // initial_backup reports it
	case err != nil:
		return localBackup{}, err
	}
	for _, f := range []backup.File{set.Newest, set.Before} {
		if f.Path != "" && !f.Directory && !f.Modified.After(before) {
			return localBackup{filepath.Base(f.Path), f.Size}, nil
		}
	}
	return localBackup{}, nil
}

// s3Terms are what a backup must keep.
type s3Terms struct {
	fresh   time.Duration
	smaller float64 // share of the size of the one before
	now     time.Time
}

// judgeS3Backup checks the newest object. headErr: its properties could not be read; localErr: the local backups could
// not be read.
func judgeS3Backup(b s3Backup, headErr error, local localBackup, localErr error, terms s3Terms) probe.Result {
	var f probe.ResultBuilder
	limit, now := terms.fresh, terms.now
	age := now.Sub(b.Modified)
	switch {
	case age > limit:
		f.Fail(probe.ReasonStale, "the newest backup in the bucket, %s, is %s old, expected at most %s", b.Key, phrase.Duration(age), phrase.Duration(limit))
	case age < -clockSkew:
		f.Add(probe.Result{State: probe.StateUnknown, Reason: probe.ReasonInvalid, Detail: fmt.Sprintf("%s is dated in the future: the clock of this host or of the service is wrong", b.Key)})
	}
	if b.Size == 0 {
		f.Fail(probe.ReasonEmpty, "%s is empty", b.Key)
	}
	if b.Before != "" && b.Size > 0 && float64(b.Size) < terms.smaller*float64(b.BeforeOf) {
		f.Warn(probe.ReasonThreshold, "%s has %d bytes, far fewer than the %d of the previous one, %s", b.Key, b.Size, b.BeforeOf, b.Before)
	}
	switch {
	case headErr != nil:
		f.Add(probe.NotChecked(headErr))
	case !encrypts(b.Encrypted):
		f.Fail(probe.ReasonExposed, "%s is not encrypted", b.Key)
	}
	compared := ""
	switch {
	case localErr != nil:
		f.Add(probe.NotChecked(probe.Needs("deployment.backup", probe.Unknown(probe.ReasonOf(localErr), fmt.Errorf("the local backup to compare with: %w", localErr)))))
	case local.Name == "":
		compared = ", not compared with a local one"
	case b.Size > 0 && b.Size < local.Size && path.Ext(b.Key) == path.Ext(local.Name):
		f.Fail(probe.ReasonTruncated, "%s has %d bytes, but %s on this host has %d: the upload is incomplete", b.Key, b.Size, local.Name, local.Size)
	case b.Size > 0 && b.Size < local.Size:
		// Compressed or encrypted during upload: sizes are not comparable.
		f.Warn(probe.ReasonMismatch, "%s has %d bytes, but %s on this host has %d, and their formats differ", b.Key, b.Size, local.Name, local.Size)
	default:
		compared = ", as large as " + local.Name + " on this host"
	}
	return f.Result("%s is %s old, %d bytes, encrypted with %s%s", b.Key, phrase.Duration(age), b.Size, b.Encrypted, compared)
}

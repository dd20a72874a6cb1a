package evidencecheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/evidence"
	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/awscheck"
)

// Reports in a bucket, laid out like an evidence folder: PREFIX/<commit>/tests.json, and next to the commit folders
// reports that contain their commit. Only names that can match the commit are listed, because a bucket keeps years of
// evidence.

// fromS3 reads the newest report under a prefix, or the single object of a configured report.
func (a evidencePlaces) fromS3(ctx context.Context, r remoteEvidence) (evidence.Evidence, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(r.At, "s3://"), "/")
	prefix = strings.ReplaceAll(prefix, "{report}", a.stem())
	if !awscheck.BucketName.MatchString(bucket) || r.Report != "" && baseOf(prefix) == "" {
		return evidence.Evidence{}, probe.Needs(deployment.EvidenceService.Setting("places"), probe.Unknownf(probe.ReasonInvalid,
			"deployment.%s must have the form s3://bucket/prefix", r.section))
	}
	account, err := awscheck.At(ctx, a.p, bucket)
	if err != nil {
		return evidence.Evidence{}, evidenceBucket(bucket, err)
	}
	var listed []types.Object
	list := func(prefix, delimiter string) {
		if err == nil {
			err = account.List(ctx, prefix, delimiter, deployment.EvidenceService.Setting("places"), func(o types.Object) { listed = append(listed, o) })
		}
	}
	commitOf := func(key string) (string, bool) { return evidence.PathCommit(key, a.commit), key == prefix }
	if r.Report != "" {
		list(prefix, "")
	} else {
		if prefix != "" && !strings.HasSuffix(prefix, "/") {
			prefix += "/"
		}
		if len(a.commit) < 7 {
			list(prefix, "")
		} else {
			list(prefix+strings.ToLower(a.commit[:7]), "")
			list(prefix+a.stem(), "/")
		}
		commitOf = func(key string) (string, bool) { return a.inBucket(strings.TrimPrefix(key, prefix)) }
	}
	if err != nil {
		return evidence.Evidence{}, evidenceBucket(bucket, err)
	}
	return evidence.Newest(ctx, evidence.Ordered(a.candidates(bucket, listed, commitOf), a.commit), a.kind, a.commit, a.memory), nil
}

// evidenceBucket adds the bucket to an error.
func evidenceBucket(bucket string, err error) error { return fmt.Errorf("s3://%s: %w", bucket, err) }

// inBucket returns the commit in a key below the prefix, and whether the key is a report of the kind and commit.
func (a evidencePlaces) inBucket(key string) (commit string, ok bool) {
	dir, base := path.Split(key)
	if !evidence.NameFits(base, a.stem()) {
		return "", false
	}
	if dir == "" {
		return "", true
	}
	commit = strings.TrimSuffix(dir, "/")
	return commit, report.IsCommit(commit) && (a.commit == "" || report.SameCommit(commit, a.commit))
}

func (a evidencePlaces) candidates(bucket string, listed []types.Object, commitOf func(key string) (string, bool)) []evidence.Candidate {
	records := map[string]bool{}
	for _, o := range listed {
		if key, ok := strings.CutSuffix(aws.ToString(o.Key), evidence.MetaSuffix); ok {
			records[key] = true
		}
	}
	var found []evidence.Candidate
	for _, o := range listed {
		key := aws.ToString(o.Key)
		commit, ok := commitOf(key)
		if !ok {
			continue
		}
		s := s3Report{p: a.p, place: "s3://" + bucket + "/" + key, tag: aws.ToString(o.ETag), modified: aws.ToTime(o.LastModified), record: records[key]}
		found = append(found, evidence.Candidate{Name: s.place, Commit: commit, Modified: s.modified, Source: s})
	}
	return found
}

// s3Report is an evidence.Source.
type s3Report struct {
	p        *probe.Pass
	place    string
	tag      string
	modified time.Time
	record   bool // a .meta.yaml file exists
}

// Open implements evidence.Source. The object is fetched at the first read.
func (s s3Report) Open(ctx context.Context) (io.ReadCloser, evidence.Meta, error) {
	meta := evidence.Meta{Modified: s.modified}
	if s.tag != "" {
		meta.Version.Tag = s.tag + " " + s.modified.UTC().Format(time.RFC3339)
	}
	if s.record {
		o, err := awscheck.OpenS3(ctx, s.p, s.place+evidence.MetaSuffix)
		if err != nil {
			return nil, meta, fmt.Errorf("record file: %w", err)
		}
		meta.Record, err = io.ReadAll(io.LimitReader(o, maxRecordFile+1)) // the parser rejects one that is too long
		_ = o.Close()
		if err != nil {
			return nil, meta, fmt.Errorf("record file: %w", probe.Unknown(probe.ReasonTruncated, bodyError(err)))
		}
	}
	return &lazyBody{left: stream.MaxFetched, open: func() (io.ReadCloser, error) {
		o, err := awscheck.OpenS3(ctx, s.p, s.place)
		if err != nil {
			return nil, err
		}
		if o.Tag != s.tag {
			return nil, errors.Join(files.ErrChanged, o.Close()) // after it was listed
		}
		return o, nil
	}}, meta, nil
}

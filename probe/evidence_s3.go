package probe

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

	"github.com/thenexusengine/catalyst_exporter/evidence"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// Reports in a bucket, laid out as in an evidence folder: PREFIX/<commit>/tests.json, and beside the commits' folders those that say their commit by
// themselves. Only names that can be of the commit are listed, since a bucket keeps the evidence of years.

// fromS3 reads the newest report under a prefix, or the one object that a configured report names.
func (a evidencePlaces) fromS3(ctx context.Context, r remoteEvidence) (evidence.Evidence, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(r.At, "s3://"), "/")
	prefix = strings.ReplaceAll(prefix, "{report}", string(a.kind))
	if !awsBucketName.MatchString(bucket) || r.Report != "" && baseOf(prefix) == "" {
		return evidence.Evidence{}, Needs(evidencePlacesSetting, Unknownf(ReasonInvalid, "deployment.%s is not s3://bucket/prefix", r.section))
	}
	account, err := awsAt(ctx, a.p, bucket)
	if err != nil {
		return evidence.Evidence{}, evidenceBucket(bucket, err)
	}
	var listed []types.Object
	list := func(prefix, delimiter string) {
		if err == nil {
			err = account.list(ctx, prefix, delimiter, evidencePlacesSetting, func(o types.Object) { listed = append(listed, o) })
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
			list(prefix+string(a.kind), "/")
		}
		commitOf = func(key string) (string, bool) { return a.inBucket(strings.TrimPrefix(key, prefix)) }
	}
	if err != nil {
		return evidence.Evidence{}, evidenceBucket(bucket, err)
	}
	return evidence.Newest(ctx, evidence.Ordered(a.candidates(bucket, listed, commitOf), a.commit), a.kind, a.commit, a.memory), nil
}

// evidenceBucket names the bucket in an error.
func evidenceBucket(bucket string, err error) error { return fmt.Errorf("s3://%s: %w", bucket, err) }

// inBucket tells from a key below the prefix of which commit a report of the kind is, and whether it is one that counts.
func (a evidencePlaces) inBucket(key string) (commit string, ok bool) {
	dir, base := path.Split(key)
	if !evidence.NameFits(base, a.kind) {
		return "", false
	}
	if dir == "" {
		return "", true
	}
	commit = strings.TrimSuffix(dir, "/")
	return commit, evidence.IsCommit(commit) && (a.commit == "" || evidence.SameCommit(commit, a.commit))
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
	p        *Pass
	place    string
	tag      string
	modified time.Time
	record   bool // there is one beside it
}

// Open implements evidence.Source. The object itself is fetched when it is read.
func (s s3Report) Open(ctx context.Context) (io.ReadCloser, evidence.Meta, error) {
	meta := evidence.Meta{Modified: s.modified}
	if s.tag != "" {
		meta.Version.Tag = s.tag + " " + s.modified.UTC().Format(time.RFC3339)
	}
	if s.record {
		o, err := openS3(ctx, s.p, s.place+evidence.MetaSuffix)
		if err != nil {
			return nil, meta, fmt.Errorf("its record: %w", err)
		}
		meta.Record, err = io.ReadAll(io.LimitReader(o, maxRecordFile+1)) // one that is too long is refused where it is read
		_ = o.Close()
		if err != nil {
			return nil, meta, fmt.Errorf("its record: %w", Unknown(ReasonTruncated, brokenOff(err)))
		}
	}
	return &lazyBody{left: evidence.MaxFetched, open: func() (io.ReadCloser, error) {
		o, err := openS3(ctx, s.p, s.place)
		if err != nil {
			return nil, err
		}
		if o.Tag != s.tag {
			return nil, errors.Join(files.ErrChanged, o.Close()) // since it was listed
		}
		return o, nil
	}}, meta, nil
}

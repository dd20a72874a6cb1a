// Package awscheck checks the S3 bucket, its encryption and objects, and the IAM identity that writes to it.
package awscheck

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// How probes call S3, IAM and STS, or an S3-compatible service. All calls only read. Clients are built once (loading
// AWS's configuration on every scrape costs several times what the calls cost) and kept until the address, the
// credentials or AWS's own files change.

const (
	// awsResponseTimeout bounds the wait for the head of one response. A call is tried twice at most, so that a silent
	// service is reported before a kind's timeout.
	awsResponseTimeout = 5 * time.Second
	awsAttempts        = 2
	awsTimeout         = 20 * time.Second // of a kind
	// imdsTimeout: off EC2 nothing listens at the address of the instance metadata, which is tried last.
	imdsTimeout = time.Second
	maxAWSBody  = 4 << 20 // a page has a thousand keys of a KiB at most
	awsPeekSize = 512
	// awsHome is the region called first when none is known; its response names the bucket's own.
	awsHome = "us-east-1"
)

// awsAccount makes calls on behalf of one deployment.
type awsAccount struct {
	place   awsPlace
	s3      *s3.Client
	iam     *iamClient
	sts     *sts.Client
	creds   aws.CredentialsProvider
	objects *http.Client // without a bound on the body, for objects

	mu     sync.Mutex
	region string // the bucket's, as far as known
}

// awsKey identifies a kept client: that of the backups' bucket, or of another bucket when none for backups is
// configured.
type awsKey struct{ bucket string }

// awsFor returns the account of the deployment's backups with credentials loaded. Without a bucket the error is a Skip.
func awsFor(ctx context.Context, p *probe.Pass) (*awsAccount, error) { return awsWith(ctx, p, "") }

// At returns the deployment's account for any bucket.
func At(ctx context.Context, p *probe.Pass, bucket string) (*awsAccount, error) {
	a, err := awsWith(ctx, p, bucket)
	if err == nil && bucket != a.place.bucket {
		other := awsPlace{bucket: bucket, region: a.place.region, endpoint: a.place.endpoint, compatible: a.place.compatible, given: a.place.given}
		a = &awsAccount{place: other, s3: a.s3, objects: a.objects, region: a.regionNow()}
	}
	return a, err
}

// awsWith is awsFor with a bucket to use when none for backups is configured.
func awsWith(ctx context.Context, p *probe.Pass, instead string) (*awsAccount, error) {
	key := awsKey{}
	place, err := awsPlaceOf(p)
	var none *probe.NotCheckedError
	if instead != "" && errors.As(err, &none) && none.Skip {
		key.bucket = instead
		place, err = awsPlaceIn(p, awsPlace{bucket: instead})
	}
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, probe.Unknown(probe.ReasonTimeout, err)
	}
	a, err := probe.Keep(p.Kept, key, place.fingerprint(p), func() (*awsAccount, func(), error) { return newAWS(p, place) })
	if err != nil {
		return nil, err
	}
	return probe.Once(ctx, p, a, func(ctx context.Context) (*awsAccount, error) {
		_, err := a.creds.Retrieve(ctx)
		return a, a.credentialsError(ctx, p.Deployment.AWS, err)
	})
}

// fingerprint changes with everything that requires another client.
func (a awsPlace) fingerprint(p *probe.Pass) string {
	print := sha256.New()
	conf := p.Deployment.AWS
	_, _ = fmt.Fprintf(print, "%q %q %q %q %q %q %q", a.bucket, a.prefix, a.region, a.endpoint, conf.Profile, conf.Role, p.Agent)
	_, _ = fmt.Fprintf(print, " %q %q %q", a.keyID.Reveal(), a.key.Reveal(), a.token.Reveal())
	_, _ = fmt.Fprintf(print, " %q %q %q %t", a.uploader.keyID.Reveal(), a.uploader.key.Reveal(), a.uploader.token.Reveal(), a.hasOwnCredentials)
	_, _ = fmt.Fprintf(print, " %t %v", a.given, reach.GuardOf(p))
	for _, file := range [...]struct{ key, name string }{{"AWS_CONFIG_FILE", "config"}, {"AWS_SHARED_CREDENTIALS_FILE", "credentials"}} {
		path := p.Getenv(file.key)
		if path == "" {
			path = filepath.Join(p.Getenv("HOME"), ".aws", file.name)
		}
		if info, err := os.Stat(path); err == nil {
			_, _ = fmt.Fprintf(print, " %s", hex.EncodeToString(fmt.Appendf(nil, "%s %d %d", file.name, info.Size(), info.ModTime().UnixNano())))
		}
	}
	return hex.EncodeToString(print.Sum(nil))
}

// newAWS builds the clients. It does not connect.
func newAWS(p *probe.Pass, place awsPlace) (*awsAccount, func(), error) {
	conf := p.Deployment.AWS
	builder := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = p.Dial
		if place.given { // a proxy would connect where the guard does not see it
			dial, guard := p.Dial, reach.GuardOf(p)
			t.Proxy = nil
			t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				return dial(guard.Context(ctx), network, address)
			}
		}
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if p.Roots != nil {
			t.TLSClientConfig.RootCAs = p.Roots.Clone() // AWS_CA_BUNDLE is added to it
		}
		t.TLSHandshakeTimeout, t.ResponseHeaderTimeout, t.IdleConnTimeout = awsResponseTimeout, awsResponseTimeout, 30*time.Second
		t.MaxResponseHeaderBytes = httpclient.MaxHeaders
	})
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(builder),
		config.WithLogger(logging.Nop{}),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = awsAttempts, 500*time.Millisecond })
		}),
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) {
			o.Client = imds.New(imds.Options{Retryer: aws.NopRetryer{}, HTTPClient: &http.Client{Timeout: imdsTimeout,
				Transport: &http.Transport{DialContext: p.Dial, DisableKeepAlives: true, MaxResponseHeaderBytes: httpclient.MaxHeaders}}})
		}),
	}
	if conf.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(conf.Profile))
	}
	if place.region != "" {
		options = append(options, config.WithRegion(place.region))
	}
	if !place.keyID.Empty() && !place.key.Empty() {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(place.keyID.Reveal(), place.key.Reveal(), place.token.Reveal())))
	}
	// Only AWS's files are read here, so no context of a caller is needed.
	loaded, err := config.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		var noProfile config.SharedConfigProfileNotExistError
		if errors.As(err, &noProfile) {
			return nil, nil, probe.Needs(deployment.AWSService.Setting("profile"),
				probe.Unknownf(probe.ReasonNotConfigured, "the configured profile is not in AWS's configuration files"))
		}
		return nil, nil, probe.Needs(deployment.AWSService.Setting("profile"), probe.Unknownf(probe.ReasonInvalid, "AWS's configuration files or environment variables cannot be read"))
	}
	transport := builder.GetTransport()
	if b, ok := loaded.HTTPClient.(*awshttp.BuildableClient); ok {
		transport = b.GetTransport() // with AWS_CA_BUNDLE
	}
	// Another region needs a new signature, so redirects are not followed here.
	noRedirects := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	loaded.HTTPClient = &http.Client{Transport: boundedTransport{transport}, CheckRedirect: noRedirects}
	loaded.APIOptions = append(loaded.APIOptions, middleware.AddUserAgentKey(p.Agent))
	if loaded.Region == "" {
		loaded.Region = awsHome
	}
	if place.compatible {
		loaded.BaseEndpoint = aws.String(place.endpoint) // credentials of another service must not be sent to AWS
	}
	if conf.Role != "" {
		loaded.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(loaded), conf.Role, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "catalyst-exporter"
		}))
	}
	a := &awsAccount{place: place, creds: loaded.Credentials, region: loaded.Region, objects: &http.Client{Transport: transport, CheckRedirect: noRedirects}}
	a.s3 = s3.NewFromConfig(loaded, func(o *s3.Options) {
		if place.endpoint != "" {
			o.BaseEndpoint = aws.String(place.endpoint)
		}
		// A bucket name with a dot does not match the wildcard certificate of the buckets' own host names.
		o.UsePathStyle = place.endpoint != "" || strings.Contains(place.bucket, ".")
		o.DisableS3ExpressSessionAuth = aws.Bool(true) // it would create a session
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	a.iam, a.sts = newIAM(loaded, p.Agent), sts.NewFromConfig(loaded)
	return a, transport.CloseIdleConnections, nil
}

// boundedTransport bounds responses and refuses those that are not XML: the client would read a login page as a bucket
// without settings.
type boundedTransport struct{ base http.RoundTripper }

// errNotAWS is the error for a response from something other than AWS.
var errNotAWS = errors.New("the response is not from AWS")

func (t boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body := &httpclient.BoundedBody{ReadCloser: resp.Body, Left: maxAWSBody}
	resp.Body = body
	if resp.StatusCode != http.StatusOK || req.Method == http.MethodHead {
		return resp, nil
	}
	start := bufio.NewReaderSize(body, awsPeekSize)
	head, _ := start.Peek(awsPeekSize) // an error is returned again when the body is read
	head = bytes.ToLower(bytes.TrimSpace(head))
	if len(head) > 0 && head[0] != '<' || bytes.Contains(head, []byte("<html")) || bytes.Contains(head, []byte("<!doctype")) {
		_ = body.Close()
		return nil, errNotAWS
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{start, body}
	return resp, nil
}

// uncredited returns the error for credentials that cannot be loaded.
func (a *awsAccount) credentialsError(ctx context.Context, conf deployment.AWS, err error) error {
	if err == nil {
		return nil
	}
	f := awsFaultOf(ctx, err)
	switch {
	case ctx.Err() != nil:
		return probe.Needs(awsCredentials, probe.Unknownf(probe.ReasonTimeout, "timeout while loading AWS credentials"))
	case conf.Role != "" && f.Status != 0:
		return a.callError("sts:AssumeRole", deployment.AWSService.Setting("role"), f)
	case f.Status != 0 && f.class() == awsBadKeys:
		return a.callError("credentials", "this host", f)
	}
	return probe.Needs(awsCredentials, probe.Unknownf(probe.ReasonNotConfigured,
		"no AWS credentials found: the exporter has none, and the deployment's environment sets none"))
}

// regionNow returns the region in which the bucket is called.
func (a *awsAccount) regionNow() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.region
}

// onBucket calls S3. When the response names another region for the bucket, the call is repeated there once, and later
// calls start there. action is the permission that the call needs.
func onBucket[T any](ctx context.Context, a *awsAccount, action string, ask func(at func(*s3.Options)) (T, error)) (T, error) {
	var zero T
	for followed := false; ; followed = true {
		region := a.regionNow()
		out, err := ask(func(o *s3.Options) { o.Region = region })
		if err == nil {
			return out, nil
		}
		f := awsFaultOf(ctx, err)
		if f.class() != awsElsewhere || f.Region == "" || f.Region == region || followed {
			return zero, a.callError(action, "bucket "+a.place.bucket, f)
		}
		a.mu.Lock()
		a.region = f.Region
		a.mu.Unlock()
	}
}

// noBucket turns the error for a bucket that does not exist into a result; other errors are returned.
func (a *awsAccount) bucketMissing(err error) (probe.Result, error) {
	if awsCode(err, "NoSuchBucket") {
		return probe.Failed(probe.ReasonMissing, "bucket %s does not exist", a.place.bucket), nil
	}
	return probe.Result{}, err
}

// s3Object is an object that is being read. The caller that opened it must close it.
type s3Object struct {
	io.ReadCloser
	Size     int64     // as reported by the service; the body may be shorter when the connection breaks
	Tag      string    // of this content; "" when not reported
	Modified time.Time // zero when not reported
}

// OpenS3 opens the object s3://bucket/key with the deployment's credentials. Reading honours ctx and is not bounded in
// size. The error is an Unanswered; its reason is missing when the object does not exist.
func OpenS3(ctx context.Context, p *probe.Pass, place string) (*s3Object, error) {
	rest, ok := strings.CutPrefix(place, "s3://")
	bucket, key, _ := strings.Cut(rest, "/")
	if !ok || !BucketName.MatchString(bucket) || key == "" {
		return nil, probe.Unknownf(probe.ReasonInvalid, "the configured location is not s3://bucket/key")
	}
	a, err := At(ctx, p, bucket)
	if err != nil {
		return nil, err
	}
	out, err := onBucket(ctx, a, "s3:GetObject", func(at func(*s3.Options)) (*s3.GetObjectOutput, error) {
		return a.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key}, at, func(o *s3.Options) { o.HTTPClient = a.objects })
	})
	if err != nil {
		return nil, err
	}
	return &s3Object{out.Body, aws.ToInt64(out.ContentLength), aws.ToString(out.ETag), aws.ToTime(out.LastModified)}, nil
}

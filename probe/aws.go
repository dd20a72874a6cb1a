package probe

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
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// How probes ask S3, IAM and STS, or a service that speaks like S3: reading alone, with clients that are built once (loading AWS's configuration
// on every scrape costs several times what the questions cost) and kept as long as the address, the credentials and AWS's own files stay.

const (
	// awsPatience bounds the wait for the head of one answer; a question is asked twice at most, so that a silent service is known before a
	// kind's timeout.
	awsPatience = 5 * time.Second
	awsAttempts = 2
	awsTimeout  = 20 * time.Second // of a kind
	// imdsPatience: off EC2 nobody answers at the address of the instance's metadata, which is asked last.
	imdsPatience = time.Second
	maxAWSBody   = 4 << 20 // a page has a thousand keys of a KiB at most
	peekedAWS    = 512
	// awsHome is the region asked first when none is known; it tells where a bucket is.
	awsHome = "us-east-1"
)

// awsAccount asks on behalf of one deployment.
type awsAccount struct {
	place   awsPlace
	s3      *s3.Client
	iam     *iam.Client
	sts     *sts.Client
	creds   aws.CredentialsProvider
	objects *http.Client // without bound on the body, for objects

	mu     sync.Mutex
	region string // the bucket's, as far as known
}

// awsKey keeps a client: that of the backups, or that of a bucket of something else while there is none of backups.
type awsKey struct{ bucket string }

// awsFor returns the account of the deployment's backups with credentials at hand. Without a bucket it is a Skip.
func awsFor(ctx context.Context, p *Pass) (*awsAccount, error) { return awsWith(ctx, p, "") }

// awsAt returns the deployment's account for any bucket.
func awsAt(ctx context.Context, p *Pass, bucket string) (*awsAccount, error) {
	a, err := awsWith(ctx, p, bucket)
	if err == nil && bucket != a.place.bucket {
		other := awsPlace{bucket: bucket, region: a.place.region, endpoint: a.place.endpoint, compatible: a.place.compatible}
		a = &awsAccount{place: other, s3: a.s3, objects: a.objects, region: a.regionNow()}
	}
	return a, err
}

// awsWith is awsFor with a bucket that is taken where none of backups is configured.
func awsWith(ctx context.Context, p *Pass, instead string) (*awsAccount, error) {
	key := awsKey{}
	place, err := awsPlaceOf(p)
	var none *Unanswered
	if instead != "" && errors.As(err, &none) && none.Skip {
		key.bucket = instead
		place, err = awsPlaceIn(p, awsPlace{bucket: instead})
	}
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, Unknown(ReasonTimeout, err)
	}
	a, err := Keep(p.Kept, key, place.fingerprint(p), func() (*awsAccount, func(), error) { return newAWS(p, place) })
	if err != nil {
		return nil, err
	}
	return Once(ctx, p, a, func(ctx context.Context) (*awsAccount, error) {
		_, err := a.creds.Retrieve(ctx)
		return a, a.uncredited(ctx, p.Deployment.AWS, err)
	})
}

// fingerprint changes with everything that makes another client.
func (a awsPlace) fingerprint(p *Pass) string {
	print := sha256.New()
	conf := p.Deployment.AWS
	_, _ = fmt.Fprintf(print, "%q %q %q %q %q %q %q", a.bucket, a.prefix, a.region, a.endpoint, conf.Profile, conf.Role, p.Agent)
	_, _ = fmt.Fprintf(print, " %q %q %q", a.keyID.Reveal(), a.key.Reveal(), a.token.Reveal())
	_, _ = fmt.Fprintf(print, " %q %q %q %t", a.uploader.keyID.Reveal(), a.uploader.key.Reveal(), a.uploader.token.Reveal(), a.own)
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
func newAWS(p *Pass, place awsPlace) (*awsAccount, func(), error) {
	conf := p.Deployment.AWS
	builder := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = p.Dial
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if p.Roots != nil {
			t.TLSClientConfig.RootCAs = p.Roots.Clone() // AWS_CA_BUNDLE is added to it
		}
		t.TLSHandshakeTimeout, t.ResponseHeaderTimeout, t.IdleConnTimeout = awsPatience, awsPatience, 30*time.Second
		t.MaxResponseHeaderBytes = maxHeaders
	})
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(builder),
		config.WithLogger(logging.Nop{}),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = awsAttempts, 500*time.Millisecond })
		}),
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) {
			o.Client = imds.New(imds.Options{Retryer: aws.NopRetryer{}, HTTPClient: &http.Client{Timeout: imdsPatience,
				Transport: &http.Transport{DialContext: p.Dial, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeaders}}})
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
	// Reading AWS's files is all that is done here, so that no context of a caller is needed.
	loaded, err := config.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		var noProfile config.SharedConfigProfileNotExistError
		if errors.As(err, &noProfile) {
			return nil, nil, Needs(awsProfileSetting, Unknownf(ReasonNotConfigured, "AWS's configuration files hold no profile of the configured name"))
		}
		return nil, nil, Needs(awsProfileSetting, Unknownf(ReasonInvalid, "AWS's configuration files or environment variables cannot be read"))
	}
	transport := builder.GetTransport()
	if b, ok := loaded.HTTPClient.(*awshttp.BuildableClient); ok {
		transport = b.GetTransport() // with AWS_CA_BUNDLE
	}
	noRedirects := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // a region is followed with a new signature
	loaded.HTTPClient = &http.Client{Transport: boundedTransport{transport}, CheckRedirect: noRedirects}
	loaded.APIOptions = append(loaded.APIOptions, middleware.AddUserAgentKey(p.Agent))
	if loaded.Region == "" {
		loaded.Region = awsHome
	}
	if place.compatible {
		loaded.BaseEndpoint = aws.String(place.endpoint) // the credentials of another service are not sent to AWS
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
		// With a dot in the bucket's name the certificate of its own host name would not fit.
		o.UsePathStyle = place.endpoint != "" || strings.Contains(place.bucket, ".")
		o.DisableS3ExpressSessionAuth = aws.Bool(true) // it would create a session
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	a.iam, a.sts = iam.NewFromConfig(loaded), sts.NewFromConfig(loaded)
	return a, transport.CloseIdleConnections, nil
}

// boundedTransport bounds answers, and refuses those that are no XML: the client would read a log-in page as a bucket with nothing set.
type boundedTransport struct{ base http.RoundTripper }

// errNotAWS is an answer of something else.
var errNotAWS = errors.New("the answer is not one of AWS's")

func (t boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body := &boundedBody{resp.Body, maxAWSBody}
	resp.Body = body
	if resp.StatusCode != http.StatusOK || req.Method == http.MethodHead {
		return resp, nil
	}
	start := bufio.NewReaderSize(body, peekedAWS)
	head, _ := start.Peek(peekedAWS) // an error comes again when the body is read
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

// uncredited is the error of having no credentials.
func (a *awsAccount) uncredited(ctx context.Context, conf deployment.AWS, err error) error {
	if err == nil {
		return nil
	}
	f := awsFaultOf(ctx, err)
	switch {
	case ctx.Err() != nil:
		return Needs(awsCredentials, Unknownf(ReasonTimeout, "no AWS credentials in time"))
	case conf.Role != "" && f.Status != 0:
		return a.unasked("sts:AssumeRole", awsRoleSetting, f)
	case f.Status != 0 && f.class() == awsBadKeys:
		return a.unasked("credentials", "this host", f)
	}
	return Needs(awsCredentials, Unknownf(ReasonNotConfigured, "there are no AWS credentials, neither the exporter's own nor in the deployment's environment"))
}

// regionNow is the region that the bucket is asked in.
func (a *awsAccount) regionNow() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.region
}

// onBucket asks S3. Where the answer names the bucket's own region it is asked there, once, and from then on. Action is the permission it needs.
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
			return zero, a.unasked(action, "bucket "+a.place.bucket, f)
		}
		a.mu.Lock()
		a.region = f.Region
		a.mu.Unlock()
	}
}

// noBucket judges the error of a bucket that does not exist; others stay errors.
func (a *awsAccount) noBucket(err error) (Result, error) {
	if awsCode(err, "NoSuchBucket") {
		return Failed(ReasonMissing, "there is no bucket %s", a.place.bucket), nil
	}
	return Result{}, err
}

// s3Object is an object that is being read. Whoever opened it closes it.
type s3Object struct {
	io.ReadCloser
	Size     int64     // as the service says; the body may be shorter when the connection breaks
	Tag      string    // of this content, "" when the service does not say
	Modified time.Time // zero when the service does not say
}

// openS3 opens the object that s3://bucket/key names, with the deployment's credentials. Reading heeds ctx and is not bounded in size. An error is
// Unanswered; one that is not there has the reason missing.
func openS3(ctx context.Context, p *Pass, place string) (*s3Object, error) {
	rest, ok := strings.CutPrefix(place, "s3://")
	bucket, key, _ := strings.Cut(rest, "/")
	if !ok || !awsBucketName.MatchString(bucket) || key == "" {
		return nil, Unknownf(ReasonInvalid, "the configured place is not s3://bucket/key")
	}
	a, err := awsAt(ctx, p, bucket)
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

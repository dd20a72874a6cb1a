package awscheck

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Calls IAM by its query protocol, with the SDK's credentials, signer, transport and rules for retries. The SDK's own client
// for IAM would add 5 MB to the program, for 176 actions of which 15 are needed.

const (
	iamService = "iam" // in signatures
	iamVersion = "2010-05-08"
)

// iamClient calls IAM on behalf of one set of credentials.
type iamClient struct {
	conf     aws.Config
	endpoint string
	region   string // of the signature
	signer   *v4.Signer
	agent    string
}

// iamResult holds the parts of all responses that are used; a response sets those of its action.
type iamResult struct {
	User *struct {
		PermissionsBoundary *iamBoundary
	}
	Role *struct {
		PermissionsBoundary *iamBoundary
	}
	Policy *struct {
		DefaultVersion string `xml:"DefaultVersionId"`
	}
	PolicyVersion *struct {
		Document string
	}
	PolicyDocument string

	// Lists come in pages. IAM writes the element of a list also when it is empty.
	IsTruncated bool
	Marker      string
	Attached    *iamMembers[iamAttached]  `xml:"AttachedPolicies"`
	Names       *iamMembers[string]       `xml:"PolicyNames"`
	Groups      *iamMembers[iamGroup]     `xml:"Groups"`
	Keys        *iamMembers[iamAccessKey] `xml:"AccessKeyMetadata"`
}

type iamMembers[T any] struct {
	All []T `xml:"member"`
}

type iamGroup struct {
	GroupName string
}

type iamBoundary struct {
	PermissionsBoundaryArn string
}

type iamAttached struct {
	PolicyName string
	PolicyArn  string
}

type iamAccessKey struct {
	Status     string
	CreateDate string
}

// created returns when the key was created; zero when the response does not say.
func (k iamAccessKey) created() time.Time {
	t, _ := time.Parse(time.RFC3339, k.CreateDate)
	return t
}

// newIAM returns the client of a configuration. It does not connect.
func newIAM(conf aws.Config, agent string) *iamClient {
	c := &iamClient{conf: conf, signer: v4.NewSigner(), agent: agent, region: conf.Region, endpoint: configuredIAM(conf)}
	if c.endpoint == "" {
		c.endpoint, c.region = iamOf(conf.Region)
	}
	return c
}

// configuredIAM returns the endpoint that the configuration sets for IAM, or for all services; "" for AWS's own.
func configuredIAM(conf aws.Config) string {
	type services interface {
		GetServiceBaseEndpoint(ctx context.Context, service string) (string, bool, error)
	}
	if conf.BaseEndpoint == nil || *conf.BaseEndpoint == "" {
		for _, from := range conf.ConfigSources {
			if s, ok := from.(services); ok {
				if endpoint, found, err := s.GetServiceBaseEndpoint(context.Background(), "IAM"); err == nil && found {
					return endpoint
				}
			}
		}
	}
	return aws.ToString(conf.BaseEndpoint)
}

// iamOf returns IAM's endpoint for a region and the region that signs for it: one for each partition.
func iamOf(region string) (endpoint, signing string) {
	for _, partition := range []struct{ prefix, host, signing string }{
		{"cn-", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		{"us-gov-", "iam.us-gov.amazonaws.com", "us-gov-west-1"},
		{"us-iso-", "iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
		{"us-isob-", "iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"},
		{"eusc-", "iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
	} {
		if strings.HasPrefix(region, partition.prefix) {
			return "https://" + partition.host, partition.signing
		}
	}
	return "https://iam.amazonaws.com", awsHome
}

// call sends one request, again if the SDK's rules say so. Parameters without a value are left out.
func (c *iamClient) call(ctx context.Context, action string, parameters map[string]string) (*iamResult, error) {
	form := url.Values{"Action": {action}, "Version": {iamVersion}}
	for name, value := range parameters {
		if value != "" {
			form.Set(name, value)
		}
	}
	retryer := c.conf.Retryer()
	for attempt := 1; ; attempt++ {
		result, err := c.send(ctx, action, form.Encode())
		if err == nil || attempt >= retryer.MaxAttempts() || !retryer.IsErrorRetryable(err) {
			return result, err
		}
		delay, errDelay := retryer.RetryDelay(attempt, err)
		if errDelay != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(delay):
		}
	}
}

func (c *iamClient) send(ctx context.Context, action, form string) (*iamResult, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.endpoint, "/")+"/", strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", c.agent)
	keys, err := c.conf.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(form))
	if err := c.signer.SignHTTP(ctx, keys, req, hex.EncodeToString(sum[:]), iamService, c.region, time.Now()); err != nil {
		return nil, err
	}
	resp, err := c.conf.HTTPClient.Do(req)
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		var result iamResult
		if err := decodeIn(body, action+"Result", &result); err != nil {
			return nil, answered(resp, &smithy.DeserializationError{Err: err})
		}
		return &result, nil
	}
	var refused struct{ Code, Message string }
	if err := decodeIn(body, "Error", &refused); err != nil {
		return nil, answered(resp, fmt.Errorf("status %d", resp.StatusCode))
	}
	return nil, answered(resp, &smithy.GenericAPIError{Code: refused.Code, Message: refused.Message})
}

// answered is the error of a response, as the SDK's clients return it.
func answered(resp *http.Response, err error) error {
	return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: resp}, Err: err}
}

// decodeIn decodes the first element with a name, wherever it is.
func decodeIn(body []byte, name string, into any) error {
	for d := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("no element %s", name)
		}
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			return d.DecodeElement(into, &start)
		}
	}
}

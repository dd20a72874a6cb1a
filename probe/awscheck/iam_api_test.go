package awscheck

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// iamAt returns a client for a server.
func iamAt(server *httptest.Server, secret string) *iamClient {
	return newIAM(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &server.URL, HTTPClient: server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", secret, "session"),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = awsAttempts, time.Millisecond })
		},
	}, "test/1")
}

// TestIAM_Request verifies the parameters and the signature of a request with the SDK's signer.
func TestIAM_Request(t *testing.T) {
	secret := parts.Secret()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		if got := form.Encode(); got != "Action=ListUserPolicies&UserName=a%2Fb&Version=2010-05-08" || r.Method != http.MethodPost {
			t.Errorf("%s %s", r.Method, got)
		}
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil {
			t.Error(err)
		}
		again, _ := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.URL.Path, strings.NewReader(string(body)))
		again.Header.Set("Content-Type", r.Header.Get("Content-Type"))
		sum := sha256.Sum256(body)
		keys := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret, SessionToken: "session"}
		if err := v4.NewSigner().SignHTTP(r.Context(), keys, again, hex.EncodeToString(sum[:]), "iam", "eu-central-1", at); err != nil {
			t.Error(err)
		}
		if got, want := r.Header.Get("Authorization"), again.Header.Get("Authorization"); got != want {
			t.Errorf("signature\n%s, want\n%s", got, want)
		}
		_, _ = io.WriteString(w, `<ListUserPoliciesResponse xmlns="x"><ListUserPoliciesResult><PolicyNames><member>p</member></PolicyNames>`+
			`<IsTruncated>true</IsTruncated><Marker>m</Marker></ListUserPoliciesResult></ListUserPoliciesResponse>`)
	}))
	defer server.Close()
	out, err := iamAt(server, secret).call(t.Context(), "ListUserPolicies", map[string]string{"UserName": "a/b", "Marker": ""})
	if err != nil || out.Names == nil || len(out.Names.All) != 1 || out.Names.All[0] != "p" || !out.IsTruncated || out.Marker != "m" {
		t.Errorf("%+v %v", out, err)
	}
}

// TestIAM_Responses expects an error for everything that is not the result of the call: an empty list would be read as an
// identity without policies.
func TestIAM_Responses(t *testing.T) {
	refusal := "<ErrorResponse><Error><Type>Sender</Type><Code>CODE</Code><Message>m</Message></Error></ErrorResponse>"
	for name, tt := range map[string]struct {
		status int
		body   string
		class  awsClass
		calls  int32
	}{
		"empty":             {http.StatusOK, "", awsNotAWS, 1},
		"of another action": {http.StatusOK, "<GetUserResponse><GetUserResult/></GetUserResponse>", awsNotAWS, 1},
		"cut":               {http.StatusOK, "<ListUserPoliciesResponse><ListUserPoliciesResult><PolicyNames><member>p", awsNotAWS, 1},
		"a page":            {http.StatusNotFound, "<html>not found</html>", awsNotAWS, 1},
		"denied":            {http.StatusForbidden, strings.Replace(refusal, "CODE", "AccessDenied", 1), awsDenied, 1},
		"no such user":      {http.StatusNotFound, strings.Replace(refusal, "CODE", "NoSuchEntity", 1), awsMissing, 1},
		"throttled":         {http.StatusBadRequest, strings.Replace(refusal, "CODE", "Throttling", 1), awsThrottled, awsAttempts},
		"broken":            {http.StatusInternalServerError, "", awsBroken, awsAttempts},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer server.Close()
			_, err := iamAt(server, parts.Secret()).call(t.Context(), "ListUserPolicies", map[string]string{"UserName": "u"})
			if err == nil {
				t.Fatal("no error")
			}
			if f := awsFaultOf(t.Context(), err); f.class() != tt.class || calls.Load() != tt.calls {
				t.Errorf("class %d after %d calls (%v); want %d after %d", f.class(), calls.Load(), err, tt.class, tt.calls)
			}
		})
	}
}

// TestIAM_Lists: the policies of an identity are unknown when IAM returns no list, for each of the lists.
func TestIAM_Lists(t *testing.T) {
	for _, action := range []string{"ListAttachedUserPolicies", "ListUserPolicies", "ListGroupsForUser", "ListAccessKeys"} {
		t.Run(action, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			s.Say("iam:"+action, probetest.IAMBody(action, "<IsTruncated>false</IsTruncated>"))
			r := probetest.Look(t, s.Pass(nil), IAMUserKind(), "{}")
			probetest.Expect(t, r, probe.StateUnknown, probe.ReasonInvalid, "no list")
		})
	}
}

// TestIAM_Endpoints: one endpoint for each partition, unless the configuration sets another.
func TestIAM_Endpoints(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1":   "https://iam.amazonaws.com us-east-1",
		"cn-northwest-1": "https://iam.cn-north-1.amazonaws.com.cn cn-north-1",
		"us-gov-east-1":  "https://iam.us-gov.amazonaws.com us-gov-west-1",
		"us-isob-east-1": "https://iam.us-isob-east-1.sc2s.sgov.gov us-isob-east-1",
	} {
		if c := newIAM(aws.Config{Region: region}, ""); c.endpoint+" "+c.region != want {
			t.Errorf("%s: %s %s, want %s", region, c.endpoint, c.region, want)
		}
	}
	c := newIAM(aws.Config{Region: "eu-central-1", ConfigSources: []any{1, ownEndpoint{}}}, "")
	if c.endpoint != "http://localhost:4566" || c.region != "eu-central-1" {
		t.Errorf("set for the service: %s %s", c.endpoint, c.region)
	}
}

type ownEndpoint struct{}

func (ownEndpoint) GetServiceBaseEndpoint(_ context.Context, service string) (string, bool, error) {
	if service != "IAM" {
		return "", false, errors.New("another service")
	}
	return "http://localhost:4566", true, nil
}

package awscheck

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
)

// Classification of the AWS client's errors. Their own texts quote request ids, URLs and server output, so only error
// codes known to this file, HTTP status numbers and our own words are kept.

// awsFault is why a call failed. Its text is safe to show.
type awsFault struct {
	Code    string // reported by the service; "" when it reported none
	Status  int    // of HTTP; 0 without a response
	Region  string // of the bucket, when the response names it
	network error  // of the network, when there was no response
	text    string
}

func (f *awsFault) Error() string { return f.text }
func (f *awsFault) Unwrap() error { return f.network }

// awsClass groups faults by their remedy.
type awsClass int

const (
	awsNone awsClass = iota // not a failed call
	awsOther
	awsMissing     // the requested object does not exist
	awsDenied      // valid credentials without this permission
	awsBadKeys     // invalid credentials
	awsClock       // the clocks differ too much
	awsThrottled   // too many calls
	awsElsewhere   // the bucket is in another region
	awsUnsupported // an S3-compatible service without this call
	awsBroken      // the service reported an internal error
	awsNotAWS      // a response that is not from AWS
	awsNoResponse  // no response
)

// awsFaultOf keeps the parts of an error that are safe to show.
func awsFaultOf(ctx context.Context, err error) *awsFault {
	var f awsFault
	var answered *smithyhttp.ResponseError
	if errors.As(err, &answered) && answered.Response != nil && answered.Response.Response != nil {
		f.Status = answered.HTTPStatusCode()
		if region := answered.Response.Header.Get("X-Amz-Bucket-Region"); awsRegionName.MatchString(region) {
			f.Region = region
		}
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		f.Code = api.ErrorCode()
	}
	var head *types.NotFound
	if f.Code == "NotFound" && !errors.As(err, &head) {
		f.Code = "" // made up by the client for a missing page; genuine for HEAD
	}
	switch {
	case ctx.Err() == nil && errors.Is(err, errNotAWS):
		f.Status = http.StatusOK
	case f.Status != 0 && ctx.Err() == nil:
	case f.Code != "" && ctx.Err() == nil:
	case ctx.Err() == nil && probe.ReasonOf(err) == probe.ReasonTimeout:
		f.network = context.DeadlineExceeded
	default:
		f.network = fault.Redact(ctx, err)
	}
	return &f
}

// class returns the fault's class.
func (f *awsFault) class() awsClass {
	if f.network != nil {
		return awsNoResponse
	}
	switch f.Code {
	case "NoSuchBucket", "NoSuchKey", "NoSuchEntity", "NotFound", "ServerSideEncryptionConfigurationNotFoundError",
		"NoSuchPublicAccessBlockConfiguration", "NoSuchLifecycleConfiguration":
		return awsMissing
	case "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation", "AllAccessDisabled", "AccountProblem":
		return awsDenied
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch",
		"InvalidToken", "InvalidSecurity", "UnrecognizedClientException", "AuthFailure", "NotSignedUp", "IncompleteSignature", "MissingAuthenticationToken":
		return awsBadKeys
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return awsClock
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException", "TooManyRequestsException",
		"RequestLimitExceeded", "BandwidthLimitExceeded", "SlowDown", "Slow Down":
		return awsThrottled
	case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "MovedPermanently":
		return awsElsewhere
	case "NotImplemented", "MethodNotAllowed", "InvalidAction", "UnknownOperationException", "UnsupportedOperation":
		return awsUnsupported
	}
	switch {
	case f.Status >= 300 && f.Status < 400, f.Status == http.StatusBadRequest && f.Region != "":
		return awsElsewhere
	case f.Status == http.StatusForbidden:
		return awsDenied
	case f.Status == http.StatusUnauthorized:
		return awsBadKeys
	case f.Status == http.StatusTooManyRequests:
		return awsThrottled
	case f.Status == http.StatusNotImplemented, f.Status == http.StatusMethodNotAllowed:
		return awsUnsupported
	case f.Status >= 500:
		return awsBroken
	case f.Status >= 200 && f.Status < 300, f.Status == http.StatusNotFound:
		return awsNotAWS
	}
	return awsOther
}

// awsCode reports whether a call was refused with one of the codes.
func awsCode(err error, codes ...string) bool {
	var f *awsFault
	if !errors.As(err, &f) {
		return false
	}
	for _, code := range codes {
		if f.Code == code {
			return true
		}
	}
	return false
}

// awsClassOf returns the class of a call's error.
func awsClassOf(err error) awsClass {
	var f *awsFault
	if errors.As(err, &f) {
		return f.class()
	}
	return awsNone
}

// unasked returns the error for a failed call. action is its permission as policies write it
// ("s3:GetBucketVersioning"); subject is what the call was about.
func (a *awsAccount) callError(action, subject string, f *awsFault) error {
	say := func(remedy string, reason probe.Reason, format string, args ...any) error {
		f.text = fmt.Sprintf("%s of %s: ", action, subject) + fmt.Sprintf(format, args...)
		if remedy == "" {
			return probe.Unknown(reason, f)
		}
		return probe.Needs(remedy, probe.Unknown(reason, f))
	}
	switch f.class() {
	case awsMissing:
		return say(deployment.AWSService.Setting("bucket")+" and "+deployment.AWSService.Setting("user"), probe.ReasonMissing, "not found")
	case awsDenied:
		return say("the permission "+action, probe.ReasonPermissionDenied, "access denied: the credentials in use lack %s", action)
	case awsBadKeys:
		what := "are refused"
		if awsCode(f, "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired") {
			what = "have expired"
		}
		return say(awsCredentials, probe.ReasonPermissionDenied, "the credentials in use %s", what)
	case awsClock:
		return say("correct time on this host", probe.ReasonPermissionDenied,
			"this host's clock is too far from the service's. Synchronize it with NTP")
	case awsThrottled:
		return say("a greater max_age of the probe, or a higher limit of calls", probe.ReasonError, "the service asked to slow down; the call is retried later")
	case awsElsewhere:
		return say(deployment.AWSService.Setting("region"), probe.ReasonMismatch,
			"the bucket is in another region than %s. Set %s to its region", a.regionNow(), deployment.AWSService.Setting("region"))
	case awsUnsupported:
		return say(deployment.AWSService.Setting("endpoint"), probe.ReasonNotConfigured, "the service does not support this call")
	case awsBroken:
		return say("a working service, see its own status", probe.ReasonError, "the service reported an internal error (%d)", f.Status)
	case awsNotAWS:
		return say(deployment.AWSService.Setting("endpoint"), probe.ReasonInvalid, "the response (%d) is not from the service", f.Status)
	case awsNoResponse:
		remedy := deployment.AWSService.Setting("endpoint")
		if a.place.endpoint == "" {
			remedy = "network access from this host to AWS"
		}
		var notDialled fault.NotDialled
		switch { // as for other HTTP probes
		case errors.As(f.network, &notDialled):
			return say(remedy, probe.ReasonNotConfigured, "%v. Set %s", f.network, deployment.AWSService.Setting("endpoint"))
		case errors.Is(f.network, fault.ErrTLS):
			return say(remedy, probe.ReasonMismatch, "no response: %v", f.network)
		case errors.Is(f.network, fault.ErrNotHTTP), errors.Is(f.network, fault.ErrTruncated):
			return say(remedy, probe.ReasonInvalid, "no response: %v", f.network)
		}
		if probe.ReasonOf(f.network) == probe.ReasonTimeout {
			return say(remedy, probe.ReasonTimeout, "no response in time")
		}
		return say(remedy, probe.ReasonOf(f.network), "no connection")
	}
	return say(deployment.AWSService.Setting("endpoint")+" and "+deployment.AWSService.Setting("region"), probe.ReasonError, "the service refused the call (%d)", f.Status)
}

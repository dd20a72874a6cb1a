package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// What the AWS client's errors come to. Their own texts quote request ids, URLs and what the server sent, so that only error codes this file
// knows, HTTP status numbers and our own words are kept.

// awsFault is why a call was not answered. Its text may be shown.
type awsFault struct {
	Code   string // the service's own word; "" when it gave none
	Status int    // of HTTP; 0 without an answer
	Region string // where the bucket is, when the answer says so
	plain  error  // of the network, when there was no answer
	text   string
}

func (f *awsFault) Error() string { return f.text }
func (f *awsFault) Unwrap() error { return f.plain }

// awsClass sorts faults by what is to be done.
type awsClass int

const (
	awsNone awsClass = iota // no fault of a call
	awsOther
	awsMissing        // what was asked for is not there
	awsDenied         // the credentials are good, this is not allowed
	awsBadKeys        // the credentials are not good
	awsClock          // our clock and theirs are too far apart
	awsThrottled      // too many questions
	awsElsewhere      // the bucket is in another region
	awsUnsupported    // an S3-compatible service that does not know the question
	awsBroken         // the service answers that it failed
	awsUnintelligible // an answer, and not one of AWS's
	awsSilent         // no answer
)

// awsFaultOf keeps of an error what may be shown.
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
		f.Code = "" // made up by the client of a page that is not there; of HEAD it is the answer
	}
	switch {
	case ctx.Err() == nil && errors.Is(err, errNotAWS):
		f.Status = http.StatusOK
	case f.Status != 0 && ctx.Err() == nil:
	case f.Code != "" && ctx.Err() == nil:
	case ctx.Err() == nil && reasonOf(err) == ReasonTimeout:
		f.plain = context.DeadlineExceeded
	default:
		f.plain = plainWebError(ctx, err)
	}
	return &f
}

// class sorts the fault.
func (f *awsFault) class() awsClass {
	if f.plain != nil {
		return awsSilent
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
		return awsUnintelligible
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

// awsClassOf is the class of a call's error.
func awsClassOf(err error) awsClass {
	var f *awsFault
	if errors.As(err, &f) {
		return f.class()
	}
	return awsNone
}

// unasked makes the error of a call that action names, as policies write it ("s3:GetBucketVersioning"); subject is what it was asked of.
func (a *awsAccount) unasked(action, subject string, f *awsFault) error {
	say := func(remedy string, reason Reason, format string, args ...any) error {
		f.text = fmt.Sprintf("%s of %s: ", action, subject) + fmt.Sprintf(format, args...)
		if remedy == "" {
			return Unknown(reason, f)
		}
		return Needs(remedy, Unknown(reason, f))
	}
	switch f.class() {
	case awsMissing:
		return say("", ReasonMissing, "there is none")
	case awsDenied:
		return say("the permission "+action, ReasonPermissionDenied, "access denied: the credentials in use lack %s", action)
	case awsBadKeys:
		what := "are refused"
		if awsCode(f, "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired") {
			what = "have expired"
		}
		return say(awsCredentials, ReasonPermissionDenied, "the credentials in use %s", what)
	case awsClock:
		return say("the right time on this host", ReasonPermissionDenied, "this host's clock is too far from the service's: set it by NTP")
	case awsThrottled:
		return say("", ReasonError, "the service asks to slow down; it is asked again later")
	case awsElsewhere:
		return say(awsRegionSetting, ReasonMismatch, "the bucket is in another region than %s: name its own in %s", a.regionNow(), awsRegionSetting)
	case awsUnsupported:
		return say(awsEndpointSetting, ReasonNotConfigured, "the service does not know this question")
	case awsBroken:
		return say("", ReasonError, "the service answers that it failed (%d)", f.Status)
	case awsUnintelligible:
		return say(awsEndpointSetting, ReasonInvalid, "what answers (%d) is not the service", f.Status)
	case awsSilent:
		remedy := awsEndpointSetting
		if a.place.endpoint == "" {
			remedy = "a way from this host to AWS"
		}
		switch { // as everywhere that HTTP is asked
		case errors.Is(f.plain, errTLS):
			return say(remedy, ReasonMismatch, "no answer: %v", f.plain)
		case errors.Is(f.plain, errNotHTTP), errors.Is(f.plain, errBrokenOff):
			return say(remedy, ReasonInvalid, "no answer: %v", f.plain)
		}
		if reasonOf(f.plain) == ReasonTimeout {
			return say(remedy, ReasonTimeout, "no answer in time")
		}
		return say(remedy, reasonOf(f.plain), "no connection")
	}
	return say("", ReasonError, "the service refuses (%d)", f.Status)
}

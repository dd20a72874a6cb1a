package probetest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// A server that speaks S3, IAM and STS to the real AWS client, since no available server covers all three. By default
// it responds as a healthy bucket and user would; each test changes single responses. It records the permission that
// every request needs.

// AWSReply is one response. An error without a body gets the one that AWS would send.
type AWSReply struct {
	Status int
	Code   string // of the error
	Body   string
	Header map[string]string
}

// AWSServer responds by the permission that a request needs.
type AWSServer struct {
	*httptest.Server
	T *testing.T

	Mu      sync.Mutex
	Replies map[string]func(r *http.Request, form url.Values) AWSReply
	Asked   []string // permissions, in order
	Scopes  []string // "region service" of each signature
	Secret  string
	Region  string        // of the bucket; others are redirected to it
	Wander  func() string // region that each request is redirected to instead
}

const (
	AWSTestBucket = "catalyst-prod-backups"
	AWSNS         = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
)

func NewAWSServer(t *testing.T) *AWSServer {
	t.Helper()
	ForgetAWS(t)
	return StartAWS(t)
}

// StartAWS starts a server in an environment without settings for AWS.
func StartAWS(t *testing.T) *AWSServer {
	t.Helper()
	s := &AWSServer{T: t, Replies: map[string]func(*http.Request, url.Values) AWSReply{}, Region: "eu-central-1"}
	random := make([]byte, 20)
	_, _ = rand.Read(random)
	s.Secret = hex.EncodeToString(random)
	s.fine()
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ForgetAWS removes the settings for AWS from the environment until the test ends.
func ForgetAWS(t *testing.T) {
	t.Helper()
	for _, key := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"} {
		t.Setenv(key, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
}

// Pass begins a pass over a deployment whose environment points to the server.
func (s *AWSServer) Pass(change func(*deployment.Settings)) *probe.Pass {
	s.T.Helper()
	settings := deployment.Settings{AWS: deployment.AWS{Endpoint: s.URL}}
	if change != nil {
		change(&settings)
	}
	return NewPass(s.T, Folder{".env.production": "S3_BUCKET=" + AWSTestBucket + "\nAWS_REGION=" + s.Region + "\nAWS_ACCESS_KEY_ID=AKIA" + "TEST\nAWS_SECRET_ACCESS_KEY=" + s.Secret + "\n"}, settings)
}

// Say sets the response to requests that need a permission.
func (s *AWSServer) Say(action string, reply AWSReply) {
	s.Replies[action] = func(*http.Request, url.Values) AWSReply { return reply }
}

func (s *AWSServer) Permissions() []string {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return slices.Sorted(maps.Keys(set(s.Asked)))
}

func set(all []string) map[string]bool {
	m := map[string]bool{}
	for _, a := range all {
		m[a] = true
	}
	return m
}

var awsScope = lazyregexp.New(`Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9]+)/aws4_request`)

func (s *AWSServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope := awsScope.FindStringSubmatch(r.Header.Get("Authorization"))
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	action := "unsigned"
	if scope != nil {
		scope[2] = strings.TrimSuffix(scope[2], "express") // of directory buckets
		action = awsPermission(r, scope[2], form)
	}
	s.Mu.Lock()
	s.Asked = append(s.Asked, action)
	if scope != nil {
		s.Scopes = append(s.Scopes, scope[1]+" "+scope[2])
	}
	reply := s.Replies[action]
	s.Mu.Unlock()
	answer := AWSReply{Status: 400, Code: "InvalidAction"}
	ok := reply != nil
	if ok {
		answer = reply(r, form)
	}
	if scope != nil && scope[2] == "s3" && scope[1] != s.Region {
		answer = AWSReply{Status: 301, Code: "PermanentRedirect", Header: map[string]string{"X-Amz-Bucket-Region": s.Region}}
	}
	if s.Wander != nil {
		answer = AWSReply{Status: 301, Code: "PermanentRedirect", Header: map[string]string{"X-Amz-Bucket-Region": s.Wander()}}
	}
	for name, value := range answer.Header {
		w.Header().Set(name, value)
	}
	if answer.Status == 0 {
		answer.Status = 200
	}
	if answer.Code != "" && r.Method != http.MethodHead && answer.Body == "" {
		answer.Body = "<Error><Code>" + answer.Code + "</Code><Message>of " + s.Secret + "</Message></Error>"
		if scope != nil && scope[2] != "s3" {
			answer.Body = "<ErrorResponse>" + answer.Body + "<RequestId>1</RequestId></ErrorResponse>"
		}
	}
	w.WriteHeader(answer.Status)
	_, _ = io.WriteString(w, answer.Body)
}

// awsPermission returns the permission that AWS documents for a request. Requests that do more than read are named by
// their method.
func awsPermission(r *http.Request, service string, form url.Values) string {
	if service != "s3" {
		return service + ":" + form.Get("Action")
	}
	q := r.URL.Query()
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodHead && key == "", r.Method == http.MethodGet && q.Get("list-type") == "2":
		return "s3:ListBucket"
	case r.Method == http.MethodHead, r.Method == http.MethodGet && key != "":
		return "s3:GetObject"
	case r.Method != http.MethodGet:
	case q.Has("versioning"):
		return "s3:GetBucketVersioning"
	case q.Has("encryption"):
		return "s3:GetEncryptionConfiguration"
	case q.Has("publicAccessBlock"):
		return "s3:GetBucketPublicAccessBlock"
	case q.Has("lifecycle"):
		return "s3:GetLifecycleConfiguration"
	}
	return "s3:" + r.Method + " " + r.URL.RequestURI()
}

// Object returns an element of a listing.
func Object(key string, size int, modified time.Time) string {
	return fmt.Sprintf("<Contents><Key>%s</Key><LastModified>%s</LastModified><Size>%d</Size></Contents>", key, modified.UTC().Format("2006-01-02T15:04:05.000Z"), size)
}

// Listing sets the list of objects; HEAD of the bucket, which needs the same permission, succeeds.
func (s *AWSServer) Listing(objects ...string) {
	s.Replies["s3:ListBucket"] = func(r *http.Request, _ url.Values) AWSReply {
		return AWSReply{Body: "<ListBucketResult" + AWSNS + "><IsTruncated>false</IsTruncated>" + strings.Join(objects, "") + "</ListBucketResult>"}
	}
}

// IAMBody returns a response of IAM or STS.
func IAMBody(action, inside string) AWSReply {
	return AWSReply{Body: "<" + action + "Response><" + action + "Result>" + inside + "</" + action + "Result></" + action + "Response>"}
}

const WritePolicy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::catalyst-prod-backups/*"}}`

// Inline gives the user one inline policy.
func (s *AWSServer) Inline(document string) {
	s.Say("iam:ListUserPolicies", IAMBody("ListUserPolicies", "<PolicyNames><member>upload</member></PolicyNames><IsTruncated>false</IsTruncated>"))
	s.Say("iam:GetUserPolicy", IAMBody("GetUserPolicy", "<UserName>catalyst-backup</UserName><PolicyName>upload</PolicyName><PolicyDocument>"+html.EscapeString(document)+"</PolicyDocument>"))
}

// Caller sets the identity that STS returns.
func (s *AWSServer) Caller(arn string) {
	s.Say("sts:GetCallerIdentity", IAMBody("GetCallerIdentity", "<Arn>"+arn+"</Arn><UserId>1</UserId><Account>1</Account>"))
}

// Keys gives the user access keys with a status and these ages.
func (s *AWSServer) Keys(status string, ages ...time.Duration) {
	var all strings.Builder
	for _, age := range ages {
		_, _ = fmt.Fprintf(&all, "<member><UserName>u</UserName><AccessKeyId>AKIA"+"%s</AccessKeyId><Status>%s</Status><CreateDate>%s</CreateDate></member>", s.Secret[:8], status, time.Now().Add(-age).UTC().Format(time.RFC3339))
	}
	s.Say("iam:ListAccessKeys", IAMBody("ListAccessKeys", "<AccessKeyMetadata>"+all.String()+"</AccessKeyMetadata><IsTruncated>false</IsTruncated>"))
}

// Attach attaches a managed policy to the user ("User"), role or group.
func (s *AWSServer) Attach(to, name, arn, document string) {
	action := "ListAttached" + to + "Policies"
	s.Say("iam:"+action, IAMBody(action, "<AttachedPolicies><member><PolicyName>"+name+"</PolicyName><PolicyArn>"+arn+"</PolicyArn></member></AttachedPolicies><IsTruncated>false</IsTruncated>"))
	s.Say("iam:GetPolicy", IAMBody("GetPolicy", "<Policy><PolicyName>"+name+"</PolicyName><Arn>"+arn+"</Arn><DefaultVersionId>v3</DefaultVersionId></Policy>"))
	s.Replies["iam:GetPolicyVersion"] = func(_ *http.Request, form url.Values) AWSReply {
		if form.Get("VersionId") != "v3" {
			return AWSReply{Status: 404, Code: "NoSuchEntity"}
		}
		return IAMBody("GetPolicyVersion", "<PolicyVersion><Document>"+url.PathEscape(document)+"</Document><VersionId>v3</VersionId></PolicyVersion>")
	}
}

// fine sets the responses of a healthy deployment.
func (s *AWSServer) fine() {
	s.Say("s3:GetBucketVersioning", AWSReply{Body: "<VersioningConfiguration" + AWSNS + "><Status>Enabled</Status></VersioningConfiguration>"})
	s.Say("s3:GetEncryptionConfiguration", AWSReply{Body: "<ServerSideEncryptionConfiguration" + AWSNS + "><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"})
	s.Say("s3:GetBucketPublicAccessBlock", AWSReply{Body: "<PublicAccessBlockConfiguration" + AWSNS + "><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"})
	s.Say("s3:GetLifecycleConfiguration", AWSReply{Body: "<LifecycleConfiguration" + AWSNS + "><Rule><ID>old</ID><Status>Enabled</Status><Filter></Filter></Rule></LifecycleConfiguration>"})
	s.Say("s3:GetObject", AWSReply{Header: map[string]string{"X-Amz-Server-Side-Encryption": "AES256"}})
	s.Listing(Object("latest/latest.sql.gz", 2048, time.Now().Add(-2*time.Hour)), Object("latest/latest.sql.gz.tmp", 1, time.Now()), Object("latest/notes.txt", 9, time.Now()))
	s.Caller("arn:aws:iam::123456789012:user/teams/catalyst-backup")
	s.Say("iam:GetUser", IAMBody("GetUser", "<User><UserName>catalyst-backup</UserName><Arn>arn:aws:iam::123456789012:user/teams/catalyst-backup</Arn></User>"))
	s.Say("iam:GetRole", IAMBody("GetRole", "<Role><RoleName>uploader</RoleName></Role>"))
	for _, of := range []string{"User", "Group", "Role"} {
		s.Say("iam:ListAttached"+of+"Policies", IAMBody("ListAttached"+of+"Policies", "<AttachedPolicies></AttachedPolicies><IsTruncated>false</IsTruncated>"))
		s.Say("iam:List"+of+"Policies", IAMBody("List"+of+"Policies", "<PolicyNames></PolicyNames><IsTruncated>false</IsTruncated>"))
	}
	s.Say("iam:ListGroupsForUser", IAMBody("ListGroupsForUser", "<Groups></Groups><IsTruncated>false</IsTruncated>"))
	s.Keys("Active", 10*24*time.Hour)
	s.Inline(url.PathEscape(WritePolicy))
}

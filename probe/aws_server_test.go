package probe

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
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// A server that speaks S3, IAM and STS to the real AWS client, since no available server covers all three. By default
// it responds as a healthy bucket and user would; each test changes single responses. It records the permission that
// every request needs.

// awsReply is one response. An error without a body gets the one that AWS would send.
type awsReply struct {
	status int
	code   string // of the error
	body   string
	header map[string]string
}

// awsServer responds by the permission that a request needs.
type awsServer struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	replies map[string]func(r *http.Request, form url.Values) awsReply
	asked   []string // permissions, in order
	scopes  []string // "region service" of each signature
	secret  string
	region  string        // of the bucket; others are redirected to it
	wander  func() string // region that each request is redirected to instead
}

const (
	awsTestBucket = "catalyst-prod-backups"
	awsNS         = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
)

func newAWSServer(t *testing.T) *awsServer {
	t.Helper()
	s := &awsServer{t: t, replies: map[string]func(*http.Request, url.Values) awsReply{}, region: "eu-central-1"}
	random := make([]byte, 20)
	_, _ = rand.Read(random)
	s.secret = hex.EncodeToString(random)
	s.fine()
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	for _, key := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"} {
		t.Setenv(key, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
	return s
}

// pass begins a pass over a deployment whose environment points to the server.
func (s *awsServer) pass(change func(*deployment.Settings)) *Pass {
	s.t.Helper()
	settings := deployment.Settings{AWS: deployment.AWS{Endpoint: s.URL}}
	if change != nil {
		change(&settings)
	}
	return newPass(s.t, folder{".env.production": "S3_BUCKET=" + awsTestBucket + "\nAWS_REGION=" + s.region + "\nAWS_ACCESS_KEY_ID=AKIA" + "TEST\nAWS_SECRET_ACCESS_KEY=" + s.secret + "\n"}, settings)
}

// say sets the response to requests that need a permission.
func (s *awsServer) say(action string, reply awsReply) {
	s.replies[action] = func(*http.Request, url.Values) awsReply { return reply }
}

func (s *awsServer) permissions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(set(s.asked)))
}

func set(all []string) map[string]bool {
	m := map[string]bool{}
	for _, a := range all {
		m[a] = true
	}
	return m
}

var awsScope = regexp.MustCompile(`Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9]+)/aws4_request`)

func (s *awsServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope := awsScope.FindStringSubmatch(r.Header.Get("Authorization"))
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	action := "unsigned"
	if scope != nil {
		scope[2] = strings.TrimSuffix(scope[2], "express") // of directory buckets
		action = awsPermission(r, scope[2], form)
	}
	s.mu.Lock()
	s.asked = append(s.asked, action)
	if scope != nil {
		s.scopes = append(s.scopes, scope[1]+" "+scope[2])
	}
	reply := s.replies[action]
	s.mu.Unlock()
	answer := awsReply{status: 400, code: "InvalidAction"}
	ok := reply != nil
	if ok {
		answer = reply(r, form)
	}
	if scope != nil && scope[2] == "s3" && scope[1] != s.region {
		answer = awsReply{status: 301, code: "PermanentRedirect", header: map[string]string{"X-Amz-Bucket-Region": s.region}}
	}
	if s.wander != nil {
		answer = awsReply{status: 301, code: "PermanentRedirect", header: map[string]string{"X-Amz-Bucket-Region": s.wander()}}
	}
	for name, value := range answer.header {
		w.Header().Set(name, value)
	}
	if answer.status == 0 {
		answer.status = 200
	}
	if answer.code != "" && r.Method != http.MethodHead && answer.body == "" {
		answer.body = "<Error><Code>" + answer.code + "</Code><Message>of " + s.secret + "</Message></Error>"
		if scope != nil && scope[2] != "s3" {
			answer.body = "<ErrorResponse>" + answer.body + "<RequestId>1</RequestId></ErrorResponse>"
		}
	}
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body)
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

// object returns an element of a listing.
func object(key string, size int, modified time.Time) string {
	return fmt.Sprintf("<Contents><Key>%s</Key><LastModified>%s</LastModified><Size>%d</Size></Contents>", key, modified.UTC().Format("2006-01-02T15:04:05.000Z"), size)
}

// listing sets the list of objects; HEAD of the bucket, which needs the same permission, succeeds.
func (s *awsServer) listing(objects ...string) {
	s.replies["s3:ListBucket"] = func(r *http.Request, _ url.Values) awsReply {
		return awsReply{body: "<ListBucketResult" + awsNS + "><IsTruncated>false</IsTruncated>" + strings.Join(objects, "") + "</ListBucketResult>"}
	}
}

// iamBody returns a response of IAM or STS.
func iamBody(action, inside string) awsReply {
	return awsReply{body: "<" + action + "Response><" + action + "Result>" + inside + "</" + action + "Result></" + action + "Response>"}
}

const writePolicy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::catalyst-prod-backups/*"}}`

// inline gives the user one inline policy.
func (s *awsServer) inline(document string) {
	s.say("iam:ListUserPolicies", iamBody("ListUserPolicies", "<PolicyNames><member>upload</member></PolicyNames><IsTruncated>false</IsTruncated>"))
	s.say("iam:GetUserPolicy", iamBody("GetUserPolicy", "<UserName>catalyst-backup</UserName><PolicyName>upload</PolicyName><PolicyDocument>"+html.EscapeString(document)+"</PolicyDocument>"))
}

// caller sets the identity that STS returns.
func (s *awsServer) caller(arn string) {
	s.say("sts:GetCallerIdentity", iamBody("GetCallerIdentity", "<Arn>"+arn+"</Arn><UserId>1</UserId><Account>1</Account>"))
}

// keys gives the user access keys with a status and these ages.
func (s *awsServer) keys(status string, ages ...time.Duration) {
	var all strings.Builder
	for _, age := range ages {
		_, _ = fmt.Fprintf(&all, "<member><UserName>u</UserName><AccessKeyId>AKIA"+"%s</AccessKeyId><Status>%s</Status><CreateDate>%s</CreateDate></member>", s.secret[:8], status, time.Now().Add(-age).UTC().Format(time.RFC3339))
	}
	s.say("iam:ListAccessKeys", iamBody("ListAccessKeys", "<AccessKeyMetadata>"+all.String()+"</AccessKeyMetadata><IsTruncated>false</IsTruncated>"))
}

// attach attaches a managed policy to the user ("User"), role or group.
func (s *awsServer) attach(to, name, arn, document string) {
	action := "ListAttached" + to + "Policies"
	s.say("iam:"+action, iamBody(action, "<AttachedPolicies><member><PolicyName>"+name+"</PolicyName><PolicyArn>"+arn+"</PolicyArn></member></AttachedPolicies><IsTruncated>false</IsTruncated>"))
	s.say("iam:GetPolicy", iamBody("GetPolicy", "<Policy><PolicyName>"+name+"</PolicyName><Arn>"+arn+"</Arn><DefaultVersionId>v3</DefaultVersionId></Policy>"))
	s.replies["iam:GetPolicyVersion"] = func(_ *http.Request, form url.Values) awsReply {
		if form.Get("VersionId") != "v3" {
			return awsReply{status: 404, code: "NoSuchEntity"}
		}
		return iamBody("GetPolicyVersion", "<PolicyVersion><Document>"+url.PathEscape(document)+"</Document><VersionId>v3</VersionId></PolicyVersion>")
	}
}

// fine sets the responses of a healthy deployment.
func (s *awsServer) fine() {
	s.say("s3:GetBucketVersioning", awsReply{body: "<VersioningConfiguration" + awsNS + "><Status>Enabled</Status></VersioningConfiguration>"})
	s.say("s3:GetEncryptionConfiguration", awsReply{body: "<ServerSideEncryptionConfiguration" + awsNS + "><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"})
	s.say("s3:GetBucketPublicAccessBlock", awsReply{body: "<PublicAccessBlockConfiguration" + awsNS + "><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"})
	s.say("s3:GetLifecycleConfiguration", awsReply{body: "<LifecycleConfiguration" + awsNS + "><Rule><ID>old</ID><Status>Enabled</Status><Filter></Filter></Rule></LifecycleConfiguration>"})
	s.say("s3:GetObject", awsReply{header: map[string]string{"X-Amz-Server-Side-Encryption": "AES256"}})
	s.listing(object("latest/latest.sql.gz", 2048, time.Now().Add(-2*time.Hour)), object("latest/latest.sql.gz.tmp", 1, time.Now()), object("latest/notes.txt", 9, time.Now()))
	s.caller("arn:aws:iam::123456789012:user/teams/catalyst-backup")
	s.say("iam:GetUser", iamBody("GetUser", "<User><UserName>catalyst-backup</UserName><Arn>arn:aws:iam::123456789012:user/teams/catalyst-backup</Arn></User>"))
	s.say("iam:GetRole", iamBody("GetRole", "<Role><RoleName>uploader</RoleName></Role>"))
	for _, of := range []string{"User", "Group", "Role"} {
		s.say("iam:ListAttached"+of+"Policies", iamBody("ListAttached"+of+"Policies", "<AttachedPolicies></AttachedPolicies><IsTruncated>false</IsTruncated>"))
		s.say("iam:List"+of+"Policies", iamBody("List"+of+"Policies", "<PolicyNames></PolicyNames><IsTruncated>false</IsTruncated>"))
	}
	s.say("iam:ListGroupsForUser", iamBody("ListGroupsForUser", "<Groups></Groups><IsTruncated>false</IsTruncated>"))
	s.keys("Active", 10*24*time.Hour)
	s.inline(url.PathEscape(writePolicy))
}

package awscheck

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestAWS_GivenEndpoint checks what an endpoint that only the deployment's files give receives: their own credentials,
// and no call at all where it is a port of this host that nothing publishes.
func TestAWS_GivenEndpoint(t *testing.T) {
	for _, tt := range []struct {
		name, env string
		published bool
		conf      deployment.AWS
		own       bool // the exporter has credentials of its own
		state     probe.State
		reason    probe.Reason
		detail    string
	}{
		{"their keys", "AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=%s\n", true, deployment.AWS{}, false, probe.StatePass, "", ""},
		{"their keys, and own ones", "AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=%s\n", true, deployment.AWS{}, true, probe.StatePass, "", ""},
		{"own keys only", "", true, deployment.AWS{}, true, probe.StateUnknown, probe.ReasonNotConfigured, "Set deployment.aws.endpoint"},
		{"a profile only", "", true, deployment.AWS{Profile: "prod"}, false, probe.StateUnknown, probe.ReasonNotConfigured, "Set deployment.aws.endpoint"},
		{"half of their keys", "AWS_ACCESS_KEY_ID=THEIRS\n", true, deployment.AWS{}, true, probe.StateUnknown, probe.ReasonNotConfigured, "Set deployment.aws.endpoint"},
		{"not published", "AWS_ACCESS_KEY_ID=THEIRS\nAWS_SECRET_ACCESS_KEY=%s\n", false, deployment.AWS{}, false, probe.StateUnknown, probe.ReasonNotConfigured, "no compose service publishes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := probetest.NewAWSServer(t)
			if tt.own {
				t.Setenv("AWS_ACCESS_KEY_ID", "OWN")
				t.Setenv("AWS_SECRET_ACCESS_KEY", s.Secret)
			}
			others := 0
			for action, reply := range s.Replies {
				s.Replies[action] = func(r *http.Request, form url.Values) probetest.AWSReply {
					if !strings.Contains(r.Header.Get("Authorization"), "Credential=THEIRS/") {
						others++
					}
					return reply(r, form)
				}
			}
			port := s.URL[strings.LastIndex(s.URL, ":")+1:]
			files := probetest.Folder{".env.production": "S3_BUCKET=" + probetest.AWSTestBucket + "\nS3_ENDPOINT=" + s.URL + "\nAWS_REGION=" + s.Region + "\n" +
				strings.ReplaceAll(tt.env, "%s", s.Secret)}
			if tt.published {
				files["docker-compose.yml"] = "services: {catalyst: {image: c, env_file: .env.production}, minio: {image: minio, ports: ['" + port + ":9000']}}"
			}
			r := probetest.Look(t, probetest.NewPass(t, files, deployment.Settings{AWS: tt.conf}), S3EncryptionKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if tt.state == probe.StateUnknown && !strings.Contains(r.Remedy, "deployment.aws.endpoint") {
				t.Errorf("remedy %q", r.Remedy)
			}
			probetest.HasNot(t, r, s.Secret)
			if others > 0 {
				t.Errorf("%d calls with credentials other than the files'", others)
			}
		})
	}
}

// TestAWS_GivenHost checks which names in the deployment's files are AWS, to which own credentials may be sent.
func TestAWS_GivenHost(t *testing.T) {
	for endpoint, isAWS := range map[string]bool{
		"https://s3.amazonaws.com":                             true,
		"https://s3.eu-central-1.amazonaws.com":                true,
		"https://s3-us-west-2.amazonaws.com":                   true,
		"https://s3.dualstack.eu-west-1.amazonaws.com":         true,
		"https://s3-fips.us-gov-west-1.amazonaws.com":          true,
		"https://S3.cn-north-1.amazonaws.com.cn":               true,
		"https://x7.execute-api.us-east-1.amazonaws.com":       false,
		"https://lb-1.us-east-1.elb.amazonaws.com":             false,
		"https://ec2-203-0-113-5.compute-1.amazonaws.com":      false,
		"https://s3.evil.test/amazonaws.com":                   false,
		"https://s3.amazonaws.com.evil.test":                   false,
		"https://evil-s3.amazonaws.com":                        false,
		"https://bucket.s3-website.eu-central-1.amazonaws.com": false,
		"https://s3.eu-central-1.amazonaws.com@evil.test":      false,
		"http://169.254.169.254":                               false,
		"https://s3.example-storage.net":                       false,
	} {
		a := awsPlace{endpoint: endpoint, given: true}
		if err := a.checkEndpoint(); err == nil && a.compatible == isAWS {
			t.Errorf("%s: AWS is %v", endpoint, !a.compatible)
		}
	}
	configured := awsPlace{endpoint: "https://bucket.vpce-1.s3.eu-central-1.vpce.amazonaws.com"}
	if err := configured.checkEndpoint(); err != nil || configured.compatible {
		t.Errorf("a configured VPC endpoint: %+v, %v", configured, err)
	}
}

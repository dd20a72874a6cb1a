package awscheck

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestIAMUser_Excess judges identities that may write to the bucket, and more.
func TestIAMUser_Excess(t *testing.T) {
	allow := func(action, resource string) string {
		return `{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}`
	}
	deny := func(action, resource string) string {
		return strings.Replace(allow(action, resource), "Allow", "Deny", 1)
	}
	const write = `{"Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::b/*"}`
	const condition = `,"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}`
	for name, tt := range map[string]struct {
		statements []string
		boundary   []string
		allowed    []string
		state      probe.State
		detail     string
	}{
		"only the bucket":           {statements: []string{write, allow("s3:ListBucket", "arn:aws:s3:::b")}, state: probe.StatePass},
		"all of the bucket":         {statements: []string{allow("s3:*", "arn:aws:s3:::b/*"), allow("s3:*", "arn:aws:s3:::b")}, state: probe.StatePass},
		"its encryption":            {statements: []string{write, allow("kms:GenerateDataKey", "*"), allow("kms:Decrypt", "arn:aws:kms:eu-central-1:1:key/k")}, state: probe.StatePass},
		"its own keys":              {statements: []string{write, allow("iam:CreateAccessKey", "arn:aws:iam::1:user/${aws:username}"), allow("s3:ListAllMyBuckets", "*")}, state: probe.StatePass},
		"reading the identity":      {statements: []string{write, allow("iam:GetUser", "*"), allow("iam:List*", "*")}, state: probe.StatePass},
		"everything":                {statements: []string{allow("*", "*")}, state: probe.StateFail, detail: "every action (*)"},
		"everything in words":       {statements: []string{write, allow("*:*", "*")}, state: probe.StateFail, detail: "iam:PutUserPolicy"},
		"all of IAM":                {statements: []string{write, allow("iam:*", "*")}, state: probe.StateFail, detail: "iam:PutUserPolicy on every resource"},
		"all of IAM of an account":  {statements: []string{write, allow("IAM:*", "arn:aws:iam::123456789012:*")}, state: probe.StateFail, detail: "administrator"},
		"policies of users":         {statements: []string{write, allow("iam:PutUserPolicy", "*")}, state: probe.StateFail, detail: "iam:PutUserPolicy"},
		"policies in a pattern":     {statements: []string{write, allow("iam:Put*", "arn:aws:iam::*:user/*")}, state: probe.StateFail, detail: "iam:PutUserPolicy"},
		"keys of all":               {statements: []string{write, allow("iam:CreateAccessKey", "*")}, state: probe.StateFail, detail: "iam:CreateAccessKey"},
		"keys of all in an account": {statements: []string{write, allow("iam:CreateAccessKey", "arn:aws:iam::123456789012:user/*")}, state: probe.StateFail, detail: "iam:CreateAccessKey"},
		"any role to a service":     {statements: []string{write, allow("iam:PassRole", "*")}, state: probe.StateFail, detail: "iam:PassRole"},
		"any role":                  {statements: []string{write, allow("sts:AssumeRole", "arn:aws:iam::*:role/*")}, state: probe.StateFail, detail: "sts:AssumeRole"},
		"own policies":              {statements: []string{write, allow("iam:PutUserPolicy", "arn:aws:iam::1:user/teams/catalyst-backup")}, state: probe.StateFail, detail: "on itself"},
		"all but some":              {statements: []string{write, `{"Effect":"Allow","NotAction":["ec2:*"],"Resource":"*"}`}, state: probe.StateFail, detail: "administrator"},
		"all resources but some":    {statements: []string{write, `{"Effect":"Allow","Action":"iam:*","NotResource":"arn:aws:iam::1:user/root"}`}, state: probe.StateFail, detail: "administrator"},
		"everything, IAM denied":    {statements: []string{allow("*", "*"), deny("iam:*", "*"), deny("sts:*", "*")}, state: probe.StateWarn, detail: "every action"},
		"one of many denied":        {statements: []string{allow("*", "*"), deny("iam:PutUserPolicy", "*")}, state: probe.StateFail, detail: "administrator"},
		"denied under condition":    {statements: []string{write, allow("iam:*", "*"), strings.TrimSuffix(deny("iam:*", "*"), "}") + condition}, state: probe.StateFail, detail: "administrator"},
		"all but S3 denied":         {statements: []string{allow("*", "*"), `{"Effect":"Deny","NotAction":"s3:*","Resource":"*"}`, `{"Effect":"Deny","Action":"*","NotResource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}`}, state: probe.StateWarn, detail: "every action"},
		"all but the bucket denied": {statements: []string{allow("s3:*", "*"), `{"Effect":"Deny","Action":"s3:*","NotResource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}`}, state: probe.StatePass},
		"within a boundary":         {statements: []string{allow("*", "*")}, boundary: []string{allow("s3:*", "arn:aws:s3:::b/*")}, state: probe.StatePass},
		"boundary of everything":    {statements: []string{allow("*", "*")}, boundary: []string{allow("*", "*")}, state: probe.StateFail, detail: "every action"},
		"boundary of a service":     {statements: []string{allow("*", "*")}, boundary: []string{allow("s3:*", "*"), allow("ec2:*", "*")}, state: probe.StateWarn, detail: "more permissions than backups need"},
		"under condition":           {statements: []string{write, strings.TrimSuffix(allow("iam:PassRole", "*"), "}") + condition}, state: probe.StateWarn, detail: "may be able to become"},

		"S3 everywhere":        {statements: []string{allow("s3:*", "*")}, state: probe.StateWarn, detail: "every S3 action on every bucket"},
		"writing everywhere":   {statements: []string{allow("s3:Put*", "*")}, state: probe.StateWarn, detail: "s3:put* on every bucket"},
		"another bucket":       {statements: []string{write, allow("s3:GetObject", "arn:aws:s3:::secret/*")}, state: probe.StateWarn, detail: "s3:GetObject on more than bucket b"},
		"buckets of a prefix":  {statements: []string{write, allow("s3:PutObject", "arn:aws:s3:::b*")}, state: probe.StateWarn, detail: "more than bucket b"},
		"another service":      {statements: []string{write, allow("ec2:*", "*")}, state: probe.StateWarn, detail: "another service"},
		"NotAction":            {statements: []string{write, `{"Effect":"Allow","NotAction":["iam:*","sts:*"],"Resource":"*"}`}, state: probe.StateWarn, detail: "NotAction"},
		"NotResource":          {statements: []string{`{"Effect":"Allow","Action":"s3:PutObject","NotResource":"arn:aws:s3:::c/*"}`}, state: probe.StateWarn, detail: "NotResource"},
		"one action elsewhere": {statements: []string{write, allow("ssm:GetParameter", "*")}, state: probe.StateWarn, detail: "ssm:getparameter"},

		"role of an instance": {statements: []string{write, allow("ssm:UpdateInstanceInformation", "*"), allow("logs:PutLogEvents", "*"), allow("kms:CreateGrant", "*")},
			allowed: []string{"ssm:*", "logs:*", "kms:CreateGrant"}, state: probe.StatePass},
		"allowed, and one more":     {statements: []string{write, allow("ssm:*", "*"), allow("ec2:RunInstances", "*")}, allowed: []string{"ssm:*"}, state: probe.StateWarn, detail: "ec2:"},
		"allowed patterns of roles": {statements: []string{write, allow("iam:*", "*")}, allowed: []string{"iam:*"}, state: probe.StateFail, detail: "administrator"},
		"a role, by name":           {statements: []string{write, allow("iam:PassRole", "*")}, allowed: []string{"iam:PassRole"}, state: probe.StatePass},
	} {
		t.Run(name, func(t *testing.T) {
			id := identity{partition: "aws", kind: "user", name: "catalyst-backup", caller: "user/catalyst-backup", policies: policies(t, tt.statements...),
				keys: []accessKey{{true, time.Now()}}}
			if tt.boundary != nil {
				id.boundary = &policies(t, tt.boundary...)[0]
			}
			r := id.judge("b", "", &iamUser{KeyAge: 90 * 24 * 3600e9, Allowed: tt.allowed}, time.Now())
			reason := probe.ReasonOverPrivileged
			if tt.state == probe.StatePass {
				reason = probe.ReasonNone
			}
			probetest.Expect(t, r, tt.state, reason, tt.detail)
		})
	}
	root := identity{partition: "aws", kind: "user", name: "u", caller: "root", policies: policies(t, write), keys: []accessKey{{true, time.Now()}}}
	probetest.Expect(t, root.judge("b", "", &iamUser{KeyAge: 90 * 24 * 3600e9}, time.Now()), probe.StateWarn, probe.ReasonOverPrivileged, "account root")
	for spec, valid := range map[string]bool{"{allowed_actions: ['ssm:*', 'logs:PutLogEvents']}": true, "{allowed_actions: ['*']}": false, "{allowed_actions: [ssm]}": false} {
		if _, problems := probetest.Decode(IAMUserKind(), spec); (len(problems) == 0) != valid {
			t.Errorf("%s: %v", spec, problems)
		}
	}
}

package awscheck

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Reads an identity from IAM: name, policies and keys. Every list is read to its end, otherwise the result is unknown:
// the last statement may be a Deny.

// maxIAMPages bounds each list; AWS's own limits are far lower.
const maxIAMPages = 20

// identity is a user or a role.
type identity struct {
	caller    string // calling identity: last part of the ARN
	partition string // aws, aws-cn, aws-us-gov
	kind      string // user, role or root
	name      string
	missing   bool // does not exist
	assumed   bool // the exporter's own, assumed to be the uploading identity
	policies  []iamPolicy
	boundary  *iamPolicy // permissions boundary; nil: none
	keys      []accessKey
}

type accessKey struct {
	active  bool
	created time.Time // zero when unknown
}

// shown formats the identity for messages.
func (id identity) String() string {
	if id.kind == "root" {
		return "the account root"
	}
	return id.kind + " " + id.name
}

// iamCall sends one IAM request; action is the permission it needs.
func iamCall[In, Out, Opt any](ctx context.Context, a *awsAccount, action, subject string, ask func(context.Context, *In, ...func(*Opt)) (*Out, error), in *In) (*Out, error) {
	out, err := ask(ctx, in)
	if err != nil {
		return nil, a.callError(action, subject, awsFaultOf(ctx, err))
	}
	return out, nil
}

// iamList fetches all pages of a list.
func iamList(what string, page func(marker *string) (more bool, next *string, err error)) error {
	var marker *string
	for range maxIAMPages {
		more, next, err := page(marker)
		if err != nil || !more {
			return err
		}
		if aws.ToString(next) == "" || marker != nil && *marker == *next {
			return probe.Unknownf(probe.ReasonInvalid, "IAM returned a truncated list of %s", what)
		}
		marker = next
	}
	return probe.Unknownf(probe.ReasonError, "IAM returned too many %s", what)
}

// readUser reads a user with its policies and keys.
func (a *awsAccount) readUser(ctx context.Context, id *identity) error {
	name, subject := &id.name, id.String()
	user, err := iamCall(ctx, a, "iam:GetUser", subject, a.iam.GetUser, &iam.GetUserInput{UserName: name})
	switch {
	case awsCode(err, "NoSuchEntity"):
		id.missing = true
		return nil
	case err != nil:
		return err
	case user.User == nil:
		return probe.Unknownf(probe.ReasonInvalid, "IAM returned an empty response for %s", subject)
	}
	if err := a.readBoundary(ctx, id, user.User.PermissionsBoundary); err != nil {
		return err
	}
	err = iamList("a user's policies", func(marker *string) (bool, *string, error) {
		out, err := iamCall(ctx, a, "iam:ListAttachedUserPolicies", subject, a.iam.ListAttachedUserPolicies, &iam.ListAttachedUserPoliciesInput{UserName: name, Marker: marker})
		if err != nil {
			return false, nil, err
		}
		return out.IsTruncated, out.Marker, a.readManaged(ctx, id, out.AttachedPolicies)
	})
	if err != nil {
		return err
	}
	err = id.readInline("a user's policies", func(marker *string) ([]string, bool, *string, error) {
		out, err := iamCall(ctx, a, "iam:ListUserPolicies", subject, a.iam.ListUserPolicies, &iam.ListUserPoliciesInput{UserName: name, Marker: marker})
		if err != nil {
			return nil, false, nil, err
		}
		return out.PolicyNames, out.IsTruncated, out.Marker, nil
	}, func(policy *string) (*string, error) {
		out, err := iamCall(ctx, a, "iam:GetUserPolicy", subject, a.iam.GetUserPolicy, &iam.GetUserPolicyInput{UserName: name, PolicyName: policy})
		if err != nil {
			return nil, err
		}
		return out.PolicyDocument, nil
	})
	if err != nil {
		return err
	}
	err = iamList("a user's groups", func(marker *string) (bool, *string, error) {
		out, err := iamCall(ctx, a, "iam:ListGroupsForUser", subject, a.iam.ListGroupsForUser, &iam.ListGroupsForUserInput{UserName: name, Marker: marker})
		if err != nil {
			return false, nil, err
		}
		for _, group := range out.Groups {
			if err := a.readGroup(ctx, id, aws.ToString(group.GroupName)); err != nil {
				return false, nil, err
			}
		}
		return out.IsTruncated, out.Marker, nil
	})
	if err != nil {
		return err
	}
	return iamList("a user's keys", func(marker *string) (bool, *string, error) {
		out, err := iamCall(ctx, a, "iam:ListAccessKeys", subject, a.iam.ListAccessKeys, &iam.ListAccessKeysInput{UserName: name, Marker: marker})
		if err != nil {
			return false, nil, err
		}
		for _, key := range out.AccessKeyMetadata {
			id.keys = append(id.keys, accessKey{key.Status == types.StatusTypeActive, aws.ToTime(key.CreateDate)})
		}
		return out.IsTruncated, out.Marker, nil
	})
}

// readGroup reads the policies that a group adds to a user.
func (a *awsAccount) readGroup(ctx context.Context, id *identity, group string) error {
	subject := "group " + group
	err := iamList("a group's policies", func(marker *string) (bool, *string, error) {
		out, err := iamCall(ctx, a, "iam:ListAttachedGroupPolicies", subject, a.iam.ListAttachedGroupPolicies, &iam.ListAttachedGroupPoliciesInput{GroupName: &group, Marker: marker})
		if err != nil {
			return false, nil, err
		}
		return out.IsTruncated, out.Marker, a.readManaged(ctx, id, out.AttachedPolicies)
	})
	if err != nil {
		return err
	}
	return id.readInline("a group's policies", func(marker *string) ([]string, bool, *string, error) {
		out, err := iamCall(ctx, a, "iam:ListGroupPolicies", subject, a.iam.ListGroupPolicies, &iam.ListGroupPoliciesInput{GroupName: &group, Marker: marker})
		if err != nil {
			return nil, false, nil, err
		}
		return out.PolicyNames, out.IsTruncated, out.Marker, nil
	}, func(policy *string) (*string, error) {
		out, err := iamCall(ctx, a, "iam:GetGroupPolicy", subject, a.iam.GetGroupPolicy, &iam.GetGroupPolicyInput{GroupName: &group, PolicyName: policy})
		if err != nil {
			return nil, err
		}
		return out.PolicyDocument, nil
	})
}

// readRole reads a role with its policies. A role has no keys.
func (a *awsAccount) readRole(ctx context.Context, id *identity) error {
	name, subject := &id.name, id.String()
	role, err := iamCall(ctx, a, "iam:GetRole", subject, a.iam.GetRole, &iam.GetRoleInput{RoleName: name})
	switch {
	case awsCode(err, "NoSuchEntity"):
		id.missing = true
		return nil
	case err != nil:
		return err
	case role.Role == nil:
		return probe.Unknownf(probe.ReasonInvalid, "IAM returned an empty response for %s", subject)
	}
	if err := a.readBoundary(ctx, id, role.Role.PermissionsBoundary); err != nil {
		return err
	}
	err = iamList("a role's policies", func(marker *string) (bool, *string, error) {
		out, err := iamCall(ctx, a, "iam:ListAttachedRolePolicies", subject, a.iam.ListAttachedRolePolicies, &iam.ListAttachedRolePoliciesInput{RoleName: name, Marker: marker})
		if err != nil {
			return false, nil, err
		}
		return out.IsTruncated, out.Marker, a.readManaged(ctx, id, out.AttachedPolicies)
	})
	if err != nil {
		return err
	}
	return id.readInline("a role's policies", func(marker *string) ([]string, bool, *string, error) {
		out, err := iamCall(ctx, a, "iam:ListRolePolicies", subject, a.iam.ListRolePolicies, &iam.ListRolePoliciesInput{RoleName: name, Marker: marker})
		if err != nil {
			return nil, false, nil, err
		}
		return out.PolicyNames, out.IsTruncated, out.Marker, nil
	}, func(policy *string) (*string, error) {
		out, err := iamCall(ctx, a, "iam:GetRolePolicy", subject, a.iam.GetRolePolicy, &iam.GetRolePolicyInput{RoleName: name, PolicyName: policy})
		if err != nil {
			return nil, err
		}
		return out.PolicyDocument, nil
	})
}

// readInline reads the inline policies of a user, group or role.
func (id *identity) readInline(what string, list func(marker *string) (names []string, more bool, next *string, err error), get func(name *string) (document *string, err error)) error {
	return iamList(what, func(marker *string) (bool, *string, error) {
		names, more, next, err := list(marker)
		if err != nil {
			return false, nil, err
		}
		for _, name := range names {
			document, err := get(&name)
			if err != nil {
				return false, nil, err
			}
			if err := id.add(name, "", aws.ToString(document)); err != nil {
				return false, nil, err
			}
		}
		return more, next, nil
	})
}

// readManaged reads the default versions of managed policies.
func (a *awsAccount) readManaged(ctx context.Context, id *identity, attached []types.AttachedPolicy) error {
	for _, at := range attached {
		document, err := a.managed(ctx, aws.ToString(at.PolicyArn))
		if err != nil {
			return err
		}
		if err := id.add(aws.ToString(at.PolicyName), aws.ToString(at.PolicyArn), document); err != nil {
			return err
		}
	}
	return nil
}

// readBoundary reads the permissions boundary, if set.
func (a *awsAccount) readBoundary(ctx context.Context, id *identity, b *types.AttachedPermissionsBoundary) error {
	if b == nil {
		return nil
	}
	arn := aws.ToString(b.PermissionsBoundaryArn)
	document, err := a.managed(ctx, arn)
	if err != nil {
		return err
	}
	policy, err := parsePolicy("of the permissions boundary", document, id.name)
	if err != nil {
		return probe.Unknownf(probe.ReasonInvalid, "permissions boundary of %s cannot be read: %w", id.String(), err)
	}
	id.boundary = &policy
	return nil
}

// managed reads the document of a managed policy.
func (a *awsAccount) managed(ctx context.Context, arn string) (string, error) {
	subject := "policy " + arn[strings.LastIndex(arn, "/")+1:]
	policy, err := iamCall(ctx, a, "iam:GetPolicy", subject, a.iam.GetPolicy, &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return "", err
	}
	if policy.Policy == nil {
		return "", probe.Unknownf(probe.ReasonInvalid, "IAM returned an empty response for %s", subject)
	}
	version, err := iamCall(ctx, a, "iam:GetPolicyVersion", subject, a.iam.GetPolicyVersion, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: policy.Policy.DefaultVersionId})
	if err != nil {
		return "", err
	}
	if version.PolicyVersion == nil {
		return "", probe.Unknownf(probe.ReasonInvalid, "IAM returned an empty response for %s", subject)
	}
	return aws.ToString(version.PolicyVersion.Document), nil
}

// add parses and adds a policy of the identity.
func (id *identity) add(name, arn, document string) error {
	policy, err := parsePolicy(name, document, id.name)
	if err != nil {
		return probe.Unknown(probe.ReasonInvalid, fmt.Errorf("policy %s of %s cannot be read: %w", name, id.String(), err))
	}
	policy.ARN = arn
	id.policies = append(id.policies, policy)
	return nil
}

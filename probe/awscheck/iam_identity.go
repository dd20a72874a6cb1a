package awscheck

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

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

// iamCall sends one IAM request; the action is also the permission that it needs.
func (a *awsAccount) iamCall(ctx context.Context, action, subject string, parameters map[string]string) (*iamResult, error) {
	out, err := a.iam.call(ctx, action, parameters)
	if err != nil {
		return nil, a.callError("iam:"+action, subject, awsFaultOf(ctx, err))
	}
	return out, nil
}

// iamList fetches all pages of a list. each takes a page.
func (a *awsAccount) iamList(ctx context.Context, action, what, subject string, of map[string]string, each func(*iamResult) error) error {
	marker := ""
	for range maxIAMPages {
		parameters := maps.Clone(of)
		parameters["Marker"] = marker
		page, err := a.iamCall(ctx, action, subject, parameters)
		if err != nil {
			return err
		}
		if err := each(page); err != nil || !page.IsTruncated {
			return err
		}
		if page.Marker == "" || page.Marker == marker {
			return probe.Unknownf(probe.ReasonInvalid, "IAM returned a truncated list of %s", what)
		}
		marker = page.Marker
	}
	return probe.Unknownf(probe.ReasonError, "IAM returned too many %s", what)
}

// readUser reads a user with its policies and keys.
func (a *awsAccount) readUser(ctx context.Context, id *identity) error {
	subject, of := id.String(), map[string]string{"UserName": id.name}
	out, err := a.iamCall(ctx, "GetUser", subject, of)
	switch {
	case awsCode(err, "NoSuchEntity"):
		id.missing = true
		return nil
	case err != nil:
		return err
	case out.User == nil:
		return probe.Unknownf(probe.ReasonInvalid, "IAM returned an empty response for %s", subject)
	}
	if err := a.readBoundary(ctx, id, out.User.PermissionsBoundary); err != nil {
		return err
	}
	if err := a.readPolicies(ctx, id, "User", id.name); err != nil {
		return err
	}
	err = a.iamList(ctx, "ListGroupsForUser", "a user's groups", subject, of, func(page *iamResult) error {
		for _, group := range page.Groups {
			if err := a.readPolicies(ctx, id, "Group", group); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.iamList(ctx, "ListAccessKeys", "a user's keys", subject, of, func(page *iamResult) error {
		for _, key := range page.Keys {
			id.keys = append(id.keys, accessKey{key.Status == "Active", key.created()})
		}
		return nil
	})
}

// readRole reads a role with its policies. A role has no keys.
func (a *awsAccount) readRole(ctx context.Context, id *identity) error {
	subject := id.String()
	out, err := a.iamCall(ctx, "GetRole", subject, map[string]string{"RoleName": id.name})
	switch {
	case awsCode(err, "NoSuchEntity"):
		id.missing = true
		return nil
	case err != nil:
		return err
	case out.Role == nil:
		return probe.Unknownf(probe.ReasonInvalid, "IAM returned an empty response for %s", subject)
	}
	if err := a.readBoundary(ctx, id, out.Role.PermissionsBoundary); err != nil {
		return err
	}
	return a.readPolicies(ctx, id, "Role", id.name)
}

// readPolicies reads the policies that a user, group or role has: the attached managed ones, then the inline ones.
func (a *awsAccount) readPolicies(ctx context.Context, id *identity, kind, name string) error {
	holder := strings.ToLower(kind)
	what, subject, of := "a "+holder+"'s policies", holder+" "+name, map[string]string{kind + "Name": name}
	err := a.iamList(ctx, "ListAttached"+kind+"Policies", what, subject, of, func(page *iamResult) error {
		for _, at := range page.Attached {
			document, err := a.managed(ctx, at.PolicyArn)
			if err != nil {
				return err
			}
			if err := id.add(at.PolicyName, at.PolicyArn, document); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.iamList(ctx, "List"+kind+"Policies", what, subject, of, func(page *iamResult) error {
		for _, policy := range page.Names {
			out, err := a.iamCall(ctx, "Get"+kind+"Policy", subject, map[string]string{kind + "Name": name, "PolicyName": policy})
			if err != nil {
				return err
			}
			if err := id.add(policy, "", out.PolicyDocument); err != nil {
				return err
			}
		}
		return nil
	})
}

// readBoundary reads the permissions boundary, if set.
func (a *awsAccount) readBoundary(ctx context.Context, id *identity, b *iamBoundary) error {
	if b == nil {
		return nil
	}
	document, err := a.managed(ctx, b.PermissionsBoundaryArn)
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
	out, err := a.iamCall(ctx, "GetPolicy", subject, map[string]string{"PolicyArn": arn})
	if err != nil {
		return "", err
	}
	if out.Policy == nil {
		return "", probe.Unknownf(probe.ReasonInvalid, "IAM returned an empty response for %s", subject)
	}
	out, err = a.iamCall(ctx, "GetPolicyVersion", subject, map[string]string{"PolicyArn": arn, "VersionId": out.Policy.DefaultVersion})
	if err != nil {
		return "", err
	}
	if out.PolicyVersion == nil {
		return "", probe.Unknownf(probe.ReasonInvalid, "IAM returned an empty response for %s", subject)
	}
	return out.PolicyVersion.Document, nil
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

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

// iamList takes every member of a list, from all its pages. A response without the list is not an empty list.
func iamList[T any](ctx context.Context, a *awsAccount, action, what, subject string, of map[string]string,
	list func(*iamResult) *iamMembers[T], take func(T) error) error {
	marker := ""
	for range maxIAMPages {
		parameters := maps.Clone(of)
		parameters["Marker"] = marker
		page, err := a.iamCall(ctx, action, subject, parameters)
		if err != nil {
			return err
		}
		members := list(page)
		if members == nil {
			return probe.Unknownf(probe.ReasonInvalid, "IAM returned no list of %s", what)
		}
		for _, member := range members.All {
			if err := take(member); err != nil {
				return err
			}
		}
		if !page.IsTruncated {
			return nil
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
	groups := func(page *iamResult) *iamMembers[iamGroup] { return page.Groups }
	err = iamList(ctx, a, "ListGroupsForUser", "a user's groups", subject, of, groups, func(group iamGroup) error {
		return a.readPolicies(ctx, id, "Group", group.GroupName)
	})
	if err != nil {
		return err
	}
	keys := func(page *iamResult) *iamMembers[iamAccessKey] { return page.Keys }
	return iamList(ctx, a, "ListAccessKeys", "a user's keys", subject, of, keys, func(key iamAccessKey) error {
		id.keys = append(id.keys, accessKey{key.Status == "Active", key.created()})
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
	attached := func(page *iamResult) *iamMembers[iamAttached] { return page.Attached }
	err := iamList(ctx, a, "ListAttached"+kind+"Policies", what, subject, of, attached, func(at iamAttached) error {
		document, err := a.managed(ctx, at.PolicyArn)
		if err != nil {
			return err
		}
		return id.add(at.PolicyName, at.PolicyArn, document)
	})
	if err != nil {
		return err
	}
	names := func(page *iamResult) *iamMembers[string] { return page.Names }
	return iamList(ctx, a, "List"+kind+"Policies", what, subject, of, names, func(policy string) error {
		out, err := a.iamCall(ctx, "Get"+kind+"Policy", subject, map[string]string{kind + "Name": name, "PolicyName": policy})
		if err != nil {
			return err
		}
		return id.add(policy, "", out.PolicyDocument)
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

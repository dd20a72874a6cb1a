package awscheck

import (
	"fmt"
	"slices"
	"strings"
)

// What an identity may do beyond writing backups. Two questions: can it make itself an administrator, and does any
// permission go beyond the bucket? Both look at what is effective: within the permissions boundary and not denied.

// permission is one action on one resource that a policy allows.
type permission struct {
	policy, action, resource       string
	exceptActions, exceptResources []string // of NotAction and NotResource, where action or resource is *
	conditional                    bool
}

// permissionsOf lists what policies allow.
func permissionsOf(policies []iamPolicy) []permission {
	var all []permission
	for _, p := range policies {
		for _, s := range p.Statements {
			if !s.Allow {
				continue
			}
			actions, resources := s.Actions, s.Resources
			if len(s.NotActions) > 0 {
				actions = []string{"*"}
			}
			if len(s.NotResources) > 0 {
				resources = []string{"*"}
			}
			for _, a := range actions {
				for _, r := range resources {
					all = append(all, permission{p.Name, a, r, s.NotActions, s.NotResources, s.Conditional})
				}
			}
		}
	}
	return all
}

// allows reports whether the permission includes an action.
func (p permission) allows(action string) bool {
	return globCovers(p.action, action) && !slices.ContainsFunc(p.exceptActions, func(e string) bool { return globCovers(e, action) })
}

// effective lists what an identity may really do.
func (id identity) effective() []permission {
	all := permissionsOf(id.policies)
	if id.boundary != nil {
		var within []permission
		for _, p := range all {
			for _, b := range permissionsOf([]iamPolicy{*id.boundary}) {
				if both, ok := p.within(b); ok {
					within = append(within, both)
				}
			}
		}
		all = within
	}
	all = slices.DeleteFunc(all, func(p permission) bool { return id.denies(p.action, p.resource) })
	var left []permission
	for _, p := range all {
		left = append(left, id.outsideDenied(p)...)
	}
	return left
}

// outsideDenied narrows a permission to the resources that a Deny of all others leaves.
func (id identity) outsideDenied(p permission) []permission {
	left := []permission{p}
	for _, policy := range id.policies {
		for _, s := range policy.Statements {
			if s.Allow || s.Conditional || len(s.NotResources) == 0 || !s.coversAction(p.action) {
				continue
			}
			var narrowed []permission
			for _, l := range left {
				for _, r := range s.NotResources {
					if both, ok := l.within(permission{action: l.action, resource: r}); ok {
						narrowed = append(narrowed, both)
					}
				}
			}
			left = narrowed
		}
	}
	return left
}

// coversAction reports whether a statement applies to all of an action pattern.
func (s iamStatement) coversAction(action string) bool {
	if len(s.NotActions) > 0 {
		return !slices.ContainsFunc(s.NotActions, func(n string) bool { return globsMeet(n, action) })
	}
	return slices.ContainsFunc(s.Actions, func(a string) bool { return globCovers(a, action) })
}

// within returns what two permissions have in common.
func (p permission) within(b permission) (permission, bool) {
	if !globsMeet(p.action, b.action) || !globsMeet(p.resource, b.resource) {
		return p, false
	}
	if globCovers(p.action, b.action) {
		p.action = b.action
	}
	if globCovers(p.resource, b.resource) {
		p.resource = b.resource
	}
	p.exceptActions = slices.Concat(p.exceptActions, b.exceptActions)
	p.exceptResources = slices.Concat(p.exceptResources, b.exceptResources)
	p.conditional = p.conditional || b.conditional
	excluded := slices.ContainsFunc(p.exceptActions, func(e string) bool { return globCovers(e, p.action) }) ||
		slices.ContainsFunc(p.exceptResources, func(e string) bool { return globCovers(e, p.resource) })
	return p, !excluded
}

// denies reports whether an unconditional Deny applies to all of an action on a resource.
func (id identity) denies(action, resource string) bool {
	for _, p := range id.policies {
		if deniedBy(p, action, resource) {
			return true
		}
	}
	return id.boundary != nil && deniedBy(*id.boundary, action, resource)
}

func deniedBy(p iamPolicy, action, resource string) bool {
	return slices.ContainsFunc(p.Statements, func(s iamStatement) bool {
		return !s.Allow && !s.Conditional && s.covers(resource) && s.coversAction(action)
	})
}

// escalations are actions that make an administrator of whoever may do them to any identity, in lower case.
func escalations() []string {
	return strings.Fields("iam:putuserpolicy iam:putrolepolicy iam:putgrouppolicy iam:attachuserpolicy iam:attachrolepolicy iam:attachgrouppolicy " +
		"iam:createaccesskey iam:createloginprofile iam:updateloginprofile iam:addusertogroup iam:updateassumerolepolicy iam:createpolicyversion " +
		"iam:setdefaultpolicyversion iam:deleteuserpermissionsboundary iam:deleterolepermissionsboundary iam:putuserpermissionsboundary " +
		"iam:putrolepermissionsboundary iam:passrole sts:assumerole")
}

// ownEscalations make an administrator of an identity that may do them to itself.
func ownEscalations() []string {
	return strings.Fields("iam:putuserpolicy iam:putrolepolicy iam:attachuserpolicy iam:attachrolepolicy iam:addusertogroup " +
		"iam:deleteuserpermissionsboundary iam:deleterolepermissionsboundary")
}

// administrator describes a permission that makes the identity equivalent to an administrator, "" for none. conditional
// reports that it depends on conditions, which are not evaluated. Escalations that are named in allowed are left out.
func (id identity) administrator(allowed []string) (why string, conditional bool) {
	for _, p := range id.effective() {
		for _, action := range escalations() {
			anyone := everyIdentity(p.resource)
			if !p.allows(action) || slices.Contains(allowed, action) || id.denies(action, p.resource) ||
				!anyone && (!slices.Contains(ownEscalations(), action) || !id.isItself(p.resource)) {
				continue
			}
			said := fmt.Sprintf("policy %s allows %s on %s", p.policy, iamName(action), map[bool]string{true: "every resource", false: "itself"}[anyone])
			if p.action == "*" && anyone {
				said = fmt.Sprintf("policy %s allows every action (*)", p.policy)
			}
			if !p.conditional {
				return said, false
			}
			why, conditional = said, true
		}
	}
	return why, conditional
}

// everyIdentity reports whether a resource pattern covers all users, roles, groups or policies of an account.
func everyIdentity(resource string) bool {
	tail := resource
	if part := strings.SplitN(resource, ":", 6); len(part) == 6 {
		if !globsMeet(part[2], "iam") {
			return false
		}
		tail = part[5]
	}
	return slices.ContainsFunc([]string{"user/*", "role/*", "group/*", "policy/*"}, func(kind string) bool { return globCovers(tail, kind) })
}

// isItself reports whether a resource pattern matches the identity.
func (id identity) isItself(resource string) bool {
	own := "arn:" + id.partition + ":iam::*:" + id.kind + "/"
	return globsMeet(resource, own+id.name) || globsMeet(resource, own+"*/"+id.name)
}

// beyond describes a permission that goes beyond the bucket, "" for none. allowed are patterns of further actions that
// the identity may have, in lower case.
func (id identity) beyond(bucket string, allowed []string) string {
	for _, p := range id.policies {
		if name := p.ARN[strings.LastIndex(p.ARN, "/")+1:]; strings.Contains(p.ARN, ":iam::aws:policy/") && id.boundary == nil &&
			slices.Contains([]string{"AmazonS3FullAccess", "AdministratorAccess", "PowerUserAccess"}, name) {
			return name
		}
	}
	arn := "arn:" + id.partition + ":s3:::" + bucket
	for _, p := range id.effective() {
		own := globCovers(arn, p.resource) || globCovers(arn+"/*", p.resource) || strings.Contains(p.resource, ":accesspoint/")
		switch {
		case slices.ContainsFunc(append(harmless(), allowed...), func(a string) bool { return globCovers(a, p.action) }):
		case len(p.exceptActions) > 0:
			return fmt.Sprintf("policy %s allows every action but some (NotAction)", p.policy)
		case p.action == "*":
			return fmt.Sprintf("policy %s allows every action (*)", p.policy)
		case !strings.HasPrefix(p.action, "s3:") && strings.HasSuffix(p.action, ":*"):
			return fmt.Sprintf("policy %s allows every action of another service, %s", p.policy, iamName(p.action))
		case !strings.HasPrefix(p.action, "s3:"):
			return fmt.Sprintf("policy %s allows %s", p.policy, iamName(p.action))
		case len(p.exceptResources) > 0:
			return fmt.Sprintf("policy %s allows %s on every bucket but some (NotResource)", p.policy, iamName(p.action))
		case own:
		case p.action == "s3:*" && globCovers(p.resource, "arn:"+id.partition+":s3:::*"):
			return fmt.Sprintf("policy %s allows every S3 action on every bucket", p.policy)
		case globCovers(p.resource, "arn:"+id.partition+":s3:::*"):
			return fmt.Sprintf("policy %s allows %s on every bucket", p.policy, iamName(p.action))
		default:
			return fmt.Sprintf("policy %s allows %s on more than bucket %s", p.policy, iamName(p.action), bucket)
		}
	}
	return ""
}

// harmless are actions that an upload or a check of it may need on other resources than the bucket: keys of encryption,
// whose own policies decide, and reading the identity.
func harmless() []string {
	return strings.Fields("s3:listallmybuckets s3:getbucketlocation s3:headbucket kms:encrypt kms:decrypt kms:generatedatakey* kms:describekey " +
		"kms:reencrypt* sts:getcalleridentity iam:get* iam:list* iam:createaccesskey iam:updateaccesskey iam:deleteaccesskey iam:changepassword")
}

// iamName shows an action, whose letters AWS ignores the case of, in a common way.
func iamName(action string) string {
	service, verb, _ := strings.Cut(action, ":")
	for _, known := range strings.Fields("PutUserPolicy PutRolePolicy PutGroupPolicy AttachUserPolicy AttachRolePolicy AttachGroupPolicy CreateAccessKey " +
		"CreateLoginProfile UpdateLoginProfile AddUserToGroup UpdateAssumeRolePolicy CreatePolicyVersion SetDefaultPolicyVersion PassRole AssumeRole " +
		"DeleteUserPermissionsBoundary DeleteRolePermissionsBoundary PutUserPermissionsBoundary PutRolePermissionsBoundary PutObject GetObject DeleteObject") {
		if strings.EqualFold(known, verb) {
			verb = known
		}
	}
	return service + ":" + verb
}

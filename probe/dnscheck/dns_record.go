package dnscheck

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// dns_record: does a name have the DNS records of one type that it should have?
//
// A name that does not exist, and one without records of the type, are answers; a resolver that fails is unknown. Every
// resolver must return the same. Details name the rule: TXT records hold tokens, so no value that was received is shown.

// RecordKind is the kind dns_record.
func RecordKind() probe.Kind {
	return probe.Kind{
		Name:       "dns_record",
		Services:   []deployment.Service{deployment.DNSService},
		Question:   "Does the name have the DNS records that it should have?",
		Example:    `{name: "{host}", type: CAA, matches: ['^0 issue "letsencrypt\.org']}`,
		Layer:      probe.LayerLive,
		Reads:      "the records of the name at each resolver (deployment.dns.resolvers)",
		Permission: "network access to them",
		MaxAge:     time.Minute,
		Timeout:    8 * time.Second,
		New:        func() any { return &dnsRecord{} },
	}
}

type dnsRecord struct {
	Name     string           `yaml:"name" required:"true" doc:"name of the record; {host} stands for each public host, e.g. _dmarc.{host}; for PTR also an IP address"`
	Type     string           `yaml:"type" required:"true" doc:"A, AAAA, CNAME, MX, TXT, CAA, NS, SRV, PTR or any other type of record"`
	Equals   []string         `yaml:"equals" doc:"all values, in any order and as in a zone file: 192.0.2.1, 10 mail.example.org, 0 issue \"ca.example\"; a TXT record is one text without quotes"`
	Contains []string         `yaml:"contains" doc:"values that must be among the records"`
	Matches  []string         `yaml:"matches" doc:"regular expressions (RE2); each must match one of the values. Names in values are in lower case, without the final dot"`
	Each     string           `yaml:"each_matches" doc:"regular expression that every value must match"`
	Lacks    []string         `yaml:"lacks" doc:"regular expressions that no value may match"`
	Absent   bool             `yaml:"absent" default:"false" doc:"there must be no record of the type"`
	TTLMin   *schema.Duration `yaml:"ttl_at_least" min:"1s" doc:"minimum time to live; at a resolver with a cache, which returns the time that is left, less is unknown"`
	TTLMax   *schema.Duration `yaml:"ttl_at_most" min:"1s" doc:"maximum time to live; a resolver with a cache returns the time that is left, so less is unknown there: set at"`
	At       []string         `yaml:"at" doc:"resolvers or name servers of the zone to query, as host or host:port, instead of deployment.dns.resolvers"`
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *dnsRecord) Validate() []error {
	var errs []error
	number, known := dns.StringToType[strings.ToUpper(s.Type)]
	if meta := number == dns.TypeANY || number == dns.TypeAXFR || number == dns.TypeIXFR || number == dns.TypeOPT || number == dns.TypeNone; !known || meta {
		errs = append(errs, fmt.Errorf("type: %q is not a type of record", s.Type))
	}
	if name := strings.ReplaceAll(s.Name, "{host}", "host.test"); strings.ContainsAny(name, "{}/: ") && net.ParseIP(name) == nil {
		errs = append(errs, fmt.Errorf("name: %q is not a domain name; only {host} is replaced", s.Name))
	} else if _, valid := dns.IsDomainName(name); !valid {
		errs = append(errs, fmt.Errorf("name: %q is not a domain name", s.Name))
	}
	for _, value := range slices.Concat(s.Equals, s.Contains) {
		if _, err := s.canonicalValue(value); err != nil && known {
			errs = append(errs, fmt.Errorf("%q is not a value of type %s", value, s.Type))
		}
	}
	for _, pattern := range append(slices.Concat(s.Matches, s.Lacks), s.Each) {
		if _, err := regexp.Compile(pattern); err != nil {
			errs = append(errs, err)
		}
	}
	if s.Absent && (len(s.Equals)+len(s.Contains)+len(s.Matches)+len(s.Lacks) > 0 || s.Each != "" || s.TTLMin != nil || s.TTLMax != nil) {
		errs = append(errs, errors.New("absent: records that must not be there have no other rules"))
	}
	if s.TTLMin != nil && s.TTLMax != nil && *s.TTLMax < *s.TTLMin {
		errs = append(errs, errors.New("ttl_at_most is less than ttl_at_least"))
	}
	return errs
}

func (s *dnsRecord) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	names := []string{s.Name}
	if strings.Contains(s.Name, "{host}") {
		hosts, err := PublicHosts(p)
		if err != nil {
			return probe.Result{}, err
		}
		names = nil
		for _, host := range hosts {
			names = append(names, strings.ReplaceAll(s.Name, "{host}", host))
		}
	}
	servers := s.servers()
	if len(servers) == 0 {
		var err error
		if servers, err = Resolvers(p); err != nil {
			return probe.Result{}, err
		}
	}
	var f probe.ResultBuilder
	for _, name := range names {
		for _, server := range servers {
			found, err := s.lookUp(ctx, p, server, name)
			s.judge(&f, name, server, found, err)
		}
	}
	if strings.Contains(s.Name, "{host}") {
		for _, problem := range unusedHosts(p) {
			f.Add(probe.NotChecked(problem))
		}
	}
	if s.Absent {
		return f.Result("%s has no %s record, as required", strings.Join(names, ", "), s.Type), nil
	}
	return f.Result("the %s records of %s are as required", s.Type, strings.Join(names, ", ")), nil
}

func (s *dnsRecord) servers() []string {
	var all []string
	for _, server := range s.At {
		if _, _, err := net.SplitHostPort(server); err != nil {
			server = net.JoinHostPort(strings.Trim(server, "[]"), "53")
		}
		all = append(all, server)
	}
	return all
}

// foundRecords are the records of one name at one resolver.
type foundRecords struct {
	values []string // sorted
	ttl    time.Duration
	cached bool // the resolver answers from a cache: the time to live is what is left of it
}

// lookUp queries one resolver. It follows aliases, also where the resolver returns only the alias.
func (s *dnsRecord) lookUp(ctx context.Context, p *probe.Pass, server, name string) (foundRecords, error) {
	number := dns.StringToType[strings.ToUpper(s.Type)]
	if ip, err := netip.ParseAddr(name); err == nil && number == dns.TypePTR {
		if name, err = dns.ReverseAddr(ip.String()); err != nil {
			return foundRecords{}, err
		}
	}
	for range maxAliases {
		reply, err := dnsExchange(ctx, p, server, name, number)
		if err != nil {
			return foundRecords{}, err
		}
		found, end := recordsIn(reply, name, number)
		switch {
		case len(found.values) > 0:
			return found, nil
		case end != canonical(name):
			name = end
		case isReferral(reply):
			return foundRecords{}, probe.Unknownf(probe.ReasonInvalid, "returned a referral to other name servers: it does not resolve names")
		default:
			return foundRecords{}, nil
		}
	}
	return foundRecords{}, probe.Unknownf(probe.ReasonInvalid, "returned a chain of more than %d aliases", maxAliases)
}

// isReferral reports whether a response without records only names the servers to ask instead.
func isReferral(reply *dns.Msg) bool {
	of := func(number uint16) bool {
		return slices.ContainsFunc(reply.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == number })
	}
	return !reply.Authoritative && of(dns.TypeNS) && !of(dns.TypeSOA)
}

// recordsIn returns the records of a name and the end of its chain of aliases. Records of other names do not count.
func recordsIn(reply *dns.Msg, name string, number uint16) (foundRecords, string) {
	end := canonical(name)
	found := foundRecords{ttl: math.MaxInt64, cached: reply.RecursionAvailable && !reply.Authoritative}
	for range len(reply.Answer) + 1 {
		next := ""
		for _, rr := range reply.Answer {
			h := rr.Header()
			alias, isAlias := rr.(*dns.CNAME)
			if canonical(h.Name) != end || h.Rrtype != number && !isAlias {
				continue
			}
			found.ttl = min(found.ttl, time.Duration(h.Ttl)*time.Second)
			if h.Rrtype == number {
				found.values = append(found.values, valueOf(rr))
				continue
			}
			next = canonical(alias.Target)
		}
		if next == "" || len(found.values) > 0 {
			break
		}
		end = next
	}
	slices.Sort(found.values)
	found.values = slices.Compact(found.values)
	return found, end
}

// valueOf returns the value of a record as compared: names in lower case and without the final dot; a TXT record as one
// text.
func valueOf(rr dns.RR) string {
	if txt, ok := rr.(*dns.TXT); ok {
		return unescaped(strings.Join(txt.Txt, ""))
	}
	fields := strings.Fields(strings.ToLower(strings.TrimPrefix(rr.String(), rr.Header().String())))
	for i, field := range fields {
		if len(field) > 1 {
			fields[i] = strings.TrimSuffix(field, ".")
		}
	}
	return strings.Join(fields, " ")
}

// unescaped replaces \DDD and \X, with which the library writes the bytes of a text.
func unescaped(text string) string {
	var out []byte
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		digits := text[i+1 : min(i+4, len(text))]
		if code := 0; len(digits) == 3 && isByte(digits, &code) {
			out = append(out, byte(code))
			i += 3
			continue
		}
		i++
		out = append(out, text[i])
	}
	return string(out)
}

func isByte(digits string, code *int) bool {
	for _, d := range []byte(digits) {
		if d < '0' || d > '9' {
			return false
		}
		*code = 10**code + int(d-'0')
	}
	return *code < 256
}

// canonicalValue returns a value of the checklist as valueOf does.
func (s *dnsRecord) canonicalValue(value string) (string, error) {
	if strings.EqualFold(s.Type, "TXT") {
		return value, nil
	}
	rr, err := dns.NewRR(". 0 IN " + strings.ToUpper(s.Type) + " " + value)
	if err != nil || rr == nil || strings.ContainsAny(value, "\n;") {
		return "", errors.New("invalid value")
	}
	return valueOf(rr), nil
}

// judge evaluates the response of one resolver for one name.
func (s *dnsRecord) judge(f *probe.ResultBuilder, name, server string, found foundRecords, err error) {
	switch {
	case err != nil && !errors.Is(err, errNoName):
		r := probe.NotChecked(fmt.Errorf("resolver %s, query for %s of %s: %w", server, s.Type, name, err))
		if r.Remedy = deployment.DNSService.Setting("resolvers"); len(s.At) > 0 {
			r.Remedy = "network access to the servers of at"
		}
		f.Add(r)
		return
	case s.Absent && len(found.values) > 0:
		f.Fail(probe.ReasonExposed, "%s has a %s record at %s, and must have none", name, s.Type, server)
		return
	case s.Absent:
		return
	case err != nil:
		f.Fail(probe.ReasonMissing, "%s does not exist at %s", name, server)
		return
	case len(found.values) == 0:
		f.Fail(probe.ReasonMissing, "%s has no %s record at %s", name, s.Type, server)
		return
	}
	s.judgeValues(f, name+" at "+server, found.values)
	s.judgeTTL(f, name+" at "+server, found)
}

func (s *dnsRecord) judgeValues(f *probe.ResultBuilder, what string, values []string) {
	canonical := func(texts []string) (all []string) {
		for _, text := range texts {
			value, _ := s.canonicalValue(text) // valid, see Validate
			all = append(all, value)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	if len(s.Equals) > 0 && !slices.Equal(canonical(s.Equals), values) {
		f.Fail(probe.ReasonMismatch, "the %s records of %s are not the values in the checklist", s.Type, what)
	}
	for i, text := range s.Contains {
		if !slices.Contains(values, canonical([]string{text})[0]) {
			f.Fail(probe.ReasonMissing, "value %d of contains is not among the %s records of %s", i+1, s.Type, what)
		}
	}
	for _, pattern := range s.Matches {
		if !slices.ContainsFunc(values, regexp.MustCompile(pattern).MatchString) {
			f.Fail(probe.ReasonMismatch, "no %s record of %s matches %s", s.Type, what, pattern)
		}
	}
	if each := regexp.MustCompile(s.Each); slices.ContainsFunc(values, func(v string) bool { return !each.MatchString(v) }) {
		f.Fail(probe.ReasonMismatch, "a %s record of %s does not match %s", s.Type, what, s.Each)
	}
	for _, pattern := range s.Lacks {
		if slices.ContainsFunc(values, regexp.MustCompile(pattern).MatchString) {
			f.Fail(probe.ReasonInvalid, "a %s record of %s matches %s, which it must not", s.Type, what, pattern)
		}
	}
}

// judgeTTL judges the time to live. What is left of it in a cache proves only that the whole is not less.
func (s *dnsRecord) judgeTTL(f *probe.ResultBuilder, what string, found foundRecords) {
	short := s.TTLMin != nil && found.ttl < s.TTLMin.Std()
	long := s.TTLMax != nil && found.ttl > s.TTLMax.Std()
	switch {
	case long:
		f.Fail(probe.ReasonThreshold, "the time to live of %s of %s is more than %s", s.Type, what, s.TTLMax)
	case found.cached && (short || s.TTLMax != nil):
		f.Add(probe.NotChecked(probe.Needs("at, with a name server of the zone", probe.Unknownf(probe.ReasonNotConfigured,
			"the time to live of %s of %s is that left in a cache, so the one of the zone is unknown", s.Type, what))))
	case short:
		f.Fail(probe.ReasonThreshold, "the time to live of %s of %s is less than %s", s.Type, what, s.TTLMin)
	}
}

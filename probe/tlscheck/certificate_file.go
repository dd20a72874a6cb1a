package tlscheck

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
	"github.com/thenexusengine/catalyst_exporter/probe/filesearch"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// certificate_file: are the certificates in the files valid, for the right names and with their keys?
//
// Unlike tls_files, which finds what the deployment's servers load, it checks the files that the checklist names: client
// certificates, those of an own authority, or of servers that no file of the deployment configures. The judgement is that
// of tls_files.

// FileKind is the kind certificate_file.
func FileKind() probe.Kind {
	return probe.Kind{
		Name:       "certificate_file",
		Question:   "Are the certificates in the files valid, for the right names and with their keys?",
		Example:    `{path: "certs/*.pem", names: [shop.example.org], key: "{dir}/{name}.key"}`,
		Layer:      probe.LayerDeclared,
		Reads:      "the files that match `path`, and the key of each",
		Permission: "read permission",
		MaxAge:     time.Minute,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*certificateFile).breakages(view) },
		New: func() any {
			return &certificateFile{Warn: schema.Duration(expiringSoon), Fail: schema.Duration(expiringNow), Trusted: true, Usage: "server"}
		},
	}
}

type certificateFile struct {
	Path    string          `yaml:"path" required:"true" doc:"PEM or DER file with a certificate, or a chain that begins with it; *, ? and [a-z] match within a name, ** any number of folders; every file that matches is checked"`
	Except  []string        `yaml:"except" doc:"patterns of files that are left out"`
	Names   []string        `yaml:"names" doc:"names that each certificate must cover: host names or IP addresses; {host} stands for every public host"`
	Key     string          `yaml:"key" doc:"file of the private key; {dir} is the folder of the certificate, {name} its name without extension. A key in the file of the certificate is checked as well"`
	KeyMode string          `yaml:"key_mode" pattern:"^0?[0-7]{3}$" doc:"permission bits that the file of the key may have at most, e.g. 0640; without it, access for other users is a warning"`
	Warn    schema.Duration `yaml:"warn" min:"0s" default:"30d" doc:"remaining validity below which a certificate is a warning; a quarter of its lifetime where that is less"`
	Fail    schema.Duration `yaml:"fail" min:"0s" default:"7d" doc:"remaining validity below which it fails; a twelfth of its lifetime where that is less"`
	Trusted bool            `yaml:"trusted" default:"true" doc:"the chain must lead to a trusted authority: that of ca_file, of deployment.tls.ca_file, or of the system"`
	CAFile  string          `yaml:"ca_file" doc:"file with the authorities to trust"`
	Usage   string          `yaml:"usage" default:"server" enum:"server,client,any" doc:"what the certificate is for"`
	CA      bool            `yaml:"ca" default:"false" doc:"the certificate must be that of an authority; otherwise it must not be"`
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *certificateFile) Validate() []error {
	var errs []error
	for _, pattern := range append([]string{s.Path}, s.Except...) {
		if err := filesearch.ValidPattern(pattern); err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range s.Names {
		if rest := strings.ReplaceAll(name, "{host}", "host"); rest == "" || strings.ContainsAny(rest, "{}/* ") || strings.Contains(rest, ":") && net.ParseIP(rest) == nil {
			errs = append(errs, fmt.Errorf("names: %q is neither a host name nor an IP address", name))
		}
	}
	if strings.ContainsAny(strings.NewReplacer("{dir}", "", "{name}", "").Replace(s.Key), "{}*?") {
		errs = append(errs, errors.New("key: is one file; only {dir} and {name} are replaced"))
	}
	if s.Fail > s.Warn {
		errs = append(errs, errors.New("fail must not be longer than warn"))
	}
	if s.CAFile != "" && !s.Trusted {
		errs = append(errs, errors.New("ca_file: is for trusted"))
	}
	if s.CA && s.Usage != "any" && s.Trusted {
		errs = append(errs, errors.New("ca: an authority has no usage; set usage: any"))
	}
	return errs
}

func (s *certificateFile) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	found, err := filesearch.Search(ctx, p.Deployment, s.Path, s.Except)
	if err != nil {
		return probe.Result{}, err
	}
	if len(found) == 0 {
		return probe.Failed(probe.ReasonMissing, "%s: no such file", s.Path), nil
	}
	terms, err := s.terms(p)
	if err != nil {
		return probe.Result{}, err
	}
	var f probe.ResultBuilder
	var unknown error // the first error, returned unless something fails
	for _, file := range found {
		if ctx.Err() != nil {
			return probe.Result{}, ctx.Err()
		}
		var one probe.ResultBuilder
		if err := s.judgeFile(p, file, terms, &one); err != nil && unknown == nil {
			unknown = err
		}
		r := one.Result("")
		if r.State != probe.StatePass {
			name := p.Deployment.Rel(file)
			r = r.About(probe.Offender{ID: name, File: name})
		}
		f.Add(r)
	}
	r := f.Result("%s: valid", s.Path)
	if len(found) > 1 {
		r = f.Result("%s: all %s are valid", s.Path, phrase.Count(len(found), "file"))
	}
	if unknown != nil && r.State != probe.StateFail {
		return probe.Result{}, unknown
	}
	return r, nil
}

// terms returns what each certificate is judged against.
func (s *certificateFile) terms(p *probe.Pass) (certificateTerms, error) {
	t := certificateTerms{now: p.Now(), warn: s.Warn.Std(), fail: s.Fail.Std(), usage: s.Usage, anyRoot: !s.Trusted}
	for _, name := range s.Names {
		if !strings.Contains(name, "{host}") {
			t.hosts = append(t.hosts, name)
			continue
		}
		hosts, err := publicNames(p)
		if err == nil && len(hosts) == 0 {
			err = probe.Unknownf(probe.ReasonNotConfigured, "no public host is known: set deployment.public.hosts")
		}
		if err != nil {
			return t, probe.Needs(deployment.PublicService.Setting("hosts"), err)
		}
		for _, host := range hosts {
			t.hosts = append(t.hosts, strings.ReplaceAll(name, "{host}", host))
		}
	}
	var err error
	switch {
	case !s.Trusted:
	case s.CAFile != "":
		t.roots, err = authoritiesIn(p, s.CAFile, "ca_file of the checklist")
	default:
		t.roots, err = tlsRoots(p)
	}
	return t, err
}

// judgeFile checks one file with its key. The error is for files that could not be read.
func (s *certificateFile) judgeFile(p *probe.Pass, file string, terms certificateTerms, f *probe.ResultBuilder) error {
	name := p.Deployment.Rel(file)
	loaded, err := loadAny(p, file)
	if err != nil {
		return unloaded(name, err, f)
	}
	chain := loaded.chain
	var unread error
	if s.Key != "" {
		unread = s.judgeKeyFile(p, s.keyOf(name), name, &chain, f)
	}
	if loaded.hasKey {
		if err := s.judgeKeyFile(p, file, name, &chain, f); unread == nil {
			unread = err
		}
	}
	switch ca := chain[0].BasicConstraintsValid && chain[0].IsCA; {
	case ca && !s.CA:
		f.Fail(probe.ReasonInvalid, "%s: the first certificate is that of an authority. Put the server's certificate first", name)
	case !ca && s.CA:
		f.Fail(probe.ReasonInvalid, "%s: the first certificate is not that of an authority", name)
	}
	terms.trust = trustOf(p, "certificate_file "+s.Usage+" "+file)
	_, err = judgeChain(name, chain, terms, f)
	if err != nil {
		err = probe.Needs("the ca-certificates package, or ca_file", probe.Unknown(probe.ReasonError, err))
	}
	if unread != nil {
		err = unread
	}
	return err
}

// keyOf returns the file of the key of a certificate.
func (s *certificateFile) keyOf(name string) string {
	base := path.Base(name)
	return path.Clean(strings.NewReplacer("{dir}", path.Dir(name), "{name}", strings.TrimSuffix(base, path.Ext(base))).Replace(s.Key))
}

// judgeKeyFile checks a key and compares it with the chain.
func (s *certificateFile) judgeKeyFile(p *probe.Pass, key, name string, chain *[]*x509.Certificate, f *probe.ResultBuilder) error {
	var loose probe.ResultBuilder
	pair := tlsPair{cert: name, key: p.Deployment.Abs(key)}
	public, unread := judgeKey(p, pair, "", &loose)
	if limit, err := strconv.ParseUint(s.KeyMode, 8, 32); err == nil && public.key != nil {
		loose = probe.ResultBuilder{} // its only finding about a key that was read is the mode
		if public.mode.Perm()&^fs.FileMode(limit) != 0 {
			loose.Fail(probe.ReasonExposed, "%s has mode %04o, more than %04o: run chmod", p.Deployment.Rel(pair.key), public.mode.Perm(), limit)
		}
	}
	f.Add(loose.Result(""))
	matchKey(p.Deployment.Rel(pair.key), name, public, chain, f)
	return unread
}

// anyFile is what a file of certificates contains.
type anyFile struct {
	chain  []*x509.Certificate
	hasKey bool
}

// loadAny reads a chain in PEM or DER.
func loadAny(p *probe.Pass, file string) (anyFile, error) {
	return files.Load(p.Files, file, "certificates in PEM or DER", maxPEM, func(data []byte, _ fs.FileInfo) (anyFile, error) {
		chain, err := parseChain(data)
		if errors.Is(err, errNoPEM) {
			var invalid error
			if chain, invalid = x509.ParseCertificates(data); invalid != nil || len(chain) == 0 || len(chain) > maxCertificates {
				return anyFile{}, errors.New("is neither a PEM nor a DER file of certificates")
			}
			return anyFile{chain: chain}, nil
		}
		return anyFile{chain: chain, hasKey: bytes.Contains(data, []byte("PRIVATE KEY-----"))}, err
	})
}

// breakages lists ways to break the certificates and their keys.
func (s *certificateFile) breakages(view *deployment.View) []probe.Breakage {
	found, err := filesearch.Search(context.Background(), view.Deployment, s.Path, s.Except)
	if err != nil {
		return nil
	}
	const other = "-----BEGIN CERTIFICATE-----\nY2hhbmdlbWU=\n-----END CERTIFICATE-----\n"
	var all []probe.Breakage
	add := func(file, what string) {
		all = append(all, probe.Breakage{Name: what + " emptied", File: file, Edit: edit.Empty},
			probe.Breakage{Name: what + " cut in half", File: file, Edit: edit.Half},
			probe.Breakage{Name: what + " replaced by a template", File: file, Edit: edit.Content(other)})
	}
	for _, file := range found {
		name := view.Deployment.Rel(file)
		add(name, "certificate")
		if len(found) == 1 { // of several, no one is required
			all = append(all, probe.Breakage{Name: "certificate deleted", File: name, Edit: edit.Delete})
		}
		if s.Key == "" {
			continue
		}
		if key := s.keyOf(name); !slices.ContainsFunc(all, func(b probe.Breakage) bool { return b.File == key }) && source.IsFile(view.Deployment.Abs(key)) {
			add(key, "key")
			all = append(all, probe.Breakage{Name: "key deleted", File: key, Edit: edit.Delete})
		}
	}
	return all
}

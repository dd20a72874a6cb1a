package tlscheck

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestCertificateFile(t *testing.T) {
	now := time.Now()
	root := parts.CA(t)
	between := root.Intermediate(t)
	shop := []string{"shop.catalyst-test.net", "192.0.2.1"}
	good, other := between.Leaf(t, shop), between.Leaf(t, shop)
	client := between.Leaf(t, shop, parts.Template(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))
	expired := between.Leaf(t, shop, parts.ValidFrom(now.Add(-90*day)), parts.ValidUntil(now.Add(-time.Hour)))
	soon := between.Leaf(t, shop, parts.ValidFrom(now.Add(-300*day)), parts.ValidUntil(now.Add(20*day)))
	later := between.Leaf(t, shop, parts.ValidFrom(now.Add(time.Hour)))
	small := between.Leaf(t, shop, parts.RSA(1024))
	alone := parts.SelfSigned(t, shop)
	der := func(c *parts.Cert) string {
		block, _ := pem.Decode(c.PEM())
		return string(block.Bytes)
	}
	pair := func(c *parts.Cert) probetest.Folder {
		return probetest.Folder{"tls/a.pem": string(c.ChainPEM()), "tls/a.key": string(c.KeyPEM())}
	}
	const key = ", key: '{dir}/{name}.key'"
	for name, test := range map[string]struct {
		files  probetest.Folder
		rest   string // of the spec
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"valid":                  {pair(good), key + ", names: [shop.catalyst-test.net, 192.0.2.1]", probe.StatePass, "", "valid"},
		"public hosts":           {pair(good), ", names: ['{host}']", probe.StatePass, "", ""},
		"key in the file":        {probetest.Folder{"tls/a.pem": string(good.ChainPEM()) + string(good.KeyPEM())}, "", probe.StatePass, "", ""},
		"DER":                    {probetest.Folder{"tls/a.pem": der(good) + der(between)}, "", probe.StatePass, "", ""},
		"client":                 {pair(client), ", usage: client", probe.StatePass, "", ""},
		"self-signed":            {pair(alone), key + ", trusted: false", probe.StatePass, "", ""},
		"authority":              {pair(between), key + ", ca: true, usage: any", probe.StatePass, "", ""},
		"two files":              {pair(good).With("tls/b.pem", string(other.ChainPEM())), "", probe.StatePass, "", "all 2 files"},
		"other authority":        {pair(good), ", ca_file: root.crt", probe.StatePass, "", ""},
		"less than the limits":   {pair(soon), ", warn: 10d", probe.StatePass, "", ""},
		"left out":               {pair(good).With("tls/old.pem", string(expired.ChainPEM())), ", except: [tls/old.pem]", probe.StatePass, "", ""},
		"key of few":             {pair(good), key + ", key_mode: '0600'", probe.StatePass, "", ""},
		"expires soon":           {pair(soon), "", probe.StateWarn, probe.ReasonExpiring, "expires on"},
		"renewal has failed":     {pair(soon), ", warn: 90d, fail: 30d", probe.StateFail, probe.ReasonExpired, "renewal has failed"},
		"no file":                {nil, "", probe.StateFail, probe.ReasonMissing, "no such file"},
		"empty":                  {probetest.Folder{"tls/a.pem": ""}, "", probe.StateFail, probe.ReasonEmpty, "tls/a.pem is empty"},
		"text":                   {probetest.Folder{"tls/a.pem": "changeme"}, "", probe.StateFail, probe.ReasonInvalid, "neither a PEM nor a DER"},
		"cut":                    {probetest.Folder{"tls/a.pem": string(good.ChainPEM()[:700])}, "", probe.StateFail, probe.ReasonInvalid, "truncated"},
		"cut DER":                {probetest.Folder{"tls/a.pem": der(good)[:300]}, "", probe.StateFail, probe.ReasonInvalid, ""},
		"key alone":              {probetest.Folder{"tls/a.pem": string(good.KeyPEM())}, "", probe.StateFail, probe.ReasonInvalid, "contains no certificate"},
		"expired":                {pair(expired), "", probe.StateFail, probe.ReasonExpired, "expired on"},
		"expired, own authority": {pair(expired), ", trusted: false", probe.StateFail, probe.ReasonExpired, "expired on"},
		"not valid yet":          {pair(later), "", probe.StateFail, probe.ReasonInvalid, "not valid before"},
		"one of two expired":     {pair(good).With("tls/b.pem", string(expired.ChainPEM())), "", probe.StateFail, probe.ReasonExpired, "tls/b.pem"},
		"other name":             {pair(good), ", names: [shop.example.com]", probe.StateFail, probe.ReasonMismatch, "not for shop.example.com"},
		"other address":          {pair(good), ", names: [192.0.2.2]", probe.StateFail, probe.ReasonMismatch, ""},
		"other key":              {pair(good).With("tls/a.key", string(other.KeyPEM())), key, probe.StateFail, probe.ReasonMismatch, "key of another certificate"},
		"other key in the file":  {probetest.Folder{"tls/a.pem": string(good.ChainPEM()) + string(other.KeyPEM())}, "", probe.StateFail, probe.ReasonMismatch, "key of another"},
		"no key":                 {pair(good).Lacks("tls/a.key"), key, probe.StateFail, probe.ReasonMissing, "tls/a.key"},
		"cut key":                {pair(good).With("tls/a.key", string(good.KeyPEM()[:80])), key, probe.StateFail, probe.ReasonInvalid, "tls/a.key"},
		"no intermediate":        {pair(good).With("tls/a.pem", string(good.PEM())), "", probe.StateFail, probe.ReasonMissing, "intermediate"},
		"authority first":        {probetest.Folder{"tls/a.pem": string(between.PEM()) + string(good.PEM())}, "", probe.StateFail, probe.ReasonInvalid, "that of an authority"},
		"not an authority":       {pair(good), ", ca: true, trusted: false", probe.StateFail, probe.ReasonInvalid, "not that of an authority"},
		"order":                  {probetest.Folder{"tls/a.pem": string(good.PEM()) + string(root.PEM()) + string(between.PEM())}, "", probe.StateWarn, probe.ReasonInvalid, "not the issuer"},
		"foreign intermediate":   {probetest.Folder{"tls/a.pem": string(good.PEM()) + string(parts.CA(t).Intermediate(t).PEM())}, ", trusted: false", probe.StateFail, probe.ReasonInvalid, "did not sign it"},
		"untrusted":              {pair(alone), "", probe.StateFail, probe.ReasonUntrusted, "self-signed"},
		"other authority's":      {pair(good), ", ca_file: other.crt", probe.StateFail, probe.ReasonUntrusted, ""},
		"weak key":               {pair(small), "", probe.StateFail, probe.ReasonWeak, "1024 bits"},
		"weak key, own":          {pair(small), ", trusted: false", probe.StateFail, probe.ReasonWeak, "1024 bits"},
		"for clients only":       {pair(client), "", probe.StateFail, probe.ReasonInvalid, "not a server certificate"},
		"for clients only, own":  {pair(client), ", trusted: false", probe.StateFail, probe.ReasonInvalid, "not a server certificate"},
		"authority missing":      {pair(good), ", ca_file: gone.crt", probe.StateUnknown, probe.ReasonError, "ca_file of the checklist"},
	} {
		t.Run(name, func(t *testing.T) {
			files := probetest.Folder{}
			for file, text := range test.files {
				files[file] = text
			}
			rootFile := files
			rootFile["root.crt"], rootFile["other.crt"] = string(root.PEM()), string(alone.PEM())
			if test.reason == probe.ReasonUntrusted && strings.Contains(test.rest, "other.crt") {
				rootFile["tls/a.pem"] += string(root.PEM())
			}
			p := probetest.NewPass(t, files, deployment.Settings{Public: deployment.Public{Hosts: []string{"shop.catalyst-test.net"}}, TLS: deployment.TLS{CAFile: "root.crt"}})
			got := probetest.Look(t, p, FileKind(), "{path: 'tls/*.pem'"+test.rest+"}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			if got.State == probe.StateFail && test.files != nil && len(got.Offenders) == 0 {
				t.Error("no offender")
			}
		})
	}
}

// TestCertificateFile_Mode judges who may read the key.
func TestCertificateFile_Mode(t *testing.T) {
	c := parts.SelfSigned(t, []string{"a.test"})
	p := probetest.NewPass(t, probetest.Folder{"a.pem": string(c.PEM()), "a.key": string(c.KeyPEM())}, deployment.Settings{})
	for _, test := range []struct {
		mode   os.FileMode
		limit  string
		state  probe.State
		reason probe.Reason
	}{
		{0o600, "", probe.StatePass, ""}, {0o640, "", probe.StatePass, ""}, {0o644, "", probe.StateWarn, probe.ReasonExposed},
		{0o640, ", key_mode: '0600'", probe.StateFail, probe.ReasonExposed}, {0o644, ", key_mode: '0640'", probe.StateFail, probe.ReasonExposed},
		{0o644, ", key_mode: '0644'", probe.StatePass, ""}, {0o400, ", key_mode: '0600'", probe.StatePass, ""},
	} {
		if err := os.Chmod(filepath.Join(p.Deployment.Root, "a.key"), test.mode); err != nil {
			t.Fatal(err)
		}
		got := probetest.Look(t, probetest.Again(p), FileKind(), "{path: a.pem, key: a.key, trusted: false"+test.limit+"}")
		probetest.Expect(t, got, test.state, test.reason, "")
	}
	probetest.Unprivileged(t, func() {
		if err := os.Chmod(filepath.Join(p.Deployment.Root, "a.key"), 0); err != nil {
			t.Error(err)
		}
		got := probetest.Look(t, probetest.Again(p), FileKind(), "{path: a.pem, key: a.key, trusted: false}")
		probetest.Expect(t, got, probe.StateUnknown, probe.ReasonPermissionDenied, "a.key")
	})
}

// Every declared breakage is a fault that the kind reports.
func TestCertificateFile_Breakages(t *testing.T) {
	c := parts.SelfSigned(t, []string{"a.test"})
	folder := func() probetest.Folder {
		return probetest.Folder{"tls/a.pem": string(c.PEM()), "tls/a.key": string(c.KeyPEM())}
	}
	const spec = "{path: 'tls/*.pem', key: '{dir}/{name}.key', trusted: false}"
	pr := probetest.Load(t, FileKind(), spec)
	p := probetest.NewPass(t, folder(), deployment.Settings{})
	probetest.Expect(t, probe.Run(t.Context(), pr, p), probe.StatePass, "", "")
	breakages := FileKind().Breakages(pr, p.View)
	if len(breakages) != 8 {
		t.Errorf("%d breakages", len(breakages))
	}
	for _, b := range breakages {
		files := folder()
		if after := b.Edit([]byte(files[b.File])); after == nil {
			files.Lacks(b.File)
		} else {
			files[b.File] = string(after)
		}
		if got := probe.Run(t.Context(), pr, probetest.NewPass(t, files, deployment.Settings{})); got.State != probe.StateFail {
			t.Errorf("%s of %s: %+v", b.Name, b.File, got)
		}
	}
}

func TestCertificateFile_Refused(t *testing.T) {
	for _, spec := range []string{
		"{}", "{path: ''}", "{path: '['}", "{path: a, names: ['https://a/']}", "{path: a, names: ['*.a.test']}", "{path: a, key: '*.key'}", "{path: a, key: '{x}.key'}",
		"{path: a, warn: 1d, fail: 2d}", "{path: a, key_mode: '9'}", "{path: a, usage: mail}", "{path: a, ca_file: b, trusted: false}", "{path: a, ca: true}",
	} {
		if _, problems := probetest.Decode(FileKind(), spec); len(problems) == 0 {
			t.Errorf("%s loads", spec)
		}
	}
}

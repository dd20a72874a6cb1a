package evidence

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

// Digests of the deployed image and of others.
var (
	deployed = "sha256:" + strings.Repeat("1a", 32)
	another  = "sha256:" + strings.Repeat("2b", 32)
)

func cyclone(about string, components ...string) string {
	return `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"timestamp":"2026-11-20T10:00:00Z","component":{` + about + `}},"components":[` + strings.Join(components, ",") + `]}`
}

func spdx(packages ...string) string {
	return `{"spdxVersion":"SPDX-2.3","creationInfo":{"created":"2026-11-20T10:00:00Z"},"packages":[` + strings.Join(packages, ",") + `]}`
}

func cycloneXML(about string, components ...string) string {
	return `<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"><metadata><timestamp>2026-11-20T10:00:00Z</timestamp>` +
		`<tools><components><component type="application"><name>syft</name><version>1</version></component></components></tools>` +
		about + `</metadata><components>` + strings.Join(components, "\n") + `</components></bom>`
}

func spdx3(elements ...string) string {
	return `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{"type":"CreationInfo","@id":"_:c","specVersion":"3.0.1","created":"2026-11-20T10:00:00Z"},` +
		`{"type":"SpdxDocument","spdxId":"urn:d"}` + strings.Join(append([]string{""}, elements...), ",") + `]}`
}

const (
	xmlLibrary   = `<component type="library"><supplier><name>x</name></supplier><name>openssl</name><version>3.0.1</version><pedigree><ancestors><component><name>a</name><version>1</version></component></ancestors></pedigree></component>`
	spdx3Library = `{"type":"software_Package","spdxId":"urn:p","name":"openssl","software_packageVersion":"3.0.1"}`

	library     = `{"type":"library","name":"openssl","version":"3.0.1","purl":"pkg:deb/debian/openssl@3.0.1"}`
	unversioned = `{"type":"library","name":"openssl"}`
	spdxLibrary = `{"name":"openssl","versionInfo":"3.0.1","externalRefs":[{"referenceLocator":"pkg:deb/debian/openssl@3.0.1"}]}`
	resource    = `"Kind":"Deployment","Name":"api","Results":[{"Target":"api","Class":"os-pkgs"`
)

func goodImageReports() []example {
	return []example{
		{name: "CycloneDX", kind: report.SBOM, text: cyclone(`"type":"container","name":"app"`, library)},
		{name: "SPDX", kind: report.SBOM, text: spdx(spdxLibrary)},
		{name: "CycloneDX XML", kind: report.SBOM, text: cycloneXML(``, xmlLibrary)},
		{name: "SPDX 3", kind: report.SBOM, text: spdx3(spdx3Library)},
		{name: "trivy k8s", kind: report.Vulnerabilities, text: `{"ClusterName":"c","Resources":[{` + resource + `}]}]}`},
	}
}

func TestSBOM(t *testing.T) {
	run(t, report.CycloneDX, []example{
		{name: "components", kind: report.SBOM, text: cyclone(`"type":"application","name":"app"`, library, `{"type":"file","name":"/etc/x"}`), state: Pass, detail: "1 component named", counts: &report.Counts{Audited: 1}},
		{name: "nested", kind: report.SBOM, text: cyclone(`"type":"application","components":[` + library + `]`), state: Pass, detail: "1 component named"},
		{name: "empty", kind: report.SBOM, text: cyclone(`"type":"application"`), state: Fail, reason: report.Empty, detail: "no component with a version"},
		{name: "without a list", kind: report.SBOM, text: `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, state: Fail, reason: report.Empty},
		{name: "names only", kind: report.SBOM, text: cyclone(``, unversioned, unversioned), state: Fail, reason: report.Empty},
		{name: "mostly names", kind: report.SBOM, text: cyclone(``, library, unversioned, unversioned), state: Warn, reason: report.Weak, detail: "2 of 3 components have no name or version"},
		{name: "no version", kind: report.SBOM, text: `{"bomFormat":"CycloneDX","components":[` + library + `]}`, state: Unknown, reason: report.Invalid, detail: "specVersion"},
		{name: "cut", kind: report.SBOM, text: cyclone(``, library, library)[:200], state: Unknown, reason: report.Truncated},
	})
	run(t, report.SPDX, []example{
		{name: "packages", kind: report.SBOM, text: spdx(spdxLibrary), state: Pass, detail: "1 component named"},
		{name: "empty", kind: report.SBOM, text: spdx(), state: Fail, reason: report.Empty},
		{name: "only the image", kind: report.SBOM, text: spdx(`{"name":"app","versionInfo":"1","primaryPackagePurpose":"CONTAINER"}`), state: Fail, reason: report.Empty},
		{name: "other version", kind: report.SBOM, text: strings.Replace(spdx(spdxLibrary), "SPDX-2.3", "SPDX-9", 1), state: Unknown, reason: report.Invalid},
	})
	run(t, report.CycloneDXML, []example{
		{name: "components", kind: report.SBOM, text: cycloneXML(``, xmlLibrary, `<component type="file"><name>/etc/x</name></component>`), state: Pass, detail: "1 component named", counts: &report.Counts{Audited: 1}},
		{name: "nested", kind: report.SBOM, text: cycloneXML(``, `<component type="library"><name>a</name><version>1</version><components>`+xmlLibrary+`</components></component>`), state: Pass, detail: "2 components named"},
		{name: "only tools", kind: report.SBOM, text: cycloneXML(``), state: Fail, reason: report.Empty},
		{name: "names only", kind: report.SBOM, text: cycloneXML(``, `<component type="library"><name>a</name></component>`), state: Fail, reason: report.Empty},
		{name: "version of a child", kind: report.SBOM, text: cycloneXML(``, `<component type="library"><name>a</name><evidence><version>1</version></evidence></component>`), state: Fail, reason: report.Empty},
		{name: "mostly names", kind: report.SBOM, text: cycloneXML(``, xmlLibrary, `<component><name>a</name></component>`, `<component><version>1</version></component>`), state: Warn, reason: report.Weak},
		{name: "another name space", kind: report.SBOM, text: strings.Replace(cycloneXML(``, xmlLibrary), "cyclonedx.org", "example.org", 1), state: Unknown, reason: report.Invalid, detail: "name space"},
		{name: "cut", kind: report.SBOM, text: cycloneXML(``, xmlLibrary, xmlLibrary)[:500], state: Unknown, reason: report.Truncated},
	})
	run(t, report.SPDX3, []example{
		{name: "packages", kind: report.SBOM, text: spdx3(spdx3Library), state: Pass, detail: "1 component named", counts: &report.Counts{Audited: 1}},
		{name: "empty", kind: report.SBOM, text: spdx3(), state: Fail, reason: report.Empty},
		{name: "files only", kind: report.SBOM, text: spdx3(`{"type":"software_File","spdxId":"urn:f","name":"a","software_packageVersion":"1"}`), state: Fail, reason: report.Empty},
		{name: "no version", kind: report.SBOM, text: spdx3(`{"type":"software_Package","spdxId":"urn:p","name":"openssl"}`), state: Fail, reason: report.Empty},
		{name: "other version", kind: report.SBOM, text: strings.Replace(spdx3(spdx3Library), `"3.0.1","created"`, `"4.0","created"`, 1), state: Unknown, reason: report.Invalid},
		{name: "cut", kind: report.SBOM, text: spdx3(spdx3Library, spdx3Library)[:330], state: Unknown, reason: report.Truncated},
	})
	for _, text := range []string{cyclone(``, library), spdx(spdxLibrary), cycloneXML(``, xmlLibrary), spdx3(spdx3Library)} {
		if v := Judge(fresh(report.Vulnerabilities, text), policy); v.State != Unknown || !strings.Contains(v.Detail, "scan it with grype") {
			t.Errorf("a bill of materials as a scan: %+v", v)
		}
	}
}

func TestTrivyKubernetes(t *testing.T) {
	run(t, report.TrivyK8s, []example{
		{name: "clean", kind: report.Vulnerabilities, text: `{"ClusterName":"c","Resources":[{` + resource + `}]}]}`, state: Pass, detail: "trivy k8s found nothing"},
		{name: "vulnerable", kind: report.Vulnerabilities, text: `{"ClusterName":"c","Resources":[{` + resource + `,"Vulnerabilities":[{"VulnerabilityID":"CVE-2099-1","PkgName":"a","Severity":"HIGH"}]}]}]}`, state: Fail, reason: report.Threshold, detail: "CVE-2099-1"},
		{name: "older form", kind: report.Vulnerabilities, text: `{"ClusterName":"c","Vulnerabilities":[{` + resource + `}]}],"Misconfigurations":[]}`, state: Pass},
		{name: "no resources", kind: report.Vulnerabilities, text: `{"ClusterName":"c","Resources":[]}`, state: Unknown, reason: report.Empty, detail: "no resource was scanned"},
		{name: "summary", kind: report.Vulnerabilities, text: `{"ClusterName":"c","Findings":[{"Kind":"Deployment","Results":[{"Target":"x","Class":"config"}]}]}`, state: Unknown, reason: report.Empty, detail: "--report=all"},
		{name: "one failed", kind: report.Vulnerabilities, text: `{"ClusterName":"c","Resources":[{` + resource + `}]},{"Kind":"Pod","Error":"x"}]}`, state: Warn, reason: report.Weak, detail: "could not be checked"},
		{name: "cut", kind: report.Vulnerabilities, text: `{"ClusterName":"c","Resources":[{` + resource + `}]}`, state: Unknown, reason: report.Truncated},
	})
}

// A report about an image must be about a deployed one.
func TestImages(t *testing.T) {
	trivy := func(metadata string) string {
		return `{"SchemaVersion":2,"ArtifactName":"app:1","ArtifactType":"container_image","Metadata":{` + metadata + `},"Results":[{"Target":"x","Class":"os-pkgs"}]}`
	}
	grype := func(target string) string {
		return `{"matches":[],"source":{"type":"image","target":{` + target + `}},"descriptor":{"name":"grype"}}`
	}
	repo := func(digest string) string { return `"RepoDigests":["registry.internal/app@` + digest + `"]` }
	for name, tt := range map[string]struct {
		kind   report.Kind
		text   string
		state  State // when any deployed image counts
		strict State // when it must be this one
		reason report.Reason
	}{
		"trivy":                   {report.Vulnerabilities, trivy(repo(deployed)), Pass, Pass, ""},
		"trivy, id":               {report.Vulnerabilities, trivy(`"ImageID":"` + deployed + `"`), Pass, Pass, ""},
		"trivy of another":        {report.Vulnerabilities, trivy(repo(another)), Warn, Fail, report.Mismatch},
		"trivy of a local image":  {report.Vulnerabilities, trivy(`"ImageID":"` + another + `"`), Warn, Fail, ""},
		"trivy of files":          {report.Vulnerabilities, `{"SchemaVersion":2,"ArtifactType":"filesystem","Results":[{"Target":"go.mod","Class":"lang-pkgs"}]}`, Pass, Fail, report.Mismatch},
		"grype":                   {report.Vulnerabilities, grype(`"userInput":"app","manifestDigest":"` + deployed + `"`), Pass, Pass, ""},
		"grype, repository":       {report.Vulnerabilities, grype(`"manifestDigest":"` + another + `","repoDigests":["app@` + deployed + `"]`), Pass, Pass, ""},
		"grype of another":        {report.Vulnerabilities, grype(`"imageID":"` + another + `","repoDigests":["app@` + another + `"]`), Warn, Fail, report.Mismatch},
		"grype of a folder":       {report.Vulnerabilities, `{"matches":[],"source":{"type":"directory","target":"/src"},"descriptor":{"name":"grype"}}`, Pass, Fail, report.Mismatch},
		"CycloneDX, purl":         {report.SBOM, cyclone(`"type":"container","purl":"pkg:oci/app@sha256%3A`+deployed[7:]+`?arch=amd64"`, library), Pass, Pass, ""},
		"CycloneDX, version":      {report.SBOM, cyclone(`"type":"container","name":"app","version":"`+deployed+`"`, library), Pass, Pass, ""},
		"CycloneDX, property":     {report.SBOM, cyclone(`"type":"container","properties":[{"name":"aquasecurity:trivy:RepoDigest","value":"app@`+deployed+`"}]`, library), Pass, Pass, ""},
		"CycloneDX of another":    {report.SBOM, cyclone(`"type":"container","version":"`+another+`"`, library), Warn, Fail, report.Mismatch},
		"CycloneDX of a program":  {report.SBOM, cyclone(`"type":"application","name":"app"`, library), Pass, Fail, report.Mismatch},
		"CycloneDX without":       {report.SBOM, cyclone(`"type":"container","name":"app"`, library), Warn, Fail, ""},
		"XML, purl":               {report.SBOM, cycloneXML(`<component type="container"><name>app</name><purl>pkg:oci/app@`+deployed+`</purl></component>`, xmlLibrary), Pass, Pass, ""},
		"XML, property":           {report.SBOM, cycloneXML(`<component type="container"><name>app</name><properties><property name="aquasecurity:trivy:RepoDigest">app@`+deployed+`</property></properties></component>`, xmlLibrary), Pass, Pass, ""},
		"XML of another":          {report.SBOM, cycloneXML(`<component type="container"><name>app</name><version>`+another+`</version></component>`, xmlLibrary), Warn, Fail, report.Mismatch},
		"SPDX 3, hash":            {report.SBOM, spdx3(spdx3Library, `{"type":"software_Package","spdxId":"urn:i","name":"app","software_primaryPurpose":"container","verifiedUsing":[{"type":"Hash","algorithm":"sha256","hashValue":"`+deployed[7:]+`"}]}`), Pass, Pass, ""},
		"SPDX 3 of another":       {report.SBOM, spdx3(spdx3Library, `{"type":"software_Package","spdxId":"urn:i","name":"app","software_packageUrl":"pkg:oci/app@`+another+`"}`), Warn, Fail, report.Mismatch},
		"SPDX":                    {report.SBOM, spdx(spdxLibrary, `{"name":"app","primaryPackagePurpose":"CONTAINER","checksums":[{"algorithm":"SHA256","checksumValue":"`+deployed[7:]+`"}]}`), Pass, Pass, ""},
		"SPDX, reference":         {report.SBOM, spdx(spdxLibrary, `{"name":"app","externalRefs":[{"referenceLocator":"pkg:oci/app@`+deployed+`"}]}`), Pass, Pass, ""},
		"SPDX of another":         {report.SBOM, spdx(spdxLibrary, `{"name":"app","versionInfo":"`+another+`","primaryPackagePurpose":"CONTAINER"}`), Warn, Fail, report.Mismatch},
		"a component is deployed": {report.SBOM, cyclone(`"type":"container","version":"`+another+`"`, library, `{"type":"container","name":"x","version":"`+deployed+`"}`), Warn, Fail, report.Mismatch},
	} {
		e, p := fresh(tt.kind, tt.text), policy
		p.Images = []string{deployed}
		for _, want := range []State{tt.state, tt.strict} {
			v := Judge(e, p)
			if v.State != want || want == tt.strict && tt.reason != "" && v.Reason != tt.reason {
				t.Errorf("%s, of image %v: %+v, want %s (%s)", name, p.OfImage, v, want, tt.reason)
			}
			p.OfImage = true
		}
		if v := Judge(e, policy); v.State != Pass {
			t.Errorf("%s, no digest is known: %+v", name, v)
		}
	}
}

// The report of a linter is no evidence of security.
func TestSARIF_Linters(t *testing.T) {
	of := func(tool, rules string) string {
		return `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"` + tool + `","rules":[` + rules + `]}},"invocations":[{"executionSuccessful":true}],"results":[]}]}`
	}
	for _, tt := range []struct {
		kind  report.Kind
		text  string
		state State
	}{
		{report.Security, of("ESLint", `{"id":"no-unused-vars"}`), Unknown},
		{report.Security, of("ESLint", ``), Unknown},
		{report.Security, of("staticcheck", `{"id":"SA1000"}`), Unknown},
		{report.Security, of("PMD", ``), Unknown},
		{report.Security, of("hadolint", ``), Unknown},
		{report.Secrets, of("Pylint", ``), Unknown},
		{report.Vulnerabilities, of("eslint", ``), Unknown},
		{report.Security, of("ESLint", `{"id":"no-unused-vars"},{"id":"security/detect-eval-with-expression"}`), Pass},
		{report.Security, of("ruff", `{"id":"E501"},{"id":"S105"}`), Pass},
		{report.Security, of("golangci-lint", ``), Pass},
		{report.Security, of("Semgrep OSS", ``), Pass},
		{report.Security, of("CodeQL", ``), Pass},
		{report.Security, of("bandit", ``), Pass},
		{report.Lint, of("ESLint", ``), Pass},
		{report.Security, strings.Replace(of("ESLint", ``), `"runs":[`, `"runs":[`+strings.TrimSuffix(strings.TrimPrefix(of("CodeQL", ``), `{"version":"2.1.0","runs":[`), `]}`)+`,`, 1), Pass},
	} {
		if v := Judge(fresh(tt.kind, tt.text), policy); v.State != tt.state {
			t.Errorf("%s as %s: %+v", tt.text, tt.kind, v)
		}
	}
}

// JUnit of cargo-nextest names crates, that of other runners modules.
func TestJUnit_Rust(t *testing.T) {
	tree := Tree{Crates: []string{"shop-core", "shop-web"}, Files: []string{"Cargo.toml", "core/src/lib.rs", "core/src/cart.rs", "web/src/main.rs"}}
	suite := func(classes ...string) string {
		return `<testsuites><testsuite name="x"><testcase name="t" classname="` + strings.Join(classes, `"/><testcase name="t" classname="`) + `"/></testsuite></testsuites>`
	}
	mixed := tree
	mixed.Files = append([]string{"ui/app.ts"}, tree.Files...)
	for name, tt := range map[string]struct {
		text  string
		tree  Tree
		state State
	}{
		"crates":                {suite("shop-core", "shop-web"), tree, Pass},
		"crate and its test":    {suite("shop-core::api"), tree, Pass},
		"underscores":           {suite("shop_core"), tree, Pass},
		"modules":               {suite("cart::tests"), tree, Pass},
		"another project":       {suite("bank-core", "bank-web"), tree, Warn},
		"another's modules":     {suite("ledger::tests", "audit::tests"), tree, Warn},
		"tests of another part": {suite("App"), mixed, Pass},
		"another, mixed":        {suite("ledger::tests"), mixed, Warn},
		"no crates":             {suite("bank-core"), Tree{Files: []string{"compose.yaml"}}, Pass},
	} {
		e, p := fresh(report.Tests, tt.text), policy
		p.Tree = &tt.tree
		if v := Judge(e, p); v.State != tt.state || v.State == Warn && v.Reason != report.Mismatch {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestNameFits_Names(t *testing.T) {
	for _, tt := range []struct {
		base, stem string
		fits, any  bool
	}{
		{"tests-e2e.xml", "tests-e2e", true, true},
		{"tests-e2e.xml", "tests", false, true},
		{"tests.xml", "tests-e2e", false, true},
		{"tests-e2e.xml.meta.yaml", "tests-e2e", false, false},
		{"sbom.cdx.json", "sbom", true, true},
		{"sbom-api.spdx.json", "sbom-api", true, true},
		{"tests.cdx.json", "tests", false, false},
		{"e2e.xml", "tests-e2e", false, false},
		{"tests-.xml", "tests-", true, false},
	} {
		if NameFits(tt.base, tt.stem) != tt.fits || AnyKind(tt.base) != tt.any {
			t.Errorf("%s as %s: %v, as any: %v", tt.base, tt.stem, NameFits(tt.base, tt.stem), AnyKind(tt.base))
		}
	}
}

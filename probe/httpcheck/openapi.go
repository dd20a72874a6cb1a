package httpcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// openapi: does the API publish a valid description with at least one path?
//
// OpenAPI 3 and Swagger 2, as JSON or YAML. References to other documents are not followed: the description must be
// self-contained.

func OpenAPIKind() probe.Kind {
	return probe.Kind{
		Name:       "openapi",
		Services:   []deployment.Service{deployment.APIService},
		Question:   "Is a valid OpenAPI or Swagger description with at least one path published?",
		Example:    "{paths: [/swagger/doc.json]}",
		Layer:      probe.LayerLive,
		Reads:      "GET on the application's address (deployment.api)",
		Permission: "network access to it",
		MaxAge:     time.Minute,
		Timeout:    10 * time.Second,
		Alone:      true,
		New:        func() any { return &openAPI{Paths: []string{"/swagger/doc.json", "/openapi.json", "/openapi.yaml"}} },
	}
}

type openAPI struct {
	Paths []string `yaml:"paths" default:"[/swagger/doc.json, /openapi.json, /openapi.yaml]" doc:"candidate paths of the description; the first that exists counts"`
}

func (s *openAPI) Validate() []error {
	for _, p := range s.Paths {
		if !strings.HasPrefix(p, "/") {
			return []error{errors.New("paths: a path starts with /")}
		}
	}
	if len(s.Paths) == 0 {
		return []error{errors.New("paths: at least one is required")}
	}
	return nil
}

func (s *openAPI) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	api := p.Deployment.API
	w, err := httpclient.For(p, "api", api.HTTP)
	if err != nil {
		return probe.Result{}, err
	}
	at := api.Address()
	status := 0
	for _, path := range s.Paths {
		a, err := w.Get(ctx, at.URL+path)
		if err != nil {
			return httpclient.JudgeError(path, err, at, deployment.APIService.Setting("url"), true)
		}
		if a.Status == 200 && a.OffSite == "" {
			return judgeOpenAPI(ctx, path, a.Body), nil
		}
		if status == 0 {
			status = a.Status
		}
	}
	return probe.Failed(probe.ReasonNotPublished, "no OpenAPI description found at %s; %s returned %d", phrase.Words(s.Paths), s.Paths[0], status), nil
}

// judgeOpenAPI checks a description.
func judgeOpenAPI(ctx context.Context, path string, body []byte) probe.Result {
	var head struct {
		OpenAPI string `yaml:"openapi"`
		Swagger string `yaml:"swagger"`
	}
	if err := yaml.Unmarshal(body, &head); err != nil || head.OpenAPI == "" && head.Swagger == "" {
		return probe.Failed(probe.ReasonInvalid, "%s returned 200 but not an OpenAPI description", path)
	}
	if text := bytes.TrimSpace(body); startsJSON.Match(text) && !json.Valid(text) {
		return probe.Failed(probe.ReasonInvalid, "%s is not a valid OpenAPI description: it is not JSON to its end", path)
	}
	var doc *openapi3.T
	var err error
	if head.Swagger != "" {
		doc, err = fromSwagger(body)
	} else {
		doc, err = openapi3.NewLoader().LoadFromData(body)
	}
	if err != nil {
		return probe.Failed(probe.ReasonInvalid, "%s is not a valid OpenAPI description: it cannot be resolved", path)
	}
	if doc.Paths == nil || doc.Paths.Len() == 0 {
		return probe.Failed(probe.ReasonEmpty, "%s describes no path", path)
	}
	if err := doc.Validate(ctx, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation()); err != nil {
		if ctx.Err() != nil {
			return probe.NotChecked(probe.Unknown(probe.ReasonTimeout, ctx.Err()))
		}
		return probe.Failed(probe.ReasonInvalid, "%s is not a valid OpenAPI description: run an OpenAPI validator to locate the error", path)
	}
	operations, sample, distinct, scaffold := 0, 0, false, 0
	for name, item := range doc.Paths.Map() {
		operations += len(item.Operations())
		if petstorePath.MatchString(name) {
			sample += len(item.Operations())
		}
		distinct = distinct || petstoreOnly.MatchString(name)
		if scaffoldPath.MatchString(name) {
			scaffold += len(item.Operations())
		}
	}
	titled := doc.Info != nil && petstoreTitle.MatchString(doc.Info.Title)
	switch {
	case operations == 0:
		return probe.Failed(probe.ReasonEmpty, "%s describes %s without an operation", path, phrase.Count(doc.Paths.Len(), "path"))
	case titled && sample*2 > operations, distinct && sample == operations:
		return probe.Failed(probe.ReasonPlaceholder, "%s describes the Petstore, the sample of OpenAPI. Publish the API's own description", path)
	case scaffold == operations:
		return probe.Warned(probe.ReasonPlaceholder, "%s describes only the sample of a project template. Publish the API's own description", path)
	case doc.Info != nil && blankTitle.MatchString(doc.Info.Title):
		return probe.Warned(probe.ReasonPlaceholder, "%s has the title of a template", path)
	case head.Swagger == "" && !strings.HasPrefix(head.OpenAPI, "3."), head.Swagger != "" && head.Swagger != "2.0":
		return probe.Warned(probe.ReasonInvalid, "%s has an unknown version of OpenAPI", path)
	}
	return probe.Passed("%s describes %s with %s", path, phrase.Count(doc.Paths.Len(), "path"), phrase.Count(operations, "operation"))
}

// The Petstore is the sample of Swagger and OpenAPI; generators publish it until they get the API's own description.
var (
	petstoreTitle = lazyregexp.New(`(?i)\bpet ?store\b`)
	petstorePath  = lazyregexp.New(`(?i)^(?:/(?:api/)?v\d+)?/(?:pets?|store/(?:inventory|order)|user)(?:/|$)`)
	petstoreOnly  = lazyregexp.New(`(?i)/(?:pet/findBy(?:Status|Tags)|store/inventory)$`)
)

var (
	// startsJSON matches a document that is meant as JSON, not as the flow style of YAML.
	startsJSON = lazyregexp.New(`^\{\s*"`)
	// scaffoldPath matches the paths that generators of projects create.
	scaffoldPath = lazyregexp.New(`(?i)^(?:/(?:api/)?(?:v\d+)?)?/?(?:weather-?forecast|hello(?:-?world)?(?:/\{[^{}/]*\})?|greet(?:ing)?s?(?:/\{[^{}/]*\})?|items/\{item_id\})?$`)
	blankTitle   = lazyregexp.New(`(?i)^\W*(?:todo|tbd|title|my api|your api(?: name)?|api title|(?:sample|example) api|untitled(?: api)?|change ?me|placeholder)\b\W*$`)
)

// fromSwagger converts a Swagger 2 description.
func fromSwagger(body []byte) (*openapi3.T, error) {
	var any map[string]any
	if err := yaml.Unmarshal(body, &any); err != nil {
		return nil, err
	}
	text, err := json.Marshal(any)
	if err != nil {
		return nil, err
	}
	var old openapi2.T
	if err := json.Unmarshal(text, &old); err != nil {
		return nil, err
	}
	return openapi2conv.ToV3(&old)
}

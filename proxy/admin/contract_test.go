package admin

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
)

// contract is the document, as a library reads it that has nothing to do with what wrote it.
var contract = sync.OnceValues(func() (validator.Validator, error) {
	h, err := New(Config{Token: secretToken}.WithDefaults(), deps(&gateway{}, io.Discard))
	if err != nil {
		return nil, err
	}
	d, err := libopenapi.NewDocument(h.document)
	if err != nil {
		return nil, err
	}
	// Strict: an answer may have no member that is not described.
	v, errs := validator.NewValidator(d, config.WithFormatAssertions(), config.WithStrictMode(), config.WithStrictIgnorePaths(counts()...))
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return v, nil
})

// counts are by words, whose names no schema lists.
func counts() []string {
	return []string{
		"$.body.totals.results.*", "$.body.totals.refusals.*", "$.body.users.stages.*", "$.body.store.errors.*", "$.body.streams.states.*",
		"$.body.streams.providers.*", "$.body.streams.providers.*.*",
	}
}

// documented finds the call that a request is for; nil: there is none.
func documented(t *testing.T, method, escaped string) *call {
	t.Helper()
	for _, c := range handler(t).calls {
		if _, ok := c.match(escaped); ok && c.method == method {
			return &c
		}
	}
	return nil
}

// keepsContract compares an answer with what the document says of the call, and returns the call's name.
func (a answer) keepsContract(t *testing.T) string {
	t.Helper()
	req := a.Request
	c := documented(t, req.Method, req.URL.EscapedPath())
	switch {
	case c != nil:
	case req.Method == http.MethodHead, a.StatusCode == http.StatusNotFound, a.StatusCode == http.StatusMethodNotAllowed,
		a.StatusCode == http.StatusUnauthorized, a.StatusCode == http.StatusForbidden: // what is not there answers nothing else
		return ""
	default:
		t.Fatalf("%s %s answers %s and is not documented", req.Method, req.URL, a.Status)
	}
	if c.about.name == "openapi" { // any object is; another test looks at what it says
		return c.about.name
	}
	v, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	// The id itself may hold what no router agrees about (.., an encoded slash); which answers there are does not depend on it.
	plain := req.Clone(t.Context())
	plain.URL.Path, plain.URL.RawPath = strings.ReplaceAll(c.path, "{id}", "id"), ""
	res := &http.Response{StatusCode: a.StatusCode, Header: contractHeader(a.Header), Body: io.NopCloser(bytes.NewReader([]byte(a.body)))}
	if ok, errs := v.ValidateHttpResponse(plain, res); !ok {
		for _, e := range errs {
			t.Errorf("%s %s: %s breaks the contract: %s: %s %v\n%.2000s", req.Method, req.URL, a.Status, e.Message, e.Reason, e.SchemaValidationErrors, a.body)
		}
	}
	return c.about.name
}

// contractHeader is what the document speaks of.
func contractHeader(h http.Header) http.Header {
	return http.Header{"Content-Type": h.Values("Content-Type")}
}

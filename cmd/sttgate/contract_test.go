package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	vconfig "github.com/pb33f/libopenapi-validator/config"
)

// TestARunningGatewayAnswersAsItsDocumentSays asks a whole gateway, store and fake vendors with it, for every call that can be asked
// without harm, and holds the answers to what the same gateway says of them at /openapi.json.
func TestARunningGatewayAnswersAsItsDocumentSays(t *testing.T) {
	t.Parallel()
	h, err := openHouse(t.Context(), slog.New(slog.DiscardHandler), demoRules())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	}()
	ask := func(call, body string) (*http.Request, *http.Response, []byte) {
		t.Helper()
		method, path, _ := strings.Cut(call, " ")
		req, err := h.admin.request(context.WithoutCancel(t.Context()), method, path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return req, res, b
	}
	_, _, document := ask("GET /openapi.json", "")
	d, err := libopenapi.NewDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(d, vconfig.WithFormatAssertions(), vconfig.WithStrictMode(),
		vconfig.WithStrictIgnorePaths("$.body.totals.results.*", "$.body.totals.refusals.*", "$.body.users.stages.*", "$.body.store.errors.*"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, c := range []struct {
		call, body string
		status     int
	}{
		{"PUT /admin/v1/users/ann/stage", `{"stage":"restrict","reason":"shared account","until":"7d"}`, 200},
		{"PUT /admin/v1/users/bob/exempt", `{"reason":"partner"}`, 200},
		{"GET /admin/v1/users/ann", "", 200},
		{"GET /admin/v1/users?limit=1", "", 200},
		{"GET /admin/v1/users/ann/explain?provider=soniox", "", 200},
		{"POST /admin/v1/users/ann/resolve", `{"case":"FU-000000000000","reason":"none"}`, 404},
		{"POST /admin/v1/users/ann/reset", `{"reason":"sorted out"}`, 200},
		{"GET /admin/v1/cases/FU-000000000000", "", 404},
		{"GET /admin/v1/streams", "", 200},
		{"DELETE /admin/v1/streams/none", "", 404},
		{"GET /admin/v1/overview", "", 200},
		{"GET /admin/v1/overview", "", 200}, // of what is kept
		{"POST /admin/v1/tokens", `{"user":"ann"}`, 409},
		{"GET /version", "", 200},
		{"GET /livez", "", 200},
		{"GET /readyz?verbose", "", 200},
		{"GET /startupz", "", 200},
		{"GET /metrics", "", 200},
		{"POST /admin/v1/drain", "", 202},
	} {
		req, res, body := ask(c.call, c.body)
		if res.StatusCode != c.status {
			t.Errorf("%s answers %s, want %d: %s", c.call, res.Status, c.status, body)
		}
		shown := &http.Response{StatusCode: res.StatusCode, Header: http.Header{"Content-Type": res.Header.Values("Content-Type")}, Body: io.NopCloser(bytes.NewReader(body))}
		if ok, errs := v.ValidateHttpResponse(req, shown); !ok {
			for _, e := range errs {
				t.Errorf("%s: %s: %s %.2000s", c.call, e.Message, e.Reason, body)
			}
		}
	}
}

package admin

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const docsFile = "../../docs/openapi.json"

// TestTheDocumentIsValidAndTheOneInDocs is about what is served: the file is for whoever has no gateway at hand, and for reviews.
func TestTheDocumentIsValidAndTheOneInDocs(t *testing.T) {
	a := serve(t).do(t, "GET", "/openapi.json", "", "Authorization", "")
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %s, %q", a.Status, a.Header.Get("Content-Type"))
	}
	v, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	if ok, errs := v.ValidateDocument(); !ok {
		for _, e := range errs {
			t.Errorf("not OpenAPI 3.1: %s: %s %v", e.Message, e.Reason, e.SchemaValidationErrors)
		}
	}
	if *update {
		if err := os.WriteFile(docsFile, []byte(a.body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(filepath.FromSlash(docsFile))
	if err != nil {
		t.Fatal(err)
	}
	if string(file) != a.body {
		t.Errorf("docs/openapi.json is not what is served: go test ./proxy/admin -update writes it")
	}
}

func TestACallThatIsNotDescribedIsNotServed(t *testing.T) {
	whole := func() call {
		return call{http.MethodGet, apiPrefix + "things/{id}", nil, about{
			name: "thing", tag: "things", says: "A thing", id: "the thing's id", answers: []good{{status: http.StatusOK, says: "it", of: Version{}}},
		}}
	}
	if err := checkCalls([]call{whole()}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*call){
		"no name":       func(c *call) { c.about.name = "" },
		"no group":      func(c *call) { c.about.tag = "" },
		"no line":       func(c *call) { c.about.says = "" },
		"no answer":     func(c *call) { c.about.answers = nil },
		"what is {id}?": func(c *call) { c.about.id = "" },
		"which {id}?":   func(c *call) { c.path = apiPrefix + "things" },
	} {
		c := whole()
		change(&c)
		if checkCalls([]call{c}) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if checkCalls([]call{whole(), whole()}) == nil {
		t.Error("the same call twice: accepted")
	}
	type mute struct {
		Size int `json:"size"`
	}
	type wordless struct {
		Word string `json:"word" doc:"a word" enum:"@nothing"`
	}
	type odd struct {
		F func() `json:"f" doc:"a function"`
	}
	for name, of := range map[string]any{
		"a member without a description": mute{}, "words that are not there": wordless{}, "what JSON has not": odd{},
	} {
		if _, err := newSchemas(nil).of(of); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// exercise is a request that works; how it fails is the same for all.
type exercise struct {
	method, path, body string
	before             func(stand)
	bad, missing       string // the path or body with which it is 400, and 404
}

func exercises() map[string]exercise {
	down := func(s stand) {
		s.live, s.started, s.ready = errInside, errInside, []Check{{"ledger", errInside}}
	}
	const why = `{"reason":"ticket 7"}`
	return map[string]exercise{
		"livez":         {method: "GET", path: "/livez", before: down},
		"readyz":        {method: "GET", path: "/readyz", before: down},
		"startupz":      {method: "GET", path: "/startupz", before: down},
		"version":       {method: "GET", path: "/version"},
		"openapi":       {method: "GET", path: "/openapi.json"},
		"metrics":       {method: "GET", path: "/metrics"},
		"dashboard":     {method: "GET", path: "/"},
		"dashboardFile": {method: "GET", path: "/dashboard/style.css", missing: "/dashboard/nothing.css"},
		"listUsers":     {method: "GET", path: "/admin/v1/users?stage=throttle&limit=10", bad: "/admin/v1/users?limit=x"},
		"user":          {method: "GET", path: "/admin/v1/users/alice", before: twoStreams, bad: "/admin/v1/users/a%20b"},
		"setStage":      {method: "PUT", path: "/admin/v1/users/alice/stage", body: `{"stage":"restrict","reason":"r","until":"7d"}`, bad: `{"stage":"no","reason":"r"}`},
		"resetUser":     {method: "POST", path: "/admin/v1/users/alice/reset", body: why, bad: `{}`},
		"exemptUser":    {method: "PUT", path: "/admin/v1/users/alice/exempt", body: why, bad: `{}`},
		"resolveCase":   {method: "POST", path: "/admin/v1/users/alice/resolve", body: `{"case":"FU-00A1B2C3D4E5","reason":"r"}`, bad: `{}`, missing: `{"case":"FU-000000000000","reason":"r"}`},
		"grantUser": {
			method: "POST", path: "/admin/v1/users/alice/grants", body: `{"budget":"deepgram-daily","milliseconds":600000,"reason":"r"}`,
			bad: `{"budget":"deepgram-daily","milliseconds":1.5,"reason":"r"}`,
		},
		"explain":        {method: "GET", path: "/admin/v1/users/alice/explain?provider=soniox&plan=pro", bad: "/admin/v1/users/alice/explain?provider=x"},
		"case":           {method: "GET", path: "/admin/v1/cases/FU-00A1B2C3D4E5", missing: "/admin/v1/cases/FU-1"},
		"listStreams":    {method: "GET", path: "/admin/v1/streams?limit=1", before: twoStreams, bad: "/admin/v1/streams?cursor=x"},
		"overview":       {method: "GET", path: "/admin/v1/overview?top=1", before: twoStreams, bad: "/admin/v1/overview?top=101"},
		"endStream":      {method: "DELETE", path: "/admin/v1/streams/s-1", before: twoStreams, bad: "/admin/v1/streams/a%20b", missing: "/admin/v1/streams/s-9"},
		"drain":          {method: "POST", path: "/admin/v1/drain"},
		"getConfig":      {method: "GET", path: "/admin/v1/config"},
		"validateConfig": {method: "POST", path: "/admin/v1/config/validate", body: "limits: {streams: 5}", bad: "{\xff: 1}"},
		"reloadConfig":   {method: "POST", path: "/admin/v1/config/reload"},
		"mintToken":      {method: "POST", path: "/admin/v1/tokens", body: `{"user":"alice","plan":"pro"}`, bad: `{"user":"a b"}`},
	}
}

func (x exercise) prepare(s stand) {
	if x.before != nil {
		x.before(s)
	}
}

// give makes a call answer with a status.
func (x exercise) give(t *testing.T, status int) answer {
	t.Helper()
	s := serve(t)
	if status != http.StatusOK || strings.HasPrefix(x.path, apiPrefix) { // a probe is prepared to fail
		x.prepare(s)
	}
	instead := func(other string) exercise {
		if strings.HasPrefix(other, "{") {
			x.body = other
		} else {
			x.path = other
		}
		return x
	}
	header := []string{}
	switch status {
	case http.StatusBadRequest:
		x = instead(x.bad)
	case http.StatusNotFound:
		x = instead(x.missing)
	case http.StatusUnauthorized:
		header = []string{"Authorization", "Bearer wrong"}
	case http.StatusForbidden:
		s, header = serve(t, open), []string{"Origin", "https://evil.example"}
	case http.StatusRequestEntityTooLarge:
		x.body = `{"reason":"` + strings.Repeat("x", maxConfig) + `"}`
	case http.StatusUnprocessableEntity:
		s.errs = []error{ConfigFaults{{File: "gate.yaml", Line: 3, Key: "limits.streams", What: "is negative"}}}
		if strings.HasSuffix(x.path, "/grants") {
			s.errs = []error{ErrReused}
		}
	case http.StatusConflict:
		s.errs = slices.Repeat([]error{ErrConflict}, conflictTries)
	case http.StatusInternalServerError:
		if x.method != http.MethodGet {
			s = serve(t, auditBreaks(1))
			x.prepare(s)
		}
		if x.method == http.MethodGet {
			s.errs = []error{errInside}
		}
	case http.StatusServiceUnavailable:
		if x.method != http.MethodGet {
			s = serve(t, auditBreaks(0))
		}
		s.errs = []error{fmt.Errorf("%w: %w", ErrUnavailable, errInside)}
	case http.StatusTooManyRequests:
		header = []string{"Authorization", "Bearer wrong"}
		for range peerBurst {
			s.handler.strikes.bad("127.0.0.1:1")
		}
	}
	return s.do(t, x.method, x.path, x.body, header...)
}

// TestEveryDocumentedAnswerIsGiven asks each call for each answer that the document has; that the answers are as described
// is looked at wherever a test asks for anything.
func TestEveryDocumentedAnswerIsGiven(t *testing.T) {
	all := exercises()
	for _, c := range handler(t).calls {
		x, ok := all[c.about.name]
		if !ok {
			t.Errorf("%s is documented and never asked for", c.about.name)
			continue
		}
		statuses := c.statuses()
		for _, a := range c.about.answers {
			statuses = append(statuses, a.status)
		}
		for _, status := range statuses {
			t.Run(fmt.Sprint(c.about.name, " ", status), func(t *testing.T) {
				a := x.give(t, status)
				if name := a.keepsContract(t); name != c.about.name || a.StatusCode != status {
					t.Errorf("%s answers %s: %s", name, a.Status, a.body)
				}
			})
		}
	}
}

func TestRolesFollowFromTheCall(t *testing.T) {
	for _, c := range handler(t).calls {
		want := anybody
		if strings.HasPrefix(c.path, "/admin/") {
			want = map[bool]role{true: reader, false: writer}[c.method == http.MethodGet]
		}
		if c.role() != want {
			t.Errorf("%s %s is for %d, want %d", c.method, c.path, c.role(), want)
		}
	}
}

package provider

import (
	"net/http"
	"strings"
)

// Speechmatics is the dialect of Speechmatics' real-time API (/v2) and of its batch
// jobs (/v2/jobs).
//
//	WS     /v2, /v2/, /v2/{lang}                         a stream
//	POST   /v2/jobs                                      an upload: config and data_file, or fetch_data
//	GET    /v2/jobs, /v2/jobs/{id}[/transcript|data|log] reads; DELETE /v2/jobs/{id}
//	POST   /v1/api_keys                                  a temporary key: the gateway's own
//
// Other products (/v2/agent, /v1/flow) speak other protocols and are not served. Source:
// speechmatics/docs spec/realtime.yaml and spec/batch.yaml (8783a7a), and the official SDKs.
type Speechmatics struct{}

var _ Provider = Speechmatics{}

// The generations of the protocols, as Route.Variant names them.
const (
	speechmaticsV1 = "v1" // keys
	speechmaticsV2 = "v2"
)

// Name returns "speechmatics".
func (Speechmatics) Name() string { return "speechmatics" }

// Match compares paths exactly: one that needed decoding or cleaning to fit could
// mean another resource to the vendor.
func (Speechmatics) Match(r *http.Request) (Route, error) {
	if r.URL.RawPath != "" {
		return Route{}, ErrNoRoute
	}
	rt, ok := speechmaticsRoute(r)
	if !ok {
		return Route{}, ErrNoRoute
	}
	rt.Provider, rt.Weight = "speechmatics", 1
	var err error
	if rt.Query, err = speechmaticsQuery(r.URL.RawQuery, rt.Mode); err != nil {
		return Route{}, err
	}
	return rt, nil
}

func speechmaticsRoute(r *http.Request) (Route, bool) {
	path := r.URL.Path
	switch rest, v2 := strings.CutPrefix(path, "/v2"); {
	case path == "/v1/api_keys" && r.Method == http.MethodPost:
		return Route{Variant: speechmaticsV1, Mode: ModeMint, Path: path}, true
	case !v2:
		return Route{}, false
	case upgrade(r):
		return Route{
			Variant: speechmaticsV2, Mode: ModeStream, Realtime: true, Path: rest,
			Hello: true, AcceptByDefault: true,
			// Its own dialect knows a stream that goes on without being heard
			// (duration_limit_exceeded), and no way back from it.
			Droppable: true, DropFinal: true,
		}, r.Method == http.MethodGet && speechmaticsLanguage(rest)
	default:
		return speechmaticsJob(r.Method, path)
	}
}

// speechmaticsLanguage reports what may stand behind /v2 in a stream's path: nothing, or
// the one segment that older SDKs append. Words that name something else are none.
func speechmaticsLanguage(rest string) bool {
	if rest == "" || rest == "/" {
		return true
	}
	lang, ok := strings.CutPrefix(rest, "/")
	switch lang {
	case "agent", "jobs", "usage", "listen": // the last is Deepgram's path
		return false
	}
	return ok && segment(lang)
}

func speechmaticsJob(method, path string) (Route, bool) {
	rt := Route{Variant: speechmaticsV2, Path: path}
	if path == "/v2/jobs" || path == "/v2/jobs/" {
		switch method {
		case http.MethodPost:
			rt.Mode = ModeUpload
		case http.MethodGet:
			rt.Mode = ModeRead // of everybody's jobs
		default:
			return Route{}, false
		}
		return rt, true
	}
	rest, ok := strings.CutPrefix(path, "/v2/jobs/")
	id, part, has := strings.Cut(rest, "/")
	if !ok || !segment(id) {
		return Route{}, false
	}
	rt.Mode, rt.Object = ModeRead, id
	switch {
	case !has:
		return rt, method == http.MethodGet || method == http.MethodDelete
	case part == "transcript" || part == "data" || part == "log":
		return rt, method == http.MethodGet
	}
	return Route{}, false
}

// segment reports a path segment that every server reads alike.
func segment(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool { return !alnum(r) && r != '-' && r != '_' })
}

// Open starts a session.
func (Speechmatics) Open(rt Route) Session {
	return &speechmaticsSession{models: rt.Models, words: rt.Words}
}

// Safe names what a client needs of the vendor's refusal.
func (Speechmatics) Safe() []string { return []string{"Content-Type", "Retry-After"} }

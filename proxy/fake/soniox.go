package fake

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Soniox is a stand-in for stt-rt.soniox.com and api.soniox.com in one. It is an
// http.Handler; the caller owns the server it is mounted in and must call Close
// after that server's, which does not know of upgraded connections. Safe for
// concurrent use.
type Soniox struct {
	core

	vault sync.Mutex // guards what follows
	temps map[string]bool
	files map[string]*sonioxFile
	jobs  map[string]*sonioxJob
	order []string // of files and jobs as they were made
}

// NewSoniox makes one.
func NewSoniox(o Options) *Soniox {
	s := &Soniox{temps: make(map[string]bool), files: make(map[string]*sonioxFile), jobs: make(map[string]*sonioxJob)}
	s.init(o)
	s.mux.HandleFunc("GET /transcribe-websocket", s.transcribe)
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request, call){
		"POST /v1/files":                         s.upload,
		"GET /v1/files":                          s.listFiles,
		"GET /v1/files/count":                    s.countFiles,
		"GET /v1/files/{id}":                     s.readFile,
		"DELETE /v1/files/{id}":                  s.deleteFile,
		"POST /v1/transcriptions":                s.createJob,
		"GET /v1/transcriptions":                 s.listJobs,
		"GET /v1/transcriptions/count":           s.countJobs,
		"GET /v1/transcriptions/{id}":            s.readJob,
		"GET /v1/transcriptions/{id}/transcript": s.transcript,
		"DELETE /v1/transcriptions/{id}":         s.deleteJob,
		"POST /v1/auth/temporary-api-key":        s.temporaryKey,
		"GET /v1/models":                         s.models,
	} {
		s.mux.HandleFunc(pattern, s.rest(h))
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		sonioxRefuse(w, http.StatusNotFound, "not_found", "there is no "+r.URL.Path+" here", newID())
	})
	return s
}

// sonioxCredential reads the header, else the subprotocols: where a connection
// carries its key.
func sonioxCredential(r *http.Request) string {
	if scheme, rest, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(rest)
	}
	if p := websocket.Subprotocols(r); len(p) >= 2 && p[0] == "soniox-api-key" {
		return p[1]
	}
	return ""
}

// allowed says whether a credential is one: a key, or a temporary key from here.
func (s *Soniox) allowed(credential string) bool {
	s.vault.Lock()
	defer s.vault.Unlock()
	return !s.wrong(credential) || s.temps[credential]
}

// call is a REST request that was let in.
type call struct {
	id         string // of the request
	credential string
	scenario   Scenario
}

// rest lets a REST request in.
func (s *Soniox) rest(h func(http.ResponseWriter, *http.Request, call)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := call{id: newID(), credential: sonioxCredential(r)}
		c.scenario = s.o.Scenario(r, c.credential)
		switch {
		case !s.allowed(c.credential):
			sonioxRefuse(w, http.StatusUnauthorized, "unauthenticated", "Incorrect API key provided.", c.id)
		case s.misbehave(w, r, c.scenario, sonioxShape(w, c.id)):
		default:
			h(w, r, c)
		}
	}
}

// sonioxShape is the vendor's error, for the scenarios.
func sonioxShape(w http.ResponseWriter, id string) shape {
	return shape{refuse: func(status int, _, msg string) { sonioxRefuse(w, status, sonioxErrorType(status), msg, id) }}
}

func sonioxErrorType(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "invalid_request"
	case http.StatusUnauthorized:
		return "unauthenticated"
	case http.StatusPaymentRequired:
		return "organization_balance_exhausted"
	case http.StatusForbidden:
		return "permission_denied"
	case http.StatusRequestTimeout:
		return "request_timeout"
	case http.StatusRequestEntityTooLarge:
		return "max_duration_reached"
	case http.StatusTooManyRequests:
		return "limit_exceeded"
	case http.StatusServiceUnavailable:
		return "service_unavailable"
	}
	return "internal_error"
}

// sonioxRefuse answers with an error of the REST API.
func sonioxRefuse(w http.ResponseWriter, status int, typ, msg, id string) {
	sonioxAnswer(w, status, map[string]any{
		"status_code": status, "error_type": typ, "message": msg, "validation_errors": []string{}, "request_id": id, "more_info": "",
	})
}

func sonioxAnswer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the peer may be gone; nobody else to tell
}

// temporaryKey gives out a key of the old style, which opens streams here as it is.
func (s *Soniox) temporaryKey(w http.ResponseWriter, r *http.Request, c call) {
	var body struct {
		Usage   string `json:"usage_type"`
		Expires int    `json:"expires_in_seconds"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.Usage == "" || body.Expires < 1 || body.Expires > 3600 {
		sonioxRefuse(w, http.StatusBadRequest, "invalid_request", "usage_type and expires_in_seconds (1 to 3600) are required", c.id)
		return
	}
	key := "temp:" + newID()
	s.vault.Lock()
	s.temps[key] = true
	s.vault.Unlock()
	sonioxAnswer(w, http.StatusCreated, map[string]any{
		"api_key": key, "expires_at": time.Now().Add(time.Duration(body.Expires) * time.Second).UTC().Format(time.RFC3339),
	})
}

func (*Soniox) models(w http.ResponseWriter, _ *http.Request, _ call) {
	model := func(id, mode string) map[string]any {
		return map[string]any{"id": id, "name": id, "transcription_mode": mode, "languages": []any{map[string]string{"code": "en", "name": "English"}}}
	}
	sonioxAnswer(w, http.StatusOK, map[string]any{"models": []any{model("stt-rt-v5", "real_time"), model("stt-async-v5", "async")}})
}

package fake

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
)

// Speechmatics is a stand-in for the real-time API of Speechmatics, its batch API and
// its key endpoint in one. It is an http.Handler; the caller owns the server it is
// mounted in and must call Close after that server's, which does not know of upgraded
// connections. Safe for concurrent use.
type Speechmatics struct {
	core

	vault sync.Mutex // guards what follows
	jobs  []*speechmaticsJob
	keys  int
}

// NewSpeechmatics makes one.
func NewSpeechmatics(o Options) *Speechmatics {
	s := new(Speechmatics)
	s.init(o)
	for _, p := range []string{"GET /v2", "GET /v2/{$}", "GET /v2/{lang}"} {
		s.mux.HandleFunc(p, s.recognise)
	}
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request, call){
		"POST /v2/jobs":                s.createJob,
		"POST /v2/jobs/{$}":            s.createJob,
		"GET /v2/jobs":                 s.listJobs,
		"GET /v2/jobs/{$}":             s.listJobs,
		"GET /v2/jobs/{id}":            s.readJob,
		"DELETE /v2/jobs/{id}":         s.deleteJob,
		"GET /v2/jobs/{id}/transcript": s.transcript,
		"GET /v2/jobs/{id}/data":       s.data,
		"GET /v2/jobs/{id}/log":        s.data,
		"GET /v2/usage":                s.usage,
		"POST /v1/api_keys":            s.apiKey,
	} {
		s.mux.HandleFunc(pattern, s.rest(h))
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		speechmaticsRefuse(w, http.StatusNotFound, "Bad Request", "there is no "+r.URL.Path+" here")
	})
	return s
}

// speechmaticsCredential reads the header, else the query.
func speechmaticsCredential(r *http.Request) string {
	if scheme, rest, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(rest)
	}
	return r.URL.Query().Get("jwt")
}

// recognise serves a stream.
func (s *Speechmatics) recognise(w http.ResponseWriter, r *http.Request) {
	id := newID()
	credential := speechmaticsCredential(r)
	sc := s.o.Scenario(r, credential)
	switch {
	case s.wrong(credential):
		speechmaticsRefuse(w, http.StatusUnauthorized, "Permission Denied", "the API key is not valid")
	case s.misbehave(w, r, sc, speechmaticsShape(w)):
	case !websocket.IsWebSocketUpgrade(r):
		speechmaticsRefuse(w, http.StatusBadRequest, "Bad Request", "this needs a WebSocket upgrade")
	default:
		conn, err := upgrade(w, r, nil)
		if err != nil { // the upgrader has answered
			break
		}
		st := newStream(&s.core, conn, sc, recordOf(r, id, credential))
		st.strike = 1
		st.run(&speechmaticsDialect{s: st})
		return
	}
	s.refused()
}

// rest lets a REST request in.
func (s *Speechmatics) rest(h func(http.ResponseWriter, *http.Request, call)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := call{id: newID(), credential: speechmaticsCredential(r)}
		c.scenario = s.o.Scenario(r, c.credential)
		switch {
		case s.wrong(c.credential):
			speechmaticsRefuse(w, http.StatusUnauthorized, "Permission Denied", "the API key is not valid")
		case s.misbehave(w, r, c.scenario, speechmaticsShape(w)):
		default:
			h(w, r, c)
		}
	}
}

// speechmaticsShape is the vendor's error, for the scenarios.
func speechmaticsShape(w http.ResponseWriter) shape {
	return shape{refuse: func(status int, _, msg string) { speechmaticsRefuse(w, status, speechmaticsWord(status), msg) }}
}

func speechmaticsWord(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "Bad Request"
	case http.StatusUnauthorized:
		return "Permission Denied"
	case http.StatusForbidden:
		return "Forbidden"
	case http.StatusNotFound:
		return "Job not found"
	case http.StatusTooManyRequests:
		return "Rate Limited"
	}
	return "Internal Server Error"
}

// speechmaticsRefuse answers with an error of the REST API.
func speechmaticsRefuse(w http.ResponseWriter, status int, word, detail string) {
	speechmaticsAnswer(w, status, map[string]any{"code": status, "error": word, "detail": detail})
}

func speechmaticsAnswer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the peer may be gone; nobody else to tell
}

// apiKey gives out a temporary key, which is good here as it is where any key is. A
// gateway must never ask for one.
func (s *Speechmatics) apiKey(w http.ResponseWriter, r *http.Request, _ call) {
	s.vault.Lock()
	s.keys++
	s.vault.Unlock()
	var body struct{ TTL int }
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.TTL < 60 || body.TTL > 86400 {
		speechmaticsAnswer(w, http.StatusUnprocessableEntity, map[string]any{"code": "parameters.invalid", "message": "ttl must be 60 to 86400"})
		return
	}
	speechmaticsAnswer(w, http.StatusCreated, map[string]any{"apikey_id": nil, "key_value": "temp-" + newID()})
}

// KeysAsked is how often a temporary key was asked for.
func (s *Speechmatics) KeysAsked() int {
	s.vault.Lock()
	defer s.vault.Unlock()
	return s.keys
}

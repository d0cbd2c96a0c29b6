package fake

import "net/http"

// Deepgram is a stand-in for api.deepgram.com. It is an http.Handler; the caller
// owns the server it is mounted in and must call Close after that server's, which
// does not know of upgraded connections. Safe for concurrent use.
type Deepgram struct{ core }

// NewDeepgram makes one.
func NewDeepgram(o Options) *Deepgram {
	d := new(Deepgram)
	d.init(o)
	d.mux.HandleFunc("GET /v1/listen", d.listen)
	d.mux.HandleFunc("GET /v2/listen", d.listen)
	d.mux.HandleFunc("POST /v1/listen", d.prerecorded)
	d.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "Not Found", "there is no "+r.URL.Path+" here", newID())
	})
	return d
}

package admin

import (
	"cmp"
	"encoding/base64"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// streamCalls look at what runs, and end it.
func (h *Handler) streamCalls() []call {
	return []call{
		{http.MethodGet, apiPrefix + "streams", h.streams, about{
			name: "listStreams", tag: "streams", says: "The streams and uploads that run on this gateway", more: "Oldest first.",
			query: []param{
				{"user", "only this user's", object{"type": "string"}},
				{"provider", "only those to this vendor", object{"type": "string", "enum": h.deps.Vendors}},
				limitParam(),
				{"cursor", "next of the page before", object{"type": "string"}},
			},
			answers:  []good{{status: http.StatusOK, says: "a page", of: streamsAnswer{}}},
			problems: []int{http.StatusBadRequest},
		}},
		{http.MethodDelete, apiPrefix + "streams/{id}", h.killStream, about{
			name: "endStream", tag: "streams", says: "End a stream politely", more: "The client may connect again.", id: "the stream's id",
			query:    []param{{"reason", "why, in one line of at most 500 bytes: for the audit log", object{"type": "string"}}},
			answers:  []good{{status: http.StatusAccepted, says: "it is ending: the vendor's last words take a moment", of: endAnswer{}}},
			problems: []int{http.StatusBadRequest, http.StatusNotFound},
		}},
	}
}

// streamsAnswer is a page of streams.
type streamsAnswer struct {
	Streams []Stream `json:"streams" doc:"oldest first"`
	Total   int      `json:"total" doc:"how many there are on all pages"`
	Next    string   `json:"next,omitempty" doc:"the cursor of the next page; absent on the last"`
}

type endAnswer struct {
	Stream string `json:"stream" doc:"the stream's id"`
	Ending bool   `json:"ending" doc:"true"`
}

// streams is GET streams.
func (h *Handler) streams(w http.ResponseWriter, r *http.Request, _ string) {
	q := r.URL.Query()
	user, provider := q.Get("user"), q.Get("provider")
	limit, err := pageLimit(q.Get("limit"))
	if err == nil && user != "" {
		err = checkID(user, "user")
	}
	if err == nil && provider != "" && !slices.Contains(h.deps.Vendors, provider) {
		err = h.badVendor()
	}
	var behind Stream
	if err == nil {
		behind, err = parseCursor(q.Get("cursor"))
	}
	if err != nil {
		h.fail(r.Context(), w, "streams", err)
		return
	}
	list := h.sorted(func(s Stream) bool {
		return (user == "" || s.User == user) && (provider == "" || s.Provider == provider)
	})
	a := streamsAnswer{Total: len(list)}
	from, found := slices.BinarySearchFunc(list, behind, older)
	if found {
		from++
	}
	page := list[from:min(from+limit, len(list))]
	if a.Streams = h.detailed(page); from+limit < len(list) {
		a.Next = cursorOf(page[len(page)-1])
	}
	writeJSON(w, http.StatusOK, a)
}

// cursorOf is a place in the list, not a stream: the next page begins behind it also where the stream is gone.
func cursorOf(s Stream) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(s.Started.UnixNano(), 10) + " " + s.ID))
}

func parseCursor(s string) (Stream, error) {
	if s == "" {
		return Stream{}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	nanos, id, ok := strings.Cut(string(b), " ")
	n, nerr := strconv.ParseInt(nanos, 10, 64)
	if err != nil || !ok || nerr != nil {
		return Stream{}, bad("cursor is not one that a page before has named as next")
	}
	return Stream{ID: id, Started: time.Unix(0, n)}, nil
}

func older(a, b Stream) int {
	return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
}

// sorted lists the running streams that are wanted, oldest first.
func (h *Handler) sorted(wanted func(Stream) bool) []Stream {
	list := []Stream{}
	for _, s := range h.deps.Streams.List() {
		if wanted(s) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, older)
	return list
}

// killStream is DELETE streams/{id}. The vendor's polite end takes a moment: 202.
func (h *Handler) killStream(w http.ResponseWriter, r *http.Request, id string) {
	err := checkID(id, "the stream's id")
	why := "asked by the operator"
	if given := r.URL.Query().Get("reason"); err == nil && given != "" {
		why, err = given, checkReason(given)
	}
	var s Stream
	if err == nil {
		s = h.find(id)
		if !h.deps.Streams.Kill(id) {
			err = problem{Status: http.StatusNotFound, Detail: "no such stream runs here; it may have ended"}
		}
	}
	if err == nil {
		err = h.audit(r, auditStream, slog.String("user", s.User), slog.String("stream", id),
			slog.String("before", "running"), slog.String("after", "ending"), slog.String("why", why))
	}
	if err != nil {
		h.fail(r.Context(), w, auditStream, err)
		return
	}
	writeJSON(w, http.StatusAccepted, endAnswer{id, true})
}

// find returns a running stream, or a zero one.
func (h *Handler) find(id string) Stream {
	for _, s := range h.deps.Streams.List() {
		if s.ID == id {
			return s
		}
	}
	return Stream{}
}

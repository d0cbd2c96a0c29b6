package admin

import (
	"log/slog"
	"net/http"
	"time"
)

// defaultTTL is the life of a token when the request names none.
const defaultTTL = 24 * time.Hour

// streams is GET streams.
func (h *Handler) streams(w http.ResponseWriter, _ *http.Request, _ string) {
	list := h.sorted()
	if list == nil {
		list = []Stream{}
	}
	writeJSON(w, http.StatusOK, struct {
		Streams []Stream `json:"streams"`
	}{list})
}

// killStream is DELETE streams/{id}. The vendor's polite end takes a moment: 202.
func (h *Handler) killStream(w http.ResponseWriter, r *http.Request, id string) {
	err := checkID(id, "the stream's id")
	var s Stream
	if err == nil {
		s = h.find(id)
		if !h.deps.Streams.Kill(id) {
			err = problem{Status: http.StatusNotFound, Detail: "no such stream runs here; it may have ended"}
		}
	}
	if err != nil {
		h.fail(r.Context(), w, auditStream, err)
		return
	}
	h.audit(r, auditStream, slog.String("user", s.User), slog.String("stream", id),
		slog.String("before", "running"), slog.String("after", "ending"), slog.String("why", "asked by the operator"))
	writeJSON(w, http.StatusAccepted, struct {
		Stream string `json:"stream"`
		Ending bool   `json:"ending"`
	}{id, true})
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

// drain is POST drain. It returns at once; /readyz and the metrics tell the rest.
func (h *Handler) drain(w http.ResponseWriter, r *http.Request, _ string) {
	before := h.deps.Drainer.Draining()
	h.deps.Drainer.Drain()
	h.audit(r, auditDrain, slog.Bool("before", before), slog.Bool("after", true), slog.String("why", "asked by the operator"))
	writeJSON(w, http.StatusAccepted, struct {
		Draining bool `json:"draining"`
	}{true})
}

// mint is POST tokens.
func (h *Handler) mint(w http.ResponseWriter, r *http.Request, _ string) {
	var user, plan, ttl string
	life := defaultTTL
	err := readBody(w, r, map[string]any{"user": &user, "plan": &plan, "ttl": &ttl})
	if err == nil {
		err = checkID(user, "user")
	}
	if err == nil && plan != "" {
		err = checkID(plan, "plan")
	}
	if err == nil && ttl != "" {
		if life, err = parseSpan(ttl); err != nil {
			err = bad("ttl must be a duration such as 90m, 12h or 7d, from a second to ten years")
		}
	}
	if err == nil && h.deps.Minter == nil {
		err = problem{Status: http.StatusConflict, Detail: "identity.tokens.secret is not set: this gateway has no caller tokens"}
	}
	now := h.deps.Now()
	var token string
	if err == nil {
		token, err = h.deps.Minter.Mint(user, plan, life, now)
	}
	if err != nil {
		h.fail(r.Context(), w, auditToken, err)
		return
	}
	expires := now.Add(life).UTC().Truncate(time.Second)
	h.audit(r, auditToken, slog.String("user", user), slog.String("before", "none"),
		slog.Group("after", slog.String("plan", plan), slog.Time("expires", expires)), slog.String("why", "asked by the operator"))
	writeJSON(w, http.StatusCreated, struct {
		Token   string    `json:"token"`
		User    string    `json:"user"`
		Plan    string    `json:"plan,omitempty"`
		Expires time.Time `json:"expires"`
	}{token, user, plan, expires})
}

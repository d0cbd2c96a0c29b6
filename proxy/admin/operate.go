package admin

import (
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// defaultTTL is the life of a token when the request names none.
const defaultTTL = 24 * time.Hour

// operateCalls take the gateway out of service, and let callers in.
func (h *Handler) operateCalls() []call {
	return []call{
		{http.MethodPost, apiPrefix + "drain", h.drain, about{
			name: "drain", tag: "operations", says: "Take the gateway out of service",
			more:    "New streams are refused, running ones have drain.grace. There is no way back but a restart.",
			answers: []good{{status: http.StatusAccepted, says: "it drains", of: drainAnswer{}}},
		}},
		{http.MethodPost, apiPrefix + "tokens", h.mint, about{
			name: "mintToken", tag: "operations", says: "Make a caller token", body: tokenBody{},
			answers:  []good{{status: http.StatusCreated, says: "the token", of: tokenAnswer{}}},
			problems: []int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusInternalServerError, http.StatusServiceUnavailable},
		}},
	}
}

type drainAnswer struct {
	Draining bool `json:"draining" doc:"true"`
}

type tokenBody struct {
	User string `json:"user" doc:"the user's id: 1 to 128 of A-Z a-z 0-9 . _ @ : -"`
	Plan string `json:"plan,omitempty" doc:"the user's plan"`
	TTL  string `json:"ttl,omitempty" doc:"for how long it opens streams: 90m, 12h, 7d; absent: a day"`
}

type tokenAnswer struct {
	Token   string    `json:"token" doc:"a secret: whoever has it is the user"`
	User    string    `json:"user" doc:"the user's id"`
	Plan    string    `json:"plan,omitempty" doc:"the user's plan"`
	Expires time.Time `json:"expires" doc:"from when on it opens nothing"`
}

// drain is POST drain. It returns at once; /readyz and the metrics tell the rest.
func (h *Handler) drain(w http.ResponseWriter, r *http.Request, _ string) {
	before := h.deps.Drainer.Draining()
	h.deps.Drainer.Drain()
	if err := h.audit(r, auditDrain, slog.Bool("before", before), slog.Bool("after", true), slog.String("why", "asked by the operator")); err != nil {
		h.fail(r.Context(), w, auditDrain, err)
		return
	}
	writeJSON(w, http.StatusAccepted, drainAnswer{true})
}

// mint is POST tokens.
func (h *Handler) mint(w http.ResponseWriter, r *http.Request, _ string) {
	var b tokenBody
	life := defaultTTL
	err := readBody(w, r, &b)
	if err == nil {
		err = checkID(b.User, "user")
	}
	if err == nil && b.Plan != "" {
		err = checkID(b.Plan, "plan")
	}
	if err == nil && b.TTL != "" {
		if life, err = parseSpan(b.TTL); err != nil {
			err = bad("ttl must be a duration such as 90m, 12h or 7d, from a second to ten years")
		}
	}
	now := h.deps.Now()
	var token string
	if err == nil {
		token, err = h.mintNow(b.User, b.Plan, life, now)
	}
	expires := now.Add(life).UTC().Truncate(time.Second)
	if err == nil {
		err = h.audit(r, auditToken, slog.String("user", b.User), slog.String("before", "none"),
			slog.Group("after", slog.String("plan", b.Plan), slog.Time("expires", expires)), slog.String("why", "asked by the operator"))
	}
	if err != nil {
		h.fail(r.Context(), w, auditToken, err)
		return
	}
	writeJSON(w, http.StatusCreated, tokenAnswer{token, b.User, b.Plan, expires})
}

func (h *Handler) mintNow(user, plan string, life time.Duration, now time.Time) (token string, err error) {
	err = ErrNoMinter
	if h.deps.Minter != nil {
		token, err = h.deps.Minter.Mint(user, plan, life, now)
	}
	if errors.Is(err, ErrNoMinter) {
		err = problem{Status: http.StatusConflict, Detail: err.Error()}
	}
	return token, err
}

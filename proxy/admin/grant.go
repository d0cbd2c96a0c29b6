package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// ErrReused answers Policy.Grant where the id stands for another grant: 422.
var ErrReused = errors.New("this Idempotency-Key was used for another grant")

// Grant asks for more of one of a user's own budgets, in the window that runs now.
type Grant struct {
	ID     string // who asks again with it, and the same words, changes nothing
	Budget string
	MS     int64 // below 0 takes back what was granted
	Reason string
	By     string // "admin:" and who
}

// Granted is what became of a Grant.
type Granted struct {
	Done, Before, After int64 // ms
	Repeated            bool  // it was carried out before; the figures are of then
	Applies             bool  // the budget meets the user as they stand
	Budget              Budget
	At                  time.Time
}

// headerKey names a grant, for who asks again.
const headerKey = "Idempotency-Key"

type grantBody struct {
	Budget string `json:"budget" doc:"a budget of the user's own, by its name in the config"`
	MS     int64  `json:"milliseconds" doc:"of audio, up to 31 days; less than 0 takes back what was granted in this window, and no more"`
	reasonBody
}

type grantAnswer struct {
	User     string    `json:"user" doc:"the user's id"`
	ID       string    `json:"id" doc:"the grant's: the Idempotency-Key, or one that was made"`
	Done     int64     `json:"granted_ms" doc:"what was granted; less than 0: taken back, perhaps less than was asked for"`
	Before   int64     `json:"before_ms" doc:"granted in this window until then"`
	After    int64     `json:"after_ms" doc:"granted in this window then"`
	Repeated bool      `json:"repeated,omitempty" doc:"it was carried out before, and nothing has changed now"`
	Applies  bool      `json:"applies" doc:"whether the budget holds for the user as they stand; where not, the grant waits for that until its window ends"`
	Budget   Budget    `json:"budget" doc:"the budget now"`
	At       time.Time `json:"at" doc:"the store's time when it was asked"`
}

func (h *Handler) grantCall() call {
	return call{http.MethodPost, apiPrefix + "users/{id}/grants", h.grant, about{
		name: "grantUser", tag: "users", says: "Give a user more of a budget, for the window that runs now",
		more: "Today, of a budget per day; it ends with its window. Running streams have it with their next lease, dropping ones resume. What is used stays used. " +
			"Of a rolling window it counts from the minute in which it is given until that has left the window.",
		id: userID, body: grantBody{},
		headers: []param{{headerKey, "names the grant, in up to 128 characters: who asks again with it and the same budget and milliseconds changes nothing", object{
			"type": "string", "minLength": 1, "maxLength": maxID,
		}}},
		answers:  []good{{status: http.StatusOK, says: "what was granted", of: grantAnswer{}}},
		problems: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable},
	}}
}

// grant is POST users/{id}/grants.
func (h *Handler) grant(w http.ResponseWriter, r *http.Request, id string) {
	// A client that hangs up must not leave a grant behind that no audit line tells.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTimeout)
	defer cancel()
	g, err := h.readGrant(w, r, id)
	var out Granted
	if err == nil {
		out, err = h.deps.Policy.Grant(ctx, id, g)
	}
	if err != nil {
		h.fail(ctx, w, auditGrant, err)
		return
	}
	out.Budget.Resets = out.Budget.Resets.UTC()
	err = h.audit(r, auditGrant, slog.String("user", id), slog.String("budget", g.Budget), slog.Int64("before", out.Before), slog.Int64("after", out.After),
		slog.Int64("granted_ms", out.Done), slog.String("id", g.ID), slog.Bool("repeated", out.Repeated), slog.String("why", g.Reason))
	if err != nil {
		h.fail(ctx, w, auditGrant, err)
		return
	}
	writeJSON(w, http.StatusOK, grantAnswer{id, g.ID, out.Done, out.Before, out.After, out.Repeated, out.Applies, out.Budget, out.At.UTC()})
}

func (h *Handler) readGrant(w http.ResponseWriter, r *http.Request, id string) (Grant, error) {
	g := Grant{By: "admin:" + callerOf(r).name}
	var b grantBody
	err := checkID(id, "the user's id")
	if err == nil {
		err = readBody(w, r, &b)
	}
	if err == nil && b.Budget == "" {
		err = bad("budget is missing: name one of the config's")
	}
	if err == nil && b.MS == 0 {
		err = bad("milliseconds is missing: how much audio to grant, or less than 0 to take back")
	}
	if err == nil {
		err = checkReason(b.Reason)
	}
	if err == nil {
		g.ID, err = grantID(r.Header.Values(headerKey))
	}
	g.Budget, g.MS, g.Reason = b.Budget, b.MS, b.Reason
	return g, err
}

// grantID is the request's, or a new one.
func grantID(given []string) (string, error) {
	switch {
	case len(given) == 0:
		return rand.Text(), nil
	case len(given) > 1 || given[0] == "" || len(given[0]) > maxID || strings.ContainsFunc(given[0], func(c rune) bool { return c > unicode.MaxASCII || unicode.IsControl(c) }):
		return "", bad(headerKey + " must be one, of 1 to 128 ASCII characters")
	}
	return given[0], nil
}

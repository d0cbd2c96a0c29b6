package admin

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What operators do about the policy: look why, take back, except.

// The bounds of a list's page.
const (
	somePage = 50
	mostPage = 1000
)

// flagged is GET users: those whom the policy has moved, or an operator.
func (h *Handler) flagged(w http.ResponseWriter, r *http.Request, _ string) {
	q := r.URL.Query()
	stage, limit := q.Get("stage"), somePage
	if n := q.Get("limit"); n != "" {
		var err error
		if limit, err = strconv.Atoi(n); err != nil || limit < 1 || limit > mostPage {
			h.fail(r.Context(), w, "users", bad("limit must be 1 to "+strconv.Itoa(mostPage)))
			return
		}
	}
	if stage != "" && !h.knownStage(stage) {
		h.fail(r.Context(), w, "users", bad("stage must be one of "+strings.Join(h.deps.Stages, ", ")))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	users, next, err := h.deps.Policy.Flagged(ctx, stage, q.Get("cursor"), limit)
	if err != nil {
		h.fail(ctx, w, "users", err)
		return
	}
	a := struct {
		Users []FlaggedUser `json:"users"`
		Next  string        `json:"next,omitempty"` // the cursor of the next page
	}{[]FlaggedUser{}, next}
	for _, u := range users {
		u.State = utc(u.State)
		a.Users = append(a.Users, u)
	}
	writeJSON(w, http.StatusOK, a)
}

// reset is POST users/{id}/reset.
func (h *Handler) reset(w http.ResponseWriter, r *http.Request, id string) {
	h.change(w, r, id, auditReset, nil, h.deps.Policy.Reset)
}

// exempt is PUT users/{id}/exempt.
func (h *Handler) exempt(w http.ResponseWriter, r *http.Request, id string) {
	on := true
	h.change(w, r, id, auditExempt, map[string]any{"exempt": &on}, func(ctx context.Context, id string, c StageChange) (before, after State, err error) {
		return h.deps.Policy.Exempt(ctx, id, on, c)
	}, func() slog.Attr { return slog.Bool("exempt", on) })
}

// resolve is POST users/{id}/resolve: the violation of a case does not count any more.
func (h *Handler) resolve(w http.ResponseWriter, r *http.Request, id string) {
	var ref string
	h.change(w, r, id, auditResolve, map[string]any{"case": &ref}, func(ctx context.Context, id string, c StageChange) (before, after State, err error) {
		if err := h.deps.Policy.Resolve(ctx, id, ref, c); err != nil {
			return State{}, State{}, err
		}
		u, err := h.deps.Users.User(ctx, id)
		return u.State, u.State, err
	}, func() slog.Attr { return slog.String("case", ref) })
}

// change is the way of a write: read, do, audit, answer. A body has the members of more, a reason, and may have until.
func (h *Handler) change(w http.ResponseWriter, r *http.Request, id, what string, more map[string]any,
	do func(ctx context.Context, id string, c StageChange) (before, after State, err error), details ...func() slog.Attr,
) {
	// A client that hangs up must not leave a change behind that no audit line tells.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTimeout)
	defer cancel()
	c := StageChange{By: "admin:" + h.who()}
	var until string
	members := map[string]any{"reason": &c.Reason}
	if what == auditExempt {
		members["until"] = &until
	}
	maps.Copy(members, more)
	err := checkID(id, "the user's id")
	if err == nil {
		err = readBody(w, r, members)
	}
	if err == nil {
		err = checkReason(c.Reason)
	}
	if err == nil {
		c.Until, err = parseUntil(until, h.deps.Now())
	}
	var before, after State
	if err == nil {
		before, after, err = persist(func() (State, State, error) { return do(ctx, id, c) })
	}
	if err != nil {
		h.fail(ctx, w, what, err)
		return
	}
	attrs := []slog.Attr{slog.String("user", id), stateAttr("before", before), stateAttr("after", after), slog.String("why", c.Reason)}
	for _, d := range details {
		attrs = append(attrs, d())
	}
	h.audit(r, what, attrs...)
	writeJSON(w, http.StatusOK, stageAnswer{User: id, Before: utc(before), State: utc(after)})
}

// explain is GET users/{id}/explain.
func (h *Handler) explain(w http.ResponseWriter, r *http.Request, id string) {
	q := r.URL.Query()
	provider := q.Get("provider")
	if provider == "" && len(h.deps.Vendors) > 0 {
		provider = h.deps.Vendors[0]
	}
	err := checkID(id, "the user's id")
	if err == nil && !slices.Contains(h.deps.Vendors, provider) {
		err = bad("provider must be one of " + strings.Join(h.deps.Vendors, ", "))
	}
	if err == nil && q.Get("plan") != "" {
		err = checkID(q.Get("plan"), "plan")
	}
	if err != nil {
		h.fail(r.Context(), w, "explain", err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	x, err := h.deps.Policy.Explain(ctx, id, q.Get("plan"), provider)
	if err != nil {
		h.fail(ctx, w, "explain", err)
		return
	}
	x.At = x.At.UTC()
	writeJSON(w, http.StatusOK, x)
}

// oneCase is GET cases/{ref}.
func (h *Handler) oneCase(w http.ResponseWriter, r *http.Request, ref string) {
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	c, err := h.deps.Policy.Case(ctx, ref)
	if err != nil {
		h.fail(ctx, w, "case", err)
		return
	}
	writeJSON(w, http.StatusOK, c)
}

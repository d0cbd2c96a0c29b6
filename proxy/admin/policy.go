package admin

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
)

// policyCalls are what operators do about the policy: move, take back, except, look why.
func (h *Handler) policyCalls() []call {
	moves := func(method, path, name, says, more string, body any, serve func(http.ResponseWriter, *http.Request, string), problems ...int) call {
		return call{method, apiPrefix + "users/{id}/" + path, serve, about{
			name: name, tag: "users", says: says, more: more, id: userID, body: body,
			answers: []good{{status: http.StatusOK, says: "before and after", of: changeAnswer{}}},
			problems: append(problems, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge,
				http.StatusInternalServerError, http.StatusServiceUnavailable),
		}}
	}
	return []call{
		moves(http.MethodPut, "stage", "setStage", "Move a user to a stage",
			"Running streams follow with their next lease. Nobody reviews the user for one cooldown.", stageBody{}, h.setStage),
		moves(http.MethodPost, "reset", "resetUser", "Take a user back to stage none",
			"No violation from before counts any more. What was used stays used.", resetBody{}, h.reset),
		moves(http.MethodPut, "exempt", "exemptUser", "Put a user outside all rules, or back under them",
			"An exempt user is under no stage and no budget of their own, on running streams with their next lease.", exemptBody{}, h.exempt),
		moves(http.MethodPost, "resolve", "resolveCase", "Make the violation of a case not count",
			"Nobody is moved by it.", resolveBody{}, h.resolve, http.StatusNotFound),
		h.grantCall(),
		{http.MethodGet, apiPrefix + "users/{id}/explain", h.explain, about{
			name: "explain", tag: "users", says: "The decision that a connect would get now, and why", id: userID,
			query: []param{
				{"provider", "the vendor that would be connected to; default: the first", object{"type": "string", "enum": h.deps.Vendors}},
				{"plan", "the user's plan, where budgets or caps depend on it", object{"type": "string"}},
			},
			answers:  []good{{status: http.StatusOK, says: "the decision, rule by rule", of: Explanation{}}},
			problems: []int{http.StatusBadRequest, http.StatusInternalServerError, http.StatusServiceUnavailable},
		}},
		{http.MethodGet, apiPrefix + "cases/{id}", h.oneCase, about{
			name: "case", tag: "users", says: "A review by its reference", more: "Kept for a year.", id: "the reference: FU- and 12 hex digits",
			answers:  []good{{status: http.StatusOK, says: "the case", of: Case{}}},
			problems: []int{http.StatusNotFound, http.StatusInternalServerError, http.StatusServiceUnavailable},
		}},
	}
}

type stageBody struct {
	Stage string `json:"stage" enum:"@stages" doc:"the stage to move to"`
	reasonBody
	untilBody
}

type resetBody struct{ reasonBody }

type exemptBody struct {
	Exempt bool `json:"exempt,omitempty" doc:"false takes an exemption back; absent: true"`
	reasonBody
	untilBody
}

type resolveBody struct {
	Case string `json:"case" doc:"the case's reference: FU- and 12 hex digits"`
	reasonBody
}

// setStage is PUT users/{id}/stage.
func (h *Handler) setStage(w http.ResponseWriter, r *http.Request, id string) {
	var b stageBody
	h.changeUser(w, r, id, change{
		what: auditStage, body: &b, reason: &b.Reason, until: &b.Until,
		check: func() error {
			if !h.knownStage(b.Stage) {
				return h.badStage()
			}
			return nil
		},
		do: func(ctx context.Context, c StageChange) (before, after State, err error) {
			c.Stage = b.Stage
			return h.deps.Users.SetStage(ctx, id, c)
		},
	})
}

// reset is POST users/{id}/reset.
func (h *Handler) reset(w http.ResponseWriter, r *http.Request, id string) {
	var b resetBody
	h.changeUser(w, r, id, change{
		what: auditReset, body: &b, reason: &b.Reason,
		do: func(ctx context.Context, c StageChange) (before, after State, err error) {
			return h.deps.Policy.Reset(ctx, id, c)
		},
	})
}

// exempt is PUT users/{id}/exempt.
func (h *Handler) exempt(w http.ResponseWriter, r *http.Request, id string) {
	b := exemptBody{Exempt: true}
	h.changeUser(w, r, id, change{
		what: auditExempt, body: &b, reason: &b.Reason, until: &b.Until,
		do: func(ctx context.Context, c StageChange) (before, after State, err error) {
			return h.deps.Policy.Exempt(ctx, id, b.Exempt, c)
		},
		more: func() slog.Attr { return slog.Bool("exempt", b.Exempt) },
	})
}

// resolve is POST users/{id}/resolve.
func (h *Handler) resolve(w http.ResponseWriter, r *http.Request, id string) {
	var b resolveBody
	h.changeUser(w, r, id, change{
		what: auditResolve, body: &b, reason: &b.Reason,
		do: func(ctx context.Context, c StageChange) (before, after State, err error) {
			if err := h.deps.Policy.Resolve(ctx, id, b.Case, c); err != nil {
				return State{}, State{}, err
			}
			u, err := h.deps.Users.User(ctx, id)
			return u.State, u.State, err
		},
		more: func() slog.Attr { return slog.String("case", b.Case) },
	})
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
		err = h.badVendor()
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

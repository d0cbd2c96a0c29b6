package admin

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bounds of a list's page.
const (
	somePage = 50
	mostPage = 1000
)

// userCalls look at users.
func (h *Handler) userCalls() []call {
	return []call{
		{http.MethodGet, apiPrefix + "users", h.flagged, about{
			name: "listUsers", tag: "users", says: "Users at a stage",
			more: "Without a stage: those who are not at none, or are exempt. In the order of their ids.",
			query: []param{
				{"stage", "only those at this stage", object{"type": "string", "enum": h.deps.Stages}},
				limitParam(),
				{"cursor", "next of the page before", object{"type": "string"}},
			},
			answers:  []good{{status: http.StatusOK, says: "a page", of: usersAnswer{}}},
			problems: []int{http.StatusBadRequest, http.StatusInternalServerError, http.StatusServiceUnavailable},
		}},
		{http.MethodGet, apiPrefix + "users/{id}", h.user, about{
			name: "user", tag: "users", says: "One user: stage, use, budgets, streams",
			more:     "A user whom nobody has heard of is at stage none and has used nothing.",
			id:       userID,
			answers:  []good{{status: http.StatusOK, says: "the user", of: userAnswer{}}},
			problems: []int{http.StatusBadRequest, http.StatusInternalServerError, http.StatusServiceUnavailable},
		}},
	}
}

const userID = "the user's id: 1 to 128 of A-Z a-z 0-9 . _ @ : -"

func limitParam() param {
	return param{"limit", "how many at most", object{"type": "integer", "minimum": 1, "maximum": mostPage, "default": somePage}}
}

// usersAnswer is a page of users.
type usersAnswer struct {
	Users []FlaggedUser `json:"users" doc:"in the order of their ids"`
	Next  string        `json:"next,omitempty" doc:"the cursor of the next page; absent on the last"`
}

type userAnswer struct {
	User string `json:"user" doc:"the user's id"`
	State
	Usage   []usageAnswer `json:"usage" doc:"audio that was forwarded, in rolling windows"`
	Budgets []Budget      `json:"budgets" doc:"every budget that holds for the user now"`
	Running int           `json:"running" doc:"streams and uploads of the user on all gateways"`
	Streams []Stream      `json:"streams" doc:"those on this gateway, oldest first"`
	Events  []Event       `json:"events" doc:"what moved the user, newest first, at most 20"`
	At      time.Time     `json:"at" doc:"the store's time when it was asked"`
}

type usageAnswer struct {
	Window string `json:"window" doc:"how long the window is: 24h"`
	Audio  int64  `json:"audio_ms" doc:"forwarded within it"`
}

// flagged is GET users: those whom the policy has moved, or an operator.
func (h *Handler) flagged(w http.ResponseWriter, r *http.Request, _ string) {
	q := r.URL.Query()
	stage := q.Get("stage")
	limit, err := pageLimit(q.Get("limit"))
	if err == nil && stage != "" && !h.knownStage(stage) {
		err = h.badStage()
	}
	if err != nil {
		h.fail(r.Context(), w, "users", err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	users, next, err := h.deps.Policy.Flagged(ctx, stage, q.Get("cursor"), limit)
	if err != nil {
		h.fail(ctx, w, "users", err)
		return
	}
	a := usersAnswer{[]FlaggedUser{}, next}
	for _, u := range users {
		u.State = utc(u.State)
		a.Users = append(a.Users, u)
	}
	writeJSON(w, http.StatusOK, a)
}

func pageLimit(s string) (int, error) {
	if s == "" {
		return somePage, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > mostPage {
		return 0, bad("limit must be 1 to " + strconv.Itoa(mostPage))
	}
	return n, nil
}

func (h *Handler) badStage() error {
	return bad("stage must be one of " + strings.Join(h.deps.Stages, ", "))
}

func (h *Handler) badVendor() error {
	return bad("provider must be one of " + strings.Join(h.deps.Vendors, ", "))
}

// user is GET users/{id}.
func (h *Handler) user(w http.ResponseWriter, r *http.Request, id string) {
	if err := checkID(id, "the user's id"); err != nil {
		h.fail(r.Context(), w, "user", err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	u, err := h.deps.Users.User(ctx, id)
	if err != nil {
		h.fail(ctx, w, "user", err)
		return
	}
	a := userAnswer{
		User: id, State: utc(u.State), At: u.At.UTC(),
		Usage: []usageAnswer{}, Budgets: []Budget{}, Events: []Event{}, Running: u.Running,
	}
	for _, v := range u.Usage {
		a.Usage = append(a.Usage, usageAnswer{FormatSpan(v.Window), v.Audio})
	}
	for _, b := range u.Budgets {
		b.Resets = b.Resets.UTC()
		a.Budgets = append(a.Budgets, b)
	}
	for _, e := range slices.Backward(u.Events) {
		e.At = e.At.UTC()
		a.Events = append(a.Events, e)
	}
	a.Streams = h.detailed(h.sorted(func(s Stream) bool { return s.User == id }))
	writeJSON(w, http.StatusOK, a)
}

func utc(s State) State {
	s.Since, s.Until = s.Since.UTC(), s.Until.UTC()
	return s
}

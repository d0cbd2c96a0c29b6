package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// ownPrefix is reserved on the data listener; no vendor has it.
const ownPrefix = "/sttgate/v1/"

// ownHandler lets callers read what the gateway knows of themselves. The identity is found
// as for a stream; the caller token stands in Authorization.
type ownHandler struct {
	*Handler
	users *Users
	tell  func(User) any // the answer
}

// usageAnswer is the JSON of GET /sttgate/v1/usage.
type usageAnswer struct {
	User    string        `json:"user"`
	Stage   policy.Stage  `json:"stage"`
	Budgets []usageBudget `json:"budgets"`
}

type usageBudget struct {
	Budget    string    `json:"budget"`
	Limit     int64     `json:"limit_ms"`
	Granted   int64     `json:"granted_ms,omitempty"` // beside the limit, in this window
	Used      int64     `json:"used_ms"`
	Remaining int64     `json:"remaining_ms"`
	Resets    time.Time `json:"resets,omitzero"`
	Shadow    bool      `json:"shadow,omitempty"`
}

func (h *ownHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.arrive(w, r, func(a arrival) (*vendor, error) { return nil, h.serve(a.w, a.r) })
}

func (h *ownHandler) serve(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		d := deny("", "only GET is possible here")
		d.Status, d.Title = http.StatusMethodNotAllowed, "Method not allowed"
		return denied{d: d}
	}
	caller, _, err := h.identify.Identify(r, bearer(r))
	if err != nil {
		return err
	}
	u, err := h.users.User(r.Context(), caller.User, caller.Plan)
	if err != nil {
		return err
	}
	h.gate.setRateLimit(w.Header(), u.Balances, u.At)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return ignoreGone(json.NewEncoder(w).Encode(h.tell(u)))
}

// usage is where a caller stands: with their own budgets. What the house has left is not theirs to know.
func usage(u User) any {
	a := usageAnswer{User: u.ID, Stage: u.Stage, Budgets: []usageBudget{}}
	for _, b := range u.Balances {
		a.Budgets = append(a.Budgets, usageBudget{b.Budget, b.Limit, b.Granted, b.Used, b.Remaining, b.Resets, b.Shadow})
	}
	return a
}

// ignoreGone drops the error of writing an answer: nobody is left to tell.
func ignoreGone(error) error { return nil }

// bearer is the credential of an Authorization header, whatever its scheme's case.
func bearer(r *http.Request) string {
	scheme, cred, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token") {
		return ""
	}
	return strings.TrimSpace(cred)
}

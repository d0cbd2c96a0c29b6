package admin

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// storeTimeout bounds what one call waits for the store.
const storeTimeout = 5 * time.Second

// conflictTries is how often a stage change starts again when the user changes at the
// same moment. The other writer is a review every minute at most.
const conflictTries = 5

type userAnswer struct {
	User string `json:"user"`
	State
	Usage   []usageAnswer `json:"usage"`
	Budgets []Budget      `json:"budgets"`
	Running int           `json:"running"` // on all gateways
	Streams []Stream      `json:"streams"` // on this one
	At      time.Time     `json:"at"`
}

type usageAnswer struct {
	Window string `json:"window"`
	Audio  int64  `json:"audio_ms"`
}

type stageAnswer struct {
	User   string `json:"user"`
	Before State  `json:"before"`
	State
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
		Usage: []usageAnswer{}, Budgets: []Budget{}, Streams: []Stream{}, Running: u.Running,
	}
	for _, v := range u.Usage {
		a.Usage = append(a.Usage, usageAnswer{FormatSpan(v.Window), v.Audio})
	}
	for _, b := range u.Budgets {
		b.Resets = b.Resets.UTC()
		a.Budgets = append(a.Budgets, b)
	}
	for _, s := range h.sorted() {
		if s.User == id {
			a.Streams = append(a.Streams, s)
		}
	}
	writeJSON(w, http.StatusOK, a)
}

// setStage is PUT users/{id}/stage.
func (h *Handler) setStage(w http.ResponseWriter, r *http.Request, id string) {
	c, err := h.readStage(w, r, id)
	if err != nil {
		h.fail(r.Context(), w, auditStage, err)
		return
	}
	// A client that hangs up must not leave a change behind that no audit line tells.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTimeout)
	defer cancel()
	before, after, err := persist(func() (State, State, error) { return h.deps.Users.SetStage(ctx, id, c) })
	if err != nil {
		h.fail(ctx, w, auditStage, err)
		return
	}
	h.audit(r, auditStage, slog.String("user", id), stateAttr("before", before), stateAttr("after", after), slog.String("why", c.Reason))
	writeJSON(w, http.StatusOK, stageAnswer{User: id, Before: utc(before), State: utc(after)})
}

// persist tries a change again that somebody else's has overtaken.
func persist(change func() (before, after State, err error)) (before, after State, err error) {
	for range conflictTries {
		if before, after, err = change(); !errors.Is(err, ErrConflict) {
			break
		}
	}
	return before, after, err
}

func (h *Handler) readStage(w http.ResponseWriter, r *http.Request, id string) (StageChange, error) {
	if err := checkID(id, "the user's id"); err != nil {
		return StageChange{}, err
	}
	var until string
	c := StageChange{By: "admin:" + h.who()}
	if err := readBody(w, r, map[string]any{"stage": &c.Stage, "reason": &c.Reason, "until": &until}); err != nil {
		return StageChange{}, err
	}
	if !h.knownStage(c.Stage) {
		return StageChange{}, bad("stage must be one of " + strings.Join(h.deps.Stages, ", "))
	}
	if err := checkReason(c.Reason); err != nil {
		return StageChange{}, err
	}
	var err error
	c.Until, err = parseUntil(until, h.deps.Now())
	return c, err
}

// sorted lists the running streams, oldest first.
func (h *Handler) sorted() []Stream {
	list := slices.Clone(h.deps.Streams.List())
	for i := range list {
		list[i].Started = list[i].Started.UTC()
	}
	slices.SortFunc(list, func(a, b Stream) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func utc(s State) State {
	s.Since, s.Until = s.Since.UTC(), s.Until.UTC()
	return s
}

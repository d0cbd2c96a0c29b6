package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// storeTimeout bounds what one call waits for the store.
const storeTimeout = 5 * time.Second

// conflictTries is how often a change starts again when the user changes at the
// same moment. The other writer is a review every minute at most.
const conflictTries = 5

// reasonBody is in every change of a user.
type reasonBody struct {
	Reason string `json:"reason" doc:"why, in one line of at most 500 bytes: for the audit log"`
}

// untilBody is in those that may end by themselves.
type untilBody struct {
	Until string `json:"until,omitempty" doc:"when it ends: a time (2027-01-31T12:00:00Z), or how long from now (90m, 12h, 7d); absent: for good"`
}

// changeAnswer is a user's state before and after.
type changeAnswer struct {
	User   string `json:"user" doc:"the user's id"`
	Before State  `json:"before" doc:"what held until now"`
	State
}

// change is a write that moves a user, or may.
type change struct {
	what   string       // of the audit line
	body   any          // what readBody fills; reason and until lie in it
	reason *string      // of body
	until  *string      // of body; nil: a change of this kind has none
	check  func() error // what else must be right with the body; may be nil
	do     func(ctx context.Context, c StageChange) (before, after State, err error)
	more   func() slog.Attr // of the audit line; may be nil
}

// changeUser is the way of a change: read, do, audit, answer.
func (h *Handler) changeUser(w http.ResponseWriter, r *http.Request, id string, ch change) {
	// A client that hangs up must not leave a change behind that no audit line tells.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTimeout)
	defer cancel()
	c, err := h.readChange(w, r, id, ch)
	var before, after State
	if err == nil {
		before, after, err = persist(func() (State, State, error) { return ch.do(ctx, c) })
	}
	if err != nil {
		h.fail(ctx, w, ch.what, err)
		return
	}
	attrs := []slog.Attr{slog.String("user", id), stateAttr("before", before), stateAttr("after", after), slog.String("why", c.Reason)}
	if ch.more != nil {
		attrs = append(attrs, ch.more())
	}
	if err := h.audit(r, ch.what, attrs...); err != nil {
		h.fail(ctx, w, ch.what, err)
		return
	}
	writeJSON(w, http.StatusOK, changeAnswer{User: id, Before: utc(before), State: utc(after)})
}

func (h *Handler) readChange(w http.ResponseWriter, r *http.Request, id string, ch change) (StageChange, error) {
	c := StageChange{By: "admin:" + callerOf(r).name}
	err := checkID(id, "the user's id")
	if err == nil {
		err = readBody(w, r, ch.body)
	}
	if err == nil && ch.check != nil {
		err = ch.check()
	}
	if err == nil {
		c.Reason = *ch.reason
		err = checkReason(c.Reason)
	}
	if err == nil && ch.until != nil {
		c.Until, err = parseUntil(*ch.until, h.deps.Now())
	}
	return c, err
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

func (h *Handler) knownStage(s string) bool { return slices.Contains(h.deps.Stages, s) }

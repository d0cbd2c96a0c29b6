package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// What happens to a user by time alone is seen by every read, and told by whoever writes it down. For users who do not come back one gateway looks
// through the records, a page at a time: it costs one read a round, and a write for each user whose stage has ended.

const (
	roundKey    = "engine:round"       // held by the gateway whose round it is
	roundCursor = "engine:round:after" // where the next one goes on
	roundUsers  = 1000                 // of a page
	roundKept   = 24 * time.Hour       // a cursor that is lost begins anew
)

// rounds looks at one page after another until the engine is closed.
func (e *Engine) rounds() {
	t := time.NewTicker(e.Round)
	defer t.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-t.C:
		}
		if err := e.round(e.ctx); err != nil && e.ctx.Err() == nil {
			e.Log.Warn("users whose stages may have ended were not looked at; the next round will", slog.Any("error", err))
		}
	}
}

// round looks at a page, if no other gateway has lately.
func (e *Engine) round(ctx context.Context) error {
	// Somewhat shorter than a round, so that the next one of this gateway's finds it gone.
	first, err := e.Store.NoteOnce(ctx, roundKey, []byte(token()), max(e.Round*9/10, time.Second))
	if err != nil || !first {
		return err
	}
	cursor, err := e.Store.Noted(ctx, roundCursor)
	if err != nil {
		return err
	}
	page, next, err := e.Store.Users(ctx, string(cursor), roundUsers)
	if err != nil || len(page) == 0 && len(cursor) == 0 {
		return err
	}
	if err := e.Store.Note(ctx, roundCursor, []byte(next), roundKept); err != nil || len(page) == 0 {
		return err
	}
	u, err := e.Store.Usage(ctx, ledger.Query{User: page[0].User}) // for the store's clock
	if err != nil {
		return err
	}
	for _, one := range page {
		e.attend(ctx, one, u.At)
	}
	return ctx.Err()
}

// attend tells of a user what is to be told. One whom it fails for does not keep it from the others.
func (e *Engine) attend(ctx context.Context, u ledger.UserState, at time.Time) {
	st, err := policy.DecodeState(u.Data)
	if err == nil {
		err = e.lapse(ctx, u.User, st, at)
	}
	if err != nil && ctx.Err() == nil {
		e.Log.Warn("a stage that has ended was not told of; it will be", slog.String("user", u.User), slog.Any("error", err))
		return
	}
	e.rescue(ctx, u.User, st, at)
}

// lapse writes down what time alone has done, and tells of it.
func (e *Engine) lapse(ctx context.Context, user string, st policy.State, at time.Time) error {
	if _, falls := policy.Lapse(st, e.Rules(), user, at); len(falls) == 0 {
		return nil
	}
	_, _, err := e.change(ctx, user, func(st policy.State, _ time.Time) (policy.State, policy.Event, bool) {
		return st, policy.Event{}, false // the change is what has lapsed
	})
	return err
}

// rescue delivers what a gateway has left that is gone.
func (e *Engine) rescue(ctx context.Context, user string, st policy.State, at time.Time) {
	if owed := st.Owed; len(owed) > 0 && at.Sub(owed[0].Noticed()) > orphaned {
		e.deliver(ctx, user, owed)
	}
}

package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// That a budget is back is told to who was told that it is spent, when it is so and not before: at the window's end, or when a grant, another
// stage or another plan gives something back. A rolling window is back with the first minute that is worth a message.

// The reminders: of a message that was begun, and of a user who waits.
const (
	owedKey = "owed:"
	backKey = "back:"
)

const (
	// someDue is how many reminders are taken at a time.
	someDue = 50
	// roundTimeout is for how long they are this gateway's.
	roundTimeout = 2 * time.Minute
	// soonest is when it is asked again about what should have been so.
	soonest = 10 * time.Second
)

// promise is a user who was told that a budget is spent.
type promise struct {
	User   string `json:"user"`
	Budget string `json:"budget"`
	Spent  string `json:"spent"` // as its note
}

func (p promise) reminder() (Reminder, error) {
	value, err := json.Marshal(p)
	return Reminder{backKey + noteKey(p.User, p.Budget, ""), value}, err
}

// promise remembers that a user was told that a budget is spent, and when to look again.
func (b *Budgets) promise(ctx context.Context, s Standing) error {
	key, now := noteKey(s.User, s.Budget, "spent"), spentOf(s)
	old, err := b.Notes.Noted(ctx, key)
	if err != nil {
		return err
	}
	if before, err := parseSpent(string(old)); err == nil && before.isMoreThan(now) {
		return nil // what is told late, for a gateway that died, must not hide what was told since
	}
	note := now.String()
	if err := b.Notes.Note(ctx, key, []byte(note), spentKept); err != nil {
		return err
	}
	r, err := promise{s.User, s.Budget, note}.reminder()
	if err != nil {
		return err
	}
	return b.Notes.Remind(ctx, r.Key, r.Value, after(s.At, s.Resets))
}

// after is a time that is not over.
func after(now, at time.Time) time.Time {
	if soon := now.Add(soonest); at.Before(soon) {
		return soon
	}
	return at
}

// Recall looks, within a round and by whichever gateway, whether a budget is back before its time: something has happened, at a time of
// the store's clock, that may give some of it back. When it returns without an error that is not forgotten.
func (b *Budgets) Recall(ctx context.Context, user, budget string, now time.Time) error {
	note, err := b.Notes.Noted(ctx, noteKey(user, budget, "spent"))
	if err != nil || note == nil {
		return err
	}
	r, err := promise{user, budget, string(note)}.reminder()
	if err != nil {
		return err
	}
	return b.Notes.Remind(ctx, r.Key, r.Value, now)
}

// returned tells a user who is seen that a budget is back.
func (b *Budgets) returned(ctx context.Context, s standing) error {
	if s.level == Spent {
		return nil
	}
	note, err := b.Notes.Noted(ctx, noteKey(s.User, s.Budget, "spent"))
	if err != nil || note == nil {
		return err
	}
	t, err := parseSpent(string(note))
	if err != nil {
		return nil //nolint:nilerr // a note that is not ours tells of nothing
	}
	t.plan = s.Plan // the newest
	_, err = b.back(ctx, s.User, s.Budget, t)
	return err
}

// back tells a user that a budget is back, if it is. Otherwise again is when to look; zero: never.
func (b *Budgets) back(ctx context.Context, user, budget string, t spent) (again time.Time, err error) {
	a, err := b.Ask(ctx, user, t.plan, budget)
	if err != nil || !a.Known {
		return time.Time{}, err
	}
	switch {
	case !a.Again.IsZero():
		return after(a.At, a.Again), nil
	case !a.Gone && !isBack(t, a.Standing):
		return after(a.At, a.Resets), nil
	}
	return time.Time{}, b.begin(ctx, told{Key: "budget_back", Window: t.window(), Standing: a.Standing})
}

// isBack says whether there is something again of what was spent.
func isBack(t spent, s Standing) bool {
	if s.Rolling > 0 {
		return s.Remaining >= max(1, min(s.Limit/20, time.Minute.Milliseconds())) || s.Remaining > 0 && s.Granted > t.granted
	}
	return spentOf(s).isMoreThan(t) && s.Remaining > 0 // of the same window it may be what a stream has given back
}

// rounds looks for what is due until Close.
func (b *Budgets) rounds() {
	t := time.NewTicker(b.Round)
	defer t.Stop()
	for well := true; ; {
		select {
		case <-b.ctx.Done():
			return
		case <-t.C:
		}
		before, err := well, b.round()
		if well = err == nil; before && !well && b.ctx.Err() == nil { // a store that is down for hours is said once
			b.Log.Warn("users whose budgets may be back were not all looked at; the next round will", slog.Any("error", err))
		}
	}
}

// round does what is due. One that fails does not keep it from the others; it is due again when nobody has it any more.
func (b *Budgets) round() error {
	for {
		ctx, cancel := context.WithTimeout(b.ctx, noteTimeout)
		all, err := b.Notes.Due(ctx, someDue, roundTimeout)
		cancel()
		if err != nil {
			return err
		}
		end := time.Now().Add(roundTimeout / 2)
		var errs []error
		for _, r := range all {
			if b.ctx.Err() != nil || time.Now().After(end) {
				break // they are due again, for whoever comes
			}
			errs = append(errs, b.do(r))
		}
		if err := errors.Join(errs...); err != nil || len(all) < someDue {
			return err
		}
	}
}

// do does what a reminder says. Close waits for it, as for act.
func (b *Budgets) do(r Reminder) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), noteTimeout)
	defer cancel()
	switch {
	case strings.HasPrefix(r.Key, owedKey):
		return b.rescue(ctx, r)
	case strings.HasPrefix(r.Key, backKey):
		return b.keep(ctx, r)
	}
	return nil // a newer gateway's
}

// rescue tells what another gateway had begun to tell. A level of a window that is over is not told any more.
func (b *Budgets) rescue(ctx context.Context, r Reminder) error {
	var t told
	if err := json.Unmarshal(r.Value, &t); err != nil {
		return errors.Join(fmt.Errorf("reminder %s: %w", r.Key, err), b.Notes.Forget(ctx, r))
	}
	s := t.Standing
	if t.Key != "budget_back" {
		a, err := b.Ask(ctx, s.User, s.Plan, s.Budget)
		if err != nil {
			return err
		}
		if !a.Known || s.Rolling == 0 && !a.At.Before(s.Resets) || s.Rolling > 0 && a.At.Sub(s.At) >= s.Rolling/2 {
			return b.Notes.Forget(ctx, r)
		}
	}
	return b.finish(ctx, t, r)
}

// keep looks at a user who waits.
func (b *Budgets) keep(ctx context.Context, r Reminder) error {
	var p promise
	err := json.Unmarshal(r.Value, &p)
	t, perr := parseSpent(p.Spent)
	if err = errors.Join(err, perr); err != nil {
		return errors.Join(fmt.Errorf("reminder %s: %w", r.Key, err), b.Notes.Forget(ctx, r))
	}
	note, err := b.Notes.Noted(ctx, noteKey(p.User, p.Budget, "spent"))
	if err != nil {
		return err
	}
	if newest, err := parseSpent(string(note)); err != nil || newest.window() != t.window() {
		return b.Notes.Forget(ctx, r) // it was told anew meanwhile, and has a reminder of its own
	}
	again, err := b.back(ctx, p.User, p.Budget, t)
	switch {
	case err != nil:
		return err
	case again.IsZero():
		return b.Notes.Forget(ctx, r)
	}
	return b.Notes.Remind(ctx, r.Key, r.Value, again)
}

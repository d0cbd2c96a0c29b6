package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/notify"
	"github.com/sttgate/sttgate/proxy"
)

// board is a ledger, as far as it is remembered there what users were told, and are to be told.
type board struct{ ledger.Store }

var _ notify.Notes = board{}

func (b board) Due(ctx context.Context, limit int, hold time.Duration) (out []notify.Reminder, err error) {
	all, err := b.Store.Due(ctx, limit, hold)
	for _, r := range all {
		out = append(out, notify.Reminder(r))
	}
	return out, err
}

func (b board) Forget(ctx context.Context, r notify.Reminder) error {
	return b.Store.Forget(ctx, ledger.Reminder(r))
}

// stands is proxy.Watch.Stands.
func (t *tidings) stands() func(proxy.Standing) {
	if t.budgets == nil {
		return nil
	}
	return func(s proxy.Standing) { t.budgets.Seen(notify.Standing(s)) }
}

// ask is notify.BudgetsOptions.Ask.
func (t *tidings) ask(ctx context.Context, user, plan, budget string) (notify.Answer, error) {
	users := t.users.Load()
	if users == nil {
		return notify.Answer{}, errors.New("the gateway begins")
	}
	own, err := users.Own(ctx, user, plan, budget)
	return notify.Answer{Standing: notify.Standing(own.Standing), Known: own.Known, Again: own.Again}, err
}

// recall lets a budget be looked at again of which a user may have more now.
func (t *tidings) recall(ctx context.Context, user, budget string, at time.Time) error {
	if t.budgets == nil {
		return nil
	}
	return t.budgets.Recall(ctx, user, budget, at)
}

// moved does so with the budgets that a step has taken off a user.
func (t *tidings) moved(ctx context.Context, e policy.Event, all []policy.Budget) error {
	if e.Shadow {
		return nil
	}
	var errs []error
	for _, b := range all {
		if len(b.Stages) > 0 && slices.Contains(b.Stages, e.From) && !slices.Contains(b.Stages, e.To) {
			errs = append(errs, t.recall(ctx, e.User, b.Name, e.Noticed()))
		}
	}
	return errors.Join(errs...)
}

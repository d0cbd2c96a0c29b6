package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
	"github.com/sttgate/sttgate/proxy"
	"github.com/sttgate/sttgate/proxy/admin"
)

// opsPolicy shows the operator what moves users, and lets them take it back.
type opsPolicy struct {
	users  *proxy.Users
	engine *engine.Engine
	store  ledger.States
	rules  func() policy.Config
	tell   *tidings
}

var _ admin.Policy = opsPolicy{}

func (o opsPolicy) Reset(ctx context.Context, id string, c admin.StageChange) (before, after admin.State, err error) {
	return changed(o.engine.Reset(ctx, policy.Setting{User: id, By: c.By, Reason: c.Reason}))
}

func (o opsPolicy) Exempt(ctx context.Context, id string, on bool, c admin.StageChange) (before, after admin.State, err error) {
	return changed(o.engine.Exempt(ctx, policy.Setting{User: id, By: c.By, Reason: c.Reason, Until: c.Until}, on))
}

func (o opsPolicy) Resolve(ctx context.Context, id, ref string, c admin.StageChange) error {
	_, _, err := changed(o.engine.Resolve(ctx, ref, policy.Setting{User: id, By: c.By, Reason: c.Reason}))
	return err
}

// Grant gives in the ledger, and then writes it down with the user. Where that fails the audit line and the log have it: to answer an error
// for what is granted would have it granted again.
func (o opsPolicy) Grant(ctx context.Context, id string, g admin.Grant) (admin.Granted, error) {
	out, err := o.users.Grant(ctx, proxy.Gift{User: id, Budget: g.Budget, ID: g.ID, MS: g.MS})
	switch {
	case errors.Is(err, proxy.ErrNoBudget), errors.Is(err, proxy.ErrSharedBudget):
		return admin.Granted{}, fmt.Errorf("%w: %w", admin.ErrInvalid, err)
	case errors.Is(err, ledger.ErrOtherGift):
		return admin.Granted{}, admin.ErrReused
	case err != nil:
		return admin.Granted{}, opsError(err)
	}
	note := policy.Granted{ID: g.ID, Budget: g.Budget, MS: out.MS}
	if err := o.engine.Granted(ctx, note, policy.Setting{User: id, By: g.By, Reason: g.Reason}); err != nil {
		o.engine.Log.Error("a grant is not in its user's history", slog.String("user", id), slog.String("id", g.ID), slog.Any("error", err))
	}
	if err := o.tell.recall(ctx, id, g.Budget, out.At); err != nil {
		o.engine.Log.Warn("that more is granted is told when the user is next seen, or at the window's end", slog.String("user", id), slog.String("id", g.ID), slog.Any("error", err))
	}
	return admin.Granted{
		Done: out.MS, Before: out.Before, After: out.After, Repeated: out.Repeated, Applies: out.Applies, At: out.At,
		Budget: opsBudget(out.Balance, out.Per, ""),
	}, nil
}

// changed says in the admin room's words what became of a change.
func changed(out engine.Changed, err error) (before, after admin.State, _ error) {
	switch {
	case errors.Is(err, engine.ErrNoViolation):
		return before, after, fmt.Errorf("%w: %w", admin.ErrNotFound, err)
	case err != nil:
		return before, after, opsError(err)
	}
	return opsState(out.Before), opsState(out.After), nil
}

func (o opsPolicy) Case(ctx context.Context, ref string) (admin.Case, error) {
	ev, err := o.engine.Case(ctx, ref)
	switch {
	case errors.Is(err, engine.ErrNoCase):
		return admin.Case{}, fmt.Errorf("%w: %w", admin.ErrNotFound, err)
	case err != nil:
		return admin.Case{}, opsError(err)
	}
	c := admin.Case{
		Ref: ev.Ref, At: ev.At.UTC(), User: ev.User, Plan: ev.Plan, Cause: string(ev.Cause), Review: admin.Verdict(ev.Verdict), From: string(ev.From), To: string(ev.To),
		Violations: ev.Violations, Outcome: string(ev.Outcome), Rule: ev.Rule, Limits: opsRules(ev.Limits), By: ev.By, Reason: ev.Reason, Shadow: ev.Shadow,
	}
	for _, t := range ev.Triggers {
		c.Triggers = append(c.Triggers, admin.Trigger(t))
	}
	return c, nil
}

func opsRules(l policy.Limits) admin.Rules {
	return admin.Rules{Threshold: l.Threshold, Window: l.WindowMS, Cooldown: l.CooldownMS, EnterAfter: l.EnterAfter}
}

// Flagged reads records until there are enough: those of users at stage none are passed over.
func (o opsPolicy) Flagged(ctx context.Context, stage, cursor string, limit int) (out []admin.FlaggedUser, next string, err error) {
	c, now := o.rules(), time.Now()
	for {
		users, next, err := o.store.Users(ctx, cursor, limit-len(out))
		if err != nil {
			return nil, "", opsError(err)
		}
		for _, u := range users {
			st, exempt, err := standing(u, c, now)
			if err != nil {
				return nil, "", opsError(err)
			}
			if stage == "" && (st.Stage != policy.None || exempt) || stage == string(st.Stage) {
				out = append(out, admin.FlaggedUser{User: u.User, State: opsState(st), Exempt: exempt, Case: st.LastCase})
			}
		}
		if next == "" || len(out) == limit {
			return out, next, nil
		}
		cursor = next
	}
}

func (o opsPolicy) Explain(ctx context.Context, id, plan, vendor string) (admin.Explanation, error) {
	x, err := o.users.Explain(ctx, id, plan, vendor)
	if err != nil {
		return admin.Explanation{}, opsError(err)
	}
	out := admin.Explanation{User: id, Plan: plan, Provider: vendor, Decision: "allow", Stage: string(x.Stage), At: x.At, Rules: []admin.RuleLine{}}
	if !x.Allowed {
		out.Decision, out.Reason = "deny", string(x.Reason)
	}
	for _, l := range x.Lines {
		out.Rules = append(out.Rules, admin.RuleLine(l))
	}
	return out, nil
}

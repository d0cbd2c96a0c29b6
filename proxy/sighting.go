package proxy

import (
	"context"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// Sighting is a user as the ledger has just shown them: what moves users looks at it.
type Sighting struct {
	User, Plan string
	State      policy.State
	At         time.Time // the store's clock
	Whole      bool      // a whole upload or job was charged
}

// Watch is who is told of users. Each function may be nil.
type Watch struct {
	// Seen is told with every lease and with every upload that was charged. It must not block.
	Seen func(Sighting)
	// Fresh makes a user's record as new as need be, before something of theirs is let in. It bounds its own time.
	Fresh func(ctx context.Context, user string)
	// Stands is told how each of a user's own budgets stands, with every lease of a stream and every upload that was charged. It must not
	// block. Shadow budgets are not told. A budget that the user's plan leaves out is told as one that is gone: it may have held until now.
	Stands func(Standing)
}

// Standing is one budget of a user's own.
type Standing struct {
	User, Plan, Budget              string
	Limit, Granted, Used, Remaining int64     // ms; granted is beside the limit, in this window
	Resets, At                      time.Time // when the window ends; the store's clock
	// Rolling is the length of a window that is a duration: it ends at no time, and Resets is when its oldest minute falls out.
	Rolling time.Duration
	// Gone says that the budget does not hold for the user.
	Gone bool
}

func (w Watch) seen(s subject, st policy.State, at time.Time, whole bool) {
	if w.Seen != nil {
		w.Seen(Sighting{s.user, s.plan, st, at, whole})
	}
}

func (w Watch) fresh(ctx context.Context, user string) {
	if w.Fresh != nil {
		w.Fresh(ctx, user)
	}
}

// charged tells of an upload that was paid for.
func (g *gate) charged(s subject, u ledger.Usage, ms int64) {
	if ms > 0 {
		g.watch.seen(s, g.record(s.user, u.State), u.At, true)
		g.stands(s, u.Balances, u.At)
	}
}

// stands tells how budgets stand.
func (g *gate) stands(s subject, bs []ledger.Balance, at time.Time) {
	if g.watch.Stands == nil {
		return
	}
	r := g.rules.Load()
	for _, b := range bs {
		if b.Shadow || isStage(b.Budget) || r.shared(b.Budget) {
			continue
		}
		g.watch.Stands(Standing{s.user, s.plan, b.Budget, b.Limit, b.Granted, b.Used, b.Remaining, b.Resets, at, b.Window.Length, false})
	}
	for _, b := range r.Budgets {
		if !b.Shared() && !b.Shadow && !b.ForPlan(s.plan) {
			g.watch.Stands(Standing{User: s.user, Plan: s.plan, Budget: b.Name, At: at, Gone: true})
		}
	}
}

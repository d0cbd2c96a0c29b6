package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Lease is Ledger.Lease.
func (r *Redis) Lease(ctx context.Context, q Request) (g Grant, err error) {
	if q, err = checkRequest(q); err != nil {
		return Grant{}, err
	}
	err = r.do(ctx, "lease", func(ctx context.Context) error {
		g, err = r.lease(ctx, q)
		if err != nil {
			return fmt.Errorf("stream %q: %w", q.Stream, err)
		}
		return nil
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// lease asks the user's own budgets first: their answer knows which other owners the stream
// has held from. Each next owner is asked for no more than those before have granted.
func (r *Redis) lease(ctx context.Context, q Request) (Grant, error) {
	all := parts(q.User, q.Scopes)
	owners, number := others(all), r.number()
	known := r.open.of(q.Stream)
	g := Grant{Ceiling: q.Ceiling, Balances: make([]Balance, len(q.Scopes))}
	granted := []int64{}
	lost := false
	holds := map[string][]base{}
	for i := 0; i < len(all); i++ { // the first answer may add parts
		p := all[i]
		c := r.call(p, q.User, q.Stream)
		c.Spent, c.Keep, c.Number = q.Spent, keepSeconds(q.Keep), number
		c.Ceiling = g.Ceiling
		if i == 0 { // the user's own
			c.Owners, c.Speech = owners, q.Speech
		}
		before, asked := known[p.tag]
		c.Bases = append(c.Bases, before...)
		a, at, err := r.run(ctx, r.scripts.lease, p, c)
		if err != nil {
			return Grant{}, err
		}
		g.Lone = g.Lone || a.lone
		fresh, ceiling, state := a.number(), a.number(), a.state()
		if err := p.fill(g.Balances, a, at, r.loc); err != nil {
			return Grant{}, err
		}
		if p.lost {
			r.unknownDay(q.User)
		}
		held := []base{}
		a.list(func(b *answer) { held = append(held, base{b.text(), Unit(b.text()), b.number(), b.number()}) })
		tags := a.texts()
		if err := a.end(); err != nil {
			return Grant{}, err
		}
		if i == 0 {
			g.State, g.At, g.Ceiling = state, at, ceiling
			for _, t := range tags {
				find(&all, t)
			}
		}
		holds[p.tag], lost = held, lost || fresh == 1 && asked
		granted = append(granted, ceiling)
		g.Ceiling = min(g.Ceiling, ceiling)
	}
	r.trim(ctx, all, granted, q, number, &g)
	if q.Keep > 0 {
		r.open.forget(q.Stream) // somebody else may settle it
	} else {
		r.open.remember(q.Stream, holds, g.At)
	}
	if lost {
		r.lost(q)
	}
	return g, nil
}

// trim gives back what one owner granted beyond what all have. Where that fails it stays in
// hand until the stream asks again or ends, and nothing else is wrong with the grant.
func (r *Redis) trim(ctx context.Context, all []*part, granted []int64, q Request, number string, g *Grant) {
	for i, p := range all {
		if granted[i] <= g.Ceiling || !p.own && len(p.scopes) == 0 {
			continue
		}
		c := r.call(p, q.User, q.Stream)
		c.Ceiling, c.Number = g.Ceiling, number
		a, at, err := r.run(ctx, r.scripts.trim, p, c)
		if err != nil {
			continue
		}
		_ = p.fill(g.Balances, a, at, r.loc) // none where a newer lease has come in between
	}
}

// keepSeconds rounds up: 0 would be a grant that ends with its process.
func keepSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// lost says that the server has forgotten a stream that it had.
func (r *Redis) lost(q Request) {
	r.log.Error("the ledger's server has lost data: a running stream was unknown to it and was charged again with its totals; ended streams' usage is gone",
		slog.String(logStream, q.Stream), slog.Int64("ms", q.Spent))
	if r.reset != nil {
		r.reset()
	}
}

// Settle is Ledger.Settle.
func (r *Redis) Settle(ctx context.Context, q Request) (u Usage, err error) {
	if q, err = checkRequest(q); err != nil {
		return Usage{}, err
	}
	err = r.do(ctx, "settle", func(ctx context.Context) error {
		u, err = r.settle(ctx, q)
		if err != nil {
			return fmt.Errorf("stream %q: %w", q.Stream, err)
		}
		return nil
	})
	return u, err
}

// settle ends the stream with its user first: that mark remembers the other owners, and whoever
// settles again goes on with them.
func (r *Redis) settle(ctx context.Context, q Request) (Usage, error) {
	all := parts(q.User, q.Scopes)
	owners := others(all)
	known := r.open.of(q.Stream)
	u := Usage{Balances: make([]Balance, len(q.Scopes))}
	var had int64
	var tags []string
	lost, lone := false, false
	for i := 0; i < len(all); i++ {
		p := all[i]
		c := r.call(p, q.User, q.Stream)
		c.Spent = q.Spent
		if !q.Ended.IsZero() {
			c.Ended = q.Ended.UnixMicro()
		}
		c.Known = had == 1 && !slices.Contains(tags, p.tag)
		before, asked := known[p.tag]
		c.Bases = append(c.Bases, before...)
		if i == 0 { // the user's own
			c.Owners, c.Speech = owners, q.Speech
		}
		a, at, err := r.run(ctx, r.scripts.settle, p, c)
		if err != nil {
			return Usage{}, err
		}
		lone = lone || a.lone
		held, state := a.number(), a.state()
		if err := p.fill(u.Balances, a, at, r.loc); err != nil {
			return Usage{}, err
		}
		owners := a.texts()
		if err := a.end(); err != nil {
			return Usage{}, err
		}
		if i == 0 {
			u.State, u.At, had, tags = state, at, held, owners
			for _, t := range tags {
				find(&all, t)
			}
		}
		lost = lost || held == 0 && asked
	}
	if lost {
		r.lost(q)
	}
	if lone { // it is told again, and has to find what it knew
		return u, errReplicas
	}
	r.open.forget(q.Stream)
	return u, nil
}

// Usage is Ledger.Usage.
func (r *Redis) Usage(ctx context.Context, q Query) (u Usage, err error) {
	if err := checkQuery(q); err != nil {
		return Usage{}, err
	}
	err = r.do(ctx, "usage", func(ctx context.Context) error {
		u, err = r.usage(ctx, q)
		return err
	})
	if err != nil {
		return Usage{}, err
	}
	return u, nil
}

func (r *Redis) usage(ctx context.Context, q Query) (Usage, error) {
	u := Usage{Balances: make([]Balance, len(q.Scopes))}
	for _, p := range parts(q.User, q.Scopes) {
		c := r.call(p, q.User, "-")
		for _, w := range q.Windows {
			if p.own {
				c.Spans = append(c.Spans, w.Microseconds())
			}
		}
		a, at, err := r.run(ctx, r.scripts.usage, p, c)
		if err != nil {
			return Usage{}, err
		}
		state := a.state()
		if err := p.fill(u.Balances, a, at, r.loc); err != nil {
			return Usage{}, err
		}
		audio, speech := a.numbers(), a.numbers()
		if err := a.end(); err != nil {
			return Usage{}, err
		}
		if p.own {
			u.State, u.At, u.Audio, u.Speech = state, at, audio, speech
		}
	}
	return u, nil
}

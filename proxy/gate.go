package proxy

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// gate joins policy and ledger: it opens a stream's account or says why not.
type gate struct {
	ledger ledger.Ledger
	rules  atomic.Pointer[rules] // never nil
	slice  time.Duration
	// patience is with each call to the ledger; 0: the ledger's own.
	patience time.Duration
	watch    Watch
	sessions Sessions
	events   Events
	log      *slog.Logger
	lines    *sampler
	metrics  *Metrics
	spans    *spans // nil: nobody asked for traces
}

func newGate(r Rules, slice time.Duration, l ledger.Ledger, log *slog.Logger, m *Metrics) (*gate, error) {
	g := &gate{ledger: l, slice: slice, log: log, lines: newSampler(log), metrics: m}
	ready, err := newRules(r)
	g.rules.Store(ready)
	return g, err
}

// subject is what a plan depends on besides the user's stage.
type subject struct {
	user, plan, provider string
}

// unmeasured says that audio passes whose time cannot be told here.
func (g *gate) unmeasured() bool { return g.rules.Load().Unmeasured == UnmeasuredVendor }

// words says that speech is what the vendors' words last, so that they are to be read.
func (g *gate) words() bool { return g.rules.Load().Policy.Basis == policy.BasisWords }

func (s subject) policy() policy.Subject {
	return policy.Subject{User: s.user, Plan: s.plan, Provider: s.provider}
}

// plan is the ledger's question "what applies to this user now?", asked with every lease. What is no budget follows: the pace.
func (g *gate) plan(s subject, t *tempo) func(ledger.State, time.Time) []ledger.Scope {
	return func(st ledger.State, at time.Time) []ledger.Scope {
		r, record := g.rules.Load(), g.record(s.user, st)
		g.watch.seen(s, record, at, false)
		e := policy.EffectsOf(record, r.Policy, s.policy(), at)
		t.follow(e)
		return r.scopes(s, e)
	}
}

// admission is a stream that may run: its account, to be closed exactly once.
type admission struct {
	subject
	account *ledger.Account
	grant   ledger.Grant
	effects policy.Effects // as of the grant
	tempo   *tempo         // as of the newest
}

// admit buys the first slice. On a denial the account is closed already. The
// denial is an error (denied) except where the budgets want the client upgraded first: then
// admit returns it in accept. reported says that the vendor's figure is charged.
func (g *gate) admit(ctx context.Context, s subject, stream string, rt provider.Route, reported bool) (a *admission, accept *provider.Denial, err error) {
	g.watch.fresh(ctx, s.user)
	pace := &tempo{}
	acct, grant, err := ledger.Open(ctx, g.ledger, ledger.Opening{
		User: s.user, Stream: stream, Provider: s.provider, Timeout: g.patience,
		Plan: g.plan(s, pace), Slice: g.slice.Milliseconds(), Reported: reported, Log: g.log, Observe: g.metrics.lease,
		Leased: func(l ledger.Grant) { g.stands(s, l.Balances, l.At) },
	})
	if err != nil {
		g.fails(ctx, "no lease", s, err)
		g.close(ctx, acct, s) // the lease may have been granted and only the answer lost
		return nil, nil, errors.Join(ledger.ErrOutage, ctx.Err())
	}
	dec := decide(grant, 1)
	dec.Allowed = grant.Ceiling > 0 // what was bought just now counts as used already
	g.decided(dec, grant.Balances)
	if dec.Allowed {
		e := g.effects(g.rules.Load(), s, grant.State, grant.At)
		return &admission{subject: s, account: acct, grant: grant, effects: e, tempo: pace}, nil, nil
	}
	g.close(ctx, acct, s)
	d := g.exhausted(dec, s, grant)
	if g.accepts(dec.Violated, rt) {
		return nil, d, nil
	}
	return nil, nil, denied{d, &grant}
}

// close settles an account that never carried a stream, detached from a client
// that may be gone: accounting does not stop because somebody hung up.
func (g *gate) close(ctx context.Context, a *ledger.Account, s subject) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		g.fails(ctx, "not settled; the lease stays charged", s, err)
	}
}

// fails writes what the ledger did not do for somebody who is refused for it.
func (g *gate) fails(ctx context.Context, line string, s subject, err error) {
	k := lineKind{line, s.provider, string(provider.StoreUnavailable)}
	g.lines.tell(ctx, slog.LevelError, k, "user "+s.user, slog.String("user", s.user), slog.String("provider", s.provider), slog.Any("error", err))
}

// settleTimeout bounds a settle with its retries. Longer than a store's restart
// would only delay the shutdown of a gateway that nobody can save.
const settleTimeout = 10 * time.Second

// decide reads a grant as a decision about need more milliseconds.
func decide(g ledger.Grant, need int64) policy.Decision {
	return policy.Decide(balancesOf(g.Balances), need, g.At)
}

// balancesOf are the ledger's balances as the policy reads them.
func balancesOf(all []ledger.Balance) []policy.Balance {
	bs := make([]policy.Balance, len(all))
	for i, b := range all {
		bs[i] = policy.Balance{Budget: b.Budget, Limit: b.Limit, Granted: b.Granted, Used: b.Used, Remaining: b.Remaining, Resets: b.Resets, Shadow: b.Shadow}
	}
	return bs
}

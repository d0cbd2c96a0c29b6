package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// gate joins policy and ledger: it opens a stream's account or says why not.
type gate struct {
	ledger  ledger.Ledger
	budgets []policy.Budget
	windows map[string]ledger.Window // of each budget, parsed once
	slice   time.Duration
	// unmeasured is MeterConfig.Unmeasured.
	unmeasured string
	log        *slog.Logger
	metrics    *Metrics
}

func newGate(bs []policy.Budget, slice time.Duration, l ledger.Ledger, log *slog.Logger, m *Metrics) (*gate, error) {
	g := &gate{ledger: l, budgets: bs, windows: make(map[string]ledger.Window), slice: slice, log: log, metrics: m}
	for _, b := range bs {
		unit, length, err := policy.ParseWindow(b.Window)
		if err != nil {
			return nil, fmt.Errorf("budget %s: window %q: %w", b.Name, b.Window, err)
		}
		g.windows[b.Name] = ledger.Window{Unit: ledger.Unit(unit), Length: length}
	}
	return g, nil
}

// subject is what a plan depends on besides the user's stage.
type subject struct {
	user, plan, provider string
}

// scopes are the budgets that apply to a subject at a stage.
func (g *gate) scopes(s subject, stage policy.Stage) []ledger.Scope {
	applying := policy.Applying(g.budgets, policy.Subject{User: s.user, Plan: s.plan, Provider: s.provider, Stage: stage})
	out := make([]ledger.Scope, len(applying))
	for i, b := range applying {
		out[i] = ledger.Scope{
			Budget: b.Name, Owner: "user:" + s.user, Window: g.windows[b.Name],
			Limit: b.Limit.Milliseconds(), Shadow: b.Shadow,
		}
	}
	return out
}

// stage reads the stage that holds at a time out of the ledger's opaque record. A
// record that cannot be read counts as restrict: not knowing must not lift a limit.
func (g *gate) stage(user string, s ledger.State, at time.Time) policy.Stage {
	st, err := policy.DecodeState(s.Data)
	if err != nil {
		g.log.Error("user record is unreadable; treated as restrict", slog.String("user", user), slog.Any("error", err))
		return policy.Restrict
	}
	return st.At(at)
}

// plan is the ledger's question "what applies to this user now?", asked with every lease.
func (g *gate) plan(s subject) func(ledger.State, time.Time) []ledger.Scope {
	return func(st ledger.State, at time.Time) []ledger.Scope {
		return g.scopes(s, g.stage(s.user, st, at))
	}
}

// admission is a stream that may run: its account, to be closed exactly once.
type admission struct {
	subject
	account *ledger.Account
	grant   ledger.Grant
}

// admit buys the first slice. On a denial the account is closed already. The
// denial is an error (denied) except where the budgets want the client upgraded first: then
// admit returns it in accept. reported says that the vendor's figure is charged.
func (g *gate) admit(ctx context.Context, s subject, stream string, rt provider.Route, reported bool) (a *admission, accept *provider.Denial, err error) {
	acct, grant, err := ledger.Open(ctx, g.ledger, ledger.Opening{
		User: s.user, Stream: stream, Provider: s.provider,
		Plan: g.plan(s), Slice: g.slice.Milliseconds(), Reported: reported, Log: g.log, Observe: g.metrics.lease,
	})
	if err != nil {
		g.log.Error("no lease", slog.String("user", s.user), slog.Any("error", err))
		g.close(ctx, acct, s.user) // the lease may have been granted and only the answer lost
		return nil, nil, errors.Join(ledger.ErrOutage, ctx.Err())
	}
	dec := decide(grant, 1)
	dec.Allowed = grant.Ceiling > 0 // what was bought just now counts as used already
	g.metrics.decided(dec)
	if dec.Allowed {
		return &admission{subject: s, account: acct, grant: grant}, nil, nil
	}
	g.close(ctx, acct, s.user)
	d := g.exhausted(dec, s)
	if g.accepts(dec.Violated, rt) {
		return nil, d, nil
	}
	return nil, nil, denied{d, &grant}
}

// exhausted is the denial of a decision.
func (g *gate) exhausted(dec policy.Decision, s subject) *provider.Denial {
	d := deny(provider.BudgetExhausted, g.exhaustedDetail(dec, s))
	d.Violated, d.RetryAfter = dec.Violated, dec.RetryAfter
	return d
}

func (g *gate) exhaustedDetail(dec policy.Decision, s subject) string {
	names, rolling := "a budget", time.Duration(0)
	for i, n := range dec.Violated {
		if i == 0 {
			names = "budget " + n
		} else {
			names += ", " + n
		}
		rolling = max(rolling, g.windows[n].Length)
	}
	msg := names + " of user " + s.user + " is spent"
	switch left := dec.RetryAfter; {
	case left <= 0:
	case rolling > 0:
		// Usage is kept by the minute, so it may be one more than the window: nobody wants to read that.
		msg += "; the first of it comes back in " + about(min(left, rolling))
	default:
		msg += "; it resets in " + about(left)
	}
	return msg
}

// about writes a duration for people: 59m30s, 9h59m, 24h. Programs have Retry-After.
func about(d time.Duration) string {
	if d = d.Round(time.Second); d < time.Hour {
		return d.String()
	}
	d = d.Round(time.Minute)
	h, m := d/time.Hour, d%time.Hour/time.Minute
	if m == 0 {
		return fmt.Sprintf("%dh", h)
	}
	return fmt.Sprintf("%dh%dm", h, m)
}

// accepts reports whether a spent budget should be told in-band after the upgrade.
func (g *gate) accepts(violated []string, rt provider.Route) bool {
	return g.choose(violated, func(b policy.Budget) string { return b.OnConnect }, "accept", "refuse", rt.AcceptByDefault)
}

// drops reports whether a running stream goes on without its audio. A route that
// cannot lose messages is closed whatever the file says: a cut container helps nobody.
func (g *gate) drops(violated []string, rt provider.Route) bool {
	return rt.Droppable && g.choose(violated, func(b policy.Budget) string { return b.OnExhausted }, "drop", "close", rt.DropByDefault)
}

// choose reads a setting of the violated budgets: the stricter word wins, auto
// means the route's default.
func (g *gate) choose(violated []string, get func(policy.Budget) string, soft, strict string, auto bool) bool {
	result := auto
	for _, name := range violated {
		for _, b := range g.budgets {
			if b.Name != name {
				continue
			}
			switch get(b) {
			case strict:
				return false
			case soft:
				result = true
			}
		}
	}
	return result
}

// close settles an account that never carried a stream, detached from a client
// that may be gone: accounting does not stop because somebody hung up.
func (g *gate) close(ctx context.Context, a *ledger.Account, user string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		g.log.Error("not settled; the lease stays charged", slog.String("user", user), slog.Any("error", err))
	}
}

// settleTimeout bounds a settle with its retries. Longer than a store's restart
// would only delay the shutdown of a gateway that nobody can save.
const settleTimeout = 10 * time.Second

// decide reads a grant as a decision about need more milliseconds.
func decide(g ledger.Grant, need int64) policy.Decision {
	bs := make([]policy.Balance, len(g.Balances))
	for i, b := range g.Balances {
		bs[i] = policy.Balance{Budget: b.Budget, Limit: b.Limit, Used: b.Used, Remaining: b.Remaining, Resets: b.Resets, Shadow: b.Shadow}
	}
	return policy.Decide(bs, need, g.At)
}

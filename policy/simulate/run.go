package simulate

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// Options are the rules, and what nobody knows.
type Options struct {
	Rules    policy.Config
	Budgets  []policy.Budget
	Location *time.Location // whose midnight ends a day; nil: UTC
	// Verdict is what every review finds. The zero one is that of a gateway without a classifier: the caps alone, score 1.
	Verdict policy.Verdict
	// Progress is told how many parts are done; it may be nil.
	Progress func(parts int)
}

// simulation is one run.
type simulation struct {
	Options
	budgets  []budget
	calendar calendar
	users    map[string]*user
	shared   map[string]*purse // by owner and budget
	report   Report
	cases    uint64
}

// user is what is known of one.
type user struct {
	id     string
	plan   string
	state  policy.State
	use    series
	caps   []policy.Cap
	purses map[string]*purse // by budget
	met    bool
	cut    bool
	worst  policy.Stage
}

// Run replays parts, which are in time's order as Read returns them.
func Run(parts []Part, o Options) (Report, error) {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Verdict.Score == 0 && o.Verdict.Type == "" {
		o.Verdict = policy.Verdict{Score: 1, Type: string(policy.ByCap)}
	}
	s := &simulation{Options: o, calendar: calendar{loc: o.Location}, users: map[string]*user{}, shared: map[string]*purse{}}
	for _, b := range o.Budgets {
		unit, length, err := policy.ParseWindow(b.Window)
		if err != nil {
			return Report{}, fmt.Errorf("budget %s: window %q: %w", b.Name, b.Window, err)
		}
		s.budgets = append(s.budgets, budget{b, unit, length, b.Limit.Milliseconds()})
	}
	for i, p := range parts {
		s.play(p)
		if o.Progress != nil && i%1000 == 999 {
			o.Progress(i + 1)
		}
	}
	if len(parts) > 0 {
		s.report.From, s.report.To = parts[0].At, parts[len(parts)-1].At
	}
	s.close()
	return s.report, nil
}

func (s *simulation) user(p Part) *user {
	u := s.users[p.User]
	if u == nil {
		u = &user{id: p.User, purses: map[string]*purse{}, worst: policy.None}
		s.users[p.User] = u
	}
	if !u.met || u.plan != p.Plan {
		old := u.use
		u.met, u.plan, u.caps = true, p.Plan, s.Rules.CapsOf(p.User, p.Plan)
		u.use = newSeries(lengths(u.caps))
		for _, b := range old.minutes {
			u.use.add(time.Unix(b.minute*60, 0), b.ms)
		}
	}
	return u
}

func lengths(caps []policy.Cap) []time.Duration {
	var out []time.Duration
	for _, c := range caps {
		out = append(out, c.Window)
	}
	return out
}

// play lets one part happen.
func (s *simulation) play(p Part) {
	s.calendar.at(p.At)
	u := s.user(p)
	s.report.Parts++
	s.report.Before += p.Audio
	who := policy.Subject{User: p.User, Plan: p.Plan, Provider: p.Provider}
	effects := policy.EffectsOf(u.state, s.Rules, who, p.At)
	passed := s.spend(u, who, effects, p)
	s.report.After += passed
	use := passed
	if s.Rules.Basis == policy.BasisWords && p.Audio > 0 {
		use = min(p.Speech, p.Speech*passed/p.Audio)
	}
	if use > 0 {
		u.use.add(p.At, use)
	}
	s.review(u, p)
}

// spend buys a part from every budget that applies, and returns how much of it passes.
func (s *simulation) spend(u *user, who policy.Subject, e policy.Effects, p Part) int64 {
	if e.Refuse {
		s.report.Refused++
		s.told(u, &s.report.Cut, p.Audio)
		return 0
	}
	applying := e.Applying(s.Options.Budgets, who)
	if len(applying) == 0 {
		return p.Audio
	}
	passes := p.Audio
	for _, b := range applying {
		ready := s.ready(b.Name)
		if left := s.purse(u, b, who).left(ready, &s.calendar, p.At); !b.Shadow {
			passes = min(passes, left)
		} else if left < p.Audio {
			s.report.ShadowCut += p.Audio - left
		}
	}
	for _, b := range applying {
		s.purse(u, b, who).spend(s.ready(b.Name), p.At, passes)
	}
	switch {
	case passes == 0 && p.Audio > 0:
		s.report.Refused++
		fallthrough
	case passes < p.Audio:
		s.told(u, &s.report.Cut, p.Audio-passes)
	}
	return passes
}

func (s *simulation) told(u *user, total *int64, ms int64) {
	*total += ms
	if !u.cut && ms > 0 {
		u.cut = true
		s.report.CutUsers++
	}
}

func (s *simulation) ready(name string) *budget {
	return &s.budgets[slices.IndexFunc(s.budgets, func(b budget) bool { return b.Name == name })]
}

func (s *simulation) purse(u *user, b policy.Budget, who policy.Subject) *purse {
	all, key := u.purses, b.Name
	if b.Shared() {
		all, key = s.shared, b.Owner(who)+"\x00"+b.Name
	}
	p := all[key]
	if p == nil {
		p = &purse{last: newSeries([]time.Duration{s.ready(b.Name).length})}
		all[key] = p
	}
	return p
}

// review moves a user who is over a cap.
func (s *simulation) review(u *user, p Part) {
	triggers := policy.Exceeded(u.caps, func(w time.Duration) int64 {
		return u.use.sum(slices.IndexFunc(u.caps, func(c policy.Cap) bool { return c.Window == w }), p.At)
	})
	if len(triggers) == 0 {
		return
	}
	if due, _ := policy.Due(u.state, s.Rules, u.id, triggers, p.At); !due {
		return
	}
	cause := policy.ByViolation
	if s.Verdict.Type == string(policy.ByCap) {
		cause = policy.ByCap
	}
	s.cases++
	var ref [6]byte
	binary.BigEndian.PutUint32(ref[2:], uint32(s.cases)) //nolint:gosec // a number for the report, that may begin anew
	const token = "simulated"
	begun := policy.Begin(u.state, token, s.Rules, p.At)
	next, ev, ok := policy.Finish(begun, token, policy.Review{
		Ref: policy.Reference(ref), User: u.id, Plan: p.Plan, Cause: cause, Triggers: triggers, Verdict: s.Verdict,
	}, s.Rules, p.At)
	if !ok {
		return
	}
	u.state = next
	s.report.Reviews++
	if ev.Moved() {
		s.report.Steps = append(s.report.Steps, Step{At: p.At, User: u.id, From: ev.From, To: ev.To, Why: ev.Rule, Cap: triggers[0].Cap})
		if slices.Index(policy.Stages(), ev.To) > slices.Index(policy.Stages(), u.worst) {
			u.worst = ev.To
		}
	}
}

// close counts where everybody has come to.
func (s *simulation) close() {
	r := &s.report
	r.Users = len(s.users)
	for _, stage := range policy.Stages() {
		r.Stages = append(r.Stages, StageShare{Stage: stage})
	}
	for _, u := range s.users {
		at := u.state.Now(s.Rules, r.To).Stage
		for i := range r.Stages {
			if r.Stages[i].Stage == at {
				r.Stages[i].AtEnd++
			}
			if r.Stages[i].Stage == u.worst {
				r.Stages[i].Ever++
			}
		}
	}
}

package proxy

import (
	"log/slog"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
	"github.com/sttgate/sttgate/policy"
)

// TestABudgetIsBackOnlyWhereNothingElseKeepsTheUser asks about a day's budget of a minute at Deepgram that is spent, and then whose day is over.
func TestABudgetIsBackOnlyWhereNothingElseKeepsTheUser(t *testing.T) {
	const dg, sx = "deepgram", "soniox"
	budget := func(name string, change func(*policy.Budget)) policy.Budget {
		b := policy.Budget{Name: name, Limit: time.Minute}.WithDefaults()
		change(&b)
		return b
	}
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // a Monday
	midnight, monday := noon.Add(12*time.Hour), noon.Add(156*time.Hour)
	spentDay := budget("daily", func(b *policy.Budget) { b.Providers = []string{dg} })
	for name, tc := range map[string]struct {
		budgets []policy.Budget
		refuse  time.Duration // by the stage throttle, for so long; below 0: for good
		stage   policy.Stage
		lifted  bool
		plan    string
		spend   []string // budgets, all of them today
		ask     string   // daily where it is empty
		known   bool
		gone    bool
		again   time.Time // after midnight
	}{
		"alone": {budgets: []policy.Budget{spentDay}, spend: []string{"daily"}, known: true},
		"a week's is spent, too": {
			budgets: []policy.Budget{spentDay, budget("weekly", func(b *policy.Budget) { b.Window = "week" })},
			spend:   []string{"daily", "weekly"}, known: true, again: monday,
		},
		"the other is for another vendor": {
			budgets: []policy.Budget{spentDay, budget("weekly", func(b *policy.Budget) { b.Window, b.Providers = "week", []string{sx} })},
			spend:   []string{"daily", "weekly"}, known: true,
		},
		"the budget is for two vendors, and the other for one": {
			budgets: []policy.Budget{
				budget("daily", func(*policy.Budget) {}), budget("weekly", func(b *policy.Budget) { b.Window, b.Providers = "week", []string{dg} }),
			},
			spend: []string{"daily", "weekly"}, known: true,
		},
		"the other is a shadow, or everybody's": {
			budgets: []policy.Budget{
				spentDay, budget("thought", func(b *policy.Budget) { b.Window, b.Shadow = "week", true }),
				budget("house", func(b *policy.Budget) { b.Window, b.Per = "week", policy.PerAll }),
			},
			spend: []string{"daily", "thought", "house"}, known: true,
		},
		"the stage refuses for a time":     {budgets: []policy.Budget{spentDay}, spend: []string{"daily"}, refuse: 30 * time.Hour, known: true, again: noon.Add(30 * time.Hour)},
		"the stage refuses for good":       {budgets: []policy.Budget{spentDay}, spend: []string{"daily"}, refuse: -1, known: true, again: midnight.Add(refusalPause)},
		"it is for a stage that has ended": {budgets: []policy.Budget{budget("daily", func(b *policy.Budget) { b.Stages = []policy.Stage{policy.Restrict} })}, known: true, gone: true},
		"it is for the user's stage": {
			budgets: []policy.Budget{budget("daily", func(b *policy.Budget) { b.Stages = []policy.Stage{policy.Restrict} })},
			stage:   policy.Restrict, spend: []string{"daily"}, known: true,
		},
		"it is for another plan":    {budgets: []policy.Budget{budget("daily", func(b *policy.Budget) { b.Plans = []string{"free"} })}, plan: "pro", known: true, gone: true},
		"it is for the plan":        {budgets: []policy.Budget{budget("daily", func(b *policy.Budget) { b.Plans = []string{"pro"} })}, plan: "pro", known: true},
		"everything is lifted":      {budgets: []policy.Budget{spentDay, budget("weekly", func(b *policy.Budget) { b.Window = "week" })}, spend: []string{"weekly"}, lifted: true, known: true, gone: true},
		"there is none of the name": {budgets: []policy.Budget{spentDay}, ask: "other"},
		"it has become a shadow":    {budgets: []policy.Budget{budget("daily", func(b *policy.Budget) { b.Shadow = true })}},
		"it has become everybody's": {budgets: []policy.Budget{budget("daily", func(b *policy.Budget) { b.Per = policy.PerAll })}},
		"no vendor of its is here":  {budgets: []policy.Budget{budget("daily", func(b *policy.Budget) { b.Providers = []string{"speechmatics"} })}, known: true, gone: true},
	} {
		t.Run(name, func(t *testing.T) {
			clock := ledgertest.NewClock(noon)
			store := ledger.NewMemory(clock.Now, time.UTC)
			rules := policy.Default()
			rules.Enabled = !tc.lifted
			throttle := rules.Stages[policy.Throttle]
			throttle.Actions.Refuse = true
			rules.Stages[policy.Throttle] = throttle
			g, err := newGate(Rules{Budgets: tc.budgets, Policy: rules}, time.Second, store, slog.New(slog.DiscardHandler), nil)
			if err != nil {
				t.Fatal(err)
			}
			u := &Users{gate: g, store: store, vendors: []string{dg, sx}}
			if tc.refuse != 0 {
				tc.stage = policy.Throttle
			}
			if tc.stage != "" {
				p := policy.Position{Stage: tc.stage, Cause: policy.ByHand, Since: noon}
				if tc.refuse > 0 {
					p.Until = noon.Add(tc.refuse)
				}
				data, err := policy.State{Track: policy.Track{Position: p}}.Encode()
				if err == nil {
					_, err = store.SetState(t.Context(), "ann", ledger.State{Data: data})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, b := range tc.budgets {
				for _, name := range tc.spend {
					if name != b.Name {
						continue
					}
					s := ledger.Scope{Budget: b.Name, Owner: b.Owner(policy.Subject{User: "ann"}), Window: g.rules.Load().windows[b.Name], Limit: 60_000}
					r := ledger.Request{User: "ann", Stream: name, Scopes: []ledger.Scope{s}, Ceiling: 60_000, Spent: 60_000}
					if _, err := store.Settle(t.Context(), r); err != nil {
						t.Fatal(err)
					}
				}
			}
			ask := "daily"
			if tc.ask != "" {
				ask = tc.ask
			}
			own := func() Own {
				x, err := u.Own(t.Context(), "ann", tc.plan, ask)
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
			if x := own(); tc.known && len(tc.spend) > 0 && tc.spend[0] == "daily" && (x.Remaining != 0 || x.Used != 60_000 || !x.Resets.Equal(midnight)) {
				t.Errorf("before midnight: %+v", x)
			}
			clock.Set(midnight)
			x := own()
			if x.Known != tc.known || x.Gone != tc.gone || !x.Again.Equal(tc.again) {
				t.Errorf("at midnight: known %v, gone %v, again %v; want %v, %v, %v", x.Known, x.Gone, x.Again, tc.known, tc.gone, tc.again)
			}
			if tc.known && (x.Remaining != 60_000 || !x.At.Equal(midnight) || x.User != "ann" || x.Budget != "daily") {
				t.Errorf("at midnight: %+v", x)
			}
		})
	}
}

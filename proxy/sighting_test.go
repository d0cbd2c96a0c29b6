package proxy

import (
	"slices"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

func TestOnlyAUsersOwnBudgetsAreTold(t *testing.T) {
	budget := func(name, per, window string) policy.Budget {
		return policy.Budget{Name: name, Per: per, Window: window, Limit: time.Minute}.WithDefaults()
	}
	other, thought := budget("free's", policy.PerUser, "day"), budget("free's thought", policy.PerUser, "day")
	other.Plans, thought.Plans, thought.Shadow = []string{"free"}, []string{"free"}, true
	g, err := newGate(Rules{Budgets: []policy.Budget{budget("own", policy.PerUser, "day"), budget("house", policy.PerAll, "day"), other, thought}, Policy: policy.Default()}, time.Second, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1000, 0)
	day, rolling := ledger.Window{Unit: ledger.Day}, ledger.Window{Unit: ledger.Rolling, Length: time.Hour}
	bs := []ledger.Balance{
		{Budget: "own", Window: day, Limit: 10, Granted: 3, Used: 8, Remaining: 5, Resets: at.Add(time.Hour)},
		{Budget: "own", Window: day, Shadow: true},
		{Budget: "own", Window: rolling, Limit: 10},
		{Budget: "house", Window: day},
		{Budget: stageScope + "restrict", Window: day},
	}
	who := subject{user: "anna", plan: "pro", provider: "deepgram"}
	g.stands(who, bs, at) // nobody listens
	var got []Standing
	g.watch.Stands = func(s Standing) { got = append(got, s) }
	g.stands(who, bs, at)
	want := []Standing{
		{User: "anna", Plan: "pro", Budget: "own", Limit: 10, Granted: 3, Used: 8, Remaining: 5, Resets: at.Add(time.Hour), At: at},
		{User: "anna", Plan: "pro", Budget: "own", Limit: 10, At: at, Rolling: time.Hour},
		{User: "anna", Plan: "pro", Budget: "free's", At: at, Gone: true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %+v, want %+v", got, want)
	}
	got, who.plan = nil, "free"
	if g.stands(who, nil, at); got != nil {
		t.Errorf("told %+v of a plan that has the budget", got)
	}
}

package proxy

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

func TestLimitsTellCallersWhatHoldsForThem(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) {
		c.Limits.StreamsPerUser, c.Limits.UploadDuration = 3, time.Hour
		c.Budgets = []policy.Budget{
			policy.Budget{Name: "daily", Providers: []string{"deepgram"}, Stages: []policy.Stage{policy.Restrict}, Limit: time.Minute}.WithDefaults(),
			policy.Budget{Name: "free", Window: "24h", Limit: time.Hour, Shadow: true}.WithDefaults(),
			policy.Budget{Name: "gold", Plans: []string{"gold"}, Limit: time.Hour}.WithDefaults(),
		}
	}})
	r.restrict("bob")
	tell := func(user, plan string) (a limitsAnswer) {
		var header []string
		if plan != "" {
			header = []string{PlanHeader, plan}
		}
		got := r.ask(http.MethodGet, user, "/sttgate/v1/limits", nil, 0, header...)
		got.wants(t, 200, "")
		if err := json.Unmarshal([]byte(got.text), &a); err != nil {
			t.Fatalf("%v: %s", err, got.text)
		}
		return a
	}
	a := tell("bob", "gold")
	if a.User != "bob" || a.Plan != "gold" || a.Stage != policy.Restrict || a.StreamsPerUser != 3 || a.UploadDuration != 3_600_000 ||
		a.MessageBytes != 1<<20 || a.StreamDuration != 0 || a.IdleTimeout != 60_000 {
		t.Errorf("%+v", a)
	}
	all := []string{"deepgram", "soniox", "speechmatics"}
	want := []limitBudget{
		{Budget: "daily", Applies: true, Limit: 60_000, Window: "day", Providers: []string{"deepgram"}, Stages: []policy.Stage{policy.Restrict}},
		{Budget: "free", Applies: true, Limit: 3_600_000, Window: "24h", Providers: all, Stages: policy.Stages(), Shadow: true},
		{Budget: "gold", Applies: true, Limit: 3_600_000, Window: "day", Providers: all, Stages: policy.Stages()},
	}
	if !reflect.DeepEqual(a.Budgets, want) {
		t.Errorf("budgets %+v\nwant %+v", a.Budgets, want)
	}
	a = tell("ann", "")
	if len(a.Budgets) != 2 || a.Budgets[0].Applies || a.Stage != policy.None {
		t.Errorf("%+v", a)
	}
	r.ask(http.MethodPost, "bob", "/sttgate/v1/limits", strings.NewReader("x"), -1).wants(t, 405, "")
	r.ask(http.MethodGet, "", "/sttgate/v1/limits", nil, 0).wants(t, 401, "unauthenticated")
}

func TestARefusalSaysWhenThereIsBudgetAgain(t *testing.T) {
	g, err := newGate(Rules{Budgets: []policy.Budget{
		policy.Budget{Name: "daily", Limit: time.Minute}.WithDefaults(),
		policy.Budget{Name: "rolling", Window: "24h", Limit: time.Minute}.WithDefaults(),
	}}, time.Second, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		budget string
		left   time.Duration
		want   string
	}{
		{"daily", 9*time.Hour + 59*time.Minute + 59*time.Second, "it resets in 10h"},
		{"daily", 90*time.Minute + 20*time.Second, "it resets in 1h30m"},
		{"daily", 61 * time.Second, "it resets in 1m1s"},
		{"daily", 0, "is spent"},
		{"rolling", 24*time.Hour + 21*time.Second, "the first of it comes back in 24h"},
		{"rolling", 40*time.Minute + 300*time.Millisecond, "the first of it comes back in 40m0s"},
	} {
		d := g.exhausted(policy.Decision{Violated: []string{tt.budget}, RetryAfter: tt.left}, subject{user: "bob"}, ledger.Grant{})
		if !strings.HasSuffix(d.Detail, tt.want) || d.RetryAfter != tt.left {
			t.Errorf("%s, %v left: %q, %v", tt.budget, tt.left, d.Detail, d.RetryAfter)
		}
	}
}

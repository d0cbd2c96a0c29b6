package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

func (r *rig) grant(user, budget, id string, ms int64) Given {
	r.t.Helper()
	g, err := r.server.Users.Grant(r.t.Context(), Gift{User: user, Budget: budget, ID: id, MS: ms})
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

// A stream that drops, for its budget is spent, goes on with what is granted, to the frame, and without a reconnect.
func TestAGrantResumesAStreamAndLetsTheNextOneIn(t *testing.T) {
	stores(t, func(t *testing.T, store ledger.Store) {
		r := newRig(t, rigOptions{store: store, config: budgetOf(2 * time.Second)})
		r.restrict("bob")
		c := r.connect("bob", linear16)
		c.send(150, 20)
		c.until("Error")
		if _, resp, err := r.dial("bob", linear16, nil); err == nil || resp.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("a spent budget let a second stream in: %v", err)
		}
		if g := r.grant("bob", "daily", "x", 3000); !g.Applies || g.After != 3000 || g.Repeated {
			t.Errorf("%+v", g)
		}
		r.grant("bob", "daily", "x", 3000)
		ctx, cancel := context.WithTimeout(t.Context(), hang)
		defer cancel()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for r.server.Streams.List()[0].Progress().Forwarded < 5*time.Second {
			c.send(1, 20)
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("%v were forwarded", r.server.Streams.List()[0].Progress().Forwarded)
			}
		}
		c.send(50, 20)
		c.text(`{"type":"CloseStream"}`)
		if _, closed := c.read(); closed.Code != 1000 {
			t.Errorf("closed with %d %s", closed.Code, closed.Text)
		}
		if rec := r.heard(1)[0]; rec.AudioMS != 5000 {
			t.Errorf("the vendor heard %d ms, want the limit of 2000 and the 3000 granted", rec.AudioMS)
		}
		r.settled()
		if used := r.used("bob"); used != 5000 {
			t.Errorf("%d ms are used, want 5000", used)
		}
		r.grant("bob", "daily", "y", 1000)
		next := r.connect("bob", linear16)
		if got := next.resp.Header.Get("RateLimit-Policy"); got != `"daily";q=6;qu="audio-seconds";w=86400` {
			t.Errorf("RateLimit-Policy: %s", got)
		}
		next.text(`{"type":"CloseStream"}`)
		next.read()
		r.settled()
		r.tellsGranted("bob")
		x, err := r.server.Users.Explain(t.Context(), "bob", "", "deepgram")
		if err != nil || !x.Allowed || !strings.Contains(x.Lines[len(x.Lines)-1].Text, "1s of 2s and 4s granted per day are left") {
			t.Errorf("%+v, %v", x, err)
		}
	})
}

// tellsGranted reads what a caller is told of 2 s, of 4 s granted, and 5 s used.
func (r *rig) tellsGranted(user string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+r.server.Addr()+"/sttgate/v1/usage", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-Sttgate-User", user)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var a usageAnswer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || len(a.Budgets) != 1 {
		r.t.Fatalf("%+v, %v", a, err)
	}
	if b := a.Budgets[0]; b.Limit != 2000 || b.Granted != 4000 || b.Used != 5000 || b.Remaining != 1000 {
		r.t.Errorf("%+v", b)
	}
	if got := resp.Header.Get("RateLimit"); !strings.HasPrefix(got, `"daily";r=1;t=`) {
		r.t.Errorf("RateLimit: %s", got)
	}
}

func TestABudgetThatIsNoUsersOwnIsNotGranted(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) {
		c.Budgets = []policy.Budget{
			policy.Budget{Name: "daily", Stages: []policy.Stage{policy.Restrict}, Limit: time.Minute}.WithDefaults(),
			policy.Budget{Name: "house", Per: policy.PerAll, Limit: time.Hour}.WithDefaults(),
			policy.Budget{Name: "pro", Plans: []string{"pro"}, Limit: time.Minute}.WithDefaults(),
		}
	}})
	for budget, want := range map[string]error{"dayly": ErrNoBudget, "": ErrNoBudget, "stage:restrict": ErrNoBudget, "house": ErrSharedBudget} {
		_, err := r.server.Users.Grant(t.Context(), Gift{User: "bob", Budget: budget, ID: "x", MS: 1000})
		if !errors.Is(err, want) || !strings.Contains(err.Error(), "budgets per user are daily, pro") {
			t.Errorf("%s: %v", budget, err)
		}
	}
	if g := r.grant("bob", "daily", "x", 1000); g.Applies || g.After != 1000 {
		t.Errorf("%+v: the budget is for the stage restrict", g)
	}
	if g := r.grant("bob", "pro", "y", 1000); !g.Applies {
		t.Errorf("%+v: the budget is for whoever has the plan", g)
	}
}

package proxy

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/fake"
	"github.com/sttgate/sttgate/proxy/provider"
)

// house is a breaker: one balance that all users share.
func house(per string, limit time.Duration, change ...func(*policy.Budget)) func(*Config) {
	return func(c *Config) {
		b := policy.Budget{Name: "house", Per: per, Limit: limit}
		for _, f := range change {
			f(&b)
		}
		c.Budgets = append(c.Budgets[:0:0], b.WithDefaults())
	}
}

// shared is what the house has spent, as the operator sees it on a user's page.
func (r *rig) shared(user string) []Shared {
	r.t.Helper()
	u, err := r.server.Users.User(r.t.Context(), user, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return u.Shared
}

// spend uses the house's budget up, as somebody.
func (r *rig) spend(owner string, ms int64) {
	r.t.Helper()
	s := ledger.Scope{Budget: "house", Owner: owner, Window: ledger.Window{Unit: ledger.Day}, Limit: ms}
	if _, err := r.store.Settle(r.t.Context(), ledger.Request{User: "somebody", Stream: "spent:" + owner, Scopes: []ledger.Scope{s}, Spent: ms}); err != nil {
		r.t.Fatal(err)
	}
}

func TestSixteenUsersForwardTheHousesBudgetExactly(t *testing.T) {
	const streams, budget = 16, 60_000
	for vendor, open := range map[string]func(*testing.T, rigOptions) (*rig, func(user string) *client, func(int) []fake.Record){
		"deepgram": func(t *testing.T, o rigOptions) (*rig, func(string) *client, func(int) []fake.Record) {
			r := newRig(t, o)
			return r, func(user string) *client { return r.connect(user, linear16) }, r.heard
		},
		"soniox": func(t *testing.T, o rigOptions) (*rig, func(string) *client, func(int) []fake.Record) {
			r, n := newSonioxRig(t, o), 0
			return r.rig, func(user string) *client {
				c := r.stream(user)
				n++
				r.heardBy(n, func(fake.Record) bool { return true }) // it has its first lease
				return c
			}, r.transcribed
		},
		"speechmatics": func(t *testing.T, o rigOptions) (*rig, func(string) *client, func(int) []fake.Record) {
			r := newSpeechmaticsRig(t, o)
			return r.rig, func(user string) *client { return r.recognise(user).client }, r.heard
		},
	} {
		t.Run(vendor, func(t *testing.T) {
			stores(t, func(t *testing.T, store ledger.Store) {
				r, connect, heard := open(t, rigOptions{store: store, config: house(policy.PerAll, budget*time.Millisecond)})
				var clients []*client
				for i := range streams {
					clients = append(clients, connect(fmt.Sprint("user", i)))
				}
				var all sync.WaitGroup
				for _, c := range clients {
					all.Go(func() {
						// Each alone could spend the whole budget, in frames of 20 ms, until it is cut.
						for range budget/20 + 1 {
							if c.conn.WriteMessage(websocket.BinaryMessage, make([]byte, 20*bytesPerMS)) != nil {
								return
							}
						}
					})
					all.Go(func() {
						for {
							if _, _, err := c.conn.ReadMessage(); err != nil {
								_ = c.conn.Close() // ends the writer
								return
							}
						}
					})
				}
				all.Wait()
				var total int64
				for _, rec := range heard(streams) {
					total += rec.AudioMS
				}
				r.settled()
				if s := r.shared("user3"); total != budget || len(s) != 1 || s[0].Used != budget || s[0].Per != policy.PerAll {
					t.Errorf("the vendor heard %d ms, the house is %+v; want %d", total, s, budget)
				}
				if n := r.metric("decisions_total", "reason", "breaker_open"); n != streams {
					t.Errorf("%v breaker decisions for %d streams", n, streams)
				}
			})
		})
	}
}

// wantBreaker checks a refusal before the upgrade.
func wantBreaker(t *testing.T, resp *http.Response, member string, value any) {
	t.Helper()
	h := resp.Header
	if resp.StatusCode != 503 || h.Get("X-Sttgate-Reason") != "breaker_open" || h.Get("Retry-After") == "" {
		t.Errorf("%d %q, Retry-After %q", resp.StatusCode, h.Get("X-Sttgate-Reason"), h.Get("Retry-After"))
	}
	if h.Get("RateLimit") != "" || h.Get("RateLimit-Policy") != "" {
		t.Errorf("RateLimit %q on a 503: what the house has left is no client's business", h.Get("RateLimit"))
	}
	m := body(t, resp)
	if m["type"] != typeReduced || m["status"] != 503.0 || m["title"] != "Spending breaker open" || fmt.Sprint(m["violated-policies"]) != "[house]" {
		t.Errorf("RFC 9457 members: %v", m)
	}
	if detail, _ := m["detail"].(string); !strings.HasPrefix(detail, "budget house, which all users share, is spent; it resets in ") {
		t.Errorf("detail %q", detail)
	}
	if fmt.Sprint(m[member]) != fmt.Sprint(value) {
		t.Errorf("the vendor's member %s is %v, want %v: %v", member, m[member], value, m)
	}
}

func TestAnOpenBreakerRefusesEveryoneAtTheDoorAndBlamesNobody(t *testing.T) {
	spent := house(policy.PerAll, time.Minute)
	t.Run("deepgram stream", func(t *testing.T) {
		r := newRig(t, rigOptions{config: spent})
		r.spend("all", 60_000)
		for _, user := range []string{"ann", "bob"} {
			_, resp, err := r.dial(user, linear16, nil)
			if err == nil {
				t.Fatal("let in")
			}
			wantBreaker(t, resp, "err_code", "Service Unavailable")
		}
		if n := len(r.vendor.Streams()); n != 0 {
			t.Errorf("%d streams at the vendor", n)
		}
		if n := r.metric("decisions_total", "reason", "breaker_open"); n != 2 {
			t.Errorf("%v decisions", n)
		}
	})
	t.Run("deepgram upload", func(t *testing.T) {
		r := newRig(t, rigOptions{config: spent})
		r.spend("all", 50_000)
		path := "/v1/listen?encoding=linear16&sample_rate=16000"
		if a := r.ask(http.MethodPost, "ann", path, zeros(9000*bytesPerMS), 9000*bytesPerMS); a.StatusCode != 200 || a.Header.Get("RateLimit") != "" {
			t.Fatalf("%d %s, RateLimit %q", a.StatusCode, a.text, a.Header.Get("RateLimit"))
		}
		a := r.ask(http.MethodPost, "ann", path, zeros(9000*bytesPerMS), 9000*bytesPerMS)
		if a.StatusCode != 503 || a.Header.Get("X-Sttgate-Reason") != "breaker_open" || strings.Contains(a.text, "are left") {
			t.Errorf("%d: %s", a.StatusCode, a.text)
		}
	})
	t.Run("soniox stream", func(t *testing.T) {
		r := newSonioxRig(t, rigOptions{config: spent})
		r.spend("all", 60_000)
		_, resp, err := r.dial("ann", sonioxPath, http.Header{"Authorization": {"Bearer " + callerKey}})
		if err == nil {
			t.Fatal("let in")
		}
		wantBreaker(t, resp, "status_code", 503)
	})
	t.Run("soniox stream that authenticates in its first message", func(t *testing.T) {
		r := newSonioxRig(t, rigOptions{config: spent})
		r.spend("all", 60_000)
		c := r.connect("", sonioxPath)
		c.text(inMessage(r.token("ann")))
		texts, closed := c.read()
		wantError(t, texts, 402, "organization_balance_exhausted") // which no SDK takes for a fault of the network
		if closed.Code != 1013 {
			t.Errorf("closed with %d", closed.Code)
		}
	})
	t.Run("soniox stream where the file says accept", func(t *testing.T) {
		r := newSonioxRig(t, rigOptions{config: house(policy.PerProvider, time.Minute, func(b *policy.Budget) { b.OnConnect = policy.Accept })})
		r.spend("provider:soniox", 60_000)
		texts, closed := r.stream("ann").read()
		wantError(t, texts, 402, "organization_balance_exhausted") // which no SDK takes for a fault of the network
		if closed.Code != 1013 || closed.Text != "breaker_open" {
			t.Errorf("closed with %d %q", closed.Code, closed.Text)
		}
		r.connect("ann", linear16) // another vendor has a balance of its own
	})
	t.Run("speechmatics stream", func(t *testing.T) {
		r := newSpeechmaticsRig(t, rigOptions{config: spent})
		r.spend("all", 60_000)
		_, resp, err := r.dial("ann", speechmaticsPath, nil)
		if err == nil {
			t.Fatal("let in")
		}
		wantBreaker(t, resp, "code", 503)
	})
	t.Run("speechmatics job", func(t *testing.T) {
		r := newSpeechmaticsRig(t, rigOptions{config: spent})
		r.spend("all", 60_000)
		form, ct := jobForm(t, false, batchConfig, wavOf(1000))
		r.ask(http.MethodPost, "ann", "/v2/jobs", bytes.NewReader(form), int64(len(form)), "Content-Type", ct).wants(t, 503, "breaker_open")
		if n := len(r.speechmatics.Uploads()); n != 0 {
			t.Errorf("%d requests at the vendor", n)
		}
	})
}

func TestABreakerEndsRunningStreamsPolitelyAndNeverDrops(t *testing.T) {
	second := house(policy.PerProvider, time.Second)
	t.Run("deepgram", func(t *testing.T) { // that drops where a user's own budget is spent
		r := newRig(t, rigOptions{config: second})
		c := r.connect("ann", linear16)
		c.send(60, 20)
		texts, closed := c.read()
		m := texts[len(texts)-1]
		if closed.Code != 1013 || closed.Text != "breaker_open" || m["type"] != "Error" || m["variant"] != "breaker_open" {
			t.Errorf("closed with %d %q behind %v", closed.Code, closed.Text, m)
		}
		if rec := r.heard(1)[0]; rec.AudioMS != 1000 || rec.SentCode != 1000 {
			t.Errorf("the vendor heard %d ms and closed with %d", rec.AudioMS, rec.SentCode)
		}
	})
	t.Run("soniox", func(t *testing.T) {
		r := newSonioxRig(t, rigOptions{config: second})
		c := r.stream("ann")
		c.send(60, 20)
		texts, closed := c.read()
		wantError(t, texts, 402, "organization_balance_exhausted") // which no SDK takes for a fault of the network
		if closed.Code != 1013 {
			t.Errorf("closed with %d", closed.Code)
		}
		if rec := r.transcribed(1)[0]; rec.AudioMS != 1000 {
			t.Errorf("the vendor heard %d ms", rec.AudioMS)
		}
	})
	t.Run("speechmatics", func(t *testing.T) {
		r := newSpeechmaticsRig(t, rigOptions{config: second})
		c := r.recognise("ann")
		c.send(60, 20)
		kinds, closed := c.end()
		if closed.Code != 4013 || kinds[len(kinds)-1] != "Error job_error" { // its own word for "come back later"
			t.Errorf("closed with %d behind %v", closed.Code, kinds)
		}
		if rec := r.heard(1)[0]; rec.AudioMS != 1000 || rec.SentCode != 1000 {
			t.Errorf("the vendor heard %d ms and closed with %d", rec.AudioMS, rec.SentCode)
		}
	})
}

func TestAUsersOwnSpentBudgetIsSaidBeforeTheHouses(t *testing.T) {
	both := all(budgetOf(time.Second), func(c *Config) {
		c.Budgets = append(c.Budgets, policy.Budget{Name: "house", Per: policy.PerAll, Limit: time.Minute}.WithDefaults())
	})
	r := newRig(t, rigOptions{config: both})
	r.restrict("bob")
	c := r.connect("bob", linear16)
	c.send(60, 20)
	c.until("Error") // drops: the house has plenty
	c.text(`{"type":"CloseStream"}`)
	c.read()
	r.settled()
	r.spend("all", 60_000)
	_, resp, _ := r.dial("bob", linear16, nil)
	if resp == nil || resp.StatusCode != 429 || !strings.HasPrefix(resp.Header.Get("RateLimit"), `"daily";r=0;t=`) || strings.Contains(resp.Header.Get("RateLimit"), "house") {
		t.Fatalf("%+v", resp)
	}
	m := body(t, resp)
	if detail, _ := m["detail"].(string); !strings.HasPrefix(detail, "budget daily of user bob is spent, and so is house, which all users share; ") ||
		fmt.Sprint(m["violated-policies"]) != "[daily house]" {
		t.Errorf("%v", m)
	}
	if _, resp, _ = r.dial("ann", linear16, nil); resp == nil || resp.StatusCode != 503 {
		t.Errorf("ann, whose own budget is not spent: %+v", resp)
	}
}

func TestABreakerMeetsWhomItNames(t *testing.T) {
	r := newRig(t, rigOptions{config: house(policy.PerAll, time.Second, func(b *policy.Budget) { b.Stages = []policy.Stage{policy.Restrict} })})
	r.spend("all", 1000)
	r.restrict("bob")
	if _, resp, _ := r.dial("bob", linear16, nil); resp == nil || resp.StatusCode != 503 {
		t.Errorf("bob: %+v", resp)
	}
	r.connect("ann", linear16)
	if s := r.shared("ann"); len(s) != 0 {
		t.Errorf("ann is met by %+v", s)
	}
}

func TestAShadowBreakerCountsAndStopsNobody(t *testing.T) {
	r := newRig(t, rigOptions{config: house(policy.PerProvider, time.Second, func(b *policy.Budget) { b.Shadow = true })})
	r.spend("provider:deepgram", 1000)
	c := r.connect("ann", linear16)
	c.send(100, 20)
	c.text(`{"type":"CloseStream"}`)
	c.read()
	if rec := r.heard(1)[0]; rec.AudioMS != 2000 {
		t.Errorf("the vendor heard %d ms", rec.AudioMS)
	}
	r.settled()
	if s := r.shared("ann"); s[0].Used != 3000 {
		t.Errorf("%+v", s)
	}
	if n := r.metric("decisions_total", "reason", string(provider.BreakerOpen)); n != 1 || r.metric("decisions_total", "decision", "allow") != 1 {
		t.Errorf("%v shadow decisions", n)
	}
}

func TestACallerSeesTheirOwnBudgetsOnlyAndTheOperatorAll(t *testing.T) {
	r := newRig(t, rigOptions{config: all(budgetOf(time.Minute), func(c *Config) {
		c.Budgets = append(c.Budgets,
			policy.Budget{Name: "house", Per: policy.PerAll, Limit: time.Hour}.WithDefaults(),
			policy.Budget{Name: "vendor", Per: policy.PerProvider, Limit: time.Hour}.WithDefaults())
	})})
	r.restrict("bob")
	for _, path := range []string{"usage", "limits"} {
		a := r.ask(http.MethodGet, "bob", "/sttgate/v1/"+path, nil, 0)
		if a.StatusCode != 200 || !strings.Contains(a.text, `"daily"`) || strings.Contains(a.text, "house") || strings.Contains(a.text, `"budget":"vendor"`) {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.text)
		}
		if l := a.Header.Get("RateLimit"); strings.Contains(l, "house") || !strings.Contains(l, "daily") {
			t.Errorf("%s: RateLimit %s", path, l)
		}
	}
	var got []string
	for _, s := range r.shared("bob") {
		got = append(got, s.Budget+" "+s.Per+" "+s.Provider)
	}
	if want := "house all ,vendor provider deepgram,vendor provider soniox,vendor provider speechmatics"; strings.Join(got, ",") != want {
		t.Errorf("shared budgets: %v", got)
	}
}

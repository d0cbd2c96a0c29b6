package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
	"github.com/sttgate/sttgate/proxy/fake"
)

const (
	chaosSlice   = 2 * time.Second
	chaosTimeout = 500 * time.Millisecond // longer than an operator's: a machine under load is no outage
	chaosTight   = 60 * time.Second
	chaosGrace   = 20 * time.Second // per user and gateway, as chaosAllow says
	chaosFrame   = 200 * time.Millisecond
	chaosSpeed   = 10
)

// chaosLength is a minute, or what CHAOS says (make chaos: ten).
func chaosLength(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(cmp.Or(os.Getenv("CHAOS"), "1m"))
	if err != nil {
		t.Fatalf("CHAOS: %v", err)
	}
	return d
}

// chaosSeed is a new one each time, or what CHAOS_SEED says.
func chaosSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("CHAOS_SEED")
	if text == "" {
		return rand.Uint64N(1_000_000) //nolint:gosec // chance, not a secret
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("CHAOS_SEED: %v", err)
	}
	return n
}

// chaos is a run: users who speak, gateways that die, a ledger behind bad ways.
type chaos struct {
	t     *testing.T
	seed  uint64
	users []*chaosUser
	gates []*chaosGate
	tally *tally
	// begin and end of a disturbance, by the victim's name.
	begin, end map[string]func(disturbance)
	victims    []victim
	vendorURL  string
	vendors    map[string]*fake.Deepgram
	forgets    bool // a server may be replaced by one that has not heard of all that running streams have bought
	reads      struct{ good, failed int }
}

func newChaos(t *testing.T, users ...string) *chaos {
	t.Helper()
	c := &chaos{
		t: t, seed: chaosSeed(t), tally: &tally{owed: map[string]bool{}, settled: map[string]int64{}}, vendors: map[string]*fake.Deepgram{},
		begin: map[string]func(disturbance){}, end: map[string]func(disturbance){},
	}
	t.Logf("seed %d: CHAOS_SEED=%d repeats the plan", c.seed, c.seed)
	for _, u := range users {
		c.vendors[u] = fake.NewDeepgram(fake.Options{Keep: 8, IdleTimeout: time.Hour})
	}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.vendors[r.URL.Query().Get("tag")].ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		for _, v := range c.vendors {
			v.Close()
		}
		up.Close()
	})
	c.vendorURL = up.URL
	return c
}

// gate adds a gateway that is disturbed in some ways. redis is how it finds its server, in the file's words.
func (c *chaos) gate(redis, outage string, kinds ...string) *chaosGate {
	c.t.Helper()
	g := newChaosGate(c.t, fmt.Sprintf("gateway %d", len(c.gates)), c.vendorURL, redis, outage, c.tally)
	c.gates = append(c.gates, g)
	c.victim(victim{g.name, kinds, 1500 * time.Millisecond}, func(d disturbance) {
		switch d.Kind {
		case chaosKill:
			g.kill()
		case chaosEnd:
			g.end()
		default:
			g.now.signal(syscall.SIGSTOP)
		}
	}, func(d disturbance) {
		if d.Kind == chaosStop {
			g.now.signal(syscall.SIGCONT)
		} else {
			g.start()
		}
	})
	return g
}

// server lets a ledger's server be killed and stopped.
func (c *chaos) server(s *ledgertest.RedisServer) {
	c.victim(victim{"server", []string{chaosKill, chaosStop}, 1500 * time.Millisecond}, func(d disturbance) {
		if d.Kind == chaosKill {
			s.Kill()
		} else {
			s.Signal(syscall.SIGSTOP)
		}
	}, func(d disturbance) {
		if d.Kind == chaosKill {
			s.Start()
		} else {
			s.Signal(syscall.SIGCONT)
		}
	})
}

// way makes a way to a server that is made bad now and then.
func (c *chaos) way(p *toxiproxy, name, to string) string {
	c.victim(victim{name, []string{chaosTox, chaosTox, chaosTox, chaosCut}, 1500 * time.Millisecond},
		func(d disturbance) { p.spoil(name, d) }, func(d disturbance) { p.heal(name, d) })
	return p.way(name, to)
}

func (c *chaos) victim(v victim, begin, end func(disturbance)) {
	c.victims = append(c.victims, v)
	c.begin[v.name], c.end[v.name] = begin, end
}

// user adds one who speaks through some gateways.
func (c *chaos) user(name string, lent time.Duration, tight bool, gates ...*chaosGate) {
	c.users = append(c.users, &chaosUser{
		name: name, gates: gates, vendor: c.vendors[name], tight: tight, lent: lent.Milliseconds() * int64(len(gates)),
	})
}

// run lets everybody speak from n clients each while the plan is played, and returns at quiet: all is healed,
// all streams have ended, and every gateway was stopped by its operator.
func (c *chaos) run(length time.Duration, n int) {
	c.t.Helper()
	plan := planChaos(c.seed, length, 600*time.Millisecond, c.victims)
	stop := make(chan struct{})
	quit := sync.OnceFunc(func() { close(stop) })
	var all sync.WaitGroup
	defer all.Wait() // also where a step of the plan fails
	defer quit()
	for i, u := range c.users {
		for j := range n {
			rng := rand.New(rand.NewPCG(c.seed, uint64(1000*i+j))) //nolint:gosec // chance, not a secret
			all.Go(func() { u.speak(c.t, rng, stop) })
		}
	}
	all.Go(func() { c.read(rand.New(rand.NewPCG(c.seed, 99)), stop) }) //nolint:gosec // chance, not a secret
	done := c.play(plan, length)
	quit()
	all.Wait()
	for _, g := range c.gates {
		g.end()
	}
	c.t.Logf("%d disturbances in %s; %d reads and %d without an answer; %d streams were settled later, %d found that data was lost",
		done, length, c.reads.good, c.reads.failed, c.tally.later, c.tally.resets)
}

// play does what the plan says, and undoes it; late where the machine is slow, and in order. What it has not
// come to within the length is left out. It returns how many disturbances there were.
func (c *chaos) play(plan []disturbance, length time.Duration) (done int) {
	c.t.Helper()
	type step struct {
		at    time.Duration
		do    func(disturbance)
		d     disturbance
		begun *bool // nil of a beginning
	}
	var steps []step
	for _, d := range plan {
		begun := false
		begin := func(d disturbance) {
			begun = true
			done++
			c.begin[d.Victim](d)
		}
		steps = append(steps, step{d.From, begin, d, nil}, step{d.Until, c.end[d.Victim], d, &begun})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	began := time.Now()
	for _, s := range steps {
		if s.begun == nil && time.Since(began) > length || s.begun != nil && !*s.begun {
			continue
		}
		<-time.After(time.Until(began.Add(s.at)))
		s.do(s.d)
		if c.t.Failed() {
			c.t.Logf("failed after %v", s.d)
		}
	}
	return done
}

// read asks the gateways what users have used, all the time. Each answer must lie between what had been
// forwarded when it was asked for, and what clients had tried when it came, with what is in hand.
func (c *chaos) read(rng *rand.Rand, stop <-chan struct{}) {
	var tr http.Transport
	defer tr.CloseIdleConnections()
	next := time.NewTicker(50 * time.Millisecond)
	defer next.Stop()
	for {
		select {
		case <-stop:
			return
		case <-next.C:
		}
		u, admin := c.users[rng.IntN(len(c.users))], c.gates[rng.IntN(len(c.gates))].admin()
		if admin == "" {
			continue
		}
		heard := u.heard() - u.lent
		if c.forgets {
			heard = c.tally.acknowledged(u.name)
		}
		_, over, _ := u.count()
		owed, later := c.tally.journaled()
		all, err := balances(&tr, admin, u.name)
		if err != nil {
			c.reads.failed++
			continue
		}
		c.reads.good++
		tries, _, _ := u.count()
		_, laterNow := c.tally.journaled()
		hand := int64(tries-over+owed+laterNow-later) * chaosSlice.Milliseconds()
		used, ok := all[u.budget()]
		if low, high := heard, u.sent.Load()+hand; !ok || used < low || used > high {
			c.t.Errorf("%s has used %d ms (%v); %d were acknowledged, %d attempted", u.name, used, all, low, high)
		}
	}
}

// judge compares what is charged at quiet with what the vendor has heard. What gateways left in their journals they
// settle first.
func (c *chaos) judge(redis string) {
	c.t.Helper()
	for _, g := range c.gates {
		g.start()
		g.settled()
		g.end()
	}
	g := newChaosGate(c.t, "judge", c.vendorURL, redis, "mode: deny", c.tally)
	defer g.end()
	var tr http.Transport
	defer tr.CloseIdleConnections()
	for _, u := range c.users {
		all, err := balances(&tr, g.admin(), u.name)
		if err != nil {
			c.t.Fatal(err)
		}
		tries, over, dead := u.count()
		cut := int(u.cut.Load())
		for _, g := range u.gates {
			cut += g.cut(u.name)
		}
		heard, used := u.heard(), all[u.budget()]
		c.t.Logf("%s: %d requests, forwarded %d ms, charged %d (%+d), %d streams were killed, %d cut, %d ends were not seen",
			u.name, tries, heard, used, used-heard, dead, cut, tries-over-dead)
		if used < heard {
			c.t.Errorf("%s: %d ms were given away", u.name, heard-used)
		}
		// What is on its way into a connection that is cut, is charged and not heard.
		most := heard + int64(dead)*chaosSlice.Milliseconds() + int64(cut)*2*chaosFrame.Milliseconds()
		if used > most {
			c.t.Errorf("%s: charged %d ms, at most a slice of %s for each of %d killed streams and two frames for each that was cut may be beyond %d",
				u.name, used, chaosSlice, dead, heard)
		}
		if u.tight && heard > chaosTight.Milliseconds() {
			c.t.Errorf("%s: forwarded %d ms of a budget of %s", u.name, heard, chaosTight)
		}
		if heard == 0 {
			c.t.Errorf("%s: nothing was forwarded at all", u.name)
		}
	}
}

// chaosAllow is an outage's config with a bounded grace.
const chaosAllow = "mode: allow, grace_per_stream: 5s, grace_per_user: 20s"

// TestChaosOnOneServerIsCharged kills, stops and cuts off three gateways and their server, whose every write is
// on the disk before it is answered.
func TestChaosOnOneServerIsCharged(t *testing.T) {
	t.Parallel()
	c := newChaos(t, "ann", "bob", "tim")
	server := ledgertest.StartRedis(t, "--appendfsync", "always")
	net := startToxiproxy(t, c.seed)
	var gates []*chaosGate
	for i, outage := range []string{"mode: deny", "mode: deny", chaosAllow} {
		way := c.way(net, fmt.Sprintf("way %d", i), server.Addr())
		gates = append(gates, c.gate(fmt.Sprintf("url: %q", "redis://"+way), outage, chaosKill, chaosKill, chaosStop, chaosEnd))
	}
	c.server(server)
	c.user("ann", 0, false, gates[:2]...)
	c.user("bob", chaosGrace, false, gates[2])
	c.user("tim", 0, true, gates[:2]...)
	gates[0].now.call(http.MethodPut, "/admin/v1/users/tim/stage", `{"stage":"restrict","reason":"test"}`, nil)
	c.run(chaosLength(t), 3)
	c.judge(fmt.Sprintf("url: %q", server.URL()))
}

package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/meter/ledger"
)

func TestSixteenSonioxStreamsOfOneUserForwardTheirBudgetExactly(t *testing.T) {
	const streams, budget = 16, 60_000
	stores(t, func(t *testing.T, store ledger.Store) {
		r := newSonioxRig(t, rigOptions{store: store, config: sonioxBudget(budget * time.Millisecond)})
		r.restrict("bob")
		var clients []*client
		for i := range streams { // half of them by header, half by their first message
			if i%2 == 0 {
				clients = append(clients, r.stream("bob"))
				continue
			}
			c := r.connect("bob", sonioxPath)
			c.text(inMessage(callerKey))
			clients = append(clients, c)
		}
		if _, err := r.soniox.Begun(r.guard(), streams); err != nil {
			t.Fatal(err)
		}
		var work sync.WaitGroup
		for _, c := range clients {
			work.Go(func() {
				// Each alone could spend the whole budget, in frames of 20 ms, until it is cut.
				for range budget/20 + 1 {
					if c.conn.WriteMessage(websocket.BinaryMessage, make([]byte, 20*bytesPerMS)) != nil {
						return
					}
				}
			})
			work.Go(func() {
				texts, closed := c.read()
				wantError(t, texts, 429, "limit_exceeded")
				if closed.Code != 1008 {
					t.Errorf("closed with %d %q", closed.Code, closed.Text)
				}
				_ = c.conn.Close() // ends the writer
			})
		}
		work.Wait()
		var heard int64
		for _, rec := range r.transcribed(streams) {
			heard += rec.AudioMS
		}
		r.settled()
		if used := r.used("bob"); heard != budget || used != budget {
			t.Errorf("the vendor heard %d ms and %d were charged, want %d", heard, used, budget)
		}
	})
}

// By default the vendor charges for as long as a stream is open, and so does the gateway.
func TestSonioxAnIdleConnectionCostsWallClock(t *testing.T) {
	const budget = 2 * time.Second
	byDefault := sonioxWith(func(p *ProviderConfig) { p.Charge = defaultProviders()["soniox"].Charge })
	r := newSonioxRig(t, rigOptions{config: all(sonioxBudget(budget), byDefault)})
	r.restrict("ann")
	c := r.stream("ann")
	c.send(5, 20)
	start := time.Now()
	texts, closed := c.read() // nobody sends any more
	wantError(t, texts, 429, "limit_exceeded")
	if closed.Code != 1008 {
		t.Errorf("closed with %d %q", closed.Code, closed.Text)
	}
	if lasted := time.Since(start); lasted < budget/2 {
		t.Errorf("ended after %v: the clock of an idle stream runs with the wall's", lasted)
	}
	rec := r.transcribed(1)[0]
	r.settled()
	if used := r.used("ann"); rec.AudioMS != 100 || used <= 100 || used > budget.Milliseconds() {
		t.Errorf("heard %d ms, charged %d", rec.AudioMS, used)
	}
}

// A stream that is faster than the clock costs its audio.
func TestSonioxAFastStreamCostsItsAudio(t *testing.T) {
	byDefault := sonioxWith(func(p *ProviderConfig) { p.Charge = defaultProviders()["soniox"].Charge })
	r := newSonioxRig(t, rigOptions{config: all(sonioxBudget(time.Hour), byDefault)})
	r.restrict("ann")
	c := r.stream("ann")
	const audio = 10 * time.Minute // no machine is that slow
	for range 60 {
		c.send(1, int(audio.Milliseconds()/60))
	}
	c.finish()
	c.read()
	r.transcribed(1)
	r.settled()
	if used := r.used("ann"); used != audio.Milliseconds() {
		t.Errorf("charged %d ms", used)
	}
}

func TestSonioxHearsTheClientsBytes(t *testing.T) {
	const streams = 200
	r := newSonioxRig(t, rigOptions{})
	sums := make(chan string, streams)
	work := make(chan uint64)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for seed := range work {
				sums <- r.randomSoniox(seed)
			}
		})
	}
	for seed := range uint64(streams) {
		work <- seed
	}
	close(work)
	workers.Wait()
	close(sums)
	var sent, got []string
	for s := range sums {
		sent = append(sent, s)
	}
	for _, rec := range r.transcribed(streams) {
		got = append(got, rec.SHA256)
	}
	slices.Sort(sent)
	slices.Sort(got)
	if !slices.Equal(sent, got) {
		t.Fatalf("of %d streams some arrived changed", streams)
	}
}

// randomSoniox sends random bytes in random messages and fragments, with other
// messages between, and returns their SHA-256.
func (r *sonioxRig) randomSoniox(seed uint64) string {
	rnd := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // repeatable on purpose
	c, _, err := r.dial("alice", sonioxPath, nil)
	if err != nil {
		r.t.Errorf("stream %d: %v", seed, err)
		return ""
	}
	start := sonioxStart
	if rnd.IntN(2) == 0 {
		start = inMessage(callerKey)
	}
	if rnd.IntN(2) == 0 { // a context as large as it may be
		start = strings.Replace(start, "{", `{"context":"`+strings.Repeat("x", rnd.IntN(30_000))+`",`, 1)
	}
	err = c.conn.WriteMessage(websocket.TextMessage, []byte(start))
	sum := sha256.New()
	var got sync.WaitGroup
	got.Go(func() {
		for {
			if _, _, err := c.conn.ReadMessage(); err != nil {
				return
			}
		}
	})
	for range 1 + rnd.IntN(20) {
		if err != nil {
			break
		}
		err = randomMessage(c, rnd, func(b []byte) { sum.Write(b) })
		if err == nil && rnd.IntN(4) == 0 {
			err = c.conn.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(hang))
		}
		if err == nil && rnd.IntN(4) == 0 {
			err = c.conn.WriteMessage(websocket.TextMessage, []byte(`{ "type": "keepalive" }`))
		}
		if err == nil && rnd.IntN(8) == 0 {
			err = c.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"finalize"}`))
		}
	}
	if err == nil {
		err = c.conn.WriteMessage([]int{websocket.TextMessage, websocket.BinaryMessage}[rnd.IntN(2)], nil)
	}
	if err != nil {
		r.t.Errorf("stream %d: %v", seed, err)
	}
	got.Wait()
	return hex.EncodeToString(sum.Sum(nil))
}

// randomMessage sends one message of random bytes in up to three writes: larger than
// the writer's buffer, they are fragments.
func randomMessage(c *client, rnd *rand.Rand, sent func([]byte)) error {
	w, err := c.conn.NextWriter(websocket.BinaryMessage)
	if err != nil {
		return err
	}
	for range 1 + rnd.IntN(3) {
		b := make([]byte, 1+rnd.IntN(1<<rnd.IntN(14)))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		sent(b)
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Close()
}

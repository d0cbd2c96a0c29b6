package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/fake"
)

// stores are the ledgers that a promise about money has to hold on.
func stores(t *testing.T, run func(t *testing.T, s ledger.Store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { run(t, ledger.NewMemory(time.Now, time.UTC)) })
	t.Run("embedded", func(t *testing.T) {
		s, err := ledger.OpenEmbedded(t.TempDir(), time.UTC, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		run(t, s)
	})
}

func TestSixteenStreamsOfOneUserForwardTheirBudgetExactly(t *testing.T) {
	const streams, budget = 16, 60_000
	stores(t, func(t *testing.T, store ledger.Store) {
		r := newRig(t, rigOptions{store: store, config: budgetOf(budget * time.Millisecond)})
		r.restrict("bob")
		var clients []*client
		for range streams {
			clients = append(clients, r.connect("bob", linear16))
		}
		var all sync.WaitGroup
		for _, c := range clients {
			all.Go(func() {
				// Each alone could spend the whole budget, in frames of 20 ms.
				for range budget/20 + 1 {
					if err := c.conn.WriteMessage(websocket.BinaryMessage, make([]byte, 20*bytesPerMS)); err != nil {
						t.Errorf("send: %v", err)
						return
					}
				}
				if err := c.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"CloseStream"}`)); err != nil {
					t.Errorf("send: %v", err)
				}
			})
		}
		for _, c := range clients {
			all.Go(func() {
				for {
					if _, _, err := c.conn.ReadMessage(); err != nil {
						return
					}
				}
			})
		}
		all.Wait()
		var heard int64
		for _, rec := range r.heard(streams) {
			heard += rec.AudioMS
		}
		r.settled()
		if used := r.used("bob"); heard != budget || used != budget {
			t.Errorf("the vendor heard %d ms and %d were charged, want %d", heard, used, budget)
		}
	})
}

func TestTheVendorHearsTheClientsBytes(t *testing.T) {
	const streams = 1000
	r := newRig(t, rigOptions{config: func(c *Config) { c.Limits.Streams = 64 }})
	sums := make(chan string, streams)
	work := make(chan uint64)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for seed := range work {
				sums <- r.randomStream(seed)
			}
		})
	}
	for seed := range uint64(streams) {
		work <- seed
	}
	close(work)
	all.Wait()
	close(sums)
	var sent, got []string
	for s := range sums {
		sent = append(sent, s)
	}
	for _, rec := range r.heard(streams) {
		got = append(got, rec.SHA256)
	}
	slices.Sort(sent)
	slices.Sort(got)
	if !slices.Equal(sent, got) {
		t.Fatalf("of %d streams some arrived changed", streams)
	}
}

// randomStream sends random bytes in random messages and fragments, with other
// messages between, and returns their SHA-256.
func (r *rig) randomStream(seed uint64) string {
	rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable on purpose
	c, _, err := r.dial("alice", linear16, nil)
	if err != nil {
		r.t.Errorf("stream %d: %v", seed, err)
		return ""
	}
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
		w, err := c.conn.NextWriter(websocket.BinaryMessage)
		for range 1 + rnd.IntN(3) { // larger than the writer's buffer: fragments
			b := make([]byte, 1+rnd.IntN(1<<rnd.IntN(14)))
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			sum.Write(b)
			if err == nil {
				_, err = w.Write(b)
			}
		}
		if err == nil {
			err = w.Close()
		}
		if err == nil && rnd.IntN(4) == 0 {
			err = c.conn.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(hang))
		}
		if err == nil && rnd.IntN(4) == 0 {
			err = c.conn.WriteMessage(websocket.TextMessage, []byte(`{"type": "KeepAlive"}`))
		}
		if err != nil {
			r.t.Errorf("stream %d: %v", seed, err)
			return ""
		}
	}
	c.text(`{ "type": "CloseStream" }`)
	got.Wait()
	return hex.EncodeToString(sum.Sum(nil))
}

func TestAStageReachesARunningStreamWithinOneLease(t *testing.T) {
	r := newRig(t, rigOptions{slice: time.Second, config: budgetOf(2 * time.Second)})
	c := r.connect("carol", linear16)
	c.send(200, 20) // 4 s, unrestricted: the budget does not see them
	ctx := t.Context()
	ss, err := r.vendor.Begun(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	heard := func(ms int64) func(rec fake.Record) bool {
		return func(rec fake.Record) bool { return rec.AudioMS >= ms }
	}
	if _, err := ss[0].Until(ctx, heard(4000)); err != nil {
		t.Fatal(err)
	}
	r.restrict("carol")
	c.send(300, 20)
	c.until("Error")
	c.text(`{"type":"CloseStream"}`)
	c.read()
	rec := r.heard(1)[0]
	if over := rec.AudioMS - 4000; over < 2000 || over > 3000 {
		t.Errorf("%d ms passed after the stage had changed, want the budget of 2000 and at most a lease of 1000 more", over)
	}
	r.settled()
	if used := r.used("carol"); used != 2000 {
		t.Errorf("charged %d ms, want the budget", used)
	}
}

func TestDroppedAudioResumesWithTheBudgetAndShiftedTimes(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(2 * time.Second)})
	r.restrict("bob")
	c := r.connect("bob", linear16)
	c.send(150, 20) // 2 s pass, 1 s is dropped
	c.until("Error")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for st := r.server.Streams.List()[0]; st.Progress().Dropped < time.Second; {
		<-tick.C
	}
	r.stage("bob", policy.None)
	// The stream asks every two seconds of its own clock: feed it until it is let through.
	ctx := t.Context()
	ss, err := r.vendor.Begun(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	for ss[0].Record().AudioMS <= 2000 {
		c.send(1, 20)
		<-tick.C
	}
	c.send(100, 20)
	c.text(`{"type":"CloseStream"}`)
	texts, _ := c.read()
	rec := r.heard(1)[0]
	var last, ours float64
	for _, m := range texts {
		if m["type"] == "Results" {
			last = m["start"].(float64) + m["duration"].(float64)
		}
	}
	if ours = float64(rec.AudioMS) / 1000; last < ours+1 {
		t.Errorf("the last result ends at %.2f s of the client's time; the vendor heard %.2f s and at least 1 s was dropped", last, ours)
	}
}

func TestDroppedFragmentsAreCountedToTheByte(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Second)})
	r.restrict("bob")
	c := r.connect("bob", linear16)
	c.send(50, 20)
	const message, n = 10_001, 7 // larger than the writer's buffer, so sent in fragments, and no whole samples
	for range n {
		if err := c.conn.WriteMessage(websocket.BinaryMessage, make([]byte, message)); err != nil {
			t.Fatal(err)
		}
	}
	c.text(`{"type":"CloseStream"}`)
	c.read()
	r.heard(1)
	r.settled()
	want := fmt.Sprintf(`"dropped_ms":%d`, n*message/bytesPerMS)
	if !strings.Contains(r.log.String(), want) {
		t.Errorf("the log does not say %s: %s", want, r.log)
	}
}

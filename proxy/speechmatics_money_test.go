package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/meter/ledger"
)

func TestSixteenSpeechmaticsStreamsOfOneUserForwardTheirBudgetExactly(t *testing.T) {
	const streams, budget = 16, 60_000
	for _, mode := range []string{"close", "drop"} {
		t.Run(mode, func(t *testing.T) {
			stores(t, func(t *testing.T, store ledger.Store) {
				r := newSpeechmaticsRig(t, rigOptions{store: store, config: speechmaticsBudget(budget*time.Millisecond, mode)})
				r.restrict("bob")
				var clients []*listener
				for range streams {
					clients = append(clients, r.recognise("bob"))
				}
				var all sync.WaitGroup
				for _, c := range clients {
					all.Go(func() {
						// Each alone could spend the whole budget, in frames of 20 ms.
						for range budget/20 + 1 {
							if c.conn.WriteMessage(websocket.BinaryMessage, make([]byte, 20*bytesPerMS)) != nil {
								return // cut
							}
						}
						_ = c.conn.WriteMessage(websocket.TextMessage, []byte(`{"message":"EndOfStream","last_seq_no":1}`)) // or cut
					})
					all.Go(func() {
						for {
							if _, err := c.next(); err != nil {
								return
							}
						}
					})
				}
				all.Wait()
				var heard int64
				for _, rec := range r.heard(streams) {
					heard += rec.AudioMS
					if rec.LastSeqNo[""] != int64(rec.Messages) || rec.SentCode != 1000 {
						t.Errorf("a stream of %d messages was ended with %v, and by the vendor with %d", rec.Messages, rec.LastSeqNo, rec.SentCode)
					}
				}
				r.settled()
				if used := r.used("bob"); heard != budget || used != budget {
					t.Errorf("the vendor heard %d ms and %d were charged, want %d", heard, used, budget)
				}
			})
		})
	}
}

func TestSpeechmaticsHearsTheClientsBytes(t *testing.T) {
	const streams = 200
	r := newSpeechmaticsRig(t, rigOptions{})
	sums := make(chan string, streams)
	work := make(chan uint64)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for seed := range work {
				sums <- r.random(seed)
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
		if rec.SentCode != 1000 {
			t.Errorf("the vendor ended a stream with %d", rec.SentCode)
		}
	}
	slices.Sort(sent)
	slices.Sort(got)
	if !slices.Equal(sent, got) {
		t.Fatalf("of %d streams some arrived changed", streams)
	}
}

// random sends random bytes in random messages and fragments, with other messages
// between, and returns their SHA-256.
func (r *speechmaticsRig) random(seed uint64) string {
	rnd := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // repeatable on purpose
	c, _, err := r.dial("alice", speechmaticsPath, nil)
	if err != nil {
		r.t.Errorf("stream %d: %v", seed, err)
		return ""
	}
	l := &listener{client: c}
	l.text(speechmaticsStart)
	sum := sha256.New()
	var got sync.WaitGroup
	got.Go(func() {
		for {
			if _, err := l.next(); err != nil {
				return
			}
		}
	})
	messages := 1 + rnd.IntN(20)
	for range messages {
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
			err = c.conn.WriteMessage(websocket.TextMessage, []byte(`{ "message": "GetSpeakers" }`))
		}
		if err != nil {
			r.t.Errorf("stream %d: %v", seed, err)
			return ""
		}
	}
	l.finish(messages)
	got.Wait()
	if l.acks[""] != messages {
		r.t.Errorf("stream %d: %d acks of %d messages", seed, l.acks[""], messages)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

package ledger_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func BenchmarkSpend(b *testing.B) {
	a, _, err := ledger.Open(b.Context(), ledger.NewMemory(nil, nil), ledger.Opening{User: "u", Stream: "a", Plan: always(), Slice: 1 << 49})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Spend(20); err != nil {
			b.Fatal(err)
		}
	}
	if err := a.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// benchLease leases in turns from n goroutines, each a stream and user of its
// own, with a day's and a rolling budget each.
func benchLease(b *testing.B, s ledger.Store, n int) {
	b.Helper()
	var turn atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	b.ReportAllocs()
	began := time.Now()
	for i := range n {
		wg.Go(func() {
			user := fmt.Sprint("user", i)
			r := ledger.Request{User: user, Stream: "stream of " + user, Scopes: []ledger.Scope{
				{Budget: "daily", Owner: user, Window: ledger.Window{Unit: ledger.Day}, Limit: 1 << 45},
				{Budget: "rolling", Owner: user, Window: ledger.Window{Unit: ledger.Rolling, Length: 24 * time.Hour}, Limit: 1 << 45},
			}}
			for turn.Add(1) <= int64(b.N) {
				r.Ceiling = r.Spent + 5000
				g, err := s.Lease(context.Background(), r)
				if err != nil {
					b.Error(err)
					return
				}
				r.Spent = g.Ceiling
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "leases/s")
}

func BenchmarkLease(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("memory/%d", n), func(b *testing.B) {
			s := ledger.NewMemory(nil, nil)
			benchLease(b, s, n)
			_ = s.Close()
		})
		b.Run(fmt.Sprintf("embedded/%d", n), func(b *testing.B) {
			s := openEmbedded(b, b.TempDir(), nil, nil)
			benchLease(b, s, n)
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkRollingFull leases under eight rolling days with audio in every minute.
func BenchmarkRollingFull(b *testing.B) {
	now := crashClock()
	s := ledger.NewMemory(func() time.Time { return now }, nil)
	sc := ledger.Scope{Budget: "r", Owner: "u", Window: ledger.Window{Unit: ledger.Rolling, Length: 8 * 24 * time.Hour}, Limit: 1 << 45}
	r := ledger.Request{User: "u", Stream: "a", Scopes: []ledger.Scope{sc}}
	for range 8 * 24 * 60 {
		r.Spent += 1000
		r.Ceiling = r.Spent + 1000
		if _, err := s.Lease(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Lease(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	_ = s.Close()
}

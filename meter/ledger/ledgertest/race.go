package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// race lets 16 streams of a user spend one budget to its end, each in its own
// goroutine and through its own account.
func race(t *testing.T, open Open) {
	t.Helper()
	const streams, limit, frame = 16, 60_000, 20
	for _, slice := range []int64{100, 5000} {
		t.Run(fmt.Sprintf("%d streams forward exactly the budget, slice %d", streams, slice), func(t *testing.T) {
			d := newDesk(t, open, noon(), time.UTC)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			spent := make([]int64, streams)
			var wg sync.WaitGroup
			for i := range streams {
				wg.Go(func() { spent[i] = stream(ctx, t, d.Store, fmt.Sprint("s", i), slice, frame, day(limit)) })
			}
			wg.Wait()
			total := int64(0)
			for _, n := range spent {
				total += n
			}
			if total != limit {
				t.Errorf("%d ms forwarded, want %d", total, limit)
			}
			d.used(limit, day(limit))
			d.audio(limit, time.Hour)
		})
	}
}

// stream spends in frames until the budget is exhausted, settles, and returns
// what it forwarded.
func stream(ctx context.Context, t *testing.T, s ledger.Store, id string, slice, frame int64, scopes ...ledger.Scope) int64 {
	a, _, err := ledger.Open(ctx, s, ledger.Opening{
		User: "u", Stream: id, Slice: slice, Timeout: time.Minute,
		Plan: func(ledger.State, time.Time) []ledger.Scope { return scopes },
	})
	if err != nil {
		t.Errorf("open: %v", err)
	}
	forwarded := int64(0)
	for {
		err := a.Spend(frame)
		if errors.Is(err, ledger.ErrPending) {
			err = a.Wait(ctx)
		} else if err == nil {
			forwarded += frame
		}
		if errors.Is(err, ledger.ErrExhausted) {
			break
		}
		if err != nil {
			t.Errorf("spend: %v", err)
			break
		}
	}
	if a.Spent() != forwarded {
		t.Errorf("spent %d, forwarded %d", a.Spent(), forwarded)
	}
	if err := a.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
	return forwarded
}

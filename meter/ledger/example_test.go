package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// A stream of 20 ms frames under a day of 70 ms.
func ExampleOpen() {
	ctx := context.Background()
	store := ledger.NewMemory(time.Now, time.UTC)
	account, _, err := ledger.Open(ctx, store, ledger.Opening{
		User: "alice", Stream: "stream-1",
		Plan: func(ledger.State, time.Time) []ledger.Scope {
			return []ledger.Scope{{Budget: "daily", Owner: "user:alice", Window: ledger.Window{Unit: ledger.Day}, Limit: 70}}
		},
	})
	if err != nil {
		fmt.Println(err)
	}
	for {
		err := account.Spend(20)
		if errors.Is(err, ledger.ErrPending) {
			err = account.Wait(ctx)
		}
		if err != nil {
			fmt.Println(err)
			break
		}
	}
	fmt.Println(account.Spent(), "ms forwarded")
	if err := account.Close(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// budget exhausted
	// 60 ms forwarded
}

// The example of the package's documentation.
func ExampleMemory_Lease() {
	now := time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC)
	store := ledger.NewMemory(func() time.Time { return now }, time.UTC)
	day := []ledger.Scope{{Budget: "daily", Owner: "user:u", Window: ledger.Window{Unit: ledger.Day}, Limit: 6000}}
	lease := func(stream string, ceiling, spent int64) {
		g, err := store.Lease(context.Background(), ledger.Request{User: "u", Stream: stream, Scopes: day, Ceiling: ceiling, Spent: spent})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("lease", stream, g.Ceiling, "used", g.Balances[0].Used)
	}
	settle := func(stream string, spent int64) {
		u, err := store.Settle(context.Background(), ledger.Request{User: "u", Stream: stream, Scopes: day, Spent: spent})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("settle", stream, "used", u.Balances[0].Used)
	}
	lease("a", 5000, 0)
	lease("b", 5000, 0)
	lease("a", 8500, 3500)
	lease("a", 8500, 3500)
	settle("b", 400)
	lease("a", 8500, 3500)
	now = now.Add(time.Minute)
	lease("a", 9900, 4900)
	settle("a", 5900)
	// Output:
	// lease a 5000 used 5000
	// lease b 1000 used 6000
	// lease a 5000 used 6000
	// lease a 5000 used 6000
	// settle b used 5400
	// lease a 5600 used 6000
	// lease a 9900 used 5000
	// settle a used 1000
}

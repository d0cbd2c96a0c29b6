package ledger_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// TestAFailoverToAnOldReplicaLosesWhatHadEndedAndNothingElse writes down, to the millisecond, what each
// stream is charged when the replica that takes over has not heard of the newest writes.
func TestAFailoverToAnOldReplicaLosesWhatHadEndedAndNothingElse(t *testing.T) {
	all := ledgertest.StartSentinels(t)
	var resets atomic.Int64
	r := openRedis(t, all.URL(), "f:", nil, ledger.RedisOptions{Reset: func() { resets.Add(1) }})
	defer closeStore(t, r)
	scopes := []ledger.Scope{daily(60_000), everyone(1 << 40)}
	lease := func(stream string, ceiling, spent int64) {
		t.Helper()
		q := ledger.Request{User: "u", Stream: stream, Scopes: scopes, Ceiling: ceiling, Spent: spent}
		if g := insist(t, func(ctx context.Context) (ledger.Grant, error) { return r.Lease(ctx, q) }); g.Ceiling != ceiling {
			t.Fatalf("lease of %s: %d, want %d", stream, g.Ceiling, ceiling)
		}
	}
	settle := func(stream string, spent int64) {
		t.Helper()
		q := ledger.Request{User: "u", Stream: stream, Scopes: scopes, Spent: spent}
		insist(t, func(ctx context.Context) (ledger.Usage, error) { return r.Settle(ctx, q) })
	}
	wants := func(want int64) {
		t.Helper()
		q := ledger.Query{User: "u", Scopes: scopes, Windows: []time.Duration{time.Hour}}
		u := insist(t, func(ctx context.Context) (ledger.Usage, error) { return r.Usage(ctx, q) })
		for _, b := range u.Balances {
			if b.Used != want {
				t.Errorf("%s: %d ms used, want %d", b.Budget, b.Used, want)
			}
		}
	}
	settle("over before", 1000)
	lease("open before", 2000, 0)
	lease("ended behind its back", 2000, 0)
	all.CutReplica()
	lease("open before", 6000, 1500)
	lease("ended behind its back", 6000, 1500)
	settle("ended behind its back", 5000)
	lease("began behind its back", 3000, 0)
	settle("never heard of", 700)
	wants(1000 + 6000 + 5000 + 3000 + 700)
	all.Failover()
	wants(1000 + 2000 + 2000) // what the replica knew: the leases of that time are in hand
	lease("open before", 8000, 4000)
	lease("began behind its back", 4000, 2500)
	settle("open before", 7000)
	settle("began behind its back", 3500)
	wants(1000 + 7000 + 2000 + 3500) // 3000 ms of one that ended are lost, and one as a whole
	if n := resets.Load(); n != 1 {
		t.Errorf("%d streams were found lost, want the one that the replica had never heard of", n)
	}
}

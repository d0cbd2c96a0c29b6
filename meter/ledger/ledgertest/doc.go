// Package ledgertest is the behaviour that every ledger.Store must show. A store
// passes when Run passes:
//
//	func TestMemory(t *testing.T) {
//		ledgertest.Run(t, func(t *testing.T, now func() time.Time, loc *time.Location) ledger.Store {
//			return ledger.NewMemory(now, loc)
//		})
//	}
//
//	Run ──► open(clock, zone) ──► Store ◄── requests: replayed, reordered, lost,
//	          │                     ▲                 racing, over midnight
//	          └── Clock: by hand ───┘── the model of model.go says the same
//
// A store that is a ledger.Mover passes RunMover, too.
//
// The suite uses no time of its own, so it may run in parallel with others; the
// store is used from many goroutines at once.
package ledgertest

// Package policy decides as pure functions on values: which budgets apply to
// whom, whether what they have left is enough, how long until it is.
//
// It reads no clock, opens no socket and keeps no state. Whoever calls it brings
// the numbers and carries out the answer, so that each decision can be replayed
// from a log line and tested from a table.
//
//	config ──► []Budget ─┐
//	                     ├─► Applying ─► budgets of this stream ─► (ledger: lease)
//	Caller ──► Subject ──┘                                              │
//	 user, plan, provider,                                              ▼
//	 stage (State.At now)                 []Balance ─► Decide ─► Decision: allowed,
//	                                                     ▲       violated, retry after
//	                                                    now
//
// A [Stage] says how far a user has been moved; it has no effect of its own. A
// budget that names the stage gives it one.
//
// Concurrency: everything here is a value or a pure function and safe for
// concurrent use. Slices passed in are read, never kept and never changed.
package policy

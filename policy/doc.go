// Package policy decides as pure functions on values: which budgets apply to
// whom, whether what they have left is enough, how long until it is; who is
// reviewed, what a review leads to, and what that does.
//
// It reads no clock, opens no socket and keeps no state. Whoever calls it brings
// the numbers and carries out the answer, so that each decision can be replayed
// from a log line and tested from a table.
//
//	usage ──► Exceeded ──► Due ──► Begin ··· a review, elsewhere ··· Finish (Step) or Fail
//	            caps        │        the lock                         │
//	                        └───────── State: one record per user ◄───┘  changed by compare-and-set only
//	                                       │
//	            Config ──► EffectsOf ◄─────┘   asked with every lease
//	                           │
//	                           ├─► actions: max_streams, pace, model, refuse
//	                           └─► Applying ─► budgets ─► (ledger: lease) ─► []Balance ─► Decide ─► Decision
//
// A [Stage] says how far a user has been moved. [Config] says what that does: its
// actions, and the budgets that name it.
//
// A [State] is the record as it was written; what has decayed since is seen by asking [State.Now], which
// every function here does. A user's shadow (policy.shadow) is a second [Track] in the record.
//
// Concurrency: everything here is a value or a pure function and safe for
// concurrent use. Slices passed in are read, never kept and never changed.
package policy

// Package engine runs reviews: it notices that a user is over a cap, asks who may be asked, and applies
// what package policy makes of the answers to the user's record.
//
//	a lease, an upload's end ──► Seen ── due? (memory, no I/O) ──► check, in the background
//	                                                                │
//	    record, sums, store's clock ◄── one call ───────────────────┤
//	    free credits back? ──► policy.Restored ──► record           │
//	    over a cap? policy.Exceeded, policy.Due ────────────────────┤
//	                                                                ▼
//	    policy.Begin ──► compare-and-set ── lost ──► somebody else reviews
//	                          │ won
//	                          ▼
//	    credits? ── spent ──► score 1 ──┐
//	       │ no                         │
//	    classifier, or the caps alone ──┴──► policy.Finish ──► compare-and-set ──► case, event
//	       │ no answer ──────────────────► policy.Fail
//
// Everything about a user is one record in the ledger, which every lease returns and which is changed only by
// compare-and-set: the lock of a review is in it. So one review runs per user and cooldown over any number of
// gateways, a step is one write, and running streams follow with their next lease, wherever they are.
//
// An event that moved a user lies in the record until its case is kept and its publisher has it; whichever
// gateway next looks at the user delivers what one that died did not. Readers tell repetitions by the event's id.
//
// Operators' changes go the same way: Set, Reset, Resolve, Exempt. A stage that ends by itself is seen by every read and becomes a step of the record, with its event,
// with the next change of it, whatever that is; of users who do not come back a round of one gateway's sees to it (rounds.go).
//
// Where a backend moves users (policy.source), Follow brings the backend's stage into the record instead, and nothing
// is reviewed here.
//
// The clock is the store's. An Engine is safe for concurrent use; its goroutines, one per user at most and bounded in number,
// end with Close.
package engine

// Package notify tells the world outside: webhooks for the people who look after users, usage events for those who
// count. What is to be told is on the disk before it is acted upon, and leaves it when it was taken.
//
//	steps ────────────────────────────────────────┐
//	budgets ──► Budgets ──► Notices (words) ──────┼─► Outbox (disk) ──┬─► Webhook
//	  due ◄────────┘ reminders, in the ledger     │                   │
//	use ──────┐                                   │                   ├─► File, rotated
//	refusals ─┴─► Usage: queue, CloudEvents ──────┘                   └─► HTTP, in batches
//
// It is told by goroutines that carry audio, so Budgets.Seen, Usage.Used and Usage.Refused never wait for the disk or the net: what
// is in between is bounded, and drops, and counts.
//
// # CloudEvents
//
// The events are made by the Go SDK of CloudEvents, v2.16.2 of 2025-09-04, the newest release. Only its package event is imported: it validates the
// attributes and writes the JSON form, and brings json-iterator and nothing else. Its clients and protocols would bring a logger and a second way of
// sending, where the outbox has one already with what its messages need: an order, a backoff, and a disk.
//
// # Concurrency
//
// Outbox, Budgets and Usage are safe for concurrent use and own their goroutines; Close waits for them. A sink belongs to the one
// goroutine of the outbox that fills it.
package notify

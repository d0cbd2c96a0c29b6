// Package review finds out about a user whom the caps have noticed: evidence from the user's sessions, a classifier that judges it,
// a service that knows who has free credits left, a backend that knows a stage.
//
//	a stream ends ──► Recorder ──► the ledger: a Session of 2 KiB, the newest 50 of a user
//	                                                      │
//	a review ──► Credits ── spent? ──► (not judged)       ▼
//	                 └──── no ──────► NewEvidence of a week, at most 30
//	                                                      │
//	                                  Classifier ──► http: a service ───────┬──► ParseVerdict
//	                                     circuit     openai: a chat model ──┘      strict, or policy.ErrAnswer
//	                                     places
//
// It decides nothing: package policy does, from what is found here, and package policy/engine knows when to ask. It keeps nothing: the
// ledger does, behind a small interface. An error is never about the user: nothing counts against anybody because a service is down or
// confused. No error holds a key, a URL or an answer.
//
// Evidence, shapes and verdicts are pure functions and values. Everything that asks is safe for concurrent use, is bounded by its
// context and its own timeout, and starts no goroutine; those of a Recorder end with its Close.
package review

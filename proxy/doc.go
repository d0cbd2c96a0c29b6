// Package proxy is the way of a stream: it takes a client's request on the data
// listener, finds out who calls, which vendor is meant and whether the budgets
// allow it, dials the vendor, and joins the two sockets.
//
//	client ──► Server ──► identify ──► match ──► admit ──────────► relay ══ audio ══► vendor
//	           (listen,    (Caller)    (Route)   (gate: policy +     │   ◄═ results ═
//	            drain)                            ledger.Account)    ▼
//	                                              tap: sound, a meter.Clock (→ms) ─► Account.Spend(ms)
//	                                                                 │
//	                              always, once, on every way out: settle
//
// handler.go tells that story; each step has a file of its own. Nothing flows
// back: the relay asks the tap "may this message pass?", the tap asks the account,
// and the account talks to the ledger off the audio path.
//
// # Ownership
//
// Until both handshakes are done everything belongs to Handler.ServeHTTP, which
// gives back what it took (slot, lease, vendor socket) on every early return. With
// Streams.start a Stream owns both sockets, the account and the slot; ServeHTTP
// returns, so that an idle stream does not keep a request's buffers and stack.
// Stream.end settles, whatever ended it, and then the slot is released.
//
// # A config that changes
//
// A setup is how requests are served under one config: Server.Follow puts another in its place. A request goes on under
// the one that it came in with. What decides about users (rules) is swapped beside it, and reaches running
// streams with their next lease.
//
// # Who watches
//
// Nobody who watches is waited for: metrics (metrics.go) and usage events (tally.go) are told by the ticker and at the end,
// sessions for reviews (ended.go) at the end, traces (spans.go) of handshakes and settlements; look.go is what an operator sees.
//
// # Concurrency
//
// One goroutine at a time acts for each direction of a stream (package relay). A tap's audio
// state belongs to the client's; what others read of it is atomic. One ticker per
// Streams serves the timeouts and metrics of all of them.
package proxy

// Package provider knows the wires of the vendors: which request is a stream and
// of what format, where a caller's credential may hide, what the vendor's own no
// looks like, and what its messages say about time. It does no I/O, keeps nothing
// between streams and does not count: the relay moves the bytes, the meter turns
// them into time, package proxy decides.
//
//	request ─► Match ──► Route ──► Open ──► Session
//	             │ ErrNoRoute, *Error         │
//	             ▼                            │  client text ──► FromClient ──► vendor
//	           Refuse                         │  client text ◄── FromVendor ◄── vendor
//	                                          │  audio forwarded: Forwarded
//	user's stage ─► Remodel ─► Route: other models, in its query, in the first message, in a job's order
//	                                          │
//	request ─► Credential ─► (who is it?)     │  audio dropped:   Drop, Keepalive
//	first message ─► Greeting ──► (the same)  │  the end:         Finish, Farewell
//	request ─► Authorize ──► vendor's request │
//	vendor's 101 ─► Accept ─► our 101         ▼
//	                                       Reported
//
// A Provider is stateless and safe for concurrent use. A Session belongs to one
// stream; its methods are safe for concurrent use, because each direction of the
// stream has its own goroutine and timers call from a third. What stands beside the
// streams (files, jobs, temporary keys) is in Batch and Granter; which model hears them, in Remodeler. Package
// providertest is the suite that every vendor has to pass.
//
// What is not understood is refused, never waved through: a request that two
// parsers could read differently would be metered as one thing and billed as
// another. What is understood passes byte for byte.
package provider

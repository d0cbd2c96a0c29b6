// Package admin is the operator's listener: probes, metrics, and an API to look at
// users and streams and to change them. It is an http.Handler; who listens, with
// which timeouts, is up to cmd.
//
//	            ┌─ /livez /readyz /startupz ── Health, Drainer      open
//	            ├─ /metrics ────────────────── prometheus.Gatherer  open
//	            ├─ / /dashboard/… ──────────── files, embedded      open
//	operator ──►├─ /version ────────────────── Version              open
//	            └─ /admin/v1/… ─► guard ─┬─ users ──── Users ───┐
//	                              (token │─ streams ── Streams  ├─► one audit line
//	                               or a  │─ drain ──── Drainer  │   per write
//	                             loopback└─ tokens ─── Minter ──┘
//	                               Host)
//
// A call is its path, its handler and its description, in one place (call.go). The OpenAPI document at /openapi.json is made of
// the descriptions, New refuses a call without one, and the tests hold every answer that any of them gets to the document.
// docs/openapi.json is a copy of it: go test ./proxy/admin -update.
//
// It knows nothing of the data side but the small interfaces in deps.go, with plain
// structs for what crosses; cmd joins the two.
//
// # Errors
//
// An error is an RFC 9457 problem. What went wrong inside is logged once and not
// shown. Below /admin/v1/ the guard comes before the router, so that a stranger
// learns nothing about which paths exist.
//
// # Concurrency
//
// A Handler is immutable after New and safe for concurrent use; so must be what it
// is given. It starts no goroutine.
package admin

// Package relay moves WebSocket frames between two sockets whose handshakes are
// done. It knows no vendor, no user and no budget: a [Tap] tells it what passes.
//
//	            the Engine's poller, or the pump's own goroutine
//	client ──► wire.turn ──► pump (client) ──► Tap.Audio, ClientText ──► outlet ──► wire ──► vendor
//	                                                                       ▲
//	                                                       Send, End, Tick ┤
//	                                                                       ▼
//	client ◄── wire ◄── outlet ◄── Tap.VendorText ◄── pump (vendor) ◄── wire.turn ◄── vendor
//
// Bytes pass as they came: a payload is never copied into another frame, never
// unmasked and never masked again (to the vendor we are a client, and the client's
// mask is as good as ours). A Tap that has to read audio ([Reader]) sees a copy. Frames that arrived together leave together, in one
// write; a dropped message is cut out between its neighbours.
//
// # Concurrency
//
// Each direction has one pump, and one goroutine at a time runs it: it reads, decides and
// writes; not reading is the backpressure. While a stream is open and has nothing to do it has no
// goroutine and no buffer: an [Engine] waits for all of them. Only an outlet writes to a socket, and
// one writer at a time: messages of our own wait in it for a message boundary. [Stream.Send],
// [Stream.End], [Stream.Abort] and [Stream.Tick] may be called from any goroutine, from inside a Tap
// too, and do not wait for the network.
//
// # Data paths
//
// With an Engine, on Linux, sockets are taken out of Go's poller and read and written with raw
// non-blocking system calls by a few pollers; so is the socket below crypto/tls when the TLS connection
// was made over a [Socket]. What is unusual (a fault, a Close, an ending, a peer that does not read)
// goes on on a goroutine of its own. Everything else takes the portable path over net.Conn, with a goroutine and a
// buffer per direction. Both pass one suite. docs/adr/0008 tells why.
package relay

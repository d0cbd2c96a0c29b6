// Package relay moves WebSocket frames between two sockets whose handshakes are
// done. It knows no vendor, no user and no budget: a [Tap] tells it what passes.
//
//	            goroutine 1: Run (the caller's)
//	client ──► wire.drain ──► pump (client) ──► Tap.Audio, ClientText ──► outlet ──► wire ──► vendor
//	                                                                        ▲
//	                                                        Send, End, Tick ┤
//	                                                                        ▼
//	client ◄── wire ◄── outlet ◄── Tap.VendorText ◄── pump (vendor) ◄── wire.drain ◄── vendor
//	                                                        goroutine 2
//
// Bytes pass as they came: a payload is never copied into another frame, never
// unmasked and never masked again (to the vendor we are a client, and the client's
// mask is as good as ours). Frames that arrived together leave together, in one
// write; a dropped message is cut out between its neighbours.
//
// # Concurrency
//
// One goroutine per direction reads, decides and writes; not reading is the
// backpressure. A pump parks without a buffer: an idle stream holds none (on the
// Linux data path; the portable one holds a buffer per direction). Only an outlet
// writes to a socket, and one writer at a time: messages of our own wait in it for a
// message boundary. [Stream.Send], [Stream.End], [Stream.Abort] and [Stream.Tick] may
// be called from any goroutine, from inside a Tap too, and do not wait for the network.
//
// # Data paths
//
// On Linux a plain socket is read and written with raw non-blocking system calls
// (performance.md, 2.3: half the CPU per frame of ordinary Read and Write), and so
// is the socket below crypto/tls when the TLS connection was made over a [Socket].
// Everything else takes the portable path over net.Conn. All pass one suite.
package relay

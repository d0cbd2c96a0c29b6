package proxy

// handshakeStack is what two handshakes take of a goroutine's stack, in bytes.
const handshakeStack = 8 << 10

// deepen makes the stack of the calling goroutine large enough for a handshake at one
// go. Without it the runtime doubles it three times, each time deeper inside, and
// moves and adjusts all frames up to there: several microseconds per stream.
//
//go:noinline
func deepen(n int) byte {
	var room [handshakeStack]byte
	room[n%len(room)] = 1 // what is not used would not be there
	return room[(n+1)%len(room)]
}

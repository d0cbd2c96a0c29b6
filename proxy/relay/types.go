package relay

// Op is a WebSocket opcode (RFC 6455, 5.2).
type Op byte

// The opcodes.
const (
	Continuation Op = 0
	Text         Op = 1
	Binary       Op = 2
	Close        Op = 8
	Ping         Op = 9
	Pong         Op = 10
)

// Side is one of the two peers.
type Side byte

// The two peers of a stream.
const (
	Client Side = iota
	Vendor
)

// String names the side for logs.
func (s Side) String() string {
	if s == Client {
		return "client"
	}
	return "vendor"
}

func (s Side) other() Side { return s ^ 1 }

// Verdict is a Tap's answer about one message.
type Verdict byte

// The verdicts. Drop cuts the message out; Stop drops it too, and everything else
// the client sends from then on: the owner has begun (or is about to begin) End.
// Show and Gather are answers of a Reader's Audio only.
const (
	Pass Verdict = iota
	Drop
	Stop
	Show   // ask Reader.Payload with this frame's payload
	Gather // ask Reader.Payload with the whole message's
)

package relay

import (
	"errors"
	"net"
	"time"
)

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

// Verdict is a Tap's answer about one message.
type Verdict byte

// The verdicts. Drop cuts the message out; Stop drops it too, and everything else
// the client sends from then on: the owner has begun (or is about to begin) End.
const (
	Pass Verdict = iota
	Drop
	Stop
)

// Tap is the stream's say in what passes. Audio and ClientText are called on the
// goroutine that reads the client, VendorText on the one that reads the vendor, ClientGone on either.
type Tap interface {
	// Audio is asked once for every binary frame from the client (a message, or a
	// fragment of one) when its header is known and before any of it is forwarded. n is its
	// payload length; first and last say where in the message it stands. It may block: that is backpressure.
	// Drop on a later fragment of a message that was begun ends the message at the vendor there
	// (an empty final continuation is sent) and drops the rest.
	Audio(n int64, first, last bool) Verdict
	// ClientText sees each whole text message, unmasked; msg is valid during the call.
	// A non-nil replacement is sent instead. An error ends the stream (Result.Err).
	ClientText(msg []byte) (replace []byte, v Verdict, err error)
	// VendorText is the same for the other direction.
	VendorText(msg []byte) (replace []byte, v Verdict, err error)
	// ClientGone is called once, when the client has sent Close or has vanished, before the vendor is told. It
	// returns the text messages that end the stream politely at the vendor and whether
	// the vendor's last words are worth waiting for (Config.FinishTimeout). With wait false the
	// client's Close passes as it is.
	ClientGone() (finish [][]byte, wait bool)
}

// Config bounds a stream. Zero values mean the defaults in brackets.
type Config struct {
	MaxMessage    int64         // bytes of one message, fragments together [1 MiB]; larger: 1009
	MaxText       int           // bytes of a text message that is gathered for the Tap [64 KiB]; larger from the client: 1009, from the vendor: passes unread
	WriteTimeout  time.Duration // how long a peer may take no bytes before the stream is given up [30 s]
	CloseTimeout  time.Duration // how long to wait for the answer to a Close [2 s]
	FinishTimeout time.Duration // how long to wait for the vendor's last words after a polite end [5 s]
	IdleTimeout   time.Duration // how long a peer may be silent, pongs included [60 s]
	PingEvery     time.Duration // own pings to a peer that has been silent this long [20 s]
	Portable      bool          // use the portable data path everywhere
}

// Ending is how the owner ends a stream: what the vendor gets first, what the client gets last.
type Ending struct {
	Finish   [][]byte // text messages to the vendor: its polite end of stream; may be empty
	Wait     bool     // wait up to FinishTimeout for the vendor's last words and Close; they reach the client
	// Farewell is asked after the vendor's last words: text messages to the client before the Close.
	Farewell func() [][]byte
	Code     int    // close code to the client
	Reason   string // close reason, cut to 123 bytes on a rune
}

// Result is how a stream ended.
type Result struct {
	By         Side  // who ended it first (meaningless when Owner)
	Owner      bool  // End or Abort did
	ClientCode int   // code the client sent; 1006 when it vanished, 1005 for an empty Close, 0 if it never closed
	VendorCode int   // the same of the vendor
	Err        error // nil for a clean end; wraps one of the sentinels below or the Tap's error
	ClientBytes, VendorBytes int64 // payload bytes forwarded to the vendor / to the client (whole frames' payloads as forwarded)
}

// Why a stream ended badly.
var (
	ErrProtocol = errors.New("websocket protocol violated")
	ErrTooBig   = errors.New("message too big")
	ErrLost     = errors.New("connection lost")
	ErrIdle     = errors.New("peer silent")
	ErrSlow     = errors.New("peer does not read")
)

// Stream relays WebSocket frames between two sockets whose handshakes are done.
type Stream struct{}

// New makes a stream. rest is what was read from a socket behind its handshake and belongs to its frames.
// The stream owns both connections from here on: Run closes them.
func New(c Config, client, vendor net.Conn, rest []byte, t Tap) *Stream { panic("todo") }

// Run relays until the end and returns how it came. Both sockets are closed and both goroutines are done when it returns.
func (s *Stream) Run() Result { panic("todo") }

// Send puts a message of ours between two messages (control frames: between two frames) on the way to a side. It never blocks on the
// network for longer than a try: what cannot be written at once is queued (bounded, 64 KiB; ErrSlow beyond) and leaves with the next write. Safe from any goroutine.
func (s *Stream) Send(to Side, op Op, payload []byte) error { panic("todo") }

// End ends the stream politely; it returns at once and Run returns when it is done. The first End wins; a later one only changes nothing.
func (s *Stream) End(e Ending) { panic("todo") }

// Abort closes both sockets now.
func (s *Stream) Abort() { panic("todo") }

// Tick is called by the owner about once a second for all its streams (one timer for all instead of one each): pings and silence are judged there. It never blocks.
func (s *Stream) Tick(now time.Time) { panic("todo") }

package relay

// Tap is the stream's say in what passes. Audio and ClientText are called on the
// goroutine that reads the client, VendorText on the one that reads the vendor,
// ClientGone on the client's, Farewell (of an [Ending]) on the vendor's. All of them
// may call Send, End and Abort. What a Tap sends from inside a call may overtake
// frames of the same read that have not left yet.
//
// A panic in a Tap ends its stream, never the process.
type Tap interface {
	// Audio is asked once for every binary frame from the client (a message, or a
	// fragment of one) when its header is known and before any of it is forwarded. n is its
	// payload length; first and last say where in the message it stands. It may block: that
	// is backpressure (and an End or Abort takes effect when it has returned).
	// Drop cuts the whole message out; of its later fragments the Tap is told in the same way,
	// so that it can count them, and its answer changes nothing but for Stop. Drop on a
	// later fragment of a message that was begun ends the message at the vendor there
	// (an empty final continuation is sent) and drops the rest.
	Audio(n int64, first, last bool) Verdict
	// ClientText sees each whole text message, unmasked; msg is valid during the call.
	// A non-nil replacement is sent instead. An error ends the stream (Result.Err): the
	// client gets 1008, unless the owner has called End.
	ClientText(msg []byte) (replace []byte, v Verdict, err error)
	// VendorText is the same for the other direction; on an error the client gets 1011.
	VendorText(msg []byte) (replace []byte, v Verdict, err error)
	// ClientGone is called once, when the client has sent Close, has vanished or has broken
	// the protocol, before the vendor is told. It returns the text messages that end the
	// stream politely at the vendor and whether the vendor's last words are worth
	// waiting for (Config.FinishTimeout). With wait false the client's Close passes as it is.
	ClientGone() (finish [][]byte, wait bool)
}

// Reader is a Tap that may have to see audio before it can decide: its Audio answers Show or
// Gather, and Payload decides. Other audio is not unmasked, copied or held back for it.
//
//	Show     the frame. One of more than 64 KiB is shown in pieces as they come, each of which passes as
//	         a fragment of its own when it was decided about.
//	Gather   the message. Of its further fragments Audio is not asked; one of more than 64 KiB ends the
//	         stream with 1009.
//
// What is shown is unmasked in a copy; the bytes of the client pass as they came.
type Reader interface {
	Tap
	// Payload is called like Audio, with the payload; p is valid during the call. first and last
	// say where in its message it stands. It answers Pass, Drop or Stop: of Drop on what is not first
	// the same holds as for Audio.
	Payload(p []byte, first, last bool) Verdict
}

// Mourner is a Tap with last words for a client whose vendor is lost: it has vanished, is
// silent or too slow, or has broken the protocol. Without them the client gets a bare Close with 1011,
// of which some clients make nothing, and wait for ever. A vendor's own Close passes as it is.
type Mourner interface {
	Tap
	// VendorGone is called once, on the goroutine that reads the vendor. It returns the text
	// messages for the client, which are left out where they would stand inside a message that was
	// begun, and the Close behind them.
	VendorGone() (texts [][]byte, code int, reason string)
}

package provider

import (
	"errors"
	"net/http"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter"
)

// ErrNoRoute says that the vendor has no such path here. The gateway serves an
// allowlist: a path it cannot meter would be a way around the budget.
var ErrNoRoute = errors.New("no such route")

// Error is a request that the vendor's dialect understands but the gateway will
// not pass on: an unmeterable format, an ambiguous declaration.
type Error struct {
	Status int    // 400 or 415
	Detail string // what is wrong, with what, what to do; shown to the client
}

func (e *Error) Error() string { return e.Detail }

// Provider knows one vendor's wire. It keeps no state and does no I/O; all
// methods are safe for concurrent use.
type Provider interface {
	// Name is the vendor's word in config, metrics and path prefix.
	Name() string
	// Match finds the route of a request whose path is the vendor's own (prefixes
	// and identity are gone). An error wraps ErrNoRoute or is an *Error.
	Match(r *http.Request) (Route, error)
	// Credential returns the caller's credential from wherever the vendor's SDKs
	// put it, without its scheme; "" when there is none.
	Credential(r *http.Request) string
	// Authorize turns the caller's request into the vendor's: with a key it
	// strips every form of the caller's credential and sets ours; with an empty
	// key the caller's own credential stays. out starts without any credential
	// headers of in; Authorize is the only one to add them.
	Authorize(out, in *http.Request, key secret.Value)
	// Accept returns the headers of our 101: the subprotocol answered to the
	// client, and those of the vendor's answer that the client should see. An
	// error means that the vendor's answer is not one to be relayed. vendor is nil
	// for a client that is upgraded only to be refused in-band.
	Accept(in *http.Request, vendor *http.Response) (http.Header, error)
	// Open starts a session on a route.
	Open(rt Route) Session
	// Refuse says no in the vendor's shape.
	Refuse(d Denial) Refusal
	// Safe names the vendor's response headers that pass to the client with a
	// refusal of its own.
	Safe() []string
}

// Greeter is a Provider whose clients may authenticate in their first message
// instead of the handshake.
type Greeter interface {
	// Greeting reads a text message that came before the stream began. An error is
	// an *Error: the client is told in-band.
	Greeting(text []byte) (Greeting, error)
}

// Greeting is what a message before the stream says.
type Greeting struct {
	Start      bool   // it begins the stream; others (keepalives) are passed by
	Credential string // "" when it holds none
}

// Builtin returns the vendors this build knows. A fourth is one file and one word here.
func Builtin() []Provider { return []Provider{Deepgram{}, Soniox{}, Speechmatics{}} }

// Mode is what a route does: a metric label, so from a closed set.
type Mode string

// The modes.
const (
	ModeStream Mode = "stream" // WebSocket: metered as it flows
	ModeUpload Mode = "upload" // a request whose body is audio, or names it: metered and charged
	ModeFile   Mode = "file"   // a request whose body is audio that costs only when a job uses it
	ModeJob    Mode = "job"    // a request that spends on a file sent before, or on a URL
	ModeRead   Mode = "read"   // costs nothing; its answer may tell what a job has cost
	ModeMint   Mode = "mint"   // answered by the gateway: a caller token in the vendor's shape
)

// Route is one understood request.
type Route struct {
	Provider string
	Variant  string // "v1", "v2": the vendor's generation of the protocol
	Mode     Mode
	// Realtime says that the vendor's realtime_url is the base of Path; otherwise it is url.
	Realtime bool
	Path     string // the vendor's path below its base
	Query    string // the vendor's query, without anything of ours
	// Format is what the request declares of its audio; zero where the client's first
	// message does (Session.Format), or the audio itself.
	Format meter.Format
	// Hello says that the client speaks first: its credential may be in its first message
	// (Greeter), and a refusal in-band is read only after that message was sent.
	Hello bool
	// Object is the vendor's id in the path of a ModeRead: only the user who made it may
	// read it. "" for a list, which shows everybody's and passes only where the
	// caller's own credential does.
	Object string
	// Reference is set by the gateway where the vendor's key is ours: the user's id, for
	// the field by which the vendor's usage log can be matched to users.
	Reference string
	// Words is set by the gateway where speech is what the words last: their times in final
	// results are read, for Session.Speech and Outcome.Speech. Else they are passed by.
	Words bool
	// Weight is how many milliseconds one millisecond of audio costs: the number
	// of channels where the vendor bills each of them, else 1.
	Weight int64
	// PerChannel says that Weight is for each channel, and that only the audio itself tells how
	// many it has: it is in a container.
	PerChannel bool
	// Droppable says that messages may be cut out without damaging the rest, where the audio
	// allows it: samples and packets do, a container does not.
	Droppable bool
	// DropFinal says that a stream which has lost a message never gets audio again, also
	// when the budget is back: the vendor's dialect has told the client so.
	DropFinal bool
	// DropByDefault is what on_exhausted: auto means here: cut messages out and keep
	// the stream, or (false) end it cleanly.
	DropByDefault bool
	// AcceptByDefault is what on_connect: auto means here: upgrade and refuse in the
	// vendor's in-band shape, or (false) refuse the handshake.
	AcceptByDefault bool
	// Model is what the request itself asks for; where the client's first message or a job does, Action.Model and Order.Model.
	Model Swap
	// Models is set by Remodeler.Remodel, for those.
	Models *Models
	// Language and such are not here: the gateway does not read what it does not need.
}

// Op is a WebSocket opcode of an injected message.
type Op byte

// The opcodes that a session may inject.
const (
	Text   Op = 1
	Binary Op = 2
	Ping   Op = 9
)

// Side is a direction of travel.
type Side byte

// The two peers.
const (
	ToClient Side = iota
	ToVendor
)

// Message is one WebSocket message that the gateway writes itself.
type Message struct {
	To      Side
	Op      Op
	Payload []byte
}

// Action is what to do with a text message.
type Action struct {
	Replace []byte // not nil: send this instead
	Hold    bool   // do not forward
	// Model is what became of the model that a start message asks for; nil in any other message.
	Model *Swap
	// Audio is audio inside the client's text message: it is bought before the message
	// passes, or dropped with it. Nil: there is none.
	Audio *Audio
	// Also are messages that leave behind this one, in this order; those to the client
	// behind a message of the vendor's leave exactly there.
	Also []Message
	// Last says that the vendor has said its last word: a stream that is ending needs to
	// wait for nothing more of it.
	Last bool
}

// Audio is one audio message, or a fragment of one, as the tap counts it.
type Audio struct {
	Bytes       int64         // payload; 0 is the vendor's end of stream where it knows such
	Time        time.Duration // how long it lasts
	Channel     string        // of multichannel audio in text messages, else ""
	First, Last bool          // where it stands in its message
}

// Session follows one stream. Its methods are called from different goroutines
// (one per direction, and timers); implementations are safe for that.
type Session interface {
	// FromClient sees each whole text message on its way to the vendor. An error
	// ends the stream as not understood. text is only valid during the call.
	FromClient(text []byte) (Action, error)
	// FromVendor sees each whole text message on its way to the client.
	FromVendor(text []byte) (Action, error)
	// Format is the declared format of the audio; ok is false before the client has
	// declared it. Audio that comes earlier ends the stream as not understood.
	Format() (f meter.Format, ok bool)
	// Drop is called for each audio message (or fragment) that was dropped, and
	// returns what is owed for it: acks, and on the first one the notice.
	Drop(a Audio, d Denial) []Message
	// Keepalive is called every KeepaliveEvery while dropping.
	Keepalive() []Message
	// Forwarded is called after an audio message (or fragment) was let through, also
	// an empty one; total is the stream's audio time so far.
	Forwarded(a Audio, total time.Duration)
	// Finish returns the vendor's polite end of stream, nil when the client has
	// sent it already. d is why the gateway ends the stream, nil when the client has gone.
	// Called at most once.
	Finish(d *Denial) []Message
	// Farewell returns the last words to the client and the close code when the
	// gateway itself ends the stream. It changes nothing and may be asked again: the
	// message can depend on what the vendor has said meanwhile, the code cannot.
	Farewell(d Denial) ([]Message, int, string)
	// Reported is the vendor's own count so far; ok is false while it told none.
	Reported() (total time.Duration, ok bool)
	// Speech is the union of the word times in final results so far: how much of the
	// audio was speech, by the vendor's account and on its clock: audio that was dropped
	// is no speech, also in the middle of a word. 0 where Route.Words is not set.
	Speech() time.Duration
}

// KeepaliveEvery is the pace of Session.Keepalive: Deepgram closes a stream
// after 10 s without a message and asks for one every 3 to 5 s.
const KeepaliveEvery = 4 * time.Second

// Complaining is a Session whose vendor says inside the stream, and not at its handshake, what is wrong: as a status of
// HTTP, with the meaning that it has there.
type Complaining interface {
	Complaint() int // 0 while there is none
}

// Identified is a Session whose vendor names it: the id under which the vendor's support
// and logs know the stream.
type Identified interface {
	VendorID() string // "" while it has told none
}

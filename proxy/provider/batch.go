package provider

import "time"

// Batch is a Provider with requests beside its streams: uploads, jobs on files or
// URLs, and their reads. Like Provider it keeps no state and does no I/O.
//
//	ModeUpload  body with audio ─► forwarded while it is measured and bought; answer: Outcome
//	ModeFile    body with audio ─► forwarded while it is measured; its id is remembered with its length
//	ModeJob     small JSON body ─► Order: what it spends on ─► bought whole; answer: Outcome
//	ModeRead    answer: Outcome ─► a job that is done is settled with the vendor's figure
type Batch interface {
	// Body says where the audio stands in the body of a ModeUpload or ModeFile request.
	// An error is an *Error.
	Body(rt Route, contentType string) (Body, error)
	// Order reads the JSON of a job: the body of ModeJob, or the part Body.Order of an
	// upload. An error is an *Error.
	Order(rt Route, json []byte) (Order, error)
	// Outcome reads the vendor's answer of any of the modes. The body is the whole answer,
	// or its first 8 MiB.
	Outcome(rt Route, status int, body []byte) Outcome
}

// Body is how the body of an upload is made.
type Body struct {
	JSON  bool   // no audio in it: it is an Order, as of ModeJob
	Part  string // multipart: the name of the part that holds the audio; "" when the whole body is audio
	Order string // multipart: the name of the part that holds an Order, which may come first or last; "" for none
}

// Order is what a job wants to be done.
type Order struct {
	File    string // the vendor's id of a file that was sent before; "" for none
	URL     bool   // the vendor fetches the audio itself: nobody here sees how long it is
	Weight  int64  // ms to pay per ms of audio; 0 means the route's
	Replace []byte // not nil: send this instead
	Model   Swap   // what became of the model that it asks for
}

// Outcome is what an answer tells about what was spent.
type Outcome struct {
	ID       string        // of the file or job that the answer is about; "" for none
	Duration time.Duration // the vendor's own figure of its audio
	Known    bool          // Duration was told
	Weight   int64         // ms to pay per ms of Duration, where only the answer tells; else 0
	Done     bool          // the job is over: its price is final
	Failed   bool          // it is over and costs nothing
	Speech   time.Duration // of the audio, by the times of its words; read where Route.Words is set
	Heard    bool          // Speech was told: the answer holds the words
}

// Granter is a Provider with an endpoint that hands out temporary keys. A real one
// would lead past the gateway, so the gateway answers itself, with a caller token.
type Granter interface {
	// Grant reads the request's body: how long the key shall be good, within the vendor's
	// bounds. An error is an *Error.
	Grant(rt Route, body []byte) (ttl time.Duration, err error)
	// Granted is the answer in the vendor's shape.
	Granted(rt Route, token string, ttl time.Duration, now time.Time) (status int, body []byte)
}

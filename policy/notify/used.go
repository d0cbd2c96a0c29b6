package notify

import (
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/sttgate/sttgate/policy"
)

// The types of the events. docs/events.md is what they promise; a field may be added, none is ever taken away or given another meaning.
const (
	TypePart    = "dev.sttgate.usage.part.v1"
	TypeEnd     = "dev.sttgate.usage.end.v1"
	TypeRefusal = "dev.sttgate.usage.refusal.v1"
	TypeStep    = "dev.sttgate.policy.step.v1"
)

// Used is a stretch of a stream, or the whole of an upload or a job: what came since the part before it.
type Used struct {
	Stream   string    `json:"stream"`            // its id, as in the log and in the admin API
	Seq      int       `json:"seq"`               // 1 is the first of this stream
	Request  string    `json:"request,omitempty"` // X-Request-ID
	User     string    `json:"-"`                 // the event's subject
	Plan     string    `json:"plan"`
	Provider string    `json:"provider"`
	Variant  string    `json:"variant,omitempty"` // the vendor's generation of the protocol
	Model    string    `json:"model,omitempty"`   // that hears it
	Asked    string    `json:"model_asked,omitempty"`
	Mode     string    `json:"mode"` // stream, upload, job
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Figures
	Reserved  int64     `json:"reserved_ms,omitempty"` // of a job: kept until its price is read
	Basis     string    `json:"basis"`                 // where charged_ms comes from: audio, reported, connection, larger
	Method    string    `json:"method,omitempty"`      // of an end: how the audio's time was found
	Stage     string    `json:"stage"`                 // of the user, with the newest lease
	Result    string    `json:"result,omitempty"`      // of an end
	Final     bool      `json:"final"`
	Unsettled bool      `json:"unsettled,omitempty"` // the ledger could not be told: what was reserved stays charged
	Total     *Figures  `json:"total,omitempty"`     // of an end: the whole of it
	Budgets   []Touched `json:"budgets,omitempty"`
	// Anywhere says that whichever gateway came to it may tell it: a job's end belongs to none.
	Anywhere bool `json:"-"`
}

// Figures are amounts, all in milliseconds.
type Figures struct {
	Audio      int64  `json:"audio_ms"`              // that was forwarded
	Speech     *int64 `json:"speech_ms,omitempty"`   // of it; nil: nobody has looked
	Dropped    int64  `json:"dropped_ms,omitempty"`  // audio that was swallowed under on_exhausted: drop
	Connection int64  `json:"connection_ms"`         // by the wall clock
	Reported   *int64 `json:"reported_ms,omitempty"` // the vendor's own figure; nil: it has told none
	Charged    int64  `json:"charged_ms"`
}

// Touched is a budget that it was paid from, as it stood with the newest answer of the ledger.
type Touched struct {
	Budget    string    `json:"budget"`
	Window    string    `json:"window"` // day, week, month, or a duration
	Limit     int64     `json:"limit_ms"`
	Used      int64     `json:"used_ms"` // what streams have bought ahead included
	Remaining int64     `json:"remaining_ms"`
	Resets    time.Time `json:"resets,omitzero"`
	Shadow    bool      `json:"shadow,omitempty"`
}

// Refused is what a user did not get. Equal ones that follow within a minute are told as one.
type Refused struct {
	Stream   string        `json:"stream,omitempty"`  // none at the door
	Request  string        `json:"request,omitempty"` // X-Request-ID of the first
	User     string        `json:"-"`                 // the event's subject, where it is known
	Plan     string        `json:"plan"`
	Provider string        `json:"provider,omitempty"`
	Mode     string        `json:"mode,omitempty"`
	Where    string        `json:"where"`  // door, stream (it was ended), drop (its audio is swallowed from now on)
	Reason   string        `json:"reason"` // as in X-Sttgate-Reason
	Status   int           `json:"status"` // that the client was told, or would have been at the door
	Budgets  []string      `json:"budgets,omitempty"`
	Retry    time.Duration `json:"-"`
	RetryMS  int64         `json:"retry_after_ms,omitempty"` // after the first; 0: not by waiting
	Count    int           `json:"count"`                    // how many equal ones this stands for
	From     time.Time     `json:"from"`                     // the first of them
	To       time.Time     `json:"to"`                       // the last
	id       string
}

// tale is something to tell, as an event.
type tale interface {
	event(from instance) (event.Event, error)
}

// instance is the gateway that tells.
type instance string

// everywhere is the source of what any gateway on the ledger may tell: repetitions have an equal one then, too.
const everywhere = "/sttgate"

func (i instance) source() string { return everywhere + "/" + string(i) }

func (u Used) event(from instance) (event.Event, error) {
	typ, source := TypePart, from.source()
	if u.Final {
		typ = TypeEnd
	}
	if u.Anywhere {
		source = everywhere
	}
	u.From, u.To = u.From.UTC(), u.To.UTC()
	return newEvent(typ, fmt.Sprintf("%s:%d", u.Stream, u.Seq), source, u.User, u.To, u)
}

func (r Refused) event(from instance) (event.Event, error) {
	r.From, r.To, r.RetryMS = r.From.UTC(), r.To.UTC(), r.Retry.Milliseconds()
	return newEvent(TypeRefusal, r.id, from.source(), r.User, r.To, r)
}

// step is a user who was moved.
type step struct{ policy.Event }

func (s step) event(instance) (event.Event, error) {
	return newEvent(TypeStep, s.ID(), everywhere, s.User, s.At, s.Event)
}

func newEvent(typ, id, source, subject string, at time.Time, data any) (event.Event, error) {
	e := event.New(event.CloudEventsVersionV1)
	e.SetType(typ)
	e.SetID(id)
	e.SetSource(source)
	if subject != "" {
		e.SetSubject(subject)
	}
	e.SetTime(at.UTC())
	if err := e.SetData(event.ApplicationJSON, data); err != nil {
		return e, err
	}
	return e, e.Validate()
}

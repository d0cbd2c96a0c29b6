package fake

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/gorilla/websocket"
)

// flux speaks /v2/listen. Its messages are numbered; there is no Metadata.
type flux struct {
	s    *Stream
	q    query
	step int64 // bytes of a step
	next int64 // number of the next step
	seq  int64
	turn int
	from int64 // where the turn began, bytes
	open bool  // a turn is open
}

// turnSteps is how many steps a turn lasts: speech is not detected here.
const turnSteps = 3

func newFlux(s *Stream, q query) *flux {
	s.timed(q.timing)
	return &flux{s: s, q: q, next: 1, step: q.bytes(s.c.o.Step)}
}

type turnInfo struct {
	Type       string  `json:"type"`
	RequestID  string  `json:"request_id"`
	SequenceID int64   `json:"sequence_id"`
	Event      string  `json:"event"`
	TurnIndex  int     `json:"turn_index"`
	Start      float64 `json:"audio_window_start"`
	End        float64 `json:"audio_window_end"`
	Transcript string  `json:"transcript"`
	Words      []word  `json:"words"`
	Confidence float64 `json:"end_of_turn_confidence"`
	Trigger    string  `json:"trigger,omitempty"`
}

// number returns the next sequence id.
func (f *flux) number() int64 {
	f.seq++
	return f.seq - 1
}

func (f *flux) begin() {
	f.s.send(struct {
		Type       string `json:"type"`
		RequestID  string `json:"request_id"`
		SequenceID int64  `json:"sequence_id"`
	}{"Connected", f.s.rec.RequestID, f.number()})
}

func (f *flux) heard(total int64) {
	if f.step == 0 {
		return
	}
	for ; f.next*f.step <= total; f.next++ {
		at := f.next * f.step
		switch {
		case !f.open:
			f.open = true
			f.tell("StartOfTurn", at, "")
		case f.next%turnSteps == 0:
			f.endTurn(at, "model")
		default:
			f.tell("Update", at, "")
		}
	}
}

func (f *flux) tell(event string, to int64, trigger string) {
	q := f.q
	start, end := q.seconds(f.from), q.seconds(to)
	a := said(start, end, false)
	m := turnInfo{
		Type: "TurnInfo", RequestID: f.s.rec.RequestID, SequenceID: f.number(), Event: event, TurnIndex: f.turn,
		Start: start, End: end, Transcript: a.Transcript, Words: a.Words, Confidence: 0.1, Trigger: trigger,
	}
	if event == "EndOfTurn" {
		m.Confidence = 0.9
	}
	f.s.send(m)
}

func (f *flux) endTurn(to int64, trigger string) {
	f.tell("EndOfTurn", to, trigger)
	f.open, f.from, f.turn = false, to, f.turn+1
}

func (f *flux) empty() {}

func (f *flux) idle() (time.Duration, bool) { return f.s.c.o.FluxIdleTimeout, true }

func (f *flux) starved() { f.s.starvedWith(websocket.CloseInternalServerErr, deepgramStarved) }

// text handles CloseStream, Configure and ForceEndTurn. A KeepAlive is what it is at the real
// one: the end, without a Close.
func (f *flux) text(kind string, msg []byte) bool {
	switch kind {
	case "CloseStream":
		f.s.finish()
	case "KeepAlive":
		return false
	case "Configure":
		seq := f.number()
		f.s.send(configureSuccess(msg, f.s.rec.RequestID, &seq))
	case "ForceEndTurn":
		f.flush()
	default:
		f.s.send(struct {
			Type        string `json:"type"`
			SequenceID  int64  `json:"sequence_id"`
			Code        string `json:"code"`
			Description string `json:"description"`
		}{"Error", f.number(), "UNPARSABLE_CLIENT_MESSAGE", "The message is not one of CloseStream, Configure and ForceEndTurn."})
		f.s.end(1008, "unparsable client message")
	}
	return true
}

// flush ends the turn that is open.
func (f *flux) flush() {
	if total := f.s.Record().amount; f.step > 0 && (f.open || total > f.from) {
		f.endTurn(total, "manual")
	}
}

func (f *flux) finish() { f.flush() }

// configureSuccess echoes what was configured. seq is nil in v1, which does not
// number its messages.
func configureSuccess(msg []byte, id string, seq *int64) map[string]any {
	var asked map[string]any
	_ = json.Unmarshal(msg, &asked) // it parsed before: its type is known
	out := maps.Clone(asked)
	out["type"], out["request_id"] = "ConfigureSuccess", id
	if seq != nil {
		out["sequence_id"] = *seq
	}
	return out
}

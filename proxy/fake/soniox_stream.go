package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// transcribe serves a stream. A wrong key is no reason to refuse the upgrade: the
// vendor tells it in-band, behind the first message.
func (s *Soniox) transcribe(w http.ResponseWriter, r *http.Request) {
	id := newID()
	credential := sonioxCredential(r)
	sc := s.o.Scenario(r, credential)
	if s.misbehave(w, r, sc, sonioxShape(w, id)) {
		s.refused()
		return
	}
	if !websocket.IsWebSocketUpgrade(r) {
		s.refused()
		sonioxRefuse(w, http.StatusBadRequest, "invalid_request", "this needs a WebSocket upgrade", id)
		return
	}
	h := http.Header{}
	if p := websocket.Subprotocols(r); len(p) > 0 {
		h.Set("Sec-WebSocket-Protocol", p[0])
	}
	conn, err := upgrade(w, r, h)
	if err != nil { // the upgrader has answered
		s.refused()
		return
	}
	st := newStream(&s.core, conn, sc, recordOf(r, id, credential))
	st.strike = 1
	st.run(&sonioxDialect{s: st, soniox: s})
}

// sonioxDialect speaks the real-time protocol.
type sonioxDialect struct {
	s      *Stream
	soniox *Soniox
	state  atomic.Int32 // what the timer has to say
	half   int64        // bytes of half a step; 0 where the bytes do not tell
	next   int64        // number of the next half step
	final  int64        // bytes up to which tokens are final
}

// The states of a stream.
const (
	sonioxWaiting  int32 = iota // for the start message
	sonioxStarted               // for the first audio
	sonioxStreamed              // for more of it
)

type sonioxToken struct {
	Text       string  `json:"text"`
	Start      *int64  `json:"start_ms,omitempty"`
	End        *int64  `json:"end_ms,omitempty"`
	Confidence float64 `json:"confidence"`
	Final      bool    `json:"is_final"`
}

type sonioxResult struct {
	Tokens   []sonioxToken `json:"tokens"`
	Final    int64         `json:"final_audio_proc_ms"`
	Total    int64         `json:"total_audio_proc_ms"`
	Finished bool          `json:"finished,omitempty"`
}

func (d *sonioxDialect) begin() {}

// fail says an error and closes.
func (d *sonioxDialect) fail(code int, msg string) {
	d.s.send(map[string]any{
		"tokens": []sonioxToken{}, "error_code": code, "error_type": sonioxErrorType(code), "error_message": msg, "request_id": d.s.rec.RequestID,
	})
	d.s.end(websocket.CloseNormalClosure, "")
}

// text reads the start message, and what comes behind it.
func (d *sonioxDialect) text(kind string, msg []byte) bool {
	switch {
	case len(msg) == 0:
		d.empty()
	case kind == "keepalive": // also before the start
	case d.state.Load() == sonioxWaiting:
		d.start(msg)
	case kind == "finalize":
		d.flush(true)
	default:
		d.fail(http.StatusBadRequest, "Control request is malformed.")
	}
	return true
}

// empty ends the audio.
func (d *sonioxDialect) empty() {
	if d.state.Load() == sonioxWaiting {
		d.fail(http.StatusBadRequest, "Start request must be a text message.")
		return
	}
	d.s.finish()
}

func (d *sonioxDialect) start(msg []byte) {
	var m struct {
		Key      string `json:"api_key"`
		Model    string `json:"model"`
		Format   string `json:"audio_format"`
		Rate     int64  `json:"sample_rate"`
		Channels int64  `json:"num_channels"`
		Ref      string `json:"client_reference_id"`
	}
	if json.Unmarshal(msg, &m) != nil {
		d.fail(http.StatusBadRequest, "Start request is malformed.")
		return
	}
	if !d.authenticated(m.Key) || d.refused() {
		return
	}
	t, known := sonioxTiming(m.Format, m.Rate, m.Channels)
	switch {
	case m.Model == "":
		d.fail(http.StatusBadRequest, "Missing field: model")
		return
	case !strings.HasPrefix(m.Model, "stt-rt"):
		d.fail(http.StatusBadRequest, "Invalid model specified.")
		return
	case !known:
		d.fail(http.StatusBadRequest, "Invalid audio data format specified.")
		return
	case len(m.Ref) > 256:
		d.fail(http.StatusBadRequest, "client_reference_id is too long")
		return
	}
	d.s.timed(t)
	d.half, d.next = t.bytes(d.s.c.o.Step/2), 1
	d.state.Store(sonioxStarted)
	d.s.alive()
}

// authenticated holds the connection's key against what is allowed.
func (d *sonioxDialect) authenticated(inMessage string) bool {
	d.s.mu.Lock()
	if d.s.rec.Credential == "" && d.s.c.o.FirstMessageKey {
		d.s.rec.Credential = inMessage
	}
	credential := d.s.rec.Credential
	d.s.mu.Unlock()
	switch {
	case credential == "" && inMessage != "":
		d.fail(http.StatusUnauthorized, "Authentication in the start message is not supported any more: authenticate the connection.")
	case !d.soniox.allowed(credential):
		d.fail(http.StatusUnauthorized, "Incorrect API key provided.")
	default:
		return true
	}
	return false
}

// refused plays the scenarios behind the first message.
func (d *sonioxDialect) refused() bool {
	switch d.s.scenario {
	case InBand401:
		d.fail(http.StatusUnauthorized, "Incorrect API key provided.")
	case InBand402:
		d.fail(http.StatusPaymentRequired, "Organization balance exhausted.")
	case InBand403:
		d.fail(http.StatusForbidden, "Permission denied.")
	case InBand429:
		d.fail(http.StatusTooManyRequests, "Requests per minute limit for your organization has been exceeded.")
	default:
		return false
	}
	return true
}

// heard sends what is due: tokens that may change at each half step, final ones at
// each step.
func (d *sonioxDialect) heard(total int64) {
	if d.state.Load() == sonioxWaiting {
		d.fail(http.StatusBadRequest, "Start request must be a text message.")
		return
	}
	if d.state.CompareAndSwap(sonioxStarted, sonioxStreamed) {
		d.s.alive()
	}
	if total >= d.s.strike && d.struck() {
		return
	}
	if t := d.s.timing; t.bps > 0 && t.ms(total) > d.s.c.o.MaxDuration.Milliseconds() {
		d.fail(http.StatusRequestEntityTooLarge, "Maximum duration of a stream reached.")
		return
	}
	for ; d.half > 0 && d.next*d.half <= total; d.next++ {
		d.result(d.next*d.half, d.next%2 == 0, nil, false)
	}
}

// struck plays the scenarios after a second of audio.
func (d *sonioxDialect) struck() bool {
	switch d.s.scenario {
	case InBand408:
		d.fail(http.StatusRequestTimeout, "Input too slow")
	case InBand413:
		d.fail(http.StatusRequestEntityTooLarge, "Maximum duration of a stream reached.")
	case InBand503:
		d.fail(http.StatusServiceUnavailable, "Cannot continue request (code 1). Please restart the request.")
	default:
		return false
	}
	return true
}

// result tells the audio from the last final token to here, and what stands behind it.
func (d *sonioxDialect) result(to int64, final bool, behind []sonioxToken, finished bool) {
	t := d.s.timing
	tokens := append(sonioxSaid(t.ms(d.final), t.ms(to), final), behind...)
	if final {
		d.final = to
	}
	d.s.send(sonioxResult{Tokens: tokens, Final: t.ms(d.final), Total: t.ms(to), Finished: finished})
}

// sonioxSaid is the placeholder for a transcript: how much audio was heard by its end.
func sonioxSaid(from, to int64, final bool) []sonioxToken {
	if to <= from {
		return []sonioxToken{}
	}
	words := []string{fmt.Sprintf("%.1f", float64(to)/1000), " seconds", " heard "}
	out := make([]sonioxToken, len(words))
	for i, w := range words {
		start, end := from+(to-from)*int64(i)/int64(len(words)), from+(to-from)*int64(i+1)/int64(len(words))
		out[i] = sonioxToken{Text: w, Start: &start, End: &end, Confidence: 0.99, Final: final}
	}
	return out
}

// flush makes all audio final; fin is for the client's own finalize.
func (d *sonioxDialect) flush(fin bool) {
	var behind []sonioxToken
	if fin {
		behind = []sonioxToken{{Text: "<fin>", Confidence: 1, Final: true}}
	}
	total := d.s.Record().amount
	if fin || total > d.final {
		d.result(total, true, behind, false)
	}
}

func (d *sonioxDialect) finish() {
	if d.s.Record().AudioBytes == 0 {
		d.fail(http.StatusBadRequest, "No audio received.")
		return
	}
	d.flush(false)
	d.result(d.final, true, nil, true)
}

func (d *sonioxDialect) idle() (time.Duration, bool) {
	switch d.state.Load() {
	case sonioxWaiting:
		return d.s.c.o.StartTimeout, false
	case sonioxStarted:
		return d.s.c.o.AudioTimeout, false
	}
	return d.s.c.o.StarveTimeout, false
}

func (d *sonioxDialect) starved() {
	if d.s.scenario == SilentEnd || d.s.scenario == Deaf {
		return
	}
	d.fail(http.StatusRequestTimeout, map[int32]string{
		sonioxWaiting:  "Start request timeout",
		sonioxStarted:  "Timed out while waiting for the first audio chunk",
		sonioxStreamed: "Input too slow",
	}[d.state.Load()])
}

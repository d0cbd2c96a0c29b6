package fake

import (
	"fmt"
	"time"

	"github.com/gorilla/websocket"
)

// nova speaks /v1/listen.
type nova struct {
	s     *Stream
	q     query
	half  int64 // bytes of half a step
	next  int64 // number of the next half step
	final int64 // bytes up to which results are final
	spoke bool  // SpeechStarted was sent
}

func newNova(s *Stream, q query) *nova {
	s.timed(q.timing)
	return &nova{s: s, q: q, next: 1, half: q.bytes(s.c.o.Step / 2)}
}

// What the placeholders are called.
const (
	modelUUID = "00000000-0000-4000-8000-00000000fa4e"
	modelName = "fake"
)

type word struct {
	Word       string  `json:"word"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Confidence float64 `json:"confidence"`
	Punctuated string  `json:"punctuated_word,omitempty"`
}

type alternative struct {
	Transcript string  `json:"transcript"`
	Confidence float64 `json:"confidence"`
	Words      []word  `json:"words"`
}

type results struct {
	Type         string  `json:"type"`
	ChannelIndex [2]int  `json:"channel_index"`
	Duration     float64 `json:"duration"`
	Start        float64 `json:"start"`
	IsFinal      bool    `json:"is_final"`
	SpeechFinal  bool    `json:"speech_final"`
	Channel      struct {
		Alternatives []alternative `json:"alternatives"`
	} `json:"channel"`
	Metadata struct {
		RequestID string    `json:"request_id"`
		ModelInfo modelInfo `json:"model_info"`
		ModelUUID string    `json:"model_uuid"`
	} `json:"metadata"`
	FromFinalize bool `json:"from_finalize"`
}

type modelInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
}

type metadata struct {
	Type           string               `json:"type"`
	TransactionKey string               `json:"transaction_key"`
	RequestID      string               `json:"request_id"`
	SHA256         string               `json:"sha256"`
	Created        string               `json:"created"`
	Duration       float64              `json:"duration"`
	Channels       int                  `json:"channels"`
	Models         []string             `json:"models"`
	ModelInfo      map[string]modelInfo `json:"model_info"`
}

type utteranceEnd struct {
	Type        string  `json:"type"`
	Channel     [2]int  `json:"channel"`
	LastWordEnd float64 `json:"last_word_end"`
}

type speechStarted struct {
	Type      string  `json:"type"`
	Channel   [2]int  `json:"channel"`
	Timestamp float64 `json:"timestamp"`
}

func (n *nova) begin() {}

// heard sends what is due: an interim result at each half step where asked, a
// final one at each step.
func (n *nova) heard(total int64) {
	if n.half == 0 {
		return
	}
	if !n.spoke && n.q.vadEvents {
		n.spoke = true
		n.s.send(speechStarted{Type: "SpeechStarted", Channel: [2]int{0, 1}})
	}
	for ; n.next*n.half <= total; n.next++ {
		at := n.next * n.half
		switch {
		case n.next%2 == 0:
			n.results(at, true, false)
		case n.q.interim:
			n.results(at, false, false)
		}
	}
}

// results tells the audio from the last final result to here.
func (n *nova) results(to int64, final, finalize bool) {
	if !n.q.callback {
		for c := range n.q.channels {
			n.s.send(n.result(c, to, final, finalize))
		}
	}
	if final {
		n.final = to
	}
}

func (n *nova) result(channel int, to int64, final, finalize bool) results {
	q := n.q
	start, end := q.seconds(n.final), q.seconds(to)
	r := results{
		Type: "Results", ChannelIndex: [2]int{channel, q.channels}, Duration: end - start, Start: start,
		IsFinal: final, SpeechFinal: finalize, FromFinalize: finalize,
	}
	r.Channel.Alternatives = []alternative{{Words: []word{}}}
	if to > n.final {
		r.Channel.Alternatives = []alternative{said(start, end, q.punctuate)}
	}
	r.Metadata.RequestID, r.Metadata.ModelUUID = n.s.rec.RequestID, modelUUID
	r.Metadata.ModelInfo = modelInfo{modelName, "0", modelName}
	return r
}

// said is the placeholder for a transcript: how much audio was heard by its end.
func said(start, end float64, punctuate bool) alternative {
	words := []string{fmt.Sprintf("%.1f", end), "seconds", "heard"}
	a := alternative{Transcript: words[0] + " seconds heard", Confidence: 0.99}
	part := (end - start) / float64(len(words))
	for i, w := range words {
		x := word{Word: w, Start: start + part*float64(i), End: start + part*float64(i+1), Confidence: 0.99}
		if punctuate {
			x.Punctuated = w
		}
		a.Words = append(a.Words, x)
	}
	return a
}

// empty is the old way to end a stream.
func (n *nova) empty() { n.s.finish() }

func (n *nova) idle() (time.Duration, bool) { return n.s.c.o.IdleTimeout, false }

func (n *nova) starved() { n.s.starvedWith(websocket.CloseInternalServerErr, deepgramStarved) }

// deepgramStarved is NET-0001.
const deepgramStarved = "Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001"

// text handles CloseStream and Finalize; KeepAlive and Configure need no answer here beyond
// ConfigureSuccess.
func (n *nova) text(kind string, msg []byte) bool {
	switch kind {
	case "CloseStream":
		n.s.finish()
	case "Finalize":
		n.flush(true)
	case "Configure":
		n.s.send(configureSuccess(msg, n.s.rec.RequestID, nil))
	}
	return true
}

// flush makes all audio final.
func (n *nova) flush(finalize bool) {
	total := n.s.Record().amount
	if n.q.bps > 0 && (finalize || total > n.final) {
		n.results(total, true, finalize)
	}
	if n.q.utteranceEnd && total > 0 {
		n.s.send(utteranceEnd{Type: "UtteranceEnd", Channel: [2]int{0, n.q.channels}, LastWordEnd: n.q.seconds(total)})
	}
}

// finish sends the last results and the Metadata.
func (n *nova) finish() {
	n.flush(false)
	r := n.s.Record()
	n.s.send(metadata{
		Type: "Metadata", TransactionKey: "deprecated", RequestID: r.RequestID, SHA256: r.SHA256,
		Created: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), Duration: n.q.seconds(r.amount),
		Channels: n.q.channels, Models: []string{modelUUID},
		ModelInfo: map[string]modelInfo{modelUUID: {modelName, "0", modelName}},
	})
}

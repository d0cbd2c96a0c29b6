package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/fake"
)

// speechmaticsPath and speechmaticsStart begin a stream of 16 kHz mono, 32 bytes a
// millisecond. The message's name does not come first: that is how the SDK sends it.
const (
	speechmaticsPath  = "/v2"
	speechmaticsStart = `{"audio_format":{"type":"raw","encoding":"pcm_s16le","sample_rate":16000},"transcription_config":{"language":"en"},"message":"StartRecognition"}`
)

// speechmaticsRig is a rig whose vendor is Speechmatics.
type speechmaticsRig struct {
	*rig
	speechmatics *fake.Speechmatics
}

// newSpeechmaticsRig starts one. The fake takes a wrong last_seq_no for an error.
func newSpeechmaticsRig(t *testing.T, o rigOptions) *speechmaticsRig {
	t.Helper()
	o.fake.StrictNumbers = true
	o.fake.Clock = readClock
	s := fake.NewSpeechmatics(o.fake.Patient(2 * hang))
	return &speechmaticsRig{newRigBeside(t, o, "speechmatics", speechmaticsPath, s), s}
}

// speechmaticsBudget is one budget on Speechmatics alone.
func speechmaticsBudget(limit time.Duration, onExhausted string) func(*Config) {
	return func(c *Config) {
		b := policy.Budget{Name: "daily", Providers: []string{"speechmatics"}, Stages: []policy.Stage{policy.Restrict}, Limit: limit, OnExhausted: onExhausted}
		c.Budgets = []policy.Budget{b.WithDefaults()}
	}
}

// recognise connects as a user that a trusted peer names, and begins a stream.
func (r *speechmaticsRig) recognise(user string) *listener {
	r.t.Helper()
	c := &listener{client: r.connect(user, speechmaticsPath)}
	c.text(speechmaticsStart)
	c.wait("RecognitionStarted")
	return c
}

// heard waits for n streams at the vendor to end and returns what it heard.
func (r *speechmaticsRig) heard(n int) []fake.Record {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), hang)
	defer cancel()
	ss, err := r.speechmatics.Wait(ctx, n)
	if err != nil {
		r.t.Fatalf("waiting for %d streams at the vendor: %v\n%s", n, err, r.log)
	}
	var out []fake.Record
	for _, s := range ss {
		out = append(out, s.Record())
	}
	return out
}

// heardBy waits until the n-th stream at the vendor meets a condition.
func (r *speechmaticsRig) heardBy(n int, ok func(fake.Record) bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), hang)
	defer cancel()
	ss, err := r.speechmatics.Begun(ctx, n)
	if err != nil {
		r.t.Fatalf("no stream at the vendor: %v\n%s", err, r.log)
	}
	if rec, err := ss[n-1].Until(ctx, ok); err != nil {
		r.t.Fatalf("%v: %+v\n%s", err, rec, r.log)
	}
}

// listener is a client that counts acks as SDKs do: each has the number behind the last
// one's, or the test fails.
type listener struct {
	*client
	acks map[string]int
}

// next reads a message, and holds its number if it is an ack.
func (l *listener) next() (map[string]any, error) {
	l.t.Helper()
	_, b, err := l.conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	m := decoded(l.t, b)
	if n, ok := m["seq_no"].(float64); ok && strings.HasSuffix(m["message"].(string), "AudioAdded") {
		if l.acks == nil {
			l.acks = make(map[string]int)
		}
		ch, _ := m["channel"].(string)
		if l.acks[ch]++; l.acks[ch] != int(n) {
			l.t.Fatalf("channel %q: the %d. ack says %v", ch, l.acks[ch], n)
		}
	}
	return m, nil
}

// wait reads up to a message.
func (l *listener) wait(kind string) map[string]any {
	l.t.Helper()
	for {
		m, err := l.next()
		if err != nil {
			l.t.Fatalf("waiting for %s: %v", kind, err)
		}
		if m["message"] == kind {
			return m
		}
	}
}

// acked reads until n messages of a channel are acked.
func (l *listener) acked(channel string, n int) {
	l.t.Helper()
	for l.acks[channel] < n {
		if _, err := l.next(); err != nil {
			l.t.Fatalf("%d of %d acks, then %v", l.acks[channel], n, err)
		}
	}
}

// end reads to the Close and returns the messages other than acks, by name, with the
// Error's or Warning's type.
func (l *listener) end() (kinds []string, closed *websocket.CloseError) {
	l.t.Helper()
	for {
		m, err := l.next()
		if err != nil {
			var ok bool
			if closed, ok = err.(*websocket.CloseError); !ok { //nolint:errorlint // gorilla's own
				l.t.Fatalf("after %v: %v", kinds, err)
			}
			return kinds, closed
		}
		kind := m["message"].(string)
		if typ, ok := m["type"].(string); ok {
			kind += " " + typ
		}
		if kind != "AudioAdded" && kind != "ChannelAudioAdded" {
			kinds = append(kinds, kind)
		}
	}
}

// finish ends a client's audio with a number that no SDK would get right.
func (l *listener) finish(n int) {
	l.t.Helper()
	b, err := json.Marshal(map[string]any{"message": "EndOfStream", "last_seq_no": n})
	if err != nil {
		l.t.Fatal(err)
	}
	l.text(string(b))
}

// speechmaticsScenario lets the vendor misbehave.
func speechmaticsScenario(sc fake.Scenario) fake.Options {
	return fake.Options{Scenario: func(*http.Request, string) fake.Scenario { return sc }}
}

package proxy

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/fake"
)

// callerKey is a caller's own key of the vendor's. Where the gateway has a key it may
// appear nowhere; it never is in a log or a metric.
const callerKey = "CANARY-caller-key"

const sonioxPath = "/transcribe-websocket"

// sonioxStart begins a stream of 16 kHz mono, 32 bytes a millisecond.
const sonioxStart = `{"model":"stt-rt-v5","audio_format":"pcm_s16le","sample_rate":16000,"num_channels":1,"client_reference_id":"their-own"}`

// sonioxRig is a rig whose vendor is Soniox.
type sonioxRig struct {
	*rig
	soniox *fake.Soniox
}

// newSonioxRig starts one. The fake wants its key with the connection, as the vendor
// does from 2027-01-15.
func newSonioxRig(t *testing.T, o rigOptions) *sonioxRig {
	t.Helper()
	o.fake.Clock = readClock
	s := fake.NewSoniox(o.fake.Patient(2 * hang))
	return &sonioxRig{newRigBeside(t, o, "soniox", sonioxPath, s), s}
}

// stream connects as a user that a trusted peer names, and begins a stream.
func (r *sonioxRig) stream(user string) *client {
	r.t.Helper()
	c := r.connect(user, sonioxPath)
	c.text(sonioxStart)
	return c
}

// transcribed waits for n streams at the vendor to end and returns what it heard.
func (r *sonioxRig) transcribed(n int) []fake.Record {
	r.t.Helper()
	ss, err := r.soniox.Wait(r.guard(), n)
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
func (r *sonioxRig) heardBy(n int, ok func(fake.Record) bool) fake.Record {
	r.t.Helper()
	ss, err := r.soniox.Begun(r.guard(), n)
	if err != nil {
		r.t.Fatalf("no stream at the vendor: %v\n%s", err, r.log)
	}
	rec, err := ss[n-1].Until(r.guard(), ok)
	if err != nil {
		r.t.Fatalf("%v: %+v\n%s", err, rec, r.log)
	}
	return rec
}

// finish ends a client's audio.
func (c *client) finish() {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, nil); err != nil {
		c.t.Fatalf("finish: %v", err)
	}
}

// sonioxBudget is one budget on Soniox alone.
func sonioxBudget(limit time.Duration) func(*Config) {
	return func(c *Config) {
		c.Budgets = []policy.Budget{policy.Budget{
			Name: "daily", Providers: []string{"soniox"}, Stages: []policy.Stage{policy.Restrict}, Limit: limit,
		}.WithDefaults()}
	}
}

// all joins changes to a config.
func all(changes ...func(*Config)) func(*Config) {
	return func(c *Config) {
		for _, change := range changes {
			change(c)
		}
	}
}

// sonioxWith changes the vendor's config.
func sonioxWith(change func(*ProviderConfig)) func(*Config) {
	return func(c *Config) {
		p := c.Providers["soniox"]
		change(&p)
		c.Providers["soniox"] = p
	}
}

// sonioxScenario lets the vendor misbehave.
func sonioxScenario(sc fake.Scenario) fake.Options {
	return fake.Options{Scenario: func(*http.Request, string) fake.Scenario { return sc }}
}

// last is the last message, and how many of all were a clean end.
func last(t *testing.T, texts []map[string]any) (msg map[string]any, finished int) {
	t.Helper()
	for _, m := range texts {
		if done, _ := m["finished"].(bool); done {
			finished++
		}
	}
	if len(texts) == 0 {
		t.Fatal("no message")
	}
	return texts[len(texts)-1], finished
}

// wantError checks that the client was told an error in the vendor's shape, as its last
// message, and no clean end.
func wantError(t *testing.T, texts []map[string]any, code int, typ string) {
	t.Helper()
	m, finished := last(t, texts)
	if m["error_code"] != float64(code) || m["error_type"] != typ || m["error_message"] == "" || finished > 0 {
		t.Errorf("the last message is %v, want %d %s; %d clean ends", m, code, typ, finished)
	}
	if id, ok := m["request_id"].(string); !ok || id == "" {
		t.Errorf("no request_id: %v", m)
	}
}

// guard bounds a wait for what must happen.
func (r *sonioxRig) guard() context.Context {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), hang)
	r.t.Cleanup(cancel)
	return ctx
}

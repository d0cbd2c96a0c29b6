package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
	"github.com/sttgate/sttgate/proxy/fake"
	"github.com/sttgate/sttgate/proxy/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hang is how long a test waits for what must happen: a guard against a hang on a
// loaded machine, never a measure.
const hang = 3 * time.Minute

// vendorKey is the vendor's key of every rig. It may appear upstream and nowhere else.
const vendorKey = "CANARY-vendor-key"

// rig is a gateway on a real socket in front of a fake vendor on another.
type rig struct {
	t      *testing.T
	vendor *fake.Deepgram
	server *Server
	store  ledger.Store
	engine *engine.Engine
	log    *logBuffer
	reg    *prometheus.Registry
	done   chan struct{} // closed when Serve has returned
}

type rigOptions struct {
	fake   fake.Options
	store  ledger.Store
	config func(*Config)
	policy policy.Config
	slice  time.Duration
	engine func(*engine.Deps)
	// sessions is told of what ends.
	sessions Sessions
	events   Events
	tracer   trace.Tracer
	tls      bool // to the vendor
	// distrust leaves the vendor's CA unknown to the gateway.
	distrust bool
}

func newRig(t *testing.T, o rigOptions) *rig {
	t.Helper()
	o.fake.Clock = readClock
	r := &rig{t: t, vendor: fake.NewDeepgram(o.fake.Patient(2 * hang)), store: o.store, log: &logBuffer{}, reg: prometheus.NewRegistry(), done: make(chan struct{})}
	up := httptest.NewUnstartedServer(r.vendor)
	var roots *tls.Config
	if o.tls {
		up.StartTLS()
		roots = up.Client().Transport.(*http.Transport).TLSClientConfig
		if o.distrust {
			roots = nil // the system's roots do not know the test's CA
		}
	} else {
		up.Start()
	}
	up.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if r.store == nil {
		r.store = ledger.NewMemory(time.Now, time.UTC)
	}
	c := Default()
	c.Listen = "127.0.0.1:0"
	c.Providers["deepgram"] = ProviderConfig{URL: up.URL, Key: secret.New(vendorKey)}
	c.Limits.DialTimeout, c.Limits.HeaderTimeout = 2*hang, 2*hang
	if o.config != nil {
		o.config(&c)
	}
	if o.slice == 0 {
		o.slice = 5 * time.Second
	}
	rules := o.policy.WithDefaults()
	var err error
	deps := engine.Deps{Store: r.store, Rules: func() policy.Config { return rules }, Log: slog.New(slog.NewJSONHandler(r.log, nil))}
	if o.engine != nil {
		o.engine(&deps)
	}
	r.engine, err = engine.New(deps)
	if err != nil {
		t.Fatal(err)
	}
	r.server, err = New(c, Deps{
		Store: r.store, Policy: rules, Watch: Watch{Seen: func(s Sighting) { r.engine.Seen(engine.Sighting(s)) }, Fresh: r.engine.Fresh},
		Slice: o.slice, Sessions: o.sessions, Events: o.events, Providers: provider.Builtin(), Registry: r.reg, TLS: roots,
		Log: slog.New(slog.NewJSONHandler(r.log, nil)), patience: hang, Tracer: o.tracer,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.server.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		if err := r.server.Serve(); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		r.stop()
		up.Close()
		r.vendor.Close()
		r.engine.Close()
		if err := r.store.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
		if s := r.log.String(); strings.Contains(s, vendorKey) {
			t.Errorf("the vendor's key is in the log:\n%s", s)
		} else if t.Failed() {
			t.Logf("the gateway's log:\n%s", s)
		}
	})
	return r
}

// readClock is what the fake vendors read containers with. Tests of what a container lasts hold it against
// the file's known length too.
func readClock(encoding string) fake.Clock {
	c, err := meter.Open(meter.Format{Encoding: meter.Encoding(encoding)})
	if err != nil {
		return nil
	}
	return c
}

// stop ends the gateway at once, with its streams.
func (r *rig) stop() {
	select {
	case <-r.done:
		return
	default:
	}
	hurry, cancel := context.WithCancel(context.Background())
	cancel()
	r.server.Shutdown(hurry)
	<-r.done
}

// restrict moves a user to the stage that has a budget.
func (r *rig) restrict(user string) {
	r.t.Helper()
	r.stage(user, policy.Restrict)
}

// stage puts a user at a stage.
func (r *rig) stage(user string, s policy.Stage) {
	r.t.Helper()
	if _, err := r.engine.Set(r.t.Context(), policy.Setting{User: user, Stage: s, By: "test"}); err != nil {
		r.t.Fatal(err)
	}
}

// used is what a user has spent of the rig's one budget, in ms.
func (r *rig) used(user string) int64 {
	r.t.Helper()
	u, err := r.server.Users.User(r.t.Context(), user, "")
	if err != nil {
		r.t.Fatal(err)
	}
	if len(u.Balances) != 1 {
		r.t.Fatalf("%d balances, want one", len(u.Balances))
	}
	return u.Balances[0].Used
}

func budgetOf(limit time.Duration) func(*Config) {
	return func(c *Config) {
		c.Budgets = []policy.Budget{policy.Budget{
			Name: "daily", Providers: []string{"deepgram"}, Stages: []policy.Stage{policy.Restrict}, Limit: limit,
		}.WithDefaults()}
	}
}

// linear16 is 16 kHz mono: 32 bytes a millisecond.
const (
	linear16   = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000&channels=1"
	flux       = "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000"
	bytesPerMS = 32
)

// client is a plain WebSocket client of the gateway.
type client struct {
	t    *testing.T
	conn *websocket.Conn
	resp *http.Response
}

// dial connects as a user; header may be nil.
func (r *rig) dial(user, path string, header http.Header) (*client, *http.Response, error) {
	r.t.Helper()
	h := header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if user != "" {
		h.Set("X-Sttgate-User", user)
	}
	d := websocket.Dialer{HandshakeTimeout: hang, EnableCompression: true}
	c, resp, err := d.DialContext(r.t.Context(), "ws://"+r.server.Addr()+path, h)
	if err != nil {
		return nil, resp, err
	}
	r.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(hang)); err != nil {
		r.t.Fatal(err)
	}
	return &client{r.t, c, resp}, resp, nil
}

func (r *rig) connect(user, path string) *client {
	r.t.Helper()
	c, resp, err := r.dial(user, path, nil)
	if err != nil {
		r.t.Fatalf("connect: %v (%v)\n%s", err, resp, r.log)
	}
	return c
}

// send writes n messages of ms milliseconds of audio.
func (c *client) send(n, ms int) {
	c.t.Helper()
	for range n {
		if err := c.conn.WriteMessage(websocket.BinaryMessage, make([]byte, ms*bytesPerMS)); err != nil {
			c.t.Fatalf("send audio: %v", err)
		}
	}
}

func (c *client) text(s string) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
		c.t.Fatalf("send %s: %v", s, err)
	}
}

// read returns the texts up to the close, and the close.
func (c *client) read() (texts []map[string]any, closed *websocket.CloseError) {
	c.t.Helper()
	for {
		_, b, err := c.conn.ReadMessage()
		if err != nil {
			if !errors.As(err, &closed) {
				c.t.Fatalf("read: %v", err)
			}
			return texts, closed
		}
		texts = append(texts, decoded(c.t, b))
	}
}

// until reads texts until one has the type.
func (c *client) until(typ string) map[string]any {
	c.t.Helper()
	for {
		_, b, err := c.conn.ReadMessage()
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", typ, err)
		}
		if m := decoded(c.t, b); m["type"] == typ {
			return m
		}
	}
}

func decoded(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("not JSON: %s", b)
	}
	return m
}

// streams waits for n streams at the vendor to end and returns what it heard.
func (r *rig) heard(n int) []fake.Record {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), hang)
	defer cancel()
	ss, err := r.vendor.Wait(ctx, n)
	if err != nil {
		r.t.Fatalf("waiting for %d streams at the vendor: %v\n%s", n, err, r.log)
	}
	var out []fake.Record
	for _, s := range ss {
		out = append(out, s.Record())
	}
	return out
}

// settled waits until no stream runs.
func (r *rig) settled() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), hang)
	defer cancel()
	if !r.server.Streams.wait(ctx) {
		r.t.Fatal("streams do not end")
	}
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/sttgate/sttgate/config/secret"
)

// receiver takes events over HTTP, as a test says.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex
	got    []string // "id id", one for each request
	header []http.Header
	status func(ids string) int // nil: 202
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if req.Header.Get("Content-Type") == "application/cloudevents+json; charset=UTF-8" {
			body = []byte("[" + string(body) + "]")
		}
		var es []event.Event
		if err := json.Unmarshal(body, &es); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		var ids []string
		for _, e := range es {
			ids = append(ids, e.ID())
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		all := strings.Join(ids, " ")
		r.got, r.header = append(r.got, all), append(r.header, req.Header)
		status := http.StatusAccepted
		if r.status != nil {
			status = r.status(all)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) has() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.got, ", ")
}

func events(t *testing.T, n int) (ms []Message) {
	t.Helper()
	u := &Usage{UsageOptions: UsageOptions{Sinks: []string{ToHTTP}}, from: "a"}
	for i := range n {
		m, err := u.messages(stretch(i, false))
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m...)
	}
	return ms
}

func (r *receiver) sink(t *testing.T, mode string) *HTTP {
	t.Helper()
	h := NewHTTP(EventsConfig{URL: r.URL, Mode: mode, Token: secret.New("CANARY")})
	t.Cleanup(func() { h.Close() })
	return h
}

func TestEventsArePostedAsCloudEventsSays(t *testing.T) {
	for mode, want := range map[string]struct{ kind, got string }{
		ModeBatch:      {"application/cloudevents-batch+json; charset=UTF-8", "s:0 s:1 s:2"},
		ModeStructured: {"application/cloudevents+json; charset=UTF-8", "s:0, s:1, s:2"},
	} {
		r := newReceiver(t)
		if n, err := r.sink(t, mode).Take(t.Context(), events(t, 3)); n != 3 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		h := r.header[0]
		if r.has() != want.got || h.Get("Content-Type") != want.kind || h.Get("Authorization") != "Bearer CANARY" || h.Get("User-Agent") != "sttgate" {
			t.Errorf("%s: %q, %v", mode, r.has(), h)
		}
	}
}

func TestABadEventDoesNotTakeItsBatchAlong(t *testing.T) {
	r := newReceiver(t)
	r.status = func(ids string) int {
		if strings.Contains(ids, "s:1") {
			return http.StatusBadRequest
		}
		return http.StatusOK
	}
	h, ms := r.sink(t, ModeBatch), events(t, 4)
	n, err := h.Take(t.Context(), ms)
	if n != 1 || !errors.Is(err, ErrRefused) {
		t.Errorf("%d %v", n, err)
	}
	if n, err = h.Take(t.Context(), ms[2:]); n != 2 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if want := "s:0 s:1 s:2 s:3, s:0, s:1, s:2 s:3"; r.has() != want {
		t.Errorf("%q, want %q", r.has(), want)
	}
}

// TestWhatIsPaidIsNotLostOverATypingError: only what is said of the events themselves refuses them.
func TestWhatIsPaidIsNotLostOverATypingError(t *testing.T) {
	r := newReceiver(t)
	h := r.sink(t, ModeStructured)
	for code, refused := range map[int]bool{
		301: false, 302: false, 307: false, 308: false, 400: true, 401: false, 403: false, 404: false, 405: false, 408: false, 410: false,
		413: true, 415: false, 422: true, 429: false, 500: false, 503: false,
	} {
		r.mu.Lock()
		r.got, r.status = nil, func(string) int { return code }
		r.mu.Unlock()
		n, err := h.Take(t.Context(), events(t, 1))
		if n != 0 || err == nil || errors.Is(err, ErrRefused) != refused || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), r.URL) {
			t.Errorf("%d: %d %v", code, n, err)
		}
		if r.has() != "s:0" {
			t.Errorf("%d: %q was sent", code, r.has())
		}
	}
}

// TestEveryEventComesWithItsIDWhateverTheReceiverDoes: it hangs, it breaks off, then it takes them.
func TestEveryEventComesWithItsIDWhateverTheReceiverDoes(t *testing.T) {
	const all = 10
	var mu sync.Mutex
	tries, got := 0, map[string]string{}
	stop, done := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		tries++
		try := tries
		var es []json.RawMessage
		if err := json.Unmarshal(body, &es); err != nil {
			t.Error(err)
		}
		for _, e := range es {
			var id struct{ ID string }
			_ = json.Unmarshal(e, &id)
			if old, ok := got[id.ID]; ok && old != string(e) {
				t.Errorf("%s came as another: %s, %s", id.ID, old, e)
			}
			got[id.ID] = string(e)
		}
		mu.Unlock()
		switch try {
		case 1:
			select { // it hangs
			case <-r.Context().Done():
			case <-stop:
			}
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			close(done)
		}
	}))
	defer server.Close()
	defer close(stop)
	h := NewHTTP(EventsConfig{URL: server.URL, Mode: ModeBatch})
	h.patience = 50 * time.Millisecond
	dir := t.TempDir()
	box := open(t, dir, Options{}, h)
	if err := box.Append(events(t, all)...); err != nil {
		t.Fatal(err)
	}
	<-done
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	for n := range all {
		if got[fmt.Sprintf("s:%d", n)] == "" {
			t.Errorf("s:%d did not come", n)
		}
	}
	well := &desk{name: ToHTTP}
	open(t, dir, Options{}, well).Close()
	if well.has() != "" {
		t.Errorf("%q is left, and was taken", well.has())
	}
}

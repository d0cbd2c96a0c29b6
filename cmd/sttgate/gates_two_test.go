package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

const (
	aSecret       = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
	anotherSecret = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo="
)

// listener is a backend that is told, and verifies what it is told.
type listener struct {
	*httptest.Server

	mu    sync.Mutex
	kinds []string // in order: the types
	ids   []string
	texts []string
}

func newListener(t *testing.T, secret string) *listener {
	t.Helper()
	check, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := check.Verify(body, r.Header); err != nil {
			t.Errorf("signature: %v", err)
		}
		var m struct {
			Type string
			Data struct{ Text string }
		}
		if err := json.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.kinds, l.ids, l.texts = append(l.kinds, m.Type), append(l.ids, r.Header.Get("webhook-id")), append(l.texts, m.Data.Text)
	}))
	t.Cleanup(l.Close)
	return l
}

// hears waits for the nth message of a type, counted from 1, and returns its text.
func (l *listener) hears(t *testing.T, kind string, nth int) string {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); ; <-look.C {
		l.mu.Lock()
		n := 0
		for i, k := range l.kinds {
			if k == kind {
				if n++; n == nth {
					defer l.mu.Unlock()
					return l.texts[i]
				}
			}
		}
		all := strings.Join(l.kinds, ", ")
		l.mu.Unlock()
		if time.Now().After(end) {
			t.Fatalf("%s is not told for the %d. time; told: %s", kind, nth, all)
		}
	}
}

// is waits until the one stream of a gateway is in a state.
func (p *process) is(state string) {
	p.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); p.live().State != state; <-look.C {
		if time.Now().After(end) {
			p.t.Fatalf("the stream is %s, not %s", p.live().State, state)
		}
	}
}

// TestWhatAnOperatorDecidesAtOneGatewayHoldsForTheStreamsOfAnother has one stream, at one gateway, whose budget is spent, and an operator at the
// other. The user is told of each end and of each return once, by whichever gateway.
func TestWhatAnOperatorDecidesAtOneGatewayHoldsForTheStreamsOfAnother(t *testing.T) {
	t.Parallel()
	const limit, granted = 3000, 2000
	backend := newListener(t, aSecret)
	w := newWorld(t, fmt.Sprintf("notify: {webhook: {url: %q, secret: %s}}\n", backend.URL, aSecret))
	gates := w.two(w.redisFile(ledgertest.StartRedis(t).URL(), "sttgate:", "mode: deny",
		"{name: daily, providers: [deepgram], stages: [restrict], window: day, limit: 3s}"))
	here, there := gates[0], gates[1]
	put := func(path, body string) {
		t.Helper()
		here.call(http.MethodPut, "/admin/v1/users/bob/"+path, body, nil)
	}
	put("stage", `{"stage":"restrict","reason":"test"}`)
	all := flood(t, there, 1)
	there.is("dropping")
	id := there.live().ID
	backend.hears(t, "budget.spent", 1)
	w.until(0, limit) // what is on its way arrives
	if heard := w.heard(); heard != limit {
		t.Errorf("%d ms were forwarded, want %d", heard, limit)
	}
	// More for today.
	here.call(http.MethodPost, "/admin/v1/users/bob/grants", fmt.Sprintf(`{"budget":"daily","milliseconds":%d,"reason":"ticket"}`, granted), nil)
	w.until(limit, granted)
	if said := backend.hears(t, "budget.back", 1); !strings.HasPrefix(said, "You can transcribe again: ") {
		t.Errorf("told %q", said)
	}
	backend.hears(t, "budget.spent", 2)
	there.is("dropping")
	if heard := w.heard(); heard != limit+granted {
		t.Errorf("%d ms were forwarded with the grant, want %d", heard, limit+granted)
	}
	// Outside all rules, and back under them: what was forwarded meanwhile counts for no budget, and nobody is told.
	put("exempt", `{"reason":"partner"}`)
	w.until(limit+granted, 10_000)
	put("exempt", `{"exempt":false,"reason":"no partner"}`)
	there.is("dropping")
	stopped := w.heard()
	put("exempt", `{"reason":"partner again"}`)
	w.until(stopped, 1000)
	put("exempt", `{"exempt":false,"reason":"no partner"}`)
	there.is("dropping")
	// Everything is taken back.
	stopped = w.heard()
	here.call(http.MethodPost, "/admin/v1/users/bob/reset", `{"reason":"sorted out"}`, nil)
	w.until(stopped, 10_000)
	backend.hears(t, "policy.restored", 1)
	if said := backend.hears(t, "budget.back", 2); said != "You can transcribe again." {
		t.Errorf("told %q", said)
	}
	if again := there.live().ID; again != id {
		t.Errorf("stream %s goes on as %s", id, again)
	}
	there.endAll(all)
	for _, p := range gates {
		p.signal(syscall.SIGTERM)
		p.wait()
	}
	backend.mu.Lock()
	defer backend.mu.Unlock()
	var told []string
	for _, kind := range backend.kinds { // nearly spent comes, or is leapt over
		if kind != "budget.80" && kind != "budget.95" {
			told = append(told, kind)
		}
	}
	slices.Sort(told)
	if want := []string{"budget.back", "budget.back", "budget.spent", "budget.spent", "policy.restored", "policy.step"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	slices.Sort(backend.ids)
	if once := slices.Compact(slices.Clone(backend.ids)); len(once) != len(backend.ids) {
		t.Errorf("something was told twice: %q", backend.ids)
	}
}

// TestTextsAndTheWebhookFollowTheFile changes both while the gateway runs, and writes a text that is none.
func TestTextsAndTheWebhookFollowTheFile(t *testing.T) {
	t.Parallel()
	old, next := newListener(t, aSecret), newListener(t, anotherSecret)
	const section = "notify: {webhook: {url: %q, secret: %s}, texts: {step: %q, restored: %q}}\n"
	w := newWorld(t, "")
	file, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(notify string) {
		t.Helper()
		if err := os.WriteFile(w.file, append(slices.Clone(file), notify...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf(section, old.URL, aSecret, "one {{.To}}", "fine"))
	p := serveProcess(t, w.file)
	move := func(stage string) {
		t.Helper()
		p.call(http.MethodPut, "/admin/v1/users/bob/stage", fmt.Sprintf(`{"stage":%q,"reason":"test"}`, stage), nil)
	}
	move("warning")
	if said := old.hears(t, "policy.step", 1); said != "one warning" {
		t.Errorf("told %q", said)
	}
	write(fmt.Sprintf(section, next.URL, anotherSecret, "two {{.To}}, {{.User}}", "fine again"))
	if said := p.request(http.MethodPost, "/admin/v1/config/reload", "", http.StatusOK); strings.Contains(said, anotherSecret) {
		t.Errorf("the reload says %s", said)
	}
	move("restrict")
	if said := next.hears(t, "policy.step", 1); said != "two restrict, bob" {
		t.Errorf("told %q", said)
	}
	write(fmt.Sprintf(section, old.URL, aSecret, "three {{.Nobody}}", "never"))
	if said := p.request(http.MethodPost, "/admin/v1/config/reload", "", http.StatusUnprocessableEntity); !strings.Contains(said, "notify.texts.step") {
		t.Errorf("the reload says %s", said)
	}
	move("none")
	if said := next.hears(t, "policy.restored", 1); said != "fine again" {
		t.Errorf("told %q", said)
	}
	// Without a webhook there would be nobody to send what waits to: that takes a restart.
	write("")
	if said := p.request(http.MethodPost, "/admin/v1/config/reload", "", http.StatusOK); !strings.Contains(said, "notify.webhook.url") {
		t.Errorf("the reload says %s", said)
	}
	move("warning")
	next.hears(t, "policy.step", 2)
	old.mu.Lock()
	defer old.mu.Unlock()
	if len(old.kinds) != 1 {
		t.Errorf("the old webhook was told %q", old.kinds)
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/fake"
)

// hang is a guard against waiting for ever; no test measures time.
const hang = time.Minute

// closingRules end a restricted user's stream after two seconds of audio instead
// of swallowing the rest, accept caller tokens, and bring the vendor's key.
const closingRules = `providers: {deepgram: {key: the-vendors-key}}
identity: {tokens: {secret: 0123456789abcdef0123456789abcdef}}
budgets:
  - {name: two-seconds, providers: [deepgram], stages: [restrict], window: 24h, limit: 2s, on_exhausted: close}
`

// newHouse is a vendor and a gateway for one test.
func newHouse(t *testing.T, rules string) *house {
	t.Helper()
	h, err := openHouse(t.Context(), slog.New(slog.DiscardHandler), rules)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.close(); err != nil {
			t.Errorf("close the gateway: %v", err)
		}
	})
	return h
}

// speechFile is the recording as a file, with the flags that declare it.
func speechFile(t *testing.T) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "speech.raw")
	if err := os.WriteFile(file, []byte(speech), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"send", file, "--encoding", "mulaw", "--sample-rate", "8000", "--json"}
}

// sendJSON runs send and returns its report.
func sendJSON(ctx context.Context, t *testing.T, args []string) (report, int) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(ctx, args, nil, strings.NewReader(""), &out, &errs)
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("exit code %d, no JSON on stdout: %v\n%s\n%s", code, err, out.String(), errs.String())
	}
	return r, code
}

func TestSendTellsWhyAStreamWasClosedAndDoesNotComeBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, closingRules)
	if err := h.restrict(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	before, err := h.books(t.Context(), "deepgram", "bob")
	if err != nil {
		t.Fatal(err)
	}
	r, code := sendJSON(t.Context(), t, append(speechFile(t), "--url", "ws://"+h.gateway.DataAddr(), "--user", "bob", "--speed", "20"))
	if code != exitFailed || r.Result != resultCut || r.CloseCode != "1008" || !strings.Contains(r.Why, "two-seconds") {
		t.Errorf("exit code %d, report %+v", code, r)
	}
	if r.VendorMS == nil || *r.VendorMS != 2000 {
		t.Errorf("the vendor's last word did not come through: %v", r.VendorMS)
	}
	if len(r.Budgets) != 1 || r.Budgets[0].RemainingMS != 0 {
		t.Errorf("budgets: %+v", r.Budgets)
	}
	// The SDK connects again on the first write after a close, if it is let: that
	// would be a second stream, or a refusal, in the gateway's books.
	if err := h.settled(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	after, err := h.books(t.Context(), "deepgram", "bob")
	if err != nil || after.ended != before.ended+1 {
		t.Errorf("the gateway saw %d streams and refusals (%v), want one", after.ended-before.ended, err)
	}
}

func TestSendWithACallerTokenIsItsUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t, closingRules)
	var out, errs bytes.Buffer
	environ := []string{"STTGATE_IDENTITY_TOKENS_SECRET=0123456789abcdef0123456789abcdef"}
	if code := run(t.Context(), []string{"token", "mint", "--user", "carol"}, environ, strings.NewReader(""), &out, &errs); code != exitDone {
		t.Fatalf("mint: exit code %d, %s", code, errs.String())
	}
	token := strings.TrimSpace(out.String())
	r, code := sendJSON(t.Context(), t, append(speechFile(t), "--url", "ws://"+h.gateway.DataAddr(), "--token", token, "--speed", "max"))
	if code != exitDone || r.User != "carol" {
		t.Errorf("exit code %d, report %+v", code, r)
	}
	guard, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	streams, err := h.vendors.by["deepgram"].Wait(guard, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := streams[0].Record().Credential; got != "the-vendors-key" {
		t.Error("the vendor was shown another credential than its own key")
	}
}

func TestSendInterruptedEndsPolitely(t *testing.T) {
	t.Parallel()
	h := newHouse(t, demoRules())
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	guard, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	go func() {
		streams, err := h.vendors.by["deepgram"].Begun(guard, 1)
		if err == nil {
			_, _ = streams[0].Until(guard, func(r fake.Record) bool { return r.AudioMS >= 100 })
		}
		interrupt()
	}()
	r, code := sendJSON(ctx, t, append(speechFile(t), "--url", "ws://"+h.gateway.DataAddr(), "--user", "ann"))
	if code != exitFailed || r.Result != resultStopped || r.SentMS < 100 || r.SentMS >= 11000 {
		t.Errorf("exit code %d, report %+v", code, r)
	}
	streams, err := h.vendors.by["deepgram"].Wait(guard, 1)
	if err != nil {
		t.Fatal(err)
	}
	rec := streams[0].Record()
	if last := rec.Events[len(rec.Events)-1]; rec.CloseCode != 1000 || r.VendorMS == nil || *r.VendorMS != rec.AudioMS {
		t.Errorf("vendor: close code %d, last event %+v; report %+v", rec.CloseCode, last, r)
	}
}

func TestParseTargetTakesAddressesOfGatewaysOnly(t *testing.T) {
	t.Parallel()
	good := map[string]string{
		"ws://127.0.0.1:8080":          "ws://127.0.0.1:8080/v1/listen",
		"http://gate/deepgram/":        "ws://gate/deepgram/v1/listen",
		"wss://stt.example.com":        "wss://stt.example.com/v1/listen",
		"https://stt.example.com/u/an": "wss://stt.example.com/u/an/v1/listen",
	}
	for raw, want := range good {
		tg, err := parseTarget(raw, "", "")
		if err != nil || tg.url("ws", "/v1/listen", nil) != want {
			t.Errorf("%s: %s (%v), want %s", raw, tg.url("ws", "/v1/listen", nil), err, want)
		}
	}
	for _, raw := range []string{"", "gate:8080", "tcp://gate", "ws://", "ws://u:p@gate", "ws://gate?x=1", "ws://gate#f", "ws://ga te"} {
		if tg, err := parseTarget(raw, "", ""); err == nil {
			t.Errorf("%q is taken for %s", raw, tg.url("ws", "", nil))
		}
	}
	if _, err := parseTarget("ws://gate", "", "two words"); err == nil {
		t.Error("a token with a space is taken")
	}
}

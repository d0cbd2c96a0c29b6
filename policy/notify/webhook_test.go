package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
)

var update = flag.Bool("update", false, "write the golden files")

const signing = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"

func sampleEvent() policy.Event {
	return policy.Event{
		Ref: "FU-0123456789AB", At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), User: "anna", Plan: "unlimited", Cause: policy.ByViolation,
		Triggers: []policy.Trigger{{Cap: "daily", Window: 86_400_000, Sum: 9_000_000, Limit: 7_200_000}},
		Verdict:  policy.Verdict{Score: 0.9, Type: "broadcast"}, From: policy.Warning, To: policy.Throttle, Violations: 2, Outcome: policy.OutcomeStepped,
		Rule: "3rd violation within 168h", Limits: policy.Limits{Threshold: 0.7, WindowMS: 604_800_000, CooldownMS: 43_200_000, EnterAfter: 2},
	}
}

func notices(t *testing.T) Notices {
	t.Helper()
	n, err := NewNotices(Texts{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReceiversCanVerifyWhatTheyAreSent(t *testing.T) {
	check, err := standardwebhooks.NewWebhook(signing)
	if err != nil {
		t.Fatal(err)
	}
	ids := make(chan string, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := check.Verify(body, r.Header); err != nil {
			t.Errorf("the signature: %v", err)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || !json.Valid(body) {
			t.Errorf("%s of %s: %s", r.Method, r.Header.Get("Content-Type"), body)
		}
		ids <- r.Header.Get(standardwebhooks.HeaderWebhookID)
	}))
	defer server.Close()
	hook, err := NewWebhook(WebhookConfig{URL: server.URL, Secret: secret.New(signing)})
	if err != nil {
		t.Fatal(err)
	}
	box := open(t, t.TempDir(), Options{}, hook)
	m, ok, err := notices(t).Step(sampleEvent(), policy.Default())
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	appendAll(t, box, m, m) // a repetition
	if a, b := <-ids, <-ids; a != b || a != WebhookID("FU-0123456789AB") || strings.Contains(a, ".") {
		t.Errorf("the ids of one step are %s and %s", a, b)
	}
	box.Close()
}

func TestThePayloadIsAsDocumented(t *testing.T) {
	m, _, err := notices(t).Step(sampleEvent(), policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/step.json", m.Body)
}

// golden compares JSON with a file.
func golden(t *testing.T, file string, body []byte) {
	t.Helper()
	var got bytes.Buffer
	if err := json.Indent(&got, body, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s is not what was made (-update):\n%s", file, got.Bytes())
	}
}

func TestEachAnswerIsUnderstood(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		code    int
		after   string
		refused bool
		wait    time.Duration
	}{
		{301, "", false, 0},
		{400, "", true, 0},
		{401, "", true, 0},
		{404, "", true, 0},
		{410, "5", true, 0},
		{408, "", false, 0},
		{425, "", false, 0},
		{429, "90", false, 90 * time.Second},
		{500, "", false, 0},
		{502, "soon", false, 0},
		{503, "Sat, 31 Jan 2026 12:02:00 GMT", false, 2 * time.Minute},
		{503, "Sat, 31 Jan 2026 11:00:00 GMT", false, 0},
		{503, "-3", false, 0},
		{503, "99999999999", false, longestWish},
	} {
		err := newPoster("").answered(&http.Response{StatusCode: tc.code, Header: http.Header{"Retry-After": {tc.after}}}, now)
		var wait time.Duration
		if later := (*laterError)(nil); errors.As(err, &later) {
			wait = later.after
		}
		if err == nil || errors.Is(err, ErrRefused) != tc.refused || wait != tc.wait {
			t.Errorf("%d %q: %v, waits %s", tc.code, tc.after, err, wait)
		}
	}
	for _, code := range []int{200, 202, 204} {
		if err := newPoster("").answered(&http.Response{StatusCode: code}, now); err != nil {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestAWebhookThatIsDownIsToldLaterAndItsURLNotShown(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	hook, err := NewWebhook(WebhookConfig{URL: address + "/?key=CANARY", Secret: secret.New(signing)})
	if err != nil {
		t.Fatal(err)
	}
	defer hook.Close()
	n, err := hook.Take(t.Context(), []Message{note(ToWebhook, "a")})
	if n != 0 || err == nil || errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("%d taken, %v", n, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := hook.Take(ended, []Message{note(ToWebhook, "a")}); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %d taken, %v", n, err)
	}
}

// TestWhatWaitsGoesToTheNewWebhookAtOnce has a message for a webhook that asks to be left alone for an hour, and is replaced.
func TestWhatWaitsGoesToTheNewWebhookAtOnce(t *testing.T) {
	const secrets = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo="
	asked := make(chan struct{}, 10)
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
		asked <- struct{}{}
	}))
	defer old.Close()
	check, err := standardwebhooks.NewWebhook(secrets)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 10)
	next := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := check.Verify(body, r.Header); err != nil {
			t.Errorf("the signature: %v", err)
		}
		told <- string(body)
	}))
	defer next.Close()
	hook, err := NewWebhook(WebhookConfig{URL: old.URL, Secret: secret.New(signing)})
	if err != nil {
		t.Fatal(err)
	}
	paused := make(chan struct{}, 10)
	box := open(t, t.TempDir(), Options{Count: func(_, result string, _ int) {
		if result == ResultRetried {
			paused <- struct{}{}
		}
	}}, hook)
	defer box.Close()
	appendAll(t, box, note(ToWebhook, "a"))
	<-asked
	<-paused
	if err := hook.Follow(WebhookConfig{URL: next.URL, Secret: secret.New("short")}); err == nil {
		t.Error("a secret that is none is taken")
	}
	if err := hook.Follow(WebhookConfig{URL: next.URL, Secret: secret.New(secrets)}); err != nil {
		t.Fatal(err)
	}
	box.Retry(ToWebhook)
	box.Retry("nobody")
	if got, want := <-told, string(note(ToWebhook, "a").Body); got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	if len(asked) > 0 {
		t.Error("the old webhook was asked again")
	}
}

func TestOnlyStepsThatAreFeltAreTold(t *testing.T) {
	rules := policy.Default()
	quiet := rules.Stages[policy.Throttle]
	quiet.Actions.Notify = false
	for _, tc := range []struct {
		name     string
		from, to policy.Stage
		cause    policy.Cause
		shadow   bool
		kind     string // "": nobody is told
		says     string
	}{
		{"up", policy.None, policy.Warning, policy.ByViolation, false, "policy.step", "unusually high"},
		{"to the last", policy.Throttle, policy.Restrict, policy.ByCap, false, "policy.step", "limited for now"},
		{"credits", policy.None, policy.Warning, policy.FreeExhausted, false, "policy.free_exhausted", "used up"},
		{"credits are back", policy.Restrict, policy.None, policy.ByCredits, false, "policy.restored", "back to normal"},
		{"a reset", policy.Restrict, policy.Warning, policy.ByReset, false, "policy.restored", "eased"},
		{"shadow", policy.None, policy.Warning, policy.ByViolation, true, "", ""},
		{"no step", policy.Warning, policy.Warning, policy.ByViolation, false, "", ""},
		{"a quiet stage", policy.Warning, policy.Throttle, policy.ByViolation, false, "", ""},
		{"out of a quiet stage", policy.Throttle, policy.None, policy.ByReset, false, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := policy.Default()
			c.Stages[policy.Throttle] = quiet
			e := sampleEvent()
			e.From, e.To, e.Cause, e.Shadow = tc.from, tc.to, tc.cause, tc.shadow
			m, ok, err := notices(t).Step(e, c)
			if err != nil || ok != (tc.kind != "") {
				t.Fatal(ok, err)
			}
			if !ok {
				return
			}
			var got struct {
				Type string
				Data struct{ Text, Ref string }
			}
			if err := json.Unmarshal(m.Body, &got); err != nil {
				t.Fatal(err)
			}
			if got.Type != tc.kind || !strings.Contains(got.Data.Text, tc.says) || got.Data.Ref != e.Ref {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAWrongTextIsNamedByItsKey(t *testing.T) {
	for _, tc := range []struct {
		texts Texts
		key   string
	}{
		{Texts{Step: "{{.Nobody}}"}, "texts.step"},
		{Texts{FreeExhausted: "{{if"}, "texts.free_exhausted"},
		{Texts{Restored: `{{if eq .To "throttle"}}{{.Nobody}}{{end}}`}, "texts.restored"}, // in one branch alone
		{Texts{Budget80: "{{.Case}}"}, "texts.budget_80"},
		{Texts{BudgetBack: "  "}, "texts.budget_back"},
	} {
		err := Config{Texts: tc.texts}.WithDefaults().Validate()
		if err == nil || !strings.HasPrefix(err.Error(), tc.key+": ") {
			t.Errorf("%+v: %v, want a fault of %s", tc.texts, err, tc.key)
		}
	}
}

package review

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
)

const (
	serviceKey  = "CANARY-key-of-the-service"
	urlPassword = "CANARY-password-in-the-URL"
	// hang is how long a test waits for what must happen: a guard, never a measure.
	hang = 30 * time.Second
)

// service is a stand-in: it answers with what handle says, and keeps what it was asked.
type service struct {
	*httptest.Server
	asked  atomic.Int64
	last   atomic.Pointer[http.Request]
	body   atomic.Pointer[string]
	handle atomic.Pointer[http.HandlerFunc]
}

func newService(t *testing.T, handle http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.handle.Store(&handle)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		said := string(b)
		s.body.Store(&said)
		s.last.Store(r)
		s.asked.Add(1)
		(*s.handle.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// secretURL is the service's address with a password in it.
func (s *service) secretURL(path string) string {
	return strings.Replace(s.URL, "http://", "http://user:"+urlPassword+"@", 1) + path
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, canary)
	}
}

// chatted is a chat endpoint's answer.
func chatted(content string) string {
	b, _ := json.Marshal(content)
	return fmt.Sprintf(`{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],"usage":{"total_tokens":1}}`, b)
}

// client is one of those of this package, asked for anything.
type client struct {
	name string
	good string // an answer as agreed
	ask  func(t *testing.T, url string, timeout time.Duration) error
	// bad answers, and what the error says.
	bad map[string]string
	// answers says that a bad answer is told from a failure.
	answers bool
}

func clients() []client {
	judge := func(typ string) func(*testing.T, string, time.Duration) error {
		return func(t *testing.T, url string, timeout time.Duration) error {
			k := NewClassifier(ClassifierConfig{Type: typ, URL: url, Model: "m", Key: secret.New(serviceKey), Timeout: timeout}.WithDefaults(), nil)
			defer k.Close()
			_, err := k.Judge(t.Context(), example(t))
			return err
		}
	}
	return []client{
		{"http", answer("", ""), judge(TypeHTTP), map[string]string{
			"": "no JSON object", canary: "no JSON object", answer("", "") + canary: "behind", answer("misuse_score", `"0.9"`): "no number",
			answer("misuse_score", "1.2"): "0 to 1", answer("misuse_score", "NaN"): "broken", answer("usage_type", `"x"`): "agreed",
		}, true},
		{"openai", chatted(answer("", "")), judge(TypeOpenAI), map[string]string{
			"": "no JSON object", `{"error":{"message":"` + canary + `"}}`: "no choices", `{"choices":[]}`: "no choices", `{"choices":{}}`: "no choices", `{"choices":[1]}`: "no JSON object",
			`{"choices":[{}]}`: "no JSON object", `{"choices":[{"message":{"content":null,"refusal":"no"}}]}`: "refused",
			`{"choices":[{"message":{"content":"{"},"finish_reason":"length"}]}`: "not come to its end", chatted("I think " + answer("", "")): "no JSON object",
			chatted("```json\n" + answer("", "")): "no JSON object", chatted("```" + answer("", "") + "```"): "no JSON object", chatted(answer("misuse_score", "1.2")): "0 to 1",
			chatted(answer("", "") + canary): "behind", chatted(answer("", "")) + canary: "behind",
		}, true},
		{"credits", `{"exhausted":true}`, func(t *testing.T, url string, timeout time.Duration) error {
			c := NewCredits(CreditsConfig{Type: TypeHTTP, URL: url, Key: secret.New(serviceKey), Timeout: timeout}, nil)
			defer c.Close()
			_, err := c.Exhausted(t.Context(), "bob")
			return err
		}, map[string]string{
			"": "no JSON object", canary: "no JSON object", "true": "no JSON object", `{}`: "has no", `{"exhausted":"true"}`: "has no", `{"exhausted":1}`: "has no",
			`{"exhausted":null}`: "has no", `{"Exhausted":true}`: "has no", `{"exhausted":false,"exhausted":true}`: "twice", `{"exhausted":true}{}`: "behind",
		}, false},
		{"stage", `{"stage":"warning"}`, func(t *testing.T, url string, timeout time.Duration) error {
			s := NewHTTPSource(ExternalConfig{URL: url + "?u={user}", Key: secret.New(serviceKey), Timeout: timeout}, nil)
			defer s.Close()
			_, _, err := s.Stage(t.Context(), "bob")
			return err
		}, map[string]string{
			"": "no JSON object", `"warning"`: "no JSON object", `{}`: "is a word", `{"stage":null}`: "is a word", `{"stage":1}`: "is a word", `{"stage":""}`: "none of",
			`{"stage":"` + canary + `"}`: "none of", `{"stage":"Warning"}`: "none of", `{"stage":"none","stage":"restrict"}`: "twice",
		}, false},
	}
}

// harmless says that an error shows neither what is secret nor what a user has said.
func harmless(t *testing.T, err error) {
	t.Helper()
	for _, hidden := range []string{serviceKey, urlPassword, canary} {
		if err != nil && strings.Contains(err.Error(), hidden) {
			t.Errorf("the error shows it: %v", err)
		}
	}
}

func TestEveryWrongAnswerIsAnErrorThatSaysWhat(t *testing.T) {
	t.Parallel()
	for _, c := range clients() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, says(c.good))
			if err := c.ask(t, s.secretURL("/x"), hang); err != nil {
				t.Fatalf("a good answer: %v", err)
			}
			if got := s.last.Load().Header.Get("Authorization"); got != "Bearer "+serviceKey {
				t.Errorf("Authorization %q", got)
			}
			for in, want := range c.bad {
				h := says(in)
				s.handle.Store(&h)
				err := c.ask(t, s.secretURL("/x"), hang)
				if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, policy.ErrAnswer) != c.answers {
					t.Errorf("%.80q: %v, want %s", in, err, want)
				}
				harmless(t, err)
			}
		})
	}
}

func TestEveryFailureIsAnErrorAndNoAnswer(t *testing.T) {
	t.Parallel()
	elsewhere := newService(t, says("{}"))
	for name, handle := range map[string]http.HandlerFunc{
		"status 500": status(500), "status 401": status(401), "status 204": status(204), "status 201": status(201), "status 429": status(429),
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"redirect7": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"huge body": says(strings.Repeat("{", 1<<20)),
		"huge zip": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"x":"`+strings.Repeat(" ", 1<<20))
		},
		"huge header": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 100<<10)) },
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, canary)
			panic(http.ErrAbortHandler)
		},
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		for _, c := range clients() {
			t.Run(name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				s := newService(t, handle)
				err := c.ask(t, s.secretURL("/x"), hang)
				if err == nil || errors.Is(err, policy.ErrAnswer) {
					t.Errorf("%v", err)
				}
				harmless(t, err)
				if n := s.asked.Load(); n != 1 {
					t.Errorf("asked %d times: nothing is tried again here", n)
				}
			})
		}
	}
	t.Cleanup(func() { // behind the parallel ones
		if elsewhere.asked.Load() > 0 {
			t.Error("a redirect was followed")
		}
	})
}

func TestSilenceEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"no header": "", "slow body": `{"exhausted":`} {
		for _, c := range clients() {
			t.Run(name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				s := newService(t, func(w http.ResponseWriter, r *http.Request) {
					if first != "" {
						_, _ = io.WriteString(w, first)
						_ = http.NewResponseController(w).Flush()
					}
					<-r.Context().Done() // until the client gives up
				})
				err := c.ask(t, s.secretURL("/x"), 50*time.Millisecond)
				if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, policy.ErrAnswer) {
					t.Errorf("%v", err)
				}
				harmless(t, err)
			})
		}
	}
}

func TestNobodyThereIsAFailure(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range clients() {
		err := c.ask(t, strings.Replace(gone.URL, "http://", "http://u:"+urlPassword+"@", 1), hang)
		if err == nil || errors.Is(err, policy.ErrAnswer) {
			t.Errorf("%s: %v", c.name, err)
		}
		harmless(t, err)
	}
}

func TestACertificateThatNobodyKnowsIsRefused(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(says(`{"exhausted":true}`))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	defer s.Close()
	for _, c := range clients() {
		if err := c.ask(t, s.URL, hang); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	c := NewCredits(CreditsConfig{Type: TypeHTTP, URL: s.URL, Timeout: hang}, s.Client().Transport.(*http.Transport).TLSClientConfig)
	defer c.Close()
	if yes, err := c.Exhausted(t.Context(), "bob"); !yes || err != nil {
		t.Errorf("with its authority: %v, %v", yes, err)
	}
}

func TestAServiceIsShownTheEvidence(t *testing.T) {
	t.Parallel()
	s := newService(t, says(answer("", "")))
	k := NewClassifier(ClassifierConfig{Type: TypeHTTP, URL: s.URL + "/judge", Timeout: hang, Concurrency: 1}, nil)
	defer k.Close()
	v, err := k.Judge(t.Context(), example(t))
	if err != nil || v.Score != 0.9 || v.Type != "podcast" {
		t.Fatalf("%+v, %v", v, err)
	}
	want, _ := encode(example(t))
	r := s.last.Load()
	if *s.body.Load() != string(want) || r.Method != http.MethodPost || r.URL.Path != "/judge" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "" {
		t.Errorf("%s %s %v: %s", r.Method, r.URL, r.Header, *s.body.Load())
	}
}

func TestAModelIsShownTheEvidenceWithoutNames(t *testing.T) {
	t.Parallel()
	fence := "```"
	for name, content := range map[string]string{
		"plain": answer("", ""), "fenced": fence + "json\n" + answer("", "") + "\n" + fence, "fenced, no word": "\n" + fence + "\n" + answer("", "") + fence + "\n", "fenced, upper case": fence + "JSON\n" + answer("", "") + "\n" + fence,
	} {
		s := newService(t, says(chatted(content)))
		k := NewClassifier(ClassifierConfig{Type: TypeOpenAI, URL: s.URL + "/v1/?api-version=1", Model: "small", Timeout: hang, Concurrency: 1}, nil)
		e := example(t)
		e.Shapes = []Shape{ShapeAudiobook, ShapePrerecorded, ShapeCommercial, ShapePodcast}
		v, err := k.Judge(t.Context(), e)
		k.Close()
		if err != nil || v.Score != 0.9 {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		if u := s.last.Load().URL.String(); u != "/v1/chat/completions?api-version=1" {
			t.Errorf("asked at %s", u)
		}
		var got chatRequest
		if err := json.Unmarshal([]byte(*s.body.Load()), &got); err != nil {
			t.Fatal(err)
		}
		if got.Model != "small" || got.Temperature != 0 || got.Format.Type != "json_object" || len(got.Messages) != 2 || !strings.Contains(*s.body.Load(), `"temperature":0,`) {
			t.Errorf("request %s", *s.body.Load())
		}
		if strings.Contains(*s.body.Load(), "user-1") || strings.Contains(*s.body.Load(), "FU-") || !strings.Contains(got.Messages[1].Content, `"audio_ms":3720000`) {
			t.Errorf("shown: %s", got.Messages[1].Content)
		}
		system := got.Messages[0].Content
		for _, want := range append(UsageTypes(), "Volume alone is never misuse", "JSON", "pass over it", hint(ShapeAudiobook), hint(ShapePodcast), hint(ShapeCommercial), hint(ShapePrerecorded)) {
			if want == "" || !strings.Contains(system, want) {
				t.Errorf("the prompt does not say %q", want)
			}
		}
		if strings.Contains(prompt(nil), "Shapes that") {
			t.Error("shapes without shapes")
		}
	}
}

func TestWithoutSessionsNobodyIsAskedAndTheScoreIsZero(t *testing.T) {
	t.Parallel()
	s := newService(t, status(500))
	k := NewClassifier(ClassifierConfig{Type: TypeHTTP, URL: s.URL, Timeout: hang, Concurrency: 1}, nil)
	defer k.Close()
	if v, err := k.Judge(t.Context(), NewEvidence(Subject{At: noon}, nil)); err != nil || v.Score != 0 || v.Type != "none" || s.asked.Load() != 0 {
		t.Errorf("%+v, %v, asked %d times", v, err, s.asked.Load())
	}
}

func TestNothingOfAnAnswerIsInTheErrorsOfABrokenURL(t *testing.T) {
	t.Parallel()
	c := newCaller("http://a b/"+urlPassword, secret.New(serviceKey), hang, 10, nil)
	_, err := c.post(t.Context(), nil)
	if err == nil || bytes.Contains([]byte(err.Error()), []byte("CANARY")) {
		t.Errorf("%v", err)
	}
}

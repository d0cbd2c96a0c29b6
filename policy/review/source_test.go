package review

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/sttgate/sttgate/policy"
)

func TestCreditsAreAskedByTheUser(t *testing.T) {
	t.Parallel()
	s := newService(t, says(`{"exhausted":false,"left":3}`))
	for path, want := range map[string]string{"/credits/{user}/x?u={user}": "GET /credits/a%40b%3Ac/x?u=a%40b%3Ac ", "/credits": `POST /credits {"user":"a@b:c"}`} {
		c := NewCredits(CreditsConfig{Type: TypeHTTP, URL: s.URL + path, Timeout: hang}, nil)
		spent, err := c.Exhausted(t.Context(), "a@b:c")
		if r := s.last.Load(); spent || err != nil || r.Method+" "+r.RequestURI+" "+*s.body.Load() != want {
			t.Errorf("%v, %v: %s %s %s", spent, err, r.Method, r.RequestURI, *s.body.Load())
		}
		before := s.asked.Load()
		if _, err := c.Exhausted(t.Context(), ".."); (err == nil) != (path == "/credits") || (s.asked.Load() == before) != (err != nil) {
			t.Errorf("user ..: %v", err)
		}
		c.Close()
	}
	if NewCredits(CreditsConfig{}.WithDefaults(), nil) != nil || NewClassifier(ClassifierConfig{}.WithDefaults(), nil) != nil {
		t.Error("type none has a client")
	}
}

func TestABackendTellsAStageOrDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	src := NewHTTPSource(ExternalConfig{URL: s.URL + "/{user}/stage", Timeout: hang}, nil)
	defer src.Close()
	for _, want := range policy.Stages() {
		h := says(fmt.Sprintf(`{"stage":%q,"since":"x"}`, want))
		s.handle.Store(&h)
		if got, known, err := src.Stage(t.Context(), "bob"); got != want || !known || err != nil || s.last.Load().URL.Path != "/bob/stage" {
			t.Errorf("%s, %v, %v", got, known, err)
		}
	}
	h := status(http.StatusNotFound)
	s.handle.Store(&h)
	if got, known, err := src.Stage(t.Context(), "bob"); got != "" || known || err != nil {
		t.Errorf("404: %s, %v, %v", got, known, err)
	}
}

// keys stands in for a server of keys.
type keys struct {
	value string
	ok    bool
	err   error
	asked string
}

func (k *keys) Read(ctx context.Context, key string) (string, bool, error) {
	k.asked = key
	if k.err != nil {
		return "", false, k.err
	}
	return k.value, k.ok, ctx.Err()
}

func TestAKeyHoldsAStageOrNothingIsKnown(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, c := range map[string]struct {
		keys  keys
		stage policy.Stage
		known bool
		fails bool
	}{
		"a stage":         {keys{value: "throttle", ok: true}, policy.Throttle, true, false},
		"none":            {keys{value: "none", ok: true}, policy.None, true, false},
		"absent":          {keys{}, "", false, false},
		"an unknown word": {keys{value: "banned", ok: true}, "", false, true},
		"empty":           {keys{ok: true}, "", false, true},
		"down":            {keys{err: down}, "", false, true},
	} {
		s := NewKeySource(ExternalConfig{}.WithDefaults(), &c.keys)
		stage, known, err := s.Stage(t.Context(), "a@b")
		if stage != c.stage || known != c.known || (err != nil) != c.fails || c.keys.asked != "fair_use:stage:a@b" {
			t.Errorf("%s: %s, %v, %v of %s", name, stage, known, err, c.keys.asked)
		}
	}
}

package review

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sttgate/sttgate/config/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatIsLeftOutIsFilled(t *testing.T) {
	for name, err := range map[string]error{
		"classifier": ClassifierConfig{}.WithDefaults().Validate(), "credits": CreditsConfig{}.WithDefaults().Validate(),
		"external":     ExternalConfig{}.WithDefaults().Validate("own"),
		"http":         ClassifierConfig{Type: TypeHTTP, URL: "http://a/b"}.WithDefaults().Validate(),
		"openai":       ClassifierConfig{Type: TypeOpenAI, URL: "https://a/v1", Model: "m"}.WithDefaults().Validate(),
		"asks credits": CreditsConfig{Type: TypeHTTP, URL: "http://a"}.WithDefaults().Validate(),
		"stage http":   ExternalConfig{URL: "http://a/{user}"}.WithDefaults().Validate("http"),
		"stage redis":  ExternalConfig{RedisURL: secret.New("redis://a")}.WithDefaults().Validate("redis"),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryFaultIsALineWithItsKeyAndWithoutTheURL(t *testing.T) {
	const hidden = "ftp://user:CANARY@host"
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"empty":           {ClassifierConfig{}.Validate(), "type timeout concurrency"},
		"no url":          {ClassifierConfig{Type: TypeHTTP}.WithDefaults().Validate(), "url"},
		"no model":        {ClassifierConfig{Type: TypeOpenAI, URL: hidden}.WithDefaults().Validate(), "url model"},
		"empty credits":   {CreditsConfig{}.Validate(), "type timeout refresh"},
		"credits, no url": {CreditsConfig{Type: TypeHTTP, URL: "nowhere"}.WithDefaults().Validate(), "url"},
		"stage http":      {ExternalConfig{URL: hidden + "/{user}"}.WithDefaults().Validate("http"), "url"},
		"a password":      {ClassifierConfig{Type: TypeHTTP, URL: "https://user:CANARY@host"}.WithDefaults().Validate(), "url"},
		"no place":        {ExternalConfig{URL: "http://host/user", RedisKey: "stage:user"}.WithDefaults().Validate("http"), "url redis_key"},
		"stage redis":     {ExternalConfig{}.Validate("redis"), "redis_url redis_key timeout ttl"},
	} {
		var keys []string
		for line := range strings.Lines(tc.err.Error()) {
			key, _, _ := strings.Cut(line, ": ")
			keys = append(keys, key)
		}
		if got := strings.Join(keys, " "); got != tc.want || strings.Contains(tc.err.Error(), "CANARY") {
			t.Errorf("%s: faults of %q, want %q: %v", name, got, tc.want, tc.err)
		}
	}
}

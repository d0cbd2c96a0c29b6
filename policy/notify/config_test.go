package notify

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sttgate/sttgate/config/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNothingIsToldUnlessSomebodyIsNamed(t *testing.T) {
	if err := (Config{}).WithDefaults().Validate(); err != nil {
		t.Error(err)
	}
	if err := (EventsConfig{}).WithDefaults().Validate(); err != nil {
		t.Error(err)
	}
}

func TestEveryFaultIsALineWithItsKeyAndWithoutTheURL(t *testing.T) {
	const hidden, password = "ftp://user:CANARY@host", "https://user:CANARY@host"
	for _, tc := range []struct {
		err  error
		want string
	}{
		{Config{Webhook: WebhookConfig{URL: hidden, Secret: secret.New("whsec_CANARY")}}.WithDefaults().Validate(), "webhook.url webhook.secret"},
		{Config{Webhook: WebhookConfig{URL: password, Secret: secret.New(signing)}}.WithDefaults().Validate(), "webhook.url"},
		{EventsConfig{URL: password}.WithDefaults().Validate(), "url"},
		{EventsConfig{URL: hidden, FileKeep: 1001}.Validate(), "file_bytes file_keep url mode interval max_bytes"},
		{EventsConfig{Token: secret.New("CANARY")}.WithDefaults().Validate(), "token"},
	} {
		var keys []string
		for line := range strings.Lines(tc.err.Error()) {
			key, _, _ := strings.Cut(line, ": ")
			keys = append(keys, key)
		}
		if got := strings.Join(keys, " "); got != tc.want || strings.Contains(tc.err.Error(), "CANARY") {
			t.Errorf("faults of %q, want %q: %v", got, tc.want, tc.err)
		}
	}
}

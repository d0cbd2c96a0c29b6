package notify

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sttgate/sttgate/config/secret"
)

// Config is the section notify.
type Config struct {
	Webhook WebhookConfig
	Texts   Texts
}

// WithDefaults fills the zero fields.
func (c Config) WithDefaults() Config {
	c.Texts = c.Texts.WithDefaults()
	return c
}

// WebhookConfig says who is told of steps and budgets.
type WebhookConfig struct {
	URL    string       // http or https; empty: nobody
	Secret secret.Value // signs the messages; whsec_ and base64
}

// EventsConfig is the section events: what is told of usage, and to whom.
type EventsConfig struct {
	File      string        // JSON lines; empty: none
	FileBytes int64         // the size at which another file is begun; default 100 MiB
	FileKeep  int           // how many old ones are kept beside it, 1 to 1000; default 10
	URL       string        // http or https; empty: none
	Token     secret.Value  // sent to it as Authorization: Bearer; empty: none
	Mode      string        // how: batch (default) or structured
	Interval  time.Duration // between two events of a running stream; default 5m
	MaxBytes  int64         // kept while a sink does not answer, the oldest dropped beyond; default 64 MiB
}

// WithDefaults fills the zero fields.
func (c EventsConfig) WithDefaults() EventsConfig {
	c.FileBytes = cmp.Or(c.FileBytes, 100<<20)
	c.FileKeep = cmp.Or(c.FileKeep, 10)
	c.Mode = cmp.Or(c.Mode, ModeBatch)
	c.Interval = cmp.Or(c.Interval, 5*time.Minute)
	c.MaxBytes = cmp.Or(c.MaxBytes, 64<<20)
	return c
}

// Wanted reports whether anybody is told of usage.
func (c EventsConfig) Wanted() bool { return c.File != "" || c.URL != "" }

// Validate checks a config that WithDefaults has filled. The error joins one error per fault, each of the form "key.path: what is wrong".
func (c Config) Validate() error {
	var f faults
	f.address("webhook.url", c.Webhook.URL)
	switch _, err := signingKey(c.Webhook.Secret); {
	case c.Webhook.Secret.Empty():
		if c.Webhook.URL != "" {
			f.add("webhook.secret", "is missing: receivers know by the signature that a message is not forged")
		}
	case err != nil:
		f.add("webhook.secret", "%w", err)
	}
	c.Texts.parse(&f)
	return errors.Join(f...)
}

// Validate checks a config that WithDefaults has filled. The error joins one error per fault, each of the form "key: what is wrong".
func (c EventsConfig) Validate() error {
	var f faults
	if c.FileBytes < 1<<20 {
		f.add("file_bytes", "must be at least 1MiB")
	}
	if c.FileKeep < 1 || c.FileKeep > 1000 {
		f.add("file_keep", "must be 1 to 1000")
	}
	f.address("url", c.URL)
	if c.URL == "" && !c.Token.Empty() {
		f.add("token", "is for nobody: events.url is empty")
	}
	if c.Mode != ModeBatch && c.Mode != ModeStructured {
		f.add("mode", "must be batch or structured")
	}
	if c.Interval < time.Second {
		f.add("interval", "%s is too short: 1s is the least", c.Interval)
	}
	if c.MaxBytes < 1<<20 {
		f.add("max_bytes", "must be at least 1MiB")
	}
	return errors.Join(f...)
}

// faults collects errors of the form "key: what is wrong".
type faults []error

func (f *faults) add(key, format string, args ...any) {
	*f = append(*f, fmt.Errorf(key+": "+format, args...))
}

// address does not show the URL: there may be a password in it.
func (f *faults) address(key, s string) {
	if s == "" {
		return
	}
	switch u, err := url.Parse(s); {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		f.add(key, "is no http or https URL")
	case u.User != nil:
		f.add(key, "must not carry a user or a password: it is shown to whoever may see the config; receivers know us by events.token, and by the signature of webhooks")
	}
}

package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy/notify"
	"github.com/sttgate/sttgate/proxy"
	"github.com/sttgate/sttgate/proxy/admin"
)

// Config is the whole file. The keys of Proxy stand at the top level.
type Config struct {
	Proxy  proxy.Config `mapstructure:",squash"`
	Admin  admin.Config
	Ledger ledger.Config
	Policy Policy
	Notify notify.Config
	Events notify.EventsConfig
	Log    Log

	Tracing Tracing
}

// Log says how much is logged, and how.
type Log struct {
	Level  string // debug, info (default), warn or error
	Format string // json (default) or text
}

// Default is the config of an empty file and an empty environment.
func Default() Config {
	return Config{
		Proxy:  proxy.Default(),
		Admin:  admin.Config{}.WithDefaults(),
		Ledger: ledger.Config{}.WithDefaults(),
		Policy: defaultPolicy(),
		Notify: notify.Config{}.WithDefaults(),
		Events: notify.EventsConfig{}.WithDefaults(),
		Log:    Log{Level: "info", Format: "json"},

		Tracing: Tracing{Sample: 1},
	}
}

// Validate asks every part, then what no part can see alone. The error joins one
// error per fault, each of the form "key: what is wrong".
func (c Config) Validate() error {
	_, layout := c.FairUse(nil)
	errs := []error{
		c.Proxy.Validate(), c.Admin.Validate(), validateLedger(c.Ledger), c.Policy.validate(),
		prefixed("notify.", c.Notify.Validate()), prefixed("events.", c.Events.Validate()), c.Log.Validate(), c.Tracing.Validate(), layout,
	}
	listeners := c.listeners()
	for _, key := range slices.Sorted(maps.Keys(listeners)) {
		if proxy.SameAddress(listeners[key], c.Admin.Listen) {
			errs = append(errs, fmt.Errorf("%s: is the same address as admin.listen: clients must not reach the admin API", key))
		}
	}
	return errors.Join(errs...)
}

// validateLedger puts the errors of a package that knows nothing of files into the
// form of this one. Written-out zeros are refused: the ledger would take them for
// "not set" and run on its defaults while the file says otherwise.
func validateLedger(c ledger.Config) error {
	var errs []error
	for _, f := range []struct {
		key   string
		empty bool
	}{
		{"store", c.Store == ""},
		{"path", c.Path == ""},
		{"slice", c.Slice == 0},
		{"timezone", c.Timezone == ""},
		{"redis.url", c.Redis.URL.Empty()},
		{"redis.prefix", c.Redis.Prefix == ""},
		{"redis.timeout", c.Redis.Timeout == 0},
		{"redis.layout", c.Redis.Layout == ""},
		{"outage.mode", c.Outage.Mode == ""},
		{"outage.grace_per_stream", c.Outage.GracePerStream == 0},
		{"outage.grace_per_user", c.Outage.GracePerUser == 0},
	} {
		if f.empty {
			errs = append(errs, fmt.Errorf("ledger.%s: must not be empty: leave it out for the default", f.key))
		}
	}
	for _, err := range flatten(c.Validate()) {
		key, what, _ := strings.Cut(err.Error(), " ")
		errs = append(errs, fmt.Errorf("ledger.%s: %s", strings.TrimSuffix(key, ":"), what))
	}
	return errors.Join(errs...)
}

// listeners are the addresses that clients reach, by key.
func (c Config) listeners() map[string]string {
	out := map[string]string{"listen": c.Proxy.Listen}
	for name, p := range c.Proxy.Providers {
		if p.Listen != "" {
			out["providers."+name+".listen"] = p.Listen
		}
	}
	return out
}

// Validate refuses unknown words: a misspelt level must not silence a log.
func (l Log) Validate() error {
	var errs []error
	if _, ok := l.level(); !ok {
		errs = append(errs, fmt.Errorf("log.level: %q is not known: use debug, info, warn or error", l.Level))
	}
	if l.Format != "json" && l.Format != "text" {
		errs = append(errs, fmt.Errorf("log.format: %q is not known: use json or text", l.Format))
	}
	return errors.Join(errs...)
}

// Logger writes to w as l says. An l that Validate refuses logs JSON from info up.
func (l Log) Logger(w io.Writer) *slog.Logger {
	level, _ := l.level()
	return l.logger(w, level)
}

func (l Log) logger(w io.Writer, level slog.Leveler) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if l.Format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

func (l Log) level() (slog.Level, bool) {
	switch l.Level {
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	}
	return slog.LevelInfo, false
}

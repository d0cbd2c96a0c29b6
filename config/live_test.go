package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// stand is a file with a Live on it.
type stand struct {
	*Live
	t       *testing.T
	file    string
	applied []Config
}

func newStand(t *testing.T, text string, environ ...string) *stand {
	t.Helper()
	s := &stand{t: t, file: filepath.Join(t.TempDir(), "gate.yaml")}
	s.write(text)
	var err error
	if s.Live, err = Open(s.file, environ); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stand) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) apply(c Config) error {
	s.applied = append(s.applied, c)
	return nil
}

func TestAReloadPutsTheFileIntoForceAndReportsWhatNeedsARestart(t *testing.T) {
	s := newStand(t, "limits: {streams: 5}\nlisten: 127.0.0.1:1000\n")
	before := s.Now()
	s.write("limits:\n  streams: 6\nlisten: 127.0.0.1:2000\nledger: {store: memory}\n")
	r, err := s.Reload(ByAPI, s.apply)
	if err != nil {
		t.Fatal(err)
	}
	now := s.Now()
	if c := now.Config.Proxy; c.Limits.Streams != 6 || c.Listen != "127.0.0.1:1000" || now.Config.Ledger.Store != "embedded" {
		t.Errorf("in force are %d streams at %s on %s", c.Limits.Streams, c.Listen, now.Config.Ledger.Store)
	}
	if len(r.Changes) != 1 || r.Changes[0].String() != "limits.streams: 5 -> 6" {
		t.Errorf("changes %v", r.Changes)
	}
	want := []string{"listen: 127.0.0.1:1000 -> 127.0.0.1:2000", "ledger.store: embedded -> memory"}
	if len(r.Restart) != 2 || r.Restart[0].String() != want[0] || r.Restart[1].String() != want[1] {
		t.Errorf("needs a restart: %v, want %v", r.Restart, want)
	}
	if r.Before != before.Hash || r.After != now.Hash || r.Before == r.After || now.Loaded.Before(before.Loaded) {
		t.Errorf("hashes %s, %s", r.Before, r.After)
	}
	if at := now.Sources["limits.streams"]; at.Line != 2 {
		t.Errorf("the source of a new value is %v", at)
	}
	if at := now.Sources["listen"]; at.Line != 2 { // of the old file
		t.Errorf("the source of a value that stays is %v", at)
	}
	if at := now.Sources["ledger.store"]; !at.Default() {
		t.Errorf("the source of a default that stays is %v", at)
	}
	if len(s.applied) != 1 || s.applied[0].Proxy.Limits.Streams != 6 {
		t.Errorf("applied %d times", len(s.applied))
	}
	if before.Config.Proxy.Limits.Streams != 5 {
		t.Error("whoever holds the old config sees another one")
	}
	// Once more: nothing changes, and what needs a restart still does.
	if r, err = s.Reload(ByAPI, s.apply); err != nil || len(r.Changes) != 0 || len(r.Restart) != 2 {
		t.Errorf("again: %+v, %v", r, err)
	}
	// Back to what it was: nothing is pending.
	s.write("limits: {streams: 5}\nlisten: 127.0.0.1:1000\n")
	if r, err = s.Reload(ByAPI, s.apply); err != nil || len(r.Changes) != 1 || len(r.Restart) != 0 || s.Now().Hash != before.Hash {
		t.Errorf("back: %+v, %v", r, err)
	}
}

func TestARefusedFileChangesNothing(t *testing.T) {
	s := newStand(t, "limits: {streams: 5}\nledger: {store: redis, redis: {layout: fair_use}}\n")
	for name, tt := range map[string]struct {
		text, says string
		apply      func(Config) error
	}{
		"all faults":    {"limits: {streams: no, steams: 1}\nlog: {level: loud}\n", "log.level", s.apply},
		"apply says no": {"limits: {streams: 6}\n", "nobody wants it", func(Config) error { return errors.New("nobody wants it") }},
		"half of it cannot be": {
			"limits: {streams: 6, header_timeout: 1s}\nadmin: {listen: 127.0.0.1:7}\nproviders: {deepgram: {listen: 127.0.0.1:8080}}\nlisten: 127.0.0.1:8081\nlog: {level: mute}\n",
			"log.level", s.apply,
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.Now()
			s.write(tt.text)
			r, err := s.Reload(BySignal, tt.apply)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want one that says %q", err, tt.says)
			}
			if r.Before != before.Hash || r.After != before.Hash || len(r.Changes) != 0 {
				t.Errorf("it has done %+v", r)
			}
			if s.Now() != before {
				t.Error("something changed")
			}
			if last := s.Last(); last.Err == nil || last.By != BySignal || s.Now().By != ByStart {
				t.Errorf("the failed attempt is remembered as %+v", last)
			}
		})
	}
	if len(s.applied) != 0 {
		t.Errorf("%d refused configs were applied", len(s.applied))
	}
	s.write("limits: {streams: 7}\n")
	if _, err := s.Reload(ByAPI, s.apply); err != nil || s.Last() != (Attempt{At: s.Now().Loaded, By: ByAPI}) || s.Now().By != ByAPI || s.Now().Config.Proxy.Limits.Streams != 7 {
		t.Errorf("a good file after bad ones: %v", err)
	}
}

// TestABackendsLayoutKeepsItsBudget: the keys of the layout were opened for one budget.
func TestABackendsLayoutKeepsItsBudget(t *testing.T) {
	const layout = "ledger: {store: redis, redis: {layout: fair_use}}\n"
	s := newStand(t, layout)
	s.write(layout + "budgets: [{name: deepgram-daily, stages: [restrict], limit: 20m}]\npolicy: {basis: words}\n")
	r, err := s.Reload(ByAPI, s.apply)
	if err != nil || s.Now().Config.Proxy.Budgets[0].Limit.Minutes() != 20 {
		t.Fatalf("the limit of the backend's day: %v", err)
	}
	if len(r.Restart) != 1 || r.Restart[0].Key != "policy.basis" {
		t.Errorf("needs a restart: %v", r.Restart)
	}
	s.write(layout + "budgets: [{name: another, stages: [restrict], limit: 10m}]\n")
	r, err = s.Reload(ByAPI, s.apply)
	if err != nil || s.Now().Config.Proxy.Budgets[0].Name != "deepgram-daily" || len(r.Restart) != 2 {
		t.Errorf("another day: %v, %v", r.Restart, err)
	}
}

func TestACheckChangesNothingAndSaysWhatAReloadWould(t *testing.T) {
	s := newStand(t, "limits: {streams: 5}\n")
	before := s.Now()
	r, err := s.Check([]byte("limits: {streams: 6}\nlisten: 127.0.0.1:1\n"))
	if err != nil || len(r.Changes) != 1 || len(r.Restart) != 1 || s.Now() != before {
		t.Errorf("%+v, %v", r, err)
	}
	var faults Faults
	if _, err := s.Check([]byte("limits: {streams: -1}\nnonsense: 1\n")); !errors.As(err, &faults) || len(faults) != 2 {
		t.Errorf("%v", err)
	}
	if _, err := s.Check(make([]byte, maxFile+1)); !errors.As(err, &faults) {
		t.Errorf("a file that is too large: %v", err)
	}
	if s.Last().Err != nil {
		t.Error("a check counts as an attempt")
	}
}

func TestTheLogLevelFollows(t *testing.T) {
	s := newStand(t, "log: {level: error}\n")
	var out bytes.Buffer
	log := s.Logger(&out)
	log.Info("quiet")
	s.write("log: {level: debug, format: text}\n")
	r, err := s.Reload(ByAPI, s.apply)
	if err != nil || len(r.Restart) != 1 || r.Restart[0].Key != "log.format" {
		t.Fatalf("%+v, %v", r, err)
	}
	log.Debug("loud")
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, `"msg":"loud"`) {
		t.Errorf("logged %q", got)
	}
}

func TestReloadsAreSerialised(t *testing.T) {
	s := newStand(t, "limits: {streams: 5}\n")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.Reload(ByAPI, s.apply); err != nil { // apply has no lock: the race detector looks on
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(s.applied) != 20 {
		t.Errorf("applied %d times", len(s.applied))
	}
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// leakless runs the tests and then looks for goroutines that nobody ended.
type leakless struct{ *testing.M }

func (m leakless) Run() int {
	code := m.M.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(leakless{m}, map[string]func(){"sttgate": main})
}

// TestScripts runs the real program as a process. Each script has a fake vendor
// at $VENDOR, and a gateway before it at $GATE with its admin listener at $ADMIN
// and the demo's budget of 4 s for who is restricted; its config file is $GATEFILE. $AUDIO holds the meter's files.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"until": until},
		Setup: func(e *testscript.Env) error {
			h, err := openHouse(context.Background(), slog.New(slog.DiscardHandler), demoRules())
			if err != nil {
				return err
			}
			e.Defer(func() {
				if err := h.close(); err != nil {
					t.Errorf("close the gateway: %v", err)
				}
			})
			audio, err := filepath.Abs("../../meter/testdata")
			if err != nil {
				return err
			}
			e.Setenv("AUDIO", audio)
			e.Setenv("VENDOR", h.vendors.listener.Addr().String())
			e.Setenv("GATE", h.gateway.DataAddr())
			e.Setenv("ADMIN", h.gateway.AdminAddr())
			e.Setenv("GATEFILE", filepath.Join(h.dir, "sttgate.yaml"))
			return os.WriteFile(e.WorkDir+"/speech.raw", []byte(speech), 0o600)
		},
	})
}

// until repeats a command until its output matches: what runs beside a script takes its time.
//
//	until 'regular expression' command [arg...]
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until regexp command [arg...]")
	}
	want := regexp.MustCompile(args[0])
	for range 600 {
		if err := ts.Exec(args[1], args[2:]...); err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	ts.Fatalf("%v never printed %s", args[1:], args[0])
}

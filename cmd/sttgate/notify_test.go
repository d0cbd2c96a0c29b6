package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// TestAStepIsToldOnceTheBackendIsBackAlsoAfterAKill steps a user while the backend is down, kills the gateway, and
// expects the message of the next one.
func TestAStepIsToldOnceTheBackendIsBackAlsoAfterAKill(t *testing.T) {
	t.Parallel()
	const signing = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
	check, err := standardwebhooks.NewWebhook(signing)
	if err != nil {
		t.Fatal(err)
	}
	type message struct {
		Type string
		Data struct{ Text, User, From, To string }
	}
	var up atomic.Bool
	tried, told := make(chan struct{}, 100), make(chan message, 100)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := check.Verify(body, r.Header); err != nil {
			t.Errorf("signature: %v", err)
		}
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			tried <- struct{}{}
			return
		}
		var m message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		told <- m
	}))
	defer backend.Close()
	w := newWorld(t, fmt.Sprintf("notify: {webhook: {url: %q, secret: %s}}\n", backend.URL, signing))
	p := serveProcess(t, w.file)
	p.call(http.MethodPut, "/admin/v1/users/bob/stage", `{"stage":"restrict","reason":"test"}`, nil)
	select {
	case <-tried:
	case <-time.After(procHang):
		t.Fatal("the backend was not called")
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	up.Store(true)
	serveProcess(t, w.file)
	select {
	case m := <-told:
		if m.Type != "policy.step" || m.Data.User != "bob" || m.Data.From != "none" || m.Data.To != "restrict" || m.Data.Text == "" {
			t.Errorf("told %+v", m)
		}
	case <-time.After(procHang):
		t.Error("the backend was not told")
	}
}

// TestASpentBudgetIsTold streams until nothing is left.
func TestASpentBudgetIsTold(t *testing.T) {
	t.Parallel()
	told := make(chan string, 100)
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct {
			Type string
			Data struct{ User, Budget string }
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		told <- m.Type + " " + m.Data.User + " " + m.Data.Budget
	}))
	defer backend.Close()
	w := newWorld(t, fmt.Sprintf("notify: {webhook: {url: %q, secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz}}\n", backend.URL))
	file, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	file = bytes.Replace(file, []byte("stages: [restrict], window: 168h, limit: 100h"), []byte("limit: 3s"), 1)
	if err := os.WriteFile(w.file, file, 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveProcess(t, w.file)
	all := flood(t, p, 1)
	for hang := time.After(procHang); ; {
		select {
		case got := <-told:
			if got == "budget.80 bob daily" || got == "budget.95 bob daily" {
				continue
			}
			if got != "budget.spent bob daily" {
				t.Errorf("told %q", got)
			}
		case <-hang:
			t.Error("nobody was told")
		}
		break
	}
	for _, s := range p.streams() {
		p.send(http.MethodDelete, "/admin/v1/streams/"+s, http.StatusAccepted)
	}
	all.Wait()
}

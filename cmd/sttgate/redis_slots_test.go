package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// TestGatewaysShareAUsersPlaces lets five clients race for two places on two gateways, and then kills one of them.
func TestGatewaysShareAUsersPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "limits: {streams_per_user: 2}\n")
	server := ledgertest.StartRedis(t)
	file := w.redisConfig(server.URL(), "10h", "mode: deny")
	patient(t, file)
	gates := w.two(file)
	runs := func(p *process) (n int) {
		var u struct{ Running int }
		p.call(http.MethodGet, "/admin/v1/users/bob", "", &u)
		return u.Running
	}
	got := make([]*websocket.Conn, 5)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = enter(t, gates[i%2]) })
	}
	all.Wait()
	held := []int{0, 0} // by each gateway
	for i, c := range got {
		if c != nil {
			held[i%2]++
		}
	}
	if held[0]+held[1] != 2 || runs(gates[0]) != 2 || runs(gates[1]) != 2 {
		t.Fatalf("%v run; told are %d and %d; want 2", held, runs(gates[0]), runs(gates[1]))
	}
	dead, lives := gates[0], gates[1]
	if held[0] == 0 {
		dead, lives, held[0] = gates[1], gates[0], held[1]
	}
	dead.signal(syscall.SIGKILL)
	dead.wait()
	if enter(t, lives) != nil {
		t.Fatal("a dead gateway's place is free before its heartbeat is over")
	}
	c := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { _ = c.Close() }()
	if n, err := c.Del(t.Context(), "sttgate:{gateways}:beats").Result(); n != 1 || err != nil { // half a minute has passed
		t.Fatal(n, err)
	}
	for range held[0] {
		if enter(t, lives) == nil {
			t.Fatal("a dead gateway's place does not come back")
		}
	}
	if enter(t, lives) != nil || runs(lives) != 2 {
		t.Errorf("%d run; want 2", runs(lives))
	}
}

// patient lets a gateway wait for its ledger as long as a machine under load takes.
func patient(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), "timeout: "+redisTimeout.String(), "timeout: 10s", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil { //nolint:gosec // a test's own file
		t.Fatal(err)
	}
}

// enter begins a stream of bob's, which ends with the test, or is told that there are too many: then it is nil.
func enter(t *testing.T, p *process) *websocket.Conn {
	c, resp, err := websocket.DefaultDialer.Dial("ws://"+p.data+"/v1/listen?encoding=linear16&sample_rate=16000", http.Header{"X-Sttgate-User": {"bob"}})
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	if resp == nil {
		t.Errorf("connect: %v", err)
		return nil
	}
	defer resp.Body.Close()
	var said struct {
		Code   string `json:"err_code"`
		Detail string `json:"detail"`
	}
	err = json.NewDecoder(resp.Body).Decode(&said)
	if err != nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("X-Sttgate-Reason") != "too_many_streams" ||
		said.Code != "TOO_MANY_REQUESTS" || !strings.Contains(said.Detail, "bob") {
		t.Errorf("refused with %s, %q, %+v, %v", resp.Status, resp.Header.Get("X-Sttgate-Reason"), said, err)
	}
	return nil
}

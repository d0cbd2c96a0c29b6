package fake

import (
	"errors"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestFluxNumbersItsMessages(t *testing.T) {
	d, url := start(t, Options{})
	c, resp := dial(t, url, fluxURL, token("any"))
	if m := next(t, c); m["type"] != "Connected" || m["sequence_id"] != 0.0 || m["request_id"] != resp.Header.Get("Dg-Request-Id") {
		t.Fatalf("first message %v", m)
	}
	send(t, c, websocket.TextMessage, []byte(`{"type":"Configure","thresholds":{"eot_threshold":0.8}}`))
	for range 4 {
		send(t, c, websocket.BinaryMessage, second)
	}
	send(t, c, websocket.BinaryMessage, second[:8000])
	send(t, c, websocket.TextMessage, []byte(`{"type":"ForceEndTurn"}`))
	send(t, c, websocket.TextMessage, closeStream)
	msgs, end := rest(t, c)
	if end.Code != 1000 {
		t.Errorf("closed %v", end)
	}
	if got := types(msgs); got != "ConfigureSuccess TurnInfo TurnInfo TurnInfo TurnInfo TurnInfo" {
		t.Fatal(got)
	}
	events := []string{"", "StartOfTurn", "Update", "EndOfTurn", "StartOfTurn", "EndOfTurn"}
	for i, m := range msgs {
		if m["sequence_id"] != float64(i+1) {
			t.Errorf("message %d has number %v", i, m["sequence_id"])
		}
		if i > 0 && m["event"] != events[i] {
			t.Errorf("message %d is %v, want %s", i, m["event"], events[i])
		}
	}
	last := msgs[5]
	if last["turn_index"] != 1.0 || last["audio_window_start"] != 3.0 || last["audio_window_end"] != 4.5 || last["trigger"] != "manual" {
		t.Errorf("last turn %v", last)
	}
	if streams, err := d.Wait(guard(t), 1); err != nil || streams[0].Record().AudioMS != 4500 {
		t.Errorf("%v", err)
	}
}

func TestFluxDiesOfAKeepAlive(t *testing.T) {
	d, url := start(t, Options{})
	c, _ := dial(t, url, fluxURL, token("any"))
	next(t, c)
	send(t, c, websocket.TextMessage, []byte(`{"type":"KeepAlive"}`))
	_, _, err := c.ReadMessage()
	if ce, ok := errors.AsType[*websocket.CloseError](err); !ok || ce.Code != websocket.CloseAbnormalClosure {
		t.Errorf("ended with %v, want a lost connection", err)
	}
	streams, err := d.Wait(guard(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if r := streams[0].Record(); r.KeepAlives != 1 || r.SentCode != 0 {
		t.Errorf("record %+v", r)
	}
}

func TestPingsKeepFluxAliveAndNotNova(t *testing.T) {
	t.Parallel()
	const idle = 2 * time.Second // pings come ten times as often, on a machine that stalls
	for _, tc := range []struct {
		name, target string
		lives        bool
	}{{"v1", novaURL, false}, {"v2", fluxURL, true}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d, url := start(t, Options{IdleTimeout: idle, FluxIdleTimeout: idle})
			c, _ := dial(t, url, tc.target, token("any"))
			closed := make(chan struct{})
			go func() { // reads, so that pongs and the Close are seen
				defer close(closed)
				for {
					if _, _, err := c.ReadMessage(); err != nil {
						return
					}
				}
			}()
			tick := time.NewTicker(idle / 10)
			defer tick.Stop()
			for range 15 { // one and a half times the timeout
				select {
				case <-tick.C:
					_ = c.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(hangGuard))
				case <-closed:
				}
			}
			if _, err := d.Begun(guard(t), 1); err != nil {
				t.Fatal(err)
			}
			r := d.Streams()[0].Record()
			if alive := r.SentCode == 0; alive != tc.lives || r.Pings == 0 {
				t.Errorf("alive %v after %d pings, want %v", alive, r.Pings, tc.lives)
			}
			_ = c.Close()
			<-closed
		})
	}
}

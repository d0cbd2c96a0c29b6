package fake

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func startSoniox(t *testing.T, o Options) (*Soniox, string) {
	t.Helper()
	s := NewSoniox(o)
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		srv.Close()
	})
	return s, srv.URL
}

const (
	sonioxPath  = "/transcribe-websocket"
	sonioxStart = `{"model":"stt-rt-v5","audio_format":"pcm_s16le","sample_rate":8000,"num_channels":1}`
)

func bearer(key string) http.Header { return http.Header{"Authorization": {"Bearer " + key}} }

// errorOf is the last message's error code and type.
func errorOf(t *testing.T, msgs []map[string]any) (int, string) {
	t.Helper()
	if len(msgs) == 0 {
		t.Fatal("no message")
	}
	last := msgs[len(msgs)-1]
	code, _ := last["error_code"].(float64)
	typ, _ := last["error_type"].(string)
	return int(code), typ
}

func TestSonioxStream(t *testing.T) {
	s, url := startSoniox(t, Options{Key: "k"})
	c, _ := dial(t, url, sonioxPath, bearer("k"))
	send(t, c, websocket.TextMessage, []byte(`{"type":"keepalive"}`))
	send(t, c, websocket.TextMessage, []byte(sonioxStart))
	send(t, c, websocket.BinaryMessage, second)
	send(t, c, websocket.BinaryMessage, second[:8000])
	send(t, c, websocket.TextMessage, []byte(`{"type":"finalize"}`))
	send(t, c, websocket.BinaryMessage, second[:1600])
	send(t, c, websocket.TextMessage, nil)
	msgs, end := rest(t, c)
	if end.Code != 1000 {
		t.Errorf("closed with %d", end.Code)
	}
	var totals []float64
	fins := 0
	for _, m := range msgs {
		totals = append(totals, m["total_audio_proc_ms"].(float64))
		for _, tok := range m["tokens"].([]any) {
			if tok.(map[string]any)["text"] == "<fin>" {
				fins++
			}
		}
	}
	last := msgs[len(msgs)-1]
	if fins != 1 || !is(last, "finished") || last["total_audio_proc_ms"] != 1600.0 || last["final_audio_proc_ms"] != 1600.0 {
		t.Errorf("%d <fin>, totals %v, last %v", fins, totals, last)
	}
	if first := msgs[0]["tokens"].([]any)[0].(map[string]any); is(first, "is_final") || first["end_ms"] == nil {
		t.Errorf("the first token is %v, want one that may change", first)
	}
	streams, err := s.Wait(guard(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	r := streams[0].Record()
	if r.AudioMS != 1600 || r.KeepAlives != 1 || r.Credential != "k" || r.SHA256 == "" || s.Totals().AudioMS != 1600 {
		t.Errorf("record %+v", r)
	}
}

func TestSonioxWantsTheKeyWithTheConnection(t *testing.T) {
	inMessage := strings.Replace(sonioxStart, "{", `{"api_key":"k",`, 1)
	for _, tc := range []struct {
		name    string
		o       Options
		h       http.Header
		start   string
		refused bool
	}{
		{name: "header", h: bearer("k"), start: sonioxStart},
		{name: "subprotocol", h: http.Header{"Sec-Websocket-Protocol": {"soniox-api-key, k"}}, start: sonioxStart},
		{name: "first message only", start: inMessage, refused: true},
		{name: "first message only, before 2027-01-15", o: Options{FirstMessageKey: true}, start: inMessage},
		{name: "wrong", h: bearer("x"), start: sonioxStart, refused: true},
		{name: "wrong, a right one in the message", o: Options{FirstMessageKey: true}, h: bearer("x"), start: inMessage, refused: true},
		{name: "none", start: sonioxStart, refused: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.o.Key = "k"
			_, url := startSoniox(t, tc.o)
			c, resp := dial(t, url, sonioxPath, tc.h)
			if strings.Contains(tc.name, "subprotocol") && resp.Header.Get("Sec-Websocket-Protocol") != "soniox-api-key" {
				t.Errorf("answered %q", resp.Header)
			}
			send(t, c, websocket.TextMessage, []byte(tc.start))
			send(t, c, websocket.BinaryMessage, second)
			send(t, c, websocket.BinaryMessage, nil)
			msgs, _ := rest(t, c)
			if code, typ := errorOf(t, msgs); (code == 401) != tc.refused || tc.refused && typ != "unauthenticated" {
				t.Errorf("ended with %d %s", code, typ)
			}
		})
	}
}

func TestSonioxRefusesWhatItCannotTake(t *testing.T) {
	_, url := startSoniox(t, Options{})
	for _, tc := range []struct {
		name string
		op   int
		msg  string
	}{
		{"audio first", websocket.BinaryMessage, "audio"},
		{"the end first", websocket.TextMessage, ""},
		{"no JSON", websocket.TextMessage, "hello"},
		{"no model", websocket.TextMessage, `{"audio_format":"auto"}`},
		{"another vendor's model", websocket.TextMessage, `{"model":"nova-3","audio_format":"auto"}`},
		{"no format", websocket.TextMessage, `{"model":"stt-rt-v5"}`},
		{"no rate", websocket.TextMessage, `{"model":"stt-rt-v5","audio_format":"pcm_s16le"}`},
		{"long reference", websocket.TextMessage, `{"model":"stt-rt-v5","audio_format":"auto","client_reference_id":"` + strings.Repeat("x", 257) + `"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := dial(t, url, sonioxPath, bearer("any"))
			send(t, c, tc.op, []byte(tc.msg))
			msgs, _ := rest(t, c)
			if code, typ := errorOf(t, msgs); code != 400 || typ != "invalid_request" {
				t.Errorf("%d %s", code, typ)
			}
		})
	}
	c, _ := dial(t, url, sonioxPath, bearer("any"))
	send(t, c, websocket.TextMessage, []byte(sonioxStart))
	send(t, c, websocket.TextMessage, []byte(sonioxStart))
	if msgs, _ := rest(t, c); len(msgs) != 1 {
		t.Errorf("a second start: %v", msgs)
	}
	c, _ = dial(t, url, sonioxPath, bearer("any"))
	send(t, c, websocket.TextMessage, []byte(sonioxStart))
	send(t, c, websocket.TextMessage, nil)
	msgs, _ := rest(t, c)
	if code, _ := errorOf(t, msgs); code != 400 {
		t.Errorf("no audio at all: %v", msgs)
	}
}

func TestSonioxTimeouts(t *testing.T) {
	short := 200 * time.Millisecond
	for _, tc := range []struct {
		name  string
		o     Options
		send  []string // "" is audio
		says  string
		lives bool
	}{
		{name: "start", o: Options{StartTimeout: short}, says: "Start request timeout"},
		{name: "audio", o: Options{AudioTimeout: short}, send: []string{sonioxStart}, says: "Timed out while waiting for the first audio chunk"},
		{name: "starved", o: Options{StarveTimeout: short}, send: []string{sonioxStart, ""}, says: "Input too slow"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, url := startSoniox(t, tc.o)
			c, _ := dial(t, url, sonioxPath, bearer("any"))
			for _, m := range tc.send {
				if m == "" {
					send(t, c, websocket.BinaryMessage, second[:160])
				} else {
					send(t, c, websocket.TextMessage, []byte(m))
				}
			}
			msgs, _ := rest(t, c)
			if code, typ := errorOf(t, msgs); code != 408 || typ != "request_timeout" || msgs[len(msgs)-1]["error_message"] != tc.says {
				t.Errorf("%v", msgs)
			}
		})
	}
}

func TestSonioxKeepaliveKeepsAStreamAlive(t *testing.T) {
	const starve = 2 * time.Second // keepalives come ten times as often, on a machine that stalls
	_, url := startSoniox(t, Options{StarveTimeout: starve})
	c, _ := dial(t, url, sonioxPath, bearer("any"))
	send(t, c, websocket.TextMessage, []byte(sonioxStart))
	send(t, c, websocket.BinaryMessage, second[:160])
	tick := time.NewTicker(starve / 10)
	defer tick.Stop()
	for range 15 {
		<-tick.C
		send(t, c, websocket.TextMessage, []byte(`{ "type": "keepalive" }`))
	}
	send(t, c, websocket.TextMessage, nil)
	msgs, _ := rest(t, c)
	if !is(msgs[len(msgs)-1], "finished") {
		t.Errorf("%v", msgs)
	}
}

func TestSonioxScenarios(t *testing.T) {
	for sc, want := range map[Scenario]struct {
		code  int
		typ   string
		close int
	}{
		InBand401: {401, "unauthenticated", 1000},
		InBand402: {402, "organization_balance_exhausted", 1000},
		InBand403: {403, "permission_denied", 1000},
		InBand429: {429, "limit_exceeded", 1000},
		InBand408: {408, "request_timeout", 1000},
		InBand413: {413, "max_duration_reached", 1000},
		InBand503: {503, "service_unavailable", 1000},
		BareClose: {0, "", 1000},
		Close1011: {0, "", 1011},
	} {
		t.Run(string(sc), func(t *testing.T) {
			_, url := startSoniox(t, Options{})
			c, _ := dial(t, url, sonioxPath, bearer(string(sc)))
			send(t, c, websocket.TextMessage, []byte(sonioxStart))
			if err := c.WriteMessage(websocket.BinaryMessage, second); err != nil && want.code == 0 {
				t.Fatal(err)
			}
			msgs, end := rest(t, c)
			if end.Code != want.close {
				t.Errorf("closed with %d", end.Code)
			}
			if want.code == 0 {
				return
			}
			if code, typ := errorOf(t, msgs); code != want.code || typ != want.typ {
				t.Errorf("%d %s", code, typ)
			}
		})
	}
	_, url := startSoniox(t, Options{})
	resp, body := refused(t, url, sonioxPath, bearer(string(Refuse429)))
	if resp.StatusCode != 429 || decode(t, body)["error_type"] != "limit_exceeded" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestSonioxEndsALongStream(t *testing.T) {
	_, url := startSoniox(t, Options{MaxDuration: time.Second})
	c, _ := dial(t, url, sonioxPath, bearer("any"))
	send(t, c, websocket.TextMessage, []byte(sonioxStart))
	send(t, c, websocket.BinaryMessage, second)
	send(t, c, websocket.BinaryMessage, second[:160])
	msgs, _ := rest(t, c)
	if code, typ := errorOf(t, msgs); code != 413 || typ != "max_duration_reached" {
		t.Errorf("%v", msgs)
	}
}

func TestSonioxDoesNotTimeContainers(t *testing.T) {
	s, url := startSoniox(t, Options{})
	c, _ := dial(t, url, sonioxPath, bearer("any"))
	send(t, c, websocket.TextMessage, []byte(`{"model":"stt-rt-v5","audio_format":"auto"}`))
	send(t, c, websocket.BinaryMessage, second)
	send(t, c, websocket.BinaryMessage, nil)
	msgs, _ := rest(t, c)
	streams, err := s.Wait(guard(t), 1)
	if err != nil || !is(msgs[len(msgs)-1], "finished") {
		t.Fatalf("%v, %v", msgs, err)
	}
	if r := streams[0].Record(); r.AudioMS != 0 || r.AudioBytes != int64(len(second)) {
		t.Errorf("%+v", r)
	}
}

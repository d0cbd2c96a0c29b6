package fake

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

var closeStream = []byte(`{ "type": "CloseStream" }`)

func TestMetadataTellsWhatWasHeard(t *testing.T) {
	d, url := start(t, Options{Key: "k"})
	c, resp := dial(t, url, novaURL+"&interim_results=true&utterance_end_ms=1000&vad_events=true", token("k"))
	for range 5 {
		send(t, c, websocket.BinaryMessage, second[:8000])
	}
	send(t, c, websocket.TextMessage, closeStream)
	msgs, end := rest(t, c)
	if end.Code != websocket.CloseNormalClosure {
		t.Errorf("closed with %d %q", end.Code, end.Text)
	}
	want := "SpeechStarted Results Results Results Results Results Results UtteranceEnd Metadata"
	if got := types(msgs); got != want {
		t.Fatalf("messages\n got %s\nwant %s", got, want)
	}
	meta := msgs[len(msgs)-1]
	sum := sha256.Sum256(make([]byte, 40000))
	if meta["duration"] != 2.5 || meta["sha256"] != hex.EncodeToString(sum[:]) || meta["channels"] != 1.0 {
		t.Errorf("metadata %v", meta)
	}
	if id := resp.Header.Get("Dg-Request-Id"); id == "" || meta["request_id"] != id {
		t.Errorf("request id %v, header %q", meta["request_id"], id)
	}
	streams, err := d.Wait(guard(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	r := streams[0].Record()
	if r.AudioMS != 2500 || r.AudioBytes != 40000 || r.SHA256 != meta["sha256"] || r.Messages != 5 || !r.Ended || r.CloseCode != 1000 || r.SentCode != 1000 {
		t.Errorf("record %+v", r)
	}
}

func TestResultsFollowTheAudio(t *testing.T) {
	_, url := start(t, Options{})
	c, _ := dial(t, url, novaURL, token("any"))
	send(t, c, websocket.BinaryMessage, make([]byte, 40000))
	for i := range 2 {
		m := next(t, c)
		if m["start"] != float64(i) || m["duration"] != 1.0 || !is(m, "is_final") || is(m, "from_finalize") {
			t.Errorf("result %d: %v", i, m)
		}
		alt := m["channel"].(map[string]any)["alternatives"].([]any)[0].(map[string]any)
		if want := []string{"1.0 seconds heard", "2.0 seconds heard"}[i]; alt["transcript"] != want {
			t.Errorf("transcript %v, want %s", alt["transcript"], want)
		}
		if words := alt["words"].([]any); len(words) != 3 || words[0].(map[string]any)["start"] != float64(i) || words[2].(map[string]any)["end"] != float64(i+1) {
			t.Errorf("words %v", words)
		}
	}
	send(t, c, websocket.TextMessage, []byte(`{"type":"Finalize"}`))
	if m := next(t, c); m["start"] != 2.0 || m["duration"] != 0.5 || !is(m, "from_finalize") {
		t.Errorf("finalized %v", m)
	}
	send(t, c, websocket.TextMessage, []byte(`{"type":"Configure","keyterms":["x"]}`))
	if m := next(t, c); m["type"] != "ConfigureSuccess" || m["keyterms"] == nil {
		t.Errorf("configured %v", m)
	}
}

func TestEachChannelHasItsResult(t *testing.T) {
	_, url := start(t, Options{})
	c, _ := dial(t, url, novaURL+"&channels=2&multichannel=true", token("any"))
	send(t, c, websocket.BinaryMessage, make([]byte, 32000)) // a second of two channels
	for i := range 2 {
		index := next(t, c)["channel_index"].([]any)
		if index[0] != float64(i) || index[1] != 2.0 {
			t.Errorf("channel_index %v", index)
		}
	}
	send(t, c, websocket.TextMessage, closeStream)
	if msgs, _ := rest(t, c); msgs[len(msgs)-1]["channels"] != 2.0 || msgs[len(msgs)-1]["duration"] != 1.0 {
		t.Errorf("metadata %v", msgs)
	}
}

func TestEmptyMessageEndsTheStream(t *testing.T) {
	_, url := start(t, Options{})
	c, _ := dial(t, url, novaURL, token("any"))
	send(t, c, websocket.BinaryMessage, nil)
	if msgs, end := rest(t, c); types(msgs) != "Metadata" || end.Code != 1000 || msgs[0]["duration"] != 0.0 {
		t.Errorf("%v, closed %v", msgs, end)
	}
}

func TestSilenceIsNET0001(t *testing.T) {
	_, url := start(t, Options{IdleTimeout: 50 * time.Millisecond})
	c, _ := dial(t, url, novaURL, token("any"))
	if _, end := rest(t, c); end.Code != 1011 {
		t.Errorf("closed %v", end)
	}
}

func TestSubprotocolIsTheFirstOffered(t *testing.T) {
	d, url := start(t, Options{Key: "k"})
	_, resp := dial(t, url, novaURL, http.Header{"Sec-Websocket-Protocol": {"token, k, x-deepgram-session-id, 1"}})
	if got := resp.Header.Get("Sec-Websocket-Protocol"); got != "token" {
		t.Errorf("selected %q", got)
	}
	if got := resp.Header.Get("Sec-Websocket-Extensions"); got != "" {
		t.Errorf("negotiated %q", got)
	}
	streams, err := d.Begun(guard(t), 1)
	if err != nil || streams[0].Record().Credential != "k" {
		t.Errorf("credential not recorded: %v", err)
	}
}

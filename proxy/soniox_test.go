package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/proxy/fake"
)

// inMessage puts a key into a start message, as every SDK up to 2.3 does.
func inMessage(key string) string {
	return strings.Replace(sonioxStart, "{", fmt.Sprintf(`{"api_key":%q,`, key), 1)
}

func TestSonioxTakesACredentialFromEveryPlace(t *testing.T) {
	r := newSonioxRig(t, rigOptions{config: sonioxBudget(time.Minute)})
	r.restrict("ann")
	tok := r.token("ann")
	protocol := func(key string) http.Header {
		return http.Header{"Sec-Websocket-Protocol": {"soniox-api-key, " + key}}
	}
	for n, tt := range []struct {
		name   string
		user   string // what a trusted peer says
		header http.Header
		before []string
		start  string
	}{
		{name: "a token in the header", header: http.Header{"Authorization": {"Bearer " + tok}}, start: sonioxStart},
		{name: "a token as subprotocol", header: protocol(tok), start: sonioxStart},
		{name: "a token in the first message", start: inMessage(tok)},
		{name: "behind keepalives", before: []string{`{"type":"keepalive"}`, `{ "type": "keepalive" }`}, start: inMessage(tok)},
		{name: "a token in the header and in the message", header: http.Header{"Authorization": {"Bearer " + tok}}, start: inMessage(tok)},
		{name: "a trusted peer without a key", user: "ann", start: sonioxStart},
		{name: "a trusted peer with a key in the header", user: "ann", header: http.Header{"Authorization": {"Bearer " + callerKey}}, start: sonioxStart},
		{name: "a trusted peer with a key as subprotocol", user: "ann", header: protocol(callerKey), start: sonioxStart},
		{name: "a trusted peer with a key in the first message", user: "ann", start: inMessage(callerKey)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, resp, err := r.dial(tt.user, sonioxPath+"?api_key="+callerKey, tt.header)
			if err != nil {
				t.Fatalf("%v %v", err, resp)
			}
			if want := tt.header.Get("Sec-Websocket-Protocol") != ""; (resp.Header.Get("Sec-Websocket-Protocol") == "soniox-api-key") != want {
				t.Errorf("answered %v", resp.Header)
			}
			for _, m := range tt.before {
				c.text(m)
			}
			c.text(tt.start)
			c.send(50, 20)
			c.finish()
			texts, closed := c.read()
			if _, finished := last(t, texts); finished != 1 || closed.Code != 1000 {
				t.Errorf("ended with %d, %v", closed.Code, texts)
			}
			rec := r.transcribed(n + 1)[n]
			if got := rec.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer "+vendorKey {
				t.Errorf("Authorization upstream: %q", got)
			}
			upstream := fmt.Sprint(rec.Header, rec.Query, rec.Events)
			if strings.Contains(upstream, callerKey) || strings.Contains(upstream, tok) || strings.Contains(upstream, "api_key") || strings.Contains(upstream, "Protocol") {
				t.Errorf("upstream saw %s", upstream)
			}
			if want := strings.Replace(sonioxStart, "their-own", "ann", 1); rec.Events[len(rec.Events)-53].Text != want {
				t.Errorf("the start message became %s, want %s", rec.Events[len(rec.Events)-53].Text, want)
			}
			r.settled()
			if used := r.used("ann"); used != int64(n+1)*1000 || rec.AudioMS != 1000 {
				t.Errorf("heard %d ms, charged %d in %d streams", rec.AudioMS, used, n+1)
			}
		})
	}
}

func TestSonioxWithoutAKeyPassesTheCallersOnInTheHeader(t *testing.T) {
	r := newSonioxRig(t, rigOptions{config: sonioxWith(func(p *ProviderConfig) { p.Key = secret.Value{} })})
	for n, tt := range []struct {
		name   string
		header http.Header
		start  string
	}{
		{"header", http.Header{"Authorization": {"Bearer " + callerKey}}, sonioxStart},
		{"subprotocol", http.Header{"Sec-Websocket-Protocol": {"soniox-api-key", callerKey}}, sonioxStart},
		{"first message", nil, inMessage(callerKey)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := r.dial("ann", sonioxPath, tt.header)
			if err != nil {
				t.Fatal(err)
			}
			c.text(tt.start)
			c.send(5, 20)
			c.finish()
			c.read()
			rec := r.transcribed(n + 1)[n]
			if rec.Header.Get("Authorization") != "Bearer "+callerKey || rec.Events[0].Text != sonioxStart {
				t.Errorf("upstream saw %v, %v", rec.Header, rec.Events[0])
			}
		})
	}
}

func TestSonioxTellsASpentBudgetBehindTheFirstMessage(t *testing.T) {
	for name, start := range map[string]struct {
		header http.Header
		text   string
	}{
		"header":        {http.Header{"Authorization": {"Bearer " + callerKey}}, sonioxStart},
		"subprotocol":   {http.Header{"Sec-Websocket-Protocol": {"soniox-api-key, " + callerKey}}, sonioxStart},
		"first message": {nil, inMessage(callerKey)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newSonioxRig(t, rigOptions{config: sonioxBudget(time.Second)})
			r.restrict("ann")
			c := r.stream("ann")
			c.send(50, 20)
			c.finish()
			c.read()
			r.transcribed(1)
			r.settled()
			c, resp, err := r.dial("ann", sonioxPath, start.header)
			if err != nil {
				t.Fatalf("the upgrade was refused: %v", resp)
			}
			c.text(`{"type":"keepalive"}`)
			c.text(start.text)
			texts, closed := c.read()
			wantError(t, texts, 429, "limit_exceeded")
			if closed.Code != 1008 || closed.Text != "budget_exhausted" || len(texts) != 1 {
				t.Errorf("closed with %d %q after %v", closed.Code, closed.Text, texts)
			}
			if n := r.soniox.Totals(); n.Streams != 1 {
				t.Errorf("the vendor saw %d streams, want only the first", n.Streams)
			}
		})
	}
}

func TestSonioxOnConnectRefuseAnswersTheHandshake(t *testing.T) {
	r := newSonioxRig(t, rigOptions{config: all(sonioxBudget(time.Second), func(c *Config) { c.Budgets[0].OnConnect = "refuse" })})
	r.restrict("ann")
	c := r.stream("ann")
	c.send(50, 20)
	c.finish()
	c.read()
	r.settled()
	_, resp, err := r.dial("ann", sonioxPath, http.Header{"Authorization": {"Bearer " + callerKey}})
	if err == nil || resp.StatusCode != 429 || resp.Header.Get("X-Sttgate-Reason") != "budget_exhausted" {
		t.Fatalf("%v, %v", resp, err)
	}
	if m := body(t, resp); m["status_code"] != 429.0 || m["error_type"] != "limit_exceeded" || m["message"] == "" || m["status"] != 429.0 {
		t.Errorf("body %v", m)
	}
}

func TestSonioxACutStreamGetsItsLastWordsAndThenTheError(t *testing.T) {
	r := newSonioxRig(t, rigOptions{config: sonioxBudget(2300 * time.Millisecond)})
	r.restrict("ann")
	c := r.stream("ann")
	for range 200 { // 4 s
		if c.conn.WriteMessage(websocket.BinaryMessage, make([]byte, 20*bytesPerMS)) != nil {
			break // cut
		}
	}
	texts, closed := c.read()
	wantError(t, texts, 429, "limit_exceeded")
	if closed.Code != 1008 || closed.Text != "budget_exhausted" {
		t.Errorf("closed with %d %q", closed.Code, closed.Text)
	}
	if words := texts[len(texts)-2]; words["total_audio_proc_ms"] != 2300.0 || words["final_audio_proc_ms"] != 2300.0 {
		t.Errorf("the last words before the error are %v, want those up to 2300 ms", words)
	}
	for _, m := range texts {
		if strings.Contains(fmt.Sprint(m), "<fin>") {
			t.Errorf("the answer to the gateway's finalize reached the client: %v", m)
		}
	}
	rec := r.transcribed(1)[0]
	var said []string
	for _, e := range rec.Events[1:] {
		if e.Kind == "text" {
			said = append(said, e.Text)
		}
	}
	if rec.AudioMS != 2300 || len(said) != 2 || said[0] != `{"type":"finalize"}` || said[1] != "" {
		t.Errorf("the vendor heard %d ms, and then %q", rec.AudioMS, said)
	}
	r.settled()
	if used := r.used("ann"); used != 2300 {
		t.Errorf("charged %d ms", used)
	}
	if !strings.Contains(r.log.String(), `"reported_ms":2300`) {
		t.Errorf("the vendor's figure is not in the log: %s", r.log)
	}
}

func TestSonioxRefusesWhatItCannotMeter(t *testing.T) {
	type message struct {
		op   int
		text string
	}
	text := func(s string) message { return message{websocket.TextMessage, s} }
	auth := http.Header{"Authorization": {"Bearer " + callerKey}}
	for _, tt := range []struct {
		name   string
		header http.Header
		send   []message
	}{
		{"audio before the start", auth, []message{{websocket.BinaryMessage, "audio"}}},
		{"audio before the start, key to come", nil, []message{{websocket.BinaryMessage, "audio"}}},
		{"no JSON", auth, []message{text("hello")}},
		{"no JSON, key to come", nil, []message{text("hello")}},
		{"two keys", nil, []message{text(`{"api_key":"a","Api_Key":"b"}`)}},
		{"two formats", auth, []message{text(`{"model":"m","audio_format":"auto","audioFormat":"mulaw"}`)}},
		{"no rate", auth, []message{text(`{"model":"m","audio_format":"pcm_s16le"}`)}},
		{"an unknown format", auth, []message{text(`{"model":"m","audio_format":"g729"}`), {websocket.BinaryMessage, "audio"}}},
		{"a second start", auth, []message{text(sonioxStart), text(sonioxStart)}},
		{"a second start, with a key", nil, []message{text(inMessage(callerKey)), text(inMessage(callerKey))}},
		{"audio in text", auth, []message{text(sonioxStart), text(`{"type":"audio","data":"` + strings.Repeat("A", 5000) + `"}`)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newSonioxRig(t, rigOptions{config: sonioxBudget(time.Minute)})
			r.restrict("ann")
			c, _, err := r.dial("ann", sonioxPath, tt.header)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range tt.send {
				if err := c.conn.WriteMessage(m.op, []byte(m.text)); err != nil {
					t.Fatal(err)
				}
			}
			texts, closed := c.read()
			wantError(t, texts, 400, "invalid_request")
			if closed.Code != 1008 {
				t.Errorf("closed with %d %q", closed.Code, closed.Text)
			}
			r.settled()
			if used := r.used("ann"); used != 0 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

func TestSonioxTheVendorsRefusalInBandPassesUnchangedAndCostsNothing(t *testing.T) {
	for sc, code := range map[fake.Scenario]float64{fake.InBand401: 401, fake.InBand402: 402, fake.InBand403: 403, fake.InBand429: 429} {
		t.Run(string(sc), func(t *testing.T) {
			r := newSonioxRig(t, rigOptions{config: sonioxBudget(time.Minute), fake: sonioxScenario(sc)})
			r.restrict("ann")
			c := r.stream("ann")
			texts, closed := c.read()
			if m, _ := last(t, texts); m["error_code"] != code || len(texts) != 1 || closed.Code != 1000 || strings.Contains(fmt.Sprint(m), "sttgate") {
				t.Errorf("%v, closed with %d", texts, closed.Code)
			}
			rec := r.transcribed(1)[0]
			if m, _ := last(t, texts); m["request_id"] != rec.RequestID {
				t.Errorf("the message is not the vendor's own: %v", m)
			}
			r.settled()
			if used := r.used("ann"); used != 0 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

func TestSonioxTheVendorsEndInsideAStreamPassesAndCostsWhatWasForwarded(t *testing.T) {
	for sc, want := range map[fake.Scenario]struct {
		message float64 // error code, 0 for none
		code    int
	}{
		fake.InBand408: {408, 1000}, fake.InBand413: {413, 1000}, fake.InBand503: {503, 1000},
		fake.BareClose: {0, 1000}, fake.Close1011: {0, 1011}, fake.Reset: {503, 1011}, fake.EOF: {503, 1011}, // lost: SDKs hang without a word
	} {
		t.Run(string(sc), func(t *testing.T) {
			r := newSonioxRig(t, rigOptions{config: sonioxBudget(time.Minute), fake: sonioxScenario(sc)})
			r.restrict("ann")
			c := r.stream("ann")
			c.send(50, 20)
			texts, closed := c.read()
			var code float64
			if len(texts) > 0 {
				m, _ := last(t, texts)
				code, _ = m["error_code"].(float64)
			}
			if code != want.message || closed.Code != want.code {
				t.Errorf("%v, closed with %d", texts, closed.Code)
			}
			r.settled()
			if used := r.used("ann"); used != 1000 {
				t.Errorf("charged %d ms, forwarded were 1000", used)
			}
		})
	}
}

func TestSonioxTheVendorsRefusalOfTheHandshakeIsTold(t *testing.T) {
	for sc, want := range map[fake.Scenario]struct {
		status int
		typ    string
	}{
		fake.Refuse401: {401, "unauthenticated"}, fake.Refuse402: {402, "organization_balance_exhausted"},
		fake.Refuse403: {403, "permission_denied"}, fake.Refuse429: {429, "limit_exceeded"}, fake.Refuse503: {503, "service_unavailable"},
	} {
		t.Run(string(sc), func(t *testing.T) {
			r := newSonioxRig(t, rigOptions{fake: sonioxScenario(sc)})
			_, resp, err := r.dial("ann", sonioxPath, http.Header{"Authorization": {"Bearer " + callerKey}})
			if err == nil || resp.StatusCode != want.status || body(t, resp)["error_type"] != want.typ {
				t.Errorf("over HTTP: %v, %v", resp, err)
			}
			c := r.stream("ann") // upgraded already when the vendor says no
			texts, _ := c.read()
			wantError(t, texts, want.status, want.typ)
		})
	}
}

func TestSonioxAClientThatVanishesIsFinished(t *testing.T) {
	for name, leave := range map[string]func(c *client){
		"with a Close": func(c *client) {
			if err := c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(hang)); err != nil {
				t.Fatal(err)
			}
		},
		"without a word": func(c *client) { _ = c.conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newSonioxRig(t, rigOptions{config: sonioxBudget(time.Minute)})
			r.restrict("ann")
			c := r.stream("ann")
			c.send(50, 20)
			r.heardBy(1, func(rec fake.Record) bool { return rec.AudioMS == 1000 })
			leave(c)
			rec := r.transcribed(1)[0]
			if end := rec.Events[len(rec.Events)-2]; end.Kind != "text" || end.Text != "" || rec.SentCode != 1000 {
				t.Errorf("the vendor's last events are %+v, it closed with %d", rec.Events[len(rec.Events)-2:], rec.SentCode)
			}
			r.settled()
			if used := r.used("ann"); used != 1000 || !strings.Contains(r.log.String(), `"reported_ms":1000`) {
				t.Errorf("charged %d ms; log %s", used, r.log)
			}
		})
	}
}

func TestSonioxADrainTellsToConnectAgain(t *testing.T) {
	r := newSonioxRig(t, rigOptions{config: func(c *Config) { c.Drain = DrainConfig{Grace: 50 * time.Millisecond, Hard: hang} }})
	c := r.stream("ann")
	c.send(50, 20)
	r.heardBy(1, func(rec fake.Record) bool { return rec.AudioMS == 1000 })
	go r.server.Shutdown(t.Context())
	texts, closed := c.read()
	wantError(t, texts, 503, "service_unavailable")
	if closed.Code != 1012 {
		t.Errorf("closed with %d", closed.Code)
	}
	_ = c.conn.Close()
	<-r.done
}

package proxy

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/proxy/fake"
)

func TestSpeechmaticsTakesACredentialFromEveryPlace(t *testing.T) {
	const own = "CANARY-caller-key"
	r := newSpeechmaticsRig(t, rigOptions{config: speechmaticsBudget(time.Minute, "auto")})
	r.restrict("ann")
	token := r.token("ann")
	for i, tt := range []struct {
		name, user, path string
		header           http.Header
		upstream         string
	}{
		{"key in the header", "ann", "/v2", http.Header{"Authorization": {"Bearer " + own}}, "/v2"},
		{"key in the query", "ann", "/v2/en?jwt=" + own + "&sm-app=a%20b&sm-sdk=js-8", nil, "/v2/en?sm-app=a%20b&sm-sdk=js-8"},
		{"token in the header", "", "/speechmatics/v2/", http.Header{"Authorization": {"bearer " + token}}, "/v2/"},
		{"token in the query", "", "/v2?sm-app=x&jwt=" + token, nil, "/v2?sm-app=x"},
		{"token in the query, behind a user's path", "", "/u/ann/v2?jwt=" + token, nil, "/v2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := r.dial(tt.user, tt.path, tt.header)
			if err != nil {
				t.Fatalf("%v\n%s", err, r.log)
			}
			l := &listener{client: c}
			l.text(speechmaticsStart)
			l.wait("RecognitionStarted")
			l.send(5, 20)
			l.finish(5)
			if kinds, closed := l.end(); closed.Code != 1000 || kinds[len(kinds)-1] != "EndOfTranscript" {
				t.Errorf("ended with %d, %v", closed.Code, kinds)
			}
			rec := r.heard(i + 1)[i]
			got := rec.Path
			if rec.Query != "" {
				got += "?" + rec.Query
			}
			if got != tt.upstream || rec.Credential != vendorKey || rec.AudioMS != 100 {
				t.Errorf("the vendor got %s, %d ms, key %v", got, rec.AudioMS, rec.Credential == vendorKey)
			}
			if all := asJSON(t, rec.Header) + rec.Query; strings.Contains(all, own) || strings.Contains(all, token) {
				t.Errorf("the caller's credential reached the vendor: %s", all)
			}
		})
	}
	r.settled()
	if used := r.used("ann"); used != 500 {
		t.Errorf("charged %d ms", used)
	}
	if !strings.Contains(r.log.String(), `"vendor_id":"`) {
		t.Error("the vendor's name of the session is not in the log")
	}
}

func TestSpeechmaticsWithoutAKeyPassesTheCallersOnInTheHeader(t *testing.T) {
	const own = "caller-key"
	r := newSpeechmaticsRig(t, rigOptions{config: func(c *Config) {
		p := c.Providers["speechmatics"]
		p.Key = secret.Value{}
		c.Providers["speechmatics"] = p
	}})
	l := &listener{client: r.connect("ann", "/v2?jwt="+own)}
	l.text(speechmaticsStart)
	l.finish(0)
	l.end()
	if rec := r.heard(1)[0]; rec.Header.Get("Authorization") != "Bearer "+own || rec.Query != "" {
		t.Errorf("the vendor got %v ?%s", rec.Header, rec.Query)
	}
}

func TestSpeechmaticsTellsASpentBudgetBehindTheFirstMessage(t *testing.T) {
	r := newSpeechmaticsRig(t, rigOptions{config: speechmaticsBudget(100*time.Millisecond, "auto")})
	r.restrict("bob")
	first := r.recognise("bob")
	first.send(6, 20)
	first.end()
	c := &listener{client: r.connect("bob", speechmaticsPath)}
	if got := c.resp.Header.Get("X-Sttgate-Reason"); got != "budget_exhausted" {
		t.Errorf("X-Sttgate-Reason %q", got)
	}
	c.text(speechmaticsStart)
	kinds, closed := c.end()
	if !slices.Equal(kinds, []string{"Error timelimit_exceeded"}) || closed.Code != 4006 || closed.Text != "timelimit_exceeded" {
		t.Errorf("%v, closed with %d %q", kinds, closed.Code, closed.Text)
	}
	if n := len(r.heard(1)); n != 1 {
		t.Errorf("%d streams reached the vendor", n)
	}
}

func TestSpeechmaticsACutStreamGetsItsLastWordsAndThenTheError(t *testing.T) {
	r := newSpeechmaticsRig(t, rigOptions{config: speechmaticsBudget(1500*time.Millisecond, "auto")})
	r.restrict("bob")
	c := r.recognise("bob")
	c.send(100, 20)
	kinds, closed := c.end()
	// The vendor's EndOfTranscript is held: an SDK would take it for success.
	if !slices.Equal(kinds, []string{"AddTranscript", "AddTranscript", "Error timelimit_exceeded"}) || closed.Code != 4006 {
		t.Errorf("%v, closed with %d %q", kinds, closed.Code, closed.Text)
	}
	rec := r.heard(1)[0]
	if rec.AudioMS != 1500 || rec.Messages != 75 || rec.LastSeqNo[""] != 75 || rec.SentCode != 1000 {
		t.Errorf("the vendor heard %d ms in %d messages, last_seq_no %v, and ended with %d", rec.AudioMS, rec.Messages, rec.LastSeqNo, rec.SentCode)
	}
	if c.acks[""] != 75 {
		t.Errorf("%d acks", c.acks[""])
	}
	r.settled()
	if used := r.used("bob"); used != 1500 {
		t.Errorf("charged %d ms", used)
	}
}

func TestSpeechmaticsDroppedAudioIsAckedInOrder(t *testing.T) {
	for _, lag := range []int{0, 7} { // of the vendor's acks
		t.Run(fmt.Sprintf("lag %d", lag), func(t *testing.T) {
			r := newSpeechmaticsRig(t, rigOptions{fake: fake.Options{AckLag: lag}, config: speechmaticsBudget(time.Second, "drop")})
			r.restrict("bob")
			c := r.recognise("bob")
			c.send(200, 20)
			if lag == 0 {
				c.acked("", 200) // without the client's end
			}
			c.finish(17)
			kinds, closed := c.end()
			if c.acks[""] != 200 || closed.Code != 1000 {
				t.Errorf("%d acks, closed with %d", c.acks[""], closed.Code)
			}
			if lag > 0 && !slices.Contains(kinds, "Warning duration_limit_exceeded") || kinds[len(kinds)-1] != "EndOfTranscript" {
				t.Errorf("told %v", kinds)
			}
			rec := r.heard(1)[0]
			if rec.AudioMS != 1000 || rec.LastSeqNo[""] != 50 || rec.SentCode != 1000 {
				t.Errorf("the vendor heard %d ms, last_seq_no %v, and ended with %d", rec.AudioMS, rec.LastSeqNo, rec.SentCode)
			}
			r.settled()
			if used := r.used("bob"); used != 1000 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

func TestSpeechmaticsFragmentsAreAckedOncePerMessage(t *testing.T) {
	r := newSpeechmaticsRig(t, rigOptions{config: speechmaticsBudget(time.Second, "drop")})
	r.restrict("bob")
	c := r.recognise("bob")
	c.send(49, 20)
	for range 5 { // larger than the writer's buffer: the budget ends inside the first one
		if err := c.conn.WriteMessage(websocket.BinaryMessage, make([]byte, 20_000)); err != nil {
			t.Fatal(err)
		}
	}
	c.acked("", 54)
	c.finish(54)
	if kinds, closed := c.end(); closed.Code != 1000 || c.acks[""] != 54 {
		t.Errorf("%d acks, %v, closed with %d", c.acks[""], kinds, closed.Code)
	}
	// All but the last fragment of 20 ms would have been too much, but it cannot be known before.
	if rec := r.heard(1)[0]; rec.AudioMS > 1000 || rec.LastSeqNo[""] != int64(rec.Messages) {
		t.Errorf("the vendor heard %d ms in %d messages, last_seq_no %v", rec.AudioMS, rec.Messages, rec.LastSeqNo)
	}
}

// addChannelAudio sends n messages of ms milliseconds to a channel.
func (l *listener) addChannelAudio(channel string, n, ms int) {
	l.t.Helper()
	data := base64.StdEncoding.EncodeToString(make([]byte, ms*bytesPerMS))
	for range n {
		l.text(fmt.Sprintf(`{"message":"AddChannelAudio","channel":%q,"data":%q}`, channel, data))
	}
}

var speechmaticsChannels = strings.Replace(speechmaticsStart, `"language"`, `"diarization":"channel","channel_diarization_labels":["a","b"],"language"`, 1) //nolint:gochecknoglobals // a constant by nature

func TestSpeechmaticsAudioInTextIsMeteredPerChannelAndCut(t *testing.T) {
	for _, mode := range []string{"close", "drop"} {
		t.Run(mode, func(t *testing.T) {
			r := newSpeechmaticsRig(t, rigOptions{config: speechmaticsBudget(10*time.Second, mode)})
			r.restrict("bob")
			c := &listener{client: r.connect("bob", speechmaticsPath)}
			c.text(speechmaticsChannels)
			c.wait("RecognitionStarted")
			c.addChannelAudio("a", 2, 2000) // 64 KB of audio, 85 KiB of text
			c.addChannelAudio("b", 1, 4000)
			c.addChannelAudio("a", 30, 100)
			want := "Error timelimit_exceeded"
			if mode == "drop" {
				c.acked("a", 32)
				c.addChannelAudio("b", 2, 100)
				c.acked("b", 3)
				c.text(`{"message":"EndOfChannel","channel":"a","last_seq_no":32}`)
				c.text(`{"message":"EndOfChannel","channel":"b","last_seq_no":3}`)
				want = "EndOfTranscript"
			}
			if kinds, closed := c.end(); kinds[len(kinds)-1] != want {
				t.Errorf("told %v, closed with %d", kinds, closed.Code)
			}
			rec := r.heard(1)[0]
			if rec.AudioMS != 10_000 || rec.SentCode != 1000 {
				t.Errorf("the vendor heard %d ms, last_seq_no %v, and ended with %d", rec.AudioMS, rec.LastSeqNo, rec.SentCode)
			}
			r.settled()
			if used := r.used("bob"); used != 10_000 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

func TestSpeechmaticsRefusesInBandWhatItCannotMeter(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		code             int
	}{
		{"an encoding", strings.Replace(speechmaticsStart, "pcm_s16le", "alaw", 1), "Error invalid_audio_type", 1003},
		{"two rates", strings.Replace(speechmaticsStart, `"sample_rate"`, `"sample_rate":8000,"sample_rate"`, 1), "Error protocol_error", 1003},
		{"no JSON", "hello", "Error protocol_error", 1003},
		{"audio nobody knows", `{"message":"AddSmellAudio","data":"AAAA"}`, "Error protocol_error", 1003},
		{"a large message", `{"message":"GetSpeakers","x":"` + strings.Repeat("A", 65<<10) + `"}`, "Error protocol_error", 1003},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newSpeechmaticsRig(t, rigOptions{})
			c := &listener{client: r.connect("ann", speechmaticsPath)}
			c.text(tt.text)
			kinds, closed := c.end()
			if kinds[len(kinds)-1] != tt.want || closed.Code != tt.code {
				t.Errorf("%v, closed with %d", kinds, closed.Code)
			}
		})
	}
	r := newSpeechmaticsRig(t, rigOptions{})
	c := &listener{client: r.connect("ann", speechmaticsPath)}
	c.send(1, 20) // before its format
	if kinds, closed := c.end(); kinds[len(kinds)-1] != "Error protocol_error" || closed.Code != 1003 {
		t.Errorf("%v, closed with %d", kinds, closed.Code)
	}
	if rec := r.heard(1)[0]; rec.AudioBytes != 0 {
		t.Errorf("%d bytes passed", rec.AudioBytes)
	}
}

func TestSpeechmaticsDoesNotServeOtherProducts(t *testing.T) {
	r := newSpeechmaticsRig(t, rigOptions{})
	for _, path := range []string{"/speechmatics/v2/agent", "/v1/flow", "/speechmatics/v2/en/us", "/speechmatics/v2?jwt=a&jwt=b"} {
		_, resp, err := r.dial("ann", path, nil)
		if err == nil || resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %v %v", path, resp, err)
			continue
		}
		if strings.HasPrefix(path, "/speechmatics/") {
			if m := body(t, resp); m["code"] != float64(resp.StatusCode) || m["error"] == nil || m["detail"] == nil {
				t.Errorf("%s: the body is not the vendor's: %v", path, m)
			}
		}
	}
}

func TestSpeechmaticsOnConnectRefuseAnswersTheHandshake(t *testing.T) {
	r := newSpeechmaticsRig(t, rigOptions{config: func(c *Config) {
		speechmaticsBudget(20*time.Millisecond, "auto")(c)
		c.Budgets[0].OnConnect = "refuse"
	}})
	r.restrict("bob")
	first := r.recognise("bob")
	first.send(2, 20)
	first.end()
	_, resp, err := r.dial("bob", speechmaticsPath, nil)
	if err == nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("%v %v", resp, err)
	}
	if m := body(t, resp); m["code"] != 429.0 || m["error"] != "Forbidden" {
		t.Errorf("the body is %v", m)
	}
}

func TestSpeechmaticsTheVendorsOwnEndPasses(t *testing.T) {
	for sc, want := range map[fake.Scenario]string{
		fake.InBand401: "Error not_authorised 4001", fake.InBand429: "Error quota_exceeded 4005", fake.InBand413: "Error timelimit_exceeded 4006",
		fake.InBand503: "Error job_error 4013", fake.InBand408: "Error idle_timeout 1008", fake.Close1011: "AddTranscript 1011",
		fake.BareClose: "AddTranscript 1000", fake.Reset: "Error unknown_error 1011", fake.EOF: "Error unknown_error 1011",
	} {
		t.Run(string(sc), func(t *testing.T) {
			r := newSpeechmaticsRig(t, rigOptions{fake: speechmaticsScenario(sc)})
			c := &listener{client: r.connect("ann", speechmaticsPath)}
			c.text(speechmaticsStart)
			c.send(50, 20)
			kinds, closed := c.end()
			got := fmt.Sprintf("%s %d", kinds[len(kinds)-1], closed.Code)
			if got != want {
				t.Errorf("ended with %s, want %s", got, want)
			}
		})
	}
	r := newSpeechmaticsRig(t, rigOptions{fake: speechmaticsScenario(fake.Refuse401)})
	_, resp, err := r.dial("ann", speechmaticsPath, nil)
	if err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("%v %v", resp, err)
	}
	if m := body(t, resp); m["error"] != "Permission Denied" {
		t.Errorf("the body is %v", m)
	}
}

func TestSpeechmaticsAClientThatVanishesIsFinished(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave func(c *client)
	}{
		{"with a Close", func(c *client) {
			_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(hang))
		}},
		{"without a word", func(c *client) { _ = c.conn.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newSpeechmaticsRig(t, rigOptions{config: speechmaticsBudget(time.Minute, "auto")})
			r.restrict("ann")
			c := r.recognise("ann")
			c.send(50, 20)
			r.heardBy(1, func(rec fake.Record) bool { return rec.Messages == 50 })
			tt.leave(c.client)
			if rec := r.heard(1)[0]; rec.LastSeqNo[""] != 50 || rec.SentCode != 1000 {
				t.Errorf("the vendor was told %v and ended with %d", rec.LastSeqNo, rec.SentCode)
			}
			r.settled()
			if used := r.used("ann"); used != 1000 {
				t.Errorf("charged %d ms", used)
			}
			if !strings.Contains(r.log.String(), `"reported_ms":1000`) {
				t.Errorf("the vendor's figure is not in the log: %s", r.log)
			}
		})
	}
}

func TestSpeechmaticsADrainTellsToComeAgain(t *testing.T) {
	r := newSpeechmaticsRig(t, rigOptions{config: func(c *Config) { c.Drain = DrainConfig{Grace: 10 * time.Millisecond, Hard: hang} }})
	c := r.recognise("ann")
	c.send(10, 20)
	c.acked("", 10)
	go r.server.Shutdown(t.Context())
	kinds, closed := c.end()
	if !slices.Equal(kinds, []string{"AddTranscript", "Error job_error"}) || closed.Code != 4013 {
		t.Errorf("%v, closed with %d", kinds, closed.Code)
	}
	_ = c.conn.Close()
	<-r.done
}

package fake

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func startSpeechmatics(t *testing.T, o Options) (*Speechmatics, string) {
	t.Helper()
	s := NewSpeechmatics(o)
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		srv.Close()
	})
	return s, srv.URL
}

const speechmaticsStart = `{"audio_format":{"type":"raw","encoding":"pcm_s16le","sample_rate":8000},"transcription_config":{"language":"en","enable_partials":true},"message":"StartRecognition"}`

// named is the sequence of messages, acks with their numbers.
func sequence(msgs []map[string]any) string {
	var out []string
	for _, m := range msgs {
		s := m["message"].(string)
		if c, ok := m["channel"].(string); ok {
			s += "/" + c
		}
		if n, ok := m["seq_no"].(float64); ok {
			s += fmt.Sprint(n)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestSpeechmaticsStream(t *testing.T) {
	for _, tc := range []struct {
		name, path string
		header     http.Header
	}{
		{"header", "/v2/en", bearer("k")},
		{"query", "/v2?jwt=k&sm-app=x", nil},
		{"slash", "/v2/", bearer("k")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, url := startSpeechmatics(t, Options{Key: "k"})
			c, _ := dial(t, url, tc.path, tc.header)
			send(t, c, websocket.TextMessage, []byte(speechmaticsStart))
			send(t, c, websocket.BinaryMessage, second)
			send(t, c, websocket.BinaryMessage, second[:1600])
			send(t, c, websocket.TextMessage, []byte(`{"message":"GetSpeakers"}`))
			send(t, c, websocket.TextMessage, []byte(`{"message":"EndOfStream","last_seq_no":2}`))
			msgs, end := rest(t, c)
			want := "Info RecognitionStarted AudioAdded1 AddPartialTranscript AddTranscript AudioAdded2 SpeakersResult AddTranscript EndOfTranscript"
			if got := sequence(msgs); got != want || end.Code != 1000 {
				t.Errorf("closed with %d\n got %s\nwant %s", end.Code, got, want)
			}
			last := msgs[len(msgs)-2]["metadata"].(map[string]any)
			if last["start_time"] != 1.0 || last["end_time"] != 1.1 || last["transcript"] != "1.1 seconds heard" {
				t.Errorf("the last transcript is %v", last)
			}
			streams, err := s.Wait(guard(t), 1)
			if err != nil {
				t.Fatal(err)
			}
			r := streams[0].Record()
			if r.AudioMS != 1100 || r.Messages != 2 || r.Credential != "k" || r.LastSeqNo[""] != 2 || s.Totals().AudioMS != 1100 {
				t.Errorf("record %+v", r)
			}
		})
	}
}

func TestSpeechmaticsChannelsHaveTheirOwnNumbers(t *testing.T) {
	s, url := startSpeechmatics(t, Options{StrictNumbers: true})
	c, _ := dial(t, url, "/v2", bearer("any"))
	send(t, c, websocket.TextMessage, []byte(strings.Replace(speechmaticsStart, `"language"`, `"diarization":"channel","channel_diarization_labels":["a","b"],"language"`, 1)))
	for _, ch := range []string{"a", "b", "a"} {
		send(t, c, websocket.TextMessage, fmt.Appendf(nil, `{"message":"AddChannelAudio","channel":%q,"data":%q}`, ch, base64.StdEncoding.EncodeToString(second[:1600])))
	}
	send(t, c, websocket.TextMessage, []byte(`{"message":"EndOfChannel","channel":"a","last_seq_no":2}`))
	send(t, c, websocket.TextMessage, []byte(`{"message":"EndOfChannel","channel":"b","last_seq_no":1}`))
	msgs, end := rest(t, c)
	want := "Info RecognitionStarted ChannelAudioAdded/a1 ChannelAudioAdded/b1 ChannelAudioAdded/a2 AddTranscript/a AddTranscript/b EndOfTranscript"
	if got := sequence(msgs); got != want || end.Code != 1000 {
		t.Errorf("closed with %d\n got %s\nwant %s", end.Code, got, want)
	}
	streams, err := s.Wait(guard(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if r := streams[0].Record(); r.AudioMS != 300 || r.Messages != 3 || r.LastSeqNo["a"] != 2 || r.LastSeqNo["b"] != 1 {
		t.Errorf("record %+v", r)
	}
}

func TestSpeechmaticsAcksMayLag(t *testing.T) {
	_, url := startSpeechmatics(t, Options{AckLag: 2})
	c, _ := dial(t, url, "/v2", bearer("any"))
	send(t, c, websocket.TextMessage, []byte(strings.Replace(speechmaticsStart, `"enable_partials":true`, `"x":1`, 1)))
	for range 3 {
		send(t, c, websocket.BinaryMessage, second[:160])
	}
	send(t, c, websocket.TextMessage, []byte(`{"message":"ForceEndOfUtterance"}`))
	send(t, c, websocket.TextMessage, []byte(`{"message":"EndOfStream","last_seq_no":99}`))
	msgs, _ := rest(t, c)
	want := "Info RecognitionStarted AudioAdded1 AddTranscript EndOfUtterance AudioAdded2 AudioAdded3 EndOfTranscript"
	if got := sequence(msgs); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// failure is the last message's type, and the close.
func failure(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	msgs, end := rest(t, c)
	last := msgs[len(msgs)-1]
	if last["message"] != "Error" {
		return fmt.Sprintf("- %d", end.Code)
	}
	return fmt.Sprintf("%v %d", last["type"], end.Code)
}

func TestSpeechmaticsRefusesWhatItCannotTake(t *testing.T) {
	_, url := startSpeechmatics(t, Options{StrictNumbers: true})
	end := `{"message":"EndOfStream","last_seq_no":1}`
	for _, tc := range []struct {
		name, want string
		texts      []string
	}{
		{"no start", "protocol_error 1003", []string{end}},
		{"two starts", "protocol_error 1003", []string{speechmaticsStart, speechmaticsStart}},
		{"no language", "invalid_config 1003", []string{`{"message":"StartRecognition"}`}},
		{"no encoding", "invalid_audio_type 1003", []string{`{"message":"StartRecognition","audio_format":{"type":"raw"},"transcription_config":{"language":"en"}}`}},
		{"no JSON", "invalid_message 1003", []string{"hello"}},
		{"another message", "invalid_message 1003", []string{speechmaticsStart, `{"message":"Nonsense"}`}},
		{"no number", "invalid_message 1003", []string{speechmaticsStart, `{"message":"EndOfStream"}`}},
		{"a wrong number", "protocol_error 1003", []string{speechmaticsStart, end}},
		{"no base64", "invalid_message 1003", []string{speechmaticsStart, `{"message":"AddChannelAudio","channel":"a","data":"?"}`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := dial(t, url, "/v2", bearer("any"))
			for _, s := range tc.texts {
				send(t, c, websocket.TextMessage, []byte(s))
			}
			if got := failure(t, c); got != tc.want {
				t.Errorf("ended with %s, want %s", got, tc.want)
			}
		})
	}
}

func TestSpeechmaticsScenarios(t *testing.T) {
	_, url := startSpeechmatics(t, Options{})
	for sc, want := range map[Scenario]string{
		InBand401: "not_authorised 4001", InBand402: "timelimit_exceeded 4006", InBand403: "not_allowed 4003", InBand429: "quota_exceeded 4005",
		InBand408: "idle_timeout 1008", InBand413: "timelimit_exceeded 4006", InBand503: "job_error 4013",
		Close1011: "- 1011", BareClose: "- 1000",
	} {
		t.Run(string(sc), func(t *testing.T) {
			c, _ := dial(t, url, "/v2", bearer(string(sc)))
			send(t, c, websocket.TextMessage, []byte(speechmaticsStart))
			send(t, c, websocket.BinaryMessage, second)
			if got := failure(t, c); got != want {
				t.Errorf("ended with %s, want %s", got, want)
			}
		})
	}
	if resp, body := refused(t, url, "/v2", bearer(string(Refuse429))); resp.StatusCode != 429 || !strings.Contains(string(body), `"error":"Rate Limited"`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := refused(t, url, "/v2", nil); resp.StatusCode != 401 {
		t.Errorf("without a key: %d", resp.StatusCode)
	}
	c, _ := dial(t, url, "/v2", bearer(string(Reset)))
	send(t, c, websocket.TextMessage, []byte(speechmaticsStart))
	send(t, c, websocket.BinaryMessage, second)
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			if _, closed := err.(*websocket.CloseError); closed && !websocket.IsCloseError(err, 1006) { //nolint:errorlint // gorilla's own
				t.Errorf("reset with a Close: %v", err)
			}
			break
		}
	}
}

func TestSpeechmaticsWantsToHearSomething(t *testing.T) {
	s, url := startSpeechmatics(t, Options{SilenceTimeout: 100 * time.Millisecond})
	c, _ := dial(t, url, "/v2", bearer("any"))
	send(t, c, websocket.TextMessage, []byte(speechmaticsStart))
	if got := failure(t, c); got != "idle_timeout 1008" {
		t.Errorf("ended with %s", got)
	}
	if _, err := s.Wait(guard(t), 1); err != nil {
		t.Fatal(err)
	}
}

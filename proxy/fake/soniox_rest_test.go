package fake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// do makes a REST request and returns its answer.
func do(t *testing.T, method, url, key, contentType string, body io.Reader) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(guard(t), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	if len(b) == 0 {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, decode(t, b)
}

func sonioxUpload(t *testing.T, url, key string, audio []byte) (int, map[string]any) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("file", "a.mp3")
	if err == nil {
		_, err = part.Write(audio)
	}
	if err == nil {
		err = form.WriteField("client_reference_id", "ref")
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return do(t, http.MethodPost, url+"/v1/files", key, form.FormDataContentType(), &b)
}

func TestSonioxTranscribesAFile(t *testing.T) {
	s, url := startSoniox(t, Options{Key: "k"})
	audio := bytes.Repeat([]byte("audio"), 3200) // a second at 128 kbit/s
	status, file := sonioxUpload(t, url, "k", audio)
	if status != http.StatusCreated || file["size"] != 16000.0 || file["filename"] != "a.mp3" || file["client_reference_id"] != "ref" {
		t.Fatalf("%d %v", status, file)
	}
	sum := sha256.Sum256(audio)
	if r := s.Uploads()[0].Record(); r.Bytes != 16000 || r.SHA256 != hex.EncodeToString(sum[:]) || !r.Complete || r.Status != 201 {
		t.Errorf("record %+v", r)
	}
	id := file["id"].(string)
	status, job := do(t, http.MethodPost, url+"/v1/transcriptions", "k", "application/json", strings.NewReader(`{"model":"stt-async-v5","file_id":"`+id+`","client_reference_id":"u"}`))
	if status != http.StatusCreated || job["status"] != "queued" || job["audio_duration_ms"] != nil {
		t.Fatalf("%d %v", status, job)
	}
	at := url + "/v1/transcriptions/" + job["id"].(string)
	if status, _ := do(t, http.MethodGet, at+"/transcript", "k", "", nil); status != http.StatusConflict {
		t.Errorf("a transcript before it was made: %d", status)
	}
	var seen []string
	for range 3 {
		_, job = do(t, http.MethodGet, at, "k", "", nil)
		seen = append(seen, job["status"].(string))
	}
	if strings.Join(seen, " ") != "processing completed completed" || job["audio_duration_ms"] != 1000.0 {
		t.Errorf("%v, %v", seen, job)
	}
	if _, tr := do(t, http.MethodGet, at+"/transcript", "k", "", nil); tr["text"] != "1.0 seconds heard " || len(tr["tokens"].([]any)) != 3 {
		t.Errorf("%v", tr)
	}
	if j := s.Jobs(); len(j) != 1 || j[0].Reference != "u" || j[0].File != id || j[0].Reads != 3 {
		t.Errorf("%+v", j)
	}
	for _, path := range []string{"/v1/files", "/v1/files/count", "/v1/transcriptions", "/v1/transcriptions/count", "/v1/models", "/v1/files/" + id} {
		if status, m := do(t, http.MethodGet, url+path, "k", "", nil); status != http.StatusOK || len(m) == 0 {
			t.Errorf("%s: %d %v", path, status, m)
		}
	}
	for _, target := range []string{at, url + "/v1/files/" + id} {
		first, _ := do(t, http.MethodDelete, target, "k", "", nil)
		again, _ := do(t, http.MethodDelete, target, "k", "", nil)
		if first != http.StatusNoContent || again != http.StatusNotFound {
			t.Errorf("deleted: %d, again: %d", first, again)
		}
	}
	if len(s.Jobs()) != 0 {
		t.Errorf("%v", s.Jobs())
	}
}

func TestSonioxTranscribesAURL(t *testing.T) {
	s, url := startSoniox(t, Options{Reads: 1})
	for key, want := range map[string]string{"any": "completed", string(JobError): "error"} {
		_, job := do(t, http.MethodPost, url+"/v1/transcriptions", key, "application/json", strings.NewReader(`{"model":"m","audio_url":"http://x.invalid/a.mp3#t=1.5"}`))
		_, job = do(t, http.MethodGet, url+"/v1/transcriptions/"+job["id"].(string), key, "", nil)
		if job["status"] != want || want == "completed" && job["audio_duration_ms"] != 1500.0 {
			t.Errorf("%s: %v", key, job)
		}
	}
	if len(s.Jobs()) != 2 {
		t.Errorf("%v", s.Jobs())
	}
}

func TestSonioxRESTRefuses(t *testing.T) {
	_, url := startSoniox(t, Options{Key: "k"})
	for _, tc := range []struct {
		method, path, key, body string
		status                  int
	}{
		{"GET", "/v1/models", "x", "", 401},
		{"GET", "/v1/nothing", "k", "", 404},
		{"POST", "/v1/files", "k", "audio", 400},
		{"POST", "/v1/transcriptions", "k", `{"model":"m"}`, 400},
		{"POST", "/v1/transcriptions", "k", `{"model":"m","file_id":"none"}`, 404},
		{"GET", "/v1/transcriptions/none", "k", "", 404},
		{"POST", "/v1/auth/temporary-api-key", "k", `{"usage_type":"transcribe_websocket"}`, 400},
	} {
		status, m := do(t, tc.method, url+tc.path, tc.key, "application/json", strings.NewReader(tc.body))
		if status != tc.status || m["status_code"] != float64(tc.status) || m["error_type"] == "" || m["request_id"] == "" {
			t.Errorf("%s %s: %d %v", tc.method, tc.path, status, m)
		}
	}
}

func TestSonioxTemporaryKeysOpenStreams(t *testing.T) {
	_, url := startSoniox(t, Options{Key: "k"})
	_, m := do(t, http.MethodPost, url+"/v1/auth/temporary-api-key", "k", "application/json", strings.NewReader(`{"usage_type":"transcribe_websocket","expires_in_seconds":60}`))
	c, _ := dial(t, url, sonioxPath, bearer(m["api_key"].(string)))
	send(t, c, websocket.TextMessage, []byte(sonioxStart))
	send(t, c, websocket.BinaryMessage, second)
	send(t, c, websocket.BinaryMessage, nil)
	if msgs, _ := rest(t, c); !is(msgs[len(msgs)-1], "finished") {
		t.Errorf("%v", msgs)
	}
}

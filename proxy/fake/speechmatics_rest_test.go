package fake

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// form is a job's form with its parts in an order.
func form(t *testing.T, parts ...[2]string) (string, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, p := range parts {
		var w io.Writer
		var err error
		if p[0] == "data_file" {
			w, err = m.CreateFormFile(p[0], "a.raw")
		} else {
			w, err = m.CreateFormField(p[0])
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, p[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), &b
}

// ask makes a REST request and reads its JSON; text answers are {"text": …}.
func ask(t *testing.T, method, url, contentType string, body io.Reader) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(guard(t), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer k")
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return resp.StatusCode, map[string]any{"text": string(b)}
	}
	return resp.StatusCode, decode(t, b)
}

const jobConfig = `{"type":"transcription","transcription_config":{"language":"en"},"tracking":{"reference":"ann"}}`

func TestSpeechmaticsJobs(t *testing.T) {
	audio := strings.Repeat("a", 16000*5/2) // 2.5 s, as any other file of the fakes
	for _, parts := range [][][2]string{
		{{"data_file", audio}, {"config", jobConfig}}, // as the JavaScript SDK
		{{"config", jobConfig}, {"data_file", audio}},
	} {
		s, url := startSpeechmatics(t, Options{Key: "k"})
		ct, body := form(t, parts...)
		status, made := ask(t, "POST", url+"/v2/jobs", ct, body)
		if status != 201 {
			t.Fatalf("%d %v", status, made)
		}
		job := url + "/v2/jobs/" + made["id"].(string)
		if status, m := ask(t, "GET", job+"/transcript", "", nil); status != 404 || m["error"] != "Transcription not ready" {
			t.Errorf("too early: %d %v", status, m)
		}
		for _, want := range []string{"running", "done"} {
			status, m := ask(t, "GET", job, "", nil)
			about := m["job"].(map[string]any)
			if status != 200 || about["status"] != want || about["duration"] != 3.0 {
				t.Errorf("%d %v, want %s", status, m, want)
			}
		}
		if _, m := ask(t, "GET", job+"/transcript?format=json-v2", "", nil); m["job"].(map[string]any)["duration"] != 3.0 {
			t.Errorf("transcript %v", m)
		}
		if _, m := ask(t, "GET", job+"/transcript?format=txt", "", nil); m["text"] != "2.5 seconds heard.\n" {
			t.Errorf("transcript %v", m)
		}
		if jobs := s.Jobs(); len(jobs) != 1 || jobs[0].Reference != "ann" || jobs[0].AudioMS != 2500 {
			t.Errorf("jobs %+v", jobs)
		}
		if u := s.Uploads()[0].Record(); u.Bytes != int64(len(audio)) || !u.Complete || u.Status != 201 {
			t.Errorf("upload %+v", u)
		}
		if status, m := ask(t, "DELETE", job, "", nil); status != 200 || m["job"].(map[string]any)["status"] != "deleted" {
			t.Errorf("%d %v", status, m)
		}
		if status, _ := ask(t, "GET", job, "", nil); status != 404 {
			t.Errorf("a deleted job: %d", status)
		}
	}
}

func TestSpeechmaticsJobsOfAURLAndWaitedFor(t *testing.T) {
	s, url := startSpeechmatics(t, Options{})
	ct, body := form(t, [2]string{"config", `{"type":"transcription","fetch_data":{"url":"https://example.com/a.wav#t=90"}}`})
	status, m := ask(t, "POST", url+"/v2/jobs?wait=60&format=json-v2", ct, body)
	if status != 201 || m["status"] != "done" || m["json-v2"].(map[string]any)["job"].(map[string]any)["duration"] != 90.0 {
		t.Errorf("%d %v", status, m)
	}
	ct, body = form(t, [2]string{"config", jobConfig})
	if status, m := ask(t, "POST", url+"/v2/jobs", ct, body); status != 400 || m["code"] != 400.0 {
		t.Errorf("without audio: %d %v", status, m)
	}
	if status, m := ask(t, "POST", url+"/v1/api_keys?type=rt", "application/json", strings.NewReader(`{"ttl":60}`)); status != 201 || m["key_value"] == "" {
		t.Errorf("%d %v", status, m)
	}
	if n := s.KeysAsked(); n != 1 {
		t.Errorf("%d keys were asked for", n)
	}
	if _, m := ask(t, "GET", url+"/v2/jobs", "", nil); len(m["jobs"].([]any)) != 1 {
		t.Errorf("list %v", m)
	}
	if _, m := ask(t, "GET", url+"/v2/usage", "", nil); len(m["summary"].([]any)) != 1 {
		t.Errorf("usage %v", m)
	}
}

package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/proxy/fake"
)

// formOf makes a form of parts, in their order: name, content, and a file's name or "".
func formOf(t *testing.T, parts ...[3]string) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		var (
			dst io.Writer
			err error
		)
		if p[2] == "" {
			dst, err = w.CreateFormField(p[0])
		} else {
			dst, err = w.CreateFormFile(p[0], p[2])
		}
		if err == nil {
			_, err = io.WriteString(dst, p[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

// member is a text of an answer's JSON.
func (a answer) member(t *testing.T, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.text), &m); err != nil {
		t.Fatalf("%v: %s", err, a.text)
	}
	s, _ := m[name].(string)
	return s
}

// wavOf is a whole WAV.
func wavOf(ms int64) string { return string(joined(wavHeader(ms), make([]byte, ms*bytesPerMS))) }

// file sends a file to Soniox and returns its id.
func (r *sonioxRig) file(user string, ms int64) string {
	r.t.Helper()
	body, ct := formOf(r.t, [3]string{"file", wavOf(ms), "a.wav"}, [3]string{"client_reference_id", "mine", ""})
	a := r.ask(http.MethodPost, user, "/v1/files", bytes.NewReader(body), int64(len(body)), "Content-Type", ct)
	a.wants(r.t, 201, "")
	return a.member(r.t, "id")
}

func (r *sonioxRig) transcribe(user, what string) answer {
	r.t.Helper()
	return r.ask(http.MethodPost, user, "/v1/transcriptions", strings.NewReader(`{"model":"stt-async-v3",`+what+`}`), -1, "Content-Type", "application/json")
}

func (r *rig) get(user, path string) answer { return r.ask(http.MethodGet, user, path, nil, 0) }

func TestAFileCostsNothingAndItsTranscriptionWhatWasHeard(t *testing.T) {
	stores(t, func(t *testing.T, store ledger.Store) {
		r := newSonioxRig(t, rigOptions{store: store, config: sonioxBudget(10 * time.Second)})
		r.restrict("bob")
		long, short := r.file("bob", 11_000), r.file("bob", 3000)
		if used := r.used("bob"); used != 0 {
			t.Errorf("two files cost %d ms", used)
		}
		r.transcribe("bob", `"file_id":"`+long+`"`).wants(t, 429, "budget_exhausted")
		a := r.transcribe("bob", `"file_id":"`+short+`"`)
		a.wants(t, 201, "")
		job := a.member(t, "id")
		if used := r.used("bob"); used != 3000 || a.charged() != -1 {
			t.Errorf("reserved %d ms, told %d", used, a.charged())
		}
		for range 3 {
			r.get("bob", "/v1/transcriptions/"+job).wants(t, 200, "")
		}
		if used := r.used("bob"); used != 3000 || r.lines("job settled") != 1 {
			t.Errorf("charged %d ms\n%s", used, r.log)
		}
		if jobs := r.soniox.Jobs(); len(jobs) != 1 || jobs[0].Reference != "bob" || jobs[0].Header.Get("Authorization") != "Bearer "+vendorKey {
			t.Errorf("at the vendor: %+v", jobs)
		}
		if seen := r.get("bob", "/v1/files/"+short); seen.StatusCode != 200 {
			t.Errorf("its own file: %d", seen.StatusCode)
		}
	})
}

func TestAJobsPriceIsTakenByAnotherGateway(t *testing.T) {
	store := ledger.NewMemory(time.Now, time.UTC)
	config := all(sonioxBudget(time.Minute), func(c *Config) { c.Limits.UploadDuration = 40 * time.Second })
	one := newSonioxRig(t, rigOptions{store: store, config: config})
	two := newSonioxRig(t, rigOptions{store: store, config: all(config, func(c *Config) {
		c.Providers["soniox"] = ProviderConfig{URL: one.server.config().Providers["soniox"].URL, Key: secret.New(vendorKey)}
	})})
	one.restrict("bob")
	a := one.transcribe("bob", `"audio_url":"https://example.com/a#t=12.5"`)
	a.wants(t, 201, "")
	if used := two.used("bob"); used != 40_000 {
		t.Errorf("reserved %d ms, want the cap", used)
	}
	one.transcribe("bob", `"audio_url":"https://example.com/b#t=1"`).wants(t, 429, "budget_exhausted")
	path := "/v1/transcriptions/" + a.member(t, "id")
	two.get("bob", path).wants(t, 200, "")
	if used := two.used("bob"); used != 40_000 {
		t.Errorf("settled at %d ms while it was still processing", used)
	}
	two.get("bob", path).wants(t, 200, "")
	one.get("bob", path).wants(t, 200, "")
	if used := one.used("bob"); used != 12_500 {
		t.Errorf("charged %d ms, want the vendor's figure", used)
	}
}

func TestAJobThatFailsAtTheVendorCostsNothing(t *testing.T) {
	r := newSonioxRig(t, rigOptions{fake: playing(fake.JobError), config: sonioxBudget(time.Minute)})
	r.restrict("bob")
	a := r.transcribe("bob", `"file_id":"`+r.file("bob", 3000)+`"`)
	a.wants(t, 201, "")
	for range 3 {
		r.get("bob", "/v1/transcriptions/"+a.member(t, "id"))
	}
	if used := r.used("bob"); used != 0 {
		t.Errorf("charged %d ms", used)
	}
}

func TestUsersOfOneKeySeeOnlyWhatIsTheirs(t *testing.T) {
	r := newSonioxRig(t, rigOptions{config: sonioxBudget(time.Minute)})
	file := r.file("ann", 2000)
	job := r.transcribe("ann", `"file_id":"`+file+`"`).member(t, "id")
	for _, tt := range []struct{ method, path string }{
		{http.MethodGet, "/v1/files/" + file},
		{http.MethodDelete, "/v1/files/" + file},
		{http.MethodGet, "/v1/transcriptions/" + job},
		{http.MethodGet, "/v1/transcriptions/" + job + "/transcript"},
		{http.MethodDelete, "/v1/transcriptions/" + job},
	} {
		theirs, nobodys := r.ask(tt.method, "eve", tt.path, nil, 0), r.ask(tt.method, "eve", strings.NewReplacer(file, "unknown", job, "unknown").Replace(tt.path), nil, 0)
		theirs.wants(t, 404, "unsupported")
		nobodys.wants(t, 404, "unsupported")
		if theirs.member(t, "message") != nobodys.member(t, "message") || theirs.member(t, "error_type") == "" {
			t.Errorf("%s tells whether it exists: %s, %s", tt.path, theirs.text, nobodys.text)
		}
	}
	r.transcribe("eve", `"file_id":"`+file+`"`).wants(t, 404, "unsupported")
	for _, list := range []string{"/v1/files", "/v1/transcriptions"} {
		r.get("ann", list).wants(t, 404, "unsupported")
	}
	r.get("ann", "/v1/files/"+file).wants(t, 200, "")
	r.get("ann", "/v1/transcriptions/"+job).wants(t, 200, "")
	if n := len(r.soniox.Jobs()); n != 1 {
		t.Errorf("%d jobs at the vendor", n)
	}
}

func TestWithoutAKeyOfItsOwnTheGatewayPassesLists(t *testing.T) {
	r := newSonioxRig(t, rigOptions{config: func(c *Config) {
		p := c.Providers["soniox"]
		p.Key = secret.Value{}
		c.Providers["soniox"] = p
	}})
	a := r.ask(http.MethodGet, "ann", "/v1/files", nil, 0, "Authorization", "Bearer ann-key")
	a.wants(t, 200, "")
	r.ask(http.MethodGet, "ann", "/v1/transcriptions/unknown", nil, 0, "Authorization", "Bearer ann-key").wants(t, 404, "")
}

// jobForm is a Speechmatics job with its config first or last.
func jobForm(t *testing.T, last bool, config, audio string) (body []byte, contentType string) {
	t.Helper()
	parts := [][3]string{{"config", config, ""}}
	if audio != "" {
		parts = append(parts, [3]string{"data_file", audio, "a.wav"})
	}
	if last {
		parts[0], parts[len(parts)-1] = parts[len(parts)-1], parts[0]
	}
	return formOf(t, parts...)
}

const batchConfig = `{"type":"transcription","transcription_config":{"language":"en"}}`

func TestASpeechmaticsJobIsMeasuredAndSettledWhenItIsDone(t *testing.T) {
	for _, tt := range []struct {
		name     string
		last     bool
		reported bool
		fails    bool
		query    string
		used     int64
	}{
		{name: "config first", used: 2500},
		{name: "config last", last: true, used: 2500},
		{name: "as reported", last: true, reported: true, used: 3000},
		{name: "waited for", query: "?wait=30", used: 2500},
		{name: "waited for, as reported", query: "?wait=30", reported: true, used: 3000},
		{name: "rejected", last: true, fails: true, used: 0},
		{name: "waited for and rejected", query: "?wait=30", fails: true, used: 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := rigOptions{config: all(speechmaticsBudget(time.Minute, "auto"), func(c *Config) {
				if p := c.Providers["speechmatics"]; tt.reported {
					p.Charge = ChargeReported
					c.Providers["speechmatics"] = p
				}
			})}
			if tt.fails {
				o.fake = playing(fake.JobError)
			}
			r := newSpeechmaticsRig(t, o)
			r.restrict("bob")
			body, ct := jobForm(t, tt.last, batchConfig, wavOf(2500))
			a := r.ask(http.MethodPost, "bob", "/v2/jobs"+tt.query, bytes.NewReader(body), int64(len(body)), "Content-Type", ct)
			a.wants(t, 201, "")
			for range 3 {
				r.get("bob", "/v2/jobs/"+a.member(t, "id")).wants(t, 200, "")
			}
			if used := r.used("bob"); used != tt.used {
				t.Errorf("charged %d ms, want %d\n%s", used, tt.used, r.log)
			}
			job := r.speechmatics.Jobs()[0]
			if job.AudioMS != 2500 || job.Reference != "bob" {
				t.Errorf("at the vendor: %+v", job)
			}
			r.get("eve", "/v2/jobs/"+job.ID).wants(t, 404, "unsupported")
		})
	}
}

func TestAJobOverBudgetNeverReachesSpeechmatics(t *testing.T) {
	for _, last := range []bool{false, true} {
		t.Run(fmt.Sprint("config last ", last), func(t *testing.T) {
			r := newSpeechmaticsRig(t, rigOptions{config: speechmaticsBudget(2*time.Second, "auto")})
			r.restrict("bob")
			body, ct := jobForm(t, last, batchConfig, wavOf(2500))
			for _, length := range []int64{int64(len(body)), -1} {
				r.ask(http.MethodPost, "bob", "/v2/jobs", bytes.NewReader(body), length, "Content-Type", ct).wants(t, 429, "budget_exhausted")
			}
			if n, used := len(r.speechmatics.Uploads()), r.used("bob"); n != 0 || used != 0 {
				t.Errorf("%d requests at the vendor, %d ms charged", n, used)
			}
		})
	}
}

func TestAudioThatSpeechmaticsFetchesIsBounded(t *testing.T) {
	config := strings.Replace(batchConfig, "{", `{"fetch_data":{"url":"https://example.com/a#t=30"},`, 1)
	for _, most := range []time.Duration{0, 45 * time.Second} {
		t.Run(fmt.Sprint("cap ", most), func(t *testing.T) {
			r := newSpeechmaticsRig(t, rigOptions{config: all(speechmaticsBudget(time.Minute, "auto"), longest(most))})
			r.restrict("bob")
			body, ct := jobForm(t, false, config, "")
			a := r.ask(http.MethodPost, "bob", "/v2/jobs", bytes.NewReader(body), -1, "Content-Type", ct)
			if most == 0 {
				a.wants(t, 400, "unsupported")
				if !strings.Contains(a.text, "limits.upload_duration") || len(r.speechmatics.Uploads()) != 0 {
					t.Errorf("%s", a.text)
				}
				return
			}
			a.wants(t, 201, "")
			if used := r.used("bob"); used != 45_000 {
				t.Errorf("reserved %d ms", used)
			}
			for range 2 {
				r.get("bob", "/v2/jobs/"+a.member(t, "id")).wants(t, 200, "")
			}
			if used := r.used("bob"); used != 30_000 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

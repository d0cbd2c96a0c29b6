package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/fake"
)

const halfHour = 30 * 60 * 1000

// jobBegin is a Speechmatics form up to its audio, whose end only the test writes.
func jobBegin(audio []byte) (body []byte, contentType string) {
	const boundary = "sttgate-test"
	return joined([]byte("--"+boundary+"\r\nContent-Disposition: form-data; name=\"config\"\r\n\r\n"+batchConfig+
		"\r\n--"+boundary+"\r\nContent-Disposition: form-data; name=\"data_file\"; filename=\"a.wav\"\r\n\r\n"), audio), "multipart/form-data; boundary=" + boundary
}

// Deepgram's is TestALongWAVIsRefusedBeforeTheVendorHearsOfIt.
func TestHalfAnHourIsRefusedAtZeroBytesByEveryVendor(t *testing.T) {
	t.Run("speechmatics", func(t *testing.T) {
		for _, chunked := range []bool{false, true} {
			r := newSpeechmaticsRig(t, rigOptions{config: speechmaticsBudget(20*time.Minute, "auto")})
			r.restrict("bob")
			begin, ct := jobBegin(joined(wavHeader(halfHour), make([]byte, 1000)))
			length := int64(len(begin)) + halfHour*bytesPerMS
			if chunked {
				length = -1
			}
			more := make(chan struct{})
			defer close(more)
			a := r.ask(http.MethodPost, "bob", "/v2/jobs", stubborn{bytes.NewReader(begin), more}, length, "Content-Type", ct)
			a.wants(t, 429, "budget_exhausted")
			if !strings.Contains(a.text, "needs 30m0s") {
				t.Errorf("%s", a.text)
			}
			r.settled()
			if n, used := len(r.speechmatics.Uploads()), r.used("bob"); n != 0 || used != 0 {
				t.Errorf("chunked %v: %d requests at the vendor, %d ms charged", chunked, n, used)
			}
		}
	})
	t.Run("soniox", func(t *testing.T) { // its file is free; what would spend is not asked for
		r := newSonioxRig(t, rigOptions{config: sonioxBudget(20 * time.Minute)})
		r.restrict("bob")
		var form bytes.Buffer
		_, _ = form.WriteString("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n")
		_, _ = form.Write(wavHeader(halfHour))
		a := r.ask(http.MethodPost, "bob", "/v1/files", io.MultiReader(&form, zeros(halfHour*bytesPerMS), strings.NewReader("\r\n--x--\r\n")), -1,
			"Content-Type", "multipart/form-data; boundary=x")
		a.wants(t, 201, "")
		r.transcribe("bob", `"file_id":"`+a.member(t, "id")+`"`).wants(t, 429, "budget_exhausted")
		r.settled()
		if n, used := len(r.soniox.Jobs()), r.used("bob"); n != 0 || used != 0 {
			t.Errorf("%d jobs at the vendor, %d ms charged", n, used)
		}
	})
}

// endless is a WAV's header that does not tell how long it is, as encoders to a pipe write it.
func endless() []byte {
	h := wavHeader(0)
	binary.LittleEndian.PutUint32(h[4:], 0xffffffff)
	binary.LittleEndian.PutUint32(h[40:], 0xffffffff)
	return h
}

// Each piece is at the vendor before the next is sent, so that nothing is under way when the budget ends:
// the vendor has got all of the budget, to the last byte, and nothing more.
func TestAChunkedUploadStopsExactlyAtItsBudget(t *testing.T) {
	const budget = 10_000
	pieces := func(t *testing.T, r *rig, path, contentType string, begin []byte, uploads func(context.Context, int) ([]*fake.Upload, error), back int64) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), hang)
		defer cancel()
		body, client := io.Pipe()
		got := make(chan answer, 1)
		go func() {
			a, err := r.try(context.Background(), http.MethodPost, "bob", path, body, -1, "Content-Type", contentType)
			if err != nil {
				t.Errorf("upload: %v", err)
			}
			got <- a
		}()
		write := func(b []byte) {
			if _, err := client.Write(b); err != nil {
				t.Errorf("write: %v", err)
			}
		}
		write(begin)
		var u *fake.Upload
		for n := int64(1); n <= budget/500; n++ {
			write(make([]byte, 500*bytesPerMS))
			if u == nil {
				us, err := uploads(ctx, 1)
				if err != nil {
					t.Fatal(err)
				}
				u = us[0]
			}
			if _, err := u.Until(ctx, func(rec fake.UploadRecord) bool { return rec.Bytes >= 44+n*500*bytesPerMS-back }); err != nil {
				t.Fatalf("piece %d: %v: %+v\n%s", n, err, u.Record(), r.log)
			}
		}
		write(make([]byte, bytesPerMS+back))
		a := <-got
		a.wants(t, 429, "budget_exhausted")
		_ = client.Close()
		r.settled()
		rec, err := u.Until(ctx, func(rec fake.UploadRecord) bool { return rec.Status != 0 || rec.Bytes > 44+budget*bytesPerMS })
		if err != nil {
			t.Fatal(err)
		}
		if over := rec.Bytes - 44 - budget*bytesPerMS; over > 0 || over < -back || rec.Complete {
			t.Errorf("the vendor got %d bytes more than the budget, complete %v", over, rec.Complete)
		}
		if used := r.used("bob"); used != 0 {
			t.Errorf("charged %d ms for an upload that never was", used)
		}
	}
	t.Run("deepgram", func(t *testing.T) {
		r := newRig(t, rigOptions{config: budgetOf(budget * time.Millisecond)})
		r.restrict("bob")
		pieces(t, r, "/v1/listen", "audio/wav", endless(), r.vendor.UploadsBegun, 0)
	})
	t.Run("speechmatics", func(t *testing.T) {
		r := newSpeechmaticsRig(t, rigOptions{config: speechmaticsBudget(budget*time.Millisecond, "auto")})
		r.restrict("bob")
		begin, ct := jobBegin(endless())
		// A form's reader keeps back what could be the beginning of a boundary, the vendor's own, too.
		pieces(t, r.rig, "/v2/jobs", ct, begin, r.speechmatics.UploadsBegun, 4096)
	})
}

func TestEveryVendorThatRefusesOrFailsCostsNothing(t *testing.T) {
	for sc, status := range map[fake.Scenario]int{
		fake.Refuse400: 400, fake.Refuse401: 401, fake.Refuse402: 402, fake.Refuse403: 403, fake.Refuse429: 429,
		fake.Refuse500: 500, fake.Refuse503: 503, fake.BigError: 400, fake.Redirect: 502, fake.Hang: 504,
	} {
		t.Run(fmt.Sprint("speechmatics ", sc), func(t *testing.T) {
			r := newSpeechmaticsRig(t, rigOptions{fake: playing(sc), config: speechmaticsBudget(time.Minute, "auto")})
			r.hurry(sc)
			r.restrict("bob")
			body, ct := jobForm(t, true, batchConfig, wavOf(2500))
			if a := r.ask(http.MethodPost, "bob", "/v2/jobs", bytes.NewReader(body), int64(len(body)), "Content-Type", ct); a.StatusCode != status {
				t.Errorf("answered %d: %s", a.StatusCode, a.text)
			}
			r.settled()
			if used := r.used("bob"); used != 0 {
				t.Errorf("charged %d ms", used)
			}
		})
		t.Run(fmt.Sprint("soniox ", sc), func(t *testing.T) {
			r := newSonioxRig(t, rigOptions{
				fake: fake.Options{Scenario: func(r *http.Request, _ string) fake.Scenario {
					if strings.HasPrefix(r.URL.Path, "/v1/transcriptions") {
						return sc
					}
					return ""
				}},
				config: sonioxBudget(time.Minute),
			})
			r.restrict("bob")
			file := r.file("bob", 3000)
			r.hurry(sc)
			if a := r.transcribe("bob", `"file_id":"`+file+`"`); a.StatusCode != status {
				t.Errorf("answered %d: %s", a.StatusCode, a.text)
			}
			r.settled()
			if used := r.used("bob"); used != 0 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

func TestAURLForSonioxIsRefusedWithoutACap(t *testing.T) {
	r := newSonioxRig(t, rigOptions{config: sonioxBudget(time.Hour)})
	r.restrict("bob")
	a := r.transcribe("bob", `"audio_url":"https://example.com/a#t=3"`)
	a.wants(t, 400, "unsupported")
	if !strings.Contains(a.text, "limits.upload_duration") || len(r.soniox.Jobs()) != 0 {
		t.Errorf("%s, %d jobs", a.text, len(r.soniox.Jobs()))
	}
	r.transcribe("ann", `"audio_url":"https://example.com/a#t=3"`).wants(t, 201, "") // no budget, nothing to bound
}

package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/fake"
)

// wavHeader begins a WAV of 16 kHz mono that lasts ms.
func wavHeader(ms int64) []byte {
	n := uint32(ms * bytesPerMS) //nolint:gosec // small
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, 36+n)...)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint32(b, 16000)
	b = binary.LittleEndian.AppendUint32(b, 32000)
	b = append(b, "\x02\x00\x10\x00data"...)
	return binary.LittleEndian.AppendUint32(b, n)
}

// stubborn is a body that cannot be read to its end before the test says so.
type stubborn struct {
	io.Reader
	more chan struct{} // closed: the body ends
}

func (s stubborn) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if n == 0 && err == io.EOF {
		<-s.more
	}
	return n, err
}

// zeros are n bytes of silence.
func zeros(n int64) io.Reader { return io.LimitReader(silence{}, n) }

type silence struct{}

func (silence) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// answer is what a client reads.
type answer struct {
	*http.Response
	text string
}

// ask sends a request as a user. length is -1 for a body in chunks.
func (r *rig) ask(method, user, path string, body io.Reader, length int64, header ...string) answer {
	r.t.Helper()
	a, err := r.try(r.t.Context(), method, user, path, body, length, header...)
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", method, path, err, r.log)
	}
	return a
}

func (r *rig) try(ctx context.Context, method, user, path string, body io.Reader, length int64, header ...string) (answer, error) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.server.Addr()+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if body != nil {
		req.ContentLength = length
	}
	if user != "" {
		req.Header.Set("X-Sttgate-User", user)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	t := &http.Transport{DisableKeepAlives: true}
	defer t.CloseIdleConnections()
	resp, err := t.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp, string(text)}, err
}

// upload posts audio to Deepgram's path.
func (r *rig) upload(user, query string, body io.Reader, length int64, header ...string) answer {
	r.t.Helper()
	return r.ask(http.MethodPost, user, "/v1/listen?"+query, body, length, header...)
}

// raw16 declares headerless audio of 32 bytes a millisecond.
const raw16 = "encoding=linear16&sample_rate=16000"

// wants holds an answer's status and reason.
func (a answer) wants(t *testing.T, status int, reason string) {
	t.Helper()
	if a.StatusCode != status || a.Header.Get("X-Sttgate-Reason") != reason {
		t.Fatalf("answered %d %q, want %d %q: %s", a.StatusCode, a.Header.Get("X-Sttgate-Reason"), status, reason, a.text)
	}
}

// charged is the answer's own word, -1 without one.
func (a answer) charged() int64 {
	n, err := strconv.ParseInt(a.Header.Get("X-Sttgate-Charged-Ms"), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// uploaded waits for n uploads at the vendor.
func (r *rig) uploaded(n int) []fake.UploadRecord {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), hang)
	defer cancel()
	us, err := r.vendor.UploadsEnded(ctx, n)
	if err != nil {
		r.t.Fatalf("waiting for %d uploads at the vendor: %v\n%s", n, err, r.log)
	}
	var out []fake.UploadRecord
	for _, u := range us {
		out = append(out, u.Record())
	}
	return out
}

// hurry ends the gateway's patience with a vendor that would wait for ever, and only with such a one: the others
// have all the time that a busy machine takes.
func (r *rig) hurry(sc fake.Scenario) {
	switch sc {
	case fake.Hang: // which has had the whole body when this time begins
		r.server.now.Load().courier.transport.ResponseHeaderTimeout = 200 * time.Millisecond
	case fake.Deaf:
		r.hourOn()
	}
}

// hourOn lets an hour pass, again and again until the test is over, for what has been given and is not taken.
func (r *rig) hourOn() {
	stop, look := make(chan struct{}), time.NewTicker(5*time.Millisecond)
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-look.C:
			}
			for _, s := range r.server.Streams.List() {
				s.tick(time.Now().Add(time.Hour))
			}
		}
	})
	r.t.Cleanup(func() {
		close(stop)
		look.Stop()
		looking.Wait()
	})
}

// playing wants a scenario for every request.
func playing(sc fake.Scenario) fake.Options {
	return fake.Options{Scenario: func(*http.Request, string) fake.Scenario { return sc }}
}

// lines counts log lines with a message.
func (r *rig) lines(msg string) int { return strings.Count(r.log.String(), `"msg":"`+msg+`"`) }

// pieces reads a body in given sizes.
type pieces struct {
	b    []byte
	next func() int
}

func (p *pieces) Read(q []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(q, p.b[:min(len(p.b), max(p.next(), 1))])
	p.b = p.b[n:]
	return n, nil
}

func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

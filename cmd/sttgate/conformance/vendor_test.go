package conformance

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"

	"github.com/sttgate/sttgate/proxy/fake"
)

// standIn is what the fake vendors have in common.
type standIn interface {
	http.Handler
	Streams() []*fake.Stream
	Uploads() []*fake.Upload
	Close()
}

// trouble is a misbehaviour of the vendor: for requests whose method and path begin so, and
// only for the first of them.
type trouble struct {
	scenario fake.Scenario
	on       string
	times    int
}

// vendor is a stand-in that writes down what it is asked.
type vendor struct {
	standIn
	server *httptest.Server
	stall  int64         // an upload's bytes after which it pauses
	stuck  chan struct{} // closed when it pauses
	goOn   chan struct{} // closed to end the pause

	mu      sync.Mutex // guards what follows
	trouble trouble
	heads   []string // of every request, credentials included
	pausing sync.Once
	ending  sync.Once
}

// newVendor serves one until close.
func newVendor(name string, tr trouble, stall int64) *vendor {
	v := &vendor{trouble: tr, stall: stall, stuck: make(chan struct{}), goOn: make(chan struct{})}
	o := fake.Options{Scenario: v.scenario}.Patient(guard)
	switch name {
	case "soniox":
		v.standIn = fake.NewSoniox(o)
	case "speechmatics":
		v.standIn = fake.NewSpeechmatics(o)
	default:
		v.standIn = fake.NewDeepgram(o)
	}
	v.server = httptest.NewServer(v)
	return v
}

// resume ends the pause.
func (v *vendor) resume() { v.ending.Do(func() { close(v.goOn) }) }

func (v *vendor) close() {
	v.resume()
	v.standIn.Close()
	v.server.Close()
}

// scenario counts down the trouble.
func (v *vendor) scenario(r *http.Request, _ string) fake.Scenario {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.trouble.times == 0 || !strings.HasPrefix(r.Method+" "+r.URL.Path, v.trouble.on) {
		return ""
	}
	v.trouble.times--
	return v.trouble.scenario
}

// ServeHTTP writes the request's head down and lets the stand-in answer.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head, err := httputil.DumpRequest(r, false)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	v.mu.Lock()
	v.heads = append(v.heads, string(head))
	v.mu.Unlock()
	if v.stall > 0 && r.Method == http.MethodPost {
		r.Body = &pausing{ReadCloser: r.Body, v: v}
	}
	v.standIn.ServeHTTP(w, r)
}

// pausing is a body that is not read to its end at once, so that an upload is caught in
// the middle.
type pausing struct {
	io.ReadCloser
	v *vendor
	n int64
}

func (b *pausing) Read(p []byte) (int, error) {
	if b.n >= b.v.stall {
		b.v.pausing.Do(func() { close(b.v.stuck) })
		<-b.v.goOn
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), 32<<10)])
	b.n += int64(n)
	return n, err
}

// asked is every head so far.
func (v *vendor) asked() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string(nil), v.heads...)
}

// heard is the audio of all streams and uploads behind the first skip uploads: bytes, and the
// SHA-256 of each.
func (v *vendor) heard(skip int) (bytes, ms int64, sums []string) {
	for _, s := range v.Streams() {
		r := s.Record()
		bytes, ms, sums = bytes+r.AudioBytes, ms+r.AudioMS, append(sums, r.SHA256)
	}
	for _, u := range v.Uploads()[skip:] {
		r := u.Record()
		bytes, ms, sums = bytes+r.Bytes, ms+r.AudioMS, append(sums, r.SHA256)
	}
	return bytes, ms, sums
}
